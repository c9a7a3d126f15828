"""Executors of this machine: worker processes that can be killed, or this process."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

from pebble import ProcessPool

P = ParamSpec("P")
R = TypeVar("R")

TASK_SECONDS = 60.0
"""A page or feed that takes longer is given up: 18 MB pages have been seen to take 57 s and more (S25)."""

_PRELOAD = ["aggregator.reports.preload"]


class WorkerPool(Executor):
    """Worker processes; one that hangs or dies is replaced and costs only its task.

    ``concurrent.futures.ProcessPoolExecutor`` breaks for good when a worker dies, and cannot end one that
    hangs.
    """

    def __init__(self, workers: int, seconds: float = TASK_SECONDS) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_PRELOAD)
        self._pool = ProcessPool(max_workers=workers, context=context)
        self._seconds = seconds

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Queue a call; its future raises TimeoutError or ProcessExpired where the worker had to go."""
        future: Future[R] = self._pool.schedule(fn, args=args, kwargs=kwargs, timeout=self._seconds)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers: at once with ``cancel_futures``, else when the queue is empty."""
        if cancel_futures:
            self._pool.stop()
        else:
            self._pool.close()
        if wait:
            self._pool.join()


class Inline(Executor):
    """Runs every call at once, in the calling thread."""

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Call and return a finished future."""
        future: Future[R] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # whatever the call raises belongs to its future
            future.set_exception(error)
        return future


def processes(workers: int | str) -> WorkerPool:
    """Return a pool of so many worker processes; ``auto`` is one a core."""
    return WorkerPool(os.cpu_count() or 1 if workers == "auto" else int(workers))
