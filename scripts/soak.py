"""``make soak``: the whole service through thirty days in accelerated time (reliability case L17).

Nothing of the service is replaced but time: its event loop jumps to the next timer whenever nothing is under
way, so that the real scheduler, supervisor, HTTP client, database and clustering live through thirty days in
minutes. Two hundred feeds on loopback publish, fail, pause and vanish; the network is down for six hours; a
reader keeps a transaction open for six hours. Memory, file descriptors, threads, log and database are
measured four times a day, and judged by their slope once retention removes as much as comes in.
"""

from __future__ import annotations

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import argparse
import asyncio
import contextlib
import random
import selectors
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import apscheduler.executors.base
import apscheduler.schedulers.base
import apscheduler.triggers.interval
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from soak_press import START, TICK, SoakPress, serve
from soak_report import write_report

from aggregator.cli.logs import set_up_logging
from aggregator.compute import call
from aggregator.config import Config, load_config
from aggregator.daemon import service, supervise
from aggregator.daemon.control import Control
from aggregator.daemon.supervise import Supervisor
from aggregator.pipeline import analyse, fetch, poll, services
from aggregator.pipeline.services import Clock
from aggregator.store.connection import open_reader
from aggregator.store.doctor import examine
from aggregator.store.lock import hold
from aggregator.store.status import read_status
from aggregator.store.wal import log_size
from aggregator.store.writer import Writer
from aggregator.web import WebClient

PULSE_SECONDS = 30.0  # the watch on clock and files; five seconds would only cost time here


class EagerSelector(selectors.DefaultSelector):
    """Does not wait where nothing can come: time itself is moved on."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for events; with nothing under way, for none, and jump to the next timer."""
        if self.loop.busy or not timeout:
            return super().select(timeout)
        ready = super().select(0)
        if not ready:
            self.loop.ahead += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next timer while no thread and no request is at work."""

    def __init__(self) -> None:
        self.ahead, self.busy = 0.0, 0
        selector = EagerSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        """Return monotonic seconds, with those that were skipped."""
        return super().time() + self.ahead

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        """Run in a thread; time does not jump before it is done."""
        future = super().run_in_executor(executor, func, *args)
        self.busy += 1
        future.add_done_callback(self.release)
        return future

    def release(self, _done: object = None) -> None:
        """One thing less is under way."""
        self.busy -= 1

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Keep time from jumping while the block runs."""
        self.busy += 1
        try:
            yield
        finally:
            self.busy -= 1


