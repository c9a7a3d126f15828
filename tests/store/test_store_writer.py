from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from aggregator.store.connection import StoreError, open_reader
from aggregator.store.writer import Writer

INSERT = "INSERT INTO outlets (domain, name) VALUES (?, ?)"


def test_a_write_is_one_transaction_and_all_come_one_after_the_other(database: Path) -> None:
    def count_up(db: sqlite3.Connection) -> None:
        (number,) = db.execute("SELECT count(*) FROM outlets").fetchone()
        db.execute(INSERT, (f"{number}.example", "x"))

    async def many(writer: Writer) -> None:
        await asyncio.gather(*(writer.write(count_up) for _ in range(50)))

    with Writer(database) as writer:
        asyncio.run(many(writer))
        assert writer.write_now(lambda db: db.execute("SELECT count(*) FROM outlets").fetchone()[0]) == 50


def test_a_write_that_fails_leaves_nothing_and_the_next_one_goes_on(database: Path) -> None:
    def fail(db: sqlite3.Connection) -> None:
        db.execute(INSERT, ("a.example", "x"))
        raise ValueError("no")

    with Writer(database) as writer:
        with pytest.raises(ValueError, match="no"):
            writer.write_now(fail)
        assert writer.write_now(lambda db: db.execute("SELECT count(*) FROM outlets").fetchone()[0]) == 0


def test_a_reader_sees_the_state_before_or_after_a_write_and_never_holds_it_up(database: Path) -> None:
    with Writer(database) as writer, closing(open_reader(database)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM outlets").fetchone()[0] == 0
        writer.write_now(lambda db: db.execute(INSERT, ("a.example", "x")).rowcount)
        assert reader.execute("SELECT count(*) FROM outlets").fetchone()[0] == 0
        reader.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM outlets").fetchone()[0] == 1


def test_a_write_waits_for_another_process_that_writes(database: Path) -> None:
    """A deferred transaction would be refused at once where it upgrades (L09)."""
    with (
        Writer(database) as writer,
        closing(sqlite3.connect(database, isolation_level=None, check_same_thread=False)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        other.execute(INSERT, ("a.example", "x"))
        waiting = writer.submit(lambda db: db.execute("SELECT count(*) FROM outlets").fetchone()[0])
        other.execute("COMMIT")
        assert waiting.result() == 1


def test_a_writer_that_cannot_open_its_file_leaves_no_thread(database: Path) -> None:
    database.write_text("Dear diary")
    before = threading.active_count()
    with pytest.raises(StoreError):
        Writer(database)
    assert threading.active_count() == before


def test_closing_folds_the_log_back_into_the_file(database: Path) -> None:
    with Writer(database) as writer:
        writer.write_now(lambda db: db.execute(INSERT, ("a.example", "x")).rowcount)
        assert database.with_name("news.db-wal").exists()
    assert not database.with_name("news.db-wal").exists()
