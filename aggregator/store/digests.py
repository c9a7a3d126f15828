"""What a digest is made from: the clusters of a span of time and their articles."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from itertools import pairwise

from aggregator.digest.model import ArticleRow, Cite, Coverage, DayCounts, ReportRow, Window
from aggregator.reports.origin import OriginArticle
from aggregator.reports.summary import ClusterArticle, summarise
from aggregator.store.times import from_text, to_text

_TEXT_CHARACTERS = 1500
_FAR_FUTURE = "9999-12-31T23:59:59Z"

# Where an article stood at as_of: where it stands now, unless it was put elsewhere since.
_MOVED = (
    " LEFT JOIN article_moves AS moved ON moved.article_id = articles.id AND moved.until ="
    " (SELECT min(until) FROM article_moves WHERE article_id = articles.id AND until > :as_of)"
)
_CLUSTER = "coalesce(moved.cluster_id, articles.cluster_id)"
_IN_WINDOW = (
    f" SELECT articles.id, {_CLUSTER} AS cluster_id, lang, coalesce(published_at, first_seen_at) AS at"
    f" FROM articles{_MOVED}"
    " WHERE coalesce(published_at, first_seen_at) >= :since"
    " AND coalesce(published_at, first_seen_at) < :until AND clustered_at <= :as_of"
)


Rows = tuple[list[ReportRow], list[Coverage], DayCounts]


def window_rows(db: sqlite3.Connection, window: Window) -> Rows:
    """Return the clusters with an article in the window, who covers them, and the day's counts.

    With ``as_of``, as they were then: who was together, what headlines and texts said, who was the origin.
    Names and families of outlets and tags of feeds are today's.
    """
    span = _span(window)
    found = db.execute(f"SELECT DISTINCT cluster_id FROM ({_IN_WINDOW}) ORDER BY cluster_id", span)
    clusters = [row["cluster_id"] for row in found]
    if window.as_of is None:
        reports, coverage = _stored(db, clusters), _coverage(db, clusters)
    else:
        articles = article_rows(db, clusters, window)
        reports = _summed_up(db, articles)
        coverage = [Coverage(row.cluster_id, row.outlet, row.family, row.lang) for row in articles]
    return reports, coverage, _counts(db, span, len(reports))


def article_rows(db: sqlite3.Connection, clusters: Iterable[int], window: Window) -> list[ArticleRow]:
    """Return all articles of these clusters, as the window's ``as_of`` has them."""
    return list(_articles(db, clusters, _span(window)))


def _coverage(db: sqlite3.Connection, clusters: list[int]) -> list[Coverage]:
    rows = db.execute(
        "SELECT cluster_id, outlet, family, lang FROM json_each(?) AS wanted"
        " CROSS JOIN articles ON articles.cluster_id = wanted.value"
        " JOIN outlets ON outlets.domain = articles.outlet",
        (json.dumps(clusters),),
    )
    return [Coverage(*row) for row in rows]


def cluster_rows(db: sqlite3.Connection, cluster_id: int) -> tuple[ReportRow | None, list[ArticleRow]]:
    """Return one cluster and its articles, whenever they were published."""
    reports = _stored(db, [cluster_id])
    if not reports:
        return None, []
    return reports[0], list(_articles(db, [cluster_id], {"as_of": _FAR_FUTURE}))


_REPORTS = """
    SELECT clusters.*, outlets.name AS origin_name FROM clusters
    LEFT JOIN outlets ON outlets.domain = clusters.origin_outlet
    WHERE clusters.id IN (SELECT value FROM json_each(?)) ORDER BY clusters.id
"""
_ARTICLES = f"""
    WITH candidates AS (
        SELECT id FROM articles WHERE cluster_id IN (SELECT value FROM json_each(:clusters))
        UNION
        SELECT article_id FROM article_moves WHERE cluster_id IN (SELECT value FROM json_each(:clusters))
    )
    SELECT articles.id, {_CLUSTER} AS cluster_id, outlet, outlets.name AS outlet_name, family, kind, lang,
        coalesce(later.title, articles.title) AS title, articles.url,
        substr(coalesce(later.text, articles.text), 1, :characters) AS text,
        coalesce(published_at, first_seen_at) AS at, first_seen_at, word_count, status,
        iif(moved.article_id, moved.copy_of, articles.copy_of) AS copy_of,
        (SELECT json_group_array(json_array(c.outlet, c.name, c.confidence)) FROM
            (SELECT * FROM citations WHERE article_id = articles.id ORDER BY id) AS c) AS cites,
        (SELECT json_group_array(title) FROM
            (SELECT title FROM article_revisions AS r WHERE r.article_id = articles.id AND r.seen_at <= :as_of
            ORDER BY r.id)) AS former_titles,
        (SELECT max(seen_at) FROM article_revisions AS r WHERE r.article_id = articles.id
            AND r.seen_at <= :as_of) AS corrected_at,
        (SELECT json_group_array(DISTINCT tag.value) FROM entries JOIN feeds ON feeds.id = entries.feed_id,
            json_each(feeds.tags) AS tag WHERE entries.article_id = articles.id) AS tags
    FROM candidates JOIN articles USING (id) JOIN outlets ON outlets.domain = articles.outlet{_MOVED}
    LEFT JOIN article_revisions AS later ON later.id =
        (SELECT min(id) FROM article_revisions WHERE article_id = articles.id AND seen_at > :as_of)
    WHERE {_CLUSTER} IN (SELECT value FROM json_each(:clusters)) AND clustered_at <= :as_of
    ORDER BY articles.id
"""


