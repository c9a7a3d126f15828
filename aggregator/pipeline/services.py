"""What the stages need of the world, built in one place."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from aggregator.compute import make_executor
from aggregator.config import Config, Feed
from aggregator.model import Outlet
from aggregator.reports.outlets import OutletList
from aggregator.store.feeds import Subscription, sync_feeds
from aggregator.store.outlets import name_outlets
from aggregator.store.writer import Writer
from aggregator.web import ClientSettings, WebClient

Clock = Callable[[], datetime]


class Progress(Protocol):
    """Told of the work as it goes on: a progress bar, or nothing."""

    def begin(self, stage: str, total: int) -> None:
        """Begin a stage of so many steps, or add steps to it."""

    def advance(self, stage: str, steps: int = 1) -> None:
        """So many steps are done."""


class Silence:
    """Progress that nobody watches."""

    def begin(self, stage: str, total: int) -> None:
        """Say nothing."""

    def advance(self, stage: str, steps: int = 1) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True)
class Services:
    """The effects: network, writer, workers, clock; and the settings that the stages go by."""

    config: Config
    writer: Writer
    web: WebClient
    executor: Executor
    outlets: OutletList
    clock: Clock
    jitter: Callable[[], float]  # 0..1, added to waits in proportion
    progress: Progress
    feeds: dict[str, Feed]  # feeds.yaml by URL
    hears_hubs: bool = False  # deliveries of hubs reach this process: their leases count

    @property
    def extra_outlets(self) -> tuple[Outlet, ...]:
        """Return the corrections and additions of feeds.yaml to the outlet list."""
        return extra_outlets(self.config)


@asynccontextmanager
async def open_services(
    config: Config,
    writer: Writer,
    *,
    clock: Clock,
    jitter: Callable[[], float],
    progress: Progress | None = None,
) -> AsyncIterator[Services]:
    """Build the effects, and take them down again whatever happens in between."""
    executor = make_executor(**config.compute.model_dump())
    finished = False
    try:
        async with WebClient(client_settings(config)) as web:
            outlets = OutletList.load(extra_outlets(config))
            await writer.write(follow_config, config, clock())
            await writer.write(name_outlets, outlets.get)
            gc.freeze()  # full collections went through modules and outlets each time: 15 % of a 304
            yield Services(
                config=config,
                writer=writer,
                web=web,
                executor=executor,
                outlets=outlets,
                clock=clock,
                jitter=jitter,
                progress=progress or Silence(),
                feeds={feed.url: feed for feed in config.feeds},
            )
        finished = True
    finally:
        gc.unfreeze()
        executor.shutdown(cancel_futures=not finished)


def follow_config(db: sqlite3.Connection, config: Config, now: datetime) -> None:
    """Make the database's feeds follow feeds.yaml."""
    subscriptions = [
        Subscription(
            url=feed.url,
            outlet=feed.outlet,
            language=feed.language or config.defaults.language,
            tags=feed.tags or config.defaults.tags,
        )
        for feed in config.feeds
    ]
    sync_feeds(db, subscriptions, now)


def extra_outlets(config: Config) -> tuple[Outlet, ...]:
    """Return feeds.yaml's ``outlets:`` as values."""
    return tuple(Outlet(o.domain, o.name, o.family, o.kind, o.aliases) for o in config.outlets)


def client_settings(config: Config) -> ClientSettings:
    """Translate the network section of feeds.yaml for the HTTP client."""
    network = config.network
    return ClientSettings(
        user_agent=network.user_agent,
        proxy=network.proxy.get_secret_value() if network.proxy else None,
        allow_private=network.allow_private,
        timeout=network.timeout.total_seconds(),
        concurrency=network.concurrency,
        per_host=network.per_host,
        obey_robots=network.obey_robots,
    )