@contextmanager
def virtual_time(start: datetime) -> Iterator[tuple[VirtualLoop, Clock]]:
    """Yield a loop and its clock; client, writer and APScheduler go by them while the block runs."""
    loop = VirtualLoop()
    began = loop.time()

    def clock() -> datetime:
        return start + timedelta(seconds=loop.time() - began)

    class VirtualClient(WebClient):
        def __init__(self, settings: Any) -> None:
            super().__init__(settings, clock=loop.time, now=clock)

        async def get(self, *args: Any, **kwargs: Any) -> Any:
            with loop.at_work():
                return await super().get(*args, **kwargs)

    class VirtualDatetime(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return clock().astimezone(tz)

    async def call_at_work(*args: Any, **kwargs: Any) -> Any:
        with loop.at_work():
            return await call(*args, **kwargs)

    replaced: list[tuple[Any, str, Any]] = [(services, "WebClient", VirtualClient)]
    replaced += [(module, "call", call_at_work) for module in (analyse, fetch, poll)]
    clocked = (
        apscheduler.schedulers.base, apscheduler.executors.base, apscheduler.triggers.interval, service,
    )  # fmt: skip
    replaced += [(module, "datetime", VirtualDatetime) for module in clocked]
    originals = [(module, name, getattr(module, name)) for module, name, _ in replaced]
    for module, name, substitute in replaced:
        setattr(module, name, substitute)
    try:
        yield loop, clock
    finally:
        for module, name, original in originals:
            setattr(module, name, original)
        loop.close()


class VirtualWriter(Writer):
    """A writer that time waits for."""

    def __init__(self, path: Path, loop: VirtualLoop) -> None:
        super().__init__(path)
        self._loop = loop

    async def write(self, *args: Any, **kwargs: Any) -> Any:
        """Write, and keep time from jumping meanwhile."""
        with self._loop.at_work():
            return await super().write(*args, **kwargs)

    def submit_upkeep(self, operation: Any) -> Any:
        """Queue upkeep, and keep time from jumping until it is done."""
        self._loop.busy += 1
        future = super().submit_upkeep(operation)
        future.add_done_callback(lambda _: self._loop.call_soon_threadsafe(self._loop.release))
        return future


@dataclass(frozen=True)
class Sample:
    """What was measured at one moment."""

    day: float
    rss_bytes: int
    worker_bytes: int
    descriptors: int
    threads: int
    wal_bytes: int
    log_bytes: int  # written since the last sample
    database_bytes: int
    articles: int
    entries: int
    overdue: int  # feeds that have been due for more than five minutes, and whose host is not paused


def measure(day: float, config: Config, now: datetime, log_bytes: int) -> Sample:
    """Measure this process and its database."""
    with closing(open_reader(config.database)) as db:
        status = read_status(db, config.database, now)
        late = {"late": text(now - timedelta(minutes=5)), "now": text(now)}
        overdue, example = db.execute(OVERDUE, late).fetchone()
        if overdue:
            print(f"{now}: {overdue} feeds are overdue, for example {example}", flush=True)
        articles = sum(status.articles.values())
        return Sample(
            day=day,
            rss_bytes=resident("self"),
            worker_bytes=sum(resident(process) for process in workers(os.getpid())),
            descriptors=len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - the listing's own is among them
            threads=threading.active_count(),
            wal_bytes=log_size(config.database),
            log_bytes=log_bytes,
            database_bytes=status.database_bytes,
            articles=articles,
            entries=status.entries,
            overdue=overdue,
        )


def resident(process: int | str) -> int:
    """Return the bytes of memory that a process holds."""
    pages = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def workers(process: int) -> Iterator[int]:
    """Yield the worker processes below a process, and the one that they are forked from."""
    for thread in Path(f"/proc/{process}/task").iterdir():
        for child in map(int, (thread / "children").read_text(encoding="ascii").split()):
            if b"forkserver" in Path(f"/proc/{child}/cmdline").read_bytes():
                yield child
            yield from workers(child)


OVERDUE = (
    "SELECT count(*), min(url || ' ' || next_poll_at || ' ' || coalesce(last_error, '')) FROM feeds"
    " WHERE state IN ('active', 'failing') AND next_poll_at < :late"
    " AND NOT EXISTS (SELECT 1 FROM host_pauses WHERE until > :now AND instr(feeds.url, host))"
)


def text(moment: datetime) -> str:
    """Return a time as the database writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Voyage:
    """What a soak came to."""

    samples: list[Sample]
    jobs: Counter[str]
    counts: dict[str, int]
    faults: list[str]
    seconds: float = 0.0


class Soak:
    """One service, its newsroom, and what is measured of them."""

    def __init__(self, folder: Path, press: SoakPress, days: float, compute: str) -> None:
        self.folder, self.press, self.days, self.compute = folder, press, days, compute
        self.voyage = Voyage([], Counter(), {}, [])
        self._logged = 0

    def run(self, log: Path) -> Voyage:
        """Live through all days."""
        began = time.monotonic()
        with serve(self.press) as proxy, virtual_time(START) as (loop, clock):
            config = self._config(proxy)
            asyncio.set_event_loop(loop)
            try:
                loop.run_until_complete(self._live(config, loop, clock, log))
            finally:
                asyncio.set_event_loop(None)
        self._count(config)
        self.voyage.seconds = time.monotonic() - began
        return self.voyage

    def _config(self, proxy: str) -> Config:
        """Every second feed has an interval of its own: it is asked every hour, news or no news."""
        feeds = "".join(
            f"  - {{url: '{self.press.feed_url(feed)}'{', interval: 1h' if feed % 2 else ''}}}\n"
            for feed in range(self.press.feeds)
        )
        said = (
            f"database: news.db\nnetwork: {{proxy: '{proxy}'}}\ncompute: {self.compute}\n"
            "digest: {directory: digests, timezone: Europe/Berlin}\nretention: {articles: 8d, polls: 5d}\n"
        )
        (self.folder / "feeds.yaml").write_text(f"{said}feeds:\n{feeds}", encoding="utf-8")
        return load_config(self.folder / "feeds.yaml")

    async def _live(self, config: Config, loop: VirtualLoop, clock: Clock, log: Path) -> None:
        jobs = self.voyage.jobs

        class WatchedScheduler(AsyncIOScheduler):  # type: ignore[misc]
            def start(self, paused: bool = False) -> None:
                self.add_listener(
                    lambda event: jobs.update([f"{event.job_id.split('-')[0]} {event.code}"]),
                    EVENT_JOB_ERROR | EVENT_JOB_EXECUTED | EVENT_JOB_MAX_INSTANCES | EVENT_JOB_MISSED,
                )
                super().start(paused)

            def add_job(self, func: Any, *args: Any, **kwargs: Any) -> Any:
                kwargs["id"] = f"{func.__name__}-{len(jobs)}"
                return super().add_job(func, *args, **kwargs)

        supervise_beat, supervise.BEAT_SECONDS = supervise.BEAT_SECONDS, PULSE_SECONDS
        service.AsyncIOScheduler = WatchedScheduler  # type: ignore[misc]
        chance = random.Random(1)  # noqa: S311
        try:
            with hold(config.database), VirtualWriter(config.database, loop) as writer:
                control = Control()
                supervisor = Supervisor(
                    config, self.folder / "feeds.yaml", writer, control,
                    clock=clock, jitter=chance.random, monotonic=loop.time,
                )  # fmt: skip
                watch = asyncio.create_task(self._watch(config, clock, log))
                watch.add_done_callback(lambda _: control.end())
                await supervisor.run()
                await watch
        finally:
            supervise.BEAT_SECONDS, service.AsyncIOScheduler = supervise_beat, AsyncIOScheduler  # type: ignore[misc]

    async def _watch(self, config: Config, clock: Clock, log: Path) -> None:
        """Tell the newsroom the time every half hour, measure every six hours."""
        reader: sqlite3.Connection | None = None
        for tick in range(int(self.days * 48) + 1):
            await asyncio.sleep((clock_at(tick) - clock()).total_seconds())
            self.press.shared[0] = tick
            if tick % 12:
                continue
            self._sample(tick / 48, config, clock(), log)
            if reader:
                reader.close()
                reader = None
            elif tick == 15 * 48:  # somebody's notebook
                reader = open_reader(config.database)
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM articles").fetchone()

    def _sample(self, day: float, config: Config, now: datetime, log: Path) -> None:
        written = log.stat().st_size
        sample = measure(day, config, now, written - self._logged)
        self._logged = written
        self.voyage.samples.append(sample)
        if day == int(day):
            print(f"day {day:.0f}: {sample}", flush=True)

    def _count(self, config: Config) -> None:
        self.voyage.faults += [
            f.detail for f in examine(config.database, clock_at(int(self.days * 48))) if f.state == "fail"
        ]
        with closing(open_reader(config.database)) as db:
            for name, query in COUNTS.items():
                self.voyage.counts[name] = db.execute(query).fetchone()[0]
        self.voyage.counts["requests"] = self.press.asked()
        self.voyage.counts["digests"] = len(list((self.folder / "digests").glob("*.md")))


COUNTS = {
    "polls": "SELECT seq FROM sqlite_sequence WHERE name = 'polls'",
    "cycles": "SELECT seq FROM sqlite_sequence WHERE name = 'cycles'",
    "articles": "SELECT seq FROM sqlite_sequence WHERE name = 'articles'",
    "clusters": "SELECT seq FROM sqlite_sequence WHERE name = 'clusters'",
    "entries": "SELECT count(*) FROM entries",
}


def clock_at(tick: int) -> datetime:
    """Return the time of a tick of half an hour."""
    return START + TICK * tick


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Send the service's log to a file, as a supervisor would."""
    with path.open("w", encoding="utf-8") as file, contextlib.redirect_stderr(file):
        set_up_logging(1, "json")
        yield


def main() -> int:
    """Soak, judge, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=float, default=30)
    parser.add_argument("--feeds", type=int, default=200)
    parser.add_argument("--reports", type=int, default=24, help="new reports a day, three accounts each")
    parser.add_argument(
        "--output", type=Path, help="folder for soak.md and soak.svg; none are written without"
    )
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with log_to(folder / "service.log"):
            soak = Soak(folder, SoakPress(chosen.feeds, chosen.reports), chosen.days, "{workers: 1}")
            voyage = soak.run(folder / "service.log")
    print(voyage.jobs, voyage.counts, voyage.faults, f"{voyage.seconds:.0f} s")
    faults = write_report(voyage, chosen, chosen.output)
    print("\n".join(faults) or "flat, and no job skipped")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
