"""Connections over plain non-blocking sockets, as httpcore wants them, for asyncio's event loop.

httpcore's own backend goes through anyio, which serves other loops too and pays for it in cancel scopes,
checkpoints and questions which loop is running: a third of the processor time of a request.
"""

from __future__ import annotations

import asyncio
import errno
import math
import os
import select
import socket
import ssl
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, TypeVar

import httpcore

T = TypeVar("T")

_NOT_YET = (BlockingIOError, InterruptedError)
_READ_BYTES = 65536  # as much as httpcore asks for


class SocketBackend(httpcore.AsyncNetworkBackend):
    """Connects to IP addresses. Names are nothing for it: somebody has resolved and vetted them before."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature, here and below
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to an IP address.

        Raises:
            httpcore.ConnectError, httpcore.ConnectTimeout
        """
        try:
            stream = SocketStream(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET))
            await stream.connect((host, port), deadline(timeout), local_address, socket_options or ())
        except OSError as error:
            raise _translated(error, httpcore.ConnectTimeout, httpcore.ConnectError) from error
        return stream


class SocketStream(httpcore.AsyncNetworkStream):
    """A connected socket: for one task at a time, though any task may close it.

    Moments (``until``) are seconds of the loop's clock.
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._socket = connection
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Future[None] | None = None

    async def connect(
        self,
        address: tuple[str, int],
        until: float,
        local_address: str | None,
        socket_options: Iterable[httpcore.SOCKET_OPTION],
    ) -> None:
        """Connect to an IP address and port, or close the socket.

        Raises:
            OSError: TimeoutError among them, as in all that follows.
        """
        try:
            for option in ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), *socket_options):
                self._socket.setsockopt(*option)
            if local_address is not None:
                self._socket.bind((local_address, 0))
            await self._connect(address, until)
        except BaseException:
            await self.aclose()
            raise

    async def _connect(self, address: tuple[str, int], until: float) -> None:
        try:
            self._socket.connect(address)
        except _NOT_YET:
            await self._ready(until, to_write=True)
            number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                raise _os_error(number) from None

    async def receive(self, max_bytes: int, until: float) -> bytes:
        """Return what has come in, as soon as there is anything; no bytes at the end of the stream.

        It always takes a turn of the loop, lest a server that sends without end stop everything else.
        """
        while True:
            await self._ready(until)
            with suppress(*_NOT_YET):
                return self._socket.recv(max_bytes)

    async def send(self, buffer: bytes, until: float) -> None:
        """Hand all bytes to the operating system."""
        rest = memoryview(buffer)
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
            except _NOT_YET:
                await self._ready(until, to_write=True)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """Receive; raises httpcore.ReadError or httpcore.ReadTimeout."""
        try:
            return await self.receive(max_bytes, deadline(timeout))
        except OSError as error:
            raise _translated(error, httpcore.ReadTimeout, httpcore.ReadError) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Send; raises httpcore.WriteError or httpcore.WriteTimeout."""
        try:
            await self.send(buffer, deadline(timeout))
        except OSError as error:
            raise _translated(error, httpcore.WriteTimeout, httpcore.WriteError) from error

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        """Shake hands, or close the socket; raises httpcore.ConnectError or httpcore.ConnectTimeout."""
        try:
            secured = TLSStream(self, ssl_context, server_hostname)
            await secured.shake_hands(deadline(timeout))
        except BaseException as error:
            await self.aclose()
            if isinstance(error, OSError):
                raise _translated(error, httpcore.ConnectTimeout, httpcore.ConnectError) from error
            raise
        return secured

    async def aclose(self) -> None:
        """Close the socket at once; a task that waits for it gets an error."""
        if self._waiting is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._loop.remove_writer(self._socket.fileno())
            if not self._waiting.done():
                self._waiting.set_exception(_os_error(errno.EBADF))
            self._waiting = None
        with suppress(OSError):
            self._socket.close()

    def get_extra_info(self, info: str) -> Any:
        """Answer httpcore; an idle connection that ``is_readable`` has been closed, or answers unasked."""
        match info:
            case "is_readable":
                return self._is_readable()
            case "socket":
                return self._socket
            case "client_addr":
                return self._socket.getsockname()
            case "server_addr":
                return self._socket.getpeername()
        return None

    def _is_readable(self) -> bool:
        number = self._socket.fileno()
        if number < 0:
            return True
        poll = select.poll()
        poll.register(number, select.POLLIN)
        return bool(poll.poll(0))

    async def _ready(self, until: float, *, to_write: bool = False) -> None:
        """Wait until the socket can be read from, or written to."""
        loop, number = self._loop, self._socket.fileno()
        if number < 0:
            raise _os_error(errno.EBADF)
        self._waiting = ready = loop.create_future()
        # By number: the selector spends 10 us on the description of a socket that it does not know yet.
        (loop.add_writer if to_write else loop.add_reader)(number, _wake, ready)
        late = loop.call_at(until, _give_up, ready)
        try:
            await ready
        finally:
            late.cancel()
            if self._waiting is ready:  # else it was closed, and the number may be another's by now
                self._waiting = None
                (loop.remove_writer if to_write else loop.remove_reader)(number)


class TLSStream(httpcore.AsyncNetworkStream):
    """TLS over a socket, by way of memory: so errors of the socket stay apart from those of TLS.

    ``ssl.SSLSocket`` tells a reset as the end of the stream, and half a body would pass for a whole one.
    """

    def __init__(self, below: SocketStream, context: ssl.SSLContext, server_hostname: str | None) -> None:
        self._below = below
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_hostname)

    async def shake_hands(self, until: float) -> None:
        """Agree on the keys and verify the certificate; raises OSError, ssl.SSLError among them."""
        await self._do(self._tls.do_handshake, until)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """Return what has come in; no bytes at the end, whether or not TLS was told of it: many servers do
        not say goodbye, and HTTP has lengths of its own.

        Raises:
            httpcore.ReadError, httpcore.ReadTimeout
        """
        try:
            return await self._do(lambda: self._tls.read(max_bytes), deadline(timeout))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""
        except OSError as error:
            raise _translated(error, httpcore.ReadTimeout, httpcore.ReadError) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Send all bytes; raises httpcore.WriteError or httpcore.WriteTimeout."""
        try:
            await self._do(lambda: self._tls.write(buffer), deadline(timeout))
        except OSError as error:
            raise _translated(error, httpcore.WriteTimeout, httpcore.WriteError) from error

    async def aclose(self) -> None:
        """Close the socket at once, without a goodbye."""
        await self._below.aclose()

    def get_extra_info(self, info: str) -> Any:
        """Answer httpcore; bytes that have been read ahead make a connection readable, too."""
        if info == "ssl_object":
            return self._tls
        if info == "is_readable" and (self._tls.pending() or self._incoming.pending):
            return True
        return self._below.get_extra_info(info)

    async def _do(self, step: Callable[[], T], until: float) -> T:
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                await self._below.send(self._outgoing.read(), until)
                self._take_in(await self._below.receive(_READ_BYTES, until))
            else:
                await self._below.send(self._outgoing.read(), until)
                return result

    def _take_in(self, data: bytes) -> None:
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()


def deadline(timeout: float | None) -> float:
    """Return the moment, of the running loop's clock, when so many seconds will be over."""
    return math.inf if timeout is None else asyncio.get_running_loop().time() + timeout


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def _give_up(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_exception(TimeoutError())


def _os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def _translated(error: OSError, late: type[Exception], broken: type[Exception]) -> Exception:
    return late(error) if isinstance(error, TimeoutError) else broken(error)
