from __future__ import annotations

import asyncio

import pytest

from aggregator.model import Fetched, FetchFailure, FetchProblem
from aggregator.web import ClientSettings
from aggregator.web.routes import Routes, make_proxy
from aggregator.web.transport import PROXY_CONNECTIONS
from aggregator.web.urls import parse

pytestmark = pytest.mark.anyio


async def test_a_configured_proxy_gets_absolute_targets_and_may_be_private(web, serve, get, reply):
    proxy = await serve({"*": reply(body=b"x")})
    client = web(allow_private=(), proxy=proxy.url())
    fetched = await get(client, "http://www.wsj.com/feed?b=2&a=1#x", auth=("u", "p"))
    assert isinstance(fetched, Fetched)
    assert fetched.url == "http://www.wsj.com/feed?b=2&a=1"
    assert proxy.targets == ["http://www.wsj.com/feed?b=2&a=1"]
    assert proxy.requests[0].header("host") == b"www.wsj.com"


async def test_the_password_of_a_proxy_goes_to_the_proxy_and_is_not_shown(web, serve, get, reply):
    proxy = await serve({"*": reply(502)})
    client = web(proxy=proxy.url().replace("//", "//us:geheim@"))
    fetched = await get(client, "http://example.com/")
    assert proxy.requests[0].header("proxy-authorization") == b"Basic dXM6Z2VoZWlt"
    assert "geheim" not in repr(fetched)


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/",
        "http://2130706433/",
        "http://127.1/",
        "http://localhost/",
        "https://[::ffff:127.0.0.1]/",
        "http://example.com:22/",
    ],
)
async def test_addresses_and_ports_are_vetted_before_the_proxy_is_asked(web, serve, get, url):
    proxy = await serve()
    failure = await get(web(allow_private=(), proxy=proxy.url()), url)
    assert failure.problem is FetchProblem.REFUSED_ADDRESS
    assert proxy.requests == []


async def test_public_ipv6_addresses_and_opened_names_go_through_the_proxy(web, serve, get, reply):
    proxy = await serve({"*": reply(body=b"x")})
    client = web(allow_private=("intranet.example",), proxy=proxy.url())
    assert (await get(client, "http://[2606:4700::1111]/a")).status == 200
    assert (await get(client, "http://intranet.example:22/b")).status == 200
    assert proxy.targets == ["http://[2606:4700::1111]/a", "http://intranet.example:22/b"]


async def test_a_redirect_through_the_proxy_is_vetted_too(web, serve, get, reply):
    proxy = await serve({"*": reply(302, [("Location", "http://169.254.169.254/")])})
    failure = await get(web(proxy=proxy.url()), "http://example.com/")
    assert failure.problem is FetchProblem.REFUSED_ADDRESS
    assert len(proxy.requests) == 1


async def test_https_goes_through_a_tunnel_and_a_refused_tunnel_is_a_failure(web, serve, get, reply):
    proxy = await serve({"*": reply(403)})
    client = web(proxy=proxy.url())
    for url in ("https://example.com/secret?token=1", "https://[2606:4700::1111]/"):
        failure = await get(client, url)
        assert isinstance(failure, FetchFailure)
        assert failure.problem is FetchProblem.CONNECT
        assert "proxy" in failure.detail
        assert "token" not in failure.detail
    assert proxy.targets == ["example.com:443", "[2606:4700::1111]:443"]


async def test_hosts_of_no_proxy_go_directly_and_are_guarded(web, serve, get, reply, monkeypatch):
    proxy = await serve({"*": reply(body=b"proxied")})
    server = await serve({"*": reply(body=b"direct")})
    make = web
    client = make()  # clears the environment
    monkeypatch.setenv("HTTP_PROXY", "")
    monkeypatch.setenv("http_proxy", proxy.url())
    monkeypatch.setenv("no_proxy", "example.org, 127.0.0.0/8")
    client = make()
    assert (await get(client, "http://example.com/")).body == b"proxied"
    assert (await get(client, server.url())).body == b"direct"
    closed = make(allow_private=())
    assert (await get(closed, server.url())).problem is FetchProblem.REFUSED_ADDRESS
    untrusting = make(trust_env=False)
    assert (await get(untrusting, server.url())).body == b"direct"
    assert len(proxy.requests) == 1


@pytest.mark.parametrize(
    ("no_proxy", "url", "proxied"),
    [
        ("", "http://example.org/", True),
        ("*", "http://example.org/", False),
        ("example.org", "http://example.org/", False),
        ("example.org", "http://www.example.org./", False),
        (".example.org", "http://example.org/", False),
        ("*.example.org", "http://a.example.org/", False),
        ("example.org", "http://badexample.org/", True),
        ("10.0.0.0/8,::1", "http://10.1.2.3/", False),
        ("10.0.0.0/8,::1", "http://[::1]/", False),
        ("10.0.0.0/8", "http://11.1.2.3/", True),
        ("localhost", "http://localhost/", False),
        ("127.0.0.1", "http://localhost/", False),
    ],
)
def test_no_proxy_is_read_as_curl_reads_it(monkeypatch, no_proxy, url, proxied):
    monkeypatch.setenv("no_proxy", no_proxy)
    routes = Routes(ClientSettings("a/1", proxy="http://proxy.example:8080"))
    assert (routes.proxy_for(parse(url)) is not None) is proxied


def test_the_environment_has_a_proxy_for_each_scheme(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://secure.example")
    monkeypatch.setenv("all_proxy", "socks5://all.example")
    monkeypatch.delenv("http_proxy", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    routes = Routes(ClientSettings("a/1"))
    assert routes.proxy_for(parse("https://a.example/")) == "http://secure.example"
    assert routes.proxy_for(parse("http://a.example/")) == "socks5://all.example"
    assert Routes(ClientSettings("a/1", trust_env=False)).proxies() == set()


@pytest.mark.parametrize("url", ["ftp://h", "http://", "http://h:x", "socks4://h"])
def test_a_proxy_must_be_one_that_we_can_speak_to(url):
    with pytest.raises(ValueError, match="proxy"):
        make_proxy(url)


async def test_a_socks_proxy_resolves_the_name(web, get, reply):
    """RFC 1928: the proxy is given the name (type 3), not an address."""
    seen = []

    async def socks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(3)
        writer.write(b"\x05\x00")
        head = await reader.readexactly(5)
        seen.append((head[3], await reader.readexactly(head[4] + 2)))
        writer.write(b"\x05\x00\x00\x01\0\0\0\0\0\0")
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply(body=b"through"))
        await writer.drain()
        writer.transport.abort()

    listener = await asyncio.start_server(socks, "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        client = web(proxy=f"socks5://127.0.0.1:{port}", allow_private=())
        assert (await get(client, "http://example.com/")).body == b"through"
    assert seen == [(3, b"example.com\x00\x50")]


async def test_a_proxy_is_never_asked_by_more_than_a_few_at_once(web, serve, get, reply):
    async def slow(_request, writer):
        for _ in range(50):  # lets the others come, if they may
            await asyncio.sleep(0)
        writer.write(reply())

    proxy = await serve({"*": slow})
    client = web(proxy=proxy.url())
    answers = await asyncio.gather(*(get(client, f"http://host{n}.example/") for n in range(40)))
    assert {answer.status for answer in answers} == {200}
    assert 1 < proxy.busiest <= PROXY_CONNECTIONS
