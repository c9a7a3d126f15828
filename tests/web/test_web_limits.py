from __future__ import annotations

import asyncio
import gzip

import pytest

from aggregator.model import Fetched, FetchFailure, FetchProblem

pytestmark = pytest.mark.anyio


def _is(failure: object, problem: FetchProblem) -> bool:
    assert isinstance(failure, FetchFailure), failure
    assert failure.detail.endswith(".")
    assert "\n" not in failure.detail
    return failure.problem is problem


async def test_a_body_is_decoded_and_its_limit_counts_decoded_bytes(web, serve, get, reply):
    body = gzip.compress(b"a" * 1000)
    server = await serve({"/f": reply(headers=[("Content-Encoding", "gzip")], body=body)})
    client = web()
    assert (await get(client, server.url("/f"), max_bytes=1000)).body == b"a" * 1000
    assert _is(await get(client, server.url("/f"), max_bytes=999), FetchProblem.TOO_LARGE)
    assert (await get(client, server.url("/f"), max_bytes=999, truncate=True)).body == b"a" * 999


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n", FetchProblem.TOO_LARGE),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", FetchProblem.TOO_LARGE),
        (b"HTTP/1.1 200 OK\r\n\r\n", FetchProblem.TOO_LARGE),
    ],
)
async def test_a_body_without_end_is_given_up_at_the_limit(web, serve, get, head, problem):
    """S20."""

    async def endless(request, writer):
        writer.write(head)
        while True:
            writer.write(b"400\r\n" + b"a" * 1024 + b"\r\n")
            await writer.drain()

    server = await serve({"/": endless})
    assert _is(await get(web(), server.url("/"), max_bytes=100_000), problem)


@pytest.mark.parametrize(
    "prefix", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"]
)
async def test_a_server_that_trickles_is_given_up_at_the_deadline(web, serve, get, prefix):
    """S21: each byte comes in time, the whole never does."""

    async def trickle(request, writer):
        writer.write(prefix)
        while True:
            writer.write(b"H")
            await writer.drain()
            await asyncio.sleep(0.01)

    server = await serve({"/": trickle})
    assert _is(await get(web(timeout=5.0), server.url("/"), deadline=0.1), FetchProblem.TIMEOUT)


async def test_a_server_that_falls_silent_is_given_up_at_the_timeout(web, serve, get):
    async def silent(request, writer):
        await asyncio.Event().wait()

    server = await serve({"/": silent})
    failure = await get(web(timeout=0.05), server.url("/"))
    assert _is(failure, FetchProblem.TIMEOUT)
    assert "silent" in failure.detail


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: aaaaaaaaaaaaaaaaaaaa\r\n" * 10_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 206 Partial\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Type: Multipart/x-mixed-replace; boundary=a\r\n\r\nabc",
        b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 999999999999 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x16\x03\x01\x02\x00" * 40_000,
        b"220 mail ESMTP\r\n\x1b]0;title\x07\r\n\r\n",
    ],
)
async def test_what_is_no_proper_answer_is_a_protocol_failure_of_that_url_alone(
    web, serve, get, reply, answer
):
    """S22, S52, S53; the terminal gets no control characters from it (S43)."""

    async def once(request, writer):
        writer.write(answer)
        writer.close()

    server = await serve({"/bad": once, "/good": reply(body=b"fine")})
    client = web()
    failure = await get(client, server.url("/bad"))
    assert _is(failure, FetchProblem.PROTOCOL)
    assert failure.detail.isprintable()
    assert (await get(client, server.url("/good"))).body == b"fine"


async def test_a_thousand_early_hints_are_passed_over(web, serve, get, reply):
    """S52."""
    server = await serve({"/": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 1000 + reply(body=b"x")})
    assert (await get(web(), server.url("/"))).body == b"x"


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"])
async def test_a_connection_that_breaks_off_is_a_failure_and_not_tried_again(web, serve, get, answer):
    """B16."""

    async def cut(request, writer):
        writer.write(answer)
        writer.close()

    server = await serve({"/": cut})
    assert _is(await get(web(), server.url("/")), FetchProblem.PROTOCOL)
    assert len(server.requests) == 1


async def test_a_reset_connection_is_a_connection_failure(web, serve, get):
    async def reset(request, writer):
        writer.transport.abort()

    server = await serve({"/": reset})
    failure = await get(web(), server.url("/"))
    assert isinstance(failure, FetchFailure)
    assert failure.problem in (FetchProblem.CONNECT, FetchProblem.PROTOCOL)


async def test_a_closed_port_is_a_connection_failure(web, serve, get):
    server = await serve()
    server.port = 1
    failure = await get(web(), server.url("/"))
    assert _is(failure, FetchProblem.CONNECT)
    assert failure.detail == "127.0.0.1 cannot be connected to: connection refused."


@pytest.mark.parametrize("status", [204, 404, 410, 429, 500, 503, 599])
async def test_every_other_status_is_an_answer(web, serve, get, reply, status):
    server = await serve({"/": reply(status, length=status != 204)})
    fetched = await get(web(), server.url("/"))
    assert isinstance(fetched, Fetched)
    assert fetched.status == status


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("file:///etc/passwd", FetchProblem.REFUSED_ADDRESS),
        ("feed://example.com/", FetchProblem.REFUSED_ADDRESS),
        ("|/bin/sh", FetchProblem.REFUSED_ADDRESS),
        ("//127.0.0.1/", FetchProblem.REFUSED_ADDRESS),
        ("", FetchProblem.REFUSED_ADDRESS),
        ("http:///etc/passwd", FetchProblem.PROTOCOL),
        ("http://127.0.0.1\\@example.com/", FetchProblem.PROTOCOL),
        ("http://example.com/\r\nX: y", FetchProblem.PROTOCOL),
        ("http://exa mple.com/", FetchProblem.PROTOCOL),
        ("http://example.com:0/", FetchProblem.PROTOCOL),
        ("http://example.com:99999/", FetchProblem.PROTOCOL),
        ("http://example.com:x/", FetchProblem.PROTOCOL),
        ("http://[::1/", FetchProblem.PROTOCOL),
        ("http://[fe80::1%25eth0]/", FetchProblem.PROTOCOL),
        ("http://%31%32%37.0.0.1/", FetchProblem.PROTOCOL),
        ("http://①②⑦.0.0.1/", FetchProblem.PROTOCOL),
        ("http://example.com/\ud800", FetchProblem.PROTOCOL),
        ("http://\ud800.com/", FetchProblem.PROTOCOL),
        (f"http://{'a' * 70}.example/", FetchProblem.DNS),
        ("http://user:geheim@exa mple.com/", FetchProblem.PROTOCOL),
    ],
)
async def test_a_url_that_cannot_be_asked_for_is_a_failure(web, get, url, problem):
    """S09, S11, S45."""
    failure = await get(web(), url)
    assert _is(failure, problem)
    assert "geheim" not in repr(failure)


@pytest.mark.parametrize("rest", [b"\r\n", b"x", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"])
async def test_what_follows_an_answer_is_never_taken_for_the_next_one(web, serve, get, reply, rest):
    """S53."""
    server = await serve({"/a": reply(body=b"one") + rest, "/b": reply(body=b"two")})
    client = web()
    assert (await get(client, server.url("/a"))).body == b"one"
    assert (await get(client, server.url("/b"))).body == b"two"
    assert server.connections == 2
