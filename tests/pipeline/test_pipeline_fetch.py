from __future__ import annotations

import asyncio
import threading
from datetime import timedelta

import pytest

from aggregator.pipeline.bounded import for_each
from aggregator.pipeline.cycle import Scope
from aggregator.pipeline.fetch import PER_HOST_AND_CYCLE
from aggregator.store.writer import Writer

TEXT = "The mayor opened the new bridge over the river on Sunday after nine years of building. " * 8


@pytest.fixture
def pages(bench, site, rss, page):
    """A feed with three entries and their pages."""
    site.answer("/feed", rss(*((f"{site.on(k)}/{n}", f"Bridge {n}") for k, n in enumerate("abc", 2))))
    for n in "abc":
        site.answer(f"/{n}", page(f"Bridge {n}", TEXT + n), type="text/html")
    bench.subscribe(f"{site.url}/feed")
    return site


def test_suspects_are_read_alone_so_that_none_is_blamed_for_another(bench, pages) -> None:
    bench.run()
    bench.rows("UPDATE articles SET status = 'pending', next_fetch_at = first_seen_at, cut_off = 1")
    at_once, most = set(), []
    lock = threading.Lock()

    def watch(path: str) -> None:
        if path in ("/a", "/b", "/c"):
            with lock:
                marked = bench.rows("SELECT count(*) FROM articles WHERE in_flight = 1")[0][0]
                at_once.add(marked)
                most.append(path)

    pages.before = watch
    bench.run()
    assert at_once == {1}
    assert most == ["/a", "/b", "/c"]
    assert bench.rows("SELECT DISTINCT status, in_flight FROM articles") == [("full", 0)]


def test_pages_that_an_orderly_end_cut_off_are_not_blamed(bench, pages) -> None:
    async def stopped() -> None:
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()
        pages.before = lambda path: loop.call_soon_threadsafe(asked.set) if path == "/a" else None
        with Writer(bench.database) as writer:
            cycle = asyncio.create_task(bench.cycle(writer, Scope()))
            await asked.wait()
            cycle.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cycle

    asyncio.run(stopped())
    assert bench.rows("SELECT count(*) FROM articles WHERE in_flight = 1 OR cut_off > 0") == [(0,)]
    pages.before = lambda _path: None
    bench.run()
    assert bench.rows("SELECT DISTINCT status FROM articles") == [("full",)]


def test_a_page_whose_host_says_429_is_left_for_as_long_as_it_says_and_nothing_is_held_against_it(
    bench, site, rss
) -> None:
    site.answer("/feed", rss((f"{site.url}/busy", "Busy")))
    site.answer("/busy", b"", status=429, retry_after="7200")
    bench.subscribe(f"{site.url}/feed")
    for _ in range(6):
        bench.run(after=timedelta(hours=3))
    assert bench.rows("SELECT status, attempts FROM articles") == [("pending", 0)]
    asked = site.asked("/busy")
    bench.run(after=timedelta(minutes=119))
    assert site.asked("/busy") == asked == 6


def test_the_other_pages_of_a_paused_host_wait_as_well(bench, site, rss, page) -> None:
    site.answer("/feed", rss((f"{site.url}/busy", "Busy"), (f"{site.url}/other", "Other")))
    site.answer("/busy", b"", status=429, retry_after="7200")
    site.answer("/other", page("Other", TEXT), type="text/html")
    bench.use(
        "compute: {kind: inline}\nnetwork: {allow_private: [127.0.0.0/8], concurrency: 1}\n"
        f"feeds: ['{site.url}/feed']\n"
    )
    bench.run()
    assert site.asked("/other") == 0
    assert bench.rows("SELECT attempts FROM articles") == [(0,), (0,)]
    bench.run(after=timedelta(minutes=30))
    assert (site.asked("/busy"), site.asked("/other")) == (1, 0)


def test_a_429_without_a_time_is_an_attempt_like_any_other(bench, site, rss) -> None:
    site.answer("/feed", rss((f"{site.url}/busy", "Busy")))
    site.answer("/busy", b"", status=429)
    bench.subscribe(f"{site.url}/feed")
    bench.run()
    assert bench.rows("SELECT status, attempts, detail FROM articles") == [
        ("pending", 1, "the page answered 429")
    ]


@pytest.mark.parametrize(
    ("status", "stored"), [(403, "blocked"), (451, "blocked"), (404, "gone"), (410, "gone")]
)
def test_a_refusal_settles_a_page_at_once(bench, site, rss, status: int, stored: str) -> None:
    site.answer("/feed", rss((f"{site.url}/page", "Bridge opened")))
    site.answer("/page", b"no", status=status)
    bench.subscribe(f"{site.url}/feed")
    bench.run()
    assert bench.rows("SELECT status, detail FROM articles") == [(stored, f"the page answered {status}")]
    assert bench.rows("SELECT text FROM articles") == [("Bridge opened: what happened, in one sentence.",)]


def test_a_page_that_robots_txt_forbids_is_blocked(bench, pages) -> None:
    pages.answer("/robots.txt", b"User-agent: *\nDisallow: /b\n", type="text/plain")
    bench.run()
    assert bench.rows("SELECT status FROM articles ORDER BY id") == [("full",), ("blocked",), ("full",)]


def test_a_page_that_cannot_be_reached_is_tried_again(bench, site, rss) -> None:
    site.answer("/feed", rss(("http://127.0.0.1:9/page", "Bridge opened")))
    bench.subscribe(f"{site.url}/feed")
    bench.run()
    assert bench.rows("SELECT status, attempts, detail IS NULL FROM articles") == [("pending", 1, 0)]


