from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from aggregator.pipeline.archive import import_lines, read_line
from aggregator.pipeline.cycle import Scope
from aggregator.reports.outlets import OutletList
from aggregator.store.writer import Writer

TEXT = "The mayor opened the new bridge over the river on Sunday after nine years of building. " * 8
NO_PAGES = "compute: {kind: inline}\nnetwork: {allow_private: [127.0.0.0/8]}\ndefaults: {full_text: false}\n"


def item(guid: str, link: str, title: str, date: str = "Sun, 01 Mar 2026 08:00:00 GMT") -> str:
    return (
        f"<item><guid isPermaLink='false'>{guid}</guid>{link and f'<link>{link}</link>'}"
        f"<title>{title}</title><pubDate>{date}</pubDate></item>"
    )


def feed(*items: str) -> bytes:
    return f"<rss version='2.0'><channel><title>News</title>{''.join(items)}</channel></rss>".encode()


@pytest.fixture
def poll(bench, site):
    """Serve a feed of these items, with no page fetched, and poll it an hour later."""
    bench.subscribe(f"{site.url}/feed", settings=NO_PAGES)

    def poll_it(*items: str):
        site.answer("/feed", feed(*items))
        return bench.run(Scope(force=True), after=timedelta(hours=1))

    return poll_it


def links(bench) -> list[tuple[object, ...]]:
    return bench.rows(
        "SELECT entries.url, articles.url FROM entries"
        " LEFT JOIN articles ON articles.id = article_id ORDER BY 1"
    )


def test_a_changed_link_with_the_same_title_is_the_same_article_at_a_new_address(bench, poll) -> None:
    poll(item("1", "https://a.example/bridge-1", "Bridge"))
    poll(item("1", "https://a.example/bridge-opened-1", "Bridge"))
    assert links(bench) == [("https://a.example/bridge-opened-1", "https://a.example/bridge-opened-1")]
    assert bench.rows("SELECT count(*) FROM articles") == [(1,)]
    poll(item("1", "https://a.example/bridge-1", "Bridge"))  # and back
    assert bench.rows("SELECT count(*) FROM articles") == [(1,)]


def test_a_changed_link_that_is_known_leads_to_the_article_that_is_there(bench, poll) -> None:
    poll(item("1", "https://a.example/a", "Bridge"), item("2", "https://a.example/b", "Bridge"))
    poll(item("1", "https://a.example/b", "Bridge"), item("2", "https://a.example/b", "Bridge"))
    assert {article for _, article in links(bench)} == {"https://a.example/b"}


def test_a_guid_that_comes_with_another_link_and_title_leads_to_another_article(bench, poll) -> None:
    poll(item("1", "https://a.example/bridge", "Bridge"))
    poll(item("1", "https://a.example/quake", "Quake"))
    assert links(bench) == [("https://a.example/quake", "https://a.example/quake")]
    assert bench.rows("SELECT url FROM articles ORDER BY id") == [
        ("https://a.example/bridge",),
        ("https://a.example/quake",),
    ]


def test_an_entry_without_a_link_is_kept_and_gets_its_article_when_the_link_comes(bench, poll) -> None:
    poll(item("1", "", "Bridge"))
    assert links(bench) == [(None, None)]
    poll(item("1", "https://a.example/bridge", "Bridge"))
    assert links(bench) == [("https://a.example/bridge", "https://a.example/bridge")]


def test_guids_that_change_from_http_to_https_bring_nothing_new(bench, poll) -> None:
    old = [item(f"http://a.example/{n}", f"http://a.example/{n}", f"Report {n}") for n in range(5)]
    assert poll(*old).new_entries == 5
    new = [item(f"https://a.example/{n}", f"https://a.example/{n}", f"Report {n}") for n in range(5)]
    assert poll(*new).new_entries == 0
    assert bench.rows("SELECT count(*) FROM articles") == [(5,)]


