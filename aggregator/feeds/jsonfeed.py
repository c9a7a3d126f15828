"""JSON Feed 1.0 and 1.1 (https://www.jsonfeed.org/version/1.1/), which feedparser 6 does not read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from typing import Any

from aggregator.feeds.text import clean, plain, web_address
from aggregator.model import ParsedEntry, ParsedFeed, ParseFailure, ParseProblem, PollHints

_VERSIONS = {"1": "json10", "1.1": "json11"}


def parse_json_feed(body: bytes, *, url: str, max_entries: int = 1000) -> ParsedFeed | ParseFailure:
    """Return the JSON Feed in ``body``, or what came instead. Fields of a wrong type count as absent."""
    try:
        document = json.loads(body.strip().removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return ParseFailure(ParseProblem.NOT_A_FEED, "The server answered with JSON that cannot be read.")
    version = _version(document)
    if version is None:
        return ParseFailure(ParseProblem.NOT_A_FEED, "The server answered with JSON that is not a JSON Feed.")
    items = [item for item in _list(document, "items") if isinstance(item, dict)]
    language = _text(document, "language") or None
    return ParsedFeed(
        version=version,
        title=plain(_text(document, "title")),
        home_url=web_address(_text(document, "home_page_url"), url),
        language=language,
        entries=tuple(_entry(item, document, url) for item in items[:max_entries]),
        hints=PollHints(hub=_hub(document), topic=web_address(_text(document, "feed_url"), url)),
        truncated=max(0, len(items) - max_entries),
    )


def _version(document: object) -> str | None:
    """Name the version; a feed that names none, but has items, is read as 1.0 as other readers do."""
    if not isinstance(document, dict):
        return None
    stated = _text(document, "version")
    if "jsonfeed.org/version/" in stated:
        return _VERSIONS.get(stated.rstrip("/").rpartition("/")[2], "json11")
    return "json10" if not stated and isinstance(document.get("items"), list) else None


def _entry(item: dict[str, Any], document: dict[str, Any], url: str) -> ParsedEntry:
    markup, text = _text(item, "content_html"), _text(item, "content_text")
    published = _text(item, "date_published")
    return ParsedEntry(
        guid=_identifier(item),
        url=web_address(_text(item, "url") or _text(item, "external_url"), url),
        title=plain(_text(item, "title")),
        summary=_summary(item, markup, text),
        content=clean(markup or (f"<p>{escape(text, quote=False)}</p>" if text else "")),
        author=_author(item) or _author(document),
        published_at=_moment(published),
        updated_at=_moment(_text(item, "date_modified")),
        published_raw=published or None,
        language=_text(item, "language") or None,
    )


def _summary(item: dict[str, Any], markup: str, text: str) -> str:
    return " ".join((_text(item, "summary") or text).split()) or plain(markup)


def _identifier(item: dict[str, Any]) -> str | None:
    """The id is a string; numbers are to be coerced (JSON Feed 1.1, items)."""
    value = item.get("id")
    if isinstance(value, bool | None | list | dict):
        return None
    return clean(str(value)).strip() or None


def _author(context: dict[str, Any]) -> str | None:
    people = [*_list(context, "authors"), context.get("author")]
    names = (plain(_text(person, "name")) for person in people if isinstance(person, dict))
    return ", ".join(name for name in names if name) or None


def _hub(document: dict[str, Any]) -> str | None:
    hubs: Iterable[Any] = (hub for hub in _list(document, "hubs") if isinstance(hub, dict))
    return next((web_address(_text(hub, "url")) for hub in hubs), None)


def _moment(value: str) -> datetime | None:
    """Read an RFC 3339 date; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(value.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _text(context: dict[str, Any], key: str) -> str:
    value = context.get(key)
    return clean(value) if isinstance(value, str) else ""


def _list(context: dict[str, Any], key: str) -> list[Any]:
    value = context.get(key)
    return value if isinstance(value, list) else []
