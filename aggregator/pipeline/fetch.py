"""Fetch: get the pages behind new entries, read the articles, and store each one by itself."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from aggregator.articles import extract_article, from_entry
from aggregator.compute import Crash, call
from aggregator.model import ArticleStatus, Extraction, Fetched, FetchFailure, FetchProblem
from aggregator.pipeline.bounded import for_each
from aggregator.pipeline.services import Services
from aggregator.store.articles import (
    FetchTask,
    articles_to_fetch,
    begin_fetches,
    postpone_fetches,
    save_extraction,
)

PAGE_TYPES = "text/html, application/xhtml+xml;q=0.9, */*;q=0.1"
BATCH = 500
PER_HOST_AND_CYCLE = 200
"""Pages of one host in one cycle: a feed must not turn us against somebody else's server (S49)."""

RETRY_AFTER = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))
"""Waits after the first, second and third failed attempt; after the fourth a page is given up (E05)."""

_BLOCKED_STATUS = {401, 402, 403, 407, 451}
_GONE_STATUS = {404, 410}
_BLOCKED_PROBLEMS = {FetchProblem.REFUSED_ADDRESS, FetchProblem.ROBOTS, FetchProblem.TOO_LARGE}


@dataclass(frozen=True, slots=True)
class Retry:
    """A page that could not be had this time, but may be later."""

    detail: str
    after: timedelta | None = None  # as the host asked; None: as we choose


async def fetch_articles(services: Services) -> int:
    """Fetch every page that is due; returns how many articles were read or settled."""
    done = 0
    asked: Counter[str] = Counter()
    while tasks := await services.writer.write(articles_to_fetch, services.clock(), BATCH):
        now, later = _within_budget(tasks, asked)
        await services.writer.write(_begin, now, later, services.clock() + RETRY_AFTER[0])
        done += await _fetch_batch(services, now)
    return done


def _begin(db: sqlite3.Connection, now: list[FetchTask], later: list[FetchTask], until: datetime) -> None:
    begin_fetches(db, now)
    postpone_fetches(db, [task.article_id for task in later], until)


async def _fetch_batch(services: Services, tasks: Sequence[FetchTask]) -> int:
    services.progress.begin("fetch", len(tasks))

    async def fetch_one(task: FetchTask) -> bool:
        settled = await _fetch(services, task)
        services.progress.advance("fetch")
        return settled

    return sum(await for_each(tasks, fetch_one, services.config.network.concurrency))


def _within_budget(
    tasks: Sequence[FetchTask], asked: Counter[str]
) -> tuple[list[FetchTask], list[FetchTask]]:
    """Part tasks into now and later. Now is in an order in which hosts take turns: none holds up all."""
    now: list[tuple[int, FetchTask]] = []
    later = []
    for task in tasks:
        host = urlsplit(task.url).hostname or ""
        asked[host] += 1
        if asked[host] <= PER_HOST_AND_CYCLE:
            now.append((asked[host], task))
        else:
            later.append(task)
    return [task for _, task in sorted(now, key=lambda turn: turn[0])], later


async def _fetch(services: Services, task: FetchTask) -> bool:
    outcome = _deadly(task) or await _read(services, task)
    now = services.clock()
    if isinstance(outcome, Retry) and not _is_last(task):
        until = now + (outcome.after or RETRY_AFTER[task.attempts])
        await services.writer.write(postpone_fetches, [task.article_id], until, outcome.detail)
        return False
    if isinstance(outcome, Retry):
        outcome = _without_page(task, ArticleStatus.FAILED, outcome.detail)
    outlet = services.outlets.of_url(outcome.url) or task.feed_outlet or ""
    await services.writer.write(save_extraction, task.article_id, outcome, outlet, now)
    return True


async def _read(services: Services, task: FetchTask) -> Extraction | Retry:
    if not _wants_page(services, task):
        return _without_page(task, ArticleStatus.TEASER, "the feed is set to full_text: false")
    answer = await services.web.get(
        task.url, max_bytes=services.config.network.max_page_size, accept=PAGE_TYPES, robots=True
    )
    if isinstance(answer, FetchFailure):
        return _refused(task, answer)
    if answer.status == 200:
        return await _extract(services, task, answer)
    return _answered(task, answer.status)


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
    )
    return Retry(extraction.detail) if isinstance(extraction, Crash) else extraction


def _wants_page(services: Services, task: FetchTask) -> bool:
    settings = services.feeds.get(task.feed_url or "")
    wanted = settings.full_text if settings else None
    return services.config.defaults.full_text if wanted is None else wanted


def _refused(task: FetchTask, failure: FetchFailure) -> Extraction | Retry:
    if failure.problem in _BLOCKED_PROBLEMS:
        return _without_page(task, ArticleStatus.BLOCKED, failure.detail)
    after = timedelta(seconds=failure.retry_after) if failure.retry_after else None
    return Retry(failure.detail, after)


def _answered(task: FetchTask, status: int) -> Extraction | Retry:
    detail = f"the page answered {status}"
    if status in _GONE_STATUS:
        return _without_page(task, ArticleStatus.GONE, detail)
    if status in _BLOCKED_STATUS:
        return _without_page(task, ArticleStatus.BLOCKED, detail)
    return Retry(detail)


def _without_page(task: FetchTask, status: ArticleStatus, detail: str) -> Extraction:
    return from_entry(task.entry, url=task.url, status=status, detail=detail)


def _deadly(task: FetchTask) -> Extraction | None:
    """Give up a page whose every attempt ended with the process: it would do so for ever."""
    if task.attempts <= len(RETRY_AFTER):
        return None
    return _without_page(
        task, ArticleStatus.FAILED, "the service stopped each time it tried to read the page"
    )


def _is_last(task: FetchTask) -> bool:
    return task.attempts >= len(RETRY_AFTER)
