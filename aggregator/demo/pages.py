"""Render the feeds and pages of the bundled newsroom. Pure: values in, bytes out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import format_datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from aggregator.demo.newsroom import DemoArticle
from aggregator.demo.outlets import DemoOutlet

_FEED_TYPES = {"rss2": "application/rss+xml", "rss1": "application/rdf+xml", "atom": "application/atom+xml"}
_RELATED = 4


@dataclass(frozen=True, slots=True)
class Document:
    """Bytes as an outlet serves them, with their media type."""

    body: bytes
    content_type: str


def render_feed(outlet: DemoOutlet, articles: Sequence[DemoArticle]) -> Document:
    """Render an outlet's feed, in the format it uses, of its articles (the newest first)."""
    if outlet.feed == "json":
        return _json_feed(outlet, articles)
    text = _templates().get_template(f"{outlet.feed}.xml").render(outlet=outlet, articles=articles)
    return _encoded(text, _FEED_TYPES[outlet.feed], outlet.encoding)


def render_page(article: DemoArticle, others: Sequence[DemoArticle]) -> Document:
    """Render the page of an article; ``others`` are linked as related articles of the outlet."""
    text = (
        _templates()
        .get_template(f"{article.outlet.layout}.html")
        .render(
            article=article,
            outlet=article.outlet,
            related=[other for other in others if other.id != article.id][:_RELATED],
            chrome=_chrome()[article.lang],
            linked_data=_linked_data(article),
        )
    )
    return _encoded(text, "text/html", article.outlet.encoding)


def render_front_page(outlet: DemoOutlet, articles: Sequence[DemoArticle]) -> Document:
    """Render the outlet's front page, which links its articles and announces its feed."""
    text = (
        _templates()
        .get_template("front.html")
        .render(outlet=outlet, articles=articles, chrome=_chrome()[outlet.language])
    )
    return _encoded(text, "text/html", outlet.encoding)


def _encoded(text: str, media_type: str, encoding: str) -> Document:
    # A letter that a legacy encoding lacks becomes a character reference, as those systems write it.
    return Document(text.encode(encoding, "xmlcharrefreplace"), f"{media_type}; charset={encoding}")


def _json_feed(outlet: DemoOutlet, articles: Sequence[DemoArticle]) -> Document:
    """Render JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/)."""
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": outlet.name,
        "home_page_url": outlet.home,
        "feed_url": outlet.feed_url,
        "language": outlet.language,
        "items": [_json_entry(article) for article in articles],
    }
    return Document(json.dumps(feed, ensure_ascii=False).encode(), "application/feed+json")


def _json_entry(article: DemoArticle) -> dict[str, Any]:
    return {
        "id": article.id,
        "url": article.link,
        "title": article.headline,
        "content_text": article.summary,
        "date_published": article.published.isoformat(),
        "authors": [{"name": article.author}] if article.author else [],
    }


def _linked_data(article: DemoArticle) -> dict[str, Any]:
    """Return the page's schema.org description; agency layouts wrap it in a graph."""
    newsroom = {"@type": "NewsMediaOrganization", "name": article.outlet.name}
    described = {
        "@type": "NewsArticle",
        "headline": article.headline,
        "description": article.summary,
        "datePublished": article.published.isoformat(),
        "inLanguage": article.lang,
        "isAccessibleForFree": not article.outlet.paywalled,
        "author": {"@type": "Person", "name": article.author} if article.author else newsroom,
        "publisher": newsroom,
        "mainEntityOfPage": article.url,
    }
    context = {"@context": "https://schema.org"}
    return {**context, "@graph": [described]} if article.outlet.layout == "wire" else {**context, **described}


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("aggregator.demo"),
        autoescape=select_autoescape(["html", "xml"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["rfc822"] = format_datetime
    return environment


@cache
def _chrome() -> dict[str, Any]:
    """Return, for each language, the words around an article: navigation, cookie notice, teasers, footer."""
    text = files("aggregator.demo").joinpath("chrome.json").read_text(encoding="utf-8")
    words: dict[str, Any] = json.loads(text)
    return words
