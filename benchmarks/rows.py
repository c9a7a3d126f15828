"""What a run found, without the ids, which follow the order in which pages happened to come."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

FOUND = {
    "articles": "SELECT a.url, a.outlet, a.title, a.text, a.lang, a.author, a.published_at, a.status,"
    " a.word_count, of.url FROM articles AS a LEFT JOIN articles AS of ON of.id = a.copy_of",
    "entries": "SELECT f.url, e.guid, e.url, e.title, e.summary, e.published_at, a.url FROM entries AS e"
    " JOIN feeds AS f ON f.id = e.feed_id LEFT JOIN articles AS a ON a.id = e.article_id",
    "citations": "SELECT a.url, c.outlet, c.name, c.quote, c.confidence, c.rule"
    " FROM citations AS c JOIN articles AS a ON a.id = c.article_id",
    "clusters": "SELECT (SELECT group_concat(url, ' ') FROM (SELECT url FROM articles WHERE cluster_id = c.id"
    " ORDER BY url)), c.title, c.independent_count, c.languages, c.origin_outlet FROM clusters AS c",
}


def found(database: Path) -> dict[str, list[str]]:
    """Return the rows of each kind, sorted."""
    with closing(sqlite3.connect(database)) as db:
        return {kind: sorted(map(repr, db.execute(query))) for kind, query in FOUND.items()}
