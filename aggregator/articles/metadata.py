"""What a page says about itself: canonical address, headline, date, author, and whether it is paid for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin

from lxml.html import HtmlElement  # noqa: TC002

from aggregator.articles.plain import count_words, one_line

_ARTICLE_TYPE = re.compile(r"(?:\w*Article|\w*BlogPosting|Report|Review|OpinionNews\w*)")
_DEEPEST = 6  # levels of nesting at which JSON-LD is searched for the article
_LONGEST_NAME = 200  # characters of an author line
_DATE_META = (
    "article:published_time",
    "article:published",
    "datepublished",
    "og:article:published_time",
    "og:published_time",
    "parsely-pub-date",
    "sailthru.date",
    "dc.date.issued",
    "dcterms.created",
    "dc.date",
    "cxenseparse:recs:publishtime",
    "publish-date",
    "publishdate",
    "pubdate",
    "date",
)
_AUTHOR_META = ("author", "article:author", "parsely-author", "sailthru.author", "dc.creator", "byl")


@dataclass(frozen=True, slots=True)
class PageMetadata:
    """A page's own statements, unchecked; texts are plain and on one line, times in UTC."""

    canonical: str | None = None  # absolute
    og_url: str | None = None  # absolute
    base: str = ""  # what relative links are relative to
    headlines: tuple[str, ...] = ()  # likeliest first: h1, og:title, JSON-LD, title element
    site_name: str = ""
    author: str | None = None
    published_at: datetime | None = None
    language: str | None = None  # the page's language tag
    is_article: bool = False  # says so in JSON-LD, Open Graph or a publication time
    paid: bool = False  # isAccessibleForFree is false, or a locked content tier
    paid_selectors: tuple[str, ...] = ()  # hasPart cssSelector
    declared_words: int | None = None  # wordCount, or the words of articleBody


def read_metadata(tree: HtmlElement, url: str) -> PageMetadata:
    """Read a parsed page. ``url`` is the address it came from. Never raises on what a page holds."""
    meta = _meta_elements(tree)
    node = _article_node(tree)
    base = _base(tree, url)
    published = _first_date(
        str(node.get("datePublished") or ""), *(meta.get(name, "") for name in _DATE_META)
    )
    return PageMetadata(
        canonical=_link(tree, "canonical", base),
        og_url=urljoined(base, meta.get("og:url")),
        base=base,
        headlines=_headlines(tree, meta, node),
        site_name=one_line(meta.get("og:site_name")) or one_line(_name(node.get("publisher"))),
        author=_author(node, meta),
        published_at=published or _first_date(*_time_elements(tree)),
        language=tree.get("lang") or meta.get("og:locale") or meta.get("content-language"),
        is_article=bool(node) or meta.get("og:type", "").lower() == "article" or published is not None,
        paid=_is_false(node.get("isAccessibleForFree"))
        or meta.get("article:content_tier", "").lower() == "locked",
        paid_selectors=tuple(_paid_selectors(node)),
        declared_words=_declared_words(node),
    )


def urljoined(base: str, href: str | None) -> str | None:
    """Resolve a link, or None if it is empty or cannot be resolved."""
    if not href or not href.strip():
        return None
    try:
        return urljoin(base, href.strip())
    except ValueError:
        return None


def parse_date(text: str) -> datetime | None:
    """Read an ISO 8601 or RFC 5322 time as UTC (taken for UTC without a zone); None if it is neither."""
    text = text.strip()
    for reader in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            when = reader(text)
            return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    return None


def _first_date(*texts: str) -> datetime | None:
    dates = (parse_date(text) for text in texts if text)
    return next((when for when in dates if when and 1990 < when.year < 2100), None)


def _meta_elements(tree: HtmlElement) -> dict[str, str]:
    """Return the first value of each meta element by lower-case name, property, itemprop or http-equiv."""
    found: dict[str, str] = {}
    for element in tree.iter("meta"):
        content = element.get("content")
        for key in ("property", "name", "itemprop", "http-equiv"):
            if content and (name := element.get(key)):
                found.setdefault(name.lower(), content)
    return found


def _base(tree: HtmlElement, url: str) -> str:
    element = tree.find(".//base[@href]")
    return urljoined(url, element.get("href")) or url if element is not None else url


def _link(tree: HtmlElement, rel: str, base: str) -> str | None:
    links = (e.get("href") for e in tree.iter("link") if rel in (e.get("rel") or "").lower().split())
    return urljoined(base, next(links, None))


def _time_elements(tree: HtmlElement) -> Iterator[str]:
    """Yield the times that a page shows inside its article; those outside belong to teasers of others."""
    for element in tree.iterfind(".//article//time[@datetime]"):
        yield element.get("datetime")


def _headlines(tree: HtmlElement, meta: dict[str, str], node: dict[str, Any]) -> tuple[str, ...]:
    h1 = [one_line(" ".join(e.itertext())) for e in tree.iter("h1")]
    title = tree.find(".//title")
    candidates = (
        h1[0] if len(h1) == 1 else "",
        one_line(meta.get("og:title")),
        one_line(_text(node.get("headline"))),
        one_line(meta.get("twitter:title")),
        one_line(title.text_content() if title is not None else ""),
    )
    return tuple(dict.fromkeys(c for c in candidates if c))


def _author(node: dict[str, Any], meta: dict[str, str]) -> str | None:
    authors = node.get("author")
    names = [_name(a) for a in (authors if isinstance(authors, list) else [authors])]
    names += [] if any(names) else [next((meta[m] for m in _AUTHOR_META if m in meta), "")]
    plain = dict.fromkeys(one_line(n).removeprefix("By ") for n in names if n and "://" not in n)
    return ", ".join(n for n in plain if n)[:_LONGEST_NAME] or None


# --- JSON-LD (schema.org) ----------------------------------------------------------------------


def _article_node(tree: HtmlElement) -> dict[str, Any]:
    """Return the first JSON-LD node that is an article, or an empty one."""
    for script in tree.iterfind('.//script[@type="application/ld+json"]'):
        try:
            data = json.loads(script.text or "", strict=False)
        except (ValueError, RecursionError):
            continue
        for node in _nodes(data, _DEEPEST):
            if any(_ARTICLE_TYPE.fullmatch(str(t)) for t in _listed(node.get("@type"))):
                return node
    return {}


def _nodes(data: object, depth: int) -> Iterator[dict[str, Any]]:
    """Yield JSON objects, outer before inner."""
    if isinstance(data, dict):
        yield data
    if depth and isinstance(data, dict | list):
        for value in data.values() if isinstance(data, dict) else data:
            yield from _nodes(value, depth - 1)


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _name(value: object) -> str:
    """Return the name of a person or organisation, given as a text, an object or a list of them."""
    first = next(iter(_listed(value)), None)
    return _text(first.get("name")) if isinstance(first, dict) else _text(first)


def _is_false(value: object) -> bool:
    return value is False or str(value).strip().lower() in ("false", "http://schema.org/false", "no")


def _paid_selectors(node: dict[str, Any]) -> Iterator[str]:
    for part in _listed(node.get("hasPart")):
        if isinstance(part, dict) and _is_false(part.get("isAccessibleForFree")):
            yield from (s for s in _listed(part.get("cssSelector")) if isinstance(s, str))


def _declared_words(node: dict[str, Any]) -> int | None:
    count = str(node.get("wordCount") or "")
    body = _text(node.get("articleBody"))
    return int(count) if re.fullmatch(r"\d{1,6}", count) else count_words(body) or None
