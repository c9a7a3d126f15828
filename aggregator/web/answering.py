"""Reading an answer off the wire, within the limit, and only if it is one to a plain GET."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aggregator.web.decode import BodyTooLargeError, decode
from aggregator.web.transport import Body

if TYPE_CHECKING:
    import httpx

Headers = tuple[tuple[str, bytes], ...]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REDIRECT_BODY = 65536  # bytes read, and thrown away, so that the connection can be kept


class BadAnswerError(Exception):
    """An answer that no honest server gives to a plain GET. The message is one plain sentence."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One response: names of headers in lower case, values as bytes, the body decoded."""

    status: int
    headers: Headers
    body: bytes

    @property
    def redirects(self) -> bool:
        """Whether it sends us on (RFC 9110, 15.4)."""
        return self.status in _REDIRECTS

    def header(self, name: str) -> bytes | None:
        """Return the first value of a header, or None."""
        return _first(self.headers, name)


async def read_answer(response: httpx.Response, limit: int, *, truncate: bool) -> Answer:
    """Read a response to its end, or to the limit. The body of a redirect is nobody's business: it is empty.

    Args:
        response: As the transport gives it; closing it is the caller's.
        limit: Bytes of the body, as received and as decoded.
        truncate: Whether a larger body is cut off there instead of being refused.

    Raises:
        BadAnswerError: for answers to something that was not asked.
        BodyTooLargeError, UndecodableBodyError
    """
    headers = tuple((name.decode("latin-1").lower(), value) for name, value in response.headers.raw)
    _refuse_odd(response.status_code, headers)
    if response.status_code in _REDIRECTS:
        await _read(response, _REDIRECT_BODY)
        return Answer(response.status_code, headers, b"")
    body = await _read_body(response, headers, limit, truncate=truncate)
    if _has_leftovers(response) or (response.status_code in (204, 304) and _announces_body(headers)):
        await response.extensions["network_stream"].aclose()
    return Answer(response.status_code, headers, body)


async def _read_body(response: httpx.Response, headers: Headers, limit: int, *, truncate: bool) -> bytes:
    if not truncate and int(_first(headers, "content-length") or b"0") > limit:
        raise BodyTooLargeError
    raw = await _read(response, limit)
    return decode(raw, _first(headers, "content-encoding") or b"", limit, truncate=truncate)


async def _read(response: httpx.Response, limit: int) -> bytes:
    """The body as received; a little more than the limit where there is more."""
    parts, size = [], 0
    async for part in response.aiter_raw():
        parts.append(part)
        size += len(part)
        if size > limit:
            break
    return b"".join(parts)


def _first(headers: Headers, name: str) -> bytes | None:
    return next((value for key, value in headers if key == name), None)


def _refuse_odd(status: int, headers: Headers) -> None:
    """Refuse what is no complete answer to a plain GET (S52)."""
    if status in (101, 206):
        raise BadAnswerError(f"The server answered {status}, which nobody asked for.")
    if (_first(headers, "content-type") or b"").lower().startswith(b"multipart/x-mixed-replace"):
        raise BadAnswerError("The server answered with a stream that has no end.")


def _has_leftovers(response: httpx.Response) -> bool:
    return isinstance(response.stream, Body) and response.stream.brings_more()


def _announces_body(headers: Headers) -> bool:
    """Whether bytes may still follow an answer that has no body (A18)."""
    length = _first(headers, "content-length")
    return length not in (None, b"0") or _first(headers, "transfer-encoding") is not None
