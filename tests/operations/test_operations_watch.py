from __future__ import annotations

import os
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aggregator.config import DigestSettings
from aggregator.daemon.notify import notify, watchdog_seconds
from aggregator.daemon.service import latest_due
from aggregator.daemon.watch import ClockWatch, FileWatch, SameFile


def test_a_changed_file_is_noticed_once_it_has_come_to_rest(tmp_path: Path) -> None:
    path = tmp_path / "feeds.yaml"
    path.write_text("one")
    watch = FileWatch(path)
    assert not watch.changed()
    path.write_text("one and")
    assert not watch.changed()  # perhaps still being written
    path.write_text("one and two")
    assert not watch.changed()
    assert watch.changed()
    assert not watch.changed()


def test_a_file_that_is_away_for_a_moment_has_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "feeds.yaml"
    path.write_text("one")
    os.utime(path, ns=(1, 1))
    watch = FileWatch(path)
    path.rename(tmp_path / "aside")
    assert not watch.changed()
    assert not watch.changed()
    (tmp_path / "aside").rename(path)
    assert not watch.changed()
    assert not watch.changed()


class Clocks:
    """A time of day and a monotonic time, both to be set."""

    def __init__(self) -> None:
        self.day = datetime(2026, 3, 1, tzinfo=UTC)
        self.ticks = 100.0

    def go_on(self, seconds: float) -> None:
        self.day += timedelta(seconds=seconds)
        self.ticks += seconds


@pytest.mark.parametrize(
    "leap",
    [
        timedelta(days=365),
        timedelta(days=-365),
        timedelta(days=3),
        timedelta(hours=-1),
        timedelta(days=-20000),
    ],
)
def test_l19_a_clock_that_was_set_is_noticed_once(leap: timedelta) -> None:
    clocks = Clocks()
    watch = ClockWatch(lambda: clocks.day, lambda: clocks.ticks)
    clocks.go_on(5)
    assert watch.jump() is None
    clocks.day += leap
    assert watch.jump() == leap
    clocks.go_on(5)
    assert watch.jump() is None


def test_l19_a_clock_that_is_trimmed_by_little_has_not_jumped() -> None:
    clocks = Clocks()
    watch = ClockWatch(lambda: clocks.day, lambda: clocks.ticks)
    clocks.day += timedelta(seconds=30)
    assert watch.jump() is None


def test_l13_a_database_that_was_moved_or_replaced_is_noticed(database: Path) -> None:
    database.write_text("one")
    same = SameFile(database)
    assert not same.replaced()
    moved = database.rename(database.with_name("moved.db"))
    assert same.replaced()
    database.write_text("another")
    assert same.replaced()
    moved.replace(database)
    assert not same.replaced()


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path: Path, monkeypatch):
    """A service manager's socket."""
    address = str(tmp_path / "notify") if request.param == "path" else f"@aggregator-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address.replace("@", "\0"))
        listener.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        yield listener


def test_l45_the_service_manager_gets_one_datagram_a_message(manager) -> None:
    notify("READY=1", "STATUS=watching")
    assert manager.recv(1000) == b"READY=1\nSTATUS=watching"


def test_without_a_service_manager_nothing_is_said_and_nothing_fails(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notify("READY=1")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("usec", "pid", "expected"),
    [
        ("30000000", "own", 30.0),
        ("30000000", None, 30.0),
        ("30000000", "1", None),
        ("", None, None),
        ("x", None, None),
    ],
)
def test_l45_the_watchdog_is_fed_as_often_as_it_asks(
    monkeypatch, usec: str, pid: str | None, expected
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    if pid:
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "own" else pid)
    assert watchdog_seconds() == expected


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-03-29T01:10:00+00:00", "2026-03-28T01:30:00+00:00"),  # it is 03:10, and there was no 02:30
        ("2026-03-29T01:30:00+00:00", "2026-03-29T01:30:00+00:00"),
        ("2026-10-25T00:30:00+00:00", "2026-10-25T00:30:00+00:00"),
        ("2026-10-25T01:10:00+00:00", "2026-10-25T00:30:00+00:00"),  # 02:10 for the second time
        ("2026-10-25T01:40:00+00:00", "2026-10-25T00:30:00+00:00"),
    ],
)
def test_l48_a_digest_in_the_hour_of_the_change_is_due_once(now: str, due: str) -> None:
    settings = DigestSettings(at="02:30", timezone="Europe/Berlin")
    assert latest_due(settings, datetime.fromisoformat(now)) == datetime.fromisoformat(due)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-03-28T07:00:00+00:00", "2026-03-28T06:00:00+00:00"),
        ("2026-03-28T05:59:00+00:00", "2026-03-27T06:00:00+00:00"),
        ("2026-03-29T05:30:00+00:00", "2026-03-29T05:00:00+00:00"),  # the night that summer time begins
        ("2026-10-25T06:30:00+00:00", "2026-10-25T06:00:00+00:00"),  # the night that it ends
    ],
)
def test_l48_the_digest_is_due_at_its_hour_of_the_wall_clock_on_both_sides_of_a_change(
    now: str, due: str
) -> None:
    settings = DigestSettings(at="07:00", timezone="Europe/Berlin")
    assert latest_due(settings, datetime.fromisoformat(now)) == datetime.fromisoformat(due)
