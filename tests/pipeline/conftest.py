from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from aggregator.config import Config, parse_config
from aggregator.demo.server import NewsroomServer
from aggregator.pipeline.archive import import_lines
from aggregator.pipeline.cycle import CycleCount, Scope, run_cycle, run_once
from aggregator.pipeline.services import open_services
from aggregator.reports.outlets import OutletList
from aggregator.store.writer import Writer


@dataclass
class Answer:
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Site:
    """A loopback web server: a path and what it answers, and the log of what was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.log: list[tuple[str, dict[str, str]]] = []
        self.before: Callable[[str], None] = lambda _path: None  # is called before each answer
        self._server = _Listener(("0.0.0.0", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return self.on(1)

    def on(self, number: int) -> str:
        """The same server as another host: starts of requests to one host are half a second apart."""
        return f"http://127.0.0.{number}:{self._server.server_port}"

    def answer(self, path: str, body: bytes, *, status: int = 200, **headers: str) -> None:
        names = {"type": "Content-Type", "etag": "ETag"}
        named = {names.get(key, key.replace("_", "-").title()): value for key, value in headers.items()}
        self.answers[path] = Answer(body, status, named)

    def asked(self, path: str) -> int:
        return sum(asked == path for asked, _ in self.log)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Listener(ThreadingHTTPServer):
    request_queue_size = 128


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            site.log.append((self.path, headers))
            answer = site.answers.get(self.path, Answer(status=404))
            site.before(self.path)
            etag = answer.headers.get("ETag")
            unchanged = etag is not None and headers.get("if-none-match") == etag
            self.send_response(304 if unchanged else answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            body = b"" if unchanged else answer.body
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    return Handler


class Breaking(Executor):
    """Does everything, except calls of the named functions with an argument that holds one of the words."""

    def __init__(self, function: str, *words: str) -> None:
        self.function, self.words, self.broken = function, words, 0

    def submit(self, fn, /, *args, **kwargs):
        future: Future[object] = Future()
        if fn.__name__ == self.function and any(word in repr(args) for word in self.words):
            self.broken += 1
            future.set_exception(RuntimeError("boom"))
        else:
            future.set_result(fn(*args, **kwargs))
        return future


@pytest.fixture
def breaking() -> type[Breaking]:
    return Breaking


@pytest.fixture
def site() -> Iterator[Site]:
    server = Site()
    yield server
    server.close()


@pytest.fixture
def newsroom(now: datetime) -> Iterator[NewsroomServer]:
    with NewsroomServer(now) as server:
        yield server


SETTINGS = "compute: {kind: inline}\nnetwork: {allow_private: [127.0.0.0/8]}\n"


@dataclass
class Bench:
    """A database, a configuration and a clock: runs cycles as the service would."""

    database: Path
    now: datetime
    config: Config = field(default_factory=Config)

    def subscribe(self, *feeds: str, settings: str = SETTINGS) -> None:
        lines = "".join(f"  - {feed}\n" for feed in feeds)
        self.use(f"{settings}feeds:\n{lines}" if feeds else f"{settings}feeds: []\n")

    def use(self, text: str) -> None:
        config = parse_config(text, Path("feeds.yaml"), {})
        self.config = config.model_copy(update={"database": self.database})

    def run(self, scope: Scope | None = None, *, after: timedelta = timedelta(0)) -> CycleCount:
        self.now += after
        with Writer(self.database) as writer:
            return self.run_with(writer, scope or Scope())

    def run_with(self, writer: Writer, scope: Scope) -> CycleCount:
        return asyncio.run(self.cycle(writer, scope))

    async def cycle(self, writer: Writer, scope: Scope) -> CycleCount:
        return await run_once(self.config, writer, scope, clock=lambda: self.now, jitter=lambda: 0.0)

    def run_on(self, executor: Executor) -> CycleCount:
        """Run a cycle whose CPU work is done by another executor."""

        async def cycle(writer: Writer) -> CycleCount:
            async with open_services(
                self.config, writer, clock=lambda: self.now, jitter=lambda: 0.0
            ) as services:
                return await run_cycle(replace(services, executor=executor), Scope())

        with Writer(self.database) as writer:
            return asyncio.run(cycle(writer))

    def settle(self, *articles: tuple[str, str, str]) -> None:
        """Import and cluster articles of (url, title, text) without the network."""
        lines = [json.dumps({"url": url, "title": title, "text": text}) for url, title, text in articles]
        with Writer(self.database) as writer:
            list(import_lines(lines, writer, OutletList.load(()), self.now))
        self.run(Scope(network=False))

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with Writer(self.database) as writer:
            return writer.write_now(lambda db: [tuple(row) for row in db.execute(query)])


@pytest.fixture
def bench(database: Path, now: datetime) -> Bench:
    return Bench(database, now)


MakeFeed = Callable[..., bytes]


@pytest.fixture
def rss() -> MakeFeed:
    def make(*entries: tuple[str, str], title: str = "News") -> bytes:
        """Return an RSS document of (guid and link, title) entries."""
        body = "".join(
            f"<item><guid>{url}</guid><link>{url}</link><title>{name}</title>"
            f"<description>{name}: what happened, in one sentence.</description>"
            "<pubDate>Sun, 01 Mar 2026 08:00:00 GMT</pubDate></item>"
            for url, name in entries
        )
        return f'<rss version="2.0"><channel><title>{title}</title>{body}</channel></rss>'.encode()

    return make


@pytest.fixture
def page() -> MakeFeed:
    def make(title: str, *paragraphs: str, head: str = "") -> bytes:
        """Return an article's page."""
        text = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
        return (
            f"<!doctype html><html lang=en><head><title>{title}</title>{head}</head>"
            f"<body><article><h1>{title}</h1>{text}</article></body></html>"
        ).encode()

    return make
