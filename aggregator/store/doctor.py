"""Examining a database and the place it lives in: a table of findings, worst at a glance."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from pyexpat import EXPAT_VERSION
from typing import Literal

from aggregator.store.backup import faults
from aggregator.store.connection import StoreError, open_reader
from aggregator.store.deliveries import undelivered
from aggregator.store.schema import SCHEMA_VERSION, migrate
from aggregator.store.status import last_change
from aggregator.store.times import to_text
from aggregator.store.wal import LONG_LOG, log_size

State = Literal["ok", "warn", "fail"]

LITTLE_SPACE, NO_SPACE = 500_000_000, 20_000_000
"""Bytes free on the disk: from here on a warning, and a failure."""

CLOCK_SLACK = timedelta(minutes=15)

SAFE_SQLITE = (3, 38, 0)
"""STRICT tables came with 3.37, RETURNING with 3.35, JSON built in with 3.38 (sqlite.org/changes.html)."""

SAFE_EXPAT = (2, 4, 1)
"""The first with protection against billion laughs (CVE-2013-0340)."""

_ORPHANS = {
    "articles that no address leads to": (
        "SELECT count(*) FROM articles WHERE id NOT IN (SELECT article_id FROM article_urls)"
    ),
    "clusters whose count of articles is wrong": (
        "SELECT count(*) FROM clusters LEFT JOIN (SELECT cluster_id, count(*) AS n FROM articles"
        " WHERE cluster_id IS NOT NULL GROUP BY cluster_id) AS held ON held.cluster_id = clusters.id"
        " WHERE clusters.article_count <> coalesce(held.n, 0)"
    ),
    "redirects to a cluster that is itself redirected": (
        "SELECT count(*) FROM cluster_redirects WHERE new_id IN (SELECT old_id FROM cluster_redirects)"
    ),
    "articles missing from the full-text index": (
        "SELECT count(*) FROM articles WHERE status <> 'pending'"
        " AND id NOT IN (SELECT id FROM articles_fts_docsize)"
    ),
    "rows of the full-text index without an article": (
        "SELECT count(*) FROM articles_fts_docsize WHERE id NOT IN (SELECT id FROM articles)"
    ),
}
_OBJECTS = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; ``detail`` says what to do where it is not ok."""

    check: str
    state: State
    detail: str


def examine(database: Path, now: datetime) -> Iterator[Finding]:
    """Examine a database and its folder. Reads only, and may run beside the service."""
    yield from _libraries()
    yield _folder(database)
    yield _space(database)
    try:
        db = open_reader(database)
    except StoreError as error:
        yield Finding("database", "fail", str(error))
        return
    yield Finding("database", "ok", f"{database}, schema version {SCHEMA_VERSION}")
    with closing(db):
        yield _guarded("integrity", _whole, db)
        yield _guarded("orphans", _joined, db)
        yield _guarded("schema", _schema, db)
        yield _guarded("clock", lambda db: _clock(db, now), db)
        yield _guarded("digest", lambda db: _digest(db, now), db)
        yield _log(database)


def _guarded(name: str, check: Callable[[sqlite3.Connection], Finding], db: sqlite3.Connection) -> Finding:
    """A database may be too damaged for the very question."""
    try:
        return check(db)
    except sqlite3.DatabaseError as error:
        return Finding(name, "fail", f"{error}; restore a backup (docs/operating.md)")


def _libraries() -> Iterator[Finding]:
    python = sys.version.split()[0]
    yield _version("SQLite", sqlite3.sqlite_version_info, SAFE_SQLITE, f"with Python {python}")
    yield _version("expat", tuple(map(int, EXPAT_VERSION.removeprefix("expat_").split("."))), SAFE_EXPAT, "")


def _version(name: str, found: tuple[int, ...], wanted: tuple[int, ...], note: str) -> Finding:
    text = ".".join(map(str, found))
    if found < wanted:
        return Finding(name, "fail", f"{text}; at least {'.'.join(map(str, wanted))} is needed")
    return Finding(name, "ok", f"{text} {note}".strip())


def _folder(database: Path) -> Finding:
    for path in (database.parent, database):
        if path.exists() and not os.access(path, os.W_OK):
            return Finding("folder", "fail", f"{path} cannot be written by this user")
    if database.exists() and database.stat().st_mode & 0o002:
        return Finding("folder", "warn", f"{database} can be written by everybody; chmod o-w it")
    return Finding("folder", "ok", f"{database.parent} can be written")


def _space(database: Path) -> Finding:
    folder = next(path for path in (database.parent, *database.parent.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    state: State = "fail" if free < NO_SPACE else "warn" if free < LITTLE_SPACE else "ok"
    return Finding("space", state, f"{free / 1e9:.1f} GB free")


def _whole(db: sqlite3.Connection) -> Finding:
    found = faults(db)
    if found:
        return Finding("integrity", "fail", f"{'; '.join(found)}; restore a backup (docs/operating.md)")
    return Finding("integrity", "ok", "pages, indexes and foreign keys are in order")


def _joined(db: sqlite3.Connection) -> Finding:
    counts = {what: db.execute(query).fetchone()[0] for what, query in _ORPHANS.items()}
    found = [f"{count} {what}" for what, count in counts.items() if count]
    if found:
        return Finding("orphans", "fail", "; ".join(found))
    return Finding("orphans", "ok", "articles, clusters and the full-text index agree")


def _schema(db: sqlite3.Connection) -> Finding:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        migrate(fresh)
        ours = dict(fresh.execute(_OBJECTS).fetchall())
    found = {row["name"]: row["sql"] for row in db.execute(_OBJECTS)}
    wrong = sorted(name for name, sql in ours.items() if found.get(name) != sql)
    if wrong:
        return Finding("schema", "warn", f"not as this version makes them: {', '.join(wrong)}")
    own = sorted(found.keys() - ours.keys())
    return Finding("schema", "ok", f"as made by this version; yours: {', '.join(own)}" if own else "as made")


def _log(database: Path) -> Finding:
    size = log_size(database)
    if size > LONG_LOG:
        detail = f"{size / 1e6:.0f} MB: some program keeps a read transaction open; end it"
        return Finding("write-ahead log", "warn", detail)
    return Finding("write-ahead log", "ok", f"{size / 1e6:.1f} MB")


def _digest(db: sqlite3.Connection, now: datetime) -> Finding:
    if failed := undelivered(db, now):
        return Finding("digest", "fail", " ".join(one.sentence() for one in failed))
    return Finding("digest", "ok", "none waits to be written or mailed")


def _clock(db: sqlite3.Connection, now: datetime) -> Finding:
    latest = last_change(db)
    if latest and latest > now + CLOCK_SLACK:
        detail = f"it says {to_text(now)}, but the database was written at {to_text(latest)}; set the clock"
        return Finding("clock", "fail", detail)
    return Finding("clock", "ok", f"{to_text(now)}, not before the latest entry")
