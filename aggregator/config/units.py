"""Durations and sizes as people write them: ``30m``, ``72h``, ``15MB``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)", re.IGNORECASE)
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KB|MB|GB|KiB|MiB|GiB)?", re.IGNORECASE)
_BYTES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_LONGEST = timedelta(days=36500)


def parse_duration(text: object) -> timedelta:
    """Read ``30s``, ``15m``, ``1h30m``, ``72h``, ``30d``, ``2w``.

    Raises ValueError, with examples, for anything else, bare numbers included: nobody can tell their unit.
    """
    if isinstance(text, timedelta):
        return text
    written = str(text).strip()
    parts = _DURATION_PART.findall(written)
    if not isinstance(text, str) or not parts or _DURATION_PART.sub("", written).strip():
        raise ValueError(f"{text!r} is not a duration; write for example 30m, 1h, 72h or 30d")
    seconds = sum(float(number) * _SECONDS[unit.lower()] for number, unit in parts)
    if seconds > _LONGEST.total_seconds():
        raise ValueError(f"{text!r} is longer than a hundred years")
    return timedelta(seconds=seconds)


def format_duration(value: timedelta) -> str:
    """Write a duration in its largest whole unit: ``72h`` and ``1h30m`` stay as people wrote them."""
    seconds = int(value.total_seconds())
    days, hours, minutes = seconds // 86400, seconds // 3600, seconds // 60
    if seconds and seconds % 86400 == 0 and days > 3:
        return f"{days}d"
    if seconds and seconds % 3600 == 0:
        return f"{hours}h"
    if seconds >= 3600 and seconds % 60 == 0:
        return f"{hours}h{minutes % 60}m"
    return f"{minutes}m" if seconds and seconds % 60 == 0 else f"{seconds}s"


def parse_size(text: object) -> int:
    """Read ``500KB``, ``15MB``, ``1GiB`` or a number of bytes; raises ValueError for anything else."""
    match = _SIZE.fullmatch(str(text).strip()) if isinstance(text, str | int) else None
    if match is None or isinstance(text, bool):
        raise ValueError(f"{text!r} is not a size; write for example 500KB, 15MB or 1GiB")
    return int(float(match[1]) * _BYTES[(match[2] or "").lower()])


Duration = Annotated[
    timedelta, BeforeValidator(parse_duration), PlainSerializer(format_duration, return_type=str)
]
Size = Annotated[int, BeforeValidator(parse_size)]
