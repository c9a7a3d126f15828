from __future__ import annotations

import asyncio

import pytest

from aggregator.model import Fetched, FetchFailure, FetchProblem, Validators
from aggregator.web import ClientSettings, WebClient

pytestmark = pytest.mark.anyio


async def test_a_plain_answer_comes_back_with_status_headers_and_body(web, serve, get, reply):
    server = await serve({"/feed": reply(headers=[("ETag", '"1"'), ("X-Odd", b"\xe9")], body=b"<rss/>")})
    fetched = await get(web(), server.url("/feed"))
    assert isinstance(fetched, Fetched)
    assert (fetched.url, fetched.status, fetched.body) == (server.url("/feed"), 200, b"<rss/>")
    assert fetched.header("etag") == b'"1"'
    assert fetched.header("x-odd") == b"\xe9"
    assert fetched.hops == ()
    assert fetched.seconds >= 0


async def test_the_requests_of_ten_polls_are_the_same_bytes(web, serve, get, reply):
    """A20, C01, C02, C05-C07."""
    server = await serve({"/feed": reply(headers=[("Set-Cookie", "id=1; Path=/")], body=b"x")})
    client = web()
    for _ in range(10):
        await get(client, server.url("/feed"))
    assert len({request.raw for request in server.requests}) == 1
    assert [name for name, _ in server.requests[0].headers] == [
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
    ]
    assert server.requests[0].raw.startswith(b"GET /feed HTTP/1.1\r\n")
    assert server.requests[0].header("accept-encoding") == b"gzip, deflate, br, zstd"
    assert server.connections == 1


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/f?b=2&a=1", "/f?b=2&a=1"),
        ("/%7Euser/a%2Fb", "/%7Euser/a%2Fb"),
        ("/f?", "/f?"),
        ("/f;x=1", "/f;x=1"),
        ("", "/"),
        ("?q", "/?q"),
        ("/a/../b/./c", "/a/../b/./c"),
        ('/a{b}"<c>|^`', '/a{b}"<c>|^`'),
        ("/f?a=1#part", "/f?a=1"),
        ("/ü b", "/%C3%BC%20b"),
        ("/%zz%", "/%zz%"),
        ("//x", "//x"),
    ],
)
async def test_the_request_target_is_what_the_url_says(web, serve, get, path, target):
    """C03."""
    server = await serve()
    await get(web(), server.url(path))
    assert server.targets == [target]


@pytest.mark.parametrize(
    "etag",
    [b'"x"', b'W/"x"', b"gei0eef3", b'"a"b"', b'"a\tb"', b'"\xe9"', b'"\xc3\xa9"', b'"x-gzip"', b"x" * 4096],
)
async def test_validators_are_echoed_byte_for_byte(web, serve, get, reply, etag):
    """A02, A03, A04, A06."""
    server = await serve({"/feed": reply(304, length=False)})
    validators = Validators(server.url("/feed"), etag, b"yesterday +0100")
    fetched = await get(web(), server.url("/feed"), validators=validators)
    assert fetched.status == 304
    assert server.requests[0].header("if-none-match") == etag
    assert server.requests[0].header("if-modified-since") == b"yesterday +0100"


@pytest.mark.parametrize("etag", [b"a\r\nX: y", b"a\0b", b"", b" a", b"x" * 4097, None])
async def test_validators_that_cannot_be_sent_are_left_out(web, serve, get, etag):
    """S48."""
    server = await serve()
    await get(web(), server.url("/feed"), validators=Validators(server.url("/feed"), etag, None))
    assert server.requests[0].header("if-none-match") is None


async def test_validators_go_only_to_the_url_that_issued_them(web, serve, get, reply):
    """A19."""
    server = await serve({"/a": reply(302, [("Location", "/b")]), "/b": reply()})
    client = web()
    await get(client, server.url("/a"), validators=Validators(server.url("/b"), b'"b"'))
    assert [request.header("if-none-match") for request in server.requests] == [None, b'"b"']
    await get(client, server.url("/a"), validators=Validators(server.url("/a"), b'"a"'))
    assert [request.header("if-none-match") for request in server.requests[2:]] == [b'"a"', None]
    await get(client, server.url("/a"), validators=Validators("nonsense", b'"a"'))
    assert [request.header("if-none-match") for request in server.requests[4:]] == [None, None]


