from __future__ import annotations

import json
import pickle
import pyexpat
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.feeds import parse_feed
from aggregator.model import ParsedEntry, ParsedFeed, ParseFailure, ParseProblem

URL = "https://paper.example/news/feed.xml"


def rss(items: str, channel: str = "") -> bytes:
    namespaces = (
        'xmlns:sy="http://purl.org/rss/1.0/modules/syndication/" xmlns:atom="http://www.w3.org/2005/Atom"'
    )
    content = 'xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    start = f'<rss version="2.0" {namespaces} {content}><channel><title>F</title>'
    return f"{start}{channel}{items}</channel></rss>".encode()


def read(body: bytes, **headers: str) -> ParsedFeed:
    parsed = parse_feed(
        body, url=URL, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    assert isinstance(parsed, ParsedFeed), parsed
    return pickle.loads(pickle.dumps(parsed))  # noqa: S301 - what a worker process sends back


def refused(body: bytes) -> ParseFailure:
    parsed = parse_feed(body, url=URL, headers={})
    assert isinstance(parsed, ParseFailure)
    return parsed


def item(inside: str) -> ParsedEntry:
    return read(rss(f"<item>{inside}</item>")).entries[0]


def test_an_rss_item_gives_all_its_fields():
    entry = item(
        "<guid>g1</guid><link>/a?x=1&amp;y=2</link><title>T</title><description>S</description>"
        "<content:encoded><![CDATA[<p>Body</p>]]></content:encoded><author>a@b.example (Ann)</author>"
        "<pubDate>Tue, 03 Nov 2026 13:00:00 +0100</pubDate>"
        '<source url="https://agency.example/rss">Agency</source>'
    )
    assert entry == ParsedEntry(
        guid="g1",
        url="https://paper.example/a?x=1&y=2",
        title="T",
        summary="S",
        content="<p>Body</p>",
        author="Ann",
        published_at=datetime(2026, 11, 3, 12, tzinfo=UTC),
        updated_at=None,
        published_raw="Tue, 03 Nov 2026 13:00:00 +0100",
        source_url="https://agency.example/rss",
        source_title="Agency",
    )


def test_an_atom_entry_gives_all_its_fields_with_xml_base():
    feed = read(
        b'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de" xml:base="https://base.example/x/"><title>F</title>'
        b'<link href="/"/><link rel="self" href="feed"/><link rel="hub" href="https://hub.example/"/>'
        b'<entry xml:base="y/" xml:lang="fr"><id>tag:1</id><title type="html">'
        b"A &amp;amp; &lt;b&gt;B&lt;/b&gt;</title>"
        b'<link href="z"/><updated>2026-11-03T12:00:00Z</updated><author><name>Ann</name></author>'
        b'<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Body</p></div></content>'
        b'<source><title>Agency</title><link href="https://agency.example/"/></source></entry></feed>'
    )
    entry = feed.entries[0]
    assert (feed.version, feed.language, feed.home_url) == ("atom10", "de", "https://base.example/")
    assert (feed.hints.hub, feed.hints.topic) == ("https://hub.example/", "https://base.example/x/feed")
    assert (entry.guid, entry.url, entry.title, entry.language) == (
        "tag:1",
        "https://base.example/x/y/z",
        "A & B",
        "fr",
    )
    assert (entry.author, entry.content, entry.source_url) == (
        "Ann",
        "<p>Body</p>",
        "https://agency.example/",
    )
    assert (entry.published_at, entry.updated_at) == (None, datetime(2026, 11, 3, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    ("body", "version"),
    [
        (b'<rss version="0.91"><channel><item><title>t</title></item></channel></rss>', "rss091u"),
        (
            b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">'
            b'<item rdf:about="i"><title>t</title></item></rdf:RDF>',
            "rss10",
        ),
        (
            b'<feed version="0.3" xmlns="http://purl.org/atom/ns#"><entry><title>t</title></entry></feed>',
            "atom03",
        ),
        (b'{"version": "https://jsonfeed.org/version/1", "items": [{"id": 1, "title": "t"}]}', "json10"),
        (
            b' \xef\xbb\xbf{"version": "https://jsonfeed.org/version/1.1", "items": [{"title": "t"}]}',
            "json11",
        ),
    ],
)
def test_every_format_is_read(body, version):
    feed = read(body)
    assert (feed.version, [entry.title for entry in feed.entries]) == (version, ["t"])


def test_a_json_feed_gives_all_its_fields():
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "F",
        "home_page_url": "/",
        "feed_url": URL,
        "language": "de",
        "hubs": [{"type": "WebSub", "url": "https://hub.example/"}, "x"],
        "authors": [{"name": "Ann"}, None],
        "items": [
            {
                "id": 7.0,
                "url": "a",
                "title": "A &amp; B",
                "content_html": "<p>Body</p>",
                "date_published": "2026-11-03T13:00:00+01:00",
                "date_modified": "2026-11-03T14:00:00",
            },
            {
                "id": None,
                "external_url": "https://b.example/",
                "content_text": "1 < 2",
                "date_published": "soon",
            },
            {"id": True, "author": {"name": "Bob"}, "summary": "short", "title": 5, "authors": 3},
            "nonsense",
        ],
    }
    feed = read(json.dumps(document).encode())
    first, second, third = feed.entries
    assert (feed.home_url, feed.language) == ("https://paper.example/", "de")
    assert (feed.hints.hub, feed.hints.topic) == ("https://hub.example/", URL)
    assert (first.guid, first.url, first.title) == ("7.0", "https://paper.example/news/a", "A & B")
    assert (first.summary, first.content, first.author) == ("Body", "<p>Body</p>", "Ann")
    assert (first.published_at, first.published_raw) == (
        datetime(2026, 11, 3, 12, tzinfo=UTC),
        "2026-11-03T13:00:00+01:00",
    )
    assert first.updated_at == datetime(2026, 11, 3, 14, tzinfo=UTC)
    assert (second.guid, second.url, second.content) == (None, "https://b.example/", "<p>1 &lt; 2</p>")
    assert (second.published_at, second.published_raw) == (None, "soon")
    assert (third.guid, third.author, third.summary, third.title) == (None, "Bob", "short", "")


@pytest.mark.parametrize(
    ("body", "problem", "words"),
    [
        (b"", ParseProblem.EMPTY, "empty body"),
        (b" \r\n\x00", ParseProblem.EMPTY, "empty body"),
        (b"<!DOCTYPE html><html><body>Login</body></html>", ParseProblem.HTML, "HTML page"),
        (
            b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'/>",
            ParseProblem.HTML,
            "HTML page",
        ),
        (b"<opml/>", ParseProblem.NOT_A_FEED, "XML that is not a feed"),
        (b'{"error": "maintenance"}', ParseProblem.NOT_A_FEED, "JSON that is not a JSON Feed"),
        (b'{"error": ', ParseProblem.NOT_A_FEED, "JSON that cannot be read"),
        (b'{"a":' * 100_000, ParseProblem.NOT_A_FEED, "JSON that cannot be read"),
        (b"[1, 2]", ParseProblem.NOT_A_FEED, "JSON that is not a JSON Feed"),
        (b"\x1f\x8b\x08\x00", ParseProblem.NOT_A_FEED, "compressed data"),
        (b"Down for maintenance", ParseProblem.NOT_A_FEED, "plain text"),
    ],
)
def test_l32_what_came_instead_of_a_feed_is_said(body, problem, words):
    failure = refused(body)
    assert failure.problem is problem
    assert words in failure.detail


def test_s15_a_body_that_is_a_path_is_not_opened(tmp_path):
    secret = tmp_path / "secret.xml"
    secret.write_bytes(rss("<item><title>secret</title></item>"))
    assert refused(str(secret).encode()).problem is ParseProblem.NOT_A_FEED
    assert refused(f"file://{secret}".encode()).problem is ParseProblem.NOT_A_FEED
    assert refused(b"/etc/hostname").problem is ParseProblem.NOT_A_FEED


@pytest.mark.parametrize("reference", ["&#x110000;", "&#55296;", "&#xDFFF;", f"&#{'9' * 400};", "&#0;"])
def test_s16_a_character_beyond_unicode_costs_the_character_and_not_the_feed(reference):
    entry = item(f"<title>a {reference} b</title><guid>1</guid>")
    assert (entry.title[0], entry.title[-1], entry.guid) == ("a", "b", "1")
    entry.title.encode()


def test_s16_what_the_parser_cannot_bear_fails_this_feed_alone():
    geography = 'xmlns:georss="http://www.georss.org/georss" xmlns:gml="http://www.opengis.net/gml"'
    point = '<gml:Point srsName="EPSG:x"><gml:pos>1 2</gml:pos></gml:Point>'
    failure = refused(rss(f"<item {geography}><georss:where>{point}</georss:where></item>"))
    assert failure.problem is ParseProblem.CRASHED
    assert failure.detail == "The feed cannot be parsed (ValueError)."


def test_s14_external_entities_are_not_resolved(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret words")
    doctype = f'<!DOCTYPE rss [<!ENTITY x SYSTEM "file://{secret}">]>'.encode()
    parsed = parse_feed(doctype + rss("<item><title>a&x;</title></item>"), url=URL, headers={})
    assert "secret words" not in repr(parsed)


def test_s13_an_entity_bomb_stays_small():
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE rss [<!ENTITY e0 "lollollol">{entities}]>'.encode() + rss(
        "<item><title>&e9;</title></item>"
    )
    assert len(repr(parse_feed(bomb, url=URL, headers={}))) < 10_000
    quadratic = f'<!DOCTYPE rss [<!ENTITY a "{"a" * 20_000}">]>'.encode() + rss(
        f"<item><title>{'&a;' * 20_000}</title></item>"
    )
    assert len(repr(parse_feed(quadratic, url=URL, headers={}))) < 2_000_000


def test_s13_the_xml_library_limits_the_growth_of_entities():
    assert pyexpat.version_info >= (2, 4, 1)


@pytest.mark.parametrize(
    "body",
    [
        rss("<item>" * 20_000),
        rss(f"<item><title>{'<b>' * 20_000}</title></item>"),
        rss(f"<item><description><![CDATA[{'<div>' * 50_000}]]></description></item>"),
        rss(f"<item><description><![CDATA[{'<p>text' * 100_000}]]></description></item>"),
    ],
)
def test_s24_deep_and_unclosed_markup_is_survived(body):
    assert isinstance(parse_feed(body, url=URL, headers={}), ParsedFeed | ParseFailure)


def test_s23_a_hundred_thousand_entries_are_cut_before_they_are_parsed():
    body = rss("".join(f"<item><guid>{n}</guid></item>" for n in range(100_000)), "<ttl>60</ttl>")
    feed = parse_feed(body, url=URL, headers={})
    assert isinstance(feed, ParsedFeed)
    assert (len(feed.entries), feed.truncated, feed.hints.ttl_seconds) == (1000, 99_000, 3600)


def test_l35_entries_beyond_the_limit_are_counted_and_left_out():
    body = rss("".join(f"<item><guid>{n}</guid></item>" for n in range(12)))
    feed = parse_feed(body, url=URL, headers={}, max_entries=10)
    assert isinstance(feed, ParsedFeed)
    assert ([entry.guid for entry in feed.entries], feed.truncated) == ([str(n) for n in range(10)], 2)
    items = [{"id": n} for n in range(12)]
    listed = json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items}).encode()
    feed = parse_feed(listed, url=URL, headers={}, max_entries=10)
    assert isinstance(feed, ParsedFeed)
    assert (len(feed.entries), feed.truncated) == (10, 2)


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "http://",
        "http://[",
        "https://a.example/\x7f",
        "https://a.example/" + "x" * 9000,
    ],
)
def test_s09_s29_only_web_addresses_are_links(link):
    assert item(f"<link><![CDATA[{link}]]></link><title>t</title>").url is None


