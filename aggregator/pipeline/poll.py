"""Poll: ask the feeds that are due, read what came, and store each poll in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

import structlog

from aggregator.compute import Crash, call
from aggregator.config import Config, Feed
from aggregator.feeds import Lease, PollRules, address, outcome_of, validators_to_send
from aggregator.model import (
    Fetched,
    FetchFailure,
    FetchProblem,
    ParseFailure,
    ParseProblem,
    PollOutcome,
    Validators,
)
from aggregator.pipeline.bounded import for_each
from aggregator.pipeline.read import Reading, read_feed
from aggregator.pipeline.record import PollCount, Visit, body_hash, record_poll
from aggregator.pipeline.services import Services
from aggregator.store.feeds import FeedRow
from aggregator.store.websub import hasten_delivered, held_leases

log = structlog.get_logger()

FEED_TYPES = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9,"
    " application/xml;q=0.8, text/xml;q=0.8, application/json;q=0.7, */*;q=0.1"
)
MAX_ENTRIES = 1000


async def poll_feeds(services: Services, feeds: Sequence[FeedRow]) -> list[PollCount]:
    """Poll feeds side by side. A feed that fails in any way fails alone."""
    services.progress.begin("poll", len(feeds))
    started = services.clock()
    leases = await services.writer.write(held_leases, started) if services.hears_hubs else {}

    async def poll_one(feed: FeedRow) -> PollCount:
        try:
            count = await _poll(services, feed, leases.get(feed.id))
        except sqlite3.OperationalError:  # the disk or a lock is to blame, and not the feed
            raise
        except Exception as error:
            count = await _poll_failed(services, feed, error)
        services.progress.advance("poll")
        return count

    counts = await for_each(feeds, poll_one, services.config.network.concurrency)
    if leases:  # what was told of while a feed was being polled may have come too late for that poll
        await services.writer.write(hasten_delivered, since=started, now=services.clock())
    return counts


async def _poll(services: Services, feed: FeedRow, lease: Lease | None) -> PollCount:
    settings = services.feeds.get(feed.url)
    rules = replace(poll_rules(services.config, settings), lease=lease)
    validators = validators_to_send(feed.state, services.clock(), rules)
    answer = await _ask(services, feed, settings, validators)
    document = await _read(services, feed, answer)
    visit = Visit(feed, answer, document, conditional=validators is not None)
    return await services.writer.write_soon(record_poll, visit, services.clock(), rules, services.jitter())


async def _poll_failed(services: Services, feed: FeedRow, error: Exception) -> PollCount:
    """Record a defect of ours that one feed has met: it waits like any failing one, alone (L46)."""
    log.exception("a feed could not be polled", feed=feed.url)
    detail = f"reading it failed: {type(error).__name__}: {error}"[:300]
    visit = Visit(feed, FetchFailure(feed.url, FetchProblem.PROTOCOL, detail), None, conditional=False)
    rules = poll_rules(services.config, services.feeds.get(feed.url))
    return await services.writer.write_soon(record_poll, visit, services.clock(), rules, services.jitter())


def poll_rules(config: Config, settings: Feed | None) -> PollRules:
    """Return how often a feed may be asked; an interval given for that one feed is kept to exactly."""
    if settings is None:
        return PollRules()
    return PollRules(interval=config.interval_of(settings), adaptive=settings.interval is None)


async def _ask(
    services: Services, feed: FeedRow, settings: Feed | None, validators: Validators | None
) -> Fetched | FetchFailure:
    headers: dict[str, str] = {}
    auth = None
    if settings:
        headers = {name: secret.get_secret_value() for name, secret in settings.headers.items()}
        if settings.user_agent:
            headers["User-Agent"] = settings.user_agent
        if settings.auth:
            auth = (settings.auth.username, settings.auth.password.get_secret_value())
    return await services.web.get(
        address(feed.url, feed.moved_to, feed.state),
        max_bytes=services.config.network.max_feed_size,
        accept=FEED_TYPES,
        validators=validators,
        headers=headers,
        auth=auth,
    )


async def _read(
    services: Services, feed: FeedRow, answer: Fetched | FetchFailure
) -> Reading | ParseFailure | None:
    """Parse a body that is new; None where there is none to parse."""
    if isinstance(answer, FetchFailure) or outcome_of(answer) is not PollOutcome.OK:
        return None
    if body_hash(answer.body) == feed.state.body_hash:
        return None
    headers = {name: value.decode("latin-1") for name, value in answer.headers}
    document = await call(
        services.executor,
        read_feed,
        answer.body,
        url=answer.url,
        headers=headers,
        max_entries=MAX_ENTRIES,
        extra_outlets=services.extra_outlets,
    )
    return ParseFailure(ParseProblem.CRASHED, document.detail) if isinstance(document, Crash) else document
