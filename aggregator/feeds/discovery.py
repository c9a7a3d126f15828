"""Which feeds a web page names. No address is guessed and nothing is fetched (C08)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from aggregator.feeds.parse import parse_feed
from aggregator.feeds.text import plain, web_address
from aggregator.model import ParsedFeed

MOST_FEEDS = 100

_TYPES = {
    "application/rss+xml": 0,
    "application/atom+xml": 0,
    "application/rdf+xml": 0,
    "application/xml": 1,
    "text/xml": 1,
    "application/feed+json": 1,
}
_SIDELINE = re.compile(
    r"comment|kommentar|commentaire|comentario|комментар|/replies|trackback", re.IGNORECASE
)
_FEEDLIKE = re.compile(r"\.(?:rss|rdf|atom)$|(?:rss|feeds?|atom)\d?(?:\.xml|\.json|/)?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FeedLink:
    """A feed that a page names (or is)."""

    url: str
    title: str
    type: (
        str  # media type as the page states it, "" for a plain link; a feed's version if the bytes are a feed
    )


def find_feeds(page: bytes, url: str, content_type: str = "") -> tuple[FeedLink, ...]:
    """Return the feeds that ``page`` names, the most useful first; the page itself where it is a feed.

    ``<link rel="alternate">`` with a feed's media type counts; only where there is none, links whose address
    looks like a feed's. Feeds of comments come last. ``url`` is the page's address after redirects.
    """
    parsed = parse_feed(
        page, url=url, headers={"content-type": content_type} if content_type else {}, max_entries=1
    )
    if isinstance(parsed, ParsedFeed):
        return (FeedLink(url, parsed.title, parsed.version),)
    root = _tree(page)
    if root is None:
        return ()
    base = next((found for node in root.iter("base") if (found := web_address(node.get("href"), url))), url)
    links = [*_stated(root, base)] or [*_looking_like_feeds(root, base)]
    first_of_each: dict[str, FeedLink] = {}
    for link in links:
        first_of_each.setdefault(link.url, link)
    return tuple(sorted(first_of_each.values(), key=_rank)[:MOST_FEEDS])


def _tree(page: bytes) -> etree._Element | None:
    try:
        return etree.fromstring(page, etree.HTMLParser(recover=True, no_network=True, remove_comments=True))
    except (etree.XMLSyntaxError, ValueError):
        return None


def _stated(root: etree._Element, base: str) -> Iterator[FeedLink]:
    for node in root.iter("link"):
        relations = (node.get("rel") or "").lower().split()
        kind = (node.get("type") or "").partition(";")[0].strip().lower()
        if ("alternate" in relations and kind in _TYPES) or "feed" in relations:
            yield from _link(node, base, kind, node.get("title") or "")


def _looking_like_feeds(root: etree._Element, base: str) -> Iterator[FeedLink]:
    for node in root.iter("a"):
        if _FEEDLIKE.search((node.get("href") or "").partition("?")[0]):
            yield from _link(node, base, "", "".join(node.itertext()))


def _link(node: etree._Element, base: str, kind: str, title: str) -> Iterator[FeedLink]:
    address = web_address(node.get("href"), base)
    if address:
        yield FeedLink(address, plain(title), kind)


def _rank(link: FeedLink) -> tuple[bool, int]:
    return bool(_SIDELINE.search(f"{link.title} {link.url}")), _TYPES.get(link.type, 1)
