from __future__ import annotations

import errno
import os
import resource
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import structlog

from aggregator.daemon.trouble import Patience, causes, has_room, storage_trouble
from aggregator.store.connection import StoreError


def full() -> sqlite3.OperationalError:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("PRAGMA max_page_count = 1")
        with pytest.raises(sqlite3.OperationalError) as caught:
            db.execute("CREATE TABLE t (x)")
    return caught.value


def malformed(path: Path) -> sqlite3.DatabaseError:
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 4080)
    with closing(sqlite3.connect(path)) as db, pytest.raises(sqlite3.DatabaseError) as caught:
        db.execute("SELECT * FROM sqlite_master")
    return caught.value


def test_waits_double_up_to_the_longest(tmp_path: Path) -> None:
    patience = Patience(tmp_path / "news.db", first=30, longest=100)
    assert [patience.failed(ValueError("x")) for _ in range(4)] == [30, 60, 100, 100]


def test_success_makes_the_next_wait_short_again(tmp_path: Path) -> None:
    patience = Patience(tmp_path / "news.db", first=30, longest=100)
    patience.failed(ValueError("x"))
    patience.succeeded()
    assert patience.failed(ValueError("x")) == 30


def test_l05_a_full_disk_is_said_once_and_so_is_its_end(tmp_path: Path) -> None:
    patience = Patience(tmp_path / "news.db")
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            patience.failed(ExceptionGroup("tasks", [full(), ValueError("follows from it")]))
        patience.succeeded()
        patience.succeeded()
    said = [(line["log_level"], line["event"]) for line in logs if line["log_level"] != "debug"]
    assert said == [
        ("error", "the database cannot be written; work rests until it can"),
        ("warning", "going on after failures"),
    ]


def test_l14_a_damaged_database_ends_the_service_with_the_way_out(tmp_path: Path) -> None:
    error = malformed(tmp_path / "bad.db")
    with pytest.raises(StoreError, match=r"news\.db: the database is damaged.*recover"):
        Patience(tmp_path / "news.db").failed(ExceptionGroup("tasks", [error]))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.ENOSPC, "full"), True),
        (OSError(errno.ECONNRESET, "reset"), False),
        (ValueError("x"), False),
        (sqlite3.OperationalError("no such table"), False),
    ],
)
def test_only_the_disk_is_blamed_for_what_is_the_disks(error: Exception, expected: bool) -> None:
    assert storage_trouble(error) is expected
    assert storage_trouble(full())


def test_groups_within_groups_are_taken_apart() -> None:
    inner = [ValueError("a"), KeyError("b")]
    assert list(causes(ExceptionGroup("x", [ExceptionGroup("y", inner)]))) == inner


def test_room_is_asked_for_by_reserving_it(tmp_path: Path) -> None:
    assert has_room(tmp_path)
    assert not has_room(tmp_path / "missing")


ASK = """
import sys
from pathlib import Path
from aggregator.daemon.trouble import has_room
sys.exit(has_room(Path(sys.argv[1])))
"""


def test_l05_a_limit_on_file_size_counts_as_no_room(tmp_path: Path) -> None:
    limited = subprocess.run(
        [sys.executable, "-c", ASK, str(tmp_path)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
        env=dict(os.environ),
        check=False,
    )
    assert limited.returncode == 0
