"""What a feed document says about how often to ask for it: ttl, sy:update*, skipHours, skipDays, hub.

Sources: RSS 2.0, RSS 1.0 syndication module, WebSub; rules B20, B21.
"""

from __future__ import annotations

import re
from typing import Any

from aggregator.feeds.text import web_address
from aggregator.model import PollHints

LONGEST_HINT = 366 * 86400
"""Seconds. A document that asks for more is not believed; the schedule caps far below."""

_PERIODS = {"hourly": 3600, "daily": 86400, "weekly": 7 * 86400, "monthly": 30 * 86400, "yearly": 365 * 86400}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_HOURS = re.compile(rb"<hour\b[^<>]{0,200}>\s{0,20}(\d{1,2})\s{0,20}</hour", re.IGNORECASE)
_DAY_NAMES = re.compile(rb"<day\b[^<>]{0,200}>\s{0,20}([a-z]{1,20})\s{0,20}</day", re.IGNORECASE)
_LONGEST_LIST = 5_000  # bytes between <skipHours> and its end; 24 hours need 500


def of_document(feed: Any, body: bytes, url: str) -> PollHints:
    """Return the hints of an RSS or Atom document: ``feed`` is feedparser's feed, ``body`` the bytes.

    feedparser keeps only the last of the skipped hours and days; they are read from the bytes.
    """
    hours = {int(hour) for hour in _HOURS.findall(_inside(body, b"skipHours"))}
    days = {name.decode().lower() for name in _DAY_NAMES.findall(_inside(body, b"skipDays"))}
    return PollHints(
        ttl_seconds=_ttl(dict.get(feed, "ttl")),
        update_period_seconds=_update_period(feed),
        skip_hours=frozenset(hour for hour in hours if hour < 24),
        skip_days=frozenset(number for number, name in enumerate(_DAYS) if name in days),
        hub=_linked(feed, "hub", url),
        topic=_linked(feed, "self", url),
    )


def _inside(body: bytes, element: bytes) -> bytes:
    start = body.find(b"<" + element)
    if start < 0:
        return b""
    end = body.find(b"</" + element, start, start + _LONGEST_LIST)
    return body[start:end] if end > 0 else b""


def _whole(value: object) -> int | None:
    text = value.strip() if isinstance(value, str) else ""
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None


def _ttl(value: object) -> int | None:
    minutes = _whole(value)
    return minutes * 60 if minutes and minutes * 60 <= LONGEST_HINT else None


def _update_period(feed: Any) -> int | None:
    """Seconds between two updates: the period (default daily) divided by the frequency (default 1)."""
    period, frequency = dict.get(feed, "sy_updateperiod"), dict.get(feed, "sy_updatefrequency")
    if period is None and frequency is None:
        return None
    seconds = _PERIODS.get(str(period or "daily").strip().lower())
    times = 1 if frequency is None else _whole(frequency)
    return seconds // times or None if seconds and times else None


def _linked(feed: Any, relation: str, url: str) -> str | None:
    links = dict.get(feed, "links") or ()
    return next((web_address(link.get("href"), url) for link in links if link.get("rel") == relation), None)
