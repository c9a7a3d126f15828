"""How feeds go wrong, through poll and store (cases L21-L36); the rules alone are tested in tests/feeds."""

from __future__ import annotations

from datetime import timedelta

import pytest

LATER = timedelta(hours=27)
HOUR = timedelta(hours=1)


@pytest.fixture
def polls(site, daemon, reply):
    """Poll bodies one after the other, and return the entries there are after each."""

    def run(*bodies, settings=None):
        site.on("/feed", *(reply(200, body) for body in bodies))
        daemon.subscribe(site.url(), **({"settings": settings} if settings else {}))
        counts = []
        for _ in bodies:
            daemon.cycle(after=LATER)
            counts.append(daemon.row("SELECT count(*) FROM entries")[0])
        return counts

    return run


def items(*entries: dict[str, str]) -> bytes:
    body = "".join(
        "<item>" + "".join(f"<{name}>{value}</{name}>" for name, value in entry.items()) + "</item>"
        for entry in entries
    )
    return f"<rss version='2.0'><channel><title>x</title>{body}</channel></rss>".encode()


@pytest.mark.parametrize(
    "date",
    [
        "", "Fri, 31 Dec 9999 23:59:59 GMT", "Sat, 01 Jan 0000 00:00:00 GMT", "Mon, 01 Jan 1900 00:00:00 GMT",
        "Tue, 01 Mar 2036 12:00:00 GMT", "Sun, 01 Mar 2026 24:00:00 GMT", "Sun, 31 Dec 2016 23:59:60 GMT",
        "01 Mar 26 08:00 GMT", "Dim, 01 Mars 2026 08:00:00 +0100", "1772352000", "2026-03-01T08:00:00",
        "yesterday",        "Sun, 01 Mar 2026 08:00:00 -0000",
    ],
)  # fmt: skip
def test_l21_an_entry_with_any_date_is_kept_and_none_is_of_the_future(polls, daemon, date):
    assert polls(items({"guid": "a", "title": "A", "pubDate": date})) == [1]
    published, first_seen, raw = daemon.row("SELECT published_at, first_seen_at, published_raw FROM entries")
    assert published is None or published <= first_seen
    assert raw == (date or None)


def test_l22_guids_that_turn_to_https_bring_nothing_new(polls):
    entries = [
        {"guid": f"http://x.example/{n}", "title": f"T{n}", "link": f"http://x.example/{n}"} for n in range(5)
    ]
    assert polls(items(*entries), items(*entries).replace(b"http://x", b"https://x")) == [5, 5]


def test_l23_random_guids_bring_nothing_new_and_the_feed_is_flagged(polls, daemon):
    documents = [
        items(*({"guid": f"{poll}-{n}", "title": f"T{n}", "link": f"http://x.example/{n}"} for n in range(5)))
        for poll in range(4)
    ]
    assert polls(*documents) == [5, 5, 5, 5]
    details = {detail for (detail,) in daemon.rows("SELECT detail FROM polls ORDER BY id LIMIT 3 OFFSET 1")}
    assert details == {"The feed has given its entries new guids: they are told apart by their links."}


def test_l24_an_archive_published_again_under_new_links_and_dates_is_no_news(polls, daemon):
    """Sixty known titles under new guids, links and dates, and one that is new indeed."""

    def entry(n, age):
        return {
            "guid": f"{age}{n}", "title": f"Report number {n}", "link": f"http://x.example/{age}/{n}",
            "pubDate": f"Sun, 01 Mar 2026 0{n % 9}:00:00 GMT",
        }  # fmt: skip

    old = items(*(entry(n, "old") for n in range(60)))
    new = items(*(entry(n, "new") for n in range(61)))
    assert polls(old, new) == [60, 121]
    assert daemon.row("SELECT count(*) FROM articles") == (61,)
    assert "All 61 entries are new" in daemon.rows("SELECT detail FROM polls ORDER BY id")[1][0]


def test_l24_the_news_of_a_busy_feed_after_a_long_silence_is_news(polls, daemon):
    def document(*numbers):
        return items(
            {"guid": "weather1", "title": "Weather", "link": f"http://x.example/w{numbers[0]}"},
            *({"guid": f"{n}", "title": f"Report {n}", "link": f"http://x.example/{n}"} for n in numbers),
        ).replace(b"weather1", b"w%d" % numbers[0])

    assert polls(document(*range(60)), document(*range(100, 160))) == [61, 122]
    assert daemon.row("SELECT count(*) FROM articles") == (122,)


