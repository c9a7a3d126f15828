"""Articles: one row a page, from the first mention in a feed to the text that was read from it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from aggregator.articles.plain import count_words
from aggregator.model import ArticleStatus, EntryText, Extraction
from aggregator.store.feeds import LONGEST_PAUSE
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
    attempts: int  # that failed
    cut_off: int  # how often the process was killed while it read this page alone; 1: perhaps once
    entry: EntryText


def article_at(db: sqlite3.Connection, url: str) -> int | None:
    """Return the article that was found under an address."""
    row = db.execute("SELECT article_id FROM article_urls WHERE url = ?", (url,)).fetchone()
    return None if row is None else int(row["article_id"])


def missing_articles(db: sqlite3.Connection, article_ids: Iterable[int]) -> list[int]:
    """Return those of the ids that no article has."""
    query = "SELECT 1 FROM articles WHERE id = ?"
    return [i for i in article_ids if db.execute(query, (i,)).fetchone() is None]


def find_or_add(db: sqlite3.Connection, found: Sequence[FoundArticle], now: datetime) -> list[int]:
    """Return the article behind each address; new ones are due to be fetched at once.

    All of a feed's at once: a query and an insertion each cost four times as much.
    """
    if not found:
        return []
    known = _articles_at(db, [url for one in found for url in (one.url, one.fetch_url)])
    next_id = _last_id(db) + 1
    ids, new, urls = [], [], []
    for one in found:
        article_id = known.get(one.url) or known.get(one.fetch_url)
        if article_id is None:
            article_id, next_id = next_id, next_id + 1
            new.append((article_id, one))
        urls += [(url, article_id) for url in (one.url, one.fetch_url) if url not in known]
        known |= {one.url: article_id, one.fetch_url: article_id}
        ids.append(article_id)
    _insert(db, new, now)
    _remember_urls(db, urls)
    return ids


def fetch_again(db: sqlite3.Connection, entry_id: int, now: datetime) -> None:
    """Make the article due whose entry has changed, unless it changes at every look."""
    db.execute(
        "UPDATE articles SET next_fetch_at = ?, attempts = 0, cut_off = 0 WHERE fetch_url IS NOT NULL"
        " AND id = (SELECT article_id FROM entries WHERE entries.id = ?)"
        " AND (SELECT count(*) FROM article_revisions WHERE article_id = articles.id) < ?",
        (to_text(now), entry_id, REVISIONS_KEPT),
    )


def move_article(db: sqlite3.Connection, entry_id: int, found: FoundArticle, now: datetime) -> bool:
    """Have an entry's article read at its new link; False where there is none, or the link is known."""
    row = db.execute("SELECT article_id FROM entries WHERE id = ?", (entry_id,)).fetchone()
    if row["article_id"] is None or article_at(db, found.url) or article_at(db, found.fetch_url):
        return False
    db.execute("UPDATE articles SET fetch_url = ? WHERE id = ?", (found.fetch_url, row["article_id"]))
    _remember_urls(db, [(url, row["article_id"]) for url in (found.url, found.fetch_url)])
    fetch_again(db, entry_id, now)
    return True


def articles_to_fetch(db: sqlite3.Connection, now: datetime, limit: int) -> list[FetchTask]:
    """Return the pages that are due, the longest waiting first."""
    rows = db.execute(
        "SELECT articles.id, articles.fetch_url, articles.attempts, articles.cut_off, articles.title,"
        " entries.summary,"
        " entries.content, entries.author, entries.published_at, feeds.url AS feed_url,"
        " feeds.outlet AS feed_outlet, feeds.language"
        " FROM articles LEFT JOIN entries ON entries.id ="
        " (SELECT min(e.id) FROM entries AS e WHERE e.article_id = articles.id)"
        " LEFT JOIN feeds ON feeds.id = entries.feed_id"
        " WHERE articles.next_fetch_at <= ?"
        " ORDER BY articles.next_fetch_at, articles.id LIMIT ?",
        (to_text(now), limit),
    )
    return [_task(row) for row in rows]


def recall_fetches(db: sqlite3.Connection, now: datetime) -> None:
    """Make pages due that wait for a time of a clock that was set back since (conformance rule B24)."""
    db.execute(
        "UPDATE articles SET next_fetch_at = :now WHERE next_fetch_at > :now"
        " AND (next_fetch_at > :too_far OR first_seen_at > :now)",
        {"now": to_text(now), "too_far": to_text(now + LONGEST_PAUSE)},
    )


def begin_fetch(db: sqlite3.Connection, article_id: int) -> None:
    """Note that a page is being read, before it is: one that kills the process is known by that mark."""
    db.execute("UPDATE articles SET in_flight = 1 WHERE id = ?", (article_id,))


def release_fetches(db: sqlite3.Connection) -> None:
    """Take the mark off what was cut off in good order: that says nothing against the pages."""
    db.execute("UPDATE articles SET in_flight = 0 WHERE in_flight = 1")


def blame_fetches(db: sqlite3.Connection) -> None:
    """Count it against the page that a killed process was reading. Only for who holds the database.

    Where it was reading several, each is suspect, and will be read alone; a kill counts against none of them,
    however often that happens.
    """
    alone = db.execute("SELECT count(*) FROM articles WHERE in_flight = 1").fetchone()[0] == 1
    db.execute(
        "UPDATE articles SET in_flight = 0, cut_off = iif(?, cut_off + 1, max(cut_off, 1))"
        " WHERE in_flight = 1",
        (alone,),
    )


