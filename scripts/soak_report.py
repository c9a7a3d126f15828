"""The report of ``make soak``: slopes, verdicts, a table and a picture."""

from __future__ import annotations

import argparse
import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED

from aggregator.daemon.service import FOLD_ABOVE

if TYPE_CHECKING:
    from soak import Sample, Voyage

SETTLED = 10.0  # days: retention removes articles after eight, so from then on nothing may grow
MB = 1e6
READER = (15.0, 15.5)  # days: somebody keeps a transaction open, and the log grows
MOST_BYTES_AN_ENTRY = 2000


@dataclass(frozen=True)
class Series:
    """A quantity: how it is called, its unit, and by how much it may grow in thirty days."""

    name: str
    title: str
    unit: float
    allowed: float | None  # share of its median; None: judged otherwise
    floor: bool = False  # judged by the lowest of each day: what is held for good

    def values(self, samples: Sequence[Sample]) -> list[float]:
        """Return its values in its unit."""
        return [getattr(sample, self.name) / self.unit for sample in samples]


SERIES = (
    Series("rss_bytes", "memory of the service (RSS), MB", MB, 0.05, floor=True),
    Series("worker_bytes", "memory of its worker (RSS), MB", MB, 0.05, floor=True),
    Series("descriptors", "file descriptors", 1, 0.05),
    Series("threads", "threads", 1, 0.05),
    Series("wal_bytes", "write-ahead log, MB", MB, None),
    Series("log_bytes", "log lines in six hours, kB", 1e3, 0.10),
    Series("database_bytes", "database, MB", MB, None),
    Series("articles", "articles kept", 1, 0.05),
)


def slope(days: Sequence[float], values: Sequence[float]) -> float:
    """Return the median slope of all pairs, a day: no single bump decides (Theil 1950, Sen 1968)."""
    points = list(zip(days, values, strict=True))
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in itertools.combinations(points, 2)]
    return statistics.median(slopes) if slopes else 0.0


@dataclass(frozen=True)
class Verdict:
    """One series, judged over the days after it has settled."""

    series: Series
    first: float
    median: float
    largest: float
    slope: float  # a day

    @property
    def flat(self) -> bool:
        """Whether thirty days would add no more than is allowed."""
        return self.series.allowed is None or self.slope * 30 <= self.series.allowed * max(self.median, 1.0)

    def row(self) -> str:
        """Return its row of the table."""
        share = self.slope * 30 / max(self.median, 1.0)
        numbers = f"{self.first:.1f} | {self.median:.1f} | {self.largest:.1f} | {self.slope:+.3f}"
        judged = "flat" if self.flat else "**grows**"
        if self.series.allowed is None:
            return f"| {self.series.title} | {numbers} | {share:+.1%} | see below |"
        growth = f"{share:+.1%} (at most {self.series.allowed:.0%})"
        return f"| {self.series.title} | {numbers} | {growth} | {judged} |"


def judge(samples: Sequence[Sample]) -> list[Verdict]:
    """Judge every series."""
    settled = [sample for sample in samples if sample.day >= SETTLED]
    found = []
    for series in SERIES:
        values = series.values(settled)
        if values:
            days, judged = _points(series, settled)
            found.append(
                Verdict(series, values[0], statistics.median(values), max(values), slope(days, judged))
            )
    return found


def _points(series: Series, samples: Sequence[Sample]) -> tuple[list[float], list[float]]:
    """Return days and values to judge by; of some series, the lowest value of each day."""
    points = list(zip([sample.day for sample in samples], series.values(samples), strict=True))
    if series.floor:
        by_day = itertools.groupby(points, key=lambda point: int(point[0]))
        points = [(day, min(value for _, value in of_day)) for day, of_day in by_day]
    return [day for day, _ in points], [value for _, value in points]


def faults(voyage: Voyage, days: float) -> list[str]:
    """Return everything that is not as it should be."""
    found = [f"{v.series.title}: grows by {v.slope:.3f} a day" for v in judge(voyage.samples) if not v.flat]
    jobs = voyage.jobs
    for code, what in (
        (EVENT_JOB_MISSED, "missed"),
        (EVENT_JOB_MAX_INSTANCES, "skipped"),
        (EVENT_JOB_ERROR, "failed"),
    ):
        found += [
            f"{name.split()[0]}: {n} times {what}" for name, n in jobs.items() if name.endswith(f" {code}")
        ]
    looks, wanted = jobs[f"look {EVENT_JOB_EXECUTED}"], days * 86400 / 30
    if looks < 0.999 * wanted - 1:
        found.append(f"{looks} looks where {wanted:.0f} were due")
    if voyage.counts["digests"] < int(days):
        found.append(f"{voyage.counts['digests']} digests in {days:.0f} days")
    overdue = sum(sample.overdue > 0 for sample in voyage.samples)
    if overdue:
        found.append(f"feeds were overdue at {overdue} of {len(voyage.samples)} measurements")
    usual = [sample.wal_bytes for sample in voyage.samples if not READER[0] < sample.day <= READER[1]]
    if max(usual) > FOLD_ABOVE:
        found.append(f"the write-ahead log had {max(usual) / MB:.0f} MB")
    if bytes_an_entry(voyage.samples) > MOST_BYTES_AN_ENTRY:
        found.append(f"the database keeps {bytes_an_entry(voyage.samples):.0f} bytes of a pruned entry")
    return found + voyage.faults


