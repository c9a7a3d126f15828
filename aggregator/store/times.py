"""Times as the database holds them: UTC text, ``2026-01-02T03:04:05Z``, which sorts as it reads."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import overload


@overload
def to_text(time: datetime) -> str: ...
@overload
def to_text(time: None) -> None: ...
def to_text(time: datetime | None) -> str | None:
    """Write an aware time; fractions of a second are cut off."""
    if time is None:
        return None
    return time.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat() + "Z"


@overload
def from_text(text: str) -> datetime: ...
@overload
def from_text(text: None) -> None: ...
def from_text(text: str | None) -> datetime | None:
    """Read a stored time."""
    return None if text is None else datetime.fromisoformat(text)
