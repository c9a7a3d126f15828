"""Articles: one row a page, from the first mention in a feed to the text that was read from it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from aggregator.model import ArticleStatus, EntryText, Extraction
from aggregator.store.outlets import ensure_outlet
from aggregator.store.times import from_text, to_text

REVISIONS_KEPT = 20  # a page that changes at every look must not fill the disk


@dataclass(frozen=True, slots=True)
class FoundArticle:
    """An article as an entry mentions it, before its page is read."""

    url: str  # canonical, as far as the link tells
    fetch_url: str  # as the entry gives it
    outlet: str
    entry: EntryText


@dataclass(frozen=True, slots=True)
class FetchTask:
    """A page that is due to be fetched, and what its entry says, should it not be had."""

    article_id: int
    url: str
    feed_url: str | None  # of a feed that mentions it
    feed_outlet: str | None
    attempts: int  # begun before this one
    entry: EntryText


def article_at(db: sqlite3.Connection, url: str) -> int | None:
    """Return the article that was found under an address."""
    row = db.execute("SELECT article_id FROM article_urls WHERE url = ?", (url,)).fetchone()
    return None if row is None else int(row["article_id"])


def missing_articles(db: sqlite3.Connection, article_ids: Iterable[int]) -> list[int]:
    """Return those of the ids that no article has."""
    query = "SELECT 1 FROM articles WHERE id = ?"
    return [i for i in article_ids if db.execute(query, (i,)).fetchone() is None]


def find_or_add(db: sqlite3.Connection, found: FoundArticle, now: datetime) -> int:
    """Return the article behind an address; a new one is due to be fetched at once."""
    known = article_at(db, found.url)
    if known is None:
        known = article_at(db, found.fetch_url)
    if known is None:
        known = _insert(db, found, now)
    _remember_urls(db, known, (found.url, found.fetch_url))
    return known


def fetch_again(db: sqlite3.Connection, entry_ids: Iterable[int], now: datetime) -> None:
    """Make the articles due whose entries have changed, unless they change at every look."""
    db.executemany(
        "UPDATE articles SET next_fetch_at = ?, attempts = 0 WHERE fetch_url IS NOT NULL"
        " AND id = (SELECT article_id FROM entries WHERE entries.id = ?)"
        " AND (SELECT count(*) FROM article_revisions WHERE article_id = articles.id) < ?",
        [(to_text(now), entry_id, REVISIONS_KEPT) for entry_id in entry_ids],
    )


def articles_to_fetch(db: sqlite3.Connection, now: datetime, limit: int) -> list[FetchTask]:
    """Return the pages that are due, the longest waiting first."""
    rows = db.execute(
        "SELECT articles.id, articles.fetch_url, articles.attempts, articles.title, entries.summary,"
        " entries.content, entries.author, entries.published_at, feeds.url AS feed_url,"
        " feeds.outlet AS feed_outlet, feeds.language"
        " FROM articles LEFT JOIN entries ON entries.id ="
        " (SELECT min(e.id) FROM entries AS e WHERE e.article_id = articles.id)"
        " LEFT JOIN feeds ON feeds.id = entries.feed_id"
        " WHERE articles.next_fetch_at <= ? AND articles.in_flight = 0"
        " ORDER BY articles.next_fetch_at, articles.id LIMIT ?",
        (to_text(now), limit),
    )
    return [_task(row) for row in rows]


def begin_fetches(db: sqlite3.Connection, tasks: Sequence[FetchTask]) -> None:
    """Count the attempts before they begin: a page that kills the process is given up in the end."""
    db.executemany(
        "UPDATE articles SET attempts = attempts + 1, in_flight = 1 WHERE id = ?",
        [(task.article_id,) for task in tasks],
    )


def resume_fetches(db: sqlite3.Connection) -> int:
    """Take up again what a killed process was fetching. Only for the one that holds the database."""
    return db.execute("UPDATE articles SET in_flight = 0 WHERE in_flight = 1").rowcount


def postpone_fetches(
    db: sqlite3.Connection, article_ids: Iterable[int], until: datetime, detail: str | None = None
) -> None:
    """Leave articles for a later attempt, saying why."""
    db.executemany(
        "UPDATE articles SET next_fetch_at = ?, in_flight = 0, detail = coalesce(?, detail) WHERE id = ?",
        [(to_text(until), detail, article_id) for article_id in article_ids],
    )


def save_extraction(
    db: sqlite3.Connection, article_id: int, extraction: Extraction, outlet: str, now: datetime
) -> int:
    """Store what was read from a page; returns the article that has it now.

    Where the page turns out to be one that is known under its canonical address, the entries move there
    and the newcomer goes: one page is one article.
    """
    ensure_outlet(db, outlet)
    keeper = article_at(db, extraction.url)
    old = db.execute("SELECT * FROM articles WHERE id = ?", (article_id,)).fetchone()
    if keeper is not None and keeper != article_id:
        if old["fetched_at"] is None:
            _merge(db, article_id, keeper)
            return keeper
        extraction = replace(extraction, url=old["url"])  # known by its own address since long
    if old["fetched_at"] is not None and _poorer(old, extraction):
        db.execute("UPDATE articles SET next_fetch_at = NULL, in_flight = 0 WHERE id = ?", (article_id,))
        return article_id
    changed = (old["title"], old["text"]) != (extraction.title, extraction.text)
    if changed and old["fetched_at"] is not None:
        _keep_revision(db, old, now)
    _update(db, article_id, extraction, outlet, now)
    if changed or old["fetched_at"] is None:
        db.execute("UPDATE articles SET analysed_by = NULL WHERE id = ?", (article_id,))
    _remember_urls(db, article_id, (extraction.url,))
    db.execute("UPDATE entries SET content = '' WHERE article_id = ? AND content <> ''", (article_id,))
    return article_id


def import_article(
    db: sqlite3.Connection, extraction: Extraction, outlet: str, now: datetime
) -> tuple[int, bool]:
    """Put an article in without polling; returns its id and whether it was new.

    Importing an article again updates it, and keeps what was there as a revision.
    """
    known = article_at(db, extraction.url)
    if known is None:
        entry = EntryText(extraction.title)
        known_id = _insert(db, FoundArticle(extraction.url, extraction.url, outlet, entry), now)
        db.execute("UPDATE articles SET fetch_url = NULL WHERE id = ?", (known_id,))
    else:
        known_id = known
    save_extraction(db, known_id, extraction, outlet, now)
    return known_id, known is None


def _insert(db: sqlite3.Connection, found: FoundArticle, now: datetime) -> int:
    ensure_outlet(db, found.outlet)
    published = None if found.entry.published_at is None else min(found.entry.published_at, now)
    row = db.execute(
        "INSERT INTO articles (url, outlet, title, author, published_at, first_seen_at, fetch_url,"
        " next_fetch_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (
            found.url, found.outlet, found.entry.title, found.entry.author, to_text(published),
            to_text(now), found.fetch_url, to_text(now),
        ),
    ).fetchone()  # fmt: skip
    _remember_urls(db, int(row["id"]), (found.url,))
    return int(row["id"])


def _update(
    db: sqlite3.Connection, article_id: int, extraction: Extraction, outlet: str, now: datetime
) -> None:
    published = None if extraction.published_at is None else min(extraction.published_at, now)
    db.execute(
        "UPDATE articles SET url = :url, outlet = :outlet, title = :title, text = :text, lang = :lang,"
        " author = coalesce(:author, author),"
        " published_at = min(coalesce(published_at, :published), first_seen_at), status = :status,"
        " word_count = :words, links = :links, detail = :detail, fetched_at = :now, next_fetch_at = NULL,"
        " in_flight = 0 WHERE id = :id",
        {
            "id": article_id, "url": extraction.url, "outlet": outlet, "title": extraction.title,
            "text": extraction.text, "lang": extraction.lang, "author": extraction.author,
            "published": to_text(published), "status": extraction.status,
            "words": len(extraction.text.split()), "links": json.dumps(extraction.links),
            "detail": extraction.detail, "now": to_text(now),
        },
    )  # fmt: skip


def _poorer(old: sqlite3.Row, extraction: Extraction) -> bool:
    """Say whether a later look at a page brought less than is stored: a wall, a stub, an error page."""
    had = old["status"] == ArticleStatus.FULL
    return had and extraction.status is not ArticleStatus.FULL


def _keep_revision(db: sqlite3.Connection, old: sqlite3.Row, now: datetime) -> None:
    db.execute(
        "INSERT INTO article_revisions (article_id, title, text, seen_at) VALUES (?, ?, ?, ?)",
        (old["id"], old["title"], old["text"], to_text(now)),
    )


def _remember_urls(db: sqlite3.Connection, article_id: int, urls: Iterable[str]) -> None:
    db.executemany(
        "INSERT INTO article_urls (url, article_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
        [(url, article_id) for url in urls],
    )


def _merge(db: sqlite3.Connection, newcomer: int, keeper: int) -> None:
    db.execute("UPDATE entries SET article_id = ?, content = '' WHERE article_id = ?", (keeper, newcomer))
    db.execute("UPDATE article_urls SET article_id = ? WHERE article_id = ?", (keeper, newcomer))
    db.execute("DELETE FROM articles WHERE id = ?", (newcomer,))


def _task(row: sqlite3.Row) -> FetchTask:
    return FetchTask(
        article_id=row["id"],
        url=row["fetch_url"],
        feed_url=row["feed_url"],
        feed_outlet=row["feed_outlet"],
        attempts=row["attempts"],
        entry=EntryText(
            title=row["title"],
            summary=row["summary"] or "",
            content=row["content"] or "",
            author=row["author"],
            published_at=from_text(row["published_at"]),
            language=row["language"],
        ),
    )
