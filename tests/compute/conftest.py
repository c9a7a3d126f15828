"""A Dask cluster of processes on loopback, which tests may kill."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import structlog


class Cluster:
    """A scheduler, and workers without nannies: one that is killed stays dead."""

    def __init__(self) -> None:
        self.port = 0
        self.workers: list[subprocess.Popen[str]] = []
        self.start_scheduler()

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def start_scheduler(self) -> None:
        """Start it, at the address that it had before."""
        command = ["scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard"]
        self.scheduler, line = _start(command, "Scheduler at:")
        self.port = int(line.rpartition(":")[2])

    def add_worker(self) -> subprocess.Popen[str]:
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1"]
        worker, _ = _start(["worker", self.address, *options, "--death-timeout", "60"], "Registered to:")
        self.workers.append(worker)
        return worker

    def kill_worker(self) -> None:
        """Kill the one that was added first."""
        _kill(self.workers.pop(0))

    def kill_scheduler(self) -> None:
        """Kill it and the workers, which would otherwise come back to the next one."""
        _kill(self.scheduler)
        while self.workers:
            self.kill_worker()


def _kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()


def _start(arguments: list[str], ready: str) -> tuple[subprocess.Popen[str], str]:
    """Start a Dask process and return it with the line of its log that says it is ready."""
    command = [sys.executable, "-m", "dask", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert process.stderr
    said = []
    for line in process.stderr:
        said.append(line)
        if ready in line:
            threading.Thread(target=_drain, args=(process.stderr,), daemon=True).start()
            return process, line.strip()
    raise RuntimeError("".join(said))


def _drain(stream) -> None:
    with stream:
        for _ in stream:
            pass


@contextmanager
def cluster_of(workers: int) -> Iterator[Cluster]:
    cluster = Cluster()
    try:
        for _ in range(workers):
            cluster.add_worker()
        yield cluster
    finally:
        cluster.kill_scheduler()


@pytest.fixture(scope="module")
def steady() -> Iterator[Cluster]:
    """A cluster that the tests of a module share, and leave alone."""
    with cluster_of(2) as cluster:
        yield cluster


@pytest.fixture
def fragile() -> Iterator[Cluster]:
    with cluster_of(1) as cluster:
        yield cluster


class Said:
    """What was logged, from whichever thread."""

    def __init__(self) -> None:
        self.events: list[dict[str, object]] = []
        self._new = threading.Condition()

    def __call__(self, _logger: object, _name: str, event: dict[str, object]) -> dict[str, object]:
        with self._new:
            self.events.append(dict(event))
            self._new.notify_all()
        raise structlog.DropEvent

    def about(self, words: str) -> list[dict[str, object]]:
        return [event for event in self.events if words in str(event["event"])]

    def wait_for(self, words: str, times: int = 1) -> dict[str, object]:
        with self._new:
            assert self._new.wait_for(lambda: len(self.about(words)) >= times, timeout=60), self.events
        return self.about(words)[-1]


@pytest.fixture
def said() -> Iterator[Said]:
    said = Said()
    structlog.configure(processors=[said])
    yield said
    structlog.reset_defaults()
