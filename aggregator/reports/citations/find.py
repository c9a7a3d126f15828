"""Citations of a whole article: names, sentences, rules, one citation an outlet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from aggregator.model import Citation, Text
from aggregator.reports.citations.grammar import Grammar, grammar_of, languages
from aggregator.reports.citations.rules import Finding, judge
from aggregator.reports.citations.sentences import sentence_spans
from aggregator.reports.citations.slots import Named, groups, is_part_of_name, slotted
from aggregator.reports.outlet_names import Form, Mention
from aggregator.reports.outlets import OutletList

_LONGEST_SENTENCE = 1500  # letters; beyond it is no sentence but a list or a broken page


@dataclass(frozen=True, slots=True)
class _Name:
    """A mention with the outlet it was taken to mean."""

    start: int
    end: int
    outlet: str
    weak: bool


def find_citations(text: Text, outlets: OutletList) -> tuple[Citation, ...]:
    """Return the outlets that ``text`` names as its sources, the most certain sentence for each.

    The outlet of the text itself is never among them. An outlet that the list does not know keeps its name, with
    ``outlet`` None, where the text calls it a newspaper, an agency or the like.
    """
    grammars = _grammars(text.lang)
    best: dict[str, Citation] = {}
    title = outlets.names_in(text.title, text.lang)
    body = outlets.names_in(text.text, text.lang)
    if not title and not body:
        return ()
    certain = _certain(title + body) | {text.outlet}
    for part, mentions in ((text.title, title), (text.text, body)):
        names = _resolved(mentions, certain, text.lang, outlets)
        for citation in _cited(part, names, text.outlet, grammars, headline=part is text.title):
            key = citation.outlet or citation.name
            if key not in best or citation.confidence > best[key].confidence:
                best[key] = citation
    return tuple(best.values())


def _grammars(lang: str | None) -> tuple[Grammar, ...]:
    known = grammar_of(lang) if lang else None
    tried = (known,) if known else (grammar_of(code) for code in (languages() if lang is None else ("en",)))
    return tuple(grammar for grammar in tried if grammar)


def _certain(mentions: Iterable[Mention]) -> set[str]:
    """Outlets that the text names in a form which can mean nothing else."""
    forms = (form for mention in mentions for form in mention.forms)
    return {form.domain for form in forms if not form.weak and not form.short}


def _resolved(
    mentions: Iterable[Mention], certain: set[str], lang: str | None, outlets: OutletList
) -> list[_Name]:
    names = []
    for mention in mentions:
        form = _meant(mention.forms, certain, lang, outlets)
        if form:
            weak = form.weak and form.domain not in certain
            names.append(_Name(mention.start, mention.end, form.domain, weak))
    return names


def _meant(
    forms: Sequence[Form], certain: set[str], lang: str | None, outlets: OutletList
) -> Form | None:
    """Pick the reading: an outlet named in full elsewhere, else a plain name, else one of the text's language."""
    named = [form for form in forms if form.domain in certain]
    readings = named or [form for form in forms if not form.short]

    def rank(form: Form) -> tuple[bool, bool]:
        outlet = outlets.get(form.domain)
        return form.weak, not (outlet and lang in outlet.languages)

    return min(readings, key=rank, default=None)


def _cited(
    part: str, names: Sequence[_Name], own: str, grammars: Sequence[Grammar], *, headline: bool
) -> Iterator[Citation]:
    for grammar in grammars:
        for start, end in _sentences(part, names, grammar, headline=headline):
            within = [name for name in names if start <= name.start and name.end <= end]
            if end - start <= _LONGEST_SENTENCE:
                yield from _in_sentence(part[start:end], start, within, own, grammar, headline=headline)


def _sentences(
    part: str, names: Sequence[_Name], grammar: Grammar, *, headline: bool
) -> Iterator[tuple[int, int]]:
    if not names:
        return
    spans = [(0, len(part))] if headline else sentence_spans(part, grammar.abbreviations)
    yield from ((start, end) for start, end in spans if any(start <= n.start < end for n in names))


def _in_sentence(
    sentence: str, offset: int, names: Sequence[_Name], own: str, grammar: Grammar, *, headline: bool
) -> Iterator[Citation]:
    names = [name for name in names if not (name.weak and is_part_of_name(sentence, _place(name, offset)))]
    places = [_place(name, offset) for name in names]
    for group in groups(sentence, places, grammar):
        if all(names[index].outlet == own for index in group):
            continue
        slot = slotted(sentence, places, group, grammar)
        weak = all(names[index].weak for index in group)
        finding = judge(slot, grammar, weak=weak, headline=headline)
        if finding:
            yield from _citations(sentence, [names[i] for i in group], [places[i] for i in group], own, finding)


def _place(name: _Name, offset: int) -> Named:
    return Named(name.start - offset, name.end - offset)


def _citations(
    sentence: str, names: Sequence[_Name], places: Sequence[Named], own: str, finding: Finding
) -> Iterator[Citation]:
    for name, place in zip(names, places, strict=True):
        if name.outlet != own:
            written = sentence[place.start : place.end]
            yield Citation(name.outlet, written, sentence, finding.confidence, finding.rule)
