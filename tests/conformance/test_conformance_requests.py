"""Rules B02 and C01-C09: what is asked for, and what a request may hold."""

from __future__ import annotations

import gzip
import zlib
from datetime import UTC, datetime, timedelta

import brotli
import pytest
import zstandard

from aggregator.cli import call

LATER = timedelta(hours=27)
ETAG = ("ETag", '"1"')


@pytest.fixture
def command(daemon, tmp_path):
    """Run a command on the database of the daemon, with a feeds.yaml that may reach loopback."""
    config = tmp_path / "feeds.yaml"
    config.write_text(
        f"database: {daemon.database}\ncompute: {{kind: inline}}\ndefaults: {{full_text: false}}\n"
        "network: {allow_private: [127.0.0.0/8]}\nfeeds: []\n"
    )

    def run(*words):
        assert call(["--quiet", "--config", str(config), *words]) == 0

    return run


@pytest.mark.parametrize("service", [False, True])
def test_b02_a_feed_that_is_added_is_asked_once_in_the_first_hour(site, daemon, command, reply, rss, service):
    """What ``add`` was answered is the first poll, whether the service has run before or not."""
    feed = site.url(host="127.0.0.1")
    site.on("/feed", reply(200, rss("a"), [ETAG]))
    if service:
        daemon.live(timedelta(minutes=1))
    daemon.clock.now = datetime.now(UTC)
    command("add", feed)
    daemon.subscribe(feed)
    daemon.live(timedelta(minutes=59))
    assert len(site.log) == 1
    assert daemon.row("SELECT count(*) FROM entries") == (1,)
    daemon.live(timedelta(hours=2))
    assert site.asked("/feed")[1].validators == (b'"1"', None)


def test_b02_a_home_page_and_the_feed_it_names_are_asked_once_each(site, daemon, command, reply, rss):
    page = b"<!doctype html><link rel=alternate type='application/rss+xml' href='/feed'>"
    site.on("/", reply(200, page, [("Content-Type", "text/html")]))
    site.on("/feed", reply(200, rss("a"), [ETAG]))
    daemon.clock.now = datetime.now(UTC)
    command("add", site.url("/", "127.0.0.1"))
    daemon.subscribe(site.url(host="127.0.0.1"))
    daemon.live(timedelta(minutes=59))
    assert [request.target for request in site.log] == ["/", "/feed"]


def test_c01_no_cookie_is_ever_sent(site, daemon, reply, rss):
    cookie = ("Set-Cookie", "id=1; Path=/")
    site.on("/feed", reply(302, b"", [cookie, ("Location", site.url("/b", "other.example"))]))
    site.on("/b", reply(200, rss("page", links=site.url("", "feeds.example")), [cookie, ETAG]))
    site.on("/page", reply(200, b"<p>x</p>", [cookie]))
    daemon.subscribe(f"{{url: '{site.url()}', full_text: true}}")
    for _ in range(3):
        daemon.cycle(after=LATER)
    assert site.asked("/page")
    assert not any("cookie" in request.headers for request in site.log)


def test_c02_no_referrer_is_ever_sent(site, daemon, reply, rss):
    site.on("/feed", reply(302, b"", [("Location", "/b")]))
    site.on("/b", reply(200, rss("page", links=site.url(""))))
    daemon.subscribe(f"{{url: '{site.url()}', full_text: true}}")
    daemon.cycle()
    assert site.asked("/page")
    assert not any({"referer", "origin"} & set(request.headers) for request in site.log)


@pytest.mark.parametrize(
    "target",
    [
        "/feed?b=2&a=1",
        "/%7Euser/feed",
        "/a%2Fb",
        "/feed?",
        "/feed;x",
        "/feed",
        "/",
        "/feed?q=a+b%20c&",
        "/a//b/./c",
    ],
)
def test_c03_the_request_target_is_that_of_the_url(site, daemon, reply, rss, target):
    site.on(target.partition("?")[0], reply(200, rss("a"), [ETAG]))
    daemon.subscribe(f"'{site.url(target)}'")
    daemon.cycle()
    daemon.cycle(after=LATER)
    assert [request.target for request in site.log] == [target, target]


