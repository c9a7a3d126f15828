from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest

from aggregator.cli.failing import verdict
from aggregator.cli.session import Session, UsageError
from aggregator.digest.window import WindowError
from aggregator.store.connection import MissingError, StoreError
from aggregator.store.lock import HeldError


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("it went wrong")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UsageError("do this"), 2, "do this"),
        (WindowError("no such day"), 2, "no such day"),
        (MissingError("none yet"), 2, "none yet"),
        (HeldError("held"), 3, "held"),
        (StoreError("foreign"), 4, "foreign"),
        (sqlite_error(sqlite3.SQLITE_CORRUPT), 4, ".recover"),
        (sqlite_error(sqlite3.SQLITE_CORRUPT_VTAB), 4, ".recover"),
        (sqlite_error(sqlite3.SQLITE_NOTADB), 4, ".recover"),
        (sqlite_error(sqlite3.SQLITE_FULL), 4, "make room"),
        (sqlite_error(sqlite3.SQLITE_IOERR_WRITE), 4, "make room"),
        (sqlite_error(sqlite3.SQLITE_READONLY), 4, "permissions"),
        (sqlite_error(sqlite3.SQLITE_BUSY), 3, "try again later"),
        (sqlite_error(sqlite3.SQLITE_BUSY_SNAPSHOT), 3, "try again later"),
        (OSError(errno.ENOSPC, "No space left on device", "out.html"), 4, "out.html: No space left"),
        (PermissionError(errno.EACCES, "Permission denied", "out.html"), 2, "out.html: Permission denied"),
        (ExceptionGroup("both", [ValueError("x"), StoreError("foreign")]), 4, "foreign"),
    ],
)
def test_an_expected_failure_has_an_exit_code_and_a_line(error: Exception, code: int, said: str) -> None:
    found = verdict(error, Session(database_option=Path("news.db")))
    assert found is not None
    assert found.code == code
    assert said in found.message


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        sqlite_error(sqlite3.SQLITE_ERROR),
        sqlite3.ProgrammingError("closed"),
        OSError("without a file"),
        ExceptionGroup("both", [ValueError("x"), KeyError("y")]),
    ],
)
def test_all_else_is_a_defect(error: Exception) -> None:
    assert verdict(error, Session(database_option=Path("news.db"))) is None
