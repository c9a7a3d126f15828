"""Clusters: the window that clustering looks at, and writing down what it decided."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from aggregator.model import ClusterSummary, Constraint, Link, Member
from aggregator.reports.origin import OriginArticle
from aggregator.reports.summary import ClusterArticle
from aggregator.store.outlets import ensure_outlet
from aggregator.store.times import from_text, to_text


@dataclass(frozen=True, slots=True)
class NewArticle:
    """An article that waits to be clustered."""

    article_id: int
    at: datetime


# Those near in time, those a person put together with them, and the rest of the clusters that these are in.
_CHOSEN = """
    WITH near AS MATERIALIZED (
        SELECT id, cluster_id FROM articles
        WHERE coalesce(published_at, first_seen_at) BETWEEN :since AND :until
    ), decided AS (
        SELECT other_id AS id FROM near JOIN cluster_constraints ON article_id = near.id AND together
        UNION SELECT article_id FROM near JOIN cluster_constraints ON other_id = near.id AND together
    ), seeds AS MATERIALIZED (
        SELECT id, cluster_id FROM near
        UNION SELECT articles.id, cluster_id FROM decided JOIN articles ON articles.id = decided.id
    )
    SELECT id FROM seeds
    UNION SELECT articles.id FROM articles JOIN (SELECT DISTINCT cluster_id FROM seeds) USING (cluster_id)
"""
_MEMBERS = """
    SELECT articles.id, outlet, lang, cluster_id, word_count, features.data,
        coalesce(published_at, first_seen_at) AS at
    FROM json_each(:ids) AS chosen CROSS JOIN articles ON articles.id = chosen.value
    JOIN features ON features.article_id = articles.id ORDER BY articles.id
"""
_CITED = """
    SELECT article_id, json_group_array(outlet) AS outlets FROM
        (SELECT DISTINCT article_id, outlet FROM json_each(:ids) AS chosen
        CROSS JOIN citations ON citations.article_id = chosen.value
        WHERE outlet IS NOT NULL ORDER BY article_id, outlet)
    GROUP BY article_id
"""


def articles_to_cluster(db: sqlite3.Connection, limit: int) -> list[NewArticle]:
    """Return articles that wait to be clustered, oldest publication first."""
    rows = db.execute(
        "SELECT id, coalesce(published_at, first_seen_at) AS at FROM articles"
        " INDEXED BY articles_to_cluster"  # left to itself, the planner reads the whole table
        " WHERE to_cluster = 1 ORDER BY at, id LIMIT ?",
        (limit,),
    )
    return [NewArticle(row["id"], from_text(row["at"])) for row in rows]


def members_around(db: sqlite3.Connection, since: datetime, until: datetime) -> list[Member]:
    """Return all that clustering must see of a span of time.

    That is every analysed article published in it, those that people put together with one of them, and the
    rest of the clusters that these are in.
    """
    span = {"since": to_text(since), "until": to_text(until)}
    ids = {"ids": json.dumps([row["id"] for row in db.execute(_CHOSEN, span)])}
    rows = db.execute(_MEMBERS, ids).fetchall()
    cited = {row["article_id"]: tuple(json.loads(row["outlets"])) for row in db.execute(_CITED, ids)}
    return [
        Member(
            article_id=row["id"],
            outlet=row["outlet"],
            lang=row["lang"],
            published_at=from_text(row["at"]),
            features=row["data"],
            cluster_id=row["cluster_id"],
            cited=cited.get(row["id"], ()),
            word_count=row["word_count"],
        )
        for row in rows
    ]


def current_clusters(db: sqlite3.Connection, article_ids: Iterable[int]) -> dict[int, int]:
    """Return the cluster of each of these articles that is in one."""
    rows = db.execute(
        "SELECT id, cluster_id FROM articles WHERE cluster_id IS NOT NULL"
        " AND id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(article_ids)),),
    )
    return {row["id"]: row["cluster_id"] for row in rows}


def cluster_contents(
    db: sqlite3.Connection, cluster_ids: Iterable[int], family_of: Callable[[str], str]
) -> dict[int, list[ClusterArticle]]:
    """Return the articles of clusters, as far as the clusters' rows depend on them."""
    rows = db.execute(
        "SELECT id, cluster_id, outlet, title, lang, copy_of, coalesce(published_at, first_seen_at) AS at,"
        " (SELECT json_group_object(outlet, confidence) FROM citations"
        " WHERE article_id = articles.id AND outlet IS NOT NULL) AS cited"
        " FROM articles WHERE cluster_id IN (SELECT value FROM json_each(?)) ORDER BY id",
        (json.dumps(list(cluster_ids)),),
    )
    contents: dict[int, list[ClusterArticle]] = defaultdict(list)
    for row in rows:
        account = OriginArticle(
            article_id=row["id"],
            outlet=row["outlet"],
            family=family_of(row["outlet"]),
            published_at=from_text(row["at"]),
            copy_of=row["copy_of"],
            cited=json.loads(row["cited"]),
        )
        contents[row["cluster_id"]].append(ClusterArticle(account, row["title"], row["lang"]))
    return contents


