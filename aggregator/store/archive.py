"""Articles on their way out: the fields of ``import``, and what was found out about them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator

_QUERY = """
    SELECT id, url, title, text, coalesce(published_at, first_seen_at) AS published, lang, outlet, cluster_id,
        copy_of, (SELECT json_group_array(outlet) FROM
            (SELECT DISTINCT outlet FROM citations WHERE article_id = articles.id AND outlet IS NOT NULL
            ORDER BY outlet)) AS cites
    FROM articles WHERE status <> 'pending' ORDER BY id
"""


def exported_articles(db: sqlite3.Connection) -> Iterator[dict[str, object]]:
    """Yield every article that was read, by id."""
    for row in db.execute(_QUERY):
        yield {**dict(row), "cites": json.loads(row["cites"])}
