from __future__ import annotations

from pathlib import Path

import pytest

from aggregator.config import EditError, add_feeds, parse_config, remove_feed

TEXT = """\
# my news
database: news.db  # here

feeds:
  # Germany
  - https://a.example/feed   # the best
  - {url: "https://b.example/feed", tags: [b]}
"""


def test_adding_a_feed_keeps_every_comment() -> None:
    edited = add_feeds(TEXT, [{"url": "https://c.example/feed", "tags": ["c"]}])
    assert [line for line in TEXT.splitlines() if line not in edited.splitlines()] == []
    assert parse_config(edited, Path("f"), {}).feeds[2].tags == ("c",)


def test_adding_a_feed_that_is_there_changes_nothing() -> None:
    assert add_feeds(TEXT, [{"url": "http://a.example/feed/"}]) == TEXT


def test_removing_a_feed_leaves_the_others_and_their_comments() -> None:
    edited = remove_feed(TEXT, "https://b.example/feed")
    assert "b.example" not in edited
    assert "# the best" in edited
    assert "# my news" in edited


def test_feeds_can_be_added_to_an_empty_file_and_to_an_empty_list() -> None:
    for text in ("", "feeds: []\n", "feeds:\n"):
        config = parse_config(add_feeds(text, [{"url": "https://a.example/feed"}]), Path("f"), {})
        assert [feed.url for feed in config.feeds] == ["https://a.example/feed"]


def test_removing_an_unknown_feed_or_editing_something_else_says_so() -> None:
    with pytest.raises(EditError, match="not among the feeds"):
        remove_feed(TEXT, "https://c.example/feed")
    with pytest.raises(EditError, match="not YAML"):
        add_feeds("feeds: [", [])
    with pytest.raises(EditError, match="must be a mapping"):
        add_feeds("- a\n", [])
