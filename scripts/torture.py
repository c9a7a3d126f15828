"""``make torture``: kill -9 again and again in the middle of a cycle, and compare with an undisturbed run.

Fifty loopback feeds of fifty outlets reveal their articles step by step. In every step the process that runs
the cycle is killed a few times, at a random moment or at a random SQL statement, and then let finish. After
each kill the database must be in order; at the end it must hold what an undisturbed run holds: the same
entries, articles, citations and clusters, nothing lost, nothing doubled (reliability case L01).
"""

from __future__ import annotations

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # before numpy: the process is forked

import argparse
import asyncio
import hashlib
import logging
import random
import re
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import shared_memory
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from aggregator.config import Config, parse_config
from aggregator.model import Text
from aggregator.pipeline.cycle import Scope, run_once
from aggregator.reports.analyse import analyse_texts
from aggregator.store.connection import open_reader
from aggregator.store.doctor import examine
from aggregator.store.lock import hold
from aggregator.store.writer import Writer

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
STEP = timedelta(days=2)
KILLS_A_STEP = 3  # at the fourth, a page that was being read alone each time is given up, as it should be
ACCOUNTS = 3  # articles that tell one report, each of another outlet
PLACES = ("Lagos", "Kyoto", "Bergen", "Quito", "Tunis", "Perth", "Lviv", "Oslo", "Dakar", "Turin", "Hanoi")
ACTORS = ("bakers", "miners", "judges", "nurses", "pilots", "tenants", "fishers", "brewers", "dockers")
THINGS = ("bridge", "harbour", "library", "tunnel", "stadium", "museum", "railway", "reservoir", "hospital")
DEEDS = ("reopened", "closed", "sold", "flooded", "insured", "painted", "audited", "renamed", "doubled")