def test_l25_entries_that_share_a_guid_are_all_kept_and_stable(polls):
    entries = [{"guid": "1", "title": f"T{n}", "link": f"http://x.example/{n}"} for n in range(10)]
    assert polls(items(*entries), items(*reversed(entries)), items(*entries)) == [10, 10, 10]


def test_l26_entries_without_guid_that_share_a_link_do_not_overwrite_each_other(polls, daemon):
    entries = [{"title": f"T{n}", "link": "http://x.example/"} for n in range(5)]
    assert polls(items(*entries), items(*entries) + b" ") == [5, 5]
    assert daemon.rows("SELECT changed_entries FROM polls") == [(0,), (0,)]


def test_l27_a_guid_that_comes_and_goes_doubles_nothing(polls):
    bare = {"title": "T", "link": "http://x.example/1"}
    assert polls(items(bare), items({"guid": "g", **bare}), items(bare)) == [1, 1, 1]


def test_l28_two_versions_by_turns_are_one_update(polls, daemon):
    one, two = (items({"guid": "1", "title": "T", "description": text}) for text in ("one", "two"))
    assert polls(one, two, one, two, one, two) == [1] * 6
    assert sum(count for (count,) in daemon.rows("SELECT changed_entries FROM polls")) == 1


def test_l29_volatile_content_is_updated_a_limited_number_of_times(polls, daemon):
    bodies = [items({"guid": "1", "title": "T", "description": f"{n} views"}) for n in range(40)]
    assert polls(*bodies)[-1] == 1
    assert sum(count for (count,) in daemon.rows("SELECT changed_entries FROM polls")) == 24


def test_l30_an_edited_entry_is_updated_in_place_and_its_page_read_again(polls, site, daemon, reply):
    link = site.url("/page")
    site.on("/page", reply(200, b"<p>x</p>", [("Content-Type", "text/html")]))
    settings = "compute: {kind: inline}\nnetwork: {allow_private: [127.0.0.0/8]}"
    versions = [items({"guid": "1", "title": title, "link": link}) for title in ("Old", "New")]
    assert polls(*versions, settings=settings) == [1, 1]
    assert daemon.row("SELECT title FROM entries") == ("New",)
    assert len(site.asked("/page")) == 2


def test_l31_an_entry_that_vanishes_and_returns_is_not_new(polls):
    full = items(*({"guid": f"{n}", "title": f"T{n}"} for n in range(3)))
    part = items({"guid": "0", "title": "T0"})
    assert polls(full, part, full) == [3, 3, 3]


@pytest.mark.parametrize(
    "body", [b"", b"<html><form>Log in</form></html>", b'{"error": "x"}', b"maintenance"]
)
def test_l32_what_is_no_feed_is_an_error_and_the_entries_stay(polls, daemon, body):
    assert polls(items({"guid": "1", "title": "T"}), body) == [1, 1]
    assert daemon.row("SELECT state FROM feeds") == ("failing",)


def test_l33_a_feed_that_changes_its_format_keeps_its_entries(polls):
    link = "http://x.example/1"
    rss = items({"guid": link, "title": "T", "link": link})
    atom = (
        f"<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>{link}</id><title>T</title>"
        f"<link href='{link}'/></entry></feed>"
    ).encode()
    json_feed = (
        '{"version": "https://jsonfeed.org/version/1.1", "title": "x", "items":'
        f' [{{"id": "{link}", "url": "{link}", "title": "T", "content_text": "x"}}]}}'
    ).encode()
    assert polls(rss, atom, json_feed) == [1, 1, 1]


def test_l34_one_bad_byte_costs_one_character(polls, daemon):
    assert polls(items({"guid": "1", "title": "Br\x00cke"}).replace(b"\x00", b"\xfc"))[-1] == 1
    assert daemon.row("SELECT title FROM entries")[0].startswith("Br")


def test_l35_entries_beyond_a_thousand_wait_and_a_huge_one_is_kept(polls, daemon):
    many = [{"guid": f"{n}", "title": f"T{n}"} for n in range(1500)]
    many[0]["description"] = "word " * 400_000
    assert polls(items(*many)) == [1000]


def test_l36_the_same_article_from_two_feeds_is_one(site, daemon, reply):
    site.on("/a", reply(200, items({"title": "T", "link": "/story?utm_source=rss&amp;id=7"})))
    site.on("/b", reply(200, items({"title": "T", "link": site.url("/story?id=7#top")})))
    daemon.subscribe(site.url("/a"), site.url("/b"))
    daemon.cycle()
    assert daemon.rows("SELECT url FROM articles") == [(site.url("/story?id=7"),)]
