"""Feeds and pages to measure with: varied in format, size and language, and the same at every run.

Their sentences are those of the newsrooms in this repository, drawn anew for each text: real words at real
lengths, without the sense.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from html import escape
from pathlib import Path

from benchmarks.datasets import DEMO, OWN, read_newsroom

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
FORMATS = ("rss", "rss", "rss", "atom")
JSON_EVERY = 40  # one feed in so many is a JSON Feed, which only some programs read
SIZES = (10, 15, 20, 25, 30, 30, 35, 40, 65)  # entries of a feed: 30 on average
LANGUAGES = ("en", "en", "en", "de", "de", "fr", "es", "it", "pt", "nl", "pl", "ru", "tr", "uk")
PAGES_PER_HOST = 4


@cache
def sentences() -> dict[str, list[str]]:
    """Return the sentences of the newsrooms by language."""
    found: dict[str, list[str]] = {}
    for article in read_newsroom((DEMO, *OWN)):
        text = article.text.replace("\n", " ")
        found.setdefault(article.lang, []).extend(re.split(r"(?<=[.!?]) (?=\w)", text))
    return found


class Writer:
    """Draws texts of one language."""

    def __init__(self, seed: str) -> None:
        self.dice = random.Random(seed)
        self.language = self.dice.choice(LANGUAGES)
        self._pool = sentences()[self.language]

    def text(self, least: int, most: int) -> list[str]:
        return self.dice.choices(self._pool, k=self.dice.randint(least, most))

    def headline(self) -> str:
        words = self.dice.choice(self._pool).split()[: self.dice.randint(6, 12)]
        return " ".join(words).rstrip(".,;:") + f" {self.dice.randrange(10_000)}"


def is_json(feed: int) -> bool:
    return feed % JSON_EVERY == JSON_EVERY - 1


def feed_document(feed: int, *, added: int = 0) -> bytes:
    """Return feed number so and so; ``added`` is how many entries came since it was first made."""
    made = Writer(f"feed {feed}")
    form = "json" if is_json(feed) else made.dice.choice(FORMATS)
    count = made.dice.choice(SIZES)
    entries = [_entry(feed, number, made) for number in range(count)]
    newer = [_entry(feed, count + number, made) for number in range(added)]
    return _RENDER[form](feed, made.language, [*reversed(newer), *entries])


def _entry(feed: int, number: int, made: Writer) -> dict[str, str]:
    paragraphs = made.text(2, 7)
    at = NOW - timedelta(hours=made.dice.random() * 60)
    link = f"https://paper{feed}.example/news/{number}-{made.dice.randrange(10**6)}?a=1&b=2"
    body = "".join(
        f'<p class="text">{escape(p)} <a href="/more/{n}">{escape(p[:20])}</a></p>'
        for n, p in enumerate(paragraphs)
    )
    picture = f'<img src="https://img.paper{feed}.example/{number}.jpg" width="640" alt="">'
    return {
        "link": link,
        "title": made.headline(),
        "summary": " ".join(paragraphs[:2]),
        "body": picture + body,
        "rfc822": format_datetime(at),
        "iso": at.isoformat(),
        "author": f"Writer {made.dice.randrange(50)}",
    }


def _rss(feed: int, language: str, entries: list[dict[str, str]]) -> bytes:
    body = "".join(
        f"<item><title>{escape(e['title'])}</title><link>{escape(e['link'])}</link>"
        f"<guid isPermaLink='false'>{feed}-{escape(e['link'])}</guid><pubDate>{e['rfc822']}</pubDate>"
        f"<dc:creator>{e['author']}</dc:creator><category>news</category>"
        f"<description>{escape(e['summary'])}</description>"
        f"<content:encoded><![CDATA[{e['body']}]]></content:encoded></item>"
        for e in entries
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>'
        f"<title>Paper {feed}</title><link>https://paper{feed}.example/</link><language>{language}</language>"
        f"<description>News of {feed}</description>{body}</channel></rss>"
    ).encode()


def _atom(feed: int, language: str, entries: list[dict[str, str]]) -> bytes:
    body = "".join(
        f"<entry><id>urn:{feed}:{escape(e['link'])}</id><title>{escape(e['title'])}</title>"
        f'<link href="{escape(e["link"])}"/><published>{e["iso"]}</published><updated>{e["iso"]}</updated>'
        f"<author><name>{e['author']}</name></author><summary>{escape(e['summary'])}</summary>"
        f'<content type="html">{escape(e["body"])}</content></entry>'
        for e in entries
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="{language}">'
        f"<title>Paper {feed}</title><id>urn:{feed}</id><updated>{NOW.isoformat()}</updated>"
        f'<link href="https://paper{feed}.example/"/>{body}</feed>'
    ).encode()


def _json(feed: int, language: str, entries: list[dict[str, str]]) -> bytes:
    rows = [
        {
            "id": e["link"], "url": e["link"], "title": e["title"], "summary": e["summary"],
            "content_html": e["body"], "date_published": e["iso"], "authors": [{"name": e["author"]}],
        }
        for e in entries
    ]  # fmt: skip
    feed_ = {
        "version": "https://jsonfeed.org/version/1.1", "title": f"Paper {feed}", "language": language,
        "home_page_url": f"https://paper{feed}.example/", "items": rows,
    }  # fmt: skip
    return json.dumps(feed_, ensure_ascii=False).encode()


_RENDER = {"rss": _rss, "atom": _atom, "json": _json}


def page_document(page: int) -> bytes:
    """Return a news page of some 45 kB: navigation, article, teasers, scripts, footer."""
    made = Writer(f"page {page}")
    story = random.Random(f"story {page // 3}")  # three pages a report, more or less
    shared = [story.choice(made._pool) for _ in range(6)]
    paragraphs = [*shared[: made.dice.randint(2, 6)], *made.text(8, 30)]
    headline = " ".join(shared[0].split()[:9]) + f" {page // 3}"
    at = (NOW - timedelta(hours=story.random() * 40)).isoformat()
    data = {
        "@context": "https://schema.org", "@type": "NewsArticle", "headline": headline, "datePublished": at,
        "author": {"@type": "Person", "name": f"Writer {page % 50}"},
    }  # fmt: skip
    title, writer = escape(headline), f"Writer {page % 50}"
    text = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
    return (
        f'<!doctype html><html lang="{made.language}"><head><meta charset="utf-8">'
        f"<title>{title} | Paper</title>"
        f'<meta property="og:title" content="{title}"><meta property="og:type" content="article">'
        f'<script type="application/ld+json">{json.dumps(data)}</script><style>{_STYLE}</style></head><body>'
        f"<header><nav><ul>{_links('section', 60)}</ul></nav></header><main><article><h1>{title}</h1>"
        f'<p class="byline">{writer}, <time datetime="{at}">{at}</time></p>{text}</article>'
        f"<aside>{_teasers(made, 60)}</aside></main><footer><ul>{_links('about', 50)}</ul></footer>"
        f"<script>{_SCRIPT}</script></body></html>"
    ).encode()


def page_feed(pages: list[str]) -> bytes:
    """Return a feed that leads to pages."""
    entries = "".join(
        f"<item><title>Page {n}</title><link>{url}</link><guid>{url}</guid>"
        f"<pubDate>{format_datetime(NOW)}</pubDate></item>"
        for n, url in enumerate(pages)
    )
    return f'<rss version="2.0"><channel><title>Pages</title>{entries}</channel></rss>'.encode()


def _links(kind: str, count: int) -> str:
    return "".join(f'<li class="{kind}"><a href="/{kind}/{n}">{kind} {n}</a></li>' for n in range(count))


def _teasers(made: Writer, count: int) -> str:
    return "".join(
        f'<div class="teaser"><a href="/news/{n}"><img src="/t/{n}.jpg"><h3>{escape(title)}</h3></a></div>'
        for n, title in enumerate(made.headline() for _ in range(count))
    )


_STYLE = ".teaser{margin:0;padding:1px} .byline{color:#444} " * 100
_SCRIPT = "window.layers=window.layers||[];layers.push({event:'view',at:Date.now()});" * 200


def feed_path(feed: int) -> str:
    return f"feeds/{feed}.{'json' if is_json(feed) else 'xml'}"


def page_path(page: int) -> str:
    return f"pages/{page}.html"


def write_feeds(root: Path, count: int) -> None:
    (root / "feeds").mkdir(parents=True, exist_ok=True)
    for feed in range(count):
        (root / feed_path(feed)).write_bytes(feed_document(feed))


def add_entries(root: Path, feeds: Iterable[int]) -> None:
    """Give each of these feeds one new entry."""
    for feed in feeds:
        (root / feed_path(feed)).write_bytes(feed_document(feed, added=1))


def write_pages(root: Path, count: int) -> None:
    (root / "pages").mkdir(parents=True, exist_ok=True)
    for page in range(count):
        (root / page_path(page)).write_bytes(page_document(page))
