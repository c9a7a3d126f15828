"""What a digest is made from: the clusters of a span of time and their articles."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise

from aggregator.digest.model import ArticleRow, Cite, DayCounts, ReportRow, Window
from aggregator.store.times import from_text, to_text

_TEXT_CHARACTERS = 1500
_FAR_FUTURE = "9999-12-31T23:59:59Z"

_IN_WINDOW = (
    " SELECT id, cluster_id, lang, coalesce(published_at, first_seen_at) AS at FROM articles"
    " WHERE coalesce(published_at, first_seen_at) >= :since"
    " AND coalesce(published_at, first_seen_at) < :until"
    " AND first_seen_at <= :as_of AND cluster_id IS NOT NULL"
)


Rows = tuple[list[ReportRow], list[ArticleRow], DayCounts]


def digest_rows(db: sqlite3.Connection, window: Window) -> Rows:
    """Return the clusters with an article in the window, all their articles, and the day's counts."""
    span = _span(window)
    reports = [_report(row) for row in db.execute(_REPORTS, span)]
    articles = list(_articles(db, [report.cluster_id for report in reports], span))
    return reports, articles, _counts(db, span, len(reports))


def cluster_rows(db: sqlite3.Connection, cluster_id: int) -> tuple[ReportRow | None, list[ArticleRow]]:
    """Return one cluster and its articles, whenever they were published."""
    row = db.execute(f"{_REPORT_COLUMNS} WHERE clusters.id = ?", (cluster_id,)).fetchone()
    if row is None:
        return None, []
    return _report(row), list(_articles(db, [cluster_id], {"as_of": _FAR_FUTURE}))


_REPORT_COLUMNS = (
    "SELECT clusters.*, outlets.name AS origin_name FROM clusters"
    " LEFT JOIN outlets ON outlets.domain = clusters.origin_outlet"
)
_REPORTS = (
    f"{_REPORT_COLUMNS} WHERE clusters.id IN (SELECT cluster_id FROM ({_IN_WINDOW})) ORDER BY clusters.id"
)
_ARTICLES = """
    SELECT articles.id, cluster_id, outlet, outlets.name AS outlet_name, family, kind, lang, articles.title,
        articles.url, substr(text, 1, :characters) AS text,
        coalesce(published_at, first_seen_at) AS at, first_seen_at, word_count, copy_of, status,
        (SELECT json_group_array(json_array(c.outlet, c.name)) FROM
            (SELECT outlet, name FROM citations WHERE article_id = articles.id ORDER BY id) AS c) AS cites,
        (SELECT json_group_array(title) FROM
            (SELECT title FROM article_revisions AS r WHERE r.article_id = articles.id AND r.seen_at <= :as_of
            ORDER BY r.id)) AS former_titles,
        (SELECT json_group_array(DISTINCT tag.value) FROM entries JOIN feeds ON feeds.id = entries.feed_id,
            json_each(feeds.tags) AS tag WHERE entries.article_id = articles.id) AS tags
    FROM articles JOIN outlets ON outlets.domain = articles.outlet
    WHERE cluster_id IN (SELECT value FROM json_each(:clusters)) AND first_seen_at <= :as_of
    ORDER BY articles.id
"""


def _span(window: Window) -> dict[str, object]:
    return {
        "since": to_text(window.since),
        "until": to_text(window.until),
        "as_of": to_text(window.as_of) if window.as_of else _FAR_FUTURE,
    }


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
            cites=tuple(Cite(outlet, name) for outlet, name in json.loads(row["cites"])),
            revisions=changes,
            former_title=titles[0] if changes else None,
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
