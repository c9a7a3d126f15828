"""The demo run once, and the command line called as the shell calls it."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import structlog

from aggregator.cli import call
from aggregator.demo.server import NewsroomServer

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SETTINGS = "compute: {kind: inline}\n"
_TOLD_BY_THE_SHELL = ("AGGREGATOR_CONFIG", "AGGREGATOR_DB", "COLUMNS", "FORCE_COLOR", "NO_COLOR")


@dataclass(frozen=True)
class Ran:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The one line that the command failed with."""
        assert self.out == ""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


@pytest.fixture(scope="session")
def newsroom() -> Iterator[NewsroomServer]:
    with NewsroomServer(NOW) as server:
        yield server


@pytest.fixture(scope="session")
def demonstrated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    """The folder that `aggregator demo` filled, and what it said."""
    folder = tmp_path_factory.mktemp("demo")
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = call(["demo", "--directory", str(folder)], clock=lambda: NOW)
    return folder, Ran(code, out.getvalue(), err.getvalue())


@pytest.fixture
def home(
    demonstrated: tuple[Path, Ran], newsroom: NewsroomServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder with the demo's newsroom as if it were real news, as the working directory."""
    shutil.copy(demonstrated[0] / "aggregator.db", tmp_path / "news.db")
    with closing(sqlite3.connect(tmp_path / "news.db")) as db, db:
        db.execute("DELETE FROM about WHERE key = 'demo'")
    (tmp_path / "feeds.yaml").write_text(SETTINGS + newsroom.config_yaml("news.db"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, as the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Ran]]:
    """Call the command line ten minutes after the poll, in a pipe."""
    for name in _TOLD_BY_THE_SHELL:
        monkeypatch.delenv(name, raising=False)

    def run(*words: object, at: datetime = NOW + timedelta(minutes=10), columns: int | None = None) -> Ran:
        if columns:
            monkeypatch.setenv("COLUMNS", str(columns))
        capsys.readouterr()
        code = call([str(word) for word in words], clock=lambda: at)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    handlers, level = logging.root.handlers[:], logging.root.level
    yield run
    logging.root.handlers[:], logging.root.level = handlers, level
    structlog.reset_defaults()


@pytest.fixture
def shell(home: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Run the program as a process of its own; or a line of shell that has it as "$@"."""

    def shell(*words: object, line: str = '"$@"', **environment: str) -> subprocess.CompletedProcess[bytes]:
        program = [sys.executable, "-m", "aggregator", *map(str, words)]
        kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONUTF8", "LANG")}
        return subprocess.run(
            ["/bin/bash", "-o", "pipefail", "-c", line, "bash", *program],
            cwd=home, env=kept | environment, capture_output=True, timeout=120, check=False,
        )  # fmt: skip

    return shell


@pytest.fixture
def query(home: Path) -> Callable[..., list[tuple[Any, ...]]]:
    """Ask the database of ``home``, or change it."""

    def query(sql: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(home / "news.db")) as db, db:
            return db.execute(sql, values).fetchall()

    return query


@pytest.fixture
def musk(query: Callable[..., list[tuple[Any, ...]]]) -> int:
    """The cluster that the demo was made for."""
    return int(query("SELECT cluster_id FROM articles WHERE outlet = 'wsj.com' AND title LIKE 'Elon%'")[0][0])
