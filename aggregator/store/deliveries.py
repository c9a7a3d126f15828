"""What was sent to whom: a digest that is written twice is sent once, and what failed is tried again."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from aggregator.store.times import from_text, to_text

MAIL, FILE = "mail", "file"
"""The ways a digest goes."""

_TIMELY = timedelta(days=2)
"""A digest that is older by its day was followed by others, or is wanted no longer."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How it stands with one digest for one reader."""

    attempts: int
    next_at: datetime | None  # None: it was taken, or refused for good


def deliveries(db: sqlite3.Connection, day: date, kind: str) -> dict[str, Delivery]:
    """Return by reader how it stands with a day's digest; ``kind`` is the way it goes."""
    rows = db.execute("SELECT * FROM deliveries WHERE day = ? AND kind = ?", (day.isoformat(), kind))
    return {row["target"]: Delivery(row["attempts"], from_text(row["next_at"])) for row in rows}


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A digest that did not get where it was to go; ``next_at`` is None where it was refused for good."""

    day: str
    kind: str
    target: str
    since: datetime
    attempts: int
    next_at: datetime | None
    error: str

    def sentence(self) -> str:
        """Say what failed, since when, why, and what follows."""
        after = f"tried again at {to_text(self.next_at)}" if self.next_at else "not tried again"
        what = f"mailed to {self.target}" if self.kind == MAIL else "written"
        since = to_text(self.since)
        return f"The digest of {self.day} could not be {what} since {since} ({self.error}); {after}."


def undelivered(db: sqlite3.Connection, now: datetime) -> tuple[Undelivered, ...]:
    """Return what failed of the latest digest, a way that it goes each."""
    rows = db.execute(
        "SELECT * FROM deliveries WHERE sent_at IS NULL AND last_error IS NOT NULL AND day >= ?"
        " AND day = (SELECT max(day) FROM deliveries AS others WHERE others.kind = deliveries.kind)"
        " ORDER BY kind, target",
        ((now - _TIMELY).date().isoformat(),),
    )
    return tuple(
        Undelivered(
            row["day"],
            row["kind"],
            row["target"],
            from_text(row["begun_at"]),
            row["attempts"],
            from_text(row["next_at"]),
            row["last_error"],
        )
        for row in rows
    )


def begin_delivery(
    db: sqlite3.Connection, day: date, kind: str, target: str, now: datetime, next_at: datetime
) -> None:
    """Note an attempt before it is made, and when there will be another should nothing come of it."""
    db.execute(
        "INSERT INTO deliveries (day, kind, target, begun_at, attempts, next_at) VALUES (?, ?, ?, ?, 1, ?)"
        " ON CONFLICT DO UPDATE SET attempts = attempts + 1, next_at = excluded.next_at",
        (day.isoformat(), kind, target, to_text(now), to_text(next_at)),
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
