"""What stands in the documentation is so: SQL examples run, and tables below them are their output."""

from __future__ import annotations

import re
import shlex
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^ *```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)
SHOWN = re.compile(r"```sql\n(?P<sql>[^`]+)```\n+(?P<table>\|.+?\|)\n(?!\|)", re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_sql_example_runs(page: Path, demo: Path) -> None:
    with closing(sqlite3.connect(f"file:{demo}?mode=ro", uri=True)) as db:
        for query in _queries(page.read_text(encoding="utf-8")):
            assert db.execute(query).description, query


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_table_below_an_sql_example_is_its_output(page: Path, demo: Path) -> None:
    with closing(sqlite3.connect(f"file:{demo}?mode=ro", uri=True)) as db:
        for shown in SHOWN.finditer(page.read_text(encoding="utf-8") + "\n"):
            assert shown["table"] == _table(db.execute(shown["sql"])), shown["sql"]


def test_examples_are_found_in_fences_and_command_lines() -> None:
    page = '```sql\nSELECT 1\n```\n\n```sh\nsqlite3 -box x.db "SELECT 2"  # how\nsqlite3 x.db .schema\n```\n'
    assert list(_queries(page)) == ["SELECT 1\n", "SELECT 2"]


def test_generated_documents_are_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "schema_docs.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def _queries(page: str) -> list[str]:
    found = []
    for fence in FENCE.finditer(page):
        if fence["language"] == "sql":
            found.append(fence["text"])
        elif fence["language"] in ("", "sh", "console"):
            found += re.findall(r"^\$? *(sqlite3 .+)", fence["text"], re.MULTILINE)
    return [query for text in found for query in _bare(text)]


def _bare(text: str) -> list[str]:
    if not text.startswith("sqlite3 "):
        return [text]
    words = [word for word in shlex.split(text, comments=True)[1:] if not word.startswith("-")]
    return [word for word in words[1:] if not word.startswith(".")]


def _table(rows: sqlite3.Cursor) -> str:
    lines = [[name for name, *_ in rows.description], ["---" for _ in rows.description]]
    lines += [["" if value is None else str(value) for value in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
