"""Which failures are expected, what is said of them, and the exit code of each. All others are defects."""

from __future__ import annotations

import errno
import sqlite3
from typing import NamedTuple

from aggregator.cli.app import DAMAGED, FAILED, HELD, USAGE
from aggregator.cli.session import Session, UsageError
from aggregator.config import ConfigError, EditError
from aggregator.digest.window import WindowError
from aggregator.store.connection import MissingError, StoreError, damaged
from aggregator.store.lock import HeldError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_UNUSABLE = {
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN,
}  # fmt: skip


class Verdict(NamedTuple):
    """An exit code, and a line or more that say what is wrong and what to do."""

    code: int
    message: str


def verdict(error: BaseException, session: Session) -> Verdict | None:
    """Judge an exception; None where it is a defect of the program."""
    if isinstance(error, BaseExceptionGroup):
        return next((found for inner in error.exceptions if (found := verdict(inner, session))), None)
    if isinstance(error, ConfigError | EditError | WindowError | UsageError | MissingError):
        return Verdict(USAGE, str(error))
    if isinstance(error, HeldError):
        return Verdict(HELD, f"{error}; wait for it to end, or stop it")
    if isinstance(error, StoreError):
        return Verdict(DAMAGED, str(error))
    if isinstance(error, sqlite3.DatabaseError):
        return _of_sqlite(error, session)
    return _of_system(error) if isinstance(error, OSError) else None


def _of_sqlite(error: sqlite3.DatabaseError, session: Session) -> Verdict | None:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # extended codes carry the primary one there
    if code in _DAMAGE:
        return Verdict(DAMAGED, damaged(session.database, error))
    if code in _BUSY:
        return Verdict(HELD, f"{session.database}: another program holds the database; try again later")
    if code in _UNUSABLE:
        return Verdict(DAMAGED, f"{session.database}: {error}; make room, or see to the file's permissions")
    return None


def _of_system(error: OSError) -> Verdict | None:
    """Judge a file that cannot be read or written; only standard output has no name."""
    if error.filename is not None:
        return Verdict(DAMAGED if error.errno in _FULL else USAGE, f"{error.filename}: {error.strerror}")
    return (
        Verdict(FAILED, f"the output cannot be written: {error.strerror}") if error.errno in _FULL else None
    )
