"""What people are shown of a cluster and of its evidence, beyond what the digest says."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from aggregator.store.times import from_text

_LINKS = "SELECT article_id, other_id, score, threshold, version, at, signals FROM cluster_links"


@dataclass(frozen=True, slots=True)
class Quoted:
    """A citation with the sentence that makes it."""

    outlet: str | None  # domain; None where the outlet list does not know the name
    outlet_name: str | None
    name: str  # as written
    quote: str
    confidence: float  # 0..1
    rule: str


@dataclass(frozen=True, slots=True)
class Brief:
    """An article in a line."""

    article_id: int
    outlet: str
    outlet_name: str
    lang: str | None
    title: str
    url: str
    published_at: datetime
    cluster_id: int | None
    analysed: bool  # its features are there, so that it can be compared


@dataclass(frozen=True, slots=True)
class Evidence:
    """The stored link by which one of two articles joined the other."""

    article_id: int
    other_id: int
    score: float
    threshold: float
    version: str
    at: datetime
    signals: Mapping[str, float]


def quoted_citations(db: sqlite3.Connection, article_ids: Sequence[int]) -> Mapping[int, list[Quoted]]:
    """Return the citations of articles in the order of the text, by article."""
    found: dict[int, list[Quoted]] = defaultdict(list)
    for row in db.execute(
        "SELECT article_id, outlet, outlets.name AS outlet_name, citations.name, quote, confidence, rule"
        " FROM citations LEFT JOIN outlets ON outlets.domain = citations.outlet"
        " WHERE article_id IN (SELECT value FROM json_each(?)) ORDER BY citations.id",
        (json.dumps(list(article_ids)),),
    ):
        found[row["article_id"]].append(Quoted(*tuple(row)[1:]))
    return found


def brief_articles(db: sqlite3.Connection, article_ids: Sequence[int]) -> dict[int, Brief]:
    """Return articles in brief, by id; those that there are."""
    rows = db.execute(
        "SELECT articles.id, outlet, outlets.name AS outlet_name, lang, articles.title, articles.url,"
        " coalesce(published_at, first_seen_at) AS at, cluster_id,"
        " EXISTS (SELECT 1 FROM features WHERE article_id = articles.id) AS analysed"
        " FROM articles JOIN outlets ON outlets.domain = articles.outlet"
        " WHERE articles.id IN (SELECT value FROM json_each(?)) ORDER BY articles.id",
        (json.dumps(list(article_ids)),),
    )
    return {
        row["id"]: Brief(
            article_id=row["id"],
            outlet=row["outlet"],
            outlet_name=row["outlet_name"],
            lang=row["lang"],
            title=row["title"],
            url=row["url"],
            published_at=from_text(row["at"]),
            cluster_id=row["cluster_id"],
            analysed=bool(row["analysed"]),
        )
        for row in rows
    }


def articles_of_cluster(db: sqlite3.Connection, cluster_id: int) -> list[int]:
    """Return the ids of a cluster's articles, the earliest first."""
    rows = db.execute(
        "SELECT id FROM articles WHERE cluster_id = ? ORDER BY coalesce(published_at, first_seen_at), id",
        (cluster_id,),
    )
    return [row["id"] for row in rows]


def evidence_between(db: sqlite3.Connection, one: int, other: int) -> Evidence | None:
    """Return the stored link between two articles, where one joined by the other."""
    row = db.execute(
        f"{_LINKS} WHERE (article_id, other_id) IN (VALUES (:one, :other), (:other, :one))"
        " ORDER BY score DESC LIMIT 1",
        {"one": one, "other": other},
    ).fetchone()
    return None if row is None else _evidence(row)


def evidence_of_cluster(db: sqlite3.Connection, cluster_id: int) -> list[Evidence]:
    """Return the strongest stored link of each article of a cluster, by article."""
    rows = db.execute(
        f"{_LINKS} WHERE cluster_id = ? ORDER BY article_id, score DESC, other_id", (cluster_id,)
    )
    strongest: dict[int, Evidence] = {}
    for row in rows:
        strongest.setdefault(row["article_id"], _evidence(row))
    return list(strongest.values())


def waiting_for_analysis(db: sqlite3.Connection, article_ids: Sequence[int], version: str) -> int:
    """Return how many of these articles were last analysed by another version, or with an earlier text."""
    query = (
        "SELECT count(*) FROM json_each(?) JOIN articles ON articles.id = value WHERE analysed_by IS NOT ?"
    )
    return int(db.execute(query, (json.dumps(list(article_ids)), version)).fetchone()[0])


def _evidence(row: sqlite3.Row) -> Evidence:
    return Evidence(
        article_id=row["article_id"],
        other_id=row["other_id"],
        score=row["score"],
        threshold=row["threshold"],
        version=row["version"],
        at=from_text(row["at"]),
        signals=json.loads(row["signals"]),
    )
