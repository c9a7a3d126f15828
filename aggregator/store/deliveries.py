"""What was sent to whom: a digest that is written twice is sent once."""

from __future__ import annotations

import sqlite3
from datetime import date, datetime

from aggregator.store.times import to_text


def delivered(db: sqlite3.Connection, day: date, kind: str) -> frozenset[str]:
    """Return those that have had the digest of a day; ``kind`` is the way it went (mail)."""
    rows = db.execute("SELECT target FROM deliveries WHERE day = ? AND kind = ?", (day.isoformat(), kind))
    return frozenset(row["target"] for row in rows)


def record_delivery(db: sqlite3.Connection, day: date, kind: str, target: str, at: datetime) -> None:
    """Remember that the digest of a day went to somebody."""
    db.execute(
        "INSERT INTO deliveries (day, kind, target, sent_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (day.isoformat(), kind, target, to_text(at)),
    )