def write_report(voyage: Voyage, chosen: argparse.Namespace, folder: Path | None) -> list[str]:
    """Write soak.md and soak.svg where a folder is given; returns the faults."""
    found = faults(voyage, chosen.days)
    if folder:
        (folder / "soak.svg").write_text(picture(voyage.samples), encoding="utf-8")
        (folder / "soak.md").write_text(document(voyage, chosen, found), encoding="utf-8")
    return found


def document(voyage: Voyage, chosen: argparse.Namespace, found: Sequence[str]) -> str:
    """Return the report as Markdown."""
    counts, jobs = voyage.counts, voyage.jobs
    digests = jobs[f"digest {EVENT_JOB_EXECUTED}"]
    prunings = jobs[f"ask_for_pruning {EVENT_JOB_EXECUTED}"]
    rows = "\n".join(verdict.row() for verdict in judge(voyage.samples))
    result = "".join(f"\n* {fault}" for fault in found) + "\n" * bool(found)
    return f"""# Soak

Written by `make soak`: the whole service through {chosen.days:g} days in accelerated time
({voyage.seconds / 60:.0f} minutes). Only time is replaced: the event loop jumps to the next timer when
nothing is under way. Scheduler, supervisor, HTTP client (real sockets, through a proxy on loopback), SQLite,
extraction, clustering, digest and pruning are the service's own, with one worker process; its memory and that
of the process it is forked from are measured together.

{chosen.feeds} feeds, half of them asked every hour, half as often as they publish. Of every twenty, one
answers 500, one 404, one a login page, one asks to be left alone every other twelve hours (429), one is gone
after ten days (410) and one is cut off in the middle. For six hours of day 13 nothing answers at all. For six
hours of day 15 a reader keeps a transaction open. `retention: {{articles: 8d, polls: 5d}}`, so that from day
{SETTLED:.0f} on as much goes as comes.

* {counts["requests"]:,} requests, {counts["polls"]:,} polls, {counts["cycles"]:,} cycles.
* {counts["articles"]:,} articles of {counts["entries"]:,} entries; {counts["clusters"]:,} cluster numbers
  given out.
* Jobs that ran: {jobs[f"look {EVENT_JOB_EXECUTED}"]:,} looks (one every 30 s), {digests} digests,
  {prunings} prunings. APScheduler's events of missed, skipped and failed jobs were counted as well.
* At each of {len(voyage.samples)} measurements it was counted how many feeds had been due for more than five
  minutes.

**{"Not in order:" if found else "Flat, and no job skipped: all of these counts are 0."}**
{result}
| quantity | day {SETTLED:.0f} | median | largest | slope a day | growth in 30 days | |
| --- | --- | --- | --- | --- | --- | --- |
{rows}

The slope is the median slope of all pairs of measurements from day {SETTLED:.0f} on (Theil-Sen); for memory,
of the lowest of each day, since clustering takes a few hundred megabytes for a moment.

Two quantities are not judged by their slope. SQLite leaves the write-ahead log's file as long as it ever
was; the service cuts it above {FOLD_ABOVE / MB:.0f} MB, which it must never exceed but for the reader on day
15. The database keeps of pruned entries what they are recognised by (guid, title, link: so that they do not
come back), here {bytes_an_entry(voyage.samples):.0f} bytes an entry; at most {MOST_BYTES_AN_ENTRY} are
allowed.

![Eight quantities over {chosen.days:g} days](soak.svg)
"""


def bytes_an_entry(samples: Sequence[Sample]) -> float:
    """Return by how much the database grows with an entry once articles are pruned."""
    settled = [sample for sample in samples if sample.day >= SETTLED]
    if len(settled) < 2 or settled[-1].entries == settled[0].entries:
        return 0.0
    grown = settled[-1].database_bytes - settled[0].database_bytes
    return grown / (settled[-1].entries - settled[0].entries)


WIDTH, HEIGHT, LEFT = 660, 70, 210


def picture(samples: Sequence[Sample]) -> str:
    """Return all series as small charts, one below the other, each from zero."""
    charts = "".join(_chart(series, samples, 30 + i * (HEIGHT + 24)) for i, series in enumerate(SERIES))
    height = 40 + len(SERIES) * (HEIGHT + 24)
    last = samples[-1].day
    ticks = "".join(
        f'<text x="{LEFT + (WIDTH - LEFT) * day / last:.0f}" y="18" text-anchor="middle">day {day}</text>'
        for day in range(0, int(last) + 1, max(1, int(last) // 6))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + 70} {height}"'
        ' font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>'
        f"{ticks}{charts}</svg>\n"
    )


def _chart(series: Series, samples: Sequence[Sample], top: float) -> str:
    values = series.values(samples)
    most = max(max(values), 1e-9)
    points = " ".join(
        f"{LEFT + (WIDTH - LEFT) * sample.day / samples[-1].day:.1f},{top + HEIGHT * (1 - value / most):.1f}"
        for sample, value in zip(samples, values, strict=True)
    )
    floor = top + HEIGHT
    return (
        f'<text x="{LEFT - 10}" y="{top + HEIGHT / 2}" text-anchor="end">{series.title}</text>'
        f'<path d="M{LEFT} {floor}H{WIDTH}" stroke="#bbb"/>'
        f'<polyline points="{points}" fill="none" stroke="#1f5fa8" stroke-width="1.5"/>'
        f'<text x="{WIDTH + 6}" y="{top + 8}">{most:.1f}</text><text x="{WIDTH + 6}" y="{floor}">0</text>'
    )
