"""Strings from strangers made safe to keep: no control characters, no lone surrogates, no stray markup."""

from __future__ import annotations

import html
import re
from urllib.parse import urljoin, urlsplit

from lxml import etree

LONGEST_MARKUP = 100_000
"""Characters of a summary's HTML that are looked at; the whole stays in ``ParsedEntry.content``."""

LONGEST_URL = 8_000

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_ENTITY = re.compile(r"&(?:#\d{1,8}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.IGNORECASE)
_TAG = re.compile(
    r"</?(?:a|abbr|article|aside|b|big|blockquote|body|br|center|cite|code|dd|div|dl|dt|em|embed|figure|font"
    r"|footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|ins|del|kbd|li|link|mark|math|meta|nobr|object|ol"
    r"|p|pre|q|s|samp|script|section|small|span|strike|strong|style|sub|sup|svg|table|tbody|td|textarea|th|thead"
    r"|time|title|tr|tt|u|ul|var|video|wbr)\b[^<]*>|<!--|<!\[CDATA\[",
    re.IGNORECASE,
)
_INLINE = frozenset(
    [
        "a", "abbr", "b", "big", "cite", "code", "del", "em", "font", "i", "ins", "kbd", "mark", "nobr", "q",
        "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr",
    ]
)  # fmt: skip
_SILENT = frozenset(["script", "style", "template", "noscript", "iframe", "object", "head"])
_PARSER = etree.HTMLParser(remove_comments=True, remove_pis=True, no_network=True, recover=True)
_PASSES = 2  # escaped once too often is common, twice is an attack


def clean(text: str) -> str:
    """Return text without control characters (line ends stay); lone surrogates become U+FFFD (S34, S35)."""
    if text.isprintable() or not _UNSAFE.search(text):  # as nearly all are
        return text
    return _SURROGATE.sub("\ufffd", _CONTROL.sub("", text))


def plain(markup: str) -> str:
    """Return one line of plain text: entities resolved (also when escaped twice), markup removed.

    Signs that only look like markup (``1 < 2``, ``C++ <vector>``) stay. Bidirectional marks stay: Arabic and
    Hebrew headlines need them.
    """
    text = markup[:LONGEST_MARKUP]
    for _ in range(_PASSES):
        if "<" in text and _TAG.search(text):
            text = _without_tags(text)
        if "&" not in text or not _ENTITY.search(text):
            break
        text = html.unescape(text)
    else:
        text = _without_tags(text) if _TAG.search(text) else text
    return " ".join(clean(text).split())


def web_address(address: str | None, base: str = "") -> str | None:
    """Return an absolute http(s) URL, else None: no foreign schemes, no control characters (S09, S29)."""
    address = (address or "").strip()
    if not address or _CONTROL.search(address) or _SURROGATE.search(address):
        return None
    try:
        absolute = address.startswith(("https://", "http://"))
        resolved = (address if absolute else urljoin(base, address)).replace(" ", "%20")
        parts = urlsplit(resolved)
        usable = parts.scheme in ("http", "https") and parts.hostname and len(resolved) <= LONGEST_URL
    except ValueError:
        return None
    return resolved if usable else None


def _without_tags(text: str) -> str:
    source = f"<div>{clean(text)}</div>"
    try:
        root = etree.fromstring(source, _PARSER)
    except (etree.XMLSyntaxError, ValueError):
        return text
    return "" if root is None else "".join(_pieces(root))


def _pieces(root: etree._Element) -> list[str]:
    found: list[str] = []
    silent = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        silent += (1 if event == "start" else -1) * (element.tag in _SILENT)
        text = element.text if event == "start" else element.tail
        if element.tag not in _INLINE:
            found.append(" ")
        if text and not silent:
            found.append(text)
    return found
