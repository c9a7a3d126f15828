"""What the analysis of a text gives, kept beside the article: features for clustering, and citations."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from aggregator.model import Analysis, Citation, Text
from aggregator.store.outlets import ensure_outlet
from aggregator.store.times import from_text


def texts_to_analyse(db: sqlite3.Connection, limit: int) -> list[Text]:
    """Return the articles whose text has not been analysed since it was read or last changed."""
    rows = db.execute(
        "SELECT id, outlet, title, text, lang, links, coalesce(published_at, first_seen_at) AS at"
        " FROM articles INDEXED BY articles_to_analyse"  # left to itself, the planner reads the whole table
        " WHERE status <> 'pending' AND analysed_by IS NULL ORDER BY id LIMIT ?",
        (limit,),
    )
    return [
        Text(
            article_id=row["id"],
            outlet=row["outlet"],
            title=row["title"],
            text=row["text"],
            lang=row["lang"],
            published_at=from_text(row["at"]),
            links=tuple(json.loads(row["links"])),
        )
        for row in rows
    ]


def save_analyses(
    db: sqlite3.Connection,
    texts: Sequence[Text],
    analyses: Sequence[Analysis],
    *,
    encoder: str,
    version: str,
) -> None:
    """Store features and citations, and mark the articles to be clustered, for the first time or again.

    An article whose text is by now another than the one that was analysed goes on waiting.
    """
    for text, analysis in zip(texts, analyses, strict=True):
        if not _is_current(db, text):
            continue
        key = (analysis.article_id,)
        db.execute(
            "INSERT INTO features (article_id, encoder, data) VALUES (?, ?, ?) ON CONFLICT (article_id)"
            " DO UPDATE SET encoder = excluded.encoder, data = excluded.data",
            (analysis.article_id, encoder, analysis.features),
        )
        db.execute("DELETE FROM citations WHERE article_id = ?", key)
        for citation in analysis.citations:
            _cite(db, analysis.article_id, citation)
        db.execute(
            "UPDATE articles SET analysed_by = ?, to_cluster = 1 WHERE id = ?", (version, analysis.article_id)
        )


def forget_analyses(db: sqlite3.Connection, version: str, encoder: str) -> None:
    """Mark everything to be analysed anew, if an older version or another encoder was the last to analyse."""
    by = f"{version} {encoder}"
    last = db.execute("SELECT value FROM about WHERE key = 'analysed_by'").fetchone()
    if last is None or last["value"] != by:
        db.execute("UPDATE articles SET analysed_by = NULL WHERE analysed_by IS NOT NULL")
        db.execute("INSERT OR REPLACE INTO about (key, value) VALUES ('analysed_by', ?)", (by,))


def skip_analysis(db: sqlite3.Connection, article_id: int, version: str, detail: str) -> None:
    """Leave an article out of clustering, saying why, until its text or the analysis changes.

    The others of the cluster that it was in are clustered again; a cluster that is left empty keeps its id.
    """
    db.execute(
        "UPDATE articles SET to_cluster = 1 WHERE id <> :id"
        " AND cluster_id = (SELECT cluster_id FROM articles WHERE id = :id)",
        {"id": article_id},
    )
    db.execute(
        "UPDATE clusters SET article_count = 0, outlet_count = 0, independent_count = 0"
        " WHERE article_count = 1 AND id = (SELECT cluster_id FROM articles WHERE id = ?)",
        (article_id,),
    )
    db.execute("DELETE FROM features WHERE article_id = ?", (article_id,))
    db.execute("DELETE FROM citations WHERE article_id = ?", (article_id,))
    db.execute("DELETE FROM cluster_links WHERE article_id = :id OR other_id = :id", {"id": article_id})
    db.execute(
        "UPDATE articles SET analysed_by = ?, detail = ?, cluster_id = NULL, copy_of = NULL, to_cluster = 0"
        " WHERE id = ?",
        (version, detail, article_id),
    )


def _is_current(db: sqlite3.Connection, text: Text) -> bool:
    query = "SELECT 1 FROM articles WHERE id = ? AND title = ? AND text = ?"
    return db.execute(query, (text.article_id, text.title, text.text)).fetchone() is not None


def _cite(db: sqlite3.Connection, article_id: int, citation: Citation) -> None:
    if citation.outlet:
        ensure_outlet(db, citation.outlet)
    db.execute(
        "INSERT INTO citations (article_id, outlet, name, quote, confidence, rule) VALUES (?, ?, ?, ?, ?, ?)",
        (
            article_id, citation.outlet, citation.name, citation.quote, round(citation.confidence, 3),
            citation.rule,
        ),
    )  # fmt: skip
