"""Connecting: resolve once, vet every answer, connect to the vetted address itself.

A name that resolves differently a moment later (DNS rebinding) gains nothing, a connection that is kept
alive stays with its vetted address (S05, S06), and the spelling of an address never matters, since what is
judged is what gets connected to (S03). TLS and the Host header keep the name.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from typing import TypeAlias

import httpcore

from aggregator.web.guard import AddressGuard
from aggregator.web.streams import SocketBackend

Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host name and port -> its addresses as text, best first. Raises OSError where there are none."""

# Before falling back from one address to the next (IPv6 announced but not routed, say): long enough for a
# lost SYN, short enough to leave the deadline room. The last address gets the whole timeout.
_FALLBACK_SECONDS = 3.0
_MAX_ADDRESSES = 4

_address = lru_cache(maxsize=4096)(ipaddress.ip_address)  # hosts come again with every poll


class NameNotResolvedError(Exception):
    """The name has no address, or none could be learned."""


class SystemResolver:
    """The operating system's resolver, in threads of its own: a dead name server holds one for seconds."""

    def __init__(self, threads: int = 16) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="resolve")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of a host, in the order of preference of RFC 6724."""
        with suppress(ValueError):
            return [str(_address(host))]  # nothing to ask anybody about
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _getaddrinfo, host, port)

    def close(self) -> None:
        """Let the threads go; answers still awaited are dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _getaddrinfo(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """The network for direct connections: only what the guard lets through is connected to."""

    def __init__(self, guard: AddressGuard, resolver: Resolver) -> None:
        self._guard = guard
        self._resolve = resolver
        self._network = SocketBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first of the host's vetted addresses that answers.

        Raises:
            AddressRefusedError: if any of its addresses may not be reached.
            NameNotResolvedError: if it has none.
            httpcore.ConnectError, httpcore.ConnectTimeout: if none answers.
        """
        addresses = await self._vetted(host, port)
        for address in addresses[:-1]:
            try:
                return await self._network.connect_tcp(
                    address, port, _FALLBACK_SECONDS, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._network.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    async def _vetted(self, host: str, port: int) -> Sequence[str]:
        try:
            found = await self._resolve(host, port)
            addresses = [_address(text) for text in found]
        except (OSError, ValueError) as error:  # UnicodeError, for labels that are too long, is a ValueError
            raise NameNotResolvedError(host) from error
        if not addresses:
            raise NameNotResolvedError(host)
        self._guard.vet_addresses(host, port, addresses)
        return found[:_MAX_ADDRESSES]
