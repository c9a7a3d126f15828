"""One cycle: poll, fetch, analyse, cluster. The service and ``aggregator poll`` run the same one."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from urllib.parse import urlsplit

import structlog

from aggregator.config import Config
from aggregator.pipeline.analyse import analyse_articles
from aggregator.pipeline.cluster import cluster_articles
from aggregator.pipeline.fetch import fetch_articles
from aggregator.pipeline.poll import poll_feeds
from aggregator.pipeline.record import PollCount
from aggregator.pipeline.services import Clock, Progress, Services, open_services
from aggregator.reports.analyse import VERSION
from aggregator.store.analysis import forget_analyses
from aggregator.store.articles import blame_fetches
from aggregator.store.clusters import recluster_everything
from aggregator.store.feeds import FeedRow, due_feeds, paused_hosts, subscribed_feeds
from aggregator.store.outage import excuse_outage
from aggregator.store.outlets import name_outlets
from aggregator.store.status import begin_cycle, end_cycle
from aggregator.store.writer import Writer

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Scope:
    """What a cycle is to do."""

    network: bool = True
    force: bool = False  # all feeds, due or not, cooldown or not
    feed: str | None = None  # this one only
    rebuild: bool = False  # cluster everything anew


@dataclass(frozen=True, slots=True)
class CycleCount:
    """What a cycle came to."""

    polled: int = 0
    failed: int = 0
    new_entries: int = 0
    articles: int = 0
    clustered: int = 0

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)


async def run_once(
    config: Config,
    writer: Writer,
    scope: Scope,
    *,
    clock: Clock,
    jitter: Callable[[], float],
    progress: Progress | None = None,
) -> CycleCount:
    """Build what a cycle needs, take up what a killed one left, run it, and take all down again."""
    async with open_services(config, writer, clock=clock, jitter=jitter, progress=progress) as services:
        await writer.write(take_up, config.cluster.encoder, rebuild=scope.rebuild)
        return await run_cycle(services, scope)


def take_up(db: sqlite3.Connection, encoder: str, *, rebuild: bool = False) -> None:
    """Mark what is to be done again: fetches that were cut off, analyses of an older version."""
    blame_fetches(db)
    forget_analyses(db, VERSION, encoder)
    if rebuild:
        recluster_everything(db)


async def run_cycle(services: Services, scope: Scope) -> CycleCount:
    """Run the stages. Each takes the rows that lack its output: one that was cut off is gone on with.

    Clustering comes last, over all that is new; the others run side by side, since they wait for different
    things: for feeds, for pages, for the processor.
    """
    write = services.writer.write
    cycle = await write(begin_cycle, services.clock())
    polls: list[PollCount] = []
    articles = 0
    if not scope.network:
        await analyse_articles(services)
    else:
        feeds = await write(feeds_to_poll, scope, services.clock())
        polls, articles = await _bring_in(services, feeds)
        if polls and not any(poll.ok for poll in polls):
            await write(excuse_outage, services.clock(), services.config.defaults.interval)
    count = CycleCount(
        polled=len(polls),
        failed=sum(not poll.ok for poll in polls),
        new_entries=sum(poll.new_entries for poll in polls),
        articles=articles,
        clustered=await cluster_articles(services),
    )
    if any((count.new_entries, count.articles, count.clustered)):
        await write(name_outlets, services.outlets.get)
    await write(end_cycle, cycle, services.clock(), count.as_dict())
    log.info("cycle", **count.as_dict())
    return count


async def _bring_in(services: Services, feeds: Sequence[FeedRow]) -> tuple[list[PollCount], int]:
    """Poll feeds, fetch pages and analyse texts side by side. The first exception ends all and is raised."""
    try:
        async with asyncio.TaskGroup() as stages:
            polling = stages.create_task(poll_feeds(services, feeds))
            fetching = stages.create_task(fetch_articles(services, polling))
            stages.create_task(analyse_articles(services, fetching))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures
    return polling.result(), fetching.result()


def feeds_to_poll(db: sqlite3.Connection, scope: Scope, now: datetime) -> list[FeedRow]:
    """Return the feeds that a cycle polls: those due whose host has not asked to be left alone."""
    feeds = subscribed_feeds(db) if scope.force or scope.feed else due_feeds(db, now)
    if scope.feed:
        due = {feed.url for feed in due_feeds(db, now)}
        feeds = [feed for feed in feeds if feed.url == scope.feed and (scope.force or feed.url in due)]
    if scope.force:
        return feeds
    paused = paused_hosts(db, now)
    return [feed for feed in feeds if urlsplit(feed.moved_to or feed.url).hostname not in paused]
