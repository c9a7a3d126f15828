from __future__ import annotations

import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from aggregator.store.backup import back_up, faults
from aggregator.store.connection import StoreError, open_reader, open_writer, transaction


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "backups" / "copy.db"


def test_a_backup_is_one_file_that_holds_everything_and_opens_as_a_database(archive, target: Path) -> None:
    archive.add("one", days=1, cluster=1)
    assert back_up(archive.path, target)["articles"] == 1
    assert [path.name for path in target.parent.iterdir()] == ["copy.db"]
    with closing(open_writer(target)) as db:
        assert db.execute("SELECT title FROM articles").fetchone()[0] == "one"
        assert faults(db) == []


def test_a_backup_opens_where_nothing_can_be_written(archive, target: Path) -> None:
    back_up(archive.path, target)
    target.parent.chmod(0o500)
    try:
        with closing(sqlite3.connect(f"file:{target}?mode=ro", uri=True)) as db:
            assert db.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
    finally:
        target.parent.chmod(0o700)


def test_l44_a_backup_during_writes_is_one_snapshot(archive, target: Path) -> None:
    """Every transaction adds an outlet and a feed of it: a torn copy would hold one of the two."""
    stop, started = threading.Event(), threading.Event()

    def write() -> None:
        with closing(open_writer(archive.path)) as db:
            number = 0
            while not stop.is_set():
                number += 1
                with transaction(db):
                    db.execute("INSERT INTO outlets (domain, name) VALUES (?, 'x')", (f"o{number}.org",))
                    db.execute(
                        "INSERT INTO feeds (url, outlet, added_at) VALUES (?, ?, '2026-01-01T00:00:00Z')",
                        (f"http://o{number}.org/", f"o{number}.org"),
                    )
                started.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        started.wait()
        for number in range(5):
            copy = target.with_name(f"{number}.db")
            back_up(archive.path, copy)
            with closing(open_reader(copy)) as db:
                outlets = db.execute("SELECT count(*) FROM outlets WHERE domain LIKE 'o%.org'").fetchone()[0]
                feeds = db.execute("SELECT count(*) FROM feeds WHERE outlet LIKE 'o%.org'").fetchone()[0]
            assert outlets == feeds > 0
    finally:
        stop.set()
        writer.join()


def test_l44_vacuum_into_by_another_program_gives_a_database_too(archive, tmp_path: Path) -> None:
    archive.add("one", days=1, cluster=1)
    with closing(open_writer(archive.path)) as service, closing(sqlite3.connect(archive.path)) as other:
        other.execute("VACUUM INTO ?", (str(tmp_path / "vacuumed.db"),))
        with transaction(service):
            service.execute("INSERT INTO outlets (domain, name) VALUES ('late.org', 'Late')")
    with closing(open_writer(tmp_path / "vacuumed.db")) as db:
        assert db.execute("SELECT title FROM articles").fetchall()[0][0] == "one"
        assert db.execute("SELECT count(*) FROM outlets WHERE domain = 'late.org'").fetchone()[0] == 0


def test_a_file_that_is_there_is_not_replaced_unless_that_is_asked_for(archive, target: Path) -> None:
    target.parent.mkdir()
    target.write_text("precious")
    with pytest.raises(FileExistsError):
        back_up(archive.path, target)
    assert target.read_text() == "precious"
    back_up(archive.path, target, replace=True)
    with closing(open_reader(target)) as db:
        assert faults(db) == []


def test_a_database_is_never_replaced_by_its_own_backup(archive) -> None:
    with pytest.raises(FileExistsError):
        back_up(archive.path, archive.path, replace=True)


def test_a_backup_may_be_read_by_no_more_people_than_the_database(archive, target: Path) -> None:
    archive.path.chmod(0o640)
    back_up(archive.path, target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def break_a_page(path: Path, table: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = db.execute("PRAGMA page_size").fetchone()[0]
        root = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * 200)


def test_l14_a_damaged_database_gives_no_backup(archive, target: Path) -> None:
    archive.add("one", days=1, cluster=1)
    break_a_page(archive.path, "citations")
    with pytest.raises(StoreError, match=r"damaged.*recover"):
        back_up(archive.path, target)
    assert list(target.parent.iterdir()) == []


def test_rows_that_point_nowhere_are_named(archive) -> None:
    with closing(sqlite3.connect(archive.path)) as db, db:
        db.execute("INSERT INTO polls (feed_id, at, outcome) VALUES (99, '2026-01-01T00:00:00Z', 'ok')")
    with closing(open_reader(archive.path)) as db:
        assert faults(db) == ["rows of polls point to missing rows of feeds"]


def test_a_file_in_the_place_of_the_backups_folder_is_named(archive, tmp_path: Path) -> None:
    (tmp_path / "backups").write_text("a file")
    with pytest.raises(NotADirectoryError, match="backups is a file and no folder; give another place"):
        back_up(archive.path, tmp_path / "backups" / "2026" / "today.db")
    assert (tmp_path / "backups").read_text() == "a file"
