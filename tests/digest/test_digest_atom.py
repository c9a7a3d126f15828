"""The Atom feed against RFC 4287: its grammar as a schema, and the rules that no schema can say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from aggregator.digest.model import Digest
from aggregator.digest.render import render

NAMES = {"a": "http://www.w3.org/2005/Atom"}
SCHEMA = etree.RelaxNG(file=str(Path(__file__).with_name("atom.rng")))
REPORT_1, REPORT_2 = (uuid5(UUID(int=0), f"report {number}").urn for number in (1, 2))
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")  # RFC 3339 section 5.6


def faults(document: str) -> list[str]:
    """Return every rule of RFC 4287 that a feed breaks, in a few words."""
    feed = etree.fromstring(document.encode())
    if not SCHEMA.validate(feed):
        return [str(error) for error in SCHEMA.error_log]
    return [*_identities(feed), *_dates(feed), *_links(feed), *_contents(feed)]


def _identities(feed: Any) -> Iterator[str]:
    found = feed.xpath("a:entry/a:id/text()", namespaces=NAMES)
    if len(set(found)) < len(found):
        yield "4.1.1: two entries share an id"
    for identity in [*found, *feed.xpath("a:id/text()", namespaces=NAMES)]:
        if not urlsplit(identity).scheme or re.search(r"\s", identity):
            yield f"4.2.6: {identity!r} is no absolute IRI"


def _dates(feed: Any) -> Iterator[str]:
    for moment in feed.xpath("//a:updated/text() | //a:published/text()", namespaces=NAMES):
        if not MOMENT.fullmatch(moment):
            yield f"3.3: {moment!r} is no date of RFC 3339"


def _links(feed: Any) -> Iterator[str]:
    for link in feed.xpath("//a:link", namespaces=NAMES):
        if urlsplit(link.get("href")).scheme not in ("http", "https"):
            yield f"4.2.7: {link.get('href')!r} is not absolute, and nothing says to what it is relative"
    for holder in [feed, *feed.xpath("a:entry", namespaces=NAMES)]:
        links = holder.xpath("a:link[not(@rel) or @rel='alternate']", namespaces=NAMES)
        kinds = [(link.get("type"), link.get("hreflang")) for link in links]
        if len(set(kinds)) < len(kinds):
            yield "4.1.1: two alternates of one type and language"


def _contents(feed: Any) -> Iterator[str]:
    for entry in feed.xpath("a:entry", namespaces=NAMES):
        content = entry.find("a:content", NAMES)
        if content is None and not entry.xpath("a:link[not(@rel) or @rel='alternate']", namespaces=NAMES):
            yield "4.1.2: an entry has neither content nor an alternate"
        if content is not None and content.get("src") and entry.find("a:summary", NAMES) is None:
            yield "4.1.2: content is elsewhere and there is no summary"
        if not "".join(entry.find("a:title", NAMES).itertext()).strip():
            yield "4.1.1: a title is empty, which helps nobody"


def test_a_digest_is_an_atom_feed_without_a_fault(newsroom: Any) -> None:
    for asked in ({}, {"why": True}, {"lang": "ru"}, {"tag": "none"}, {"limit": 1}):
        assert faults(render(newsroom.digest(**asked), "atom")) == []


def test_it_is_one_whatever_strangers_write(payload: str, hostile: Callable[[str], Digest]) -> None:
    assert faults(render(hostile(payload), "atom")) == []


@settings(max_examples=40)
@given(text=st.text())
def test_it_is_one_whatever_comes_in(hostile: Callable[[str], Digest], text: str) -> None:
    assert faults(render(hostile(text), "atom")) == []


@pytest.mark.parametrize(
    ("was", "broken", "rule"),
    [
        ("<updated>", "<updated> ", "error parsing|3.3|updated|datatype"),
        ("<author><name>News digest</name></author>", "", "author"),
        ("<generator>", "<blink/><generator>", "blink|Invalid|interleave"),
        (REPORT_1, REPORT_2, "4.1.1: two entries share an id"),
        (REPORT_1, "report 1", "4.2.6"),
        ('href="https://outlet1.example/', 'href="/', "4.2.7"),
        ('<content type="html">', '<content type="markdown">', "content|type"),
        ("<published>2026-11-24T07:10:00Z", "<published>2026-11-24 07:10", "published|date"),
    ],
)
def test_the_check_finds_what_is_wrong(newsroom: Any, was: str, broken: str, rule: str) -> None:
    atom = render(newsroom.digest(), "atom")
    assert was in atom
    found = faults(atom.replace(was, broken, 1))
    assert any(re.search(rule, fault) for fault in found), found
