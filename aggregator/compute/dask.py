"""CPU work on a Dask cluster, for as long as there is one.

Whatever goes wrong with the cluster (its scheduler gone, its workers gone, another version) is never held
against a task: the task is computed here, or waits until the cluster is back.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from functools import partial
from threading import Event, Lock, Thread
from typing import Any, ParamSpec, TypeVar

import structlog

from aggregator.compute.cluster import AwayError, Cluster
from aggregator.compute.local import TASK_SECONDS, WorkerPool

P = ParamSpec("P")
R = TypeVar("R")
log = structlog.get_logger()

BEAT = 1.0
"""Seconds between two looks at the cluster. Its connection tells at once when the scheduler dies."""

RETRY = 10.0
"""Seconds until a cluster that could not be had is tried again."""


@dataclass(eq=False, slots=True)
class _Job:
    """A call, and the future that whoever submitted it holds."""

    work: Callable[[], Any]
    future: Future[Any] = field(default_factory=Future)

    def settle(self, result: Callable[[], Any]) -> None:
        """Pass on what became of it, unless nobody wants it any more."""
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            self.future.set_result(result())
        except Exception as error:  # the task's own
            self.future.set_exception(error)


class DaskPool(Executor):
    """An executor on a Dask cluster that outlives the cluster's failures.

    A future's result may be a ``Crash``: what hangs or dies on a worker is told as a value. A job is in one
    place at a time: waiting, there (on the cluster), or here.
    """

    def __init__(
        self,
        scheduler: str,
        local: Callable[[], WorkerPool],
        *,
        waits: bool,
        seconds: float = TASK_SECONDS,
        retry: float = RETRY,
    ) -> None:
        """Begin to connect, in the background.

        Args:
            scheduler: Its address, for example ``tcp://host:8786``.
            local: Makes the pool that computes here while the cluster is away.
            waits: Whether tasks wait for the cluster instead.
            seconds: The limit of one task.
            retry: Seconds between two attempts to reach the cluster.
        """
        self._scheduler, self._make_local, self._waits = scheduler, local, waits
        self._seconds, self._retry = seconds, retry
        self._lock, self._wake, self._ended = Lock(), Event(), Event()
        self._cluster: Cluster | None = None
        self._left: list[Cluster] = []  # to be closed by the watcher
        self._hopeful = True  # not known to be away: jobs wait for the first attempt
        self._next_attempt = 0.0
        self._local: WorkerPool | None = None
        self._waiting: list[_Job] = []
        self._there: dict[_Job, Future[Any]] = {}
        self._here: dict[_Job, Future[Any]] = {}
        self._watcher = Thread(target=self._watch, name="dask-watch", daemon=True)
        self._watcher.start()

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Queue a call of a module's function; it and its values must pickle."""
        job = _Job(partial(fn, *args, **kwargs))
        job.future.add_done_callback(partial(self._drop, job))
        self._place(job)
        return job.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End: at once with ``cancel_futures``, else when every job has its result."""
        with self._lock:
            futures = [job.future for job in (*self._waiting, *self._there, *self._here)]
        if cancel_futures:
            for future in futures:
                future.cancel()
        elif wait:
            wait_for(futures)
        self._ended.set()
        self._wake.set()
        self._watcher.join()
        if self._local:
            self._local.shutdown(wait, cancel_futures=cancel_futures)

    def _drop(self, job: _Job, future: Future[Any]) -> None:
        """Take a job back whose future was cancelled."""
        if not future.cancelled():
            return
        with self._lock:
            placed = self._there.pop(job, None) or self._here.pop(job, None)
            waited = job in self._waiting
            if waited:
                self._waiting.remove(job)
        if placed or waited:
            future.set_running_or_notify_cancel()  # wakes whoever waits for it
        if placed:
            placed.cancel()

    def _place(self, job: _Job) -> None:
        """Give a job to the cluster, to the pool here, or to those that wait."""
        with self._lock:
            if self._cluster:
                placed = self._there[job] = self._cluster.submit(job.work, self._seconds)
                answered = self._answered_there
            elif self._waits or self._hopeful:
                self._waiting.append(job)
                return
            else:
                self._local = self._local or self._make_local()
                placed = self._here[job] = self._local.submit(job.work)
                answered = self._answered_here
        placed.add_done_callback(partial(answered, job))

    def _answered_here(self, job: _Job, placed: Future[Any]) -> None:
        with self._lock:
            mine = self._here.pop(job, None)
        if mine:
            job.settle(placed.result)

    def _answered_there(self, job: _Job, placed: Future[bytes]) -> None:
        """Take an answer. None means that the cluster failed: a task's own failures are answers."""
        with self._lock:
            if self._there.get(job) is not placed:  # taken back meanwhile
                return
            del self._there[job]
        try:
            result = placed.result()
        except (Exception, CancelledError) as error:
            with self._lock:
                self._waiting.append(job)
            lost = isinstance(error, CancelledError)  # how a lost connection shows itself first
            self._leave("its scheduler is gone" if lost else f"{type(error).__name__}: {error}"[:300])
            return
        job.settle(partial(pickle.loads, result))

    def _watch(self) -> None:
        """Look after the cluster until the end."""
        while not self._ended.is_set():
            self._flush()
            self._attend()
            self._flush()
            self._wake.wait(BEAT)
            self._wake.clear()
        with self._lock:
            cluster, self._cluster = self._cluster, None
        self._close([cluster] if cluster else [])

    def _attend(self) -> None:
        with self._lock:
            cluster, left, self._left = self._cluster, self._left, []
        self._close(left)
        if cluster is None:
            if time.monotonic() >= self._next_attempt:
                self._connect()
        elif fault := cluster.fault():
            self._leave(fault)

    def _close(self, clusters: list[Cluster]) -> None:
        for cluster in clusters:
            cluster.close()

    def _connect(self) -> None:
        try:
            cluster = Cluster(self._scheduler)
        except AwayError as error:
            self._leave(str(error))
            return
        with self._lock:
            self._cluster, self._hopeful = cluster, True
        log.info("the Dask cluster is there", scheduler=self._scheduler)

    def _leave(self, reason: str) -> None:
        """Give the cluster up for now, and take back what it was given. Said once until it is back."""
        with self._lock:
            if self._cluster:
                self._left.append(self._cluster)
            self._waiting.extend(self._there)
            self._there.clear()
            news, self._hopeful, self._cluster = self._hopeful, False, None
            self._next_attempt = time.monotonic() + self._retry
            tasks = len(self._waiting)
        if news:
            meanwhile = "wait for it" if self._waits else "are computed here"
            message = f"the Dask cluster is away: tasks {meanwhile}"
            log.warning(message, scheduler=self._scheduler, reason=reason, tasks=tasks)
        self._wake.set()

    def _flush(self) -> None:
        """Place what waits, where it can be placed."""
        with self._lock:
            if not self._cluster and (self._waits or self._hopeful):
                return
            jobs, self._waiting = self._waiting, []
        for job in jobs:
            self._place(job)
