"""Two databases: the demo as `make demo` leaves it, and the same after what happens to a file in use."""

from __future__ import annotations

import asyncio
import json
import runpy
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aggregator.config import Config, parse_config
from aggregator.demo.server import NewsroomServer
from aggregator.model import Constraint
from aggregator.pipeline.archive import import_lines
from aggregator.pipeline.cycle import Scope, run_once
from aggregator.reports.outlets import OutletList
from aggregator.store.clusters import add_constraint
from aggregator.store.writer import Writer

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Demo:
    """A database that the bundled newsroom is polled into."""

    def __init__(self, database: Path, newsroom: NewsroomServer) -> None:
        self.database, self.newsroom = database, newsroom

    def cycle(self, at: datetime, *, scope: Scope | None = None, feeds: str = "", tags: str = "[]") -> None:
        with Writer(self.database) as writer:
            config = self.config(feeds, tags)
            asyncio.run(run_once(config, writer, scope or Scope(), clock=lambda: at, jitter=lambda: 0.0))

    def config(self, feeds: str, tags: str) -> Config:
        settings = f"compute: {{kind: inline}}\ndefaults: {{tags: {tags}}}\n"
        text = settings + self.newsroom.config_yaml(str(self.database)) + feeds
        return parse_config(text, Path("feeds.yaml"), {})

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.database)) as db:
            return db.execute(query).fetchall()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that takes a ``question`` each of the cookbook's."""
    if "question" in metafunc.fixturenames:
        asked = _questions()
        metafunc.parametrize("question", asked, ids=[question.slug for question in asked])


@pytest.fixture(scope="session")
def questions() -> list[Any]:
    """The cookbook's questions: title, slug, sql, form."""
    return _questions()


@pytest.fixture(scope="session")
def newsroom() -> Iterator[NewsroomServer]:
    with NewsroomServer(NOW) as server:
        yield server


@pytest.fixture(scope="session")
def demo(newsroom: NewsroomServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database that `aggregator demo` makes."""
    made = Demo(tmp_path_factory.mktemp("demo") / "demo.db", newsroom)
    made.cycle(NOW)
    return made.database


@pytest.fixture(scope="session")
def used(demo: Path, newsroom: NewsroomServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo two weeks later: a feed died, a headline was changed, reports were joined by a person."""
    made = Demo(Path(shutil.copy(demo, tmp_path_factory.mktemp("used") / "used.db")), newsroom)
    with Writer(made.database) as writer:
        first, second, third = (
            made.rows(f"SELECT id, url, outlet, text FROM articles WHERE title LIKE '{start}%'")[0]
            for start in ("Tesla posts best", "Ryś wrócił na", "O último Inverno")
        )
        lines = [
            _line(first, title="Tesla has its best day since 2013"),
            _line(third, title="O último inverno do faroleiro", text="Passou a última noite."),
            _line(
                ("", "https://gazette.example/a", "gazette.example", ""),
                title="Ministry admits mistakes, according to the Northern Gazette newspaper",
                text="The ministry has admitted mistakes, the newspaper Northern Gazette reported on Sunday.",
            ),
            _line(
                ("", "https://observer.example/b", "observer.example", ""),
                title="Ministry admits mistakes in the affair of the ferries",
                text="The ministry has admitted mistakes in the affair of the ferries, a spokesman said.",
            ),
        ]
        list(import_lines(lines, writer, OutletList.load(()), NOW + timedelta(hours=1)))
        pair = sorted((int(str(first[0])), int(str(second[0]))))
        writer.write_now(add_constraint, Constraint(pair[0], pair[1], together=True), NOW)
    more = "  - http://closed.example/feed\n  - {url: http://reuters.com/feed, tags: [wire]}\n"
    made.cycle(NOW + timedelta(days=14), feeds=more, tags="[world]")
    return made.database


def _line(article: tuple[object, ...], *, title: str, text: str | None = None) -> str:
    _, url, outlet, old = article
    fields = {"url": url, "outlet": outlet, "title": title, "text": text or old}
    return json.dumps({**fields, "published": "2026-03-01T09:00:00Z"})


def _questions() -> list[Any]:
    return list(runpy.run_path(str(ROOT / "scripts" / "cookbook.py"))["questions"]())
