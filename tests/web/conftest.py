"""A web server on loopback that keeps every request byte for byte, and the client that talks to it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from aggregator.web import ClientSettings, WebClient

Handler = Callable[["Request", asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Request:
    """A request as it came over the wire."""

    raw: bytes
    connection: int

    @property
    def target(self) -> bytes:
        return self.raw.split(b" ", 2)[1]

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        lines = self.raw.split(b"\r\n")[1:-2]
        pairs = (line.split(b": ", 1) for line in lines)
        return [(name.decode("ascii").lower(), value) for name, value in pairs]

    def header(self, name: str) -> bytes | None:
        return dict(self.headers).get(name)


def reply(
    status: int = 200,
    headers: Iterable[tuple[str, str | bytes]] = (),
    body: bytes = b"",
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


@dataclass
class Server:
    """Answers by path (without query): with bytes, with those of a list in turn, or by calling a handler."""

    answers: dict[str, bytes | list[bytes] | Handler] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    host: str = "127.0.0.1"
    port: int = 0
    scheme: str = "http"
    busy: int = 0
    busiest: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def url(self, path: str = "/") -> str:
        return f"{self.scheme}://{self.host}:{self.port}{path}"

    @property
    def targets(self) -> list[str]:
        return [request.target.decode() for request in self.requests]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number, task = self.connections, asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                request = Request(await reader.readuntil(b"\r\n\r\n"), number)
                self.requests.append(request)
                self.busy += 1
                self.busiest = max(self.busiest, self.busy)
                await self.answer(request, writer)
                self.busy -= 1
        writer.transport.abort()

    async def stop(self) -> None:
        """End the connections that clients or stubborn handlers have left open."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        path = request.target.decode("latin-1").partition("?")[0]
        answer = self.answers.get(path, self.answers.get("*", reply(404)))
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if callable(answer):
            await answer(request, writer)
        else:
            writer.write(answer)
            await writer.drain()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(name="reply")
def reply_fixture() -> Callable[..., bytes]:
    return reply


@pytest.fixture
async def serve(anyio_backend: str) -> AsyncIterator[Callable[..., Awaitable[Server]]]:
    """Start servers: ``await serve({"/feed": reply(...)})``, with TLS if need be."""
    async with AsyncExitStack() as stack:

        async def start(
            answers: dict[str, Any] | None = None,
            *,
            host: str = "127.0.0.1",
            tls: ssl.SSLContext | None = None,
        ) -> Server:
            server = Server(answers or {}, scheme="https" if tls else "http")
            listener = await asyncio.start_server(server.serve, server.host, 0, ssl=tls)
            server.port = listener.sockets[0].getsockname()[1]
            stack.push_async_callback(server.stop)
            stack.callback(listener.close)
            return server

        yield start


@pytest.fixture(scope="session")
def public_trust() -> ssl.SSLContext:
    """The client's own default, made once: reading the certificates takes 30 ms."""
    return httpx.create_ssl_context()


@pytest.fixture
async def web(
    anyio_backend: str, monkeypatch: pytest.MonkeyPatch, public_trust: ssl.SSLContext
) -> AsyncIterator[Callable[..., WebClient]]:
    """Make clients that may reach loopback, do not wait between requests and know no proxy."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    async with AsyncExitStack() as stack:

        def make(*, parts: dict[str, Any] | None = None, **settings: Any) -> WebClient:
            defaults: dict[str, Any] = {"allow_private": ("127.0.0.0/8",), "host_delay": 0.0}
            chosen = ClientSettings("aggregator/1.0 (+https://example.org/contact)", **(defaults | settings))
            client = WebClient(chosen, **({"ssl_context": public_trust} | (parts or {})))
            stack.push_async_exit(client)
            return client

        yield make


@pytest.fixture
def get() -> Callable[..., Awaitable[Any]]:
    """Get a URL with a feed's usual arguments."""

    async def get_it(client: WebClient, url: str, **arguments: Any) -> Any:
        defaults = {"max_bytes": 1_000_000, "accept": "application/atom+xml, */*;q=0.1"}
        return await client.get(url, **(defaults | arguments))

    return get_it
