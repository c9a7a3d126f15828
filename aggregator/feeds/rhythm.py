"""How often a feed publishes, and in which hours it asks to be left alone."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta

from aggregator.model import PollHints

MEMORY = 3 * 86400.0
"""Seconds after which an observation weighs 1/e: a weekday paper is still a busy feed on Monday."""

LONGEST_GAP = 30 * 86400.0
ENTRIES_PER_POLL = 0.25
"""A poll is worth its request when it may expect a quarter of an entry: news waits a fourth of the gap."""


def first_gap(dates: Iterable[datetime], now: datetime) -> float | None:
    """Return the seconds between two entries of a document seen for the first time; None below two dates.

    The time since its newest entry counts as a gap too: an archive of a busy week last year is a quiet feed.
    """
    past = sorted(date for date in dates if date <= now)
    if len(past) < 2:
        return None
    mean = (past[-1] - past[0]).total_seconds() / (len(past) - 1)
    return _bounded(max(mean, (now - past[-1]).total_seconds()))


def next_gap(gap: float | None, elapsed: float, new_entries: int) -> float | None:
    """Return the smoothed gap after ``elapsed`` seconds brought ``new_entries``.

    An exponentially weighted rate over time, not over polls, so that asking more often does not change it.
    """
    if elapsed <= 0:
        return gap
    if gap is None:
        return _bounded(elapsed / max(new_entries, 1))
    kept = math.exp(-elapsed / MEMORY)
    rate = kept / gap + (1 - kept) * new_entries / elapsed
    return _bounded(1 / rate) if rate > 0 else LONGEST_GAP


def outside_skipped(due: datetime, hints: PollHints) -> datetime:
    """Return ``due``, moved by hours out of skipHours and skipDays (GMT); all of either is none (B20)."""
    hours = hints.skip_hours if len(hints.skip_hours) < 24 else frozenset[int]()
    days = hints.skip_days if len(hints.skip_days) < 7 else frozenset[int]()
    while due.hour in hours or due.weekday() in days:
        due += timedelta(hours=1)
    return due


def _bounded(gap: float) -> float:
    return min(max(gap, 1.0), LONGEST_GAP)
