from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from aggregator.pipeline.cycle import Scope

TEXT = "The mayor opened the new bridge over the river on Sunday after nine years of building. " * 8


@pytest.fixture
def bridge(site, rss, page):
    """One feed with one entry and the page behind it."""
    site.answer("/feed", rss((f"{site.url}/bridge", "Bridge opened")), etag='"1"')
    site.answer("/bridge", page("Bridge opened", TEXT), type="text/html")
    return site


def test_an_entry_becomes_an_article_with_its_text_and_a_cluster(bench, bridge) -> None:
    bench.subscribe(f"{bridge.url}/feed")
    count = bench.run()
    assert count.as_dict() == {"polled": 1, "failed": 0, "new_entries": 1, "articles": 1, "clustered": 1}
    ((title, status, words, cluster),) = bench.rows(
        "SELECT title, status, word_count, cluster_id FROM articles"
    )
    assert (title, status, words, cluster) == ("Bridge opened", "full", len(TEXT.split()), 1)


def test_a_feed_is_left_alone_until_it_is_due(bench, bridge) -> None:
    bench.subscribe(f"{bridge.url}/feed")
    bench.run()
    assert bench.run(after=timedelta(minutes=59)).polled == 0
    assert bench.run(after=timedelta(hours=25)).polled == 1
    assert bridge.asked("/feed") == 2


def test_a_forced_poll_is_still_conditional_and_changes_nothing(bench, bridge) -> None:
    bench.subscribe(f"{bridge.url}/feed")
    bench.run()
    before = bench.rows("SELECT * FROM entries") + bench.rows("SELECT * FROM articles")
    bench.run(Scope(force=True), after=timedelta(minutes=1))
    assert bridge.log[-1][1]["if-none-match"] == '"1"'
    assert bench.rows("SELECT outcome, status FROM polls ORDER BY id")[-1] == ("not_modified", 304)
    assert bench.rows("SELECT * FROM entries") + bench.rows("SELECT * FROM articles") == before


def test_a_body_that_is_the_same_is_not_parsed_again(bench, bridge, rss) -> None:
    bench.subscribe(f"{bridge.url}/feed")
    bench.run()
    bridge.answer("/feed", rss((f"{bridge.url}/bridge", "Bridge opened")), etag='"2"')
    bench.run(Scope(force=True))
    assert bench.rows("SELECT outcome FROM polls")[-1] == ("same_body",)
    assert bench.rows("SELECT etag FROM feeds") == [(b'"2"',)]


def test_one_page_is_one_article_however_many_entries_lead_to_it(bench, site, rss, page) -> None:
    address = f"{site.url}/bridge"
    site.answer("/a", rss((f"{address}?utm_source=rss", "Bridge")))
    site.answer("/b", rss((f"{site.url}/r", "Bridge")))
    site.answer("/r", b"", status=302, location=address)
    site.answer("/bridge", page("Bridge", TEXT), type="text/html")
    site.answer("/bridge?utm_source=rss", page("Bridge", TEXT), type="text/html")
    bench.subscribe(f"{site.url}/a", f"{site.url}/b")
    bench.run()
    assert bench.rows("SELECT url FROM articles") == [(address,)]
    assert len(set(bench.rows("SELECT article_id FROM entries"))) == 1
    bench.run(Scope(force=True))
    assert bench.rows("SELECT count(*) FROM articles") == [(1,)]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<!doctype html><html><body>Sorry</body></html>", "HTML"),
        (b"", "nothing|empty"),
        (b"/etc/hostname", "feed"),
    ],
)
def test_a_feed_that_serves_something_else_fails_with_a_reason_while_others_go_on(
    bench, bridge, body: bytes, words: str
) -> None:
    bridge.answer("/broken", body, etag='"x"')
    bench.subscribe(f"{bridge.url}/broken", f"{bridge.url}/feed")
    count = bench.run()
    assert (count.polled, count.failed, count.new_entries) == (2, 1, 1)
    ((state, error, etag),) = bench.rows("SELECT state, last_error, etag FROM feeds WHERE url LIKE '%broken'")
    assert state == "failing"
    assert any(word.lower() in str(error).lower() for word in words.split("|"))
    assert etag is None


def test_a_page_that_is_gone_leaves_the_entry_its_own_text(bench, site, rss) -> None:
    site.answer("/feed", rss((f"{site.url}/gone", "Bridge opened")))
    bench.subscribe(f"{site.url}/feed")
    bench.run()
    assert bench.rows("SELECT status, text, detail FROM articles") == [
        ("gone", "Bridge opened: what happened, in one sentence.", "the page answered 404")
    ]
    assert bench.rows("SELECT count(*) FROM articles WHERE cluster_id IS NULL") == [(0,)]