def test_a_host_is_asked_for_so_many_pages_a_cycle_and_the_rest_later(bench, site, rss, monkeypatch) -> None:
    monkeypatch.setattr("aggregator.pipeline.fetch.PER_HOST_AND_CYCLE", 2)
    site.answer("/feed", rss(*((f"{site.url}/{n}", f"Bridge {n}") for n in range(3))))
    bench.subscribe(f"{site.url}/feed")
    assert bench.run().articles == 2
    assert bench.rows("SELECT count(*) FROM articles WHERE status = 'pending'") == [(1,)]
    bench.run(after=timedelta(minutes=11))
    assert bench.rows("SELECT count(*) FROM articles WHERE status = 'pending'") == [(0,)]


def test_entries_whose_pages_are_not_wanted_cost_no_host_anything(bench, site, rss) -> None:
    many = PER_HOST_AND_CYCLE + 5
    site.answer("/feed", rss(*((f"{site.url}/{n}", f"Bridge {n}") for n in range(many))))
    bench.subscribe(f"{{url: '{site.url}/feed', full_text: false}}")
    assert bench.run().articles == many


@pytest.mark.parametrize("status", [403, 429, 503])
def test_a_page_behind_a_browser_check_is_blocked_and_its_entry_kept(bench, site, rss, status) -> None:
    site.answer("/feed", rss((f"{site.url}/page", "Bridge opened")))
    site.answer("/page", b"<p>Just a moment</p>", status=status, cf_mitigated="challenge")
    bench.subscribe(f"{site.url}/feed")
    bench.run()
    assert bench.rows("SELECT title, status, detail FROM articles") == [
        ("Bridge opened", "blocked", f"the page answered {status} and asks for a browser check")
    ]


def test_a_feed_may_name_parts_of_its_pages_that_are_left_out(bench, site, rss, page) -> None:
    box = f"<div class='promo'><p>{'Subscribe to our letter today and never miss a thing. ' * 9}</p></div>"
    body = page("Bridge opened").replace(b"</article>", f"{box}</article>".encode())
    for name, override in (("a", ""), ("b", ", strip: ['.ad', .promo]")):
        site.answer(f"/{name}", rss((f"{site.url}/{name}/page", "Bridge opened")))
        site.answer(f"/{name}/page", body)
        bench.subscribe(f"{{url: '{site.url}/{name}'{override}}}")
        bench.run()
    texts = bench.rows("SELECT text LIKE '%Subscribe to our letter%' FROM articles ORDER BY id")
    assert texts == [(1,), (0,)]


def test_a_page_that_breaks_its_worker_is_tried_again(bench, pages, breaking) -> None:
    bench.run_on(breaking("extract_article", "Bridge b"))
    assert bench.rows("SELECT title, status, detail FROM articles ORDER BY id") == [
        ("Bridge a", "full", None),
        ("Bridge b", "pending", "reading it failed: RuntimeError: boom"),
        ("Bridge c", "full", None),
    ]
    bench.run(after=timedelta(hours=1))
    assert bench.rows("SELECT DISTINCT status FROM articles") == [("full",)]


def test_a_look_that_brings_less_than_is_stored_changes_nothing(bench, pages, rss) -> None:
    bench.run()
    before = bench.rows("SELECT title, text, status FROM articles")
    pages.answer("/feed", rss(*((f"{pages.on(k)}/{n}", f"Bridge {n}!") for k, n in enumerate("abc", 2))))
    for n in "abc":
        pages.answer(f"/{n}", b"no", status=403)
    bench.run(Scope(force=True), after=timedelta(hours=2))
    assert bench.rows("SELECT title, text, status FROM articles") == before
    assert bench.rows("SELECT count(*) FROM articles WHERE next_fetch_at IS NOT NULL") == [(0,)]


def test_the_first_failure_ends_all_and_comes_out_as_itself() -> None:
    begun = []

    async def work(number: int) -> int:
        begun.append(number)
        await asyncio.sleep(0)
        if number == 1:
            raise ValueError("the second")
        await asyncio.sleep(60)
        return number

    with pytest.raises(ValueError, match="the second"):
        asyncio.run(for_each(range(10), work, 3))
    assert begun == [0, 1, 2]


def test_results_come_in_the_order_of_the_things() -> None:
    async def work(number: int) -> int:
        for _ in range(5 - number):
            await asyncio.sleep(0)
        return number * number

    assert asyncio.run(for_each(range(5), work, 2)) == [0, 1, 4, 9, 16]
    assert asyncio.run(for_each([], work, 2)) == []


def test_a_page_whose_robots_txt_cannot_be_had_for_now_is_asked_for_later(bench, site, rss, page) -> None:
    site.answer("/feed", rss((f"{site.url}/bridge", "Bridge opened")))
    site.answer("/bridge", page("Bridge opened", TEXT), type="text/html")
    site.answer("/robots.txt", b"", status=503)
    bench.subscribe(f"{site.url}/feed")
    bench.run()
    assert bench.rows("SELECT status FROM articles") == [("pending",)]
    site.answer("/robots.txt", b"User-agent: *\nDisallow:\n")
    bench.run(after=timedelta(hours=7))
    assert bench.rows("SELECT status FROM articles") == [("full",)]


def test_a_page_that_robots_txt_forbids_is_left_alone(bench, site, rss) -> None:
    site.answer("/feed", rss((f"{site.url}/bridge", "Bridge opened")))
    site.answer("/robots.txt", b"User-agent: *\nDisallow: /bridge\n")
    bench.subscribe(f"{site.url}/feed")
    bench.run()
    assert bench.rows("SELECT status FROM articles") == [("blocked",)]
    assert site.asked("/bridge") == 0