def test_guids_that_are_random_at_every_poll_bring_nothing_new_and_are_noted(bench, poll) -> None:
    for round_ in range(4):
        items = [item(f"{round_}-{n}", f"https://a.example/{n}", f"Report {n}") for n in range(5)]
        assert poll(*items).new_entries == (5 if round_ == 0 else 0)
    noted = bench.rows("SELECT outcome, detail IS NOT NULL FROM polls ORDER BY id")
    assert noted == [("ok", 0), ("ok", 1), ("ok", 1), ("ok", 1)]


def test_an_entry_that_vanishes_and_returns_is_not_new(poll) -> None:
    both = [item("1", "https://a.example/1", "One"), item("2", "https://a.example/2", "Two")]
    assert poll(*both).new_entries == 2
    assert poll(both[0]).new_entries == 0
    assert poll(*both).new_entries == 0


def test_a_date_in_the_future_is_not_believed(bench, poll) -> None:
    date = "Sun, 01 Mar 2037 08:00:00 GMT"
    poll(item("1", "https://a.example/1", "One", date))
    seen = "2026-03-01T13:00:00Z"
    stored = "SELECT entries.published_at, published_raw, articles.published_at FROM entries JOIN articles"
    assert bench.rows(stored) == [(seen, date, seen)]
    poll(item("1", "https://a.example/1", "One!", date))
    assert bench.rows(stored) == [(seen, date, seen)]


def test_a_feed_changes_its_format_at_one_address_and_nothing_is_new(bench, site, poll) -> None:
    poll(item("https://a.example/1", "https://a.example/1", "One"))
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "News",
        "items": [
            {"id": "https://a.example/1", "url": "https://a.example/1", "title": "One", "content_text": "x"}
        ],
    }
    site.answer("/feed", json.dumps(document).encode(), type="application/feed+json")
    assert bench.run(Scope(force=True), after=timedelta(hours=1)).new_entries == 0
    assert bench.rows("SELECT outcome FROM polls ORDER BY id") == [("ok",), ("ok",)]


def test_what_feeds_yaml_says_of_a_feed_is_sent_to_it(bench, site) -> None:
    site.answer("/feed", feed())
    bench.use(
        f"{NO_PAGES}feeds:\n  - url: {site.url}/feed\n    user_agent: special/1\n"
        "    headers: {X-Key: abc}\n    auth: {username: me, password: secret}\n    interval: 20m\n"
    )
    bench.run()
    sent = site.log[-1][1]
    assert (sent["user-agent"], sent["x-key"]) == ("special/1", "abc")
    assert sent["authorization"] == "Basic bWU6c2VjcmV0"
    assert bench.run(after=timedelta(minutes=21)).polled == 1


def test_a_feed_that_breaks_the_parser_fails_alone_and_keeps_its_entries(bench, site, poll, breaking) -> None:
    poll(item("1", "https://a.example/1", "One"))
    site.answer("/feed", feed(item("2", "https://a.example/2", "Two")), etag='"2"')
    bench.now += timedelta(days=2)
    assert bench.run_on(breaking("read_feed", "Two")).failed == 1
    assert bench.rows("SELECT state, last_error, etag FROM feeds") == [
        ("failing", "reading it failed: RuntimeError: boom", None)
    ]
    assert bench.rows("SELECT title FROM entries") == [("One",)]
    bench.now += timedelta(days=2)
    assert bench.run().new_entries == 1


def test_a_feed_that_cannot_be_reached_is_recorded_with_the_reason(bench) -> None:
    bench.subscribe("http://127.0.0.1:9/feed", settings=NO_PAGES)
    assert bench.run().failed == 1
    ((outcome, status, detail),) = bench.rows("SELECT outcome, status, detail FROM polls")
    assert (outcome, status) == ("connect", None)
    assert detail


