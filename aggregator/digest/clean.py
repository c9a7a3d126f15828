"""Text and addresses from strangers, made fit to print: the one gate through which they enter a digest."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, urlsplit

# C0 and C1 controls, lone surrogates, noncharacters, line separators, and the bidirectional overrides and
# isolates, which reach beyond their own text (S32, S34, S35). ZWJ, ZWNJ, LRM and RLM stay: scripts need them.
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)
_INVISIBLE = re.compile(r"[\u00ad\u200b\u2060]")  # where a word may be broken, or not: nothing to read
_SPACES = re.compile(r"\s+")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_UNSAFE_IN_URL = {ord(char): quote(char) for char in ' "<>\\^`{|}'}


def clean(text: str) -> str:
    """Return ``text`` as one line without control characters, in Unicode's composed form (NFC)."""
    printable = _UNPRINTABLE.sub(" ", _INVISIBLE.sub("", text))
    return unicodedata.normalize("NFC", _SPACES.sub(" ", printable)).strip()


def shortened(text: str, width: int) -> str:
    """Return ``text``, cut at a word's end with an ellipsis where it has more than ``width`` characters."""
    if len(text) <= width:
        return text
    cut = text[: width - 1]
    words = cut.rpartition(" ")[0]
    return (words if len(words) > width / 2 else cut).rstrip(" ,;:–—-") + "…"


def clean_paragraphs(text: str) -> tuple[str, ...]:
    """Return the paragraphs of ``text`` (its non-empty lines), each of them clean."""
    return tuple(line for line in map(clean, text.splitlines()) if line)


def clean_language(code: str | None) -> str | None:
    """Return a language code as HTML's and Atom's ``lang`` may carry it, or None."""
    return code if code and _LANGUAGE.fullmatch(code) else None


def safe_url(url: str) -> str | None:
    """Return ``url`` as a link may carry it, or None where it is no absolute http(s) address (S29)."""
    if _UNPRINTABLE.search(url.strip()):
        return None
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return None
    return parts.scheme + url.strip()[len(parts.scheme) :].translate(_UNSAFE_IN_URL)
