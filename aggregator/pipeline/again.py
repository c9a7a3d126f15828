"""When a digest that did not get where it was to go is tried again."""

from __future__ import annotations

from datetime import datetime, timedelta

from aggregator.store.deliveries import Delivery

FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=5), timedelta(hours=1)
"""Between attempts, doubled after each: a server that lists strangers grey takes it after some minutes, and a
full disk is noticed by somebody within hours."""


def is_turn(earlier: Delivery, now: datetime) -> bool:
    """Say whether what was tried before is to be tried now."""
    if earlier.next_at is None:
        return False
    return not now < earlier.next_at <= now + LONGEST_PAUSE  # further ahead: a clock that was set back since


def next_attempt(earlier: Delivery | None, now: datetime) -> datetime:
    """Return when there is to be another attempt should nothing come of the one that is made now."""
    attempts = min(earlier.attempts, 10) if earlier else 0
    return now + min(FIRST_PAUSE * (1 << attempts), LONGEST_PAUSE)
