"""Removing what is older than feeds.yaml wants it kept, in small steps, so that nobody waits for long.

A report goes as a whole: its articles are removed once the last of them is old enough, so that no cluster
ever lacks members. What must stay, stays as a tombstone: an entry keeps what it is recognised by, so that it
does not come back at the next poll (reliability case L43); a cluster keeps its row, so that its id resolves.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from aggregator.store.times import to_text

STEP = 500
"""Rows of a kind in one transaction: tens of milliseconds, measured on articles of 4 kB."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows were removed; of entries and clusters, how many became tombstones."""

    polls: int = 0
    cycles: int = 0
    articles: int = 0
    clusters: int = 0
    entries: int = 0

    @property
    def rows(self) -> int:
        """All of them."""
        return sum(asdict(self).values())

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)

    def __add__(self, other: Pruned) -> Pruned:
        mine, theirs = asdict(self), asdict(other)
        return Pruned(**{name: mine[name] + theirs[name] for name in mine})


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """Rows from before these times go; None keeps them for ever."""

    polls: datetime | None
    articles: datetime | None

    @classmethod
    def at(cls, now: datetime, polls: timedelta | None, articles: timedelta | None) -> Cutoffs:
        """Count back from now."""
        return cls(now - polls if polls else None, now - articles if articles else None)


def prune(db: sqlite3.Connection, cutoffs: Cutoffs, step: int = STEP) -> Pruned:
    """Remove some old rows, at most ``step`` of a kind; zero rows mean that none are left."""
    polls = cycles = articles = clusters = entries = 0
    if cutoffs.polls:
        polls = _delete_old(db, "polls", "at", cutoffs.polls, step)
        cycles = _delete_old(db, "cycles", "started_at", cutoffs.polls, step)
    if cutoffs.articles:
        old = _old_articles(db, cutoffs.articles, step)
        entries = _bury_entries(db, old) + _bury_strays(db, cutoffs.articles, step)
        articles = _delete_articles(db, old)
        clusters = _bury_clusters(db, [row["cluster_id"] for row in old if row["cluster_id"]])
    return Pruned(polls, cycles, articles, clusters, entries)


def count_prunable(db: sqlite3.Connection, cutoffs: Cutoffs) -> Pruned:
    """Say what pruning would remove, without removing it; entries without a link are not counted."""
    polls = _count(db, f"SELECT count(*) FROM ({_OLD.format(table='polls', time='at')})", cutoffs.polls)
    cycles = _count(
        db, f"SELECT count(*) FROM ({_OLD.format(table='cycles', time='started_at')})", cutoffs.polls
    )
    articles = _count(db, f"SELECT count(*) FROM ({_OLD_ARTICLES})", cutoffs.articles)
    clusters = _count(db, f"SELECT count(DISTINCT cluster_id) FROM ({_OLD_ARTICLES})", cutoffs.articles)
    entries = _count(
        db,
        f"SELECT count(*) FROM entries WHERE article_id IN (SELECT id FROM ({_OLD_ARTICLES}))",
        cutoffs.articles,
    )
    return Pruned(polls, cycles, articles, clusters, entries)


def _count(db: sqlite3.Connection, query: str, before: datetime | None) -> int:
    if before is None:
        return 0
    return int(db.execute(query, {"before": to_text(before), "step": -1}).fetchone()[0])


_OLD = (
    "SELECT id FROM {table} WHERE {time} < :before AND id < (SELECT max(id) FROM {table})"
    " ORDER BY {time} LIMIT :step"
)
"""The newest row stays: `status` says when something last happened."""

_OLD_ARTICLES = (
    "SELECT id, cluster_id FROM articles AS old WHERE coalesce(published_at, first_seen_at) < :before"
    " AND first_seen_at < :before AND in_flight = 0 AND to_cluster = 0"
    " AND NOT EXISTS (SELECT 1 FROM articles AS mate WHERE mate.cluster_id = old.cluster_id"
    " AND (mate.first_seen_at >= :before OR mate.in_flight = 1 OR mate.to_cluster = 1))"
    " ORDER BY coalesce(published_at, first_seen_at) LIMIT :step"
)
"""Articles of reports that are old as a whole, and old ones that never came into a report.

What a stage is at work on is left for the next time. The time of publication, never later than the first
sight, serves for its index.
"""


def _delete_old(db: sqlite3.Connection, table: str, time: str, before: datetime, step: int) -> int:
    return db.execute(
        f"DELETE FROM {table} WHERE id IN ({_OLD.format(table=table, time=time)})",
        {"before": to_text(before), "step": step},
    ).rowcount


def _old_articles(db: sqlite3.Connection, before: datetime, step: int) -> list[sqlite3.Row]:
    """Return about ``step`` articles, and never part of a cluster."""
    return db.execute(
        f"WITH old AS MATERIALIZED ({_OLD_ARTICLES}) SELECT id, cluster_id FROM articles"
        " WHERE id IN (SELECT id FROM old) OR cluster_id IN (SELECT cluster_id FROM old)",
        {"before": to_text(before), "step": step},
    ).fetchall()


def _bury_entries(db: sqlite3.Connection, articles: list[sqlite3.Row]) -> int:
    return db.execute(
        "UPDATE entries SET summary = '', content = '' WHERE article_id IN (SELECT value FROM json_each(?))",
        (_ids(articles),),
    ).rowcount


def _bury_strays(db: sqlite3.Connection, before: datetime, step: int) -> int:
    """Entries without an article: they have no link, or were brought back to life by an edit."""
    return db.execute(
        "UPDATE entries SET summary = '', content = '' WHERE id IN (SELECT id FROM entries"
        " WHERE first_seen_at < ? AND article_id IS NULL AND (summary <> '' OR content <> '') LIMIT ?)",
        (to_text(before), step),
    ).rowcount


def _delete_articles(db: sqlite3.Connection, articles: list[sqlite3.Row]) -> int:
    """Revisions, citations, features, links and addresses go with them, by the foreign keys."""
    return db.execute(
        "DELETE FROM articles WHERE id IN (SELECT value FROM json_each(?))", (_ids(articles),)
    ).rowcount


def _bury_clusters(db: sqlite3.Connection, clusters: list[int]) -> int:
    return db.execute(
        "UPDATE clusters SET article_count = 0, outlet_count = 0, independent_count = 0"
        " WHERE id IN (SELECT value FROM json_each(?)) AND article_count > 0"
        " AND NOT EXISTS (SELECT 1 FROM articles WHERE cluster_id = clusters.id)",
        (json.dumps(clusters),),
    ).rowcount


def _ids(rows: list[sqlite3.Row]) -> str:
    return json.dumps([row["id"] for row in rows])
