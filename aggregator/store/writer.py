"""The one writing connection, owned by one thread."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

from aggregator.store.connection import open_writer, transaction

P = ParamSpec("P")
R = TypeVar("R")
Operation = Callable[Concatenate[sqlite3.Connection, P], R]


TOGETHER_SECONDS = 0.01
"""How long ``write_soon`` waits for company. 1,000 polls that brought nothing new, 64 at once: 0.25 ms of
writing each in a transaction of its own, 0.1 ms together with the others of that time."""


class Writer:
    """Runs store functions one after the other, each in a transaction of its own or together with others.

    A function gets the connection as its first argument and must leave committing to the writer.
    """

    def __init__(self, path: Path) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._soon: dict[Future[Any], Callable[[sqlite3.Connection], Any]] = {}
        try:
            self._connection = self._thread.submit(open_writer, path).result()
        except BaseException:
            self._thread.shutdown()
            raise

    def submit(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Queue a store function; its future holds what it returns or raises."""
        return self._thread.submit(self._run, operation, args, kwargs)

    async def write(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a store function in a transaction and wait for it without blocking the event loop."""
        return await asyncio.wrap_future(self.submit(operation, *args, **kwargs))

    async def write_soon(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a store function in a transaction with those of others that come at the same time, and wait.

        All of it or nothing still: what it wrote is taken back if it raises, without harm to the others. It
        returns once the transaction is in the file.
        """
        if not self._soon:
            asyncio.get_running_loop().call_later(TOGETHER_SECONDS, self._write_those)
        future: Future[R] = Future()
        self._soon[future] = lambda db: operation(db, *args, **kwargs)
        try:
            return await asyncio.wrap_future(future)
        finally:
            self._soon.pop(future, None)  # a loop that ends before its time must leave nothing to wait for

    def write_now(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a store function in a transaction and wait for it."""
        return self.submit(operation, *args, **kwargs).result()

    def submit_upkeep(self, operation: Callable[[sqlite3.Connection], R]) -> Future[R]:
        """Queue what SQLite does not allow in a transaction, such as a checkpoint."""
        return self._thread.submit(operation, self._connection)

    def close(self) -> None:
        """Finish what is queued, fold the write-ahead log back into the file and close it."""
        try:
            self._thread.submit(self._close).result()
        finally:
            self._thread.shutdown()

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write_those(self) -> None:
        waiting = {
            future: work for future, work in self._soon.items() if future.set_running_or_notify_cancel()
        }
        self._soon = {}
        if waiting:
            self.submit(_attempt_all, [*waiting.values()]).add_done_callback(partial(_tell, [*waiting]))

    def _run(self, operation: Callable[..., R], args: tuple[object, ...], kwargs: dict[str, object]) -> R:
        with transaction(self._connection):
            return operation(self._connection, *args, **kwargs)

    def _close(self) -> None:
        with closing(self._connection), suppress(sqlite3.OperationalError):
            self._connection.execute("PRAGMA optimize")  # not worth failing for: the disk may be full


def _attempt_all(
    db: sqlite3.Connection, works: Sequence[Callable[[sqlite3.Connection], Any]]
) -> list[tuple[Any, Exception | None]]:
    """Run each to its end or to nothing; returns results and failures.

    What the disk or a lock is to blame for is raised: then none of them is kept.
    """
    outcomes: list[tuple[Any, Exception | None]] = []
    for work in works:
        db.execute("SAVEPOINT one")
        try:
            outcomes.append((work(db), None))
        except sqlite3.OperationalError:
            raise
        except Exception as error:  # whatever it raises belongs to its future
            db.execute("ROLLBACK TO one")
            outcomes.append((None, error))
        db.execute("RELEASE one")
    return outcomes


def _tell(waiting: Sequence[Future[Any]], done: Future[list[tuple[Any, Exception | None]]]) -> None:
    failure = done.exception()
    outcomes = [(None, failure)] * len(waiting) if failure else done.result()
    for future, (result, error) in zip(waiting, outcomes, strict=True):
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
