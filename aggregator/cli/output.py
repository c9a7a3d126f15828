"""What a person sees: tables and progress on a terminal, plain text in a pipe, JSON on request."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_PIPE_WIDTH = 200


def clean(text: str) -> str:
    """Return text without anything that could drive a terminal: feeds are written by strangers (S32)."""
    return _CONTROL.sub("", text).replace("\n", " ").replace("\t", " ")


def shown(text: object) -> str:
    """Return a value as it may stand in rich markup."""
    return escape(clean(str(text))) if text is not None else ""


def stdout() -> Console:
    """Return the console for data. A pipe gets wide, plain lines."""
    width = None if sys.stdout.isatty() else int(os.environ.get("COLUMNS", _PIPE_WIDTH))
    return Console(highlight=False, width=width, soft_wrap=False)


def stderr() -> Console:
    """Return the console for progress and messages."""
    return Console(stderr=True, highlight=False)


def print_json(value: object) -> None:
    """Print one JSON document."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=_plain) + "\n")


def print_text(text: str) -> None:
    """Print text as it is, ending in one line break."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None
) -> None:
    """Print rows; a cell is shown without control characters, a long one is folded."""
    table = Table(title=title, box=None, pad_edge=False, header_style="bold", title_justify="left")
    for name in columns:
        table.add_column(name, overflow="fold", justify="right" if name.startswith("#") else "left")
    for row in rows:
        table.add_row(*(shown(cell) for cell in row))
    stdout().print(table)


def stamp(time: datetime | None) -> str:
    """Write a time for people, in UTC."""
    return "" if time is None else time.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def ago(time: datetime | None, now: datetime) -> str:
    """Write how long ago a time is, or how long until it comes."""
    if time is None:
        return "never"
    seconds = (now - time).total_seconds()
    return f"in {span(timedelta(seconds=-seconds))}" if seconds < 0 else f"{span(now - time)} ago"


def span(length: timedelta) -> str:
    """Write a length of time in its two largest units."""
    seconds = int(length.total_seconds())
    for size, unit, below, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            rest = seconds % size // below
            return f"{seconds // size} {unit}" + (f" {rest} {small}" if rest else "")
    return f"{seconds} s"


def size(count: int) -> str:
    """Write a number of bytes for people."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


class ProgressBars:
    """One bar a stage, on stderr, with rate and remaining time."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def begin(self, stage: str, total: int) -> None:
        """Show a stage, or add steps to it."""
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=0, rate="")
        task = self._tasks[stage]
        known = next(t.total or 0 for t in self._bars.tasks if t.id == task)
        self._bars.update(task, total=known + total)

    def advance(self, stage: str, steps: int = 1) -> None:
        """Move a stage's bar on."""
        task = self._tasks[stage]
        self._bars.advance(task, steps)
        speed = next(t.speed for t in self._bars.tasks if t.id == task)
        self._bars.update(task, rate=f"{speed:.1f}/s" if speed else "")


@contextmanager
def progress(quiet: bool) -> Iterator[ProgressBars | None]:
    """Show progress where somebody watches: on a terminal, unless told to be quiet."""
    console = stderr()
    if quiet or not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    rate = TextColumn("{task.fields[rate]}", style="dim")
    columns = (
        TextColumn("{task.description:8}"),
        BarColumn(),
        MofNCompleteColumn(),
        rate,
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        yield ProgressBars(bars)
