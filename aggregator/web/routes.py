"""Which way a request goes: directly, or through a proxy from the settings or the environment."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.request import getproxies

import httpcore
import httpx

from aggregator.web.guard import HostList, literal_address
from aggregator.web.settings import ClientSettings
from aggregator.web.urls import Target

_SCHEMES = ("http", "https", "socks5", "socks5h")


class Routes:
    """The proxy of each URL. NO_PROXY applies to a configured proxy too, as long as ``trust_env`` is set."""

    def __init__(self, settings: ClientSettings) -> None:
        found: Mapping[str, str] = getproxies() if settings.trust_env else {}
        direct = [item.strip() for item in found.get("no", "").split(",") if item.strip()]
        self._never = "*" in direct
        self._direct = HostList(spelling for item in direct for spelling in _spellings(item))
        self._by_scheme = {
            scheme: settings.proxy or found.get(scheme) or found.get("all") for scheme in ("http", "https")
        }

    def proxy_for(self, target: Target) -> str | None:
        """Return the URL of the proxy that a request has to take, or None if it goes directly."""
        if self._never or self._direct.has_name(target.host):
            return None
        address = literal_address(target.host)
        if address is not None and self._direct.has_address(address):
            return None
        return self._by_scheme[target.scheme]

    def proxies(self) -> set[str]:
        """Return the URLs of all proxies in use."""
        return {proxy for proxy in self._by_scheme.values() if proxy}


def _spellings(item: str) -> tuple[str, ...]:
    """NO_PROXY's ``example.org`` and ``.example.org`` both mean the domain and all below it, as in curl."""
    if "/" in item or literal_address(item.strip("[]")) is not None:
        return (item,)
    domain = item.removeprefix("*").removeprefix(".")
    return (domain, f".{domain}")


def make_proxy(url: str) -> httpcore.Proxy:
    """Build httpcore's description of a proxy.

    Raises:
        ValueError: if the URL is not one of an HTTP or SOCKS5 proxy. The message does not repeat it, since it
            may hold a password.
    """
    try:
        parsed = httpx.URL(url if "://" in url else f"http://{url}")
    except httpx.InvalidURL:
        raise ValueError("The proxy's URL is malformed.") from None
    if parsed.scheme not in _SCHEMES or not parsed.host:
        raise ValueError(
            f"A proxy's URL begins with one of {', '.join(f'{scheme}://' for scheme in _SCHEMES)}."
        )
    return httpcore.Proxy(
        httpcore.URL(scheme=parsed.raw_scheme, host=parsed.raw_host, port=parsed.port, target=b"/"),
        auth=(parsed.username.encode(), parsed.password.encode()) if parsed.userinfo else None,
    )
