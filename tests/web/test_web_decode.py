from __future__ import annotations

import contextlib
import gzip
import random
import resource
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from aggregator.web.decode import BodyTooLargeError, UndecodableBodyError, decode


def _raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


PACKERS = {
    b"gzip": gzip.compress,
    b"x-gzip": gzip.compress,
    b"deflate": zlib.compress,
    b" Deflate ": _raw_deflate,
    b"br": brotli.compress,
    b"zstd": zstandard.compress,
    b"utf-8": bytes,
    b"": bytes,
}


@given(st.sampled_from(sorted(PACKERS)), st.binary(max_size=5000).map(lambda body: body * 7))
def test_whatever_was_packed_comes_out_again(coding, body):
    assert decode(PACKERS[coding](body), coding, len(body)) == body


@given(st.lists(st.sampled_from([b"gzip", b"br", b"zstd"]), max_size=3), st.binary(max_size=200))
def test_nested_codings_are_undone_from_the_last_to_the_first(codings, body):
    packed = body
    for coding in codings:
        packed = PACKERS[coding](packed)
    assert decode(packed, b",".join(codings), 10_000) == body


@given(
    st.sampled_from([b"gzip", b"deflate", b"br", b"zstd"]), st.binary(min_size=1, max_size=300), st.booleans()
)
def test_any_bytes_under_any_coding_give_bytes_or_a_clean_error(coding, noise, truncate):
    with contextlib.suppress(UndecodableBodyError, BodyTooLargeError):
        assert len(decode(noise, coding, 1000, truncate=truncate)) <= 1000


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"br", b"zstd"])
def test_a_body_that_ends_early_is_refused_unless_it_may_be_cut(coding):
    body = random.Random(7).randbytes(10_000)  # noqa: S311
    packed = PACKERS[coding](body)[:-6]
    with pytest.raises(UndecodableBodyError, match="complete"):
        decode(packed, coding, 1_000_000)
    assert decode(packed, coding, 800, truncate=True) == body[:800]


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"br", b"zstd"])
def test_a_damaged_body_is_refused(coding):
    with pytest.raises(UndecodableBodyError, match="damaged"):
        decode(b"\x78\x9c\xff<html>not packed at all", coding, 1_000)


def test_several_members_and_frames_are_read_and_rubbish_after_gzip_is_not():
    assert decode(gzip.compress(b"ab") + gzip.compress(b"cd") + b"\0\0", b"gzip", 10) == b"abcd"
    assert decode(zstandard.compress(b"ab") + zstandard.compress(b"cd"), b"zstd", 10) == b"abcd"


def test_an_empty_body_needs_no_unpacking():
    assert decode(b"", b"gzip", 10) == b""


def test_more_than_three_codings_are_refused():
    """S19."""
    with pytest.raises(UndecodableBodyError, match="more often"):
        decode(b"x", b"gzip, gzip, gzip, gzip", 10)


def _zeros(size: int, coding: bytes) -> bytes:
    """A bomb, packed piece by piece."""
    piece = bytes(1 << 20)
    if coding == b"zstd":
        packer = zstandard.ZstdCompressor().compressobj()
    elif coding == b"br":
        brotli_packer = brotli.Compressor(quality=3)
        return b"".join(brotli_packer.process(piece) for _ in range(size >> 20)) + brotli_packer.finish()
    else:
        packer = zlib.compressobj(1, wbits=zlib.MAX_WBITS | (16 if coding == b"gzip" else 0))
    return b"".join(packer.compress(piece) for _ in range(size >> 20)) + packer.flush()


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"br", b"zstd", b"gzip, gzip"])
def test_a_bomb_stops_at_the_limit(coding):
    """S19: 256 MB from half a megabyte or less; the process grows by less than 40 MB."""
    packed = _zeros(256 << 20, coding.partition(b",")[0])
    if b"," in coding:
        packed = gzip.compress(packed)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BodyTooLargeError):
        decode(packed, coding, 1 << 20)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000  # kilobytes
