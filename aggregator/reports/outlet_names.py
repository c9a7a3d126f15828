"""Finding outlets' names in running text.

A name is written in many ways: inflected ("Блумберга", "des Spiegels", "Reutersa"), in capitals, with the
suffix of its case behind an apostrophe ("Reuters'ın"). Aliases of the outlet list carry marks:

* ``~Welt`` is an everyday word or shared with others: it counts only where the grammar leaves no doubt;
* ``^Journal`` is a short form that counts only where the text names the outlet in full, too;
* ``Público@es,fr`` is tried in texts of these languages only.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from aggregator.model import Outlet

WORD = re.compile(r"[^\W_]+")
_GAP = re.compile(r"[ \u00a0.'’/&+:\-–]{0,2}")
_DOT = re.compile(r"[.-]")
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_CYRILLIC_VOWELS = "аеиоуыэюяьъі"
# What a language may hang directly onto a Latin name; longest first.
_SUFFIXES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("de", "nl", "sv", "da", "no", "nb"), ("s",)),
    "pl": ("owskiego", "owie", "owi", "iem", "ami", "em", "ie", "ów", "om", "u", "a", "y", "i", "s"),
    "fi": ("issa", "ille", "ilta", "ista", "ssa", "lle", "lta", "sta", "in", "en", "n", "s"),
}


@dataclass(frozen=True, slots=True)
class Form:
    """One way of writing an outlet's name."""

    domain: str
    words: tuple[str, ...]  # as written
    keys: tuple[str, ...]  # folded; Cyrillic words without their ending
    weak: bool
    short: bool
    langs: frozenset[str]
    dotted: bool = False  # an address: its words are joined by full stops


@dataclass(frozen=True, slots=True)
class Mention:
    """A place where a name stands. ``forms`` holds every reading of it, of one length."""

    start: int
    end: int
    forms: tuple[Form, ...]


@lru_cache(maxsize=65536)
def fold(word: str) -> str:
    """Lower case without accents, so that "Clarin" finds "Clarín"."""
    if word.isascii():
        return word.lower()
    decomposed = unicodedata.normalize("NFKD", word.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def _key(word: str) -> str:
    folded = fold(word)
    if len(folded) > 3 and _CYRILLIC.search(folded):
        return folded[:3] + folded[3:].rstrip(_CYRILLIC_VOWELS)
    return folded


def parse_alias(alias: str, domain: str) -> Form | None:
    """Read an alias with its marks; None where nothing but punctuation is left of it."""
    mark = alias[:1] if alias[:1] in "~^" else ""
    body, _, langs = alias[len(mark) :].partition("@")
    words = tuple(WORD.findall(body))
    if not words:
        return None
    keys = tuple(_key(word) for word in words)
    dotted = re.fullmatch(r"[\w-]+(?:\.[\w-]+)+", body) is not None
    return Form(domain, words, keys, mark == "~", mark == "^", frozenset(langs.split(",")) - {""}, dotted)


def forms_of(outlet: Outlet) -> list[Form]:
    """All ways of writing an outlet: its aliases, its name unless an alias qualifies it, its domain."""
    forms = [form for alias in outlet.aliases if (form := parse_alias(alias, outlet.domain))]
    qualified = {form.keys for form in forms if form.weak or form.short}
    name = parse_alias(outlet.name, outlet.domain)
    if name and name.keys not in qualified:
        forms.append(name)
    address = parse_alias(outlet.domain, outlet.domain)
    return forms + ([address] if address else [])


def _case_fits(written: str, form: str) -> bool:
    """Is ``written`` a way of spelling ``form`` that a careful editor would let pass?"""
    if form[:1].islower():
        return written == form or written == form.capitalize() or written.isupper()
    if written[:1].islower():
        return False
    if form.isupper():  # initials: "Wsj" is an editor's choice, "SpA" is a company
        return written.isupper() or (len(form) > 2 and written == written.capitalize())
    return True


class NameIndex:
    """All forms of all outlets, keyed by their first word."""

    def __init__(self, outlets: Iterable[Outlet]) -> None:
        by_first: dict[str, list[Form]] = defaultdict(list)
        for outlet in outlets:
            for form in forms_of(outlet):
                by_first[form.keys[0]].append(form)
        self._by_first = {
            key: tuple(sorted(forms, key=lambda form: -len(form.keys))) for key, forms in by_first.items()
        }
        self._seen: dict[tuple[str, str], tuple[Form, ...]] = {}

    def find(self, text: str, lang: str | None) -> list[Mention]:
        """Every name in ``text``, from left to right, the longest at each place, never overlapping."""
        return list(self._walk(text, lang or ""))

    def _walk(self, text: str, lang: str) -> Iterator[Mention]:
        end = 0
        for match in WORD.finditer(text):
            if match.start() < end:
                continue
            forms = self._starting_with(match[0], lang)
            if not forms:
                continue
            found = self._longest(text, match, forms, lang)
            if found:
                end = found.end
                yield found

    def _starting_with(self, word: str, lang: str) -> tuple[Form, ...]:
        # Text repeats its words: remembering them makes this one dictionary look-up per word.
        known = self._seen.get((word, lang))
        if known is None:
            known = self._look_up(word, lang)
            if len(self._seen) > 200_000:
                self._seen.clear()
            self._seen[word, lang] = known
        return known

    def _look_up(self, word: str, lang: str) -> tuple[Form, ...]:
        forms: list[Form] = []
        for key in _possible_keys(fold(word), lang):
            forms += (
                form
                for form in self._by_first.get(key, ())
                if _case_fits(word, form.words[0]) and (not form.langs or lang in form.langs or not lang)
            )
        return tuple(sorted(forms, key=lambda form: -len(form.keys)))

    @staticmethod
    def _longest(text: str, first: re.Match[str], forms: Sequence[Form], lang: str) -> Mention | None:
        ends = [(form, _end_of(form, text, first.end(), lang)) for form in forms]
        longest = max(end for _, end in ends)
        if longest < 0:
            return None
        kept = tuple(form for form, end in ends if end == longest)
        return Mention(first.start(), longest, kept)


def _possible_keys(folded: str, lang: str) -> Iterator[str]:
    yield folded
    if _CYRILLIC.search(folded):
        yield from (folded[:-cut] for cut in (1, 2, 3) if len(folded) - cut >= 3)
        return
    for suffix in _SUFFIXES.get(lang, ()):
        if folded.endswith(suffix) and len(folded) - len(suffix) >= 3:
            yield folded[: -len(suffix)]


def _end_of(form: Form, text: str, position: int, lang: str) -> int:
    """Where ``form`` ends, its first word having ended at ``position``; -1 where the rest is not there."""
    # "Le monde" is the world, "Wall street journal" a slip.
    strict = len(form.words) == 2 and form.words[0].isascii()
    for key, spelled in zip(form.keys[1:], form.words[1:], strict=True):
        gap = (_DOT if form.dotted else _GAP).match(text, position)
        word = WORD.match(text, gap.end()) if gap else None
        if word is None or key not in _possible_keys(fold(word[0]), lang):
            return -1
        if strict and not _case_fits(word[0], spelled):
            return -1
        position = word.end()
    return position
