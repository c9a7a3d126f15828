"""How the service fares, from the database alone."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from aggregator.store.deliveries import Undelivered, undelivered
from aggregator.store.feeds import DUE, due_values
from aggregator.store.times import from_text, to_text
from aggregator.store.wal import LONG_LOG, log_size

STALE = timedelta(hours=2)
"""Feeds that are due for so long say that the service is down."""


@dataclass(frozen=True, slots=True)
class CycleRow:
    """The newest cycle."""

    started_at: datetime
    finished_at: datetime | None
    polled: int
    failed: int
    new_entries: int
    articles: int
    clustered: int


@dataclass(frozen=True, slots=True)
class FailingFeed:
    """A feed that cannot be polled, what is wrong and since when."""

    url: str
    state: str
    failures: int
    since: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """What ``aggregator status`` shows."""

    feeds: dict[str, int]  # state -> how many
    due: int
    next_due_at: datetime | None
    failing: tuple[FailingFeed, ...]
    entries: int
    articles: dict[str, int]  # status -> how many
    clusters: int
    backlog: dict[str, int]  # stage -> rows that wait for it
    cycle: CycleRow | None
    undelivered: tuple[Undelivered, ...]
    database_bytes: int
    wal_bytes: int

    def problems(self, now: datetime) -> list[str]:
        """Return what a keeper should look at, a sentence each; empty when all is well."""
        found = []
        polled = sum(count for state, count in self.feeds.items() if state != "removed")
        if polled and self.cycle is None:
            found.append("No cycle has run yet.")
        elif self.cycle and now - self.cycle.started_at > STALE and self.due:
            found.append(f"Feeds are due, but the last cycle began at {to_text(self.cycle.started_at)}.")
        if self.failing:
            found.append(f"{len(self.failing)} of {polled} feeds cannot be polled.")
        found += [one.sentence() for one in self.undelivered]
        if self.wal_bytes > LONG_LOG:
            found.append("The write-ahead log grows: some program keeps a read transaction open.")
        return found


def read_status(db: sqlite3.Connection, path: Path, now: datetime) -> Status:
    """Sum the database up."""
    return Status(
        feeds=_tally(db, "SELECT state, count(*) FROM feeds GROUP BY state"),
        due=_count(
            db,
            "SELECT count(*) FROM feeds WHERE state IN ('active', 'failing')"
            " AND (next_poll_at IS NULL OR next_poll_at <= ?)",
            to_text(now),
        ),
        next_due_at=from_text(
            db.execute("SELECT min(next_poll_at) FROM feeds WHERE state IN ('active', 'failing')").fetchone()[
                0
            ]
        ),
        failing=_failing(db),
        entries=_count(db, "SELECT count(*) FROM entries"),
        articles=_tally(db, "SELECT status, count(*) FROM articles GROUP BY status"),
        clusters=_count(db, "SELECT count(*) FROM clusters"),
        backlog={
            "fetch": _count(db, "SELECT count(*) FROM articles WHERE next_fetch_at <= ?", to_text(now)),
            "analyse": _count(
                db, "SELECT count(*) FROM articles WHERE status <> 'pending' AND analysed_by IS NULL"
            ),
            "cluster": _count(db, "SELECT count(*) FROM articles WHERE to_cluster = 1"),
        },
        cycle=_cycle(db),
        undelivered=undelivered(db, now),
        database_bytes=path.stat().st_size,
        wal_bytes=log_size(path),
    )


def last_change(db: sqlite3.Connection) -> datetime | None:
    """Return when the database last learned something: the end of the last cycle, or a later import."""
    row = db.execute(
        "SELECT max(at) FROM (SELECT max(finished_at) AS at FROM cycles"
        " UNION ALL SELECT first_seen_at FROM articles WHERE id = (SELECT max(id) FROM articles))"
    ).fetchone()
    latest: str | None = row[0]
    return from_text(latest)


def latest_poll(db: sqlite3.Connection) -> int:
    """Return the number of the latest poll, 0 where there was none."""
    return _count(db, "SELECT coalesce(max(id), 0) FROM polls")


def polls_since(db: sqlite3.Connection, poll_id: int) -> dict[str, int]:
    """Return how many polls came after a given one, by outcome."""
    return _tally(db, f"SELECT outcome, count(*) FROM polls WHERE id > {poll_id:d} GROUP BY outcome")


def work_waits(db: sqlite3.Connection, now: datetime) -> bool:
    """Say whether a cycle would have anything to do."""
    row = db.execute(
        f"SELECT EXISTS (SELECT 1 FROM feeds WHERE {DUE})"
        " OR EXISTS (SELECT 1 FROM articles WHERE next_fetch_at <= :now)"
        " OR EXISTS (SELECT 1 FROM articles WHERE status <> 'pending' AND analysed_by IS NULL)"
        " OR EXISTS (SELECT 1 FROM articles WHERE to_cluster = 1)",
        due_values(now),
    ).fetchone()
    return bool(row[0])


def begin_cycle(db: sqlite3.Connection, now: datetime) -> int:
    """Note that a cycle has begun; returns its number."""
    row = db.execute("INSERT INTO cycles (started_at) VALUES (?) RETURNING id", (to_text(now),)).fetchone()
    return int(row["id"])


def end_cycle(db: sqlite3.Connection, cycle_id: int, now: datetime, counts: dict[str, int]) -> None:
    """Note what a cycle came to."""
    db.execute(
        "UPDATE cycles SET finished_at = :now, polled = :polled, failed = :failed,"
        " new_entries = :new_entries, articles = :articles, clustered = :clustered WHERE id = :id",
        {**counts, "now": to_text(now), "id": cycle_id},
    )


def _failing(db: sqlite3.Connection) -> tuple[FailingFeed, ...]:
    rows = db.execute(
        "SELECT url, state, failures, failing_since, last_error FROM feeds"
        " WHERE state IN ('failing', 'gone') ORDER BY failing_since, id"
    )
    return tuple(
        FailingFeed(
            row["url"], row["state"], row["failures"], from_text(row["failing_since"]), row["last_error"]
        )
        for row in rows
    )


def _cycle(db: sqlite3.Connection) -> CycleRow | None:
    row = db.execute("SELECT * FROM cycles ORDER BY id DESC LIMIT 1").fetchone()
    if row is None:
        return None
    return CycleRow(
        started_at=from_text(row["started_at"]),
        finished_at=from_text(row["finished_at"]),
        polled=row["polled"],
        failed=row["failed"],
        new_entries=row["new_entries"],
        articles=row["articles"],
        clustered=row["clustered"],
    )


def _tally(db: sqlite3.Connection, query: str) -> dict[str, int]:
    return {row[0]: row[1] for row in db.execute(query)}


def _count(db: sqlite3.Connection, query: str, *values: object) -> int:
    return int(db.execute(query, values).fetchone()[0])
