"""What to do when a cycle fails: wait longer each time, say it once, go on by itself."""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import structlog

from aggregator.store.connection import StoreError, damaged

log = structlog.get_logger()

FIRST_WAIT, LONGEST_WAIT = 30.0, 900.0
"""Seconds. A cycle that cannot be stored has asked hosts in vain: it must not do so every half minute."""

ROOM = 4_000_000
"""Bytes that must be free before work goes on after the disk was full."""

_STORAGE_ERRNO = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}
_STORAGE = {
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED,
}  # fmt: skip
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class Patience:
    """How long to wait after failures in a row, and whether there is anything new to say about them."""

    def __init__(self, database: Path, first: float = FIRST_WAIT, longest: float = LONGEST_WAIT) -> None:
        self._database, self._first, self._longest = database, first, longest
        self._failures = 0
        self._said = ""

    def failed(self, error: Exception) -> float:
        """Take note of a failure; returns the seconds to wait. Raises StoreError for a damaged database."""
        for cause in causes(error):
            if isinstance(cause, sqlite3.DatabaseError) and _code(cause) in _DAMAGE:
                raise StoreError(damaged(self._database, cause)) from error
        self._say(error)
        self._failures += 1
        return float(min(self._first * 2 ** min(self._failures - 1, 10), self._longest))

    def succeeded(self) -> None:
        """Take note that a cycle went well."""
        if self._failures:
            log.warning("going on after failures", failures=self._failures)
        self._failures, self._said = 0, ""

    def _say(self, error: Exception) -> None:
        cause = next((cause for cause in causes(error) if storage_trouble(cause)), None)
        what = f"{type(cause or error).__name__}: {cause or error}"
        if what == self._said:
            log.debug("still failing", problem=what)
        elif cause is not None:
            log.error("the database cannot be written; work rests until it can", problem=str(cause))
        else:
            log.error("the cycle failed; it is tried again", problem=what, exc_info=error)
        self._said = what


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the exceptions that a group of exceptions is made of."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from causes(inner)
    else:
        yield error


def storage_trouble(error: BaseException) -> bool:
    """Say whether the disk is to blame, or another process that holds the database."""
    if isinstance(error, sqlite3.OperationalError):
        return _code(error) in _STORAGE
    return isinstance(error, OSError) and error.errno in _STORAGE_ERRNO


def has_room(folder: Path) -> bool:
    """Say whether the disk takes a few megabytes. Asked by reserving them: quotas and limits count too."""
    try:
        with tempfile.TemporaryFile(dir=folder) as draft:
            os.posix_fallocate(draft.fileno(), 0, ROOM)
    except OSError as error:
        return error.errno == errno.EOPNOTSUPP  # a file system that cannot tell must be tried
    return True


def _code(error: sqlite3.Error) -> int:
    """Return the primary result code; extended ones carry it in their lowest byte."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
