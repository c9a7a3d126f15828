"""Entries: what feeds mention, and which article each mention leads to."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime

from aggregator.feeds.identity import EntryUpdate, KnownEntry, LookupKeys, NewEntry
from aggregator.model import ParsedEntry
from aggregator.store.times import from_text, to_text


def known_entries(db: sqlite3.Connection, feed_id: int, keys: LookupKeys) -> list[KnownEntry]:
    """Load the entries of a feed that a parsed document may be about."""
    rows = db.execute(
        "SELECT entries.* FROM ("  # with OR, the planner reads all entries of the feed
        "SELECT id FROM entries WHERE feed_id = :feed AND guid IN (SELECT value FROM json_each(:guids))"
        " UNION SELECT id FROM entries"
        " WHERE feed_id = :feed AND alias IN (SELECT value FROM json_each(:aliases))"
        " UNION SELECT id FROM entries"
        " WHERE feed_id = :feed AND place IN (SELECT value FROM json_each(:places))"
        ") AS found CROSS JOIN entries ON entries.id = found.id ORDER BY entries.id",
        {
            "feed": feed_id,
            "guids": json.dumps(sorted(keys.guids)),
            "aliases": json.dumps(sorted(keys.aliases)),
            "places": json.dumps(sorted(keys.places)),
        },
    )
    return [_known(row) for row in rows]


def add_entries(
    db: sqlite3.Connection,
    feed_id: int,
    new: Sequence[NewEntry],
    articles: Sequence[int | None],
    now: datetime,
) -> None:
    """Insert new entries, each with the article that it leads to, or None."""
    at = to_text(now)
    db.executemany(
        "INSERT INTO entries (feed_id, guid, alias, place, digest, url, title, summary, content, author,"
        " published_at, updated_at, published_raw, first_seen_at, source_url, article_id)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, min(?, ?), min(?, ?), ?, ?, ?, ?)",
        [
            (
                feed_id, one.guid, one.alias, one.place, one.digest, one.entry.url, one.entry.title,
                one.entry.summary, one.entry.content, one.entry.author,
                to_text(one.entry.published_at or one.entry.updated_at), at,
                to_text(one.entry.updated_at), at, one.entry.published_raw, at, one.entry.source_url,
                article,
            )
            for one, article in zip(new, articles, strict=True)
        ],
    )  # fmt: skip


def change_entry(db: sqlite3.Connection, update: EntryUpdate, now: datetime) -> None:
    """Store an entry's newer version over the one that is known."""
    entry: ParsedEntry = update.entry
    db.execute(
        "UPDATE entries SET url = ?, title = ?, summary = ?, content = ?, author = ?, published_raw = ?,"
        " place = ?, digest = ?, earlier = ?, revisions = ?, updated_at = min(?, ?),"
        " published_at = min(coalesce(?, published_at), first_seen_at) WHERE id = ?",
        (
            entry.url, entry.title, entry.summary, entry.content, entry.author, entry.published_raw,
            update.place, update.digest, json.dumps(update.earlier), update.revisions,
            to_text(entry.updated_at), to_text(now), to_text(entry.published_at), update.id,
        ),
    )  # fmt: skip


def articles_by_title(db: sqlite3.Connection, feed_id: int) -> dict[str, int]:
    """Return the first article that a feed's entries of each title lead to (reliability case L24)."""
    rows = db.execute(
        "SELECT title, article_id FROM entries WHERE feed_id = ? AND title <> '' AND article_id IS NOT NULL"
        " ORDER BY id DESC",
        (feed_id,),
    )
    return {row["title"]: row["article_id"] for row in rows}


def point_to_article(db: sqlite3.Connection, entry_id: int, article_id: int) -> None:
    """Say which article an entry leads to."""
    db.execute("UPDATE entries SET article_id = ? WHERE id = ?", (article_id, entry_id))


def _known(row: sqlite3.Row) -> KnownEntry:
    return KnownEntry(
        id=row["id"],
        guid=row["guid"],
        alias=row["alias"],
        place=row["place"],
        url=row["url"],
        title=row["title"],
        published_at=from_text(row["published_at"]),
        digest=row["digest"],
        earlier=tuple(json.loads(row["earlier"])),
        revisions=row["revisions"],
        first_seen_at=from_text(row["first_seen_at"]),
    )
