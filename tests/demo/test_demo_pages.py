"""Feeds and pages are read by the readers of others as what they are meant to be."""

import io
import json
import re
import warnings
from collections import Counter
from html import unescape

import feedparser
import pytest
import trafilatura
from lxml import html

from aggregator.demo.newsroom import DemoArticle
from aggregator.demo.outlets import OUTLETS, DemoOutlet
from aggregator.demo.pages import render_feed, render_front_page, render_page

Articles = tuple[DemoArticle, ...]

VERSIONS = {"rss2": "rss20", "rss1": "rss10", "atom": "atom10"}
XML_OUTLETS = [outlet for outlet in OUTLETS.values() if outlet.feed != "json"]
JSON_OUTLETS = [outlet for outlet in OUTLETS.values() if outlet.feed == "json"]


def newest_first(articles: Articles, outlet: DemoOutlet) -> list[DemoArticle]:
    return [article for article in reversed(articles) if article.outlet == outlet]


def words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text.lower()))


@pytest.mark.parametrize("outlet", XML_OUTLETS, ids=lambda outlet: outlet.domain)
def test_a_feed_gives_feedparser_every_article_of_its_outlet(outlet: DemoOutlet, articles: Articles) -> None:
    wanted = newest_first(articles, outlet)
    document = render_feed(outlet, wanted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        feed = feedparser.parse(
            io.BytesIO(document.body), response_headers={"content-type": document.content_type}
        )
    assert not feed.bozo
    assert feed.version == VERSIONS[outlet.feed]
    assert feed.encoding == outlet.encoding
    assert feed.feed.title == outlet.name
    assert [unescape(entry.title) for entry in feed.entries] == [article.headline for article in wanted]
    assert [entry.link for entry in feed.entries] == [article.link for article in wanted]
    assert [re.sub(r"</?p>", "", entry.summary) for entry in feed.entries] == [a.summary for a in wanted]
    # RSS 1.0 and Atom call the date "updated" too; feedparser gives both as UTC.
    dates = [entry.get("published_parsed") or entry.updated_parsed for entry in feed.entries]
    assert dates == [(*article.published.timetuple()[:8], 0) for article in wanted]


@pytest.mark.parametrize("outlet", JSON_OUTLETS, ids=lambda outlet: outlet.domain)
def test_a_json_feed_holds_every_article_of_its_outlet(outlet: DemoOutlet, articles: Articles) -> None:
    wanted = newest_first(articles, outlet)
    feed = json.loads(render_feed(outlet, wanted).body)
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["feed_url"] == outlet.feed_url
    assert [item["title"] for item in feed["items"]] == [article.headline for article in wanted]
    assert [item["url"] for item in feed["items"]] == [article.link for article in wanted]


def test_formats_encodings_layouts_and_link_styles_are_mixed() -> None:
    outlets = OUTLETS.values()
    assert Counter(outlet.feed for outlet in outlets).keys() == {"rss2", "rss1", "atom", "json"}
    assert Counter(outlet.layout for outlet in outlets).keys() == {"gazette", "press", "portal", "wire"}
    assert Counter(outlet.links for outlet in outlets).keys() == {"plain", "tracked", "redirected"}
    assert "windows-1251" in {outlet.encoding for outlet in outlets}


def test_an_empty_feed_is_still_a_feed() -> None:
    for outlet in OUTLETS.values():
        document = render_feed(outlet, [])
        if outlet.feed == "json":
            assert json.loads(document.body)["items"] == []
        else:
            assert feedparser.parse(io.BytesIO(document.body)).version == VERSIONS[outlet.feed]


def test_every_page_gives_its_text_to_an_extractor(articles: Articles) -> None:
    for article in articles:
        document = render_page(article, newest_first(articles, article.outlet))
        got, wanted = words(trafilatura.extract(document.body) or ""), words(article.text)
        f1 = 2 * (got & wanted).total() / (got.total() + wanted.total())
        assert f1 > (0.8 if article.id == "mp-19" else 0.95), (article.id, f1)


def test_every_page_holds_what_surrounds_an_article_in_the_wild(articles: Articles) -> None:
    for article in articles:
        document = render_page(article, newest_first(articles, article.outlet))
        tree = html.fromstring(document.body)
        assert tree.xpath("string(//h1)") == article.headline
        assert tree.xpath("//link[@rel='canonical']/@href") == [article.url]
        assert tree.xpath("count(//p[ancestor::article or @class or ancestor::div])") >= len(
            article.paragraphs
        )
        assert "cookie" in tree.text_content().lower()
        assert len(tree.xpath("//aside//a")) >= 3
        data = json.loads(tree.xpath("string(//script[@type='application/ld+json'])"))
        described = data["@graph"][0] if "@graph" in data else data
        assert described["headline"] == article.headline
        assert described["datePublished"] == article.published.isoformat()
        assert described["isAccessibleForFree"] == (article.id != "mp-19")


def test_a_page_links_its_outlets_other_articles_but_not_itself(articles: Articles) -> None:
    reuters = newest_first(articles, OUTLETS["reuters.com"])
    tree = html.fromstring(render_page(reuters[0], reuters).body)
    links = tree.xpath("//aside//a/@href")
    assert reuters[1].path in links
    assert reuters[0].path not in links


def test_the_front_page_announces_the_feed_and_links_the_articles(articles: Articles) -> None:
    outlet = OUTLETS["kommersant.ru"]
    wanted = newest_first(articles, outlet)
    document = render_front_page(outlet, wanted)
    tree = html.fromstring(document.body.decode(outlet.encoding))
    assert tree.xpath("//link[@rel='alternate']/@href") == ["/feed"]
    assert tree.xpath("//main//a/@href") == [article.path for article in wanted]
    assert wanted[0].headline in tree.text_content()


def test_a_letter_that_a_legacy_encoding_lacks_becomes_a_character_reference(articles: Articles) -> None:
    spanish = next(article for article in articles if article.outlet.encoding == "iso-8859-15")
    document = render_page(spanish, [])
    assert document.content_type == "text/html; charset=iso-8859-15"
    assert spanish.paragraphs[0] in html.fromstring(document.body).text_content()
