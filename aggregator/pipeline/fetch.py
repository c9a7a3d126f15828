"""Fetch: get the pages behind new entries, read the articles, and store each one by itself."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from aggregator.articles import extract_article, from_entry
from aggregator.compute import Crash, call
from aggregator.headers import retry_after
from aggregator.model import ArticleStatus, Extraction, Fetched, FetchFailure, FetchProblem
from aggregator.pipeline.bounded import Upstream, for_each
from aggregator.pipeline.services import Services
from aggregator.store.articles import (
    FetchTask,
    articles_to_fetch,
    begin_fetch,
    fail_fetch,
    postpone_fetch,
    recall_fetches,
    release_fetches,
    save_extraction,
)
from aggregator.store.feeds import LONGEST_PAUSE, pause_host, paused_hosts

PAGE_TYPES = "text/html, application/xhtml+xml;q=0.9, */*;q=0.1"
BATCH = 500
PER_HOST_AND_CYCLE = 200
"""Pages of one host in one cycle: a feed must not turn us against somebody else's server (S49)."""

RETRY_AFTER = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))
"""Waits after the first, second and third failed attempt; after the fourth a page is given up (E05)."""

MOST_CUT_OFF = 4
"""A page is given up when the process was killed so often while it read this page and no other. The first
time counts even if there were others, so three more follow for which nothing else can be to blame. At three,
one of 200 random kills met the same innocent page for the third time, the last that was left of its cycle."""

_BLOCKED_STATUS = {401, 402, 403, 407, 451}
_GONE_STATUS = {404, 410}
_BLOCKED_PROBLEMS = {FetchProblem.REFUSED_ADDRESS, FetchProblem.ROBOTS, FetchProblem.TOO_LARGE}


@dataclass(frozen=True, slots=True)
class Retry:
    """A page that could not be had this time, but may be later."""

    detail: str


@dataclass(frozen=True, slots=True)
class Pause:
    """A page whose host wants to be left alone until then."""

    host: str
    until: datetime


Outcome = Extraction | Retry | Pause


async def fetch_articles(services: Services, polling: asyncio.Future[Any] | None = None) -> int:
    """Fetch every page that is due; returns how many articles were read or settled.

    With ``polling``, which finds pages meanwhile, it goes on until that is over and all of them are done.
    """
    asked: Counter[str] = Counter()
    done, upstream = 0, Upstream(polling)
    try:
        await services.writer.write(recall_fetches, services.clock())
        while True:
            over = upstream.over
            settled = await _fetch_due(services, asked, alone=over)
            done += settled or 0
            if settled is None and over:
                return done
            if settled is None:
                await upstream.wait()
    finally:
        await services.writer.write(release_fetches)


async def _fetch_due(services: Services, asked: Counter[str], *, alone: bool) -> int | None:
    """Fetch a batch of pages, suspects only when nothing else is going on; None where there are none."""
    tasks = await services.writer.write(articles_to_fetch, services.clock(), BATCH)
    paused = await services.writer.write(paused_hosts, services.clock())
    now, later = _turns(services, [task for task in tasks if alone or not task.cut_off], asked, paused)
    if not now and not later:
        return None
    await services.writer.write(_postpone, later)
    services.progress.begin("fetch", len(now))
    done = await _fetch_batch(services, [task for task in now if not task.cut_off], side_by_side=True)
    suspects = sorted((task for task in now if task.cut_off), key=lambda task: task.cut_off)
    return done + await _fetch_batch(services, suspects, side_by_side=False)


def _postpone(db: sqlite3.Connection, later: Sequence[tuple[FetchTask, datetime]]) -> None:
    for task, until in later:
        postpone_fetch(db, task.article_id, until)


async def _fetch_batch(services: Services, tasks: Sequence[FetchTask], *, side_by_side: bool) -> int:
    async def fetch_one(task: FetchTask) -> bool:
        settled = await _fetch(services, task)
        services.progress.advance("fetch")
        return settled

    limit = services.config.network.concurrency if side_by_side else 1
    return sum(await for_each(tasks, fetch_one, limit))


def _turns(
    services: Services, tasks: Sequence[FetchTask], asked: Counter[str], paused: Mapping[str, datetime]
) -> tuple[list[FetchTask], list[tuple[FetchTask, datetime]]]:
    """Part tasks into now and later. Now is in an order in which hosts take turns: none holds up all."""
    now: list[tuple[int, FetchTask]] = []
    later = []
    for task in tasks:
        host = urlsplit(task.url).hostname or ""
        if not _wants_page(services, task):
            now.append((0, task))
        elif host in paused:
            later.append((task, paused[host]))
        elif asked[host] >= PER_HOST_AND_CYCLE:
            later.append((task, services.clock() + RETRY_AFTER[0]))
        else:
            asked[host] += 1
            now.append((asked[host], task))
    return [task for _, task in sorted(now, key=lambda turn: turn[0])], later


