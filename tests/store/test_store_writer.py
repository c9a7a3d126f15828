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


def test_writes_that_come_at_once_share_a_transaction_and_only_those_that_raise_are_taken_back(
    database: Path,
) -> None:
    seen: list[int] = []

    def add(db: sqlite3.Connection, number: int) -> int:
        db.execute(INSERT, (f"{number}.example", "x"))
        if number == 2:
            raise ValueError("no")
        seen.append(db.execute("SELECT count(*) FROM outlets").fetchone()[0])
        return number

    async def many(writer: Writer) -> list[int | BaseException]:
        return await asyncio.gather(*(writer.write_soon(add, n) for n in range(4)), return_exceptions=True)

    begun: list[str] = []
    with Writer(database) as writer, closing(open_reader(database)) as reader:
        writer.submit_upkeep(lambda db: db.set_trace_callback(begun.append)).result()
        first, second, third, fourth = asyncio.run(many(writer))
        assert (first, second, fourth) == (0, 1, 3)
        assert isinstance(third, ValueError)
        assert begun.count("BEGIN IMMEDIATE") == 1
        stored = [row[0] for row in reader.execute("SELECT domain FROM outlets ORDER BY 1")]
        assert stored == ["0.example", "1.example", "3.example"]
    assert seen == [1, 2, 3]


def test_when_the_disk_fails_none_of_the_writes_that_share_a_transaction_is_kept(database: Path) -> None:
    def add(db: sqlite3.Connection, number: int) -> None:
        db.execute(INSERT, (f"{number}.example", "x"))
        if number == 2:
            raise sqlite3.OperationalError("database or disk is full")

    async def many(writer: Writer) -> list[BaseException | None]:
        return await asyncio.gather(*(writer.write_soon(add, n) for n in range(3)), return_exceptions=True)

    with Writer(database) as writer:
        assert [type(error) for error in asyncio.run(many(writer))] == [sqlite3.OperationalError] * 3
        assert writer.write_now(lambda db: db.execute("SELECT count(*) FROM outlets").fetchone()[0]) == 0


def test_a_write_that_nobody_waits_for_any_more_is_left_out(database: Path) -> None:
    async def given_up(writer: Writer) -> None:
        task = asyncio.ensure_future(
            writer.write_soon(lambda db: db.execute(INSERT, ("a.example", "x")).rowcount)
        )
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await writer.write_soon(lambda db: db.execute(INSERT, ("b.example", "x")).rowcount)

    with Writer(database) as writer:
        asyncio.run(given_up(writer))
        domains = writer.write_now(lambda db: [row[0] for row in db.execute("SELECT domain FROM outlets")])
    assert domains == ["b.example"]


def test_a_loop_that_ends_while_writes_wait_for_company_does_not_hold_up_the_next(database: Path) -> None:
    async def cut_off(writer: Writer) -> None:
        task = asyncio.ensure_future(writer.write_soon(lambda _: None))
        await asyncio.sleep(0)
        task.cancel()

    async def next_one(writer: Writer) -> int:
        return await writer.write_soon(lambda _: 1)

    with Writer(database) as writer:
        asyncio.run(cut_off(writer))
        assert asyncio.run(next_one(writer)) == 1
