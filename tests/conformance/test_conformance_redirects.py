"""Rules D01-D10: redirects of feeds."""

from __future__ import annotations

from datetime import timedelta

import pytest

from aggregator.web.streams import SocketBackend

LATER = timedelta(hours=27)
ETAG = ("ETag", '"1"')
SECRETS = "headers: {X-Api-Key: secret-key, Cookie: c=1}, auth: {username: u, password: secret-word}"


@pytest.fixture
def learned(site, daemon):
    """Poll for three weeks, and return where the feed is thought to have moved."""

    def poll(*, host="feeds.example", days=21):
        daemon.subscribe(site.url(host=host))
        daemon.live(timedelta(days=days))
        url, moved_to = daemon.row("SELECT url, moved_to FROM feeds")
        assert url == site.url(host=host)
        return moved_to

    return poll


@pytest.mark.parametrize("status", [301, 308])
def test_d01_a_permanent_redirect_is_learned_after_days_and_the_old_url_kept(
    site, daemon, learned, reply, rss, status
):
    new = site.url("/new", "new.example")
    site.on("/feed", reply(status, b"", [("Location", new)]))
    site.on("/new", reply(200, rss("a"), [ETAG]))
    assert learned() == new
    followed = site.asked("/feed")
    assert len(followed) >= 5
    assert followed[-1].at - followed[0].at >= timedelta(days=7)
    assert len(site.asked("/new")) > len(followed)
    assert daemon.row("SELECT count(*) FROM entries") == (1,)


@pytest.mark.parametrize("end", [404, 500])
def test_d01_a_feed_whose_new_place_vanishes_is_looked_for_at_its_own_url_again(
    site, daemon, learned, reply, rss, end
):
    site.on("/feed", reply(301, b"", [("Location", site.url("/new", "new.example"))]))
    site.on("/new", reply(200, rss("a"), [ETAG]))
    assert learned()
    site.on("/new", reply(end))
    asked = len(site.asked("/feed"))
    daemon.live(timedelta(days=9))
    assert daemon.row("SELECT moved_to, state FROM feeds") == (site.url("/new", "new.example"), "failing")
    assert 1 <= len(site.asked("/feed")) - asked <= 3  # it still points there
    site.on("/feed", reply(200, rss("a", "b"), [ETAG]))
    daemon.live(timedelta(days=9))
    assert daemon.row("SELECT moved_to, state FROM feeds") == (None, "active")
    assert daemon.row("SELECT count(*) FROM entries") == (2,)


@pytest.fixture
def usual_ports(site, monkeypatch):
    """Lead connections to port 80 and 443 to the site's."""
    site.listen("https", "feeds.example")
    ports = {80: site.ports["http"], 443: site.ports["https"]}
    real = SocketBackend.connect_tcp

    async def connect(self, host, port, *rest, **more):
        return await real(self, host, ports[port], *rest, **more)

    monkeypatch.setattr(SocketBackend, "connect_tcp", connect)


@pytest.mark.parametrize("status", [301, 308])
def test_d01_the_same_address_by_https_is_believed_at_once(site, daemon, usual_ports, reply, rss, status):
    def answer(request):
        there = [("Location", "https://feeds.example/feed?a=1")]
        return reply(200, rss("a"), [ETAG]) if request.scheme == "https" else reply(status, b"", there)

    site.on("/feed", answer)
    daemon.subscribe("http://feeds.example/feed?a=1")
    daemon.cycle()
    daemon.cycle(after=LATER)
    assert [request.scheme for request in site.log] == ["http", "https", "https"]
    assert site.log[-1].validators[0] == b'"1"'
    assert daemon.row("SELECT url, moved_to, state FROM feeds") == (
        "http://feeds.example/feed?a=1",
        "https://feeds.example/feed?a=1",
        "active",
    )


def test_d01_https_with_a_certificate_that_cannot_be_trusted_is_not_believed(
    site, daemon, usual_ports, reply, rss
):
    site.on("/feed", reply(301, b"", [("Location", "https://other.example/feed")]))
    daemon.subscribe("http://other.example/feed")
    daemon.live(timedelta(days=21))
    assert {request.scheme for request in site.log} == {"http"}
    assert daemon.row("SELECT moved_to, state FROM feeds") == (None, "failing")
    assert daemon.row("SELECT DISTINCT outcome FROM polls") == ("tls",)


@pytest.mark.parametrize("status", [302, 303, 307])
def test_d02_a_temporary_redirect_is_followed_and_never_learned(site, daemon, learned, reply, rss, status):
    site.on("/feed", reply(status, b"", [("Location", "/new")]))
    site.on("/new", reply(200, rss("a"), [ETAG]))
    assert learned() is None
    assert len(site.asked("/feed")) == len(site.asked("/new")) > 10


def test_d03_only_the_permanent_hop_before_a_temporary_one_is_learned(site, daemon, learned, reply, rss):
    site.on("/feed", reply(301, b"", [("Location", "/between")]))
    site.on("/between", reply(302, b"", [("Location", "/now")]))
    site.on("/now", reply(200, rss("a"), [ETAG]))
    assert learned() == site.url("/between")


