"""The connections: direct ones under guard, and those to each proxy.

httpcore's pool goes through all its connections, for each idle one of them, at every request: with 64 hosts
at once that is half of the work. So each way has many small pools, and a host always keeps to the same one.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable

import httpcore

from aggregator.web.routes import make_proxy

# Requests/s on loopback, 64 at once, two runs each. One pool of 64 connections: 500 hosts with 4 requests
# each 670 and 740, 100 hosts with 20 each 830 and 620. 32 pools: 1160 and 1130, 1530 and 1430. 8 and 128: no
# better.
_POOLS = 32
_KEEPALIVE_SECONDS = 5.0
_MIN_KEPT = 4


class Pools:
    """All connections of a client.

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
        def some(
            proxy: httpcore.Proxy | None, network: httpcore.AsyncNetworkBackend | None
        ) -> tuple[httpcore.AsyncConnectionPool, ...]:
            return tuple(
                httpcore.AsyncConnectionPool(
                    context,
                    proxy=proxy,
                    max_connections=None,  # Hosts bounds the requests
                    max_keepalive_connections=max(_MIN_KEPT, per_host),
                    keepalive_expiry=_KEEPALIVE_SECONDS,
                    network_backend=network,
                )
                for _ in range(_POOLS)
            )

        self._pools = {None: some(None, backend)} | {
            proxy: some(make_proxy(proxy), None) for proxy in proxies
        }

    def of(self, proxy: str | None, host: str) -> httpcore.AsyncConnectionPool:
        """Return the pool for a host, through a proxy or (None) directly."""
        pools = self._pools[proxy]
        return pools[hash(host) % len(pools)]

    async def aclose(self) -> None:
        """Close all connections."""
        for pools in self._pools.values():
            for pool in pools:
                await pool.aclose()
