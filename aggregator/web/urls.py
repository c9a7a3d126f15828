"""A URL taken apart once, by the parser whose result is also what gets connected to (S11).

httpx decides about the authority (IDNA, IPv6, ports); path and query are left byte for byte as the URL gives
them (C03), which httpx would not do: it removes dot segments and re-encodes some characters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, urljoin

import httpx

DEFAULT_PORTS = {"http": 80, "https": 443}

_SHAPE = re.compile(r"(https?)://([^/?#\\]*)([^#]*)", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_USERINFO = re.compile(r"//[^/?#]*@")
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?")
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


class UnusableURLError(ValueError):
    """The string is no URL that can be asked for. The message is one plain sentence without secrets."""


class ForeignSchemeError(UnusableURLError):
    """The URL is not http or https (S09)."""


@dataclass(frozen=True, slots=True)
class Target:
    """An http(s) URL, ready to be requested.

    ``url`` is the URL as given, without user name, password and fragment: the form that may be stored and
    shown. ``path`` is the request target. ``auth`` is the user name and password that the URL carried.
    """

    url: str
    scheme: str
    host: str
    port: int
    path: bytes
    auth: tuple[str, str] | None = None

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: what credentials are bound to (RFC 9110, 4.3.1)."""
        return (self.scheme, self.host, self.port)

    @property
    def bracketed_host(self) -> str:
        """The host as it stands in a URL."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def explicit_port(self) -> int | None:
        """The port, or None where the scheme implies it."""
        return None if self.port == DEFAULT_PORTS[self.scheme] else self.port

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        port = self.explicit_port
        return self.bracketed_host if port is None else f"{self.bracketed_host}:{port}"


def parse(url: str) -> Target:
    """Take an absolute http(s) URL apart.

    Raises:
        ForeignSchemeError: for other schemes.
        UnusableURLError: for control characters, backslashes before the path, bad hosts and ports.
    """
    url = url.strip(" ")
    if _CONTROLS.search(url):
        raise UnusableURLError("The URL contains control characters.")
    shape = _SHAPE.match(url)
    if shape is None:
        raise ForeignSchemeError("Only http:// and https:// URLs are fetched.")
    scheme, authority, rest = shape[1].lower(), shape[2], shape[3]
    parsed = _parse_authority(scheme, authority)
    return Target(
        url=f"{shape[1]}://{authority.rpartition('@')[2]}{rest}",
        scheme=scheme,
        host=parsed.raw_host.decode("ascii"),
        port=_port(scheme, parsed),
        path=_request_target(rest),
        auth=(parsed.username, parsed.password) if parsed.userinfo else None,
    )


def origin_url(target: Target) -> httpx.URL:
    """Return the URL of scheme, host and port, as httpx has it."""
    return _parse_authority(target.scheme, target.authority)


def follow(current: Target, location: bytes) -> Target:
    """Resolve a Location header (RFC 3986, 5; D08). Credentials that it carries are dropped.

    Raises:
        UnusableURLError: where the result cannot be requested.
    """
    reference = as_text(location).strip()
    if not reference:
        raise UnusableURLError("The redirect does not say where to.")
    reference = reference.partition("#")[0]
    try:
        url = urljoin(current.url, reference)
    except ValueError:
        raise UnusableURLError("The redirect points to a malformed URL.") from None
    bare_query = reference.endswith("?") and not url.endswith("?")  # which urljoin drops
    found = parse(f"{url}?" if bare_query else url)
    return Target(found.url, found.scheme, found.host, found.port, found.path)


def masked(url: str) -> str:
    """The URL, or what claims to be one, without the credentials in it (S45)."""
    return _USERINFO.sub("//", url)


def as_text(value: bytes) -> str:
    """Read a header value: UTF-8, or Latin-1 where it is not."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


@lru_cache(maxsize=4096)  # scheme, host and port come again with every poll
def _parse_authority(scheme: str, authority: str) -> httpx.URL:
    try:
        parsed = httpx.URL(f"{scheme}://{authority}/")
    except (httpx.InvalidURL, UnicodeError):
        raise UnusableURLError("The URL's host or port is malformed.") from None
    host = parsed.raw_host.decode("ascii")
    if not (":" in host and "%" not in host) and not _NAME.fullmatch(host):
        raise UnusableURLError("The URL has no usable host name.")
    return parsed


def _port(scheme: str, parsed: httpx.URL) -> int:
    port = DEFAULT_PORTS[scheme] if parsed.port is None else parsed.port
    if not 0 < port < 65536:
        raise UnusableURLError("The URL's port is out of range.")
    return port


def _request_target(rest: str) -> bytes:
    if rest.startswith("\\"):
        raise UnusableURLError("The URL has a backslash where its path should begin.")
    try:
        quoted = quote(rest, safe=_PRINTABLE)
    except UnicodeError:
        raise UnusableURLError("The URL contains characters that cannot be encoded.") from None
    return (quoted if quoted.startswith("/") else f"/{quoted}").encode("ascii")