@pytest.mark.parametrize(
    "headers", [[("Content-Length", "6")], [("Transfer-Encoding", "chunked")], [("Content-Length", "0")], []]
)
async def test_a_304_that_brings_a_body_does_not_spoil_the_next_request(web, serve, get, reply, headers):
    """A18."""
    body = b"<html>" if headers else b""
    server = await serve({"/feed": reply(304, headers, length=False) + body, "/next": reply(body=b"fine")})
    client = web()
    assert (await get(client, server.url("/feed"))).status == 304
    if headers == [("Content-Length", "0")]:
        return
    fetched = await get(client, server.url("/next"))
    assert fetched.body == b"fine"


async def test_a_304_without_a_body_keeps_the_connection(web, serve, get, reply):
    server = await serve({"/feed": reply(304, length=False)})
    client = web()
    for _ in range(3):
        assert (await get(client, server.url("/feed"))).status == 304
    assert server.connections == 1


async def test_credentials_of_a_url_go_to_its_origin_only_and_are_never_shown(web, serve, get, reply):
    """S45, D10."""
    other = await serve({"/c": reply()})
    server = await serve(
        {
            "/a": reply(302, [("Location", "/b")]),
            "/b": reply(302, [("Location", other.url("/c").replace("//", "//x:y@"))]),
        }
    )
    fetched = await get(web(), server.url("/a").replace("//", "//us%20er:pa:ss@"))
    assert [request.header("authorization") for request in server.requests] == [b"Basic dXMgZXI6cGE6c3M="] * 2
    assert other.requests[0].header("authorization") is None
    assert fetched.url == other.url("/c")
    assert "ss@" not in repr(fetched)
    assert "x:y" not in repr(fetched)


async def test_headers_and_auth_of_a_feed_never_cross_an_origin(web, serve, get, reply):
    """D10, S46."""
    other = await serve({"/b": reply()})
    server = await serve({"/a": reply(307, [("Location", other.url("/b"))])})
    headers = {"X-Api-Key": "geheim", "User-Agent": "Special/2", "Cookie": "abo=1"}
    await get(web(), server.url("/a"), headers=headers, auth=("u", "p"))
    first, second = server.requests[0], other.requests[0]
    assert [name for name, _ in first.headers][:2] == ["host", "user-agent"]
    assert (first.header("user-agent"), first.header("x-api-key")) == (b"Special/2", b"geheim")
    assert (first.header("cookie"), first.header("authorization")) == (b"abo=1", b"Basic dTpw")
    assert [name for name, _ in second.headers] == ["host", "user-agent", "accept", "accept-encoding"]
    assert second.header("user-agent") == b"aggregator/1.0 (+https://example.org/contact)"


@pytest.mark.parametrize(
    "headers",
    [{"X Y": "1"}, {"Host": "example.org"}, {"X": "a\r\nY: b"}, {"X": ""}, {"Accept-Encoding": "zz"}],
)
async def test_a_configured_header_that_cannot_be_sent_is_a_failure(web, serve, get, headers):
    server = await serve()
    failure = await get(web(), server.url("/"), headers=headers)
    assert isinstance(failure, FetchFailure)
    assert failure.problem is FetchProblem.PROTOCOL
    assert server.requests == []


@pytest.mark.parametrize("settings", [{"user_agent": "a\nb"}, {"proxy": "ftp://h"}, {"proxy": "http://h:x"}])
async def test_settings_that_cannot_work_are_an_error_at_once(settings):
    with pytest.raises(ValueError, match=r"User-Agent|proxy"):
        WebClient(ClientSettings(**({"user_agent": "a/1"} | settings)))


async def test_cancelling_passes_through(web, serve, get):
    started = asyncio.Event()

    async def silent(request, writer):
        started.set()
        await asyncio.Event().wait()

    server = await serve({"/": silent})
    task = asyncio.create_task(get(web(), server.url("/")))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
