from __future__ import annotations

from aggregator.feeds import FeedLink, find_feeds

PAGE = "https://paper.example/news/"


def test_a_page_names_its_feeds_the_most_useful_first():
    page = b"""<html><head><base href="/base/">
    <link rel="alternate" type="application/rss+xml" title="Comments &amp; replies" href="comments.xml">
    <link rel="alternate" type="application/feed+json" title="JSON" href="feed.json">
    <link rel="stylesheet alternate" type="text/css" href="x.css">
    <link rel="ALTERNATE" type="application/atom+xml; charset=utf-8" title="News" href="atom.xml">
    <link rel="alternate" type="application/rss+xml" title="again" href="atom.xml">
    <link rel="alternate" type="application/rss+xml" href="javascript:alert(1)">
    <link rel="alternate" type="application/json" href="/wp-json/posts/1">
    <link rel="alternate" hreflang="de" href="/de"></head><body><a href="/other.rss">x</a></body></html>"""
    assert find_feeds(page, PAGE, "text/html") == (
        FeedLink("https://paper.example/base/atom.xml", "News", "application/atom+xml"),
        FeedLink("https://paper.example/base/feed.json", "JSON", "application/feed+json"),
        FeedLink("https://paper.example/base/comments.xml", "Comments & replies", "application/rss+xml"),
    )


def test_links_that_look_like_feeds_count_where_the_head_names_none():
    page = b"""<a href="world.rss?x=1">World</a> <a href="/feed/">All <b>news</b></a>
    <a href="/feedback">Write</a> <a href="mailto:feed">m</a>
    <a href="mailto:rss">m</a> <a>nothing</a> <a href="/index~rss2.xml">t</a>"""
    assert [link.url for link in find_feeds(page, PAGE)] == [
        "https://paper.example/news/world.rss?x=1",
        "https://paper.example/feed/",
        "https://paper.example/index~rss2.xml",
    ]


def test_a_feed_names_itself():
    feed = b'<rss version="2.0"><channel><title>News</title></channel></rss>'
    assert find_feeds(feed, PAGE, "text/html") == (FeedLink(PAGE, "News", "rss20"),)
    listed = b'{"version": "https://jsonfeed.org/version/1.1", "title": "J", "items": []}'
    assert find_feeds(listed, PAGE) == (FeedLink(PAGE, "J", "json11"),)


def test_nothing_names_no_feed():
    for page in (b"", b"\x00\xff", b"<html>", b"<!-- -->", b"<a href='http://['>x</a>"):
        assert find_feeds(page, PAGE) == ()
