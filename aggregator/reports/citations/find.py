"""Citations of a whole article: names, sentences, rules, one citation an outlet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from aggregator.model import Citation, Outlet, Text
from aggregator.reports.citations.grammar import Grammar, grammar_of, languages
from aggregator.reports.citations.rules import STRONG, Finding, judge
from aggregator.reports.citations.sentences import sentence_spans
from aggregator.reports.citations.slots import Named, groups, is_part_of_name, is_quoted, slotted
from aggregator.reports.outlet_names import Form, Mention, fold
from aggregator.reports.outlets import OutletList

_TELLING = 40  # letters of the shortest sentence in which a bare name can be a source
_LONGEST_SENTENCE = 1500  # letters; beyond it is no sentence but a list or a broken page


@dataclass(frozen=True, slots=True)
class _Name:
    """A mention with the outlet it was taken to mean; None: one that the list does not know."""

    start: int
    end: int
    outlet: str | None
    weak: bool = False  # no other place of the text leaves less room for doubt
    loose: bool = False  # written in a form that may be part of a longer name
    foreign: bool = False  # no agency, and of another language than the text


def find_citations(text: Text, outlets: OutletList) -> tuple[Citation, ...]:
    """Return the outlets that ``text`` names as its sources, the most certain sentence for each.

    The outlet of the text itself is never among them. An outlet that the list does not know keeps its name,
    with ``outlet`` None, where the text calls it a newspaper, an agency or the like. Source: issue 4.
    """
    grammars = _grammars(text.lang)
    title = outlets.names_in(text.title, text.lang)
    body = outlets.names_in(text.text, text.lang)
    certain = _certain(title + body) | {text.outlet}
    best: dict[str, Citation] = {}
    for part, mentions, headline in ((text.title, title, True), (text.text, body, False)):
        names = _resolved(mentions, certain, text.lang, outlets)
        names += [
            name for grammar in grammars for name in _unlisted(part, names, grammar, text.links, outlets)
        ]
        names.sort(key=lambda name: name.start)
        for citation in _cited(part, names, text.outlet, grammars, headline=headline):
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
            loose = form.weak or form.short
            foreign = _is_foreign(outlets.get(form.domain), lang)
            names.append(_Name(mention.start, mention.end, form.domain, weak, loose, foreign))
    return names


def _is_foreign(outlet: Outlet | None, lang: str | None) -> bool:
    return (
        outlet is not None and outlet.kind not in (None, "agency") and lang not in (None, *outlet.languages)
    )


def _unlisted(
    part: str, known: Sequence[_Name], grammar: Grammar, links: Sequence[str], outlets: OutletList
) -> Iterator[_Name]:
    """Names that the text itself calls a newspaper or the like; known by one of its links, or not at all."""
    for match in grammar.unknown.finditer(part) if grammar.unknown else ():
        group = match.lastgroup or 0
        start, end = match.span(group)
        if not any(name.start < end and start < name.end for name in known):
            yield _Name(start, end, _linked(match[group], links, outlets))


def _linked(name: str, links: Sequence[str], outlets: OutletList) -> str | None:
    """The outlet of a link whose domain is the name in plain letters: "Hafenkurier" -> hafenkurier.de."""
    plain = "".join(char for char in fold(name) if char.isalnum())
    domains = (outlets.of_url(link) for link in links)
    return next((domain for domain in domains if domain.partition(".")[0].replace("-", "") == plain), None)


def _meant(forms: Sequence[Form], certain: set[str], lang: str | None, outlets: OutletList) -> Form | None:
    """Pick a reading: an outlet named in full elsewhere, else a plain name, else one of this language."""
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
    sentence: str,
    offset: int,
    names: Sequence[_Name],
    own: str,
    grammar: Grammar,
    *,
    headline: bool,
) -> Iterator[Citation]:
    places = [Named(name.start - offset, name.end - offset) for name in names]
    for listed in groups(sentence, places, grammar):
        group = [i for i in listed if not (names[i].loose and is_part_of_name(sentence, places[i]))]
        slot = slotted(sentence, places, listed, grammar)
        if slot.certain:
            group = listed
        elif group != listed and group:
            slot = slotted(sentence, places, group, grammar)
        if all(names[index].outlet == own for index in group):
            continue
        weak = all(names[index].weak for index in group)
        foreign = not headline and all(_is_telling(names[i], sentence, places[i]) for i in group)
        finding = judge(slot, grammar, weak=weak, foreign=foreign, headline=headline)
        known = all(names[index].outlet for index in group)
        if finding and (known or finding.rule in STRONG):
            yield from _citations(
                sentence, [names[i] for i in group], [places[i] for i in group], own, finding
            )


def _is_telling(name: _Name, sentence: str, place: Named) -> bool:
    """A foreign outlet's bare name says enough where it has two words or stands in quotation marks."""
    distinct = " " in sentence[place.start : place.end] or is_quoted(sentence, place)
    return name.foreign and distinct and len(sentence) >= _TELLING


def _citations(
    sentence: str, names: Sequence[_Name], places: Sequence[Named], own: str, finding: Finding
) -> Iterator[Citation]:
    for name, place in zip(names, places, strict=True):
        if name.outlet != own:
            written = sentence[place.start : place.end]
            yield Citation(name.outlet, written, sentence, finding.confidence, finding.rule)
