"""Feed bytes to entries: RSS 0.9x, 1.0, 2.0 and Atom by feedparser, JSON Feed by ``jsonfeed``.

Pure, and safe to run in a worker process: bytes in, values out, no exception whatever the bytes are.
"""

from __future__ import annotations

import io
import re
from calendar import timegm
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from html import escape
from itertools import islice
from typing import Any

import feedparser

from aggregator.feeds import hints, jsonfeed
from aggregator.feeds.text import clean, plain, web_address
from aggregator.model import ParsedEntry, ParsedFeed, ParseFailure, ParseProblem

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_LANGUAGE = 35  # RFC 5646 section 4.4.1

_BLANK = b" \t\r\n\x00\xef\xbb\xbf\xfe\xff"
_ROOT = re.compile(rb"<((?:[\w.-]{1,30}:)?(?:rss|feed|RDF))[\s>]")
_EDGE = 4096  # bytes at either end of a document in which its root element begins and ends
_REFERENCE = re.compile(rb"&#(x[0-9a-f]+|[0-9]+);?", re.IGNORECASE)
_SINCE_1970 = re.compile(r"\d{10}(\d{3})?")
_MAIL = re.compile(r"[(<]?[^\s()<>@]{1,64}@[^\s()<>@]{1,255}[)>]?")
_BRACKETED = re.compile(r"\([^()]*\)")


def parse_feed(
    body: bytes, *, url: str, headers: Mapping[str, str], max_entries: int = 1000
) -> ParsedFeed | ParseFailure:
    """Return the feed document in ``body``, or what came instead.

    ``url`` is the address that answered: relative links are resolved against it (and xml:base). ``headers``
    are the response's; Content-Type and Content-Language count. Entries beyond ``max_entries`` are left out
    and counted. feedparser is given a stream: bytes that are a path would be opened as a file (S15).
    """
    if not body.strip(_BLANK):
        return ParseFailure(ParseProblem.EMPTY, "The server answered with an empty body.")
    try:
        if body.lstrip(_BLANK)[:1] == b"{":
            return jsonfeed.parse_json_feed(body, url=url, max_entries=max_entries)
        return _parse_xml(body, url, headers, max_entries)
    except Exception as error:  # the parser's own faults are data here: the other feeds go on (S16)
        return ParseFailure(ParseProblem.CRASHED, f"The feed cannot be parsed ({type(error).__name__}).")


def _parse_xml(
    body: bytes, url: str, headers: Mapping[str, str], max_entries: int
) -> ParsedFeed | ParseFailure:
    kept, left_out = _shortened(body, max_entries)
    document = _document(kept, headers)
    version = document.get("version")
    if not version:
        return _what_came_instead(body)
    feed = document["feed"]
    entries = document["entries"]
    return ParsedFeed(
        version=version,
        title=plain(_string(feed, "title")),
        home_url=web_address(_string(feed, "link"), url),
        language=_language(feed),
        entries=tuple(_entry(entry, url) for entry in islice(entries, max_entries)),
        hints=hints.of_document(feed, body, url),
        truncated=left_out + max(0, len(entries) - max_entries),
        complete=not _breaks_off(body),
    )


def _breaks_off(body: bytes) -> bool:
    """Tell whether the root element is opened and never closed: its server died while it wrote (A12)."""
    root = _ROOT.search(body, 0, _EDGE)
    return root is not None and b"</" + root[1] not in body[-_EDGE:]


def _shortened(body: bytes, most: int) -> tuple[bytes, int]:
    """Cut the entries beyond the limit out first: 100,000 take feedparser 23 s, the rest 0.2 s (S23)."""
    for end in (b"</item>", b"</entry>"):
        surplus = body.count(end) - most
        if surplus > 0:
            *_, last_kept = islice(re.finditer(end, body), most)
            return body[: last_kept.end()] + body[body.rfind(end) + len(end) :], surplus
    return body, 0


def _document(body: bytes, headers: Mapping[str, str]) -> Any:
    """Let feedparser read the body, mended where a character reference beyond Unicode makes it raise."""
    given = {
        name.lower(): value
        for name, value in headers.items()
        if name.lower() in ("content-type", "content-language")
    }
    try:
        return _feedparser(body, given)
    except (ValueError, OverflowError):
        return _feedparser(_REFERENCE.sub(_mended, body), given)


