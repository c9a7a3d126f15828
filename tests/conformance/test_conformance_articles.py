"""Rules E01-E06 and F01-F02: article pages, robots.txt, hubs and archives."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from aggregator.web import RobotRules

LATER = timedelta(hours=27)
HOUR = timedelta(hours=1)
ETAG = ("ETag", '"1"')
SETTINGS = "compute: {kind: inline}\nnetwork: {allow_private: [127.0.0.0/8], timeout: 100ms}"
TEXT = "The mayor opened the new bridge over the river on Sunday after nine years of building. " * 8


@pytest.fixture
def page(reply):
    def make(title="Bridge", *, status=200, headers=(("Content-Type", "text/html"),)):
        html = f"<html lang=en><title>{title}</title><article><h1>{title}</h1><p>{TEXT}</p></article></html>"
        return reply(status, html.encode(), headers)

    return make


@pytest.fixture
def one_page(site, daemon, reply, rss):
    """Poll a feed with one entry whose page answers so, for some days."""

    def poll(*answers, days=3, robots=None):
        site.on("/feed", reply(200, rss("page", links=site.url("", "pages.example")), [ETAG]), reply(304))
        site.on("/page", *answers)
        if robots is not None:
            site.on("/robots.txt", *robots)
        daemon.subscribe(site.url(), settings=SETTINGS)
        daemon.live(timedelta(days=days))
        return site.asked("/page")

    return poll


def test_e01_a_page_listed_in_three_polls_and_two_feeds_is_asked_for_once(site, daemon, reply, rss, page):
    for path in ("/one", "/two"):
        site.on(path, *(reply(200, rss("page", title, links=site.url("")), [ETAG]) for title in "abc"))
    for path in ("/page", "/a", "/b", "/c"):
        site.on(path, page(path))
    daemon.subscribe(site.url("/one"), site.url("/two"), settings=SETTINGS)
    for _ in range(3):
        daemon.cycle(after=LATER)
    assert [len(site.asked(path)) for path in ("/page", "/a", "/b", "/c")] == [1, 1, 1, 1]


def test_e02_twenty_pages_of_a_host_are_asked_for_spaced_and_robots_txt_once_a_day(
    site, daemon, reply, rss, page
):
    titles = [f"{number}" for number in range(20)]
    site.on("/feed", reply(200, rss(*titles, links=site.url("", "pages.example")), [ETAG]), reply(304))
    for title in titles:
        site.on(f"/{title}", page(title))
    daemon.subscribe(site.url(), settings=SETTINGS)
    daemon.cycle()
    assert len(site.asked("pages.example/robots.txt")) == 1
    starts = sorted(request.at for title in titles for request in site.asked(f"/{title}"))
    assert len(starts) == 20
    assert site.most_open <= 2
    assert starts[-1] - starts[0] >= 18 * timedelta(seconds=0.5)


def test_e03_googles_robots_cases_have_the_same_verdict(suite):
    """All but three, in which RFC 9309, 2.2.2 has both sides percent-decoded first and Google does not."""
    cases = suite("http.zip", "robots_google.jsonl")
    different = [
        case["url"]
        for case in cases
        if RobotRules(case["robots"], case["ua"]).allow(case["url"]) != case["allowed"]
    ]
    assert len(cases) == 76
    assert different == ["http://foo.bar/foo/bar/ツ"] * 2 + ["http://foo.bar/foo/bar/baz"]


RULES = b"User-agent: *\nDisallow: /page\n"


@pytest.mark.parametrize(
    ("robots", "allowed"),
    [
        ((404, b""), True),
        ((403, RULES), True),
        ((500, b""), False),
        ("hang", False),
        ((200, RULES), False),
        ((200, b"\xef\xbb\xbf" + RULES), False),
        ((200, b"#" * 511_000 + b"\n" + RULES), False),
        ((200, b"<!doctype html><html>Not found</html>"), True),
        ("redirects", False),
    ],
)
def test_e04_the_answer_to_robots_txt_decides(one_page, site, reply, hang, page, robots, allowed):
    if robots == "redirects":
        for number in range(5):
            site.on(f"/r{number}", reply(302, b"", [("Location", f"/r{number + 1}")]))
        site.on("/r5", reply(200, RULES))
        answer = reply(302, b"", [("Location", "/r1")])
    else:
        answer = hang if robots == "hang" else reply(*robots)
    asked = one_page(page(), robots=[answer], days=0)
    assert bool(asked) == allowed


@pytest.mark.parametrize(("status", "stored"), [(404, "gone"), (410, "gone"), (503, "failed")])
def test_e05_a_page_that_fails_is_tried_a_few_times_and_its_entry_stays(
    one_page, daemon, reply, status, stored
):
    asked = one_page(reply(status))
    assert len(asked) == (4 if stored == "failed" else 1)
    assert all(b.at - a.at >= timedelta(minutes=9, seconds=59) for a, b in itertools.pairwise(asked))
    assert daemon.row("SELECT status, text FROM articles") == (stored, "What happened: page.")


def test_e05_a_429_of_a_page_pauses_its_host(one_page, site, daemon, reply, page):
    asked = one_page(reply(429, b"", [("Retry-After", "7200")]), page())
    assert asked[1].at - asked[0].at >= 2 * HOUR
    assert daemon.row("SELECT status FROM articles") == ("full",)


@pytest.mark.parametrize("kind", ["application/pdf", "video/mp4", "application/octet-stream", None, "204"])
def test_e06_what_is_no_page_is_not_read_on_and_marked(one_page, daemon, reply, kind):
    if kind == "204":
        answer = reply(204)
    else:
        headers = [("Content-Length", "900000000"), *([("Content-Type", kind)] if kind else [])]
        answer = reply(200, b"%PDF-1.7\x00\x01" * 50, headers, length=False)
    asked = one_page(answer, days=2)
    assert 1 <= len(asked) <= 4
    status, text = daemon.row("SELECT status, text FROM articles")
    assert status in ("blocked", "failed", "teaser")
    assert text == "What happened: page."


def test_f01_a_hub_is_left_alone(site, daemon, reply, rss):
    head = (
        "<link xmlns='http://www.w3.org/2005/Atom' rel='hub' href='http://hub.example/'/>"
        "<link xmlns='http://www.w3.org/2005/Atom' rel='self' href='http://feeds.example/self'/>"
    )
    link = ("Link", '<http://hub.example/>; rel="hub", </self>; rel="self"')
    site.on("/feed", reply(200, rss("a", head=head), [ETAG, link]), reply(304))
    daemon.subscribe(site.url())
    daemon.live(timedelta(days=10))
    assert {request.target for request in site.log} == {"/feed"}


@pytest.mark.parametrize("relation", ["next", "prev-archive", "current", "first"])
def test_f02_pages_and_archives_of_a_feed_are_not_followed(site, daemon, reply, relation):
    body = (
        f"<feed xmlns='http://www.w3.org/2005/Atom'><title>x</title><link rel='{relation}' href='/other'/>"
        "<entry><id>1</id><title>a</title></entry></feed>"
    ).encode()
    site.on("/feed", reply(200, body, [ETAG]), reply(304))
    daemon.subscribe(site.url())
    daemon.live(timedelta(days=3))
    assert {request.target for request in site.log} == {"/feed"}