@pytest.mark.parametrize(
    ("inside", "url"),
    [
        ("<link> //other.example/x y </link>", "https://other.example/x%20y"),
        ("<link>../a</link>", "https://paper.example/a"),
        ("<guid>https://paper.example/1</guid>", "https://paper.example/1"),
        ("<guid>12</guid>", None),
        ('<guid isPermaLink="false">https://paper.example/1</guid>', None),
        ('<atom:link rel="alternate" type="text/plain" href="/a.txt"/>', "https://paper.example/a.txt"),
        (
            '<link>https://proxy.example/1</link><f:origLink xmlns:f="http://rssnamespace.org/feedburner/ext/1.0">'
            "https://paper.example/1</f:origLink>",
            "https://paper.example/1",
        ),
    ],
)
def test_l36_a_link_is_resolved_once(inside, url):
    assert item(inside).url == url


@pytest.mark.parametrize(
    ("author", "expected"),
    [
        ("Ann &lt;ann@paper.example&gt;", "Ann"),
        ("ann@paper.example (Ann Writer)", "Ann Writer"),
        ("Ann Writer (Agency)", "Ann Writer (Agency)"),
        ("ann@paper.example", "ann@paper.example"),
        (" ", None),
    ],
)
def test_an_author_is_a_name_where_there_is_one(author, expected):
    assert item(f"<author>{author}</author>").author == expected


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("AT&amp;T", "AT&T"),
        ("AT&amp;amp;T &amp;#8217;", "AT&T ’"),
        ("&lt;b&gt;Bold&lt;/b&gt; move", "Bold move"),
        ("&lt;p&gt;one&lt;/p&gt;&lt;p&gt;two&lt;/p&gt;", "one two"),
        ("1 &lt; 2 &amp;amp; 3", "1 < 2 & 3"),
        ("C++ &lt;vector&gt;", "C++ <vector>"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;News", "News"),
        ("&amp;lt;i&amp;gt;News&amp;lt;/i&amp;gt;", "News"),
        ("a\x85b\u202eb &#x1b;[31m", "a…b\u202eb [31m"),
        ("  two\n lines\t", "two lines"),
        ("&lt;!-- x --&gt;kept", "kept"),
    ],
)
def test_a_title_is_plain_text_on_one_line(title, expected):
    assert item(f"<title>{title}</title>").title == expected


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("Tue, 03 Nov 2026 12:00:00 GMT", datetime(2026, 11, 3, 12, tzinfo=UTC)),
        ("2026-11-03T13:00:00+01:00", datetime(2026, 11, 3, 12, tzinfo=UTC)),
        ("03 Nov 26 12:00 -0000", datetime(2026, 11, 3, 12, tzinfo=UTC)),
        ("2026-11-03", datetime(2026, 11, 3, tzinfo=UTC)),
        ("1793707200", datetime(2026, 11, 3, 12, tzinfo=UTC)),
        ("1793707200000", datetime(2026, 11, 3, 12, tzinfo=UTC)),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("9999-12-31T23:59:59-12:00", None),
        ("0000-00-00T00:00:00Z", None),
        ("yesterday", None),
    ],
)
def test_l21_a_date_is_utc_or_nothing_and_its_words_are_kept(date, expected):
    entry = item(f"<pubDate>{date}</pubDate>")
    assert (entry.published_at, entry.published_raw) == (expected, date)