def _feedparser(body: bytes, headers: Mapping[str, str]) -> Any:
    """Without its sanitizer and its rewriting of links inside HTML: half of its time."""
    return feedparser.parse(
        io.BytesIO(body), response_headers=dict(headers), sanitize_html=False, resolve_relative_uris=False
    )


def _mended(match: re.Match[bytes]) -> bytes:
    digits = match[1].lower()
    number = int(digits[1:], 16) if digits.startswith(b"x") else int(digits[:9])
    return match[0] if 0 < number < 0xD800 or 0xDFFF < number < 0x110000 else b"&#xFFFD;"


def _what_came_instead(body: bytes) -> ParseFailure:
    start = body.lstrip(_BLANK)[:2000].lower()
    if start.startswith((b"<!doctype html", b"<html")) or b"<html" in start or b"<body" in start:
        return ParseFailure(ParseProblem.HTML, "The server answered with an HTML page instead of a feed.")
    if start.startswith(b"<"):
        return ParseFailure(ParseProblem.NOT_A_FEED, "The server answered with XML that is not a feed.")
    if start.startswith(b"\x1f\x8b"):
        return ParseFailure(ParseProblem.NOT_A_FEED, "The server answered with compressed data, not a feed.")
    if start.startswith(b"["):
        return ParseFailure(ParseProblem.NOT_A_FEED, "The server answered with JSON that is not a JSON Feed.")
    return ParseFailure(ParseProblem.NOT_A_FEED, "The server answered with plain text instead of a feed.")


def _entry(entry: Any, url: str) -> ParsedEntry:
    summary, content = _bodies(entry)
    source = dict.get(entry, "source") or {}
    return ParsedEntry(
        guid=clean(_string(entry, "id")).strip() or None,
        url=_link(entry, url),
        title=plain(_string(entry, "title")),
        summary=plain(summary),
        content=clean(content),
        author=_author(entry),
        published_at=_moment(entry, "published"),
        updated_at=_moment(entry, "updated"),
        published_raw=clean(_string(entry, "published") or _string(entry, "updated")) or None,
        source_url=web_address(_string(source, "href") or _string(source, "link"), url),
        source_title=plain(_string(source, "title")) or None,
        language=_language(entry) or _language(dict.get(entry, "title_detail") or {}),
    )


def _link(entry: Any, url: str) -> str | None:
    """The page: Feedburner's original link first. A guid in a link's stead must be absolute."""
    link = _string(entry, "feedburner_origlink") or _string(entry, "link") or _any_alternate(entry)
    return web_address(link, "" if link == _string(entry, "id") else url)


def _any_alternate(entry: Any) -> str:
    links = (link for link in dict.get(entry, "links") or () if _string(link, "rel") == "alternate")
    return next((_string(link, "href") for link in links), "")


def _bodies(entry: Any) -> tuple[str, str]:
    """Return the summary as the feed has it and the longest HTML body."""
    summary = _string(entry, "summary")
    bodies = [_markup(part) for part in dict.get(entry, "content") or () if isinstance(part, dict)]
    if "html" in str((dict.get(entry, "summary_detail") or {}).get("type")):
        bodies.append(summary)
    content = max(bodies, key=len, default="")
    return summary or content, content


def _markup(part: Mapping[str, Any]) -> str:
    value = str(part.get("value") or "")
    return f"<p>{escape(value, quote=False)}</p>" if part.get("type") == "text/plain" else value


def _string(context: Any, key: str) -> str:
    """Read a key without feedparser's aliases: its fall-back from updated to published warns and is wrong."""
    value = dict.get(context, key)
    return value if isinstance(value, str) else ""


def _author(entry: Any) -> str | None:
    """The name without a mail address; feedparser's own split garbles addresses with a long last label."""
    stated = plain(_string(entry, "author"))
    name = " ".join(_MAIL.sub(" ", stated).split())
    return (name[1:-1] if _BRACKETED.fullmatch(name) else name) or stated or None


def _language(context: Any) -> str | None:
    return clean(_string(context, "language")).strip()[:LONGEST_LANGUAGE] or None


def _moment(entry: Any, key: str) -> datetime | None:
    """The date as aware UTC, as feedparser's structs are; a bare number counts from 1970, in s or ms."""
    parsed = dict.get(entry, f"{key}_parsed")
    number = _SINCE_1970.fullmatch(_string(entry, key).strip())
    try:
        seconds = int(number[0][:10]) if number else timegm(parsed) if parsed else None
        return None if seconds is None else EPOCH + timedelta(seconds=seconds)
    except (ValueError, OverflowError):  # the year 0, or past 9999
        return None
