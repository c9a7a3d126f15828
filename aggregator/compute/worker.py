"""What runs on a Dask worker: each task in a child process that can be killed.

Dask cannot end a task that hangs: its thread goes on, and where it holds the interpreter the whole worker is
lost. A page that kills its process would take other tasks with it, and be tried on three more workers. So a
worker keeps the very pool that one machine has, and only hands calls and answers through, as bytes.
"""

from __future__ import annotations

import multiprocessing
import pickle
from functools import cache
from threading import Lock

from aggregator import __version__
from aggregator.compute.call import crash_of
from aggregator.compute.local import WorkerPool

_ONE = Lock()


class VersionError(Exception):
    """The worker runs another version of aggregator than the service: results could differ."""


def run(call: bytes, version: str, seconds: float) -> bytes:
    """Run a pickled call within so many seconds; returns its pickled result, or a pickled ``Crash``."""
    if version != __version__:
        raise VersionError(f"a worker runs aggregator {__version__}, the service {version}")
    with _ONE:  # Dask may give two threads their first tasks at once
        future = _pool(seconds).submit(answer, call)
    try:
        return future.result()
    except Exception as error:  # the task's own failure, which the service is told as a value
        return pickle.dumps(crash_of(error))


def answer(call: bytes) -> bytes:
    """Run a pickled call in this process, and pickle its result."""
    return pickle.dumps(pickle.loads(call)())  # noqa: S301  # from the service, over the cluster's own link


@cache
def _pool(seconds: float) -> WorkerPool:
    """Return this worker's pool: one child for each thread that Dask gives tasks."""
    from distributed import get_worker

    # Nannies start workers as daemons, which multiprocessing refuses children. It protects them from being
    # left behind; pebble's end with the worker, since they are daemons themselves.
    multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
    return WorkerPool(get_worker().state.nthreads, seconds)
