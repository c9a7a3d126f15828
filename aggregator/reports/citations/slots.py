"""Sentences in the normal form that the grammar tables speak of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from aggregator.reports.citations.grammar import GLUE, OTHER, OUTLET, Grammar

_QUOTES = re.compile(r"[\"«»„“”‟‹›《》`]|(?<!\w)['‘‚’]|['’](?!\w)")
_OPENING = "\"«»„“”‚‘'‹›"
_BLANKS = re.compile(r"\s+")
_DASHES = re.compile(r"\s[-–—―]+\s|[—―]+")
_ENDING = re.compile(r"[\"»”“]?['’](?P<case>\w{1,6})(?!\w)")
_ECHO = re.compile(rf"^ \({OTHER}\)")
_RESERVED = {ord(OUTLET): " ", ord(OTHER): " ", ord("’"): "'", 0x2011: "-"}
_GOES_ON = re.compile(r" (?:(?:of|de|di|do|da|du|des|del|della) )?(?P<word>[^\W\d_]{2,})")
_TAIL = 90  # letters before a name in which articles and adjectives are looked for


@dataclass(frozen=True, slots=True)
class Named:
    """A name within a sentence: where it stands (counted from the sentence's beginning)."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Slotted:
    """A sentence seen from one of its names."""

    form: str  # the normal form
    called: bool  # the sentence says what it is: "the newspaper X"
    quoted: bool  # the name stands in quotation marks of its own

    @property
    def certain(self) -> bool:
        """No everyday word looks like this."""
        return self.called or self.quoted


def is_quoted(sentence: str, name: Named) -> bool:
    """Does the name stand alone between quotation marks?"""
    before, after = sentence[name.start - 1 : name.start], sentence[name.end : name.end + 1]
    return bool(before) and before in _OPENING and bool(after) and after in _OPENING + "’"


def is_part_of_name(sentence: str, name: Named) -> bool:
    """Is the name one word of a longer name ("Sala Stampa", "Türkiye Cumhuriyet Merkez Bankası")?"""
    if " " in sentence[name.start : name.end]:
        return False
    following = _GOES_ON.match(sentence, name.end)
    if following and following["word"].istitle():
        return True
    head, blank, previous = sentence[: name.start].removesuffix(" ").rpartition(" ")
    apart = sentence[name.start - 1 : name.start] != " "
    return bool(head and blank and not apart and previous[:1].isupper() and previous[-1:].isalnum())


def groups(sentence: str, names: Sequence[Named], grammar: Grammar) -> list[list[int]]:
    """Put names into one group that the sentence lists together: "SZ, NDR und WDR"."""
    together: list[list[int]] = [[0]] if names else []
    for index in range(1, len(names)):
        between = _plain(_unsuffixed(sentence, names[index - 1].end, names[index].start), grammar)
        if grammar.joiner.fullmatch(between):
            together[-1].append(index)
        else:
            together.append([index])
    return together


def slotted(sentence: str, names: Sequence[Named], group: Sequence[int], grammar: Grammar) -> Slotted:
    """Return the sentence's normal form with ``group`` as its outlet and every other name as another."""
    first, last = names[group[0]], names[group[-1]]
    left = _with_others(sentence, 0, first.start, names, grammar)
    ending = _ENDING.match(sentence, last.end) if grammar.keeps_endings else None
    right = _with_others(sentence, last.end, len(sentence), names, grammar)
    right = _ECHO.sub("", right)
    left, right = _without_brackets(left, right, grammar)
    left, article, called_before = _without_introducers(left, grammar)
    right, called_behind = _without_followers(right, grammar)
    quoted = all(is_quoted(sentence, names[index]) for index in group)
    case = f"'{ending['case'].lower()}" if ending else ""
    form = _BLANKS.sub(" ", f"{left}{article}{OUTLET}{case}{right}").strip()
    return Slotted(form, called_before or called_behind, quoted)


def _with_others(sentence: str, start: int, end: int, names: Sequence[Named], grammar: Grammar) -> str:
    pieces, position = [], start
    for name in names:
        if start <= name.start and name.end <= end:
            pieces += [_plain(_unsuffixed(sentence, position, name.start), grammar), OTHER]
            position = name.end
    pieces.append(_plain(_unsuffixed(sentence, position, end), grammar))
    return "".join(pieces)


def _unsuffixed(sentence: str, start: int, end: int) -> str:
    """A piece of the sentence without the ending that a name's apostrophe leaves at its beginning."""
    ending = _ENDING.match(sentence, start, end) if start else None
    return sentence[ending.end() if ending else start : end]


def _plain(piece: str, grammar: Grammar) -> str:
    """Lower case, no quotation marks, plain blanks and dashes, contractions spelled out."""
    text = piece.translate(_RESERVED).lower().replace("i̇", "i")
    if grammar.elisions:
        text = grammar.elisions.sub(r"\1 ", text)
    text = _BLANKS.sub(" ", _DASHES.sub(" – ", _QUOTES.sub("", text)))
    if grammar.contracted:
        text = grammar.contracted.sub(lambda match: grammar.contractions[match[0]], text)
    return text


def _without_brackets(left: str, right: str, grammar: Grammar) -> tuple[str, str]:
    """Read "Demirören News Agency (DHA) reported" like "Demirören News Agency DHA reported"."""
    if left.endswith("(") and right.startswith(") ") and grammar.noun_before.search(left[-_TAIL:-1]):
        return left[:-1], right[1:]
    return left, right


def _without_introducers(left: str, grammar: Grammar) -> tuple[str, str, bool]:
    """Cut "the German newspaper" off the end: what is left, the article, whether it says what the name is."""
    tail = left[-_TAIL:]
    noun = grammar.noun_before.search(tail)
    rest = tail[: noun.start()] if noun else tail
    pattern = grammar.article_before if noun else grammar.bare_before
    found = pattern.search(rest)
    kept = rest[: found.start()] if found else rest
    article = f"{found['article']}{GLUE}" if found and found["article"] else ""
    return left[: len(left) - len(tail)] + kept, article, bool(noun)


def _without_followers(right: str, grammar: Grammar) -> tuple[str, bool]:
    found = grammar.followers.match(right) if grammar.followers else None
    return (right[found.end() :], True) if found else (right, False)
