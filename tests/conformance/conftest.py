"""A scoring server on loopback, a clock in our hands, and the real client and pipeline in between.

The server keeps every request byte for byte with the hour of the injected clock. Host names are resolved by
the test: all of them lead to the one server, which tells them apart by the Host header.
"""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import json
import random
import ssl
import threading
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import trustme

from aggregator.config import Config, parse_config
from aggregator.pipeline.cycle import CycleCount, Scope, feeds_to_poll, run_cycle, take_up
from aggregator.pipeline.fetch import fetch_articles
from aggregator.pipeline.poll import poll_feeds
from aggregator.pipeline.services import Services, client_settings, open_services
from aggregator.reports.encoder import UseEncoder
from aggregator.reports.outlets import OutletList
from aggregator.store.status import work_waits
from aggregator.store.writer import Writer
from aggregator.web import WebClient

SUITES = Path(__file__).parents[2].parent / "shared" / "suites"
LOOK = timedelta(seconds=30)  # how often the service looks whether anything is due
HANG = b"\0hang"


@dataclass
class Clock:
    """Time of day and monotonic seconds, moved by nothing but the test and what waits for a turn."""

    now: datetime
    seconds: float = 0.0

    def move(self, delta: timedelta) -> None:
        self.now += delta
        self.seconds += delta.total_seconds()

    async def sleep(self, seconds: float) -> None:
        until = self.seconds + seconds
        await asyncio.sleep(0)
        if until > self.seconds:
            self.move(timedelta(seconds=until - self.seconds))


@dataclass(frozen=True)
class Request:
    """A request as it came over the wire, and when."""

    raw: bytes
    at: datetime
    scheme: str
    body: bytes = b""

    @property
    def method(self) -> bytes:
        return self.raw.split(b" ", 1)[0]

    @property
    def target(self) -> str:
        return self.raw.split(b" ", 2)[1].decode("latin-1")

    @property
    def headers(self) -> dict[str, bytes]:
        lines = (line.split(b": ", 1) for line in self.raw.split(b"\r\n")[1:-2])
        return {name.decode("ascii").lower(): value for name, value in lines}

    @property
    def host(self) -> str:
        return self.headers["host"].decode().partition(":")[0]

    @property
    def validators(self) -> tuple[bytes | None, bytes | None]:
        return self.headers.get("if-none-match"), self.headers.get("if-modified-since")


Answer = bytes | Callable[[Request], bytes]


def reply(
    status: int = 200,
    body: bytes = b"",
    headers: Iterable[tuple[str, str | bytes]] = (),
    *,
    length: bool = True,
) -> bytes:
    """The bytes of a response."""
    lines = [b"HTTP/1.1 %d Whatever" % status]
    for name, value in headers:
        lines.append(name.encode() + b": " + (value if isinstance(value, bytes) else value.encode()))
    if length:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body])


