"""The headline of an article: what the page shows above its text, without the outlet's name."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_BAR = re.compile(r"\s+[|¦]\s+|\s*\|\|\s*")
_DASH = re.compile(r"\s+(?:[-–—·•»«:]|::)\s+")
_WORDS = re.compile(r"\w+")
_LONGEST = 500  # characters


def letters(text: str) -> str:
    """Return a text's letters and digits in lower case: equal for two spellings of one headline."""
    return "".join(_WORDS.findall(text.lower()))


def without_outlet(headline: str, site_name: str, url: str) -> str:
    """Return a headline without the outlet's name at either end ("Headline | Section | Outlet").

    A part behind a dash goes only if it is the outlet's name or domain; a part behind a bar also where it is
    short beside the headline, since bars separate sections.
    """
    names = _outlet_names(site_name, url)
    parts = _BAR.split(headline)
    while len(parts) > 1 and (_is_outlet(parts[-1], names) or _is_label(parts[-1], parts[0])):
        parts.pop()
    if len(parts) > 1 and _is_outlet(parts[0], names):
        parts.pop(0)
    return _without_dashed_outlet(" | ".join(parts), names)


def _without_dashed_outlet(headline: str, names: frozenset[str]) -> str:
    separators = list(_DASH.finditer(headline))
    if separators and _is_outlet(headline[separators[-1].end() :], names):
        return headline[: separators[-1].start()]
    if (
        separators
        and _is_outlet(headline[: separators[0].start()], names)
        and separators[0][0].strip() != ":"
    ):
        return headline[separators[0].end() :]
    return headline


def _outlet_names(site_name: str, url: str) -> frozenset[str]:
    host = (urlsplit(url).hostname or "").removeprefix("www.")
    labels = [label for label in host.split(".")[:-1] if len(label) > 2]
    return frozenset(filter(None, (letters(site_name), letters(host), *map(letters, labels))))


def _is_outlet(part: str, names: frozenset[str]) -> bool:
    text = letters(part.removeprefix("www."))
    close = (n for n in names if n == text or (len(n) > 2 and (text.startswith(n) or n.startswith(text))))
    return bool(text) and len(part.split()) <= 5 and next(close, None) is not None


def _is_label(part: str, headline: str) -> bool:
    return len(part.split()) <= 3 and len(headline.split()) >= 4


def choose_title(headlines: tuple[str, ...], entry_title: str, *, site_name: str, url: str) -> str:
    """Return the first of a page's headlines that another one, or the feed's title, agrees with.

    Agreement (half of the shorter one's words) keeps out an ``h1`` that holds the outlet's logo and titles
    written for a section. Where nothing agrees the feed's title is right, and without one the first headline.
    """
    cleaned = [t for h in headlines if (t := without_outlet(h, site_name, url))]
    entry = " ".join(entry_title.split())
    for index, title in enumerate(cleaned):
        others = [*cleaned[:index], *cleaned[index + 1 :], entry]
        if any(_agree(title, other) for other in others):
            return title[:_LONGEST]
    return (entry or next(iter(cleaned), ""))[:_LONGEST]


def _agree(one: str, other: str) -> bool:
    a, b = set(_WORDS.findall(one.lower())), set(_WORDS.findall(other.lower()))
    return len(a & b) * 2 >= min(len(a), len(b)) > 0
