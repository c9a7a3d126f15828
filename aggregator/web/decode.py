"""Content codings, undone with a limit on what comes out (S19).

httpx decodes whatever a network read brought, at once: 64 kB of gzip may be 64 MB, a few hundred bytes of
Brotli gigabytes. Here no decoder is ever allowed more output than the limit, nor is any of the nested ones.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import TypeAlias

import brotli  # type: ignore[import-untyped]
import zstandard

Decoder: TypeAlias = Callable[[bytes, int], tuple[bytes, bool]]
"""Coded bytes, output limit -> decoded bytes (at times a little more), and whether they are complete."""

ACCEPT_ENCODING = b"gzip, deflate, br, zstd"
_MAX_CODINGS = 3
_ZSTD_WINDOW = 8 << 20  # RFC 9659
# A zstd block of 4 bytes may stand for 128 kB and the library has no output limit: 256 bytes are 8 MB at most
_ZSTD_SLICE = 256


class UndecodableBodyError(ValueError):
    """The body is not what its Content-Encoding says. The message is one plain sentence."""


class BodyTooLargeError(ValueError):
    """The decoded body exceeds the limit."""


def decode(body: bytes, codings: bytes, limit: int, *, truncate: bool = False) -> bytes:
    """Undo a Content-Encoding (RFC 9110, 8.4).

    Codings that nobody has registered ("utf-8", "none") are passed over, as browsers do: the parser judges.

    Args:
        body: The bytes as received.
        codings: The header's value, empty where there is none.
        limit: Bytes that may come out, of the last decoder and of each before it.
        truncate: Whether more is cut off there instead of being an error, and an incomplete body accepted.

    Raises:
        BodyTooLargeError: if more comes out.
        UndecodableBodyError: if the body is damaged or ends early.
    """
    decoders = [_DECODERS[name] for name in _names(codings) if name in _DECODERS]
    if len(decoders) > _MAX_CODINGS:
        raise UndecodableBodyError("The body is packed more often than any honest server would.")
    for decoder in reversed(decoders):
        body = _undo(decoder, body, limit, truncate=truncate)
    if len(body) > limit and not truncate:
        raise BodyTooLargeError
    return body[:limit]


def _names(codings: bytes) -> list[str]:
    return [name.strip() for name in codings.decode("latin-1").lower().split(",")]


def _undo(decoder: Decoder, body: bytes, limit: int, *, truncate: bool) -> bytes:
    if not body:
        return b""
    try:
        decoded, complete = decoder(body, limit + 1)
    except (zlib.error, brotli.error, zstandard.ZstdError):
        raise UndecodableBodyError("The body is damaged: it cannot be unpacked.") from None
    if truncate:
        return decoded[:limit]
    if len(decoded) > limit:
        raise BodyTooLargeError
    if not complete:
        raise UndecodableBodyError("The body ends before it is complete.")
    return decoded


def _gunzip(body: bytes, limit: int) -> tuple[bytes, bool]:
    """Undo gzip, of several members if need be; what follows the last one is ignored, as gzip(1) does."""
    parts: list[bytes] = []
    while True:
        member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        parts.append(member.decompress(body, limit))
        limit -= len(parts[-1])
        body = member.unused_data
        if limit <= 0 or not member.eof or not body.startswith(b"\x1f\x8b"):
            return b"".join(parts), member.eof


def _inflate(body: bytes, limit: int) -> tuple[bytes, bool]:
    """Undo deflate: in its zlib wrapping, or bare, as some servers send it."""
    wrapped = body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
    stream = zlib.decompressobj(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
    return stream.decompress(body, limit), stream.eof


def _unbrotli(body: bytes, limit: int) -> tuple[bytes, bool]:
    stream = brotli.Decompressor()
    decoded = stream.process(body, output_buffer_limit=limit)
    return decoded, stream.is_finished()


def _unzstd(body: bytes, limit: int) -> tuple[bytes, bool]:
    context = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    stream, parts, size = context.decompressobj(), [], 0
    for start in range(0, len(body), _ZSTD_SLICE):
        piece = body[start : start + _ZSTD_SLICE]
        while piece and size < limit:
            if stream.eof:
                stream = context.decompressobj()
            parts.append(stream.decompress(piece))
            size += len(parts[-1])
            piece = stream.unused_data if stream.eof else b""
    return b"".join(parts), stream.eof


_DECODERS: Mapping[str, Decoder] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,  # RFC 9110, 8.4.1.3
    "deflate": _inflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
