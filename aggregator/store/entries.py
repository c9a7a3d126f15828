"""Entries: what feeds mention, and which article each mention leads to."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime

from aggregator.feeds.identity import EntryPlan, EntryUpdate, KnownEntry, LookupKeys, NewEntry
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


def apply_plan(db: sqlite3.Connection, feed_id: int, plan: EntryPlan, now: datetime) -> list[int]:
    """Insert what is new and update what changed; returns the ids of the new entries, in the plan's order."""
    inserted = [_insert(db, feed_id, new, now) for new in plan.new]
    for update in plan.updated:
        _update(db, update, now)
    return inserted


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


def _insert(db: sqlite3.Connection, feed_id: int, new: NewEntry, now: datetime) -> int:
    entry = new.entry
    row = db.execute(
        "INSERT INTO entries (feed_id, guid, alias, place, digest, url, title, summary, content, author,"
        " published_at, updated_at, published_raw, first_seen_at, source_url)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (
            feed_id, new.guid, new.alias, new.place, new.digest, entry.url, entry.title, entry.summary,
            entry.content, entry.author, to_text(_not_after(entry.published_at or entry.updated_at, now)),
            to_text(_not_after(entry.updated_at, now)), entry.published_raw, to_text(now), entry.source_url,
        ),
    ).fetchone()  # fmt: skip
    return int(row["id"])


def _update(db: sqlite3.Connection, update: EntryUpdate, now: datetime) -> None:
    entry: ParsedEntry = update.entry
    db.execute(
        "UPDATE entries SET url = ?, title = ?, summary = ?, content = ?, author = ?, published_raw = ?,"
        " place = ?, digest = ?, earlier = ?, revisions = ?, updated_at = ?,"
        " published_at = min(coalesce(?, published_at), first_seen_at) WHERE id = ?",
        (
            entry.url, entry.title, entry.summary, entry.content, entry.author, entry.published_raw,
            update.place, update.digest, json.dumps(update.earlier), update.revisions,
            to_text(_not_after(entry.updated_at, now)), to_text(entry.published_at), update.id,
        ),
    )  # fmt: skip


def _not_after(time: datetime | None, now: datetime) -> datetime | None:
    """Clamp a time to now: an entry from the future would stay on top for ever (reliability case L21)."""
    return None if time is None else min(time, now)


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
