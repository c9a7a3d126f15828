"""kill -9 in the middle of a poll, and faults between writes: nothing lost, nothing doubled (L01-L03)."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from aggregator.config import Config, parse_config
from aggregator.pipeline.cycle import Scope, run_once
from aggregator.store.writer import Writer

FEEDS, ENTRIES = 2, 2
NOW = datetime.now(UTC).replace(microsecond=0)
TEXTS = (
    "The mayor of Graz opened the new bridge over the river Mur on Sunday, after nine years of building and"
    " three court cases. It cost 61 million euros, twice what had been planned, the Kleine Zeitung reported,"
    " because the ground on the eastern bank turned out to be softer than the surveyors had said.",
    "An earthquake of magnitude six shook Crete at dawn and damaged the harbour wall of Chania. Nobody was"
    " killed, the coast guard said, but eleven people were treated for cuts and broken bones, Reuters"
    " reported. Schools stay shut until engineers have looked at every roof, the governor announced.",
)


def fill(world) -> list[str]:
    """Two outlets that report the same two things, each in a feed with an ETag.

    Every page has a host of its own: starts of requests to one host are half a second apart.
    """
    feeds = []
    for number in range(FEEDS):
        items = ""
        for report, text in enumerate(TEXTS[:ENTRIES]):
            url = f"http://report{report}.outlet{number}.example/news/report-{report}"
            world.put(url, page(text, number), {"Content-Type": "text/html"})
            at = format_datetime(NOW - timedelta(hours=number + 2))
            named = f"<guid>{url}</guid><link>{url}</link><title>{text[:50]}</title>"
            items += f"<item>{named}<pubDate>{at}</pubDate></item>"
        body = f'<rss version="2.0"><channel><title>{number}</title>{items}</channel></rss>'.encode()
        headers = {"ETag": f'"{number}"', "Content-Type": "application/rss+xml"}
        feeds.append(world.put(f"http://www.outlet{number}.example/feed", body, headers))
    return feeds


def page(text: str, number: int) -> bytes:
    body = f"<h1>{text[:50]}</h1><p>{text}</p><p>Outlet number {number} adds nothing to that.</p>"
    head = f"<!doctype html><html lang=en><head><title>{text[:50]}</title></head>"
    return f"{head}<body><article>{body}</article></body></html>".encode()


FACTS = {
    "entries": "SELECT f.url, guid, e.url, e.title, a.url FROM entries AS e JOIN feeds AS f ON f.id = feed_id"
    " LEFT JOIN articles AS a ON a.id = article_id ORDER BY 1, 2",
    "articles": "SELECT url, outlet, title, text, lang, published_at, status, word_count FROM articles"
    " ORDER BY 1",
    "citations": "SELECT a.url, c.outlet, name, quote, rule FROM citations AS c"
    " JOIN articles AS a ON a.id = article_id ORDER BY 1, 2, 3, 4, 5",
    "clusters": "SELECT group_concat(url, ' ') FROM (SELECT url, cluster_id FROM articles ORDER BY url)"
    " GROUP BY cluster_id ORDER BY 1",
    "features": "SELECT url, encoder FROM features JOIN articles ON articles.id = article_id ORDER BY 1",
    "summaries": "SELECT title, article_count, outlet_count, independent_count, languages, origin_outlet"
    " FROM clusters ORDER BY 1",
    "etags": "SELECT url, etag, state FROM feeds ORDER BY 1",
}


def facts(database: Path) -> dict[str, list[tuple]]:
    """What a database says, without the numbers and times that depend on when it learned it."""
    with closing(sqlite3.connect(database)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        return {name: db.execute(query).fetchall() for name, query in FACTS.items()}


def waiting(database: Path) -> list[tuple]:
    with closing(sqlite3.connect(database)) as db:
        return db.execute(
            "SELECT id FROM articles WHERE status = 'pending' OR in_flight OR to_cluster"
            " OR analysed_by IS NULL OR cluster_id IS NULL"
        ).fetchall()


@pytest.fixture
def command(world, tmp_path) -> Callable[[Path], subprocess.Popen[bytes]]:
    """Start `aggregator poll --force` on a database."""
    feeds = "".join(f"  - {url}\n" for url in fill(world))
    settings = (
        f"network: {{proxy: '{world.proxy}', concurrency: 2}}\ncompute: {{kind: inline}}\nfeeds:\n{feeds}"
    )
    (tmp_path / "feeds.yaml").write_text(settings)

    def start(database: Path) -> subprocess.Popen[bytes]:
        call = [sys.executable, "-m", "aggregator", "--db", str(database), "poll", "--force"]
        return subprocess.Popen(call, cwd=tmp_path, stderr=subprocess.PIPE)

    return start


def finish(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors.decode()
    assert b"Traceback" not in errors


@pytest.mark.parametrize(
    "request_number",
    [
        1,
        FEEDS + 2,
        pytest.param(FEEDS, marks=pytest.mark.slow),
        pytest.param(FEEDS + 2 * FEEDS * ENTRIES, marks=pytest.mark.slow),
    ],
)
def test_a_poll_that_is_killed_is_gone_on_with_and_comes_to_the_same(
    request_number: int, command, world, tmp_path
) -> None:
    """The server kills the client in the middle of its n-th request: no clock decides where."""
    finish(command(tmp_path / "whole.db"))
    world.asked.clear()
    victim: list[subprocess.Popen[bytes]] = []
    started, lock = threading.Event(), threading.Lock()
    counted = 0

    def kill(_url: str) -> None:
        nonlocal counted
        with lock:
            counted += 1
            if counted == request_number:
                started.wait()
                victim[0].send_signal(signal.SIGKILL)
                victim[0].wait()

    world.before = kill
    victim.append(command(tmp_path / "killed.db"))
    started.set()
    victim[0].communicate(timeout=60)
    assert victim[0].returncode == -signal.SIGKILL
    facts(tmp_path / "killed.db")  # it is whole at any moment
    world.before = lambda _url: None
    finish(command(tmp_path / "killed.db"))
    assert facts(tmp_path / "killed.db") == facts(tmp_path / "whole.db")
    assert waiting(tmp_path / "killed.db") == []


class BreakingWriter(Writer):
    """Lets the n-th write of a kind begin, do its work, and fail before it is committed."""

    def __init__(self, path: Path, kind: str = "", breaks_at: int = 0) -> None:
        super().__init__(path)
        self.breaks_at, self.writes = (kind, breaks_at), Counter[str]()

    def submit(self, operation, *args, **kwargs):
        return super().submit(self._watched(operation), *args, **kwargs)

    async def write_soon(self, operation, *args, **kwargs):
        return await super().write_soon(self._watched(operation), *args, **kwargs)

    def _watched(self, operation):
        kind = operation.__name__
        self.writes[kind] += 1
        if (kind, self.writes[kind]) != self.breaks_at:
            return operation

        def broken(db, *args, **kwargs):
            operation(db, *args, **kwargs)
            raise sqlite3.OperationalError("disk I/O error")

        return broken


@pytest.fixture
def config(world) -> Callable[[Path], Config]:
    feeds = "".join(f"  - {url}\n" for url in fill(world))
    text = f"network: {{proxy: '{world.proxy}'}}\ncompute: {{kind: inline}}\nfeeds:\n{feeds}"
    parsed = parse_config(text, Path("feeds.yaml"), {})
    return lambda database: parsed.model_copy(update={"database": database})


def cycle(config: Config, writer: Writer) -> None:
    asyncio.run(run_once(config, writer, Scope(force=True), clock=lambda: NOW, jitter=lambda: 0.0))


def test_a_write_that_fails_is_made_up_for_whichever_it_is(config, tmp_path) -> None:
    whole, broken = tmp_path / "whole.db", set()
    with BreakingWriter(whole) as writer:
        cycle(config(whole), writer)
        writes = writer.writes
    assert writes["record_poll"] == FEEDS
    assert writes["save_extraction"] == FEEDS * ENTRIES
    expected = facts(whole)
    for kind, times in writes.items():
        for number in range(1, times + 1):  # how often a stage looks for work differs from run to run
            database = tmp_path / f"{kind}-{number}.db"
            with BreakingWriter(database, kind, number) as writer, suppress(sqlite3.OperationalError):
                cycle(config(database), writer)
                assert writer.writes[kind] < number
            broken |= {kind} if writer.writes[kind] >= number else set()
            facts(database)
            with Writer(database) as writer:
                cycle(config(database), writer)
            assert facts(database) == expected, f"{kind} {number}"
            assert waiting(database) == [], f"{kind} {number}"
    assert broken == writes.keys()


def test_the_facts_that_are_compared_are_there(config, tmp_path) -> None:
    with Writer(tmp_path / "a.db") as writer:
        cycle(config(tmp_path / "a.db"), writer)
    found = facts(tmp_path / "a.db")
    numbers = {name: len(found[name]) for name in ("entries", "articles", "clusters", "etags")}
    assert numbers == {
        "entries": FEEDS * ENTRIES,
        "articles": FEEDS * ENTRIES,
        "clusters": ENTRIES,
        "etags": FEEDS,
    }
    assert len(found["citations"]) >= FEEDS
    assert all(etag for _, etag, _ in found["etags"])


def test_a_page_that_takes_the_process_down_each_time_is_given_up_and_no_other(
    command, world, tmp_path
) -> None:
    """It is the only one that is read at its fourth kill, so it can only be itself."""
    killer = "http://report1.outlet0.example/news/report-1"
    victims: list[subprocess.Popen[bytes]] = []
    started, lock = threading.Event(), threading.Lock()

    def kill(url: str) -> None:
        if url == killer:
            with lock:
                started.wait()
                victims[-1].send_signal(signal.SIGKILL)
                victims[-1].wait()

    world.before = kill
    ends = []
    while not ends or ends[-1]:
        started.clear()
        victims.append(command(tmp_path / "killed.db"))
        started.set()
        victims[-1].communicate(timeout=60)
        ends.append(victims[-1].returncode)
        facts(tmp_path / "killed.db")
    assert ends == [-signal.SIGKILL] * 4 + [0]
    with closing(sqlite3.connect(tmp_path / "killed.db")) as db:
        rows = db.execute("SELECT url, status, detail FROM articles WHERE status <> 'full'").fetchall()
    assert rows == [(killer, "failed", "the service stopped each time it tried to read the page")]
    assert waiting(tmp_path / "killed.db") == []