def _span(window: Window) -> dict[str, object]:
    return {
        "since": to_text(window.since),
        "until": to_text(window.until),
        "as_of": to_text(window.as_of) if window.as_of else _FAR_FUTURE,
    }


def _stored(db: sqlite3.Connection, clusters: list[int]) -> list[ReportRow]:
    return [_report(row) for row in db.execute(_REPORTS, (json.dumps(clusters),))]


def _summed_up(db: sqlite3.Connection, articles: Iterable[ArticleRow]) -> list[ReportRow]:
    """Return the clusters of these articles, as clustering would sum them up if there were no others."""
    names = {row["domain"]: row["name"] for row in db.execute("SELECT domain, name FROM outlets")}
    agencies = {row["domain"] for row in db.execute("SELECT domain FROM outlets WHERE kind = 'agency'")}
    contents: dict[int, list[ClusterArticle]] = defaultdict(list)
    for row in articles:
        contents[row.cluster_id].append(_cluster_article(row))
    summaries = {cluster: summarise(contents[cluster], agencies) for cluster in sorted(contents)}
    return [
        ReportRow(**asdict(row), cluster_id=cluster, origin_name=names.get(row.origin_outlet))
        for cluster, row in summaries.items()
    ]


def _cluster_article(row: ArticleRow) -> ClusterArticle:
    account = OriginArticle(
        article_id=row.article_id,
        outlet=row.outlet,
        family=row.family or row.outlet,
        published_at=row.published_at,
        copy_of=row.copy_of,
        cited={cite.outlet: cite.confidence for cite in row.cites if cite.outlet},
    )
    return ClusterArticle(account, row.title, row.lang)


def _report(row: sqlite3.Row) -> ReportRow:
    return ReportRow(
        cluster_id=row["id"],
        title=row["title"],
        first_published_at=from_text(row["first_published_at"]),
        last_published_at=from_text(row["last_published_at"]),
        article_count=row["article_count"],
        outlet_count=row["outlet_count"],
        independent_count=row["independent_count"],
        languages=tuple(json.loads(row["languages"])),
        origin_outlet=row["origin_outlet"],
        origin_name=row["origin_name"],
        origin_article_id=row["origin_article_id"],
    )


def _articles(
    db: sqlite3.Connection, clusters: Iterable[int], span: dict[str, object]
) -> Iterable[ArticleRow]:
    values = {"clusters": json.dumps(list(clusters)), "characters": _TEXT_CHARACTERS, "as_of": span["as_of"]}
    for row in db.execute(_ARTICLES, values):
        titles = [*json.loads(row["former_titles"]), row["title"]]
        changes = sum(before != after for before, after in pairwise(titles))
        yield ArticleRow(
            article_id=row["id"],
            cluster_id=row["cluster_id"],
            outlet=row["outlet"],
            outlet_name=row["outlet_name"],
            family=row["family"],
            kind=row["kind"],
            lang=row["lang"],
            title=row["title"],
            url=row["url"],
            text=row["text"],
            published_at=from_text(row["at"]),
            first_seen_at=from_text(row["first_seen_at"]),
            word_count=row["word_count"],
            copy_of=row["copy_of"],
            cites=tuple(map(Cite._make, json.loads(row["cites"]))),
            revisions=changes,
            former_title=titles[0] if changes else None,
            corrected_at=from_text(row["corrected_at"]),
            tags=tuple(sorted(json.loads(row["tags"]))),
            status=row["status"],
        )


def _counts(db: sqlite3.Connection, span: dict[str, object], reports: int) -> DayCounts:
    entries = db.execute(
        "SELECT count(*) FROM entries WHERE first_seen_at <= :as_of"
        " AND coalesce(published_at, first_seen_at) >= :since"
        " AND coalesce(published_at, first_seen_at) < :until",
        span,
    ).fetchone()[0]
    hours = db.execute(
        f"SELECT substr(at, 1, 13) AS hour, count(*) AS n FROM ({_IN_WINDOW}) GROUP BY hour ORDER BY hour",
        span,
    ).fetchall()
    languages = db.execute(
        f"SELECT lang, count(*) AS n FROM ({_IN_WINDOW}) GROUP BY lang ORDER BY n DESC, lang", span
    ).fetchall()
    return DayCounts(
        entries=entries,
        articles=sum(row["n"] for row in hours),
        reports=reports,
        by_hour=tuple((datetime.fromisoformat(f"{row['hour']}:00:00Z"), row["n"]) for row in hours),
        by_language=tuple((row["lang"], row["n"]) for row in languages),
    )
