"""The geometry of the two charts: where each bar and each mark goes. Lengths are per cent or CSS pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil

from babel.dates import format_date

from .model import Arrival, Digest, DigestQuery
from .window import zone
from .wording import language_name, moment

HEIGHT = 150  # pixels from the bars' ground to the top of the highest
_UNITS = {"hour": timedelta(hours=49), "day": timedelta(days=62)}  # the longest window each draws
_LABELS = 6  # labels that fit under the bars on a telephone
_NUMBERED = 14  # bars that have room for their number; of more, only the highest has it
_LANGUAGES = 7
_LANES = 4
_MARK_WIDTH = 3.4  # per cent: what a mark takes of a telephone's width


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of the chart by hour or by day."""

    x: float  # per cent
    width: float  # per cent
    height: float  # pixels
    name: str
    label: str  # under the bar; empty for most
    count: int
    numbered: bool  # whether its count stands above it

    @property
    def middle(self) -> float:
        """Return where its label and its number are centred, in per cent."""
        return round(self.x + self.width / 2, 2)


@dataclass(frozen=True, slots=True)
class Share:
    """One language's part of the articles."""

    name: str
    count: int
    width: float  # per cent of the largest


@dataclass(frozen=True, slots=True)
class Mark:
    """An outlet's place on a timeline."""

    x: float  # per cent
    lane: int  # 0 is the lowest
    arrival: Arrival


def unit(query: DigestQuery) -> str:
    """Return what each bar stands for: an hour, a day or a month, as the window is long."""
    length = query.window.until - query.window.since
    return next((unit for unit, longest in _UNITS.items() if length <= longest), "month")


def bars(digest: Digest) -> list[Bar]:
    """Return the bars of the articles over the window: by hour, by day or by month, as it is long."""
    query = digest.query
    totals: Counter[datetime] = Counter()
    for at, count in digest.counts.by_hour:
        totals[_start(at, query)] += count
    starts = list(dict.fromkeys(_start(at, query) for at in _hours(query)))
    step, top = 100 / len(starts), max([1, *totals.values()])
    highest = next((start for start in starts if totals[start] == top), None)
    return [
        Bar(
            x=round(place * step, 2),
            width=round(step * 0.8, 2),
            height=round(HEIGHT * totals[start] / top, 1),
            name=_name(start, query),
            label=_label(start, place, len(starts), query),
            count=totals[start],
            numbered=totals[start] > 0 and (len(starts) <= _NUMBERED or start == highest),
        )
        for place, start in enumerate(starts)
    ]


def shares(digest: Digest) -> list[Share]:
    """Return the languages of the articles, the most frequent first; the rarest together as "others"."""
    counted = sorted(
        ((count, language_name(code)) for code, count in digest.counts.by_language),
        key=lambda pair: (-pair[0], pair[1]),
    )
    rest = sum(count for count, _ in counted[_LANGUAGES:])
    shown = [*counted[:_LANGUAGES], *([(rest, "others")] if rest else [])]
    top = max([1, *(count for count, _ in shown)])
    return [Share(name, count, round(100 * count / top, 1)) for count, name in shown]


def marks(timeline: Sequence[Arrival]) -> list[Mark]:
    """Return the places of a timeline's outlets; those that would touch are stacked, up to four high."""
    start, end = timeline[0].at, timeline[-1].at
    length = (end - start).total_seconds() or 1.0
    placed: list[Mark] = []
    for arrival in timeline:
        x = round(1.5 + 97 * (arrival.at - start).total_seconds() / length, 1)
        taken = {mark.lane for mark in placed if x - mark.x < _MARK_WIDTH}
        lane = next((lane for lane in range(_LANES) if lane not in taken), _LANES - 1)
        placed.append(Mark(x, lane, arrival))
    return placed


def _hours(query: DigestQuery) -> list[datetime]:
    at = query.window.since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return [at + timedelta(hours=n) for n in range(ceil((query.window.until - at) / timedelta(hours=1)))]


def _start(at: datetime, query: DigestQuery) -> datetime:
    """Return the beginning of the hour (UTC), or of the local day or month, in which an instant falls."""
    if unit(query) == "hour":
        return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    local = at.astimezone(zone(query.timezone)).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return local if unit(query) == "day" else local.replace(day=1)


def _name(start: datetime, query: DigestQuery) -> str:
    if unit(query) == "hour":
        return moment(start, query)
    return format_date(start.date(), "d MMM" if unit(query) == "day" else "MMM y", "en")


def _label(start: datetime, place: int, number: int, query: DigestQuery) -> str:
    """Return what stands under a bar: every sixth hour of the clock, else about six of the names."""
    if unit(query) == "hour":
        local = start.astimezone(zone(query.timezone))
        return f"{local:%H:%M}" if local.hour % 6 == 0 else ""
    return _name(start, query) if place % ceil(number / _LABELS) == 0 else ""
