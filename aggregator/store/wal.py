"""The write-ahead log: how long it is, and folding it back into the database."""

from __future__ import annotations

import sqlite3
from pathlib import Path

LONG_LOG = 256_000_000
"""Bytes of write-ahead log from which on a program must be suspected that never ends its reading."""


def log_size(database: Path) -> int:
    """Return the bytes of the write-ahead log."""
    try:
        whole = database.resolve()
        return whole.with_name(f"{whole.name}-wal").stat().st_size
    except FileNotFoundError:
        return 0


def fold_log(db: sqlite3.Connection) -> bool:
    """Fold the log back into the database and cut it to nothing; returns whether that was possible.

    Never waits: with a reader in the way, SQLite would hold up the writer for the whole busy timeout. To be
    run outside of any transaction (sqlite.org/pragma.html#pragma_wal_checkpoint; reliability case L07).
    """
    timeout = db.execute("PRAGMA busy_timeout").fetchone()[0]
    db.execute("PRAGMA busy_timeout = 0")
    try:
        return bool(db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
    finally:
        db.execute(f"PRAGMA busy_timeout = {timeout}")