def postpone_fetch(db: sqlite3.Connection, article_id: int, until: datetime) -> None:
    """Leave an article for later, without anything to be held against it."""
    db.execute(
        "UPDATE articles SET next_fetch_at = ?, in_flight = 0 WHERE id = ?", (to_text(until), article_id)
    )


def fail_fetch(db: sqlite3.Connection, article_id: int, until: datetime, detail: str) -> None:
    """Leave an article for another attempt, saying what was wrong with this one."""
    db.execute("UPDATE articles SET attempts = attempts + 1, detail = ? WHERE id = ?", (detail, article_id))
    postpone_fetch(db, article_id, until)


def save_extraction(
    db: sqlite3.Connection, article_id: int, extraction: Extraction, outlet: str, now: datetime
) -> int | None:
    """Store what was read from a page; returns the article that has it now, None if it was pruned.

    Where the page turns out to be one that is known under its canonical address, the entries move there
    and the newcomer goes: one page is one article.
    """
    keeper = article_at(db, extraction.url)
    old = _row(db, article_id)
    if old is None:
        return None
    if keeper is None or keeper == article_id:
        _store(db, old, extraction, outlet, now)
    elif old["fetched_at"] is not None:  # known by its own address since long
        _store(db, old, replace(extraction, url=old["url"]), outlet, now)
    else:
        _merge(db, article_id, keeper)
        kept = _row(db, keeper)
        if kept and extraction.status is ArticleStatus.FULL and kept["status"] != ArticleStatus.FULL:
            _store(db, kept, extraction, outlet, now)
        return keeper
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
        known_id = find_or_add(db, [FoundArticle(extraction.url, extraction.url, outlet, entry)], now)[0]
        db.execute("UPDATE articles SET fetch_url = NULL WHERE id = ?", (known_id,))
    else:
        known_id = known
    save_extraction(db, known_id, extraction, outlet, now)
    return known_id, known is None


def _store(
    db: sqlite3.Connection, old: sqlite3.Row, extraction: Extraction, outlet: str, now: datetime
) -> None:
    """Write what was read over what is known, unless it is less than that: a wall, a stub, an error page."""
    if old["status"] == ArticleStatus.FULL and extraction.status is not ArticleStatus.FULL:
        db.execute("UPDATE articles SET next_fetch_at = NULL, in_flight = 0 WHERE id = ?", (old["id"],))
        return
    changed = (old["title"], old["text"]) != (extraction.title, extraction.text)
    if changed and old["fetched_at"] is not None:
        _keep_revision(db, old, now)
    _update(db, old["id"], extraction, outlet, now)
    if changed or old["fetched_at"] is None:
        db.execute("UPDATE articles SET analysed_by = NULL WHERE id = ?", (old["id"],))
    _remember_urls(db, [(extraction.url, old["id"])])
    db.execute("UPDATE entries SET content = '' WHERE article_id = ? AND content <> ''", (old["id"],))


def _articles_at(db: sqlite3.Connection, urls: Sequence[str]) -> dict[str, int]:
    rows = db.execute(
        "SELECT url, article_id FROM article_urls WHERE url IN (SELECT value FROM json_each(?))",
        (json.dumps(urls),),
    )
    return {row["url"]: row["article_id"] for row in rows}


def _last_id(db: sqlite3.Connection) -> int:
    """Return the largest id that was ever given out (sqlite.org/autoinc.html)."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'articles'").fetchone()
    return 0 if row is None else int(row["seq"])


def _insert(db: sqlite3.Connection, found: Sequence[tuple[int, FoundArticle]], now: datetime) -> None:
    for outlet in {one.outlet for _, one in found}:
        ensure_outlet(db, outlet)
    at = to_text(now)
    db.executemany(
        "INSERT INTO articles (id, url, outlet, title, author, published_at, first_seen_at, fetch_url,"
        " next_fetch_at) VALUES (?, ?, ?, ?, ?, min(?, ?), ?, ?, ?)",
        [
            (
                article_id, one.url, one.outlet, one.entry.title, one.entry.author,
                to_text(one.entry.published_at), at, at, one.fetch_url, at,
            )
            for article_id, one in found
        ],
    )  # fmt: skip


def _row(db: sqlite3.Connection, article_id: int) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute("SELECT * FROM articles WHERE id = ?", (article_id,)).fetchone()
    return row


def _update(
    db: sqlite3.Connection, article_id: int, extraction: Extraction, outlet: str, now: datetime
) -> None:
    ensure_outlet(db, outlet)
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
            "words": count_words(extraction.text), "links": json.dumps(extraction.links),
            "detail": extraction.detail, "now": to_text(now),
        },
    )  # fmt: skip


def _keep_revision(db: sqlite3.Connection, old: sqlite3.Row, now: datetime) -> None:
    db.execute(
        "INSERT INTO article_revisions (article_id, title, text, seen_at) VALUES (?, ?, ?, ?)",
        (old["id"], old["title"], old["text"], to_text(now)),
    )


def _remember_urls(db: sqlite3.Connection, urls: Iterable[tuple[str, int]]) -> None:
    db.executemany("INSERT INTO article_urls (url, article_id) VALUES (?, ?) ON CONFLICT DO NOTHING", urls)


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
        cut_off=row["cut_off"],
        entry=EntryText(
            title=row["title"],
            summary=row["summary"] or "",
            content=row["content"] or "",
            author=row["author"],
            published_at=from_text(row["published_at"]),
            language=row["language"],
        ),
    )
