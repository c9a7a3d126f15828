"""Opening the database: for the one writer, or for reading only."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from aggregator.store.schema import APPLICATION_ID, SCHEMA_VERSION, migrate

_BUSY_MILLISECONDS = 60_000  # a VACUUM or a backup from outside may hold the lock for long
_HEADER = b"SQLite format 3\x00"


class StoreError(Exception):
    """The database cannot be used. The text is one line that names the file and the way out."""


class MissingError(StoreError):
    """There is no database yet."""


def open_writer(path: Path) -> sqlite3.Connection:
    """Open the database for writing; creates it where there is none and brings its schema up to date.

    Raises StoreError where the file is foreign, damaged, from a newer version or cannot be written.
    """
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _create(path)
        connection = _connect(path, read_only=False)
        try:
            _refuse_strangers(connection, path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            migrate(connection)
            connection.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            connection.close()
            raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Open the database for reading only. Raises StoreError; never creates or changes anything."""
    if not path.exists():
        raise MissingError(
            f"{path}: there is no database yet; `aggregator poll` or `aggregator init` makes it"
        )
    with _explained(path):
        connection = _connect(path, read_only=True)
        try:
            _refuse_strangers(connection, path)
            if connection.execute("PRAGMA user_version").fetchone()[0] < SCHEMA_VERSION:
                raise StoreError(f"{path}: made by an older version; `aggregator poll` brings it up to date")
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Run a block as one write transaction; IMMEDIATE, since an upgrade from reading would not wait."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def _connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    mode = "ro" if read_only else "rw"
    uri = f"{path.resolve().as_uri()}?mode={mode}"
    connection = sqlite3.connect(
        uri, uri=True, isolation_level=None, timeout=_BUSY_MILLISECONDS / 1000, check_same_thread=False
    )
    connection.row_factory = sqlite3.Row
    return connection


def _create(path: Path) -> None:
    """Make a new database beside its place and link it there whole: a kill leaves nothing half made."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)
    os.close(descriptor)
    draft = Path(name)
    try:
        with closing(_connect(draft, read_only=False)) as connection:
            migrate(connection)
        draft.chmod(0o666 & ~_umask())
        with suppress(FileExistsError):  # unlike a rename, a link never replaces what another process made
            os.link(draft, path)
    finally:
        draft.unlink()


def _refuse_strangers(connection: sqlite3.Connection, path: Path) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application != APPLICATION_ID:
        raise StoreError(f"{path}: this SQLite file was not made by aggregator; name another with --db")
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{path}: made by a newer version (schema {version}, this one knows {SCHEMA_VERSION});"
            " upgrade aggregator, or restore an older backup"
        )


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        _refuse_non_databases(path)
        yield
    except sqlite3.OperationalError as error:
        raise StoreError(f"{path}: cannot be opened: {error}") from error
    except sqlite3.DatabaseError as error:
        raise StoreError(damaged(path, error)) from error
    except OSError as error:
        raise StoreError(f"{path}: cannot be opened: {error.strerror or error}") from error


def damaged(path: Path, error: sqlite3.DatabaseError) -> str:
    """Say that a database is damaged, and the way out."""
    return (
        f"{path}: the database is damaged ({error}); restore a backup, or rescue what can be read with"
        f" `sqlite3 {path} .recover | sqlite3 rescued.db`"
    )


def _refuse_non_databases(path: Path) -> None:
    if not path.is_file():
        return
    with path.open("rb") as file:
        head = file.read(len(_HEADER))
    if head != _HEADER:
        what = "empty" if not head else "not an SQLite database"
        raise StoreError(f"{path}: the file is {what}; name another with --db, or move it away to begin anew")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
