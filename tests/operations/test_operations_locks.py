from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from datetime import timedelta

import pytest

from aggregator.store import connection
from aggregator.store.connection import open_reader, open_writer, transaction
from aggregator.store.status import read_status
from aggregator.store.wal import fold_log, log_size
from aggregator.store.writer import Writer


def write_much(db: sqlite3.Connection) -> None:
    db.execute("INSERT INTO outlets (domain, name) VALUES (hex(randomblob(8)), hex(randomblob(200000)))")


def test_l07_a_reader_that_never_ends_holds_up_no_writer_and_the_log_shrinks_when_it_is_gone(archive) -> None:
    with closing(open_reader(archive.path)) as reader, Writer(archive.path) as writer:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM outlets").fetchone()
        for _ in range(20):
            writer.write_now(write_much)
        grown = log_size(archive.path)
        assert grown > 8_000_000
        assert writer.submit_upkeep(fold_log).result() is False
        reader.execute("COMMIT")
        assert writer.submit_upkeep(fold_log).result() is True
        assert log_size(archive.path) == 0


def test_l07_status_raises_the_alarm_when_the_log_has_grown(archive, monkeypatch) -> None:
    monkeypatch.setattr("aggregator.store.status.LONG_LOG", 100)
    with Writer(archive.path) as writer, closing(open_reader(archive.path)) as reader:
        writer.write_now(write_much)
        problems = read_status(reader, archive.path, archive.now).problems(archive.now)
    assert any("write-ahead log grows" in problem for problem in problems)


def test_folding_the_log_leaves_the_busy_timeout_as_it_was(archive) -> None:
    with closing(open_writer(archive.path)) as db:
        before = db.execute("PRAGMA busy_timeout").fetchone()[0]
        fold_log(db)
        assert db.execute("PRAGMA busy_timeout").fetchone()[0] == before == 60_000


def test_l08_a_writer_waits_for_another_program_and_loses_nothing(archive) -> None:
    with Writer(archive.path) as writer:
        with closing(sqlite3.connect(archive.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = writer.submit(write_much)
            assert not waiting.done()
            other.execute("INSERT INTO outlets (domain, name) VALUES ('other.org', 'Other')")
            other.execute("COMMIT")
        waiting.result()
    assert archive.run("SELECT count(*) FROM outlets") == [(2,)]


def test_l08_a_lock_that_is_held_too_long_is_an_error_that_leaves_nothing_behind(
    archive, monkeypatch
) -> None:
    monkeypatch.setattr(connection, "_BUSY_MILLISECONDS", 1)
    with Writer(archive.path) as writer:
        with closing(sqlite3.connect(archive.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                writer.write_now(write_much)
        writer.write_now(write_much)
    assert archive.run("SELECT count(*) FROM outlets") == [(1,)]


def test_l08_a_vacuum_beside_the_service_disturbs_nobody(archive) -> None:
    with Writer(archive.path) as writer:
        writer.write_now(write_much)
        with closing(sqlite3.connect(archive.path, isolation_level=None)) as other:
            other.execute("VACUUM")
        writer.write_now(write_much)
    assert archive.run("SELECT count(*) FROM outlets") == [(2,)]


def test_l09_a_write_transaction_waits_although_somebody_wrote_since_it_was_wanted(archive) -> None:
    """A deferred transaction that has read would get SQLITE_BUSY_SNAPSHOT at once, whatever the timeout."""
    with closing(open_writer(archive.path)) as one, closing(open_writer(archive.path)) as two:
        with transaction(one):
            one.execute("SELECT count(*) FROM outlets").fetchone()
            blocked = threading.Thread(target=lambda: write_in(two))
            blocked.start()
            write_much(one)
        blocked.join()
    assert archive.run("SELECT count(*) FROM outlets") == [(2,)]


def write_in(db: sqlite3.Connection) -> None:
    with transaction(db):
        db.execute("SELECT count(*) FROM outlets").fetchone()
        write_much(db)


def test_l10_no_statement_stays_open_between_two_transactions(world) -> None:
    """An iterator left open would hold a lock: a checkpoint that waits for nobody must get through."""
    world.cycle()
    world.step[0] = 1
    folded = []

    def fold_after_each(writer: Writer) -> None:
        run = writer.submit

        def submit(operation, *args, **kwargs):
            future = run(operation, *args, **kwargs)
            folded.append(writer.submit_upkeep(fold_log))
            return future

        writer.submit = submit

    world.cycle(after=timedelta(days=2), prepare=fold_after_each)
    assert len(folded) > 20
    assert all(future.result() for future in folded)
