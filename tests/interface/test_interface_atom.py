"""The Atom digest, subscribed to by the service itself: one entry a report, whatever grows."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid5

import pytest

from aggregator.config import parse_config
from aggregator.digest.model import Digest, DigestQuery, Section, Window
from aggregator.digest.render import render
from aggregator.pipeline.cycle import Scope, run_once
from aggregator.pipeline.digest import read_digest
from aggregator.store.connection import open_reader
from aggregator.store.writer import Writer

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Shelf(ThreadingHTTPServer):
    """Serves the latest digest."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.digest = b""


class _Handler(BaseHTTPRequestHandler):
    server: Shelf

    def do_GET(self) -> None:
        found = self.path == "/digest.atom"
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/atom+xml")
        self.end_headers()
        self.wfile.write(self.server.digest if found else b"")

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    server = Shelf()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def digest(demo: Path) -> Digest:
    with closing(open_reader(demo)) as db:
        return read_digest(db, DigestQuery(Window(NOW - timedelta(days=7), NOW)))


def test_our_own_poll_finds_one_entry_a_report_and_no_second_one_when_it_grows(
    digest: Digest, shelf: Shelf, database: Path
) -> None:
    shelf.digest = render(digest, "atom").encode()
    _poll(shelf, database, NOW)
    with closing(sqlite3.connect(database)) as db:
        entries = dict(db.execute("SELECT guid, title FROM entries").fetchall())
        assert entries == {_identity(digest, section): section.headline for section in digest.sections}
        links = {url for (url,) in db.execute("SELECT url FROM entries")}
        assert links == {section.accounts[0].url for section in digest.sections}
    first, *others = digest.sections
    later = replace(first, headline="It grew", updated_at=first.updated_at + timedelta(hours=3))
    shelf.digest = render(replace(digest, sections=(later, *others)), "atom").encode()
    _poll(shelf, database, NOW + timedelta(days=1))
    with closing(sqlite3.connect(database)) as db:
        after = dict(db.execute("SELECT guid, title FROM entries").fetchall())
        changed = dict(db.execute("SELECT guid, updated_at FROM entries WHERE revisions > 0").fetchall())
    assert after == {**entries, _identity(digest, first): "It grew"}
    assert changed == {_identity(digest, first): f"{later.updated_at:%Y-%m-%dT%H:%M:%SZ}"}


def _identity(digest: Digest, section: Section) -> str:
    return uuid5(digest.query.namespace, f"report {section.cluster_id}").urn


def _poll(shelf: Shelf, database: Path, at: datetime) -> None:
    text = (
        "compute: {kind: inline}\nnetwork: {allow_private: [127.0.0.0/8]}\nfeeds:\n"
        f"  - {{url: 'http://127.0.0.1:{shelf.server_port}/digest.atom', full_text: false}}\n"
    )
    config = parse_config(text, Path("feeds.yaml"), {}).model_copy(update={"database": database})
    with Writer(database) as writer:
        asyncio.run(run_once(config, writer, Scope(), clock=lambda: at, jitter=lambda: 0.0))
