"""Supervision: build the service, and whatever goes wrong, take it down, wait, and build it anew.

There is one answer to a failed cycle, a changed feeds.yaml and a clock that was set: a fresh start from the
database, which is always in order. Only a damaged or vanished database ends the service.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import structlog

from aggregator.config import Config, ConfigError, load_config
from aggregator.daemon.control import Control, Signals
from aggregator.daemon.metrics import exposing
from aggregator.daemon.notify import notify, watchdog_seconds
from aggregator.daemon.service import Service
from aggregator.daemon.trouble import Patience, has_room
from aggregator.daemon.watch import ClockWatch, FileWatch, SameFile
from aggregator.pipeline.services import Clock, open_services
from aggregator.reports.analyse import VERSION
from aggregator.store.analysis import forget_analyses
from aggregator.store.articles import blame_fetches, release_fetches
from aggregator.store.connection import StoreError
from aggregator.store.lock import hold
from aggregator.store.status import last_change
from aggregator.store.wal import LONG_LOG, log_size
from aggregator.store.writer import Writer

log = structlog.get_logger()

BEAT_SECONDS = 5.0
ROOM_SECONDS = 30.0

PRUNE_AFTER, PRUNE_AFTER_DOUBT = 600.0, 86_400.0
"""Seconds. A clock that leapt is not believed at once: by a clock a year ahead, every article is old."""

LONG_SILENCE = timedelta(days=7)


async def serve(config: Config, config_file: Path, *, clock: Clock, jitter: Callable[[], float]) -> None:
    """Run the service until SIGTERM or SIGINT; SIGHUP reads feeds.yaml anew.

    Raises HeldError where another process holds the database, StoreError where it cannot be used,
    AddressError where ``metrics`` names an address that cannot be listened at.
    """
    with (
        hold(config.database),
        Writer(config.database) as writer,
        exposing(config.metrics, config.database, clock),
    ):
        control = Control()
        supervisor = Supervisor(config, config_file, writer, control, clock=clock, jitter=jitter)
        with Signals(control, supervisor.reload):
            log.info("service started", database=str(config.database), feeds=len(config.feeds))
            await supervisor.run()
        log.info("service stopped")


class Supervisor:
    """Keeps one service alive; ``pulse`` is its heartbeat."""

    def __init__(
        self,
        config: Config,
        config_file: Path,
        writer: Writer,
        control: Control,
        *,
        clock: Clock,
        jitter: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
        patience: Patience | None = None,
    ) -> None:
        self._config, self._config_file = config, config_file
        self._writer, self._control = writer, control
        self._clock, self._jitter, self._monotonic = clock, jitter, monotonic
        self._patience = patience or Patience(config.database)
        self._feeds_yaml = FileWatch(config_file)
        self._clock_watch = ClockWatch(clock, monotonic)
        self._file = SameFile(config.database)
        self._doubt_until = monotonic()
        self._lost = False
        self._long_log = False

    async def run(self) -> None:
        """Run the service until it is told to end; raises StoreError where the database is lost."""
        heart = asyncio.create_task(self._beat())
        try:
            await self._writer.write(self._begin)
            while not self._control.ended:
                self._control.begin()
                try:
                    await self._live()
                except Exception as error:  # a service that is to be left alone outlives every defect
                    self._look_for_file()
                    if not self._lost:
                        await self._rest(self._patience.failed(error))
        finally:
            notify("STOPPING=1")
            heart.cancel()
            with suppress(asyncio.CancelledError):
                await heart
        if self._lost:
            raise StoreError(
                f"{self._config.database}: was moved, deleted or replaced while the service ran;"
                " start the service again to go on with what is there now"
            )

    def pulse(self) -> None:
        """Tell the service manager that all is well, and look at what may have changed."""
        notify("WATCHDOG=1")
        if self._feeds_yaml.changed():
            self.reload()
        if leap := self._clock_watch.jump():
            log.warning("the clock has jumped; the schedule is made anew", by=str(leap))
            self._doubt_until = self._monotonic() + PRUNE_AFTER_DOUBT
            self._control.renew()
        self._look_for_file()
        self._watch_log()

    def reload(self) -> None:
        """Read feeds.yaml anew. A broken one is refused and the old kept; the database stays where it is."""
        try:
            fresh = load_config(self._config_file)
        except ConfigError as error:
            log.error("feeds.yaml is broken; going on with the old one", problems=str(error))
            return
        fresh = fresh.model_copy(update={"database": self._config.database})
        if fresh == self._config:
            log.info("feeds.yaml read anew; it says the same")
            return
        log.info("feeds.yaml read anew", feeds=len(fresh.feeds))
        self._config = fresh
        self._control.renew()

    async def _live(self) -> None:
        config = self._config
        await self._writer.write(_take_up, config.cluster.encoder)
        async with open_services(config, self._writer, clock=self._clock, jitter=self._jitter) as services:
            notify("READY=1", f"STATUS=watching {len(config.feeds)} feeds")
            prune_after = max(PRUNE_AFTER, self._doubt_until - self._monotonic())
            await Service(services, self._control, self._patience, prune_after=prune_after).run()

    async def _rest(self, seconds: float) -> None:
        await self._control.rest(seconds)
        folder = self._config.database.resolve().parent
        while not self._control.ended and not await asyncio.to_thread(has_room, folder):
            self._control.begin()
            await self._control.rest(ROOM_SECONDS)

    async def _beat(self) -> None:
        seconds = min(BEAT_SECONDS, (watchdog_seconds() or 2 * BEAT_SECONDS) / 2)
        while True:
            self.pulse()
            await asyncio.sleep(seconds)

    def _look_for_file(self) -> None:
        if self._file.replaced():
            self._lost = True
            self._control.end()

    def _watch_log(self) -> None:
        long, was_long = log_size(self._config.database) > LONG_LOG, self._long_log
        self._long_log = long
        if long and not was_long:
            log.warning("the write-ahead log grows: some program keeps a read transaction open")

    def _begin(self, db: sqlite3.Connection) -> None:
        blame_fetches(db)
        latest = last_change(db)
        if latest and self._clock() - latest > LONG_SILENCE:
            self._doubt_until = self._monotonic() + PRUNE_AFTER_DOUBT


def _take_up(db: sqlite3.Connection, encoder: str) -> None:
    """Mark what is to be done again after an earlier life of this process: nothing killed that one."""
    release_fetches(db)
    forget_analyses(db, VERSION, encoder)
