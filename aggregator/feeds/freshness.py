"""What response headers say about how long a response stays fresh.

Source: RFC 9111 section 4.2.
"""

from __future__ import annotations

import re
from datetime import datetime

from aggregator.headers import MAX_SECONDS, Headers, bounded, first, read_date, values

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


def _cache_control(headers: Headers) -> list[tuple[str, str]]:
    joined = ",".join(values(headers, "cache-control"))
    return [(name.lower(), value or "") for name, value in _DIRECTIVE.findall(joined)]


def _delta(value: str) -> float | None:
    match = _DELTA.match(value)
    return bounded(match[1]) if match else None


def _age(headers: Headers) -> float:
    match = _AGE.match(first(headers, "age"))
    return bounded(match[1]) if match else 0.0


def _until_expiry(headers: Headers, now: datetime) -> float | None:
    expires = values(headers, "expires")
    if not expires:
        return None
    moment = _http_date(expires[0], now) if len(set(expires)) == 1 else None
    if moment is None:
        return 0.0
    start = _http_date(first(headers, "date"), now) or now
    return min(max(0.0, (moment - start).total_seconds()), MAX_SECONDS)


def _http_date(value: str, now: datetime) -> datetime | None:
    """Read one of the three forms of RFC 9110 section 5.6.7, and only those, whatever their letters' case."""
    moment = read_date(value) if _HTTP_DATE.fullmatch(value.strip()) else None
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
