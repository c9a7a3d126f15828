"""What a hostile server or feed may make us connect to, send or wait for (cases S01-S12, S45-S54)."""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from datetime import timedelta

import httpcore
import pytest

from aggregator.config import ConfigError
from aggregator.model import FetchFailure
from aggregator.web.streams import SocketBackend

LATER = timedelta(hours=27)
ETAG = ("ETag", '"1"')
CLOSED_NAMES = {
    "7f000001.nip.io": "127.0.0.1",
    "metadata.google.internal": "169.254.169.254",
    "example.com": "93.184.216.34",
}
GUARDED = "compute: {kind: inline}\nnetwork: {allow_private: [feeds.example]}"


def _host(address) -> str:
    return f"[{address}]" if address.version == 6 else str(address)


def _urls(row) -> list[str]:
    if row["kind"] == "netblock":
        network = ipaddress.ip_network(row["value"])
        nat = row["value"] == "64:ff9b:1::/48"  # within it lie stand-ins of public addresses
        middle = network[0 if nat else network.num_addresses // 2]
        return [f"http://{_host(address)}/" for address in (network[0], middle, network[-1])]
    if row["kind"] == "ip":
        return [f"http://{_host(ipaddress.ip_address(row['value']))}/"]
    return [row["value"]]


@pytest.fixture
def vectors(suite):
    rows = suite("security.zip", "ssrf_vectors.jsonl")
    assert len(rows) == 86
    return rows


@pytest.fixture
def connected(site, names, monkeypatch):
    """The addresses that are connected to, other than the test's own server."""
    names.addresses = {name: [[address]] for name, address in CLOSED_NAMES.items()}
    made: list[str] = []
    real = SocketBackend.connect_tcp

    async def connect(self, host, port, *rest, **more):
        if port == site.ports["http"]:
            return await real(self, host, port, *rest, **more)
        made.append(host)
        raise httpcore.ConnectError("refused by the test")

    monkeypatch.setattr(SocketBackend, "connect_tcp", connect)
    return made


ALLOWED = {
    "64:ff9b:1:808:8:800:0:0",
    "93.184.216.34",
    "2001:4860:4860::8888",
    "2607:f8b0:400a:807::200e",
    "144.1.1.1",
}


def _judge(connected: list[str]) -> None:
    """All that may be reached was tried, and nothing else was. example.com stands for what follows a #."""
    assert {str(ipaddress.ip_address(address)) for address in connected} == {
        str(ipaddress.ip_address(address)) for address in ALLOWED
    }


def test_s01_no_vector_connects_as_a_feed_url(vectors, daemon, connected):
    accepted = []
    for url in {url for row in vectors for url in _urls(row)}:
        with suppress(ConfigError):
            daemon.subscribe("'" + url + "'")
            accepted.append("'" + url + "'")
    daemon.subscribe(*accepted, settings="compute: {kind: inline}\ndefaults: {full_text: false}")
    daemon.cycle()
    _judge(connected)


def test_s01_no_vector_connects_as_an_article_link(vectors, site, daemon, connected, reply):
    urls = {url for row in vectors for url in _urls(row)}
    entries = "".join(
        f"<entry><id>{n}</id><link href='{url.replace('<', '&lt;')}'/></entry>" for n, url in enumerate(urls)
    )
    site.on("/feed", reply(200, f"<feed xmlns='http://www.w3.org/2005/Atom'>{entries}</feed>".encode()))
    daemon.subscribe(site.url(), settings=GUARDED + "\n")
    daemon.cycle()
    _judge(connected)


def test_s01_no_vector_connects_as_a_redirect(vectors, site, daemon, connected, reply):
    urls = sorted({url for row in vectors for url in _urls(row)})
    for number, url in enumerate(urls):
        site.on(f"/{number}", reply(302, b"", [("Location", url.encode())]))
    daemon.subscribe(*(site.url(f"/{number}") for number in range(len(urls))), settings=GUARDED)
    assert daemon.cycle().failed == len(urls)
    _judge(connected)


def test_s01_no_vector_connects_by_way_of_robots_txt(vectors, site, daemon, names, connected, reply, rss):
    urls = sorted({url for row in vectors for url in _urls(row)})
    entries = "".join(
        f"<entry><id>{n}</id><link href='{site.url('/page', f'h{n}.example')}'/></entry>"
        for n in range(len(urls))
    )
    site.on("/feed", reply(200, f"<feed xmlns='http://www.w3.org/2005/Atom'>{entries}</feed>".encode()))
    for number, url in enumerate(urls):
        site.on(f"h{number}.example/robots.txt", reply(302, b"", [("Location", url.encode())]))
    daemon.subscribe(site.url(), settings="compute: {kind: inline}\nnetwork: {allow_private: [.example]}")
    daemon.cycle()
    _judge(connected)


def test_s01_no_vector_connects_as_a_hub(vectors, daemon, connected):
    urls = {url for row in vectors for url in _urls(row)}
    daemon.subscribe("https://news.example/feed", settings="compute: {kind: inline}")

    async def post(services):
        for url in urls:
            assert isinstance(await services.web.post_form(url, {"a": "b"}, max_bytes=100), FetchFailure)

    daemon.run(post)
    _judge(connected)


def test_s01_loopback_is_closed_unless_it_is_opened(site, daemon, reply, rss):
    site.on("/feed", reply(200, rss("a")))
    daemon.subscribe(site.url(), settings="compute: {kind: inline}")
    assert daemon.cycle().failed == 1
    assert site.log == []
    assert "not a public address" in daemon.row("SELECT last_error FROM feeds")[0]
    daemon.live(timedelta(days=2))
    times = daemon.rows("SELECT at FROM polls")
    assert len(times) <= 6  # not retried fast


def test_s05_a_name_that_changes_its_address_is_resolved_once_a_connection(site, daemon, names, reply, rss):
    """The second answer would be the cloud's metadata service."""
    names.addresses["feeds.example"] = [["127.0.0.1"], ["169.254.169.254"]]
    site.on("/feed", reply(200, rss("a"), [ETAG]))
    daemon.subscribe(site.url())
    assert daemon.cycle().failed == 0
    assert names.asked == ["feeds.example"]


def test_s07_a_chain_that_ends_inside_is_refused_at_its_last_hop_and_nothing_stored(
    site, daemon, names, reply
):
    site.on("/feed", reply(302, b"", [("Location", site.url("/two", "two.example"))]))
    site.on("/two", reply(301, b"", [("Location", "http://169.254.169.254/latest/meta-data/")]))
    settings = "compute: {kind: inline}\nnetwork: {allow_private: [feeds.example, two.example]}"
    daemon.subscribe(site.url(), settings=settings)
    daemon.cycle()
    assert daemon.row("SELECT outcome, bytes FROM polls") == ("refused_address", 0)
    assert daemon.row("SELECT redirect_to, etag, moved_to FROM feeds") == (None, None, None)
    assert "169.254.169.254" not in names.asked


def test_s45_credentials_do_not_belong_into_an_address(daemon):
    with pytest.raises(ConfigError) as caught:
        daemon.subscribe("https://reader:hunter2@feeds.example/feed")
    assert "auth:" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_s45_the_secrets_of_a_feed_are_stored_nowhere(site, daemon, reply, rss):
    site.on("/feed", reply(401, b"who are you, reader:hunter2?"), reply(200, rss("a")))
    secrets = "auth: {username: reader, password: hunter2}, headers: {X-Api-Key: swordfish}"
    daemon.subscribe(f"{{url: '{site.url()}', {secrets}}}")
    daemon.cycle()
    daemon.cycle(after=LATER)
    assert "authorization" in site.log[0].headers
    stored = b"".join(path.read_bytes() for path in daemon.database.parent.glob("news.db*"))
    assert b"hunter2" not in stored
    assert b"swordfish" not in stored


@pytest.mark.parametrize("target", ["own", "other", "circle"])
def test_s50_an_article_link_to_a_feed_or_in_a_circle_is_asked_once_and_leads_nowhere(
    site, daemon, reply, rss, target
):
    link = {"own": site.url("/feed"), "other": site.url("/other"), "circle": site.url("/a")}[target]
    body = rss("x").replace(b"<title>x", f"<link>{link}</link><title>x".encode())
    site.on("/feed", reply(200, body, [ETAG, ("Content-Type", "application/rss+xml")]), reply(304))
    site.on("/other", reply(200, rss("y", links=site.url("/deep")), [ETAG]), reply(304))
    site.on("/a", reply(302, b"", [("Location", "/b")]))
    site.on("/b", reply(302, b"", [("Location", "/a")]))
    daemon.subscribe(f"{{url: '{site.url()}', full_text: true}}", site.url("/other"))
    daemon.cycle()
    assert len(site.asked("/feed")) <= 2
    assert len(site.asked("/other")) <= 2
    assert len(site.asked("/a")) <= 1


def test_s54_no_feed_can_touch_the_entries_of_another(site, daemon, reply, rss):
    site.on("/good", reply(200, rss("a"), [ETAG]), reply(304))
    site.on(
        "/bad",
        reply(200, rss("a").replace(b"What happened", b"Lies")),
        reply(200, rss("a").replace(b"What", b"More")),
    )
    daemon.subscribe(site.url("/good"), site.url("/bad"))
    daemon.cycle()
    daemon.cycle(after=LATER)
    rows = daemon.rows(
        "SELECT feeds.url, guid, summary FROM entries JOIN feeds ON feeds.id = feed_id"
        " WHERE feeds.url LIKE '%good'"
    )
    assert rows == [(site.url("/good"), "a", "What happened: a.")]
    assert daemon.row("SELECT count(*) FROM entries") == (2,)