@pytest.mark.parametrize("end", ["404", "410", "html"])
def test_d04_a_redirect_that_ends_badly_is_not_learned(site, daemon, learned, reply, end):
    page = reply(200, b"<!doctype html><html><form><input type=password></form></html>")
    site.on("/feed", reply(301, b"", [("Location", "/new")]))
    site.on("/new", page if end == "html" else reply(int(end)))
    assert learned() is None


@pytest.mark.parametrize("status", [301, 302])
@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{port}/x",
        "http://169.254.169.254/x",
        "file:///etc/passwd",
        "gopher://feeds.example/x",
    ],
)
def test_d05_a_redirect_inwards_is_refused_before_connecting(
    site, daemon, names, reply, rss, status, location
):
    site.on("/feed", reply(status, b"", [("Location", location.format(port=site.ports["http"]))]))
    site.on("/x", reply(200, rss("a")))
    settings = "compute: {kind: inline}\nnetwork: {allow_private: [feeds.example]}"
    daemon.subscribe(site.url(), settings=settings)
    daemon.live(timedelta(days=21))
    assert {request.target for request in site.log} == {"/feed"}
    assert set(names.asked) == {"feeds.example"}
    assert daemon.row("SELECT state, moved_to FROM feeds") == ("failing", None)
    assert daemon.row("SELECT DISTINCT outcome FROM polls") == ("refused_address",)


def test_d06_a_redirect_from_https_to_http_is_flagged_and_never_learned(site, daemon, reply, rss):
    site.listen("https", "feeds.example")
    site.on("/feed", reply(301, b"", [("Location", site.url("/plain"))]))
    site.on("/plain", reply(200, rss("a"), [ETAG]))
    daemon.subscribe(site.url(scheme="https"))
    daemon.live(timedelta(days=21))
    assert daemon.row("SELECT moved_to FROM feeds") == (None,)
    assert "from https to http" in daemon.row("SELECT DISTINCT detail FROM polls WHERE outcome = 'ok'")[0]


@pytest.mark.parametrize("kind", ["circle", "itself", "chain"])
def test_d07_redirects_end_after_ten_with_one_error(site, daemon, reply, kind):
    next_of = {"circle": lambda n: (n + 1) % 3, "itself": lambda n: n, "chain": lambda n: n + 1}[kind]
    for number in range(25):
        site.on(f"/{number}", reply(302, b"", [("Location", f"/{next_of(number)}")]))
    daemon.subscribe(site.url("/0"))
    daemon.live(timedelta(minutes=30))
    assert len(site.log) <= 11
    assert daemon.rows("SELECT outcome FROM polls") == [("too_many_redirects",)]


@pytest.mark.parametrize(
    ("location", "target"),
    [
        (b"b", "/dir/b"),
        (b"../b", "/b"),
        (b"//other.example:{port}/b", "/b"),
        (b"/b#part", "/b"),
        (b"/b c", "/b%20c"),
        ("/ü".encode(), "/%C3%BC"),
        (b"/\xfc", "/%C3%BC"),
        (b"http://user:word@feeds.example:{port}/b", "/b"),
        (b"", None),
        (None, None),
    ],
)
def test_d08_every_spelling_of_a_location_is_resolved_or_a_clean_error(
    site, daemon, reply, rss, location, target
):
    headers = (
        [] if location is None else [("Location", location.replace(b"{port}", b"%d" % site.ports["http"]))]
    )
    site.on("/dir/feed", reply(302, b"", headers))
    if target:
        site.on(target, reply(200, rss("a"), [ETAG]))
    daemon.subscribe(site.url("/dir/feed"))
    assert daemon.cycle().failed == (target is None)
    assert [request.target for request in site.log] == ["/dir/feed", *([target] if target else [])]
    assert not any("authorization" in request.headers for request in site.log)


def test_d09_a_redirect_to_a_subscribed_feed_brings_no_second_article(site, daemon, reply, rss):
    site.on("/old", reply(301, b"", [("Location", "/feed")]))
    site.on("/feed", reply(200, rss("a", "b", links=site.url("")), [ETAG]))
    daemon.subscribe(site.url(), site.url("/old"))
    daemon.live(timedelta(days=10))
    assert daemon.row("SELECT count(*) FROM articles") == (2,)
    assert daemon.row("SELECT count(*) FROM entries") == (2,)


@pytest.mark.parametrize("elsewhere", ["other.example", "other-port"])
def test_d10_credentials_never_cross_an_origin(site, daemon, reply, rss, elsewhere):
    if elsewhere == "other-port":
        first = site.ports["http"]
        site.listen("http")
        other = site.url("/new")
        site.ports["http"] = first
    else:
        other = site.url("/new", elsewhere)
    site.on("/feed", reply(302, b"", [("Location", other)]))
    site.on("/new", reply(200, rss("a"), [ETAG]))
    daemon.subscribe(f"{{url: '{site.url()}', {SECRETS}}}")
    assert daemon.cycle().failed == 0
    first_request, second = site.log
    assert {"authorization", "x-api-key", "cookie"} <= set(first_request.headers)
    assert not {"authorization", "x-api-key", "cookie"} & set(second.headers)
