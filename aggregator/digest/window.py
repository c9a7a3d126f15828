"""From ``--since``, ``--until``, ``--date`` and ``--as-of`` to a window in UTC.

A day is what the calendar of the time zone calls so: from its midnight to the next one, 23 or 25 hours long
where clocks change. ``now`` is an argument, so the same arguments give the same window.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from .model import Window

_SPAN = re.compile(r"(\d{1,5})\s*([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_EXTENSIONS = {"html": "html", "md": "md", "json": "json", "text": "txt", "atom": "atom"}
_DEFAULT_SPAN = "24h"


class WindowError(ValueError):
    """A window that cannot be: the message says what was given and what would be right."""


def zone(name: str) -> ZoneInfo:
    """Return the time zone of an IANA name; raise WindowError where there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise WindowError(f"unknown time zone {name!r}: give an IANA name such as Europe/Berlin") from error


def day_window(day: date, timezone: str, as_of: datetime | None = None) -> Window:
    """Return the window of a calendar day."""
    return Window(_midnight(day, timezone), _midnight(day + timedelta(days=1), timezone), as_of)


def local_day(at: datetime, timezone: str) -> date:
    """Return the calendar day on which an instant falls."""
    return at.astimezone(zone(timezone)).date()


def whole_day(window: Window, timezone: str) -> date | None:
    """Return the calendar day that a window is, or None where it is not exactly one."""
    day = local_day(window.since, timezone)
    return day if day_window(day, timezone, window.as_of) == window else None


def parse_window(
    *,
    now: datetime,
    timezone: str,
    since: str | None = None,
    until: str | None = None,
    day: str | None = None,
    as_of: str | None = None,
) -> Window:
    """Return the window that the options of ``digest`` name; without any, the 24 hours before ``now``.

    ``since`` is a span before ``until`` (``90m``, ``24h``, ``7d``, ``2w``), a date (from its midnight) or a
    time; ``until`` and ``as_of`` are a date (to its end) or a time. Times without an offset are of the time
    zone. ``until`` is ``as_of`` where only that is given. Raises WindowError.
    """
    try:
        known = _end(as_of, timezone, "--as-of") if as_of else None
        if day:
            return _day(day, timezone, known, alone=not (since or until))
        end = _end(until, timezone, "--until") if until else known or now.astimezone(UTC)
        start = _start(since or _DEFAULT_SPAN, end, timezone)
    except OverflowError as error:
        raise WindowError("the window reaches beyond the years 1 to 9999") from error
    if start >= end:
        raise WindowError(
            f"the window ends ({_stamp(end)}) before it begins ({_stamp(start)}): check --since"
        )
    return Window(start, end, known)


def digest_day(due: datetime, timezone: str) -> date:
    """Return the day that the daily digest of a moment is named after: at midnight, the day that ends."""
    return local_day(due - timedelta(seconds=1), timezone)


def digest_name(day: date, form: str) -> str:
    """Return the file name of a day's digest: ``2026-11-24.html``."""
    return f"{day.isoformat()}.{_EXTENSIONS[form]}"


def _day(value: str, timezone: str, as_of: datetime | None, *, alone: bool) -> Window:
    if not alone:
        raise WindowError("--date names a whole day: give it without --since and --until")
    if (day := _date(value)) is None:
        raise WindowError(f"--date {value!r} cannot be read: give a day such as 2026-11-24")
    return day_window(day, timezone, as_of)


def _start(value: str, end: datetime, timezone: str) -> datetime:
    if match := _SPAN.fullmatch(value.strip().lower()):
        return end - timedelta(**{_UNITS[match[2]]: int(match[1])})
    return _instant(value, timezone, "--since", "a span such as 24h or 7d, a date or a time")


def _end(value: str, timezone: str, option: str) -> datetime:
    day = _date(value)
    if day is not None:
        return _midnight(day + timedelta(days=1), timezone)
    return _instant(value, timezone, option, "a date or a time such as 2026-11-24T07:00")


def _date(value: str) -> date | None:
    try:
        return date.fromisoformat(value.strip())
    except ValueError:
        return None


def _instant(value: str, timezone: str, option: str, wanted: str) -> datetime:
    try:
        at = datetime.fromisoformat(value.strip())
    except ValueError as error:
        raise WindowError(f"{option} {value!r} cannot be read: give {wanted}") from error
    return (at if at.tzinfo else at.replace(tzinfo=zone(timezone))).astimezone(UTC)


def _midnight(day: date, timezone: str) -> datetime:
    """Return the instant at which a day begins; where clocks skip midnight, the instant of the skip."""
    return datetime.combine(day, time(), zone(timezone)).astimezone(UTC)


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
