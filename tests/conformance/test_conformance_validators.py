"""Rules A01-A20: what a conditional request says, and when it may not say anything."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from aggregator.pipeline.cycle import Scope

LATER = timedelta(hours=27)  # beyond the longest wait of a quiet feed, jitter included
BEFORE, BETWEEN, AFTER = (f"Sun, 01 Feb 2026 0{hour}:00:00 GMT" for hour in (1, 2, 3))


@pytest.fixture
def sent(site, daemon):
    """Poll a feed that answers in turn, and return the validators of each request."""

    def poll(*answers):
        site.on("/feed", *answers)
        daemon.subscribe(site.url())
        for _ in answers:
            daemon.cycle(after=LATER)
        daemon.cycle(after=LATER)
        return [request.validators for request in site.asked("/feed")]

    return poll


def test_a01_the_first_request_is_one_get_that_compares_nothing(site, daemon, reply, rss):
    site.on("/feed", reply(200, rss("a"), [("ETag", '"1"')]))
    daemon.subscribe(site.url())
    daemon.cycle()
    (request,) = site.log
    assert (request.method, request.validators) == (b"GET", (None, None))


def test_a02_both_validators_come_back_byte_for_byte(sent, reply, rss):
    answer = reply(200, rss("a"), [("ETag", '"1"'), ("Last-Modified", BEFORE)])
    assert sent(answer)[1:] == [(b'"1"', BEFORE.encode())]


def test_a03_an_etag_alone_comes_back_alone(sent, reply, rss):
    assert sent(reply(200, rss("a"), [("ETag", 'W/"1"')]))[1:] == [(b'W/"1"', None)]


def test_a04_a_last_modified_alone_comes_back_alone(sent, reply, rss):
    assert sent(reply(200, rss("a"), [("Last-Modified", BEFORE)]))[1:] == [(None, BEFORE.encode())]


def test_a05_a_feed_without_validators_is_asked_once_a_day(site, daemon, reply, rss):
    site.on("/feed", reply(200, rss("a")))
    daemon.subscribe(site.url())
    daemon.live(timedelta(days=4))
    assert len(site.asked("/feed")) >= 4
    assert min(site.gaps()) >= timedelta(hours=24)
    assert {request.validators for request in site.asked("/feed")} == {(None, None)}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ETag", b'"x"'),
        ("ETag", b'W/"x"'),
        ("ETag", b"unquoted"),
        ("ETag", b'"x-gzip"'),
        ("ETag", b'"a"b"'),
        ("ETag", b'"a\tb"'),
        ("ETag", b'"' + b"x" * 8000 + b'"'),
        ("ETag", b'"\xe9"'),
        ("ETag", b'"\xc3\xa9"'),
        ("Last-Modified", b"Sunday, 01-Feb-26 01:00:00 GMT"),
        ("Last-Modified", b"Sun Feb  1 01:00:00 2026"),
        ("Last-Modified", b"yesterday"),
        ("Last-Modified", b"Sun, 01 Feb 2026 01:00:00 +0100"),
    ],
)
def test_a06_odd_validators_come_back_as_they_are_or_not_at_all(site, daemon, reply, rss, name, value):
    site.on("/feed", reply(200, rss("a"), [(name, value)]))
    daemon.subscribe(site.url())
    counts = [daemon.cycle(after=LATER) for _ in range(3)]
    assert all((count.polled, count.failed) == (1, 0) for count in counts)
    values = {item for request in site.asked("/feed")[1:] for item in request.validators if item is not None}
    assert values == ({value} if len(value) <= 4096 else set())


def test_a06_of_two_etags_none_is_made_up(sent, reply, rss):
    validators = sent(reply(200, rss("a"), [("ETag", '"1"'), ("ETag", '"2"')]))[1]
    assert validators in [(b'"1"', None), (b'"2"', None), (None, None)]


def test_a07_new_validators_of_the_same_body_are_the_next_to_be_sent(sent, reply, rss):
    first = reply(200, rss("a"), [("ETag", '"1"'), ("Last-Modified", BEFORE)])
    touched = reply(200, rss("a"), [("ETag", '"2"'), ("Last-Modified", AFTER)])
    assert sent(first, touched)[2] == (b'"2"', AFTER.encode())


def test_a08_a_304_renews_validators_and_lifetime(site, daemon, reply, rss):
    site.on(
        "/feed",
        reply(200, rss("a"), [("ETag", '"1"'), ("Last-Modified", BEFORE)]),
        reply(304, b"", [("Last-Modified", AFTER), ("Cache-Control", "max-age=172800")]),
    )
    daemon.subscribe(site.url())
    daemon.cycle()
    daemon.live(timedelta(days=6))
    _, second, third, *_ = site.asked("/feed")
    assert third.validators == (b'"1"', AFTER.encode())
    assert third.at - second.at >= timedelta(hours=48)


def test_a09_a_304_without_validators_leaves_the_old_ones(sent, reply, rss):
    validators = sent(reply(200, rss("a"), [("ETag", '"1"'), ("Last-Modified", BEFORE)]), reply(304))
    assert validators[1:] == [(b'"1"', BEFORE.encode())] * 2


def test_a10_validators_of_two_versions_are_never_mixed(sent, reply, rss):
    validators = sent(
        reply(200, rss("a"), [("ETag", '"1"'), ("Last-Modified", BEFORE)]),
        reply(200, rss("b"), [("Last-Modified", BETWEEN)]),
        reply(200, rss("c")),
    )
    assert validators[2:] == [(None, BETWEEN.encode()), (None, None)]


def test_a11_no_validator_of_an_older_version_is_sent_again(sent, reply, rss):
    versions = [
        reply(200, rss("a", title), [("ETag", f'"{title}"'), ("Last-Modified", date)])
        for title, date in (("b", BEFORE), ("c", BETWEEN), ("d", AFTER))
    ]
    assert sent(*versions)[1:] == [
        (b'"b"', BEFORE.encode()), (b'"c"', BETWEEN.encode()), (b'"d"', AFTER.encode()),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [b"", b"<!doctype html><html><body>Maintenance</body></html>", b'{"error": 1}', b"/etc/hostname"],
)
def test_a12_an_unusable_body_moves_no_validator(sent, reply, rss, body):
    good = reply(200, rss("a"), [("ETag", '"1"')])
    assert sent(good, reply(200, body, [("ETag", '"2"')]))[2] == (b'"1"', None)


def test_a12_neither_does_one_that_is_too_large_or_cut_off(site, daemon, reply, rss):
    site.on(
        "/feed",
        reply(200, rss("a"), [("ETag", '"1"')]),
        reply(200, rss(*map(str, range(900))), [("ETag", '"2"')]),
        reply(200, rss("a", "b"), [("ETag", '"3"'), ("Content-Length", "9999")], length=False)[:-60],
        reply(304),
    )
    limits = "max_feed_size: 20kB, timeout: 200ms"
    settings = f"compute: {{kind: inline}}\nnetwork: {{allow_private: [127.0.0.0/8], {limits}}}"
    daemon.subscribe(site.url(), settings=settings)
    for _ in range(4):
        daemon.cycle(after=LATER)
    assert [request.validators[0] for request in site.asked("/feed")] == [None, b'"1"', b'"1"', b'"1"']


def test_a12_a_document_that_breaks_off_is_read_but_hides_nothing_behind_its_validator(
    site, daemon, reply, rss
):
    """Its server died while it wrote, and closed the connection as if that were all."""
    cut = rss("a", "b", "c").partition(b"<item><guid isPermaLink='false'>c")[0]
    whole = reply(200, rss("a", "b", "c"), [("ETag", '"2"')])
    site.on("/feed", reply(200, rss("a"), [("ETag", '"1"')]), reply(200, cut, [("ETag", '"2"')]), whole)
    daemon.subscribe(site.url())
    for _ in range(4):
        daemon.cycle(after=LATER)
    sent = [request.validators[0] for request in site.asked("/feed")]
    assert sent == [None, b'"1"', b'"1"', b'"2"']
    assert daemon.rows("SELECT title FROM entries ORDER BY id") == [("a",), ("b",), ("c",)]
    assert "breaks off" in daemon.row("SELECT detail FROM polls WHERE id = 2")[0]


def test_a12_a_document_that_always_breaks_off_is_how_the_feed_is(site, daemon, reply, rss):
    site.on("/feed", reply(200, rss("a").replace(b"</rss>", b""), [("ETag", '"1"')]))
    daemon.subscribe(site.url())
    for _ in range(3):
        daemon.cycle(after=LATER)
    assert [request.validators[0] for request in site.asked("/feed")] == [None, None, b'"1"']
    assert daemon.row("SELECT count(*), min(state) FROM feeds") == (1, "active")


@pytest.mark.parametrize("status", [500, 503, 429, 404])
def test_a13_an_error_with_an_etag_moves_no_validator(sent, reply, rss, status):
    good = reply(200, rss("a"), [("ETag", '"1"'), ("Last-Modified", BEFORE)])
    validators = sent(good, reply(status, b"", [("ETag", '"error"'), ("Last-Modified", AFTER)]))
    assert validators[2] == (b'"1"', BEFORE.encode())


def test_a14_after_a_kill_the_first_request_compares(site, daemon, reply, rss, hang, tmp_path):
    """The process is killed while it waits for a page, after the poll was stored."""
    feed = site.url(host="127.0.0.1")
    site.on("/feed", reply(200, rss("page", links=site.url("", "127.0.0.1")), [("ETag", '"1"')]))
    site.on("/page", hang)
    config = tmp_path / "feeds.yaml"
    config.write_text(
        f"database: {daemon.database}\nnetwork: {{allow_private: [127.0.0.0/8]}}\n"
        f"compute: {{kind: inline}}\nfeeds: ['{feed}']\n"
    )
    command = [sys.executable, "-m", "aggregator", "-q", "--config", str(config), "poll"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while not site.asked("/page"):
        assert process.poll() is None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    daemon.subscribe(feed)
    daemon.clock.now = datetime.now(UTC) + LATER
    daemon.cycle()
    assert [request.validators[0] for request in site.asked("/feed")] == [None, b'"1"']


def test_a15_update_now_compares_and_keeps_the_cooldown(site, daemon, reply, rss):
    site.on("/feed", reply(200, rss("a"), [("ETag", '"1"')]))
    daemon.subscribe(site.url())
    daemon.cycle()
    minute = timedelta(minutes=1)
    assert daemon.cycle(Scope(feed=site.url()), after=minute).polled == 0
    assert daemon.cycle(Scope(feed=site.url(), force=True), after=minute).polled == 1
    assert site.asked("/feed")[1].validators == (b'"1"', None)


def test_a16_dates_of_the_document_are_no_validators(sent, reply, rss):
    body = rss("a", head="<lastBuildDate>Sat, 28 Feb 2026 08:00:00 GMT</lastBuildDate>")
    answers = reply(200, body, [("Last-Modified", BEFORE)]), reply(200, body + b" ")
    assert sent(*answers)[1:] == [(None, BEFORE.encode()), (None, None)]


def test_a17_a_304_to_an_unconditional_request_is_an_error_and_no_storm(site, daemon, reply):
    site.on("/feed", reply(304))
    daemon.subscribe(site.url())
    daemon.live(timedelta(days=1))
    assert daemon.row("SELECT state, last_success_at FROM feeds") == ("failing", None)
    assert min(site.gaps()) >= timedelta(hours=1)


@pytest.mark.parametrize(
    "tail",
    [
        b"Content-Length: 5\r\n\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"\r\nhello",
    ],
)
def test_a18_a_304_with_a_body_does_not_spoil_the_next_request(site, daemon, reply, rss, tail):
    site.on("/one", reply(200, rss("a"), [("ETag", '"1"')]), b"HTTP/1.1 304 Not Modified\r\n" + tail)
    site.on("/two", reply(200, rss("b"), [("ETag", '"2"')]), reply(304))
    daemon.subscribe(site.url("/one"), site.url("/two"))
    daemon.cycle()
    assert daemon.cycle(after=LATER).failed == 0


def test_a19_validators_belong_to_the_url_that_issued_them(site, daemon, reply, rss):
    site.on("/feed", reply(302, b"", [("Location", "/b")]), reply(302, b"", [("Location", "/b")]),
            reply(200, rss("a"), [("ETag", '"A"')]), reply(304))  # fmt: skip
    site.on("/b", reply(200, rss("a"), [("ETag", '"B"')]), reply(304))
    daemon.subscribe(site.url())
    for _ in range(4):
        daemon.cycle(after=LATER)
    assert [request.validators[0] for request in site.asked("/feed")] == [None, None, None, b'"A"']
    assert [request.validators[0] for request in site.asked("/b")] == [None, b'"B"']


def test_a20_ten_polls_send_the_same_headers(site, daemon, reply, rss):
    site.on("/feed", reply(200, rss("a")))
    daemon.subscribe(site.url())
    for _ in range(10):
        daemon.cycle(after=LATER)
    assert len(site.log) == 10
    assert len({request.raw for request in site.log}) == 1
