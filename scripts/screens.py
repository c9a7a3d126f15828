"""Writes docs/screens.md: what the commands print, at 80 and at 140 columns, on the bundled newsroom.

The clock stands at a fixed time, so that the same program writes the same page. Times that were measured, and
the port, are masked.
"""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

from aggregator.cli import call
from aggregator.demo.server import NewsroomServer

PAGE = Path(__file__).parent.parent / "docs" / "screens.md"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)
WIDTHS = (80, 140)
SHOWN = (
    ("search starlink taiwan --limit 3", WIDTHS),
    ("show {report}", WIDTHS),
    ("explain {report}", WIDTHS),
    ("explain {one} {other}", WIDTHS),
    ("feeds", WIDTHS),
    ("status", WIDTHS),
    ("digest --since 7d --limit 2", WIDTHS),  # it is 78 columns wide everywhere, as mail is
)
_MOST = 40  # lines of one screen
_HEAD = """# What the commands print

Made by `scripts/screens.py` from the bundled newsroom (`aggregator demo`), as it looks on terminals of
{widths} columns, without colours. In a pipe nothing is folded; `--json` is for other programs.
"""


def main() -> None:
    """Poll the newsroom in a folder of its own and write the page."""
    os.environ |= {"TERM": "dumb"}
    random.seed(1)  # what is added to waits, lest all feeds be polled at once
    with tempfile.TemporaryDirectory() as folder, chdir(folder), NewsroomServer(NOW) as newsroom:
        text = newsroom.config_yaml("news.db").replace("network:\n", "network:\n  concurrency: 1\n")
        Path("feeds.yaml").write_text(f"compute: {{kind: inline}}\n{text}", encoding="utf-8")
        screens = list(_screens())
    PAGE.write_text(
        "\n".join([_HEAD.format(widths=" and ".join(map(str, WIDTHS))), *screens]), encoding="utf-8"
    )


def _screens() -> Iterator[str]:
    yield "## poll\n"
    for words, width in zip(("poll", "poll --force"), WIDTHS, strict=True):
        yield f"{width} columns:\n\n{_block(words, _ran(words, width, NOW))}"
    numbers = _numbers()
    for template, widths in SHOWN:
        words = template.format(**numbers)
        yield f"## {words}\n"
        for width in widths:
            yield f"{width} columns:\n\n{_block(words, _ran(words, width, LATER))}"


def _numbers() -> dict[str, int]:
    """Return the numbers that the commands are asked for, by what the articles are about."""

    def first(words: str, key: str) -> int:
        return int(json.loads(_ran(f"-q --json search {words}", WIDTHS[0], LATER))[0][key])

    return {
        "report": first("starlink taiwan", "cluster_id"),
        "one": first("musk putin --lang de", "article_id"),
        "other": first("маск путин --lang ru", "article_id"),
    }


def _ran(words: str, width: int, at: datetime) -> str:
    """Return what a command prints: the data, and then what it says on stderr."""
    os.environ["COLUMNS"] = str(width)
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        call(shlex.split(words), clock=lambda: at)
    return out.getvalue() + err.getvalue()


def _block(words: str, printed: str) -> str:
    lines = _masked(printed).splitlines()
    if len(lines) > _MOST:
        lines = [*lines[:_MOST], f"... and {len(lines) - _MOST} lines more"]
    return "\n".join([f"```console\n$ aggregator {words}", *lines, "```\n"])


def _masked(printed: str) -> str:
    """Hide what differs from one run to the next: sizes of files, ports, how long something took."""
    printed = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8080", printed)
    return re.sub(r"\d+(\.\d)? (B|kB|MB)\b", r"… \2", printed)


if __name__ == "__main__":
    main()