def constraints_among(db: sqlite3.Connection, article_ids: Iterable[int]) -> list[Constraint]:
    """Return the decisions of people that concern any of these articles."""
    rows = db.execute(
        "SELECT article_id, other_id, together FROM cluster_constraints"
        " WHERE article_id IN (SELECT value FROM json_each(:ids))"
        " OR other_id IN (SELECT value FROM json_each(:ids)) ORDER BY article_id, other_id",
        {"ids": json.dumps(list(article_ids))},
    )
    return [Constraint(row["article_id"], row["other_id"], bool(row["together"])) for row in rows]


def new_cluster_ids(db: sqlite3.Connection, count: int, at: datetime) -> list[int]:
    """Give out cluster ids; AUTOINCREMENT sees to it that none is ever given out twice."""
    ids = []
    for _ in range(count):
        row = db.execute(
            "INSERT INTO clusters (title, first_published_at, last_published_at, article_count,"
            " outlet_count, independent_count, created_at, updated_at)"
            " VALUES ('', :at, :at, 0, 0, 0, :at, :at) RETURNING id",
            {"at": to_text(at)},
        ).fetchone()
        ids.append(int(row["id"]))
    return ids


def assign(
    db: sqlite3.Connection, cluster_of: Mapping[int, int], copy_of: Mapping[int, int | None], at: datetime
) -> None:
    """Put articles into clusters, and say whose text they republish; where they were before is kept."""
    rows = [
        {"article": article, "cluster": cluster, "copy_of": copy_of.get(article), "at": to_text(at)}
        for article, cluster in cluster_of.items()
    ]
    db.executemany(
        "INSERT INTO article_moves (article_id, until, cluster_id, copy_of)"
        " SELECT id, :at, cluster_id, copy_of FROM articles WHERE id = :article AND cluster_id IS NOT NULL"
        " AND (cluster_id, copy_of) IS NOT (:cluster, :copy_of) ON CONFLICT DO NOTHING",
        rows,
    )
    db.executemany(
        "UPDATE articles SET cluster_id = :cluster, copy_of = :copy_of,"
        " clustered_at = coalesce(clustered_at, :at) WHERE id = :article",
        rows,
    )


def all_there(db: sqlite3.Connection, article_ids: Sequence[int]) -> bool:
    """Say whether none of these articles was pruned meanwhile."""
    query = "SELECT count(*) FROM json_each(?) AS wanted CROSS JOIN articles ON articles.id = wanted.value"
    return bool(db.execute(query, (json.dumps(article_ids),)).fetchone()[0] == len(article_ids))


def end_waiting(db: sqlite3.Connection, article_ids: Iterable[int]) -> None:
    """Note that articles wait no longer to be clustered."""
    db.executemany("UPDATE articles SET to_cluster = 0 WHERE id = ?", [(i,) for i in article_ids])


