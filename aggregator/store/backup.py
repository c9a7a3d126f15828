"""A copy of the database, made while others read and write, checked before it gets its name."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from aggregator.store.connection import StoreError, damaged, open_reader

TABLES = ("feeds", "entries", "articles", "clusters", "citations", "polls")
"""Their rows are counted in the original and in the copy."""


def back_up(database: Path, target: Path, *, replace: bool = False) -> dict[str, int]:
    """Copy the database to ``target``; returns the rows of each table in the copy.

    The copy is one snapshot, whatever is written meanwhile. ``target`` appears whole and checked, or not at
    all.

    Raises FileExistsError where it is there already and ``replace`` is not given, NotADirectoryError where a
    file is in the place of its folder, StoreError where the database or the copy of it is damaged.
    """
    in_the_way = next((folder for folder in target.parents if folder.exists() and not folder.is_dir()), None)
    if in_the_way:
        raise NotADirectoryError(
            f"{target}: {in_the_way} is a file and no folder; give another place for the backup"
        )
    if target.exists() and (not replace or not target.is_file() or target.samefile(database)):
        raise FileExistsError(f"{target}: is there already")
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".new", dir=target.parent)
    draft = Path(name)
    try:
        counts = _copy(database, draft)
        os.fsync(descriptor)
        draft.chmod(database.stat().st_mode & 0o777)
        _put(draft, target, replace=replace)
    finally:
        os.close(descriptor)
        draft.unlink(missing_ok=True)
    return counts


def count_rows(db: sqlite3.Connection) -> dict[str, int]:
    """Return how many rows the main tables have."""
    return {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}


def faults(db: sqlite3.Connection) -> list[str]:
    """Return what SQLite finds wrong with a database: broken pages and indexes, rows that point nowhere."""
    found = [row[0] for row in db.execute("PRAGMA integrity_check(10)") if row[0] != "ok"]
    orphans = db.execute('SELECT DISTINCT "table", parent FROM pragma_foreign_key_check LIMIT 10').fetchall()
    return found + [f"rows of {row['table']} point to missing rows of {row['parent']}" for row in orphans]


def _copy(database: Path, draft: Path) -> dict[str, int]:
    try:
        with closing(open_reader(database)) as db:
            db.execute("BEGIN")  # the counts and the copy are of one snapshot
            expected = count_rows(db)
            with closing(sqlite3.connect(draft)) as copy:
                db.backup(copy)
                copy.execute(
                    "PRAGMA journal_mode = DELETE"
                )  # one file, that opens on read-only media as well
        with closing(open_reader(draft)) as copy:
            wrong = faults(copy)
            counts = count_rows(copy)
    except sqlite3.DatabaseError as error:
        raise StoreError(damaged(database, error)) from error
    if wrong or counts != expected:
        raise StoreError(damaged(database, sqlite3.DatabaseError("; ".join(wrong) or "rows are missing")))
    return counts


def _put(draft: Path, target: Path, *, replace: bool) -> None:
    if replace:
        draft.replace(target)
    else:
        os.link(draft, target)  # unlike a rename, this never replaces what came there meanwhile
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
