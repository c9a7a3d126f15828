from __future__ import annotations

import asyncio
import importlib.util
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

from aggregator.config import Config
from aggregator.model import ArticleStatus, Extraction
from aggregator.pipeline.cycle import CycleCount, Scope, run_once
from aggregator.store.articles import import_article
from aggregator.store.connection import open_reader, open_writer, transaction
from aggregator.store.feeds import Subscription, sync_feeds
from aggregator.store.writer import Writer

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="session")
def torture() -> ModuleType:
    """The script behind ``make torture``: its press, its way of comparing databases."""
    spec = importlib.util.spec_from_file_location("torture", ROOT / "scripts" / "torture.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["torture"] = module
    spec.loader.exec_module(module)
    return module


@dataclass
class World:
    """A few outlets on loopback, a database that follows them, and a clock."""

    database: Path
    config: Config
    now: datetime
    step: bytearray
    asked: list[str] = field(default_factory=list)
    before: Callable[[str], object] = lambda _url: None  # is called before each answer

    def cycle(
        self, *, after: timedelta = timedelta(0), prepare: Callable[[Writer], None] | None = None
    ) -> CycleCount:
        self.now += after
        with Writer(self.database) as writer:
            if prepare:
                prepare(writer)
            return asyncio.run(
                run_once(self.config, writer, Scope(), clock=lambda: self.now, jitter=lambda: 0.0)
            )

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with closing(open_reader(self.database)) as db:
            return [tuple(row) for row in db.execute(query)]


@pytest.fixture
def world(torture: ModuleType, database: Path, now: datetime) -> Iterator[World]:
    press, step, asked = torture.Press(feeds=3, reports_a_step=1), bytearray(1), []

    class Handler(torture.handler(press, step, asked)):
        def do_GET(self) -> None:  # noqa: N802 - the library's name
            made.before(self.path)
            super().do_GET()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    config = press.config(f"http://127.0.0.1:{server.server_port}", database)
    made = World(database, config, now, step, asked)
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Archive:
    """A database with one feed, filled article by article."""

    path: Path
    now: datetime

    def __post_init__(self) -> None:
        with closing(open_writer(self.path)) as db, transaction(db):
            sync_feeds(db, [Subscription("http://feed.org/")], self.now)

    def add(self, name: str, *, days: int, cluster: int | None = None) -> int:
        """Add an article that was first seen so many days ago, with the entry that led to it."""
        seen = self.now - timedelta(days=days)
        article = Extraction(
            f"http://paper.org/{name}", ArticleStatus.FULL, name, f"What {name} says.", "en", None, seen
        )
        with closing(open_writer(self.path)) as db, transaction(db):
            number, _ = import_article(db, article, "paper.org", seen)
            db.execute(
                "INSERT INTO entries (feed_id, guid, title, summary, first_seen_at, article_id, alias, place,"
                " digest) VALUES (1, :name, :name, 'It says.', :seen, :article, :name, :name, 'd')",
                {"name": name, "seen": seen.strftime("%Y-%m-%dT%H:%M:%SZ"), "article": number},
            )
            if cluster:
                _join(db, number, cluster, seen)
        return number

    def run(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        with closing(open_writer(self.path)) as db, transaction(db):
            return [tuple(row) for row in db.execute(statement, values)]


def _join(db: sqlite3.Connection, article: int, cluster: int, seen: datetime) -> None:
    db.execute(
        "INSERT INTO clusters VALUES (:id, 'Report', :at, :at, 0, 1, 1, '[]', :article, 'paper.org',"
        " :at, :at) ON CONFLICT DO NOTHING",
        {"id": cluster, "article": article, "at": seen.strftime("%Y-%m-%dT%H:%M:%SZ")},
    )
    db.execute("UPDATE clusters SET article_count = article_count + 1 WHERE id = ?", (cluster,))
    db.execute("UPDATE articles SET cluster_id = ?, analysed_by = '1' WHERE id = ?", (cluster, article))
    db.execute("INSERT INTO features VALUES (?, 'e', x'00')", (article,))
    db.execute(
        "INSERT INTO citations (article_id, name, quote, confidence, rule) VALUES (?, 'X', 'q', 1, 'r')",
        (article,),
    )


@pytest.fixture
def archive(database: Path, now: datetime) -> Archive:
    return Archive(database, now)
