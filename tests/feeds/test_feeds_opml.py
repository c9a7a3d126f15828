from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.feeds import Subscription, read_opml, write_opml

words = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20).filter(
    lambda word: not set(word) & set("<&")
)
subscriptions = st.builds(
    Subscription,
    url=st.integers(0, 9).map(lambda n: f"https://paper.example/{n}?a=1&b=2"),
    title=st.just("") | words,
    home_url=st.none() | st.just("https://paper.example/"),
    tags=st.lists(words, unique=True, max_size=3).map(tuple),
)


@given(st.lists(subscriptions, unique_by=lambda one: one.url))
def test_what_is_written_is_read_again(listed):
    assert sorted(read_opml(write_opml(listed)), key=lambda one: one.url) == sorted(
        listed, key=lambda one: one.url
    )


@given(
    st.lists(
        st.builds(Subscription, st.just("https://a.example/"), st.text(), tags=st.lists(st.text()).map(tuple))
    )
)
def test_no_title_is_too_strange_to_be_written(listed):
    assert len(read_opml(write_opml(listed, title="\x00\ufffe"))) == bool(listed)


@given(st.binary(max_size=200))
def test_no_bytes_raise(document):
    assert isinstance(read_opml(b"<opml><body>" + document), tuple)


def test_nested_folders_become_tags_and_a_feed_listed_twice_is_one():
    document = b"""<?xml version="1.0"?><opml version="1.0"><body>
    <outline text="News"><outline text="World &amp; more">
      <outline text="Paper" xmlUrl="https://paper.example/rss" htmlUrl="https://paper.example/" type="rss"/>
    </outline></outline>
    <outline title="Morning"><outline text="other" XMLURL="https://paper.example/rss"/></outline></body></opml>"""
    assert read_opml(document) == (
        Subscription(
            "https://paper.example/rss",
            "Paper",
            "https://paper.example/",
            ("News", "World & more", "Morning"),
        ),
    )


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("feed://paper.example/rss", "http://paper.example/rss"),
        ("feed:https://paper.example/rss", "https://paper.example/rss"),
        ("feed://https://paper.example/rss", "https://paper.example/rss"),
        (" https://paper.example/?a=1&b=2 ", "https://paper.example/?a=1&b=2"),
    ],
)
def test_addresses_are_mended_where_it_is_clear_what_is_meant(written, url):
    document = f'<opml><body><outline xmlUrl="{written}"/></body></opml>'.encode()
    assert [one.url for one in read_opml(document)] == [url]


@pytest.mark.parametrize(
    "address",
    ["|touch /tmp/x", "filter:cmd:https://a.example/", "exec:ls", "javascript:alert(1)", "file:///etc", ""],
)
def test_s17_a_command_is_not_a_feed(address):
    assert read_opml(f'<opml><body><outline type="rss" xmlUrl="{address}"/></body></opml>'.encode()) == ()


def test_s17_bombs_depth_and_numbers_are_survived():
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE x [<!ENTITY e0 "lol">{entities}]><opml><body><outline xmlUrl="http://a.example/&e9;"/></body></opml>'
    assert all(len(one.url) < 9_000 for one in read_opml(bomb.encode()))
    deep = b"<opml><body>" + b'<outline text="x">' * 10_000 + b'<outline xmlUrl="http://a.example/"/>'
    assert read_opml(deep) == ()
    many = b"".join(b'<outline xmlUrl="http://a.example/%d"/>' % (n % 50_000) for n in range(100_000))
    assert len(read_opml(b"<opml><body>" + many + b"</body></opml>")) == 50_000


def test_a_document_in_utf_16_is_read():
    document = '<?xml version="1.0" encoding="utf-16"?><opml><body><outline text="Ж" xmlUrl="http://a.example/"/></body></opml>'
    assert read_opml(document.encode("utf-16")) == (Subscription("http://a.example/", "Ж"),)
