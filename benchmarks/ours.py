"""The project's own stages, each in a process of its own: python -m benchmarks.ours STAGE FILE.

FILE is a feeds.yaml. The answer is one line of JSON on standard output. Start-up (imports, workers, encoder)
is not counted: a service starts once.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import resource
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import structlog

from aggregator.compute import call
from aggregator.config import load_config
from aggregator.model import Text
from aggregator.pipeline.bounded import for_each
from aggregator.pipeline.cycle import Scope, run_cycle
from aggregator.pipeline.poll import poll_feeds
from aggregator.pipeline.services import Services, open_services
from aggregator.reports.analyse import analyse_texts
from aggregator.store.feeds import subscribed_feeds
from aggregator.store.writer import Writer

Stage = Callable[[Services], Awaitable[dict[str, Any]]]


async def run(stage: Stage, file: Path) -> dict[str, Any]:
    """Open what a stage needs, warm it up, and run it."""
    config = load_config(file)
    with Writer(config.database) as writer:
        async with open_services(
            config, writer, clock=lambda: datetime.now(UTC), jitter=random.random
        ) as services:
            await _warm_up(services)
            used = _processor()
            start = time.perf_counter()
            result = await stage(services)
            return {
                "seconds": time.perf_counter() - start,
                "own_cpu_seconds": _processor() - used,
                "database_bytes": config.database.stat().st_size,
                **result,
            }


def _processor() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def _warm_up(services: Services) -> None:
    """Have every worker load what it needs, the encoder too."""
    text = Text(0, "example.org", "A headline", "Words of a text.", "en", services.clock())
    encoder = services.config.cluster.encoder
    await for_each(range(8), lambda _: call(services.executor, analyse_texts, (text,), encoder, ()), 8)


async def poll(services: Services) -> dict[str, Any]:
    """Poll every feed, due or not."""
    before = services.writer.write_now(_scalar, "SELECT coalesce(max(id), 0) FROM polls")
    feeds = await services.writer.write(subscribed_feeds)
    await poll_feeds(services, feeds)
    query = "SELECT outcome, count(*) FROM polls WHERE id > ? GROUP BY outcome"
    outcomes = services.writer.write_now(_pairs, query, before)
    added = services.writer.write_now(_scalar, "SELECT sum(new_entries) FROM polls WHERE id > ?", before)
    return {"feeds": len(feeds), "outcomes": outcomes, "new_entries": added or 0}


async def articles(services: Services) -> dict[str, Any]:
    """Run the cycle that fetches, reads, analyses and clusters what the polled feeds lead to."""
    await run_cycle(services, Scope())
    states = services.writer.write_now(_pairs, "SELECT status, count(*) FROM articles GROUP BY status")
    clusters = services.writer.write_now(_scalar, "SELECT count(*) FROM clusters")
    return {"states": states, "clusters": clusters}


async def idle(services: Services) -> dict[str, Any]:
    """Run cycles in which nothing is due."""
    return await _cycles(services, Scope(), times=51)


async def unchanged(services: Services) -> dict[str, Any]:
    """Run cycles in which every feed is polled and nothing is new."""
    return await _cycles(services, Scope(force=True), times=3)


async def _cycles(services: Services, scope: Scope, times: int) -> dict[str, Any]:
    before = services.writer.write_now(_scalar, "SELECT coalesce(max(id), 0) FROM polls")
    spent, new = [], 0
    for _ in range(times):
        start = time.perf_counter()
        new += (await run_cycle(services, scope)).new_entries
        spent.append(time.perf_counter() - start)
    query = "SELECT outcome, count(*) FROM polls WHERE id > ? GROUP BY outcome"
    outcomes = services.writer.write_now(_pairs, query, before)
    return {"median": median(spent), "cycles": times, "new_entries": new, "outcomes": outcomes}


def _scalar(db: sqlite3.Connection, query: str, *values: int) -> Any:
    return db.execute(query, values).fetchone()[0]


def _pairs(db: sqlite3.Connection, query: str, *values: int) -> dict[str, int]:
    return dict(map(tuple, db.execute(query, values)))


STAGES: dict[str, Stage] = {"poll": poll, "articles": articles, "idle": idle, "unchanged": unchanged}

if __name__ == "__main__":
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    print(json.dumps(asyncio.run(run(STAGES[sys.argv[1]], Path(sys.argv[2])))))
