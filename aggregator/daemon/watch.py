"""What may change under a running service: its feeds.yaml, the clock, the database's file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

JUMP = timedelta(minutes=1)
"""A clock that departs so far from the monotonic one was set, or the machine slept."""

Stamp = tuple[int, int, int] | None


class FileWatch:
    """Notices that a file has changed, once it has stopped changing: editors write in several steps."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = self._latest = _stamp(path)

    def changed(self) -> bool:
        """Say whether the file is another than at the last time this was said, and has come to rest."""
        before, self._latest = self._latest, _stamp(self._path)
        if self._latest in (None, self._known) or self._latest != before:
            return False
        self._known = self._latest
        return True


class ClockWatch:
    """Notices that the time of day was set, or that the machine slept.

    APScheduler counts by the time of day: after the clock was set back by a year, an interval job waits for
    a year (apscheduler#351, #752; conformance rule B24). Whoever notices must plan the jobs anew.
    """

    def __init__(self, clock: Callable[[], datetime], monotonic: Callable[[], float]) -> None:
        self._clock, self._monotonic = clock, monotonic
        self._offset = self._measure()

    def jump(self) -> timedelta | None:
        """Return by how much the clock has jumped since the last time, None where it did not."""
        before, self._offset = self._offset, self._measure()
        leap = self._offset - before
        return leap if abs(leap) > JUMP else None

    def _measure(self) -> timedelta:
        epoch = datetime.fromisoformat("1970-01-01T00:00:00Z")
        return self._clock() - epoch - timedelta(seconds=self._monotonic())


class SameFile:
    """Notices that the file at a path is no longer the one that was opened (reliability case L13)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened = _identity(path)

    def replaced(self) -> bool:
        """Say whether the file was moved, deleted or replaced."""
        return _identity(self._path) != self._opened


def _stamp(path: Path) -> Stamp:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
