"""What is remembered of the server between two polls: validators and permanent redirects."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from aggregator.headers import Headers
from aggregator.model import Hop, Validators

MAX_VALIDATOR = 4096
"""Bytes. A longer ETag or Last-Modified is not kept (S48)."""


def issued(headers: Headers, url: str) -> Validators | None:
    """Return a response's validators as bytes, bound to the URL that gave them, or None (A02-A10)."""
    found = Validators(url, _validator(headers, "etag"), _validator(headers, "last-modified"))
    return found if found.etag or found.last_modified else None


def refreshed(old: Validators | None, new: Validators | None) -> Validators | None:
    """Return the validators after a 304: what it names is replaced, the rest stays.

    Source: RFC 9111 section 4.3.4; A08, A09.
    """
    if new is None or old is None or old.url != new.url:
        return new or old
    return Validators(new.url, new.etag or old.etag, new.last_modified or old.last_modified)


def permanent_target(hops: tuple[Hop, ...]) -> str | None:
    """Return where the leading run of 301 and 308 ends: what may be learned, if it is seen often enough.

    Rules D01-D06. A redirect behind a temporary one is not the feed's own; https to http is never learned.
    """
    target = None
    for hop in hops:
        if hop.status not in (301, 308):
            break
        target = _resolved(hop)
    if target is None or _scheme(target) not in ("http", "https"):
        return None
    return None if (_scheme(hops[0].url), _scheme(target)) == ("https", "http") else target


def is_tls_upgrade(url: str, target: str) -> bool:
    """Tell whether ``target`` is the same address by https instead of http."""
    return url.startswith("http://") and target == "https://" + url.removeprefix("http://")


def _validator(headers: Headers, name: str) -> bytes | None:
    value = next((value for key, value in headers if key == name), b"")
    clean = not any(byte < 32 and byte != 9 for byte in value)
    return value if value and clean and len(value) <= MAX_VALIDATOR else None


def _resolved(hop: Hop) -> str:
    try:
        return urljoin(hop.url, hop.location)
    except ValueError:
        return ""


def _scheme(url: str) -> str:
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""