async def _fetch(services: Services, task: FetchTask) -> bool:
    outcome: Outcome = _deadly(task) or await _read(services, task)
    now = services.clock()
    if isinstance(outcome, Retry) and task.attempts >= len(RETRY_AFTER):
        outcome = _without_page(task, ArticleStatus.FAILED, outcome.detail)
    if isinstance(outcome, Extraction):
        outlet = services.outlets.of_url(outcome.url) or task.feed_outlet or ""
        await services.writer.write_soon(save_extraction, task.article_id, outcome, outlet, now)
        return True
    if isinstance(outcome, Pause):
        await services.writer.write_soon(_pause, task.article_id, outcome)
    else:
        until = now + RETRY_AFTER[task.attempts]
        await services.writer.write_soon(fail_fetch, task.article_id, until, outcome.detail)
    return False


def _pause(db: sqlite3.Connection, article_id: int, pause: Pause) -> None:
    """Leave the page for later, and its host alone, across restarts: nothing is held against the page."""
    pause_host(db, pause.host, pause.until)
    postpone_fetch(db, article_id, pause.until)


async def _read(services: Services, task: FetchTask) -> Outcome:
    if not _wants_page(services, task):
        return _without_page(task, ArticleStatus.TEASER, "the feed is set to full_text: false")
    await services.writer.write_soon(begin_fetch, task.article_id)
    answer = await services.web.get(
        task.url, max_bytes=services.config.network.max_page_size, accept=PAGE_TYPES, robots=True
    )
    if isinstance(answer, FetchFailure):
        return _refused(task, answer, services.clock())
    if answer.status == 200:
        return await _extract(services, task, answer)
    return _answered(task, answer, services.clock())


async def _extract(services: Services, task: FetchTask, answer: Fetched) -> Extraction | Retry:
    content_type = answer.header("content-type")
    extraction = await call(
        services.executor,
        extract_article,
        answer.body,
        url=answer.url,
        content_type=content_type.decode("latin-1") if content_type else None,
        entry=task.entry,
        headers=answer.headers,
        link=task.url,
        strip=feed.strip if (feed := services.feeds.get(task.feed_url or "")) else (),
    )
    return Retry(extraction.detail) if isinstance(extraction, Crash) else extraction


def _wants_page(services: Services, task: FetchTask) -> bool:
    settings = services.feeds.get(task.feed_url or "")
    wanted = settings.full_text if settings else None
    return services.config.defaults.full_text if wanted is None else wanted


def _refused(task: FetchTask, failure: FetchFailure, now: datetime) -> Outcome:
    if failure.problem is FetchProblem.ROBOTS and failure.retry_after:
        return Retry(failure.detail)  # robots.txt itself could not be had: that is no answer yet (RFC 9309)
    if failure.problem in _BLOCKED_PROBLEMS:
        return _without_page(task, ArticleStatus.BLOCKED, failure.detail)
    if failure.problem is FetchProblem.PAUSED:
        return _paused(failure.url, failure.retry_after, now)
    return Retry(failure.detail)


def _answered(task: FetchTask, answer: Fetched, now: datetime) -> Outcome:
    detail = f"the page answered {answer.status}"
    if answer.status in _GONE_STATUS:
        return _without_page(task, ArticleStatus.GONE, detail)
    if b"challenge" in (answer.header("cf-mitigated") or b"").lower():
        return _without_page(task, ArticleStatus.BLOCKED, f"{detail} and asks for a browser check")
    if answer.status in _BLOCKED_STATUS:
        return _without_page(task, ArticleStatus.BLOCKED, detail)
    seconds = retry_after(answer.headers, now)
    return _paused(answer.url, seconds, now) if answer.status == 429 and seconds else Retry(detail)


def _paused(url: str, seconds: float | None, now: datetime) -> Pause:
    """Wait for as long as the host says, within reason (conformance rule B14)."""
    asked = min(seconds or 0.0, LONGEST_PAUSE.total_seconds())
    return Pause(urlsplit(url).hostname or "", now + max(timedelta(seconds=asked), RETRY_AFTER[0]))


def _without_page(task: FetchTask, status: ArticleStatus, detail: str) -> Extraction:
    return from_entry(task.entry, url=task.url, status=status, detail=detail)


def _deadly(task: FetchTask) -> Extraction | None:
    """Give up a page whose every attempt ended with the process: it would do so for ever."""
    if task.cut_off < MOST_CUT_OFF:
        return None
    return _without_page(
        task, ArticleStatus.FAILED, "the service stopped each time it tried to read the page"
    )
