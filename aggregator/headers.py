"""HTTP header fields: what several rooms read of them, and which may be sent.

Sources: RFC 9110 sections 5.1, 5.5, 5.6.2, 5.6.7 and 10.2.3.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

Headers = Sequence[tuple[str, bytes]]
"""Names in lower case, values as they came, in order."""

MAX_SECONDS = 10 * 366 * 86400.0
"""Nothing is believed to last longer than ten years; callers cap far below (B09)."""

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(rb"[\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?")
_OURS = frozenset({"accept-encoding", "connection", "content-length", "host", "te", "transfer-encoding"})


def check_name(name: str) -> str:
    """Return the name of a header that a feed may be asked with.

    The client decides itself about how it encodes, frames and addresses its messages.

    Raises:
        ValueError: if it cannot be sent, or is not a feed's to decide.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} has characters that no header's name has")
    if name.lower() in _OURS:
        raise ValueError(f"{name!r} is set by the program itself")
    return name


def is_value(value: bytes) -> bool:
    """Tell whether bytes may be sent as a header's value: no control characters, no blank at an end."""
    return _VALUE.fullmatch(value) is not None


def retry_after(headers: Headers, now: datetime) -> float | None:
    """Return the seconds that ``Retry-After`` asks for; 0 for a past date, None where absent or unreadable.

    Rules B10, B11. A date counts from the response's own ``Date``, so that a clock that is wrong, theirs or
    ours, does not count.
    """
    value = first(headers, "retry-after").strip()
    if value.isdecimal() and value.isascii():
        return bounded(value)
    moment = read_date(value)
    if moment is None:
        return None
    start = read_date(first(headers, "date")) or now
    return min(max((moment - start).total_seconds(), 0.0), MAX_SECONDS)


def values(headers: Headers, name: str) -> list[str]:
    """Return all values of a header; ``name`` is in lower case."""
    return [value.decode("latin-1") for key, value in headers if key == name]


def first(headers: Headers, name: str) -> str:
    """Return the first value of a header, or "" where it is absent."""
    return next(iter(values(headers, name)), "")


def bounded(digits: str) -> float:
    """Read a number of seconds, ten years at most: float() of thousands of digits overflows."""
    return MAX_SECONDS if len(digits.lstrip("0")) > 10 else min(float(digits), MAX_SECONDS)


def read_date(value: str) -> datetime | None:
    """Read a date in any form that mail or HTTP knows; without a zone it is taken as UTC (B11)."""
    try:
        moment = parsedate_to_datetime(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
