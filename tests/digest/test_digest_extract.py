"""Sentences, and which of them stand for a cluster."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.digest.clean import clean, clean_language, safe_url, shortened
from aggregator.digest.extract import background, extract, most_central, terms
from aggregator.digest.sentences import sentences, split, undated


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Mr. K. Holm met Gen. Roe on Jan. 5 in the U.S. capital. He left at once.", 2),
        ("Am 24. November traf er Dr. Weber. Danach reiste er ab.", 2),
        ("“It is over.” She left the room at once. Nobody spoke!", 3),
        ("Pi is 3.14 and the site is news.example for now. Yes.", 2),
        ("Он сказал: «Это всё». Потом он уехал в г. Тверь.", 2),
        ("هل هذا صحيح؟ نعم هذا صحيح. انتهى.", 3),
        ("これは最初の文です。次の文です。", 2),
        ("No end here", 1),
        ("", 0),
    ],
)
def test_sentences_end_where_a_reader_sees_their_end(text: str, count: int) -> None:
    assert len(split(text)) == count


@pytest.mark.parametrize(
    "dateline",
    [
        "LONDON (Reuters) - ",
        "Berlin/Paris (dpa) – ",
        "WASHINGTON, Nov 24 (AP) — ",
        "МОСКВА, 24 ноября. /ТАСС/. ",
        "МОСКВА, 24 ноя — РИА Новости. ",
        "WASHINGTON — ",
        "PARIS, 12 nov. (AFP) – ",
    ],
)
def test_a_dateline_is_taken_off(dateline: str) -> None:
    assert undated(f"{dateline}The envoy met officials in March.") == "The envoy met officials in March."


@pytest.mark.parametrize(
    "text",
    [
        "President Roe (72) said on Tuesday that he would go.",
        "The deal — long in the making — was signed in Oslo.",
        "In 2024 the talks began, and nobody knew of them.",
        "Envoy: I met nobody - ever - in that hotel.",
    ],
)
def test_what_only_looks_like_a_dateline_stays(text: str) -> None:
    assert undated(text) == text


def test_page_furniture_fragments_and_torn_ends_are_no_sentences() -> None:
    text = (
        "The envoy met officials in March.\nRead also: all about the talks.\nPhoto: Jane Roe / Northwire\n"
        "Sign up for our daily newsletter to know more.\nShort one.\nThe last sentence is torn in the mid"
    )
    assert sentences(text) == ["The envoy met officials in March."]


def test_an_extract_holds_two_or_three_sentences_in_the_order_of_the_text(new_article: Any) -> None:
    article = new_article(1)
    told = extract(article, [article.text], background([[article]]))
    assert 2 <= len(split(told)) <= 3
    positions = [article.text.index(sentence) for sentence in split(told)]
    assert positions == sorted(positions)
    assert "LONDON" not in told
    assert "Read also" not in told


def test_what_the_other_texts_speak_of_is_taken(new_article: Any) -> None:
    aside = "Gardeners of the region complain about slugs in the lettuce this autumn."
    main = "The envoy met officials in Moscow in March without telling allies."
    article = new_article(1, text=f"{aside} {main} Nobody in the lettuce trade wished to comment.")
    others = [
        "The envoy met Moscow officials. Allies were told nothing in March.",
        "Moscow officials met the envoy.",
    ]
    assert main in extract(article, others, background([[article]]))


def test_what_an_outlet_prints_under_everything_is_left_out(new_article: Any) -> None:
    motto = "We report what others would rather leave unsaid."
    rows = [
        [
            new_article(
                number,
                outlet="paper.example",
                text=f"{motto} Report number {number} tells of thing {number}.",
            )
        ]
        for number in range(1, 5)
    ]
    assert motto not in extract(rows[0][0], [], background(rows))


def test_a_text_that_is_all_furniture_is_still_told(new_article: Any) -> None:
    rows = [[new_article(number, outlet="paper.example")] for number in range(1, 5)]
    assert extract(rows[0][0], [], background(rows)).startswith("The envoy met officials")


def test_a_teaser_stands_in_for_itself_cut_at_a_word(new_article: Any) -> None:
    told = extract(new_article(1, text="OSLO (NW) - The envoy " + "met officials " * 40), [], background([]))
    assert told.startswith("The envoy met")
    assert told.endswith("…")
    assert len(told) <= 280


def test_the_most_central_text_shares_most_with_the_others() -> None:
    assert (
        most_central(["slugs and lettuce", "envoy in moscow", "the envoy met moscow", "moscow envoy talks"])
        > 0
    )
    assert most_central(["", ""]) == 0


def test_words_of_scripts_without_spaces_are_pairs_of_signs() -> None:
    assert set(terms("東京大学 2026 of it")) == {"東京", "京大", "大学", "2026"}


@given(text=st.text(max_size=400), others=st.lists(st.text(max_size=200), max_size=3))
def test_an_extract_is_short_and_clean(new_article: Any, text: str, others: list[str]) -> None:
    told = extract(new_article(1, text=text), others, background([]))
    assert told == clean(told)
    assert len(told) <= 562


@given(st.text())
def test_clean_text_is_one_printable_line_and_stays_as_it_is(text: str) -> None:
    assert clean(clean(text)) == clean(text)
    assert all(char.isprintable() or ord(char) > 0xFF for char in clean(text))
    clean(text).encode()


@given(st.text(), st.integers(2, 50))
def test_a_shortened_text_fits(text: str, width: int) -> None:
    assert len(shortened(text, width)) <= width


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        " JaVaScript:alert(1)",
        "java\nscript:x",
        "data:text/html,x",
        "//host/x",
        "https://",
        "",
        "https://[::1",
        "ftp://host/x",
        "/path",
        "http:\x00//host/",
        "https:///path",
    ],
)
def test_no_address_but_an_absolute_http_one_is_a_link(url: str) -> None:
    assert safe_url(url) is None


def test_an_address_is_kept_but_for_what_no_address_may_hold() -> None:
    assert safe_url(" https://a.example/ü?q=1&r=(x)#y ") == "https://a.example/ü?q=1&r=(x)#y"
    assert safe_url("HTTPS://A.example/B") == "https://A.example/B"
    assert safe_url('https://a.example/"><b>|`{}\\^ ') == "https://a.example/%22%3E%3Cb%3E%7C%60%7B%7D%5C%5E"


@pytest.mark.parametrize(
    ("code", "kept"), [("de", "de"), ("zh-Hant", "zh-Hant"), ('en"x', None), ("", None), (None, None)]
)
def test_only_language_codes_are_languages(code: str | None, kept: str | None) -> None:
    assert clean_language(code) == kept
