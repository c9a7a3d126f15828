"""Cutting a text into sentences, where only those that name an outlet are wanted."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

_END = re.compile(r"[.!?…]+[\"'»«”“’)\]]*\s+(?=[\"'»«„“‘‚(\[—–-]*\s?(?:[^\W\d_]|\d))|\n+")
_LAST_WORD = re.compile(r"([\w.]*\w)$")


def sentence_spans(text: str, abbreviations: Collection[str]) -> Iterator[tuple[int, int]]:
    """Yield begin and end of every sentence of ``text``.

    A full stop ends no sentence behind an abbreviation, a single letter, or a number ("24. Oktober"), nor
    before a small letter.
    """
    start = 0
    for match in _END.finditer(text):
        if _ends(text, match, abbreviations):
            yield start, match.start() + len(match[0].rstrip())
            start = match.end()
    if start < len(text):
        yield start, len(text)


def _ends(text: str, match: re.Match[str], abbreviations: Collection[str]) -> bool:
    if "\n" in match[0] or match[0][0] != ".":
        return True
    following = text[match.end() : match.end() + 2].lstrip("\"'»«„“‘‚([—–- ")
    if following[:1].islower():
        return False
    word = _LAST_WORD.search(text, max(0, match.start() - 20), match.start())
    if word is None:
        return True
    last = word[1].lower()
    return not (last in abbreviations or _is_initial(word[1]) or (last.isdigit() and len(last) < 3))


def _is_initial(word: str) -> bool:
    return (len(word) == 1 and word.isupper()) or (len(word) == 3 and word[1] == "." and word.isupper())
