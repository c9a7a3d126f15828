"""What stands in the documentation is so: SQL examples run, and tables below them are their output."""

from __future__ import annotations

import re
import runpy
import shlex
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from aggregator.digest.rank import WEIGHTS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^ *```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_sql_example_runs(page: Path, demo: Path) -> None:
    with closing(sqlite3.connect(f"file:{demo}?mode=ro", uri=True)) as db:
        for query in _queries(page.read_text(encoding="utf-8")):
            assert db.execute(query).description, query


def test_the_tables_below_readmes_examples_are_their_answers(demo: Path) -> None:
    with_answers = runpy.run_path(str(ROOT / "scripts" / "query_docs.py"))["with_answers"]
    page = PAGES[0].read_text(encoding="utf-8")
    with closing(sqlite3.connect(f"file:{demo}?mode=ro", uri=True)) as db:
        assert with_answers("```sql\nSELECT 1 AS a, NULL AS b\n```\n\n| old |\n", db) == (
            "```sql\nSELECT 1 AS a, NULL AS b\n```\n\n| a | b |\n| --- | --- |\n| 1 |  |\n"
        )
        assert with_answers(page, db) == page  # `make docs` writes them


def test_examples_are_found_in_fences_and_command_lines() -> None:
    page = '```sql\nSELECT 1\n```\n\n```sh\nsqlite3 -box x.db "SELECT 2"  # how\nsqlite3 x.db .schema\n```\n'
    assert list(_queries(page)) == ["SELECT 1\n", "SELECT 2"]


def test_generated_documents_are_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "schema_docs.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_page_on_the_digest_has_the_weights_of_the_ranking() -> None:
    page = (ROOT / "docs" / "digest.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| (\w+) \| (\d+) \|", page, re.MULTILINE)
    assert {name: int(points) / 100 for name, points in told} == WEIGHTS


def test_the_walk_of_a_stranger_goes_as_it_is_written_down() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "walk.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "\n")  # `python scripts/walk.py` writes it


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
