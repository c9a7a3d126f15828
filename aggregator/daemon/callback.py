"""The callback of WebSub: a small HTTP server that hears hubs, and nothing else. Off unless feeds.yaml asks.

It stands behind a reverse proxy, reads no body into memory, and answers a connection once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import parse_qsl

import h11
import structlog

from aggregator.config import WebSubSettings
from aggregator.feeds.websub import SignatureCheck, Stage
from aggregator.pipeline.services import Services
from aggregator.pipeline.websub import ask_hubs, hear_hub
from aggregator.store.websub import note_delivery, subscription_at

log = structlog.get_logger()

LOOK_SECONDS = 30.0
DEADLINE_SECONDS = 30.0  # for a connection, from its first byte to its last
MOST_CONNECTIONS = 64
MOST_HEAD = 16_384  # bytes of request line and headers

_HEADERS = [
    ("Content-Type", "text/plain; charset=utf-8"),  # the challenge is a stranger's text (5.3.1)
    ("X-Content-Type-Options", "nosniff"),
    ("Connection", "close"),
]


@asynccontextmanager
async def hearing_hubs(services: Services, wake: Callable[[], Awaitable[None]]) -> AsyncIterator[Services]:
    """Listen for hubs and keep subscriptions at them, where feeds.yaml asks for it; yields the services.

    ``wake`` is called when a hub has told of something new. Where the address cannot be listened at, the log
    says so, and feeds are polled as if there were no hubs.
    """
    settings = services.config.websub
    if settings is None:
        yield services
        return
    hubs = HubServer(services, settings.callback, wake)
    server = await _listen(hubs, settings)
    if server is None:
        yield services
        return
    asking = asyncio.create_task(_keep_asking(services, settings.callback))
    try:
        yield replace(services, hears_hubs=True)
    finally:
        server.close()
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        await hubs.aclose()


async def _listen(hubs: HubServer, settings: WebSubSettings) -> asyncio.Server | None:
    host, _, port = settings.listen.rpartition(":")
    try:
        server = await asyncio.start_server(hubs.accept, host.strip("[]"), int(port), limit=MOST_HEAD)
    except OSError as error:
        log.error(
            "hubs cannot be heard; feeds are polled as usual", listen=settings.listen, reason=str(error)
        )
        return None
    log.info("listening to hubs", listen=settings.listen, callback=settings.callback)
    return server


async def _keep_asking(services: Services, callback: str) -> None:
    while True:
        try:
            await ask_hubs(services, callback)
        except Exception:  # hubs are a convenience: polling goes on without them
            log.exception("the hubs could not be asked")
        await asyncio.sleep(LOOK_SECONDS)


class HubServer:
    """Answers hubs: a GET verifies or denies, a POST delivers (W3C WebSub 5.2, 5.3 and 7)."""

    def __init__(self, services: Services, callback: str, wake: Callable[[], Awaitable[None]]) -> None:
        self._services, self._callback, self._wake = services, callback, wake
        self._conversations: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Begin a conversation, unless there are too many."""
        if len(self._conversations) >= MOST_CONNECTIONS:
            writer.close()
            return
        task = asyncio.create_task(self._converse(_Wire(reader, writer)))
        self._conversations.add(task)
        task.add_done_callback(self._conversations.discard)

    async def aclose(self) -> None:
        """Break off what is under way: hubs deliver again."""
        for task in self._conversations:
            task.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    async def _converse(self, wire: _Wire) -> None:
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                try:
                    await self._answer(wire)
                except h11.RemoteProtocolError:
                    await wire.respond(400)
        except (TimeoutError, ConnectionError):
            log.debug("a hub broke off, or took too long")
        except Exception:  # a defect of ours must not end the service
            log.exception("a hub could not be answered")
        finally:
            wire.close()

    async def _answer(self, wire: _Wire) -> None:
        request = await wire.request()
        if request is None:
            return
        path, _, query = request.target.decode("ascii", "replace").partition("?")
        callback = f"{self._callback}/{path.rpartition('/')[2]}"
        if request.method == b"GET":
            await wire.respond(*await self._hear(callback, query))
        elif request.method == b"POST":
            await wire.respond(await self._receive(wire, callback, request))
        else:
            await wire.respond(405)

    async def _hear(self, callback: str, query: str) -> tuple[int, str]:
        try:
            fields = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=32))
        except ValueError:
            return 400, ""
        services = self._services
        return await services.writer.write(hear_hub, callback, fields, services.clock())

    async def _receive(self, wire: _Wire, callback: str, request: h11.Request) -> int:
        """Check a delivery. A forged one is answered like a good one: nobody can try signatures out."""
        services = self._services
        found = await services.writer.write(subscription_at, callback)
        signature = next((value for name, value in request.headers if name == b"x-hub-signature"), b"")
        check = SignatureCheck(found[1].secret if found else None, signature)
        if not await wire.read_body(check, services.config.network.max_feed_size):
            return 413
        if found is None or found[1].stage is Stage.LEAVING:
            return 410
        if check.holds():
            await services.writer.write(note_delivery, found[0], services.clock())
            await self._wake()
        else:
            log.warning("a delivery without the hub's signature was ignored", hub=found[1].hub)
        return 202


class _Wire:
    """One connection: a request comes in, an answer goes out."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._state = h11.Connection(h11.SERVER, max_incomplete_event_size=MOST_HEAD)

    async def request(self) -> h11.Request | None:
        """Read the head of a request; None where nothing was asked."""
        event = await self._next()
        return event if isinstance(event, h11.Request) else None

    async def read_body(self, check: SignatureCheck, limit: int) -> bool:
        """Read a body without keeping it; False where it is larger than so many bytes."""
        size = 0
        while isinstance(event := await self._next(), h11.Data):
            size += len(event.data)
            if size > limit:
                return False
            check.update(bytes(event.data))
        return True

    async def respond(self, status: int, text: str = "") -> None:
        """Answer, if an answer is still possible."""
        if self._state.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        body = text.encode("utf-8", "replace")
        headers = [*_HEADERS, ("Content-Length", str(len(body)))]
        response = h11.Response(status_code=status, headers=headers, reason=HTTPStatus(status).phrase)
        for event in (response, h11.Data(data=body), h11.EndOfMessage()):
            self._writer.write(self._state.send(event) or b"")
        await self._writer.drain()

    def close(self) -> None:
        """End the connection."""
        self._writer.close()

    async def _next(self) -> object:
        while (event := self._state.next_event()) is h11.NEED_DATA:
            if self._state.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[], reason="Continue")
                self._writer.write(self._state.send(go_on) or b"")
            self._state.receive_data(await self._reader.read(65_536))
        return event
