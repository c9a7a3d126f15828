from __future__ import annotations

import pickle

from aggregator.feeds import match_entries
from aggregator.model import Outlet, ParseFailure
from aggregator.pipeline.read import Reading, read_feed

URL = "http://paper.example/feed"


def read(*items: str, extra: tuple[Outlet, ...] = ()) -> Reading:
    body = f"<rss version='2.0'><channel><title>P</title>{''.join(items)}</channel></rss>".encode()
    found = read_feed(body, url=URL, headers={}, max_entries=10, extra_outlets=extra)
    assert isinstance(found, Reading)
    return found


def item(link: str, title: str = "One") -> str:
    return f"<item><link>{link}</link><title>{title}</title></item>"


def test_a_links_canonical_form_and_outlet_come_with_the_entries() -> None:
    news, tracked = "https://news.paper.example/1", "https://www.bbc.co.uk/news/2?utm_source=rss"
    found = read(item(news), item(tracked), item("mailto:a@b.example"))
    assert found.pages == {
        news: (news, "paper.example"),
        tracked: ("https://www.bbc.co.uk/news/2", "bbc.com"),
    }
    assert len(found.entries) == len(found.feed.entries) == 3


def test_an_outlet_on_a_part_of_a_host_is_told_from_the_rest_of_it() -> None:
    extra = (Outlet("money.example", "Money", hosts=("paper.example/money",)),)
    links = [f"https://paper.example/{path}" for path in ("money/1", "sport/2", "money/3", "4")]
    found = read(*map(item, links), extra=extra)
    assert [found.pages[link][1] for link in links] == [
        "money.example", "paper.example", "money.example", "paper.example",
    ]  # fmt: skip


def test_what_is_no_feed_is_said_to_be_none() -> None:
    failure = read_feed(b"<html>", url=URL, headers={}, max_entries=10, extra_outlets=())
    assert isinstance(failure, ParseFailure)


def test_a_reading_is_the_same_after_its_way_through_a_process() -> None:
    found = read(item("https://paper.example/1"), item("https://paper.example/2", "Two"))
    came = pickle.loads(pickle.dumps(found))  # noqa: S301  # our own
    assert (came.feed, came.pages) == (found.feed, found.pages)
    assert match_entries(came.entries, []) == match_entries(found.entries, [])
