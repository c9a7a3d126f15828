"""The service: the cycle on a schedule, the daily digest, an orderly end.

When a feed is due is a column of the database, so the schedule here only looks, again and again, whether
anything is: a restart, a suspend or a changed clock costs nothing and floods nobody.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from aggregator.config import Config, ConfigError, load_config
from aggregator.pipeline.cycle import Scope, run_cycle, take_up
from aggregator.pipeline.digest import write_daily_digest
from aggregator.pipeline.services import Clock, Services, open_services
from aggregator.store.lock import hold
from aggregator.store.status import work_waits
from aggregator.store.writer import Writer

log = structlog.get_logger()

LOOK_SECONDS = 30
DRAIN_SECONDS = 8.0


class Service:
    """One run of the service with one configuration, until it is told to stop or to read feeds.yaml anew."""

    def __init__(self, services: Services, stop: asyncio.Event) -> None:
        self._services = services
        self._stop = stop
        self._cycle: asyncio.Task[None] | None = None
        self._scheduler = AsyncIOScheduler(
            timezone=services.config.digest.timezone,
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    async def run(self) -> None:
        """Work until the stop event is set, then let the cycle under way finish, or cut it off."""
        at = self._services.config.digest.at
        hour, minute = at.split(":")
        self._scheduler.add_job(self.look, IntervalTrigger(seconds=LOOK_SECONDS))
        self._scheduler.add_job(
            self.digest,
            CronTrigger(hour=hour, minute=minute, timezone=self._services.config.digest.timezone),
        )
        self._scheduler.start()
        self.look()
        await self._stop.wait()
        self._scheduler.pause()
        await self._drain()
        self._scheduler.shutdown(wait=False)

    def look(self) -> None:
        """Start a cycle, unless one is under way."""
        if self._cycle is None or self._cycle.done():
            self._cycle = asyncio.create_task(self._work())

    async def digest(self) -> None:
        """Write the day's digest."""
        try:
            paths = await asyncio.to_thread(write_daily_digest, self._services.config, self._services.clock())
        except Exception:
            log.exception("the digest could not be written")
        else:
            log.info("digest written", files=[str(path) for path in paths])

    async def _work(self) -> None:
        try:
            if await self._services.writer.write(work_waits, self._services.clock()):
                await run_cycle(self._services, Scope())
        except Exception:
            log.exception("the cycle failed; it is gone on with at the next look")

    async def _drain(self) -> None:
        """Give the cycle a moment to end. What is cut off was not stored and is taken up at the next start."""
        if self._cycle is None or self._cycle.done():
            return
        await asyncio.wait([self._cycle], timeout=DRAIN_SECONDS)
        self._cycle.cancel()
        await asyncio.gather(self._cycle, return_exceptions=True)


async def serve(config: Config, config_file: Path, *, clock: Clock, jitter: Callable[[], float]) -> None:
    """Run the service until SIGTERM or SIGINT; SIGHUP reads feeds.yaml anew.

    Raises HeldError where another process holds the database, StoreError where it cannot be used.
    """
    with hold(config.database), Writer(config.database) as writer:
        await writer.write(take_up, config.cluster.encoder)
        signals = Signals()
        log.info("service started", database=str(config.database), feeds=len(config.feeds))
        while not signals.ended:
            signals.wake.clear()
            async with open_services(config, writer, clock=clock, jitter=jitter) as services:
                await Service(services, signals.wake).run()
            if not signals.ended:
                config = reread(config, config_file)
        log.info("service stopped")


class Signals:
    """SIGTERM and SIGINT end the service, SIGHUP wakes it to read feeds.yaml anew."""

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        self.ended = False
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        loop.add_signal_handler(signal.SIGHUP, self.wake.set)

    def _end(self) -> None:
        self.ended = True
        self.wake.set()


def reread(config: Config, config_file: Path) -> Config:
    """Read feeds.yaml anew. A broken one is refused and the old kept; the database stays where it is."""
    try:
        fresh = load_config(config_file)
    except ConfigError as error:
        log.error("feeds.yaml is broken; going on with the old one", problems=str(error))
        return config
    log.info("feeds.yaml read anew", feeds=len(fresh.feeds))
    return fresh.model_copy(update={"database": config.database})
