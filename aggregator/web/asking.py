"""What a request says: the same headers in the same order every time, secrets only where they belong."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aggregator.headers import check_name, is_value
from aggregator.model import Validators
from aggregator.web.decode import ACCEPT_ENCODING
from aggregator.web.urls import Target, UnusableURLError, parse

Header = tuple[bytes, bytes]

MAX_VALIDATOR = 4096
"""Bytes of an ETag or Last-Modified that are echoed; longer ones are left out (S48)."""


class UnsendableHeaderError(ValueError):
    """A configured header cannot be sent. The message is one plain sentence without the value."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Everything about a request that stays the same over its redirects.

    ``headers`` and ``auth`` are secrets of the first URL's origin and go nowhere else (D10, S46).
    """

    first: Target
    user_agent: bytes
    accept: bytes
    max_bytes: int
    max_redirects: int
    deadline: float
    validators: Validators | None = None
    headers: tuple[Header, ...] = ()
    auth: tuple[str, str] | None = None
    form: bytes | None = None  # sent as a POST
    robots: bool = False
    truncate: bool = False
    spaced: bool = True


def encode_headers(headers: Mapping[str, str]) -> tuple[Header, ...]:
    """Turn configured headers into bytes.

    Raises:
        UnsendableHeaderError: for malformed ones and for those that the client itself must decide about.
    """
    return tuple((_sendable_name(name), sendable(name, value)) for name, value in headers.items())


def _sendable_name(name: str) -> bytes:
    try:
        return check_name(name).encode("ascii")
    except ValueError as error:
        raise UnsendableHeaderError(f"A configured header cannot be sent: {error}.") from error


def sendable(name: str, value: str) -> bytes:
    """Encode a header's value.

    Raises:
        UnsendableHeaderError: if it contains control characters or is blank at an end.
    """
    encoded = value.encode("utf-8", "replace")
    if not is_value(encoded):
        raise UnsendableHeaderError(f"The configured value of the header {name!r} cannot be sent.")
    return encoded


def build_headers(ask: Ask, target: Target) -> list[Header]:
    """The headers of one request, for the first URL or for one it redirects to."""
    headers = [
        (b"Host", target.authority.encode("ascii")),
        (b"User-Agent", ask.user_agent),
        (b"Accept", ask.accept),
        (b"Accept-Encoding", ACCEPT_ENCODING),
        *_conditions(ask.validators, target),
        *([] if ask.form is None else [(b"Content-Type", b"application/x-www-form-urlencoded")]),
    ]
    if target.origin != ask.first.origin:
        return headers
    secrets = ask.headers if ask.auth is None else (_basic(*ask.auth), *ask.headers)
    return _overlay(headers, secrets)


def _conditions(validators: Validators | None, target: Target) -> Iterable[Header]:
    """The validators, byte for byte, to the URL that issued them and to no other (A06, A19)."""
    if validators is None or not _issued_by(validators.url, target):
        return
    for name, value in (
        (b"If-None-Match", validators.etag),
        (b"If-Modified-Since", validators.last_modified),
    ):
        if value is not None and len(value) <= MAX_VALIDATOR and is_value(value):
            yield name, value


def _issued_by(url: str, target: Target) -> bool:
    if url == target.url:
        return True
    try:
        return parse(url).url == target.url
    except UnusableURLError:
        return False


def _basic(user: str, password: str) -> Header:
    return (b"Authorization", b"Basic " + base64.b64encode(f"{user}:{password}".encode("utf-8", "replace")))


def _overlay(headers: list[Header], own: tuple[Header, ...]) -> list[Header]:
    """Replace what the feed's own headers name too (a user agent, say), and append the others."""
    named = {name.lower(): (name, value) for name, value in own}
    replaced = [named.pop(name.lower(), (name, value)) for name, value in headers]
    return [*replaced, *named.values()]