def test_c04_the_user_agent_names_product_version_and_contact(site, daemon, reply, rss):
    site.on("/feed", reply(200, rss("a"), [ETAG]))
    daemon.subscribe(site.url())
    daemon.cycle()
    daemon.cycle(after=LATER)
    (agent,) = {request.headers["user-agent"] for request in site.log}
    assert agent.startswith(b"aggregator/")
    assert b"(+http" in agent
    assert not any(word in agent.lower() for word in (b"mozilla", b"httpx", b"python"))


def test_c05_the_accept_header_names_the_media_types_of_feeds(site, daemon, reply, rss):
    site.on("/feed", reply(200, rss("a")))
    daemon.subscribe(site.url())
    daemon.cycle()
    accept = site.log[0].headers["accept"]
    assert all(
        kind in accept for kind in (b"application/atom+xml", b"application/rss+xml", b"application/xml")
    )


def test_c06_every_coding_that_is_listed_can_be_decoded(site, daemon, reply, rss):
    raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    body = rss("a")
    packed = {
        "gzip": gzip.compress(body),
        "deflate": zlib.compress(body),
        "br": brotli.compress(body),
        "zstd": zstandard.compress(body),
    }
    for name, data in packed.items():
        site.on(f"/{name}", reply(200, data, [("Content-Encoding", name)]))
    site.on("/raw", reply(200, raw.compress(body) + raw.flush(), [("Content-Encoding", "deflate")]))
    daemon.subscribe(*(site.url(f"/{name}") for name in [*packed, "raw"]))
    assert (daemon.cycle().failed, daemon.row("SELECT count(*) FROM entries")) == (0, (5,))
    listed = {name.strip() for name in site.log[0].headers["accept-encoding"].decode().split(",")}
    assert "gzip" in listed
    assert listed <= set(packed)


def test_c07_there_is_nothing_but_plain_gets(site, daemon, reply, rss):
    site.on("/feed", reply(200, rss("page", links=site.url("")), [ETAG, ("Last-Modified", "x")]), reply(304))
    site.on("/page", reply(404))
    daemon.subscribe(f"{{url: '{site.url()}', full_text: true}}")
    daemon.live(timedelta(days=8))
    allowed = {"host", "user-agent", "accept", "accept-encoding", "if-none-match", "if-modified-since"}
    assert {request.method for request in site.log} == {b"GET"}
    assert all(set(request.headers) <= allowed for request in site.log)


def test_c08_only_feeds_redirects_article_links_and_robots_txt_are_asked_for(site, daemon, reply, rss):
    head = (
        "<link>http://feeds.example/home</link><image><url>/logo.png</url></image>"
        "<cloud domain='feeds.example' path='/rpc'/><docs>http://feeds.example/docs</docs>"
    )
    body = rss("page", links=site.url(""), head=head).replace(
        b"</item>",
        b"<enclosure url='/sound.mp3' type='audio/mpeg'/><comments>http://feeds.example/comments</comments></item>",
    )
    site.on("/feed", reply(301, b"", [("Location", "/b")]))
    site.on("/b", reply(200, body, [ETAG]), reply(304))
    page = (
        b"<html><link rel=icon href=/favicon.ico><img src=/i.png><script src=/s.js></script><p>Words.</html>"
    )
    site.on("/page", reply(200, page, [("Content-Type", "text/html")]))
    site.on("/missing", reply(404))
    daemon.subscribe(f"{{url: '{site.url()}', full_text: true}}", site.url("/missing"))
    daemon.live(timedelta(days=10))
    assert {request.target for request in site.log} == {"/feed", "/b", "/page", "/robots.txt", "/missing"}


def test_c09_a_host_with_two_addresses_is_asked_once(site, daemon, names, reply, rss):
    """Also where the first address does not answer."""
    names.addresses["feeds.example"] = [["::1", "127.0.0.1"]]
    site.on("/feed", reply(200, rss("a"), [ETAG]))
    settings = "compute: {kind: inline}\nnetwork: {allow_private: [127.0.0.0/8, '::1']}"
    daemon.subscribe(site.url(), settings=settings)
    assert daemon.cycle().failed == 0
    assert len(site.log) == 1
