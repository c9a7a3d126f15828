"""``make bench``: polling beside its given parts in one run: ratios that mean something on any machine.

    python -m benchmarks.speed [FEEDS]

A loopback server in a process of its own serves so many feeds of 30 entries (default 240, each from an
address of its own, since one host is asked politely). Measured: the first poll, everything new and stored,
beside feedparser alone in a pool of that size; a poll of unchanged feeds (304) beside httpx alone at the same
concurrency.
"""

from __future__ import annotations

import asyncio
import io
import multiprocessing
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from multiprocessing.queues import Queue
from pathlib import Path

import feedparser
import httpx
from rich.console import Console

from aggregator.compute import WorkerPool, call
from aggregator.config import Config, parse_config
from aggregator.pipeline.bounded import for_each
from aggregator.pipeline.poll import poll_feeds
from aggregator.pipeline.services import open_services
from aggregator.store.feeds import subscribed_feeds
from aggregator.store.writer import Writer

FEEDS, ENTRIES, AT_ONCE = 240, 30, 64
_PARAGRAPH = "The council met on Tuesday and spoke about the bridge, the budget and the school. " * 14


def document(number: int) -> bytes:
    """Return a feed of some 35 kB."""
    entries = "".join(
        f"<item><guid>{number}-{n}</guid><link>http://paper{number}.example/{n}</link>"
        f"<title>Report {n} of paper {number}</title><description>{_PARAGRAPH}</description>"
        "<pubDate>Sun, 01 Mar 2026 08:00:00 GMT</pubDate></item>"
        for n in range(ENTRIES)
    )
    return f'<rss version="2.0"><channel><title>Paper {number}</title>{entries}</channel></rss>'.encode()


class Feeds(asyncio.Protocol):
    """Answers every GET with the address's feed, or 304 to a request that compares."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.buffer = transport, b""
        number = int(transport.get_extra_info("sockname")[0].rpartition(".")[2])
        body = document(number)
        head = (
            b'HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\nETag: "1"\r\nContent-Length: %d\r\n\r\n'
        )
        self.whole = head % len(body) + body

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            request, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            same = b"if-none-match" in request.lower()
            answer = b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n' if same else self.whole
            self.transport.write(answer)  # type: ignore[attr-defined]


def serve(hosts: list[str], port: Queue[int]) -> None:
    """Serve until killed; tells the port it found."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        first = await loop.create_server(Feeds, hosts[0], 0)
        number = first.sockets[0].getsockname()[1]
        await loop.create_server(Feeds, hosts[1:], number)
        port.put(number)
        await asyncio.Event().wait()

    asyncio.run(run())


async def clocked(work: Callable[[], Awaitable[object]], things: int) -> float:
    """Return how many things a second were done."""
    start = time.perf_counter()
    await work()
    return things / (time.perf_counter() - start)


async def with_httpx(urls: Iterable[str], headers: dict[str, str]) -> list[bytes]:
    """Get all URLs by httpx alone."""
    async with httpx.AsyncClient(trust_env=False) as client:

        async def get(url: str) -> bytes:
            return (await client.get(url, headers=headers)).content

        return await for_each(urls, get, AT_ONCE)


def parse(body: bytes) -> int:
    """Parse by feedparser alone, its costly options off."""
    return len(feedparser.parse(io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False).entries)


async def measure(config: Config, urls: list[str], console: Console) -> None:
    """Poll twice, and the bare parts beside it."""
    bodies: list[bytes] = []
    pool = WorkerPool(workers=2)
    await for_each(range(4), lambda _: call(pool, parse, b"<rss/>"), 4)  # the workers' start is nobody's cost

    async def fetch_all() -> None:
        bodies.extend(await with_httpx(urls, {}))

    async def parse_all() -> None:
        await for_each(bodies, lambda body: call(pool, parse, body), AT_ONCE)

    bare_get = await clocked(fetch_all, len(urls))
    bare_parse = await clocked(parse_all, len(urls))
    bare_304 = await clocked(lambda: with_httpx(urls, {"If-None-Match": '"1"'}), len(urls))
    pool.shutdown(cancel_futures=True)
    with Writer(config.database) as writer:
        async with open_services(
            config, writer, clock=lambda: datetime.now(UTC), jitter=random.random
        ) as services:
            await for_each(range(4), lambda _: call(services.executor, parse, b"<rss/>"), 4)
            results = []
            for _ in range(2):
                feeds = await writer.write(subscribed_feeds)
                results.append(await clocked(lambda feeds=feeds: poll_feeds(services, feeds), len(urls)))  # type: ignore[misc]
        outcomes = writer.write_now(
            lambda db: [r[0] for r in db.execute("SELECT outcome FROM polls ORDER BY id")]
        )
    if outcomes != ["ok"] * len(urls) + ["not_modified"] * len(urls):
        raise RuntimeError("the work was not really done")
    size, beside = len(bodies[0]) / 1000, "feedparser alone in a pool of two"
    console.print(f"{len(urls)} feeds of {ENTRIES} entries, {size:.0f} kB each; feeds a second")
    first, unchanged = results
    console.print(
        f"  first poll, stored {first:7.0f}   {first / bare_parse:.0%} of {beside} ({bare_parse:.0f})"
    )
    beside = f"httpx alone, {AT_ONCE} at once"
    console.print(
        f"  unchanged (304)    {unchanged:7.0f}   {unchanged / bare_304:.0%} of {beside} ({bare_304:.0f})"
    )
    console.print(f"  (httpx alone, whole bodies: {bare_get:.0f})", style="dim")


def main() -> None:
    """Start the server, measure, stop it."""
    count = min(int(sys.argv[1]) if len(sys.argv) > 1 else FEEDS, 250)
    hosts = [f"127.0.0.{number + 1}" for number in range(count)]
    port: Queue[int] = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve, args=(hosts, port), daemon=True)
    server.start()
    urls = [f"http://{host}:{number}/feed" for number in [port.get()] for host in hosts]
    with tempfile.TemporaryDirectory() as folder:
        text = "network: {allow_private: [127.0.0.0/8]}\ncompute: {workers: 2}\nfeeds:\n"
        text += "".join(f"  - {url}\n" for url in urls)
        config = parse_config(text, Path(folder) / "feeds.yaml", {})
        config = config.model_copy(update={"database": Path(folder) / "bench.db"})
        asyncio.run(measure(config, urls, Console(highlight=False, width=120)))
    server.terminate()


if __name__ == "__main__":
    main()