def test_a_feed_that_has_moved_for_good_is_polled_at_its_new_address_in_the_end(bench, site) -> None:
    site.answer("/old", b"", status=301, location=f"{site.url}/new")
    site.answer("/new", feed(item("1", "https://a.example/1", "One")))
    bench.subscribe(f"{site.url}/old", settings=NO_PAGES)
    for _ in range(6):
        bench.run(Scope(force=True), after=timedelta(days=2))
    assert bench.rows("SELECT moved_to FROM feeds") == [(f"{site.url}/new",)]
    asked = site.asked("/old")
    bench.run(Scope(force=True), after=timedelta(days=2))
    assert site.asked("/old") == asked


def line(**fields: object) -> str:
    return json.dumps({"url": "https://a.example/1", "title": "Bridge", "text": TEXT} | fields)


def import_all(bench, *lines: str):
    with Writer(bench.database) as writer:
        return list(import_lines(lines, writer, OutletList.load(()), bench.now))


def test_articles_are_imported_and_imported_again_as_a_revision(bench) -> None:
    (count,) = import_all(bench, line(), "", line(url="https://b.example/2", text=""))
    assert (count.new, count.known, count.bad) == (2, 0, ())
    assert bench.rows("SELECT status, detail, outlet FROM articles ORDER BY id") == [
        ("full", None, "a.example"),
        ("teaser", "imported without a text", "b.example"),
    ]
    (count,) = import_all(bench, line(title="Bridge opened"))
    assert (count.new, count.known) == (0, 1)
    assert bench.rows("SELECT title FROM article_revisions") == [("Bridge",)]
    assert bench.rows("SELECT title FROM articles WHERE id = 1") == [("Bridge opened",)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not JSON"),
        ("[1]", "line: "),
        ("[" * 100_000, "nested too deeply"),
        ("{}", "url: Field required; title: Field required"),
        (line(url="ftp://a.example/1"), "not a web address"),
        (line(url="https://"), "not a web address"),
        (line(title=" ", text=""), "title and text are both empty"),
        (line(published="yesterday"), "published: "),
        (line(published="0001-01-01T00:00:00+05:00"), "published: "),
        (line(title=7), "title: "),
    ],
)
def test_a_line_that_is_no_good_is_reported_and_costs_only_itself(bench, text: str, reason: str) -> None:
    (count,) = import_all(bench, line(), text, line(url="https://c.example/3"))
    assert (count.new, [bad.number for bad in count.bad]) == (2, [2])
    assert reason in count.bad[0].message


@pytest.mark.parametrize("key", ["url", "title", "text", "lang", "outlet", "other"])
def test_half_a_character_anywhere_in_a_line_does_no_harm(bench, key: str) -> None:
    (count,) = import_all(bench, line(**{key: "https://a.example/\ud800"}))
    assert (count.new, count.bad) == (1, ())


def test_a_lines_time_is_utc_where_it_names_no_zone_and_its_outlet_goes_before_the_address() -> None:
    outlets = OutletList.load(())
    article, outlet = read_line(
        line(published="2025-05-01T10:00", outlet="WWW.Other.example", lang="en"), outlets
    )
    assert (article.published_at, outlet, article.lang) == (
        datetime(2025, 5, 1, 10, tzinfo=UTC),
        "other.example",
        "en",
    )
    article, outlet = read_line(line(published="2025-05-01T10:00+02:00", outlet="", lang=""), outlets)
    assert article.published_at == datetime(2025, 5, 1, 8, tzinfo=UTC)
    assert (outlet, article.lang) == ("a.example", "en")
    article, _ = read_line(line(published=1746086400, text=None), outlets)
    assert (article.published_at, article.text) == (datetime(2025, 5, 1, 8, tzinfo=UTC), "")
    assert read_line(line(published=""), outlets)[0].published_at is None


@pytest.mark.parametrize(
    ("given", "lang"),
    [("pt-BR", "pt"), ("DE", "de"), ("nb", "no"), ("xx", "en"), ("english", "en"), (7, "en")],
)
def test_a_lines_language_is_a_language_or_else_what_its_text_is_in(given: object, lang: str) -> None:
    assert read_line(line(lang=given), OutletList.load(()))[0].lang == lang
