"""What a person sees: tables and progress on a terminal, plain text in a pipe, JSON on request."""

from __future__ import annotations

import io
import json
import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

_UNSEEN = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
"""Categories of characters that drive a terminal, turn text around, or cannot be seen (S32)."""

_ENDLESS = 10_000
"""Columns of a pipe: nothing is folded there, so that every line can be searched and cut."""

_BEYOND_ASCII = re.compile(r"[^\x20-\x7e\n]")


def clean(text: str) -> str:
    """Return text on one line, without what could drive a terminal: feeds are written by strangers."""
    if text.isascii() and text.isprintable():
        return text
    seen = (c for c in text if c.isspace() or unicodedata.category(c) not in _UNSEEN)
    return re.sub(r"\s+", " ", "".join(seen))


def text(value: object, style: str = "") -> Text:
    """Return a value as it may be shown; None is shown as nothing."""
    return Text("" if value is None else clean(str(value)), style=style)


def address(url: str) -> Text:
    """Return a URL that is never broken by us: what the terminal folds can be copied whole."""
    return Text(clean(url), style="blue", no_wrap=True)


def stdout() -> Console:
    """Return the console for data. Only a terminal, or COLUMNS, limits the width."""
    return Console(highlight=False, width=None if _bounded() else _ENDLESS)


def stderr() -> Console:
    """Return the console for progress and messages."""
    return Console(stderr=True, highlight=False)


def width() -> int:
    """Return how many columns there are to fill."""
    return stdout().width


def show(*renderables: RenderableType) -> None:
    """Print to stdout, without spaces at the ends of lines."""
    console = stdout()
    with console.capture() as captured:
        for renderable in renderables:
            whole = isinstance(renderable, Text) and bool(renderable.no_wrap)
            console.print(renderable, soft_wrap=whole)
    lines = (line.rstrip() for line in captured.get().splitlines())
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def note(message: str, *, error: bool = False) -> None:
    """Print a line for a person to stderr."""
    stderr().print(text(message, "red" if error else ""), soft_wrap=True)


def log_line(message: str, level: str, at: datetime) -> None:
    """Print a message to stderr in the form of a JSON log line."""
    line = {"event": clean(message), "level": level, "timestamp": at.astimezone(UTC).isoformat()}
    sys.stderr.write(json.dumps(line, ensure_ascii=False) + "\n")


def print_json(value: object) -> None:
    """Print one JSON document, UTF-8 whatever the locale; what could drive a terminal is escaped."""
    plain = json.dumps(value, ensure_ascii=False, indent=2, default=_plain)
    print_document(_BEYOND_ASCII.sub(_escaped, plain))


def print_document(document: str) -> None:
    """Print a document that is UTF-8 by its own account, ending in one line break."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    sys.stdout.write(document if document.endswith("\n") else document + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows; a cell is shown without control characters, a long one is folded."""
    table = Table(box=None, pad_edge=False, header_style="bold", show_header=any(columns))
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else text(cell) for cell in row))
    show(table)


def stamp(time: datetime | None) -> str:
    """Write a time for people, in UTC."""
    return "" if time is None else time.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def ago(time: datetime | None, now: datetime) -> str:
    """Write how long ago a time is, or how long until it comes."""
    if time is None:
        return "never"
    return f"in {span(time - now, exact=False)}" if time > now else f"{span(now - time, exact=False)} ago"


def span(length: timedelta, *, exact: bool = True) -> str:
    """Write a length of time in its two largest units; not ``exact``: three of one and more in that one."""
    seconds = int(length.total_seconds())
    for size, unit, below, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            rest = seconds % size // below if exact or seconds < 3 * size else 0
            return f"{seconds // size} {unit}" + (f" {rest} {small}" if rest else "")
    return f"{seconds} s"


def size(count: int) -> str:
    """Write a number of bytes for people."""
    value, units = float(count), ["kB", "MB", "GB"]
    if value < 1000:
        return f"{count} B"
    while (value := value / 1000) >= 1000 and len(units) > 1:
        units.pop(0)
    return f"{value:.1f} {units[0]}"


def several(number: int, noun: str) -> str:
    """Write a number of things."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _bounded() -> bool:
    return sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit()


def _escaped(match: re.Match[str]) -> str:
    unseen = unicodedata.category(match[0]) in _UNSEEN
    return json.dumps(match[0])[1:-1] if unseen else match[0]


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value.total_seconds() if isinstance(value, timedelta) else str(value)


class ProgressBars:
    """One bar a stage, on stderr, with rate and remaining time."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def begin(self, stage: str, total: int | None) -> None:
        """Show a stage, or add steps to it; None: nobody knows how many there will be."""
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total, rate="")
            return
        task = self._tasks[stage]
        known = next(t.total or 0 for t in self._bars.tasks if t.id == task)
        self._bars.update(task, total=known + (total or 0))

    def advance(self, stage: str, steps: int = 1) -> None:
        """Move a stage's bar on."""
        task = self._tasks[stage]
        self._bars.advance(task, steps)
        speed = next(t.speed for t in self._bars.tasks if t.id == task)
        self._bars.update(task, rate=f"{speed:.1f}/s" if speed else "")


@contextmanager
def progress(quiet: bool, *, of_bytes: bool = False) -> Iterator[ProgressBars | None]:
    """Show progress where somebody watches: on a terminal, unless told to be quiet."""
    console = stderr()
    if quiet or not console.is_terminal:
        yield None
        return
    from rich import progress as shown

    stage = shown.TextColumn("{task.description:8}")
    steps: tuple[shown.ProgressColumn, ...] = (
        shown.MofNCompleteColumn(),
        shown.TextColumn("{task.fields[rate]}", style="dim"),
    )
    if of_bytes:
        steps = shown.DownloadColumn(), shown.TransferSpeedColumn()
    columns = (stage, shown.BarColumn(), *steps, shown.TimeRemainingColumn())
    with shown.Progress(*columns, console=console, transient=True) as bars:
        yield ProgressBars(bars)
