"""Full-text search over titles and texts."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from datetime import datetime

from aggregator.store.times import from_text, to_text

MARK_BEGIN, MARK_END = "\x01", "\x02"
"""Around the words that were found, in titles and snippets; no stored text contains them."""

_WORD = re.compile(r'"[^"]*"|\S+')


@dataclass(frozen=True, slots=True)
class Hit:
    """An article that was found, best first."""

    article_id: int
    cluster_id: int | None
    outlet: str
    lang: str | None
    title: str  # with marks
    snippet: str  # with marks
    url: str
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Filters:
    """What narrows a search down; None leaves it as wide as it is."""

    lang: str | None = None
    outlet: str | None = None
    since: datetime | None = None


def search(db: sqlite3.Connection, words: str, filters: Filters, limit: int) -> list[Hit]:
    """Return the articles that contain all the words; ``"several words"`` must stand together."""
    query = match_expression(words)
    if not query:
        return []
    rows = db.execute(
        "SELECT articles.id, cluster_id, outlet, lang, articles.url,"
        " highlight(articles_fts, 0, :begin, :end) AS title,"
        " snippet(articles_fts, 1, :begin, :end, '…', 24) AS snippet,"
        " coalesce(published_at, first_seen_at) AS at"
        " FROM articles_fts JOIN articles ON articles.id = articles_fts.rowid"
        " WHERE articles_fts MATCH :query AND (:lang IS NULL OR lang = :lang)"
        " AND (:outlet IS NULL OR outlet = :outlet)"
        " AND (:since IS NULL OR coalesce(published_at, first_seen_at) >= :since)"
        " ORDER BY bm25(articles_fts, 5.0, 1.0), articles.id LIMIT :limit",
        {
            "query": query, "begin": MARK_BEGIN, "end": MARK_END, "lang": filters.lang,
            "outlet": filters.outlet, "since": to_text(filters.since), "limit": limit,
        },
    )  # fmt: skip
    return [
        Hit(
            article_id=row["id"],
            cluster_id=row["cluster_id"],
            outlet=row["outlet"],
            lang=row["lang"],
            title=row["title"],
            snippet=row["snippet"],
            url=row["url"],
            published_at=from_text(row["at"]),
        )
        for row in rows
    ]


def match_expression(words: str) -> str:
    """Turn what a person typed into an FTS5 expression: every word quoted, so that nothing in it is syntax.

    A final ``*`` keeps its meaning (prefix). Source: SQLite FTS5 documentation, section 3; security case S37.
    """
    terms = []
    for match in _WORD.findall(words.replace("\x00", " ")):
        bare = match.strip('"')
        prefix = "*" if bare.endswith("*") and not match.startswith('"') else ""
        text = bare.rstrip("*") if prefix else bare
        if re.search(r"\w", text):
            escaped = text.replace('"', '""')
            terms.append(f'"{escaped}"{prefix}')
    return " ".join(terms)
