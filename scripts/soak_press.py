"""The newsroom of ``make soak``: feeds of every temper on loopback, served from a process of its own."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from multiprocessing.sharedctypes import RawArray
from typing import Any
from urllib.parse import urlsplit

from torture import ACCOUNTS, headline, page

START = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)  # in Berlin, summer time begins on the way
TICK = timedelta(minutes=30)
SHOWN = 20  # entries in a feed
HOSTS = 4  # with pages, of each outlet
OUTAGE = (12 * 48, 12 * 48 + 12)  # ticks: on the thirteenth day nothing answers for six hours
RSS = "application/rss+xml"
ODD = 20  # every twentieth feed is of one of the tempers below


@dataclass(frozen=True)
class SoakPress:
    """What is published up to a tick. A report comes out in accounts of several feeds."""

    feeds: int
    reports_a_day: int
    shared: Any = field(default_factory=lambda: RawArray("Q", 2))  # the tick, and how often it was asked

    def feed_url(self, feed: int) -> str:
        """Return an outlet's feed. Pages have hosts of their own, or the client would space the requests."""
        return f"http://feeds.paper{feed}.org/feed"

    def asked(self) -> int:
        """Return how many requests have come."""
        return int(self.shared[1])

    def answer(self, url: str, tick: int) -> tuple[int, bytes, str, str]:
        """Return status, body, type and further headers."""
        parts = urlsplit(url)
        found = re.search(r"paper(\d+)\.org$", parts.hostname or "")
        if found and parts.path == "/feed":
            return self._feed(int(found[1]), tick)
        if parts.path.startswith("/r") and parts.path != "/robots.txt":
            report, account = map(int, parts.path[2:].split("-"))
            return 200, page(report, account), "text/html", ""
        return 404, b"", "text/plain", ""

    def _feed(self, feed: int, tick: int) -> tuple[int, bytes, str, str]:
        body = self.document(feed, tick)
        odd = feed % ODD
        answers = {
            1: (500, b"broken", "text/plain", ""),
            3: (404, b"nothing here", "text/plain", ""),
            5: (200, b"<!doctype html><title>Please log in</title>", "text/html", ""),
            7: (429, b"", "text/plain", "Retry-After: 7200\r\n") if tick // 24 % 2 else None,
            9: (410, b"", "text/plain", "") if tick > 10 * 48 else None,
            11: (200, body[:-40], RSS, ""),  # cut off in the middle
        }
        return answers.get(odd) or (200, body, RSS, "")

    def document(self, feed: int, tick: int) -> bytes:
        """Return a feed's latest entries, newest first."""
        newest = tick * self.reports_a_day // 48
        mine = [
            (report, account)
            for report in range(newest, max(-1, newest - SHOWN * self.feeds), -1)
            for account in range(ACCOUNTS)
            if (report * 7 + account * 11) % self.feeds == feed
        ]
        items = "".join(
            f"<item><guid>r{report}-{account}</guid>"
            f"<link>http://r{report % HOSTS}.paper{feed}.org/r{report}-{account}</link>"
            f"<title>{headline(report)}</title>"
            f"<pubDate>{format_datetime(self._published(report, account))}</pubDate></item>"
            for report, account in mine[:SHOWN]
        )
        return f'<rss version="2.0"><channel><title>Paper {feed}</title>{items}</channel></rss>'.encode()

    def _published(self, report: int, account: int) -> datetime:
        return START + TICK * (report * 48 / self.reports_a_day) - timedelta(hours=3 - account)


class Answering(asyncio.Protocol):
    """As much of an HTTP/1.1 proxy as it takes: one small process must answer thousands a second."""

    def __init__(self, press: SoakPress, known: dict[str, tuple[int, str, bytes, bytes]]) -> None:
        self._press, self._known = press, known
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that has come in whole; in the outage, hang up."""
        *requests, self._rest = (self._rest + data).split(b"\r\n\r\n")
        for request in requests:
            tick = self._press.shared[0]
            self._press.shared[1] += 1
            if OUTAGE[0] <= tick < OUTAGE[1]:
                self._transport.close()
                return
            self._transport.write(self._answer(request.decode("latin-1"), tick))

    def _answer(self, request: str, tick: int) -> bytes:
        url = request.split(" ", 2)[1]
        at, tag, whole, unchanged = self._known.get(url, (-1, "", b"", b""))
        if at != tick:
            tag, whole, unchanged = render(*self._press.answer(url, tick))
            if url.endswith("/feed"):
                self._known[url] = (tick, tag, whole, unchanged)
        return unchanged if tag and f"if-none-match: {tag}" in request.lower() else whole


def render(status: int, body: bytes, kind: str, more: str) -> tuple[str, bytes, bytes]:
    """Return an answer's entity tag, the answer, and the answer to who has it already."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:12]}"' if status == 200 else ""
    named = f"ETag: {tag}\r\n" if tag else ""
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\n{named}{more}Content-Length: {len(body)}\r\n\r\n"
    return tag, head.encode() + body, f"HTTP/1.1 304 X\r\n{named}Content-Length: 0\r\n\r\n".encode()


@contextmanager
def serve(press: SoakPress) -> Iterator[str]:
    """Serve the press as a proxy; yields its address."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    process = os.fork()
    if process == 0:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        asyncio.run(_serve(press, listener))
        os._exit(0)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()
        os.kill(process, signal.SIGTERM)
        os.waitpid(process, 0)


async def _serve(press: SoakPress, listener: socket.socket) -> None:
    known: dict[str, tuple[int, str, bytes, bytes]] = {}
    server = await asyncio.get_running_loop().create_server(lambda: Answering(press, known), sock=listener)
    await server.serve_forever()
