"""What a database says of itself, and setting the demo's aside."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import UUID

from aggregator.store.connection import open_reader

_DEMO = "demo"
_COMPANIONS = ("", "-wal", "-shm")


def mark_as_demo(db: sqlite3.Connection) -> None:
    """Note that a database holds the demo's fiction."""
    db.execute("INSERT INTO about (key, value) VALUES (?, 'yes') ON CONFLICT DO NOTHING", (_DEMO,))


def is_demo(path: Path) -> bool:
    """Say whether a database holds the demo's fiction. Raises StoreError where it is no database of ours."""
    if not path.exists():
        return False
    with closing(open_reader(path)) as db:
        return db.execute("SELECT 1 FROM about WHERE key = ?", (_DEMO,)).fetchone() is not None


def identity(db: sqlite3.Connection) -> UUID:
    """Return the number that tells this database from all others, for ever the same."""
    return UUID(db.execute("SELECT value FROM about WHERE key = 'id'").fetchone()[0])


def set_demo_aside(path: Path) -> Path | None:
    """Move the demo's database out of the way of real news; returns where it is now, None where it is none.

    Only for the one that holds the database's lock.
    """
    if not is_demo(path):
        return None
    aside = path.with_name(f"{path.stem}.demo{path.suffix}")
    for companion in _COMPANIONS:
        source = path.with_name(path.name + companion)
        target = aside.with_name(aside.name + companion)
        if source.exists():
            source.replace(target)
        else:
            target.unlink(missing_ok=True)
    return aside
