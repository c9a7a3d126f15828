from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from aggregator.store import connection

ROOT = Path(__file__).parent.parent.parent
ARGUMENTS = ("--rounds", "8", "--feeds", "4", "--reports", "1", "--statements-only")


class DyingConnection(sqlite3.Connection):
    """A connection that works for so many statements, and then never again: as if the process had died."""

    left = 10**9
    used = 0

    def execute(self, *args, **kwargs):
        self._pay()
        return super().execute(*args, **kwargs)

    def executemany(self, *args, **kwargs):
        self._pay()
        return super().executemany(*args, **kwargs)

    def _pay(self) -> None:
        cls = type(self)
        cls.used += 1
        if cls.used > cls.left:
            raise sqlite3.OperationalError("disk I/O error")


@pytest.fixture
def dying(monkeypatch) -> type[DyingConnection]:
    """Lets every connection that is opened from now on count its statements, and fail from a given one on."""
    monkeypatch.setattr(connection.sqlite3, "connect", partial(sqlite3.connect, factory=DyingConnection))
    DyingConnection.left, DyingConnection.used = 10**9, 0
    return DyingConnection


def test_l01_a_fault_between_any_two_writes_leaves_nothing_half_done(
    world, torture, dying, tmp_path: Path
) -> None:
    """A sample; ``make torture`` kills the process at every single statement."""
    calm = world.database
    world.cycle()
    statements, expected = dying.used, torture.contents(calm)
    assert statements > 100
    for number in range(7, statements, statements // 5):
        world.database = tmp_path / f"harmed-{number}.db"
        world.config = world.config.model_copy(update={"database": world.database})
        dying.left, dying.used = number, 0
        with pytest.raises((sqlite3.OperationalError, connection.StoreError)):
            world.cycle()
        dying.left = 10**9
        if world.database.exists():
            assert torture.disorder(world.database, torture.Press(3, 1), 0, world.now) == []
        world.cycle()
        assert torture.contents(world.database) == expected


def test_l01_a_process_that_is_killed_eight_times_ends_up_where_an_undisturbed_one_does() -> None:
    """The deterministic form of ``make torture``: the kills are at statements, not at moments."""
    ran = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "torture.py"), *ARGUMENTS],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "8 kills: 0 lost, 0 doubled, all in order" in ran.stdout


def test_l04_the_database_is_in_order_as_of_any_moment_at_which_it_is_copied(
    world, torture, tmp_path: Path
) -> None:
    """What a power cut leaves is the file and its log on the disk: copied after each transaction."""
    copies = tmp_path / "copies"
    copies.mkdir()

    def copy_at_commit(writer) -> None:
        def copy(statement: str) -> None:
            if statement.startswith("BEGIN IMMEDIATE"):  # the last one is committed
                folder = copies / str(len(list(copies.iterdir())))
                folder.mkdir()
                for file in world.database.parent.glob(f"{world.database.name}*"):
                    shutil.copy(file, folder)

        writer.write_now(lambda db: db.set_trace_callback(copy))

    world.cycle(prepare=copy_at_commit)
    taken = sorted(copies.iterdir(), key=lambda path: int(path.name))
    assert len(taken) > 20
    for folder in taken[:: len(taken) // 10]:
        (folder / f"{world.database.name}-shm").unlink(missing_ok=True)  # memory does not survive a power cut
        copied = folder / world.database.name
        assert torture.disorder(copied, torture.Press(3, 1), 0, world.now) == []
