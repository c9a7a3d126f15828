"""The examples of docs/scaling.md, run on two files."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "scaling.md").read_text(encoding="utf-8")


def examples(language: str) -> str:
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


@pytest.fixture
def files(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("eu.db", "us.db"):
        shutil.copy(demo, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_two_files_are_read_as_one_by_attaching_them(files: Path) -> None:
    statements = filter(str.strip, examples("sqlite").split(";\n"))
    with closing(sqlite3.connect(":memory:")) as db:
        answers = [db.execute(statement).fetchall() for statement in statements]
        count = db.execute("SELECT count(*) FROM eu.reports").fetchone()[0]
    _, _, largest, both = answers
    assert {row[0] for row in largest} == {"eu", "us"}
    assert len(both) == count
    assert all(eu == us for eu, us, _ in both)


def test_exports_of_two_files_are_counted_together(files: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed")
    for line in examples("sh").splitlines():
        if line.startswith("aggregator"):
            command = [sys.executable, "-m", *line.split()]
            subprocess.run(command, check=True, capture_output=True)
    rows = duckdb.sql(examples("duckdb")).fetchall()
    assert {row[0] for row in rows} == {"eu", "us"}