def test_a_page_that_fails_for_now_is_tried_again_and_given_up_in_the_end(bench, site, rss) -> None:
    site.answer("/feed", rss((f"{site.url}/page", "Bridge opened")))
    site.answer("/page", b"", status=500)
    bench.subscribe(f"{site.url}/feed")
    bench.run()
    assert bench.rows("SELECT status, attempts FROM articles") == [("pending", 1)]
    for _ in range(3):
        bench.run(after=timedelta(hours=7))
    assert bench.rows("SELECT status, attempts FROM articles") == [("failed", 3)]
    asked = site.asked("/page")
    bench.run(after=timedelta(days=3))
    assert site.asked("/page") == asked == 4


def test_full_text_can_be_switched_off_for_a_feed(bench, bridge) -> None:
    bench.subscribe(f"{{url: '{bridge.url}/feed', full_text: false}}")
    bench.run()
    assert bench.rows("SELECT status FROM articles") == [("teaser",)]
    assert bridge.asked("/bridge") == 0


def test_a_changed_entry_has_its_page_read_again_and_the_old_text_is_kept(bench, bridge, rss, page) -> None:
    bench.subscribe(f"{bridge.url}/feed")
    bench.run()
    bridge.answer("/feed", rss((f"{bridge.url}/bridge", "Bridge opened at last")), etag='"2"')
    bridge.answer("/bridge", page("Bridge opened at last", TEXT + "Correction."), type="text/html")
    bench.run(Scope(force=True), after=timedelta(hours=1))
    assert bench.rows("SELECT title FROM articles") == [("Bridge opened at last",)]
    assert bench.rows("SELECT title, seen_at FROM article_revisions") == [
        ("Bridge opened", "2026-03-01T13:00:00Z")
    ]


def test_an_article_that_a_killed_process_was_fetching_is_taken_up_again(bench, bridge) -> None:
    bench.subscribe(f"{bridge.url}/feed")
    bench.run()
    bench.rows("UPDATE articles SET in_flight = 1, status = 'pending', next_fetch_at = first_seen_at")
    bench.run()
    assert bench.rows("SELECT status, in_flight FROM articles") == [("full", 0)]


def test_a_page_that_was_being_read_whenever_the_process_died_is_given_up(bench, bridge) -> None:
    bench.subscribe(f"{bridge.url}/feed")
    bench.run()
    bench.rows(
        "UPDATE articles SET in_flight = 1, cut_off = 3, next_fetch_at = first_seen_at, status = 'pending'"
    )
    asked = bridge.asked("/bridge")
    bench.run()
    assert bench.rows("SELECT status, cut_off FROM articles") == [("failed", 4)]
    assert bridge.asked("/bridge") == asked


def test_a_host_that_says_429_is_left_alone_with_all_its_feeds(bench, bridge, rss) -> None:
    bridge.answer("/busy", b"", status=429, retry_after="7200")
    bench.subscribe(f"{bridge.url}/busy")
    bench.run()
    bench.subscribe(f"{bridge.url}/busy", f"{bridge.url}/feed")
    assert bench.run(after=timedelta(minutes=119)).polled == 0
    assert bench.run(after=timedelta(minutes=2)).polled == 2


def test_only_the_feed_that_was_named_is_polled(bench, bridge, rss) -> None:
    bridge.answer("/other", rss())
    bench.subscribe(f"{bridge.url}/feed", f"{bridge.url}/other")
    assert bench.run(Scope(feed=f"{bridge.url}/feed")).polled == 1
    assert bridge.asked("/other") == 0


def test_pages_are_fetched_while_other_feeds_are_still_awaited(bench, bridge, rss) -> None:
    page_read = threading.Event()
    bridge.answer("/late", rss())

    def before(path: str) -> None:
        if path == "/bridge":
            page_read.set()
        elif path == "/late":
            assert page_read.wait(10)

    bridge.before = before
    bench.subscribe(f"{bridge.url}/feed", f"{bridge.on(2)}/late")
    count = bench.run()
    assert (count.polled, count.failed, count.articles, count.clustered) == (2, 0, 1, 1)


def test_a_page_under_suspicion_waits_until_nothing_else_is_going_on(bench, bridge, rss) -> None:
    bench.subscribe(f"{bridge.url}/feed")
    bench.run()
    bench.rows("UPDATE articles SET next_fetch_at = first_seen_at, cut_off = 1")
    bridge.answer("/late", rss())
    bench.subscribe(f"{bridge.on(2)}/late")
    bridge.log.clear()
    bench.run()
    assert [path for path, _ in bridge.log] == ["/late", "/robots.txt", "/bridge"]
