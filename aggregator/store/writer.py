"""The one writing connection, owned by one thread."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Concatenate, ParamSpec, TypeVar

from aggregator.store.connection import open_writer, transaction

P = ParamSpec("P")
R = TypeVar("R")
Operation = Callable[Concatenate[sqlite3.Connection, P], R]


class Writer:
    """Runs store functions one after the other, each in a transaction of its own.

    A function gets the connection as its first argument and must leave committing to the writer.
    """

    def __init__(self, path: Path) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
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

    def _run(self, operation: Callable[..., R], args: tuple[object, ...], kwargs: dict[str, object]) -> R:
        with transaction(self._connection):
            return operation(self._connection, *args, **kwargs)

    def _close(self) -> None:
        with closing(self._connection), suppress(sqlite3.OperationalError):
            self._connection.execute("PRAGMA optimize")  # not worth failing for: the disk may be full
