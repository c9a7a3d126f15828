"""What response headers say about time: freshness lifetime and Retry-After.

Sources: RFC 9111 section 4.2, RFC 9110 section 10.2.3.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

Headers = Sequence[tuple[str, bytes]]

MAX_SECONDS = 10 * 366 * 86400.0
"""Nothing is believed to last longer than ten years; callers cap far below (B09)."""

_DIRECTIVE = re.compile(r'([^\s,;="]+)(?:=("(?:[^"\\]|\\.)*"|[^\s,;]*))?')
_DELTA = re.compile(r'"?[a-z]*(\d+)', re.IGNORECASE)
_AGE = re.compile(r"\s*(\d+)\s*(?:[,;]|$)")
_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK = r"\d\d:\d\d:\d\d"
_HTTP_DATE = re.compile(
    rf"{_DAY}, \d\d {_MONTH} \d{{4}} {_CLOCK} GMT"
    rf"|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, \d\d-{_MONTH}-\d\d {_CLOCK} GMT"
    rf"|{_DAY} {_MONTH} [ \d]\d {_CLOCK} \d{{4}}",
    re.IGNORECASE,
)


def lifetime(headers: Headers, now: datetime) -> float | None:
    """Return for how many seconds a response stays fresh; 0 if it is stale; None if the server does not say.

    ``max-age``, else ``Expires`` less ``Date`` (RFC 9111 section 4.2.1), both less ``Age`` (4.2.3);
    ``s-maxage`` is for shared caches. ``no-cache`` and ``no-store`` mean 0. Of two ``max-age`` the longer
    counts: a reader errs on the side of asking less. An ``Expires`` that is no HTTP-date has passed (section
    5.3). Rules B04-B09.
    """
    directives = _cache_control(headers)
    names = {name for name, _ in directives}
    if names & {"no-cache", "no-store"}:
        return 0.0
    ages = [
        seconds for name, value in directives if name == "max-age" and (seconds := _delta(value)) is not None
    ]
    if ages:
        return max(0.0, max(ages) - _age(headers))
    until = _until_expiry(headers, now)
    return None if until is None else max(0.0, until - _age(headers))


def retry_after(headers: Headers, now: datetime) -> float | None:
    """Return the seconds that ``Retry-After`` asks for; None where it is absent, unreadable or past.

    Rules B10, B11. A date counts from the response's own ``Date``. A date without a zone is read as UTC.
    """
    value = _first(headers, "retry-after").strip()
    if value.isdecimal() and value.isascii():
        seconds = _bounded(value)
    else:
        moment = _lenient_date(value)
        seconds = (
            (moment - (_lenient_date(_first(headers, "date")) or now)).total_seconds() if moment else 0.0
        )
    return min(seconds, MAX_SECONDS) if seconds > 0 else None


def _values(headers: Headers, name: str) -> list[str]:
    return [value.decode("latin-1") for key, value in headers if key == name]


def _first(headers: Headers, name: str) -> str:
    return next(iter(_values(headers, name)), "")


def _cache_control(headers: Headers) -> list[tuple[str, str]]:
    joined = ",".join(_values(headers, "cache-control"))
    return [(name.lower(), value or "") for name, value in _DIRECTIVE.findall(joined)]


def _bounded(digits: str) -> float:
    return MAX_SECONDS if len(digits.lstrip("0")) > 10 else min(float(digits), MAX_SECONDS)


def _delta(value: str) -> float | None:
    match = _DELTA.match(value)
    return _bounded(match[1]) if match else None


def _age(headers: Headers) -> float:
    match = _AGE.match(_first(headers, "age"))
    return _bounded(match[1]) if match else 0.0


def _until_expiry(headers: Headers, now: datetime) -> float | None:
    expires = _values(headers, "expires")
    if not expires:
        return None
    moment = _http_date(expires[0], now) if len(set(expires)) == 1 else None
    if moment is None:
        return 0.0
    start = _http_date(_first(headers, "date"), now) or now
    return min(max(0.0, (moment - start).total_seconds()), MAX_SECONDS)


def _http_date(value: str, now: datetime) -> datetime | None:
    """Read one of the three forms of RFC 9110 section 5.6.7, and only those, whatever their letters' case."""
    moment = _lenient_date(value) if _HTTP_DATE.fullmatch(value.strip()) else None
    if moment is None or "-" not in value:
        return moment
    century = now.year - now.year % 100  # RFC 850: a two-digit year over fifty years ahead is past
    year = century + moment.year % 100
    return _with_year(moment, year - 100 if year > now.year + 50 else year)


def _with_year(moment: datetime, year: int) -> datetime | None:
    try:
        return moment.replace(year=year)
    except ValueError:  # 29 February
        return None


def _lenient_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
