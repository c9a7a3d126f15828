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
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from aggregator.model import Outlet

WORD = re.compile(r"[^\W_]+")
_GAP = re.compile(r"[ \u00a0.'’/&+:\-–]{0,2}")
_DOT = re.compile(r"[.-]")
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_CYRILLIC_VOWELS = "аеиоуыэюяьъі"
_REMEMBERED = 50_000  # words of one language; half a million words of English news hold 21,000 different ones
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


@dataclass(frozen=True, slots=True)
class _Starts:
    """The forms that may begin with a word: those it completes, the others by their second key."""

    single: tuple[Form, ...]
    longer: Mapping[str, tuple[Form, ...]]


class NameIndex:
    """All forms of all outlets, keyed by their first two words: "the" alone begins three hundred."""

    def __init__(self, outlets: Iterable[Outlet]) -> None:
        self._by_first: dict[str, list[Form]] = defaultdict(list)
        for outlet in outlets:
            for form in forms_of(outlet):
                self._by_first[form.keys[0]].append(form)
        self._seen: dict[str, dict[str, _Starts | None]] = defaultdict(dict)

    def find(self, text: str, lang: str | None) -> list[Mention]:
        """Every name in ``text``, from left to right, the longest at each place, never overlapping."""
        return list(self._walk(text, lang or ""))

    def _walk(self, text: str, lang: str) -> Iterator[Mention]:
        # Text repeats its words: remembering them makes this one dictionary look-up per word.
        seen = self._seen[lang]
        end = 0
        for match in WORD.finditer(text):
            word = match[0]
            starts = seen[word] if word in seen else self._remember(seen, word, lang)
            if starts is None or match.start() < end:
                continue
            found = _longest(text, match, starts, lang)
            if found:
                end = found.end
                yield found

    def _remember(self, seen: dict[str, _Starts | None], word: str, lang: str) -> _Starts | None:
        if len(seen) > _REMEMBERED:
            seen.clear()
        starts = seen[word] = self._look_up(word, lang)
        return starts

    def _look_up(self, word: str, lang: str) -> _Starts | None:
        forms = [
            form
            for key in _possible_keys(fold(word), lang)
            for form in self._by_first.get(key, ())
            if _case_fits(word, form.words[0]) and (not form.langs or lang in form.langs or not lang)
        ]
        if not forms:
            return None
        longer: dict[str, list[Form]] = defaultdict(list)
        for form in forms:
            if len(form.keys) > 1:
                longer[form.keys[1]].append(form)
        single = tuple(form for form in forms if len(form.keys) == 1)
        return _Starts(single, {key: tuple(found) for key, found in longer.items()})


def _longest(text: str, first: re.Match[str], starts: _Starts, lang: str) -> Mention | None:
    ends = [(form, _end_of(form, text, first.end(), lang)) for form in _continued(text, first, starts, lang)]
    longest = max((end for _, end in ends), default=-1)
    if longest >= 0:
        return Mention(first.start(), longest, tuple(form for form, end in ends if end == longest))
    return Mention(first.start(), first.end(), starts.single) if starts.single else None


def _continued(text: str, first: re.Match[str], starts: _Starts, lang: str) -> Iterator[Form]:
    """The longer forms whose second word may be the one that stands there."""
    gap = _GAP.match(text, first.end()) if starts.longer else None
    second = WORD.match(text, gap.end()) if gap else None
    for key in _possible_keys(fold(second[0]), lang) if second else ():
        yield from starts.longer.get(key, ())


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
