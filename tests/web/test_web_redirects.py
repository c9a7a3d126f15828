from __future__ import annotations

import pytest

from aggregator.model import Fetched, FetchFailure, FetchProblem, Hop

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed_and_recorded(web, serve, get, reply, status):
    """D01, D02: which of them may be learned is for the rule that reads ``hops``."""
    server = await serve({"/a": reply(status, [("Location", "/b?x=1")], b"moved"), "/b": reply(body=b"here")})
    fetched = await get(web(), server.url("/a"))
    assert (fetched.url, fetched.body) == (server.url("/b?x=1"), b"here")
    assert fetched.hops == (Hop(server.url("/a"), status, "/b?x=1"),)
    assert server.connections == 1


@pytest.mark.parametrize("status", [300, 304, 305, 306])
async def test_other_answers_with_a_location_are_not_followed(web, serve, get, reply, status):
    server = await serve({"/a": reply(status, [("Location", "/b")], length=status != 304)})
    assert (await get(web(), server.url("/a"))).status == status
    assert server.targets == ["/a"]


@pytest.mark.parametrize(
    ("location", "target"),
    [
        (b"b", "/dir/b"),
        (b"../b", "/b"),
        (b"?q=1", "/dir/a?q=1"),
        (b" /b ", "/b"),
        (b"/b c", "/b%20c"),
        (b"/b#part", "/b"),
        ("/ü".encode(), "/%C3%BC"),
        ("/ü".encode("latin-1"), "/%C3%BC"),
        (b"//127.0.0.1:%PORT%/b", "/b"),
        (b"http://u:p@127.0.0.1:%PORT%/b", "/b"),
        (b"HTTP://127.0.0.1:%PORT%/b?", "/b?"),
        (b"http:/b", "/b"),
    ],
)
async def test_every_spelling_of_a_location_is_resolved(web, serve, get, reply, location, target):
    """D08."""
    server = await serve({"*": reply(body=b"x")})
    place = location.replace(b"%PORT%", b"%d" % server.port)
    server.answers["/dir/a"] = [reply(302, [("Location", place)]), reply(body=b"x")]
    assert isinstance(await get(web(), server.url("/dir/a")), Fetched)
    assert server.targets[1] == target
    assert server.requests[1].header("authorization") is None


@pytest.mark.parametrize(
    ("location", "problem"),
    [
        (b"", FetchProblem.PROTOCOL),
        (b"http://[bad/", FetchProblem.PROTOCOL),
        (b"http://exa mple.com/", FetchProblem.PROTOCOL),
        (b"file:///etc/passwd", FetchProblem.REFUSED_ADDRESS),
        (b"javascript:alert(1)", FetchProblem.REFUSED_ADDRESS),
        (b"gopher://127.0.0.1:6379/_INFO", FetchProblem.REFUSED_ADDRESS),
        (b"http://169.254.169.254/latest/meta-data/", FetchProblem.REFUSED_ADDRESS),
        (b"http://[::ffff:10.0.0.1]/", FetchProblem.REFUSED_ADDRESS),
        (b"http://0x0a000001/", FetchProblem.REFUSED_ADDRESS),
    ],
)
async def test_a_redirect_to_what_may_not_be_fetched_fails_with_its_hops(
    web, serve, get, reply, location, problem
):
    """D05, S07, S08: public, public, private is refused at the third."""
    server = await serve(
        {
            "/a": reply(302, [("Location", "/b")]),
            "/b": reply(301, [("Location", location)], body=b"never stored"),
        }
    )
    failure = await get(web(), server.url("/a"))
    assert isinstance(failure, FetchFailure)
    assert failure.problem is problem
    assert [hop.url for hop in failure.hops] == [server.url("/a"), server.url("/b")]
    assert server.targets == ["/a", "/b"]


async def test_a_circle_ends_at_once(web, serve, get, reply):
    """D07."""
    server = await serve(
        {
            "/self": reply(302, [("Location", "/self")]),
            "/a": reply(302, [("Location", "/b")]),
            "/b": reply(302, [("Location", "/a")]),
        }
    )
    client = web()
    for path, requests in (("/self", 1), ("/a", 2)):
        server.requests.clear()
        failure = await get(client, server.url(path))
        assert failure.problem is FetchProblem.TOO_MANY_REDIRECTS
        assert len(server.requests) == requests


async def test_ten_redirects_are_followed_and_no_more(web, serve, get, reply):
    """D07."""
    server = await serve({f"/{n}": reply(302, [("Location", f"/{n + 1}")]) for n in range(21)})
    server.answers["/10"] = reply(body=b"x")
    client = web()
    assert (await get(client, server.url("/0"))).body == b"x"
    server.answers["/10"] = reply(302, [("Location", "/11")])
    failure = await get(client, server.url("/0"))
    assert failure.problem is FetchProblem.TOO_MANY_REDIRECTS
    assert len(failure.hops) == 11
    assert server.targets[-1] == "/10"
    assert (await get(client, server.url("/0"), max_redirects=1)).problem is FetchProblem.TOO_MANY_REDIRECTS


async def test_meta_refresh_is_not_followed(web, serve, get, reply):
    """S51."""
    page = b'<meta http-equiv="refresh" content="0;url=/b"><script>location="/c"</script>'
    server = await serve({"/a": reply(headers=[("Refresh", "0; url=/d")], body=page)})
    assert (await get(web(), server.url("/a"))).body == page
    assert server.targets == ["/a"]


async def test_the_body_of_a_redirect_does_not_matter(web, serve, get, reply):
    headers = [("Location", "/b"), ("Content-Encoding", "gzip")]
    server = await serve({"/a": reply(302, headers, b"not packed" * 50_000), "/b": reply(body=b"x")})
    fetched = await get(web(), server.url("/a"), max_bytes=100)
    assert fetched.body == b"x"
