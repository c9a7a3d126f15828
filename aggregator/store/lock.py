"""One instance per database: a lock that the kernel drops when the process dies, however it dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from aggregator.store.connection import StoreError


class HeldError(Exception):
    """Another process holds the database. The text is one line for people."""


@contextmanager
def hold(database: Path) -> Iterator[None]:
    """Hold the lock file beside the database for as long as the block runs; raises HeldError at once,
    StoreError where the lock file cannot be opened.

    The file stays behind on purpose: removing it would let two processes lock two files of one name.
    """
    whole = database.resolve()  # by whatever link it is named: SQLite keeps its log beside the file, too
    path = whole.with_name(whole.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise StoreError(f"{path}: cannot be opened: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise HeldError(f"{database}: in use by another aggregator{_holder(descriptor)}") from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _holder(descriptor: int) -> str:
    with suppress(ValueError, OSError):
        return f" (process {int(os.pread(descriptor, 32, 0))})"
    return ""
