"""What was sent to whom: a digest that is written twice is sent once, and what failed is tried again."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import date, datetime

from aggregator.store.times import from_text, to_text


@dataclass(frozen=True, slots=True)
class Delivery:
    """How it stands with one digest for one reader."""

    attempts: int
    next_at: datetime | None  # None: it was taken, or refused for good


def deliveries(db: sqlite3.Connection, day: date, kind: str) -> dict[str, Delivery]:
    """Return by reader how it stands with a day's digest; ``kind`` is the way it goes (mail)."""
    rows = db.execute("SELECT * FROM deliveries WHERE day = ? AND kind = ?", (day.isoformat(), kind))
    return {row["target"]: Delivery(row["attempts"], from_text(row["next_at"])) for row in rows}


def begin_delivery(db: sqlite3.Connection, day: date, kind: str, target: str, next_at: datetime) -> None:
    """Note an attempt before it is made, and when there will be another should nothing come of it."""
    db.execute(
        "INSERT INTO deliveries (day, kind, target, attempts, next_at) VALUES (?, ?, ?, 1, ?)"
        " ON CONFLICT DO UPDATE SET attempts = attempts + 1, next_at = excluded.next_at",
        (day.isoformat(), kind, target, to_text(next_at)),
    )


def record_delivery(db: sqlite3.Connection, day: date, kind: str, target: str, at: datetime) -> None:
    """Remember that the digest of a day was taken."""
    db.execute(
        "UPDATE deliveries SET sent_at = ?, next_at = NULL, last_error = NULL"
        " WHERE day = ? AND kind = ? AND target = ?",
        (to_text(at), day.isoformat(), kind, target),
    )


def record_failure(
    db: sqlite3.Connection, day: date, kind: str, target: str, reason: str, *, for_good: bool
) -> None:
    """Remember why the digest of a day was not taken; ``for_good``: it is not tried again."""
    db.execute(
        "UPDATE deliveries SET last_error = ?, next_at = iif(?, NULL, next_at)"
        " WHERE day = ? AND kind = ? AND target = ?",
        (reason, for_good, day.isoformat(), kind, target),
    )
