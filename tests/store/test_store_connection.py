from __future__ import annotations

import re
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from aggregator.store.connection import MissingError, StoreError, open_reader, open_writer, transaction
from aggregator.store.schema import APPLICATION_ID, SCHEMA_VERSION, statements


def test_a_new_database_is_marked_as_ours_and_keeps_its_rules(database: Path) -> None:
    with closing(open_writer(database)) as db:
        pragmas = {
            name: db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("application_id", "user_version", "journal_mode", "foreign_keys")
        }
    assert pragmas == {
        "application_id": APPLICATION_ID,
        "user_version": SCHEMA_VERSION,
        "journal_mode": "wal",
        "foreign_keys": 1,
    }


def test_every_table_is_strict_and_every_column_has_its_sentence() -> None:
    tables = [sql for sql in statements("0001_initial.sql") if "CREATE TABLE" in sql]
    assert len(tables) >= 15
    for sql in tables:
        assert re.search(r"\) STRICT(, WITHOUT ROWID)?;$", sql), sql
        body = sql[sql.index("(") :].splitlines()[1:-1]
        columns = [line for line in body if re.match(r"    [a-z_]+ +[A-Z]", line)]
        assert columns
        assert [line for line in columns if not re.search(r"-- \S.+", line)] == []


def test_opening_twice_changes_nothing(database: Path) -> None:
    for _ in range(2):
        with closing(open_writer(database)) as db:
            schema = [tuple(row) for row in db.execute("SELECT name, sql FROM sqlite_master ORDER BY name")]
    with closing(open_writer(database)) as db:
        assert schema == [tuple(r) for r in db.execute("SELECT name, sql FROM sqlite_master ORDER BY name")]


def test_many_can_open_a_new_database_at_once(database: Path) -> None:
    barrier, failures = threading.Barrier(8), []

    def open_it() -> None:
        barrier.wait()
        try:
            open_writer(database).close()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [path.name for path in database.parent.iterdir() if path.suffix == ".new"] == []


def test_a_new_database_honours_the_umask(database: Path) -> None:
    open_writer(database).close()
    assert stat.S_IMODE(database.stat().st_mode) & 0o111 == 0


@pytest.mark.parametrize(
    ("content", "what"), [(b"", "empty"), (b"Dear diary, today", "not an SQLite database")]
)
def test_a_file_that_is_no_database_is_refused_and_left_alone(
    database: Path, content: bytes, what: str
) -> None:
    database.write_bytes(content)
    for opener in (open_writer, open_reader):
        with pytest.raises(StoreError, match=what):
            opener(database)
    assert database.read_bytes() == content


def test_a_foreign_database_is_refused(database: Path) -> None:
    with closing(sqlite3.connect(database)) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    for opener in (open_writer, open_reader):
        with pytest.raises(StoreError, match="not made by aggregator"):
            opener(database)


def test_a_database_from_the_future_is_refused(database: Path) -> None:
    with closing(open_writer(database)) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    for opener in (open_writer, open_reader):
        with pytest.raises(StoreError, match="newer version"):
            opener(database)


def test_a_reader_of_an_older_database_is_told_how_to_bring_it_up_to_date(database: Path) -> None:
    with closing(open_writer(database)) as db:
        db.execute("PRAGMA user_version = 0")
    with pytest.raises(StoreError, match="brings it up to date"):
        open_reader(database)


def test_a_damaged_database_is_refused_with_the_way_out(database: Path) -> None:
    with closing(open_writer(database)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(database.read_bytes())
    content[100:600] = b"\xff" * 500
    database.write_bytes(content)
    with pytest.raises(StoreError, match="recover"):
        open_writer(database)


def test_a_missing_database_is_not_made_by_a_reader(database: Path) -> None:
    with pytest.raises(MissingError, match="there is no database yet"):
        open_reader(database)
    assert not database.exists()


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="cannot be opened"):
        open_writer(tmp_path / "file" / "news.db")


def test_a_reader_cannot_write(database: Path) -> None:
    open_writer(database).close()
    with closing(open_reader(database)) as db, pytest.raises(sqlite3.OperationalError, match="readonly"):
        db.execute("DELETE FROM feeds")


def test_l02_a_transaction_that_fails_leaves_nothing(database: Path) -> None:
    def fail(db: sqlite3.Connection) -> None:
        with transaction(db):
            db.execute("INSERT INTO outlets VALUES ('a.org', 'A', NULL, NULL)")
            raise RuntimeError

    with closing(open_writer(database)) as db:
        with pytest.raises(RuntimeError):
            fail(db)
        assert db.execute("SELECT count(*) FROM outlets").fetchone()[0] == 0


def test_the_views_answer_on_an_empty_database(database: Path) -> None:
    with closing(open_writer(database)) as db:
        for view in ("coverage", "reports", "feed_health"):
            assert db.execute(f"SELECT * FROM {view}").fetchall() == []