class Site:
    """The server: a path, or a host and a path, and what it answers in turn; the last answer stays."""

    def __init__(self, clock: Clock, authority: trustme.CA) -> None:
        self.log: list[Request] = []
        self.open = self.most_open = 0
        self.ports: dict[str, int] = {}
        self._answers: dict[str, list[Answer]] = {}
        self._clock = clock
        self._authority = authority
        self._servers: list[asyncio.Server] = []
        self._never = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.listen("http", None)

    def listen(self, scheme: str, *names: str | None) -> None:
        """Open another port: with a certificate for the names, where the scheme is https."""
        context = None
        if scheme != "http":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._authority.issue_cert(*filter(None, names)).configure_cert(context)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._serve(reader, writer, scheme)

        start = asyncio.start_server(serve, "127.0.0.1", 0, ssl=context, limit=1 << 20)
        server = asyncio.run_coroutine_threadsafe(start, self._loop).result()
        self._servers.append(server)
        self.ports[scheme] = server.sockets[0].getsockname()[1]

    def url(self, path: str = "/feed", host: str = "feeds.example", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.ports[scheme]}{path}"

    def on(self, path: str, *answers: Answer) -> None:
        """Set what a path answers (``other.example/feed`` for one host only)."""
        self._answers[path] = list(answers)

    def asked(self, path: str | None = None) -> list[Request]:
        """The requests for a path, or for all but robots.txt."""
        if path is None:
            return [request for request in self.log if request.target != "/robots.txt"]
        return [request for request in self.log if path in (request.target, request.host + request.target)]

    def gaps(self, path: str = "/feed") -> list[timedelta]:
        """The waits between the requests for a path."""
        times = [request.at for request in self.asked(path)]
        return [later - earlier for earlier, later in itertools.pairwise(times)]

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _stop(self) -> None:
        for server in self._servers:
            server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, scheme: str) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                raw = await reader.readuntil(b"\r\n\r\n")
                request = Request(raw, self._clock.now, scheme)
                if length := int(request.headers.get("content-length", 0)):
                    request = replace(request, body=await reader.readexactly(length))
                self.log.append(request)
                self.open += 1
                self.most_open = max(self.most_open, self.open)
                await asyncio.sleep(0.001)  # long enough for another request to come in between
                answer = self._answer(request)
                self.open -= 1
                if not answer:
                    break
                if answer == HANG:
                    await self._never.wait()
                writer.write(answer)
                await writer.drain()
        writer.transport.abort()

    def _answer(self, request: Request) -> bytes:
        path = request.target.partition("?")[0]
        answers = self._answers.get(request.host + path) or self._answers.get(path) or [reply(404)]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return answer(request) if callable(answer) else answer


class Names:
    """The resolver: every name leads to the server, unless the test says otherwise."""

    def __init__(self) -> None:
        self.addresses: dict[str, list[Sequence[str]]] = {}
        self.asked: list[str] = []

    async def __call__(self, host: str, _port: int) -> Sequence[str]:
        self.asked.append(host)
        with suppress(ValueError):
            return [str(ipaddress.ip_address(host))]
        answers = self.addresses.get(host, [["127.0.0.1"]])
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        if not found:
            raise OSError("no such name")
        return found


SETTINGS = """
compute: {kind: inline}
defaults: {full_text: false}
network: {allow_private: [127.0.0.0/8], timeout: 1s}
"""


async def poll_and_fetch(services: Services, scope: Scope) -> CycleCount:
    """Run the two stages of a cycle that use the network."""
    feeds = await services.writer.write(feeds_to_poll, scope, services.clock())
    polls = await poll_feeds(services, feeds)
    failed, new = sum(not poll.ok for poll in polls), sum(poll.new_entries for poll in polls)
    return CycleCount(len(polls), failed, new, await fetch_articles(services))


@dataclass
class Daemon:
    """The aggregator under test. Each call starts it anew from its database, as a restart would."""

    database: Path
    clock: Clock
    names: Names
    trust: ssl.SSLContext
    config: Config = field(default_factory=Config)
    jitter: Callable[[], float] = field(default_factory=lambda: random.Random(7).random)  # noqa: S311

    def subscribe(self, *feeds: str, settings: str = SETTINGS) -> None:
        lines = "\n".join(f"  - {feed}" for feed in feeds)
        config = parse_config(f"{settings}\nfeeds:\n{lines}\n", Path("feeds.yaml"), {})
        self.config = config.model_copy(update={"database": self.database})

    def cycle(self, scope: Scope | None = None, *, after: timedelta = timedelta(0)) -> CycleCount:
        """Poll and fetch once, as ``aggregator poll`` does; what the articles mean is no matter here."""
        self.clock.move(after)
        return self.run(lambda services: poll_and_fetch(services, scope or Scope()))

    def whole_cycle(self) -> CycleCount:
        """Poll, fetch, analyse and cluster once."""
        return self.run(lambda services: run_cycle(services, Scope()))

    def live(self, length: timedelta) -> None:
        """Run as the service does, in accelerated time: from one moment at which work is due to the next."""
        end = self.clock.now + length

        async def serve(services: Any) -> None:
            while self.clock.now <= end:
                if await services.writer.write(work_waits, self.clock.now):
                    await poll_and_fetch(services, Scope())
                self.clock.move(max(LOOK, min(await self._until_next(services), end - self.clock.now + LOOK)))

        self.run(serve)

    async def _until_next(self, services: Any) -> timedelta:
        due = (
            "SELECT min(at) FROM (SELECT next_poll_at AS at FROM feeds UNION ALL SELECT next_fetch_at FROM"
            " articles UNION ALL SELECT until FROM host_pauses) WHERE at > ?"
        )
        moment = self.clock.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        found = await services.writer.write(lambda db: db.execute(due, (moment,)).fetchone()[0])
        return datetime.fromisoformat(found) - self.clock.now if found else timedelta(days=1)

    def run(self, work: Callable[[Services], Any]) -> Any:
        """Start, let ``work`` do what it likes with the services, and end."""

        async def main(writer: Writer) -> Any:
            clock = self.clock
            async with (
                open_services(self.config, writer, clock=lambda: clock.now, jitter=self.jitter) as services,
                WebClient(
                    client_settings(self.config),
                    resolver=self.names,
                    ssl_context=self.trust,
                    clock=lambda: clock.seconds,
                    sleep=clock.sleep,
                    now=lambda: clock.now,
                ) as web,
            ):
                await writer.write(take_up, self.config.cluster.encoder)
                return await work(replace(services, web=web))

        with Writer(self.database) as writer:
            return asyncio.run(main(writer))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with Writer(self.database) as writer:
            return writer.write_now(lambda db: [tuple(row) for row in db.execute(query)])

    def row(self, query: str) -> tuple[Any, ...]:
        (only,) = self.rows(query)
        return only


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def trust(authority: trustme.CA) -> ssl.SSLContext:
    context = httpx.create_ssl_context(trust_env=False)
    authority.configure_trust(context)
    return context