def test_b20_the_documents_wishes_are_read():
    hints = read(
        rss(
            "",
            "<ttl>720</ttl><sy:updatePeriod> daily </sy:updatePeriod>"
            "<sy:updateFrequency>2</sy:updateFrequency>"
            "<skipHours><hour>0</hour><hour>23</hour></skipHours>"
            "<skipDays><day>Sunday</day><day>Monday</day></skipDays>",
        )
    ).hints
    assert (hints.ttl_seconds, hints.update_period_seconds) == (43200, 43200)
    assert (hints.skip_hours, hints.skip_days) == ({0, 23}, {0, 6})


@pytest.mark.parametrize(
    "channel",
    [
        "<ttl>-5</ttl><skipHours><hour>24</hour><hour>99</hour><hour>x</hour></skipHours>",
        "<ttl>abc</ttl><skipDays><day>Funday</day></skipDays>",
        "<ttl>99999999</ttl><sy:updateFrequency>0</sy:updateFrequency>",
        "<ttl>0</ttl><sy:updatePeriod>fortnightly</sy:updatePeriod>",
        "<skipHours>" + " " * 9000 + "<hour>3</hour></skipHours>",
    ],
)
def test_b21_nonsense_among_the_wishes_is_left_out(channel):
    hints = read(rss("", channel)).hints
    assert (hints.ttl_seconds, hints.update_period_seconds, hints.skip_hours, hints.skip_days) == (
        None,
        None,
        set(),
        set(),
    )


