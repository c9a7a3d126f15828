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
        " FROM articles WHERE status <> 'pending' AND analysed_by IS NULL ORDER BY id LIMIT ?",
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
    db: sqlite3.Connection, analyses: Sequence[Analysis], *, encoder: str, version: str
) -> None:
    """Store features and citations, and mark the articles to be clustered, for the first time or again."""
    for analysis in analyses:
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


def forget_analyses(db: sqlite3.Connection, version: str, encoder: str) -> int:
    """Mark what an older version or another encoder analysed, to be analysed anew; returns how many."""
    return db.execute(
        "UPDATE articles SET analysed_by = NULL WHERE analysed_by IS NOT NULL AND (analysed_by <> ?"
        " OR id IN (SELECT article_id FROM features WHERE encoder <> ?))",
        (version, encoder),
    ).rowcount


def skip_analysis(db: sqlite3.Connection, article_id: int, version: str, detail: str) -> None:
    """Leave an article out of clustering, saying why, until its text or the analysis changes."""
    db.execute("UPDATE articles SET analysed_by = ?, detail = ? WHERE id = ?", (version, detail, article_id))


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
