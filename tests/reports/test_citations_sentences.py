from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.reports.citations.grammar import grammar_of, languages
from aggregator.reports.citations.sentences import sentence_spans


def sentences(text: str, lang: str) -> list[str]:
    grammar = grammar_of(lang)
    assert grammar
    return [text[start:end] for start, end in sentence_spans(text, grammar.abbreviations)]


@pytest.mark.parametrize(
    ("lang", "text", "count"),
    [
        ("en", "Mr. Smith left. He told the U.S. Senate so.", 2),
        ("en", "“Is it true?” she asked. “No.” He left.", 3),
        ("de", "Am 24. Oktober kam Dr. Müller. Er blieb.", 2),
        ("de", "Das kostet 3 Mio. Euro. Mehr nicht!", 2),
        ("ru", "В 2024 г. цена выросла. «Это много», — сказал он.", 2),
        ("fr", "M. Macron est arrivé. « Merci », a-t-il dit.", 2),
        ("en", "First line\nSecond line\n\nThird", 3),
        ("en", "J. K. Rowling wrote it. Then silence... and more.", 2),
        ("en", "", 0),
        ("en", "Look: ... What?", 2),
    ],
)
def test_a_full_stop_ends_a_sentence_unless_it_belongs_to_a_word(lang: str, text: str, count: int) -> None:
    assert len(sentences(text, lang)) == count, sentences(text, lang)


def test_eleven_languages_and_more_have_a_table() -> None:
    assert {"en", "de", "fr", "es", "it", "pt", "nl", "pl", "ru", "uk", "tr"} <= set(languages())


@given(st.text(alphabet="aB. !?\n«»”“1", max_size=120))
def test_sentences_come_in_order_and_leave_out_nothing_but_blanks(text: str) -> None:
    position = 0
    for start, end in sentence_spans(text, frozenset()):
        assert position <= start <= end
        assert text[position:start].strip() == ""
        position = end
    assert text[position:].strip() == ""