def test_sy_update_frequency_alone_means_times_a_day():
    assert read(rss("", "<sy:updateFrequency>4</sy:updateFrequency>")).hints.update_period_seconds == 21600


@pytest.mark.parametrize(
    ("encoding", "header"),
    [("utf-8", ""), ("windows-1251", "text/xml; charset=windows-1251"), ("koi8-r", ""), ("utf-16", "")],
)
def test_l34_a_title_is_the_same_in_every_encoding(encoding, header):
    declared = "utf-8" if header else encoding
    body = (
        f'<?xml version="1.0" encoding="{declared}"?>'
        + rss("<item><title>Новости дня</title></item>").decode()
    )
    assert (
        read(body.encode(encoding), content_type=header or "application/xml").entries[0].title
        == "Новости дня"
    )


def test_l34_one_bad_byte_does_not_cost_the_feed():
    feed = read(
        rss("<item><title>good</title></item><item><title>b\xfcd</title></item>").replace(
            "\xfc".encode(), b"\xfc"
        )
    )
    assert [entry.title[0] for entry in feed.entries] == ["g", "b"]


def test_the_longest_html_body_is_the_content():
    plain_text = item("<description>Just words</description>")
    assert (plain_text.summary, plain_text.content) == ("Just words", "Just words")
    atom = read(
        b'<feed xmlns="http://www.w3.org/2005/Atom"><entry><summary>S</summary><content>1 &lt; 2</content>'
        b"</entry></feed>"
    ).entries[0]
    assert (atom.summary, atom.content) == ("S", "<p>1 &lt; 2</p>")


@given(st.binary(max_size=300))
def test_no_bytes_raise(body):
    for start in (
        b"",
        b"<rss><channel><item><title>",
        b'{"items": [{"id":',
        b"<feed xmlns='http://www.w3.org/2005/Atom'>",
    ):
        assert isinstance(parse_feed(start + body, url=URL, headers={}), ParsedFeed | ParseFailure)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["items", "title", "id", "url", "authors", "hubs", "author", "date_published", "version"]
                ),
                inner,
            )
        ),
    )
)
def test_no_json_raises(document):
    body = json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": [document]}).encode()
    assert isinstance(parse_feed(body, url=URL, headers={}), ParsedFeed)