def save_links(
    db: sqlite3.Connection,
    links: Sequence[Link],
    cluster_of: Mapping[int, int],
    *,
    version: str,
    at: datetime,
) -> None:
    """Replace the evidence of the articles that were looked at again."""
    db.executemany("DELETE FROM cluster_links WHERE article_id = ?", [(article,) for article in cluster_of])
    db.executemany(
        "INSERT OR REPLACE INTO cluster_links"
        " (article_id, other_id, cluster_id, score, threshold, signals, version, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                link.article_id, link.other_id, cluster_of[link.article_id], round(link.score, 4),
                round(link.threshold, 4), json.dumps({k: round(v, 4) for k, v in link.signals.items()}),
                version, to_text(at),
            )
            for link in links
        ],
    )  # fmt: skip


def save_cluster(db: sqlite3.Connection, cluster_id: int, row: ClusterSummary, at: datetime) -> None:
    """Write a cluster's summary; the time of its last change moves only where something did change."""
    if row.origin_outlet:
        ensure_outlet(db, row.origin_outlet)
    db.execute(
        "UPDATE clusters SET (title, first_published_at, last_published_at, article_count, outlet_count,"
        " independent_count, languages, origin_article_id, origin_outlet, updated_at) ="
        " (:title, :first, :last, :articles, :outlets, :independent, :languages, :origin, :origin_outlet,"
        " :at)"
        " WHERE id = :id AND (title, first_published_at, last_published_at, article_count, outlet_count,"
        " independent_count, languages, origin_article_id, origin_outlet) IS NOT"
        " (:title, :first, :last, :articles, :outlets, :independent, :languages, :origin, :origin_outlet)",
        {
            "id": cluster_id, "title": row.title, "first": to_text(row.first_published_at),
            "last": to_text(row.last_published_at), "articles": row.article_count,
            "outlets": row.outlet_count, "independent": row.independent_count,
            "languages": json.dumps(row.languages), "origin": row.origin_article_id,
            "origin_outlet": row.origin_outlet, "at": to_text(at),
        },
    )  # fmt: skip


def redirect_clusters(
    db: sqlite3.Connection, redirects: Iterable[tuple[int, int, str]], at: datetime
) -> None:
    """Retire cluster ids (old, new, reason). Earlier redirects to a retired id are led on to the new one."""
    for old, new, reason in redirects:
        db.execute("UPDATE cluster_redirects SET new_id = ? WHERE new_id = ?", (new, old))
        db.execute(
            "INSERT INTO cluster_redirects (old_id, new_id, at, reason) VALUES (?, ?, ?, ?)",
            (old, new, to_text(at), reason),
        )
        db.execute("DELETE FROM clusters WHERE id = ?", (old,))


def add_constraint(db: sqlite3.Connection, constraint: Constraint, at: datetime) -> None:
    """Keep a person's decision about two articles; a later one replaces an earlier one."""
    low, high = sorted((constraint.article_id, constraint.other_id))
    db.execute(
        "INSERT INTO cluster_constraints (article_id, other_id, together, at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (article_id, other_id) DO UPDATE SET together = excluded.together, at = excluded.at",
        (low, high, int(constraint.together), to_text(at)),
    )
    db.execute(
        "UPDATE articles SET to_cluster = 1 WHERE id IN (SELECT article_id FROM features"
        " WHERE article_id IN (?, ?))",
        (low, high),
    )


def recluster_everything(db: sqlite3.Connection) -> None:
    """Mark every article that has features to be clustered anew."""
    db.execute("UPDATE articles SET to_cluster = 1 WHERE id IN (SELECT article_id FROM features)")


def resolve_cluster(db: sqlite3.Connection, cluster_id: int) -> int | None:
    """Return the id in use for a cluster id that was ever given out, or None for one that never was."""
    row = db.execute(
        "SELECT coalesce((SELECT new_id FROM cluster_redirects WHERE old_id = :id),"
        " (SELECT id FROM clusters WHERE id = :id)) AS id",
        {"id": cluster_id},
    ).fetchone()
    return None if row["id"] is None else int(row["id"])
