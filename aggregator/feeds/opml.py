"""Subscriptions in and out as OPML 2.0 (http://opml.org/spec2.opml).

What is read is data: nothing in it is run or opened (S17).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from lxml import etree

from aggregator.feeds.text import clean, plain, web_address

LONGEST_TAG = 100

_FEED_SCHEME = re.compile(r"feed:(?://)?(?=https?:)|feed:(?=//)", re.IGNORECASE)
_BARE_AMPERSAND = re.compile(rb"&(?!#?\w{1,32};)")
_NOT_XML = re.compile("[\\ufffe\\uffff]")


@dataclass(frozen=True, slots=True)
class Subscription:
    """A feed that a person follows."""

    url: str
    title: str = ""
    home_url: str | None = None
    tags: tuple[str, ...] = ()


def read_opml(document: bytes) -> tuple[Subscription, ...]:
    """Return the feeds of an OPML document in its order; the folders around a feed are its tags.

    A feed listed twice is one with the tags of both. ``feed:`` addresses become http(s); whatever is no web
    address (``|command``, ``javascript:``) is left out. A broken document yields what can be read before and
    around the fault; libxml2 ends at 256 levels and at an entity bomb.
    """
    found: dict[str, Subscription] = {}
    for subscription in _subscriptions(document):
        earlier = found.setdefault(subscription.url, subscription)
        tags = tuple(dict.fromkeys((*earlier.tags, *subscription.tags)))
        found[subscription.url] = replace(earlier, tags=tags)
    return tuple(found.values())


def write_opml(subscriptions: Iterable[Subscription], title: str = "Subscriptions") -> bytes:
    """Return an OPML 2.0 document: tags become nested folders, so that ``read_opml`` gives back the same."""
    root = etree.Element("opml", version="2.0")
    etree.SubElement(etree.SubElement(root, "head"), "title").text = _xml(title)
    body = etree.SubElement(root, "body")
    folders: dict[tuple[str, ...], etree._Element] = {(): body}
    for subscription in subscriptions:
        outline = etree.SubElement(_folder(folders, subscription.tags), "outline", type="rss")
        name = _xml(subscription.title)
        outline.attrib.update({"text": name or subscription.url, "xmlUrl": subscription.url})
        if name:
            outline.set("title", name)
        if subscription.home_url:
            outline.set("htmlUrl", subscription.home_url)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="utf-8", pretty_print=True))


def _subscriptions(document: bytes) -> Iterator[Subscription]:
    path: list[str] = []
    for event, node in _outlines(document):
        if event == "end":
            path.pop()
            node.clear()
            continue
        attributes = {str(name).lower(): str(value) for name, value in node.items()}
        url = web_address(_FEED_SCHEME.sub(_http, attributes.get("xmlurl", "").strip()))
        name = plain(attributes.get("title") or attributes.get("text") or "")
        path.append("" if url else name[:LONGEST_TAG])
        if url:
            tags = tuple(dict.fromkeys(tag for tag in path if tag))
            yield Subscription(url, "" if name == url else name, web_address(attributes.get("htmlurl")), tags)


def _http(match: re.Match[str]) -> str:
    return "http:" if match.string.startswith("//", match.end()) else ""


def _outlines(document: bytes) -> Iterator[tuple[str, etree._Element]]:
    wide = b"\0" in document  # UTF-16: left as it is
    events = etree.iterparse(
        io.BytesIO(document if wide else _BARE_AMPERSAND.sub(b"&amp;", document)),
        events=("start", "end"),
        tag="outline",
        recover=True,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
    )
    try:
        yield from events
    except etree.XMLSyntaxError:
        return


def _folder(folders: dict[tuple[str, ...], etree._Element], tags: tuple[str, ...]) -> etree._Element:
    if tags not in folders:
        outline = etree.SubElement(_folder(folders, tags[:-1]), "outline", text=_xml(tags[-1]))
        folders[tags] = outline
    return folders[tags]


def _xml(text: str) -> str:
    return _NOT_XML.sub("", clean(text))
