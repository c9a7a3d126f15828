"""One connection to a Dask cluster."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import dask
from distributed import Client

from aggregator import __version__
from aggregator.compute.worker import run

CONNECT_SECONDS = 3.0


class AwayError(Exception):
    """The cluster cannot be had; str() says why."""


class Cluster:
    """A scheduler that answers and had workers when it was asked. One that is lost is left, never mended."""

    def __init__(self, scheduler: str) -> None:
        """Connect; raises AwayError."""
        dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GB"})  # a page is no graph
        for name in ("distributed", "distributed.client", "tornado.application"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # the pool says it, and once
        try:
            self._client = Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False, name="aggregator")
        except Exception as error:  # of many kinds: no route, another protocol, a certificate
            raise AwayError(f"{type(error).__name__}: {error}"[:300]) from error
        if fault := self.fault():
            self.close()
            raise AwayError(fault)
        self._executor = self._client.get_executor(pure=False)

    def submit(self, work: Callable[[], Any], seconds: float) -> Future[bytes]:
        """Queue a call; its future is a pickled result or ``Crash``, or fails where the cluster did."""
        call = pickle.dumps(work)
        try:
            future: Future[bytes] = self._executor.submit(run, call, __version__, seconds)
        except Exception as error:  # the client has closed itself
            future = Future()
            future.set_exception(error)
        return future

    def fault(self) -> str | None:
        """Return why it cannot be worked with, or None."""
        if self._client.status != "running":
            return "its scheduler is gone"
        try:
            return None if self._client.scheduler_info()["workers"] else "it has no workers"
        except (OSError, TimeoutError, RuntimeError) as error:
            return f"{type(error).__name__}: {error}"[:300]

    def close(self) -> None:
        """Let go of it; never called in the client's own thread, which would wait for itself."""
        with suppress(OSError, TimeoutError):  # it may be dead already
            self._client.close(timeout=1)
