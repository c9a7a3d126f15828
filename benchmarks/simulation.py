"""A day with many feeds, at the costs that ``make bench`` measured.

    python -m benchmarks.simulation [FEEDS ...]    prints the table
    python -m benchmarks.simulation --write        puts it into docs/scaling.md

What feeds are like is taken from what was published (a note each); what nobody publishes is an assumption,
and marked as one. How often a feed is asked is the project's own rule.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aggregator.feeds import PollRules
from aggregator.feeds.rhythm import ENTRIES_PER_POLL
from benchmarks.report import busy

FIGURES = Path(__file__).parent / "figures.json"
PAGE = Path(__file__).parents[1] / "docs" / "scaling.md"
BEGIN, END = "<!-- simulation -->", "<!-- end -->"
SIZES = [1_000, 10_000, 100_000, 1_000_000]
DAY = 86_400.0

QUIET_SHARE, QUIET_ENTRIES = 0.25, 0.3
"""A quarter of some 100,000 feeds did not change for days (Liu, Ramasubramanian, Sirer, IMC 2005): fewer than
0.3 entries a day."""

MEAN_ENTRIES = 5.5
"""Entries a day and feed: 10,794,285 of 8,155 productive feeds in eight months (ROSES project, LIP6)."""

CONDITIONAL_SHARE = 0.65
"""Feeds that answer 304 when nothing is new: "about 60 %" (FeedLounge, 2006); of PubSub's requests 73 % were
304s (Wyman, 2004), of Vogels' 85 % (2004)."""

BODY_BYTES, COMPRESSION = 60_000, 4.0
"""Assumption: a body of 60 kB, sent compressed to a quarter. Published: under 10 kB for most feeds in 2005;
77 kB a full response at PubSub in 2004; one busy blog's of 540 kB, 160 kB compressed, in recent years."""

PAGE_BYTES = 120_000
"""Assumption: a news page, decoded; compressed like feeds."""

SHARED = 0.2
"""Assumption: entries whose article another feed has led to already."""

PEAK = 1.8
"""Assumption: the busiest hour has 1.8 times the entries of the average one."""


@dataclass(frozen=True)
class Costs:
    """Core seconds of the service's own process, of its workers, and bytes on disk, each a piece."""

    unchanged: float  # a 304, in the service's process
    same: float  # the same bytes again
    changed: float  # a feed with something new, in the service's process
    parse: float  # the same, in a worker
    article: float  # read, analysed, clustered, stored: on all cores
    entry_bytes: float  # in the database
    article_bytes: float


def costs(figures: dict[str, Any]) -> Costs:
    """Derive the costs from a run's figures."""
    polls, articles = figures["polls"], figures["articles"]["whole"]
    ours, runs = polls["aggregator"], polls["runs"]
    feeds = ours["feeds"]
    first, again, ignored = (runs[n]["own_cpu_seconds"] / feeds for n in (0, 2, 3))
    entries = ours["first"]["entries"]
    return Costs(
        unchanged=again,
        same=ignored,
        changed=first,
        parse=2 * polls["floor"]["parse"]["seconds"] / feeds,
        article=2 * articles["seconds"] / articles["pages"],
        entry_bytes=runs[0]["database_bytes"] / entries,
        article_bytes=articles["database_bytes"] / articles["pages"],
    )


def rates(feeds: int, seed: int = 1) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return entries a day of each feed: log-normal, through the published mean and the published quarter."""
    quantile = 0.674_489_75  # of the normal distribution at a quarter
    assert QUIET_SHARE == 0.25  # noqa: S101
    spread = np.sqrt(quantile**2 + 2 * np.log(MEAN_ENTRIES / QUIET_ENTRIES)) - quantile
    middle = np.log(QUIET_ENTRIES) + quantile * spread
    return np.random.default_rng(seed).lognormal(middle, spread, feeds)


@dataclass(frozen=True)
class Day:
    """What a day came to."""

    feeds: int
    polls: float
    not_modified: float
    same: float
    changed: float
    entries: float
    articles: float


def simulate(feeds: int) -> Day:
    """Count a day's polls and what they come to."""
    rules = PollRules()
    rate = rates(feeds) / DAY
    wait = np.clip(
        ENTRIES_PER_POLL / rate, rules.interval.total_seconds(), rules.max_interval.total_seconds()
    )
    conditional = np.random.default_rng(2).random(feeds) < CONDITIONAL_SHARE
    polls = DAY / wait
    fresh = 1 - np.exp(-rate * wait)
    changed = float((polls * fresh).sum())
    entries = float(rate.sum() * DAY)
    return Day(
        feeds=feeds,
        polls=float(polls.sum()),
        not_modified=float((polls * (1 - fresh))[conditional].sum()),
        same=float((polls * (1 - fresh))[~conditional].sum()),
        changed=changed,
        entries=entries,
        articles=entries * (1 - SHARED),
    )


def needs(day: Day, cost: Costs) -> dict[str, float]:
    """Return what a day takes: cores at the busiest hour, network, disk."""
    service = day.not_modified * cost.unchanged + day.same * cost.same + day.changed * cost.changed
    workers = day.changed * cost.parse + day.articles * cost.article
    received = (day.same + day.changed) * BODY_BYTES / COMPRESSION + day.articles * PAGE_BYTES / COMPRESSION
    return {
        "service processes": service * PEAK / DAY,
        "worker cores": workers * PEAK / DAY,
        "Mbit/s, busiest hour": received * 8 * PEAK / DAY / 1e6,
        "GB received a day": received / 1e9,
        "GB stored a day": (day.entries * cost.entry_bytes + day.articles * cost.article_bytes) / 1e9,
        "entries in the 72 h window, millions": 3 * day.entries / 1e6,
    }


def table(sizes: list[int], cost: Costs) -> list[str]:
    """Return the lines of a table, one column a size."""
    days = [simulate(size) for size in sizes]
    rows: dict[str, list[float]] = {
        "polls a second, average": [day.polls / DAY for day in days],
        "304, share of polls": [day.not_modified / day.polls for day in days],
        "same bytes, share": [day.same / day.polls for day in days],
        "something new, share": [day.changed / day.polls for day in days],
        "new entries a day, thousands": [day.entries / 1e3 for day in days],
    }
    for day in days:
        for name, value in needs(day, cost).items():
            rows.setdefault(name, []).append(value)
    head = [
        "| | " + " | ".join(f"{size:,} feeds" for size in sizes) + " |",
        "| --- |" + " --: |" * len(sizes),
    ]
    return head + [f"| {name} | " + " | ".join(f"{v:,.3g}" for v in row) + " |" for name, row in rows.items()]


def report(sizes: list[int]) -> str:
    """Return the costs and the table, in Markdown."""
    figures = json.loads(FIGURES.read_text())
    cost, machine = costs(figures), figures["machine"]
    pieces = {
        "a 304": cost.unchanged, "the same bytes": cost.same, "a first poll of 30 entries": cost.changed,
        "parsing it": cost.parse, "an article": cost.article,
    }  # fmt: skip
    told = ", ".join(f"{name} {seconds * 1000:.1f}" for name, seconds in pieces.items())
    return "\n".join(
        [
            f"Core milliseconds: {told}. Bytes in the database: an entry {cost.entry_bytes:,.0f}, an article"
            f" {cost.article_bytes:,.0f} more. Measured {machine['at']}.{busy(machine)}",
            "",
            *table(sizes, cost),
        ]
    )


def write() -> None:
    """Put the table into docs/scaling.md."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{report(SIZES)}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write()
    else:
        print(report([int(size) for size in sys.argv[1:]] or SIZES))