@dataclass(frozen=True)
class Press:
    """Outlets with a feed each, and what has been published up to a step. Pure: a URL to an answer."""

    feeds: int
    reports_a_step: int

    def feed_url(self, feed: int) -> str:
        """Return an outlet's feed. Every page has a host of its own, or the client would space them."""
        return f"http://feeds.paper{feed}.org/feed"

    def articles(self, step: int) -> Iterator[tuple[int, int, int]]:
        """Yield (report, account, feed) of everything that is published by a step."""
        for report in range((step + 1) * self.reports_a_step):
            for account in range(ACCOUNTS):
                yield report, account, (report * 7 + account * 11) % self.feeds

    def answer(self, url: str, step: int) -> tuple[bytes, str]:
        """Return what a URL answers at a step, and its type; nothing for an unknown one."""
        parts = urlsplit(url)
        feed = int(re.sub(r".*paper(\d+)\.org", r"\1", parts.hostname or ""))
        if parts.path == "/feed":
            mine = [(r, a) for r, a, f in self.articles(step) if f == feed]
            return self.document(feed, mine), "application/rss+xml"
        if parts.path.startswith("/r"):
            report, account = map(int, parts.path[2:].split("-"))
            return page(report, account), "text/html"
        return b"", ""

    def document(self, feed: int, articles: list[tuple[int, int]]) -> bytes:
        """Return a feed's document, newest entry first."""
        items = "".join(
            f"<item><guid>r{report}-{account}</guid>"
            f"<link>http://r{report}.paper{feed}.org/r{report}-{account}</link>"
            f"<title>{headline(report)}</title>"
            f"<pubDate>{format_datetime(self.published(report, account))}</pubDate></item>"
            for report, account in reversed(articles)
        )
        return f'<rss version="2.0"><channel><title>Paper {feed}</title>{items}</channel></rss>'.encode()

    def published(self, report: int, account: int) -> datetime:
        """Return when an article was published: some hours before its step."""
        return START + STEP * (report // self.reports_a_step) - timedelta(hours=6 - account)

    def config(self, proxy: str, database: Path) -> Config:
        """Return the configuration that follows every feed through the proxy."""
        urls = "".join(f"  - {self.feed_url(feed)}\n" for feed in range(self.feeds))
        text = f"network: {{proxy: '{proxy}', obey_robots: false}}\ncompute: {{kind: inline}}\nfeeds:\n{urls}"
        return parse_config(text, database, {}).model_copy(update={"database": database})


def headline(report: int) -> str:
    """Return a headline that no other report has."""
    pick = random.Random(report)  # noqa: S311
    who, where = pick.choice(ACTORS).title(), pick.choice(PLACES)
    return f"{who} of {where} see {pick.choice(THINGS)} {report} {pick.choice(DEEDS)}"


def page(report: int, account: int) -> bytes:
    """Return an article: the first account is the agency's, the others republish it and name it."""
    pick = random.Random(report)  # noqa: S311
    sentences = [
        f"The {pick.choice(ACTORS)} of {pick.choice(PLACES)} said the {pick.choice(THINGS)} number {report}"
        f" had been {pick.choice(DEEDS)} by the {pick.choice(ACTORS)} after {pick.randrange(3, 90)} days."
        for _ in range(14)
    ]
    if account:
        sentences.insert(3, "Reuters reported the details on Sunday, citing two officials.")
    text = "".join(f"<p>{' '.join(sentences[i : i + 3])}</p>" for i in range(0, len(sentences), 3))
    return (
        f"<!doctype html><html lang=en><head><title>{headline(report)}</title></head>"
        f"<body><article><h1>{headline(report)}</h1>{text}</article></body></html>"
    ).encode()


class Server(ThreadingHTTPServer):
    """A server that does not mind that its clients are killed."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


@contextmanager
def serving(press: Press) -> Iterator[tuple[str, memoryview]]:
    """Serve the press as a proxy from a process of its own; yields its address and the step, to be set."""
    memory = shared_memory.SharedMemory(create=True, size=8)
    server = Server(("127.0.0.1", 0), handler(press, memory.buf, []))
    process = os.fork()
    if process == 0:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        server.serve_forever()
    try:
        yield f"http://127.0.0.1:{server.server_port}", memory.buf
    finally:
        server.server_close()
        os.kill(process, signal.SIGTERM)
        os.waitpid(process, 0)
        memory.close()
        memory.unlink()


def handler(press: Press, step: memoryview | bytearray, asked: list[str]) -> type[BaseHTTPRequestHandler]:
    """Return a request handler that answers what is published by ``step[0]``, and notes what is asked."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet: two would wait for each other's acknowledgement

        def do_GET(self) -> None:
            asked.append(self.path)
            body, kind = press.answer(self.path, step[0])
            tag = f'"{hashlib.sha256(body).hexdigest()[:12]}"'
            known = self.headers.get("If-None-Match") == tag
            self.send_response(304 if known else 200 if kind else 404)
            for name, value in (("Content-Type", kind), ("ETag", tag)):
                self.send_header(name, value)
            self.send_header("Content-Length", "0" if known else str(len(body)))
            self.end_headers()
            if not known:
                self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            pass

    return Handler


def run_cycle(config: Config, now: datetime, die_at: int | None = None) -> int:
    """Run one cycle as ``aggregator poll`` does; returns how many statements it took.

    With ``die_at`` the process kills itself when it comes to that statement.
    """
    seen = 0

    def count(_statement: str) -> None:
        nonlocal seen
        seen += 1
        if die_at is not None and seen > die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    with hold(config.database), Writer(config.database) as writer:
        writer.write_now(lambda db: db.set_trace_callback(count))
        asyncio.run(run_once(config, writer, Scope(), clock=lambda: now, jitter=lambda: 0.0))
    return seen


def in_child(
    config: Config, now: datetime, *, die_at: int | None = None, die_after: float | None = None
) -> int:
    """Run a cycle in a child that may be killed; returns its statements, 0 where it was killed."""
    inlet, outlet = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.write(outlet, str(run_cycle(config, now, die_at)).encode())
        except BaseException:
            traceback.print_exc()
            os.abort()
        os._exit(0)
    os.close(outlet)
    select.select([inlet], [], [], die_after)
    if die_after is not None:
        os.kill(process, signal.SIGKILL)
    said = os.read(inlet, 32)
    os.close(inlet)
    if os.WTERMSIG(os.waitpid(process, 0)[1]) == signal.SIGABRT:
        raise RuntimeError("a cycle failed")
    return int(said or 0)


def contents(database: Path) -> dict[str, list[object]]:
    """Return what a database holds, by content: ids differ with the order in which pages came."""
    with closing(open_reader(database)) as db:

        def rows(query: str) -> list[object]:
            return sorted((tuple(row) for row in db.execute(query)), key=repr)

        clusters: dict[int, list[str]] = {}
        for cluster, url in db.execute("SELECT cluster_id, url FROM articles"):
            clusters.setdefault(cluster, []).append(url)
        return {
            "entries": rows(
                "SELECT feeds.url, guid, entries.title, articles.url FROM entries JOIN feeds ON"
                " feeds.id = feed_id LEFT JOIN articles ON articles.id = article_id"
            ),
            "articles": rows(
                "SELECT url, status, title, text, lang, outlet, word_count, first_seen_at FROM articles"
            ),
            "citations": rows(
                "SELECT articles.url, citations.outlet, name, quote, rule FROM citations JOIN articles"
                " ON articles.id = article_id"
            ),
            "clusters": sorted(sorted(urls) for urls in clusters.values()),
            "feeds": rows("SELECT url, state, etag, next_poll_at, last_success_at FROM feeds"),
        }


def disorder(database: Path, press: Press, step: int, now: datetime) -> list[str]:
    """Return what is wrong with a database after a kill."""
    if not database.exists():
        return []
    found = [finding.detail for finding in examine(database, now) if finding.state == "fail"]
    with closing(open_reader(database)) as db:
        for url, tag, entries in db.execute(
            "SELECT url, etag, (SELECT count(*) FROM entries WHERE feed_id = feeds.id) FROM feeds"
            " WHERE etag NOT NULL"
        ):
            found += _validator_before_entries(press, url, bytes(tag), entries, step)
    return found


def _validator_before_entries(press: Press, url: str, tag: bytes, entries: int, step: int) -> list[str]:
    """A stored ETag promises that the entries of its document are stored (case L03)."""
    for at in range(step, -1, -1):
        body = press.answer(url, at)[0]
        if tag.decode() == f'"{hashlib.sha256(body).hexdigest()[:12]}"':
            return (
                [] if entries == body.count(b"<item>") else [f"{url}: {entries} entries for another document"]
            )
    return [f"{url}: its ETag is of no document"]


@dataclass
class Tally:
    """What a torture came to."""

    kills: int = 0
    faults: list[str] = field(default_factory=list)


def torture(press: Press, folder: Path, rounds: int, seed: int, *, by_time: bool = True) -> Tally:
    """Kill ``rounds`` times over as many steps as that takes, then compare."""
    chance, tally = random.Random(seed), Tally()  # noqa: S311
    with serving(press) as (proxy, step):
        calm, harmed = press.config(proxy, folder / "calm.db"), press.config(proxy, folder / "harmed.db")
        while tally.kills < rounds:
            now = START + STEP * step[0]
            began = time.monotonic()
            statements = in_child(calm, now)
            seconds = time.monotonic() - began
            for done in range(1, KILLS_A_STEP + 1):
                if by_time and chance.random() < 0.5:
                    survived = in_child(harmed, now, die_after=chance.uniform(0, seconds / done))
                else:
                    survived = in_child(harmed, now, die_at=chance.randrange(statements // done))
                tally.faults += disorder(harmed.database, press, step[0], now)
                tally.kills += not survived
                if survived or tally.kills == rounds:
                    break
            in_child(harmed, now)
            print(f"step {step[0]}: {tally.kills} kills, {seconds:.1f} s undisturbed", flush=True)
            step[0] += 1
        tally.faults += differences(contents(calm.database), contents(harmed.database))
    return tally


def every_statement(press: Press, folder: Path) -> Tally:
    """Kill a fresh cycle at every one of its statements in turn, and let it be finished."""
    tally = Tally()
    with serving(press) as (proxy, step):
        step[0] = 0
        calm = folder / "calm.db"
        statements = in_child(press.config(proxy, calm), START)
        expected = contents(calm)
        for number in range(statements):
            harmed = folder / f"harmed-{number}.db"
            in_child(press.config(proxy, harmed), START, die_at=number)
            tally.kills += 1
            tally.faults += disorder(harmed, press, 0, START)
            in_child(press.config(proxy, harmed), START)
            tally.faults += differences(expected, contents(harmed))
            harmed.unlink()
    return tally


def differences(calm: dict[str, list[object]], harmed: dict[str, list[object]]) -> list[str]:
    """Say in which parts two databases differ, with the first rows that only one of them has."""
    found = []
    for part, rows in calm.items():
        lost = [row for row in rows if row not in harmed[part]]
        added = [row for row in harmed[part] if row not in rows]
        if rows != harmed[part]:
            found.append(f"{part}: {len(lost)} lost {lost[:2]!r:.300}, {len(added)} added {added[:2]!r:.300}")
    return found


def main() -> int:
    """Torture, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--feeds", type=int, default=50)
    parser.add_argument("--reports", type=int, default=4, help="new reports in a step, three accounts each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--statements-only", action="store_true", help="no kills by time: the same each time")
    parser.add_argument("--every-statement", action="store_true", help="one small cycle, killed everywhere")
    chosen = parser.parse_args()
    warm_up()
    press = Press(chosen.feeds, chosen.reports)
    with tempfile.TemporaryDirectory() as folder:
        if chosen.every_statement:
            tally = every_statement(press, Path(folder))
        else:
            tally = torture(
                press, Path(folder), chosen.rounds, chosen.seed, by_time=not chosen.statements_only
            )
    for fault in tally.faults:
        print(fault, file=sys.stderr)
    verdict = f"{len(tally.faults)} faults" if tally.faults else "0 lost, 0 doubled, all in order"
    print(f"{tally.kills} kills: {verdict}")
    return bool(tally.faults)


def warm_up() -> None:
    """Load the encoder before forking, so that no child spends seconds on it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    analyse_texts((Text(1, "paper0.org", "Bridge", "The bridge was opened.", "en", START),), "use-m3", ())


if __name__ == "__main__":
    sys.exit(main())