@pytest.fixture(scope="session")
def outlets() -> OutletList:
    return OutletList.load()


def letters(_encoder: object, texts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Encode texts at no cost: what articles mean is no matter here."""
    counts = np.ones((len(texts), 512), np.float32)
    for row, text in enumerate(texts):
        for letter in text[:2000]:
            counts[row, ord(letter) % 512] += 1
    return counts / np.linalg.norm(counts, axis=1, keepdims=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, trust: ssl.SSLContext, outlets: OutletList) -> None:
    """Certificates and outlet list take 0.2 s to read at every start, vectors 0.1 s a text."""
    monkeypatch.setattr(httpx, "create_ssl_context", lambda **_: trust)
    monkeypatch.setattr(OutletList, "load", lambda *_: outlets)
    monkeypatch.setattr(UseEncoder, "encode", letters)


@pytest.fixture
def clock(now: datetime) -> Clock:
    return Clock(now)


@pytest.fixture
def site(clock: Clock, authority: trustme.CA) -> Iterator[Site]:
    server = Site(clock, authority)
    yield server
    server.close()


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
def daemon(database: Path, clock: Clock, names: Names, trust: ssl.SSLContext) -> Daemon:
    return Daemon(database, clock, names, trust)


@pytest.fixture(name="reply")
def reply_fixture() -> Callable[..., bytes]:
    return reply


@pytest.fixture
def hang() -> bytes:
    """An answer that never comes."""
    return HANG


@pytest.fixture
def rss() -> Callable[..., bytes]:
    def make(*titles: str, links: str = "", head: str = "") -> bytes:
        """Return an RSS document of entries known by their titles; with links below ``links``, or without."""
        entries = "".join(
            f"<item><guid isPermaLink='false'>{title}</guid><title>{title}</title>"
            + (f"<link>{links}/{title}</link>" if links else "")
            + f"<description>What happened: {title}.</description></item>"
            for title in titles
        )
        return f"<rss version='2.0'><channel><title>News</title>{head}{entries}</channel></rss>".encode()

    return make


@pytest.fixture
def suite() -> Callable[[str, str], list[Any]]:
    """Read the lines of a file of third-party material, where it lies beside the repository."""

    def read(archive: str, name: str) -> list[Any]:
        if not (SUITES / archive).is_file():
            pytest.skip(f"{archive} is not beside the repository (../shared/suites)")
        with zipfile.ZipFile(SUITES / archive) as opened:
            text = opened.read(name).decode("utf-8")
        return (
            json.loads(text)
            if name.endswith(".json")
            else [json.loads(line) for line in text.strip().split("\n")]
        )

    return read
