"""Fuzz the way of a feed and of a page: bytes to entries, bytes to an article, in workers that can be killed.

Every case is one of the seeds below, changed at random; the same --seed gives the same cases. A case fails
if a function raises, dies or takes longer than --limit seconds, or if a law does not hold. Failing cases are
kept as files in --keep. Exit code 1 where there are any.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from aggregator.articles import extract_article
from aggregator.compute import WorkerPool
from aggregator.feeds import (
    KnownEntry,
    PollResult,
    PollRules,
    find_feeds,
    match_entries,
    next_state,
    parse_feed,
    read_opml,
    see_entry,
)
from aggregator.model import EntryText, FeedState, ParsedFeed, ParseProblem, PollOutcome

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
URL = "http://paper.example/news/feed"

RSS = b"""<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE rss [<!ENTITY nbsp "&#160;">]>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"
 xmlns:sy="http://purl.org/rss/1.0/modules/syndication/" xmlns:dc="http://purl.org/dc/elements/1.1/">
<channel><title>The Paper &amp; more</title><link>http://paper.example/</link><language>en-gb</language><ttl>60</ttl>
<sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>2</sy:updateFrequency>
<skipHours><hour>3</hour></skipHours><skipDays><day>Sunday</day></skipDays>
<item><guid isPermaLink="false">1</guid><title>Bridge &lt;b&gt;opened&lt;/b&gt;</title><link>/a?x=1</link>
<pubDate>Sun, 01 Mar 2026 08:00:00 +0100</pubDate><dc:creator>A. Writer</dc:creator>
<description><![CDATA[<p>The mayor &eacute; opened it.</p>]]></description>
<content:encoded>&lt;p&gt;Long&nbsp;text&lt;/p&gt;</content:encoded><source url="http://other.example/f">Other</source></item>
<item><title>No guid</title><link>http://paper.example/b</link></item></channel></rss>"""
ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de" xml:base="http://paper.example/x/">
<title type="html">&lt;i&gt;Zeitung&lt;/i&gt;</title><link rel="self" href="feed"/><link rel="hub" href="http://hub.example/"/>
<updated>2026-03-01T08:00:00Z</updated><entry><id>tag:paper.example,2026:1</id><title>Br\xc3\xbccke</title>
<link rel="alternate" href="../1"/><updated>2026-03-01T08:00:00+01:00</updated><author><name>W</name></author>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Text</p></div></content>
<summary>short</summary><source><title>S</title></source></entry></feed>"""
RDF = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">
<channel rdf:about="u"><title>Old</title></channel><item rdf:about="http://paper.example/1"><title>T</title>
<link>http://paper.example/1</link></item></rdf:RDF>"""
JSON = json.dumps(
    {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "J",
        "items": [
            {
                "id": 1,
                "url": "http://paper.example/1",
                "title": "T",
                "content_html": "<p>x</p>",
                "date_published": "2026-03-01T08:00:00Z",
                "authors": [{"name": "A"}],
            },
            {"id": "2", "content_text": "y"},
        ],
    }
).encode()
OPML = b"""<opml version="2.0"><body><outline text="World"><outline type="rss" xmlUrl="http://paper.example/f"/>
</outline></body></opml>"""
PAGE = b"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Bridge opened | The Paper</title>
<link rel="canonical" href="/a"><link rel="alternate" type="application/rss+xml" href="/feed">
<meta property="og:title" content="Bridge opened"><meta name="author" content="A. Writer">
<script type="application/ld+json">{"@type": "NewsArticle", "headline": "Bridge opened",
"datePublished": "2026-03-01T08:00:00Z", "isAccessibleForFree": "False", "articleBody": "Text"}</script>
</head>
<body><nav><a href="/">Home</a></nav><article><h1>Bridge opened</h1><time datetime="2026-03-01">1 March</time>
<p>The mayor opened the new bridge over the river on Sunday after nine years of building.</p>
<p>It cost <a href="http://other.example/x">90 million</a>, as the Other Paper first reported.</p>
<table><tr><td>1</td></tr></table><blockquote>At last!</blockquote></article>
<form><input type="password"></form>
<footer>All rights reserved</footer></body></html>"""
FEEDS, PAGES = (RSS, ATOM, RDF, JSON, OPML, PAGE), (PAGE, PAGE, RSS, JSON)

TOKENS = (
    b"&#x110000;", b"&#55296;", b"&#0;", b"&a;", b"<![CDATA[", b"]]>", b"<!--", b"-->", b"<!DOCTYPE x [",
    b"<?xml", b"\x00", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc3", b"\x1b[31m",
    b"\xe2\x80\xa8", b"encoding='utf-16'", b"encoding='x'", b"charset=utf-7", b"xml:base='http://[::1'",
    b"http://[", b"//", b"javascript:x", b"9999-12-31T24:00:00Z", b"Mon, 31 Feb 0000 99:99:99 +9999",
    b"1772352000000", b"-1", b"1e999", b"\\ud800", b"null", b"<item>", b"<entry>", b"<div>", b"<table>",
    b"<p>", b"<script>", b"</", b"<a href=", b"{", b"[", b'"', b"xmlns:a='b'",
)  # fmt: skip
TYPES = (
    "",
    "text/html",
    "application/rss+xml; charset=utf-16",
    "text/xml; charset=koi8-r",
    "a/b; charset=\xe9",
)


@dataclass(frozen=True, slots=True)
class Case:
    """The bytes to read, and the Content-Type they come under."""

    body: bytes
    content_type: str


def main() -> int:
    """Fuzz both ways, one after the other, and tell what came of it."""
    options = _options()
    failed = 0
    for name, seeds, work in (("feed", FEEDS, read_feed), ("page", PAGES, read_page)):
        if options.path in (name, "both"):
            failed += fuzz(name, _cases(random.Random(options.seed), seeds), work, options)  # noqa: S311
    return 1 if failed else 0


def fuzz(name: str, cases: Iterator[Case], work: Callable[[Case], str], options: argparse.Namespace) -> int:
    """Run cases until the time is up; returns how many failed."""
    pool = WorkerPool(options.workers, options.limit)
    outcomes: Counter[str] = Counter()
    failed = 0
    open_: dict[Future[str], Case] = {}
    end = time.monotonic() + options.minutes * 60
    while time.monotonic() < end or open_:
        while len(open_) < 4 * options.workers and time.monotonic() < end:
            case = next(cases)
            open_[pool.submit(work, case)] = case
        for future in wait(open_, return_when=FIRST_COMPLETED).done:
            case, error = open_.pop(future), future.exception()
            if error:
                failed += 1
                _keep(options.keep, name, failed, case, error)
            outcomes[type(error).__name__ if error else future.result()] += 1
    pool.shutdown()
    print(
        f"{name}: {outcomes.total()} cases in {options.minutes:g} min, {failed} failed;"
        f" {dict(outcomes.most_common())}"
    )
    return failed


def read_feed(case: Case) -> str:
    """Take bytes all the way to entries, twice, and to the next poll; returns what they were."""
    headers = {"content-type": case.content_type}
    find_feeds(case.body, URL, case.content_type)
    with suppress(ValueError):  # what it raises for bytes that are no OPML
        read_opml(case.body)
    parsed = parse_feed(case.body, url=URL, headers=headers)
    if not isinstance(parsed, ParsedFeed):
        return f"parser: {parsed.detail}" if parsed.problem is ParseProblem.CRASHED else parsed.problem.value
    repr(parsed).encode("utf-8")  # raises where a lone surrogate came through
    seen = [see_entry(entry) for entry in parsed.entries]
    first = match_entries(seen, [], first_poll=True)
    rows = [
        KnownEntry(
            n,
            new.guid,
            new.alias,
            new.place,
            new.entry.url,
            new.entry.title,
            new.entry.published_at,
            new.digest,
        )
        for n, new in enumerate(first.new)
    ]
    second = match_entries(seen, rows)
    if second.new or second.updated:
        raise AssertionError("the same document changes something at its second poll")
    dates = tuple(entry.published_at for entry in parsed.entries if entry.published_at)
    result = PollResult(
        PollOutcome.OK, URL, 200, hints=parsed.hints, new_entries=len(rows), entry_dates=dates
    )
    after = next_state(FeedState(), result, NOW, PollRules(), 0.5)
    if after.next_poll_at is None or (after.next_poll_at - NOW).days > 40:
        raise AssertionError("the feed would not be asked again")
    return "feed"


def read_page(case: Case) -> str:
    """Take bytes to an article; returns its status."""
    entry = EntryText("Bridge opened", "The mayor opened it.", "<p>The mayor opened it.</p>", None, NOW, "en")
    found = extract_article(
        case.body,
        url="http://paper.example/a",
        content_type=case.content_type or None,
        entry=entry,
        headers=(),
        strip=("nav", "p:nth-child(2n) > a"),
    )
    f"{found.title}{found.text}{found.author}{found.detail}{found.links}".encode()
    if "\0" in found.title + found.text:
        raise AssertionError("a NUL came through")
    return found.status.value


def _cases(luck: random.Random, seeds: tuple[bytes, ...]) -> Iterator[Case]:
    while True:
        body = luck.choice(seeds)
        for _ in range(luck.choice((1, 1, 2, 4, 8, 32))):
            body = luck.choice(CHANGES)(luck, body, seeds)
        yield Case(body[:3_000_000], luck.choice(TYPES))


def _place(luck: random.Random, body: bytes) -> int:
    return luck.randrange(len(body) + 1)


def _flip(luck: random.Random, body: bytes, _seeds: tuple[bytes, ...]) -> bytes:
    at = _place(luck, body)
    return body[:at] + bytes([luck.randrange(256)]) + body[at + 1 :]


def _cut(luck: random.Random, body: bytes, _seeds: tuple[bytes, ...]) -> bytes:
    start, end = sorted((_place(luck, body), _place(luck, body)))
    return body[:start] + body[min(end, start + luck.choice((1, 10, 100, 10_000))) :]


def _insert(luck: random.Random, body: bytes, _seeds: tuple[bytes, ...]) -> bytes:
    at = _place(luck, body)
    token = luck.choice(TOKENS) * luck.choice((1, 1, 1, 1, 3, 50, 5000))
    return body[:at] + token + body[at:]


def _repeat(luck: random.Random, body: bytes, _seeds: tuple[bytes, ...]) -> bytes:
    start = _place(luck, body)
    piece = body[start : start + luck.choice((5, 50, 500))]
    return body[:start] + piece * luck.choice((2, 2, 10, 300)) + body[start:]


def _splice(luck: random.Random, body: bytes, seeds: tuple[bytes, ...]) -> bytes:
    other = luck.choice(seeds)
    return body[: _place(luck, body)] + other[_place(luck, other) :]


def _recode(luck: random.Random, body: bytes, _seeds: tuple[bytes, ...]) -> bytes:
    return body.decode("utf-8", "replace").encode(
        luck.choice(("utf-16", "utf-32", "cp1252", "koi8-r")), "replace"
    )


CHANGES = (_flip, _flip, _flip, _cut, _insert, _insert, _repeat, _splice, _recode)


def _keep(folder: Path, name: str, number: int, case: Case, error: BaseException) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}-{number}.bin"
    file.write_bytes(case.body)
    print(f"{file}: {type(error).__name__}: {error} (Content-Type {case.content_type!r})")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    option = partial(parser.add_argument, metavar="N")
    option("--minutes", type=float, default=1.0, help="for each way (default 1)")
    option("--limit", type=float, default=20.0, help="seconds that a case may take (default 20)")
    option("--workers", type=int, default=2)
    option("--seed", type=int, default=1)
    parser.add_argument("--path", choices=("feed", "page", "both"), default="both")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-found"), metavar="FOLDER")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
