"""The connections: direct ones under guard, and those to each proxy.

httpcore's pool goes through all its connections, for each idle one of them, at every request: with 64 hosts
at once that is half of the work. So each way has many small pools, and a host always keeps to the same one.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import nullcontext
from typing import Any

import httpcore
import httpx

from aggregator.web.routes import make_proxy

# Requests/s on loopback, 64 at once, two runs each. One pool of 64 connections: 500 hosts with 4 requests
# each 670 and 740, 100 hosts with 20 each 830 and 620. 32 pools: 1160 and 1130, 1530 and 1430. 8 and 128: no
# better.
_POOLS = 32
_KEEPALIVE_SECONDS = 5.0
_MIN_KEPT = 2  # with 4, looking whether idle ones are still good was 9 % of a request, with 2 it is 7 %

PROXY_CONNECTIONS = 8
"""Requests open at once through one proxy, which all hosts share. Small proxies queue no more than five
connections that they have not accepted yet, and the kernel drops the rest: with 64 at once through such a
proxy 4 of 100 feeds timed out, with 16 or 8 none did, in the same time."""


class GuardedTransport(httpx.AsyncBaseTransport):
    """httpx's seam to the network: a request with the extension ``proxy`` goes through that proxy.

    The extension ``target`` holds the request target byte for byte: httpx would normalise the path (C03).

    Args:
        context: Whom to trust.
        backend: The network for direct connections.
        proxies: The URLs of the proxies in use.
        per_host: Connections to one host that may be open at once.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        backend: httpcore.AsyncNetworkBackend,
        proxies: Iterable[str],
        per_host: int,
    ) -> None:
        self._context = context
        self._direct = [self._pool(max(_MIN_KEPT, per_host), backend=backend) for _ in range(_POOLS)]
        self._proxied = {url: self._pool(PROXY_CONNECTIONS, proxy=make_proxy(url)) for url in proxies}
        self._turns = {url: asyncio.Semaphore(PROXY_CONNECTIONS) for url in self._proxied}

    def turn(self, proxy: str | None) -> asyncio.Semaphore | nullcontext[None]:
        """Wait for a place at a proxy; a direct connection (None) needs none."""
        return nullcontext() if proxy is None else self._turns[proxy]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; raises httpcore's errors, and those of the guard."""
        url, extensions, proxy = request.url, request.extensions, request.extensions["proxy"]
        # A proxy is told the host as it stands in a URL, brackets included.
        host = b"[%b]" % url.raw_host if proxy and b":" in url.raw_host else url.raw_host
        sent = httpcore.Request(
            request.method,
            httpcore.URL(scheme=url.scheme, host=host, port=url.port, target=extensions["target"]),
            headers=request.headers.raw,
            content=request.content,
            extensions={"timeout": extensions["timeout"]},
        )
        response = await self._pool_for(proxy, url.host).handle_async_request(sent)
        return httpx.Response(
            response.status, headers=response.headers, stream=Body(response), extensions=response.extensions
        )

    async def aclose(self) -> None:
        """Close all connections."""
        for pool in (*self._direct, *self._proxied.values()):
            await pool.aclose()

    def _pool_for(self, proxy: str | None, host: str) -> httpcore.AsyncConnectionPool:
        if proxy is not None:
            return self._proxied[proxy]
        return self._direct[hash(host) % len(self._direct)]

    def _pool(
        self,
        kept: int,
        *,
        proxy: httpcore.Proxy | None = None,
        backend: httpcore.AsyncNetworkBackend | None = None,
    ) -> httpcore.AsyncConnectionPool:
        return httpcore.AsyncConnectionPool(
            self._context,
            proxy=proxy,
            max_connections=None,  # Hosts and turns bound the requests
            max_keepalive_connections=kept,
            keepalive_expiry=_KEEPALIVE_SECONDS,
            network_backend=backend,
        )


class Body(httpx.AsyncByteStream):
    """A response's body as it comes off the wire."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._response.aiter_stream():
            yield part

    async def aclose(self) -> None:
        """Give the connection back, or close it where the body was not read to its end."""
        await self._response.aclose()

    def brings_more(self) -> bool:
        """Whether bytes came in behind the end of the answer: they would pass for the next answer (S53).

        httpcore keeps them for the connection's next request and shows them in no public place.
        """
        stream: Any = self._response.stream
        return bool(stream._stream._connection._h11_state.trailing_data[0])
