from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.reports.names import names, numbers, skeleton, stem, telling_words, weekdays


@pytest.mark.parametrize(
    "spellings",
    [
        [
            ("Putin", "en"),
            ("Poutine", "fr"),
            ("Путина", "ru"),
            ("Путиным", "ru"),
            ("Putins", "de"),
            ("Putinem", "pl"),
        ],
        [
            ("Selenskyj", "de"),
            ("Zelensky", "en"),
            ("Зеленского", "ru"),
            ("Зеленський", "uk"),
            ("Zelenskyy's", "en"),
        ],
        [("Netanyahu", "en"), ("Netanjahu", "de"), ("Нетаньяху", "ru")],
        [("Erdoğan'ın", "tr"), ("Erdogan", "en"), ("Эрдоган", "ru")],
        [("Kachowka", "de"), ("Каховка", "ru"), ("Kakhovka", "en")],
        [("Cherson", "de"), ("Херсон", "ru"), ("Kherson", "en"), ("Jersón", "es")],
        [("Johnson", "en"), ("Джонсон", "ru")],
    ],
)
def test_spellings_of_one_name_have_one_skeleton(spellings: list[tuple[str, str]]) -> None:
    assert len({skeleton(word, lang) for word, lang in spellings}) == 1


def test_different_names_have_different_skeletons() -> None:
    people = ["Putin", "Macron", "Trump", "Biden", "Scholz", "Zelensky", "Erdogan", "Meloni"]
    assert len({skeleton(word) for word in people}) == len(people)


def test_names_are_capitalised_words_that_do_not_open_a_sentence() -> None:
    found = list(names("Yesterday Mirela Stoica won. Spectators cheered in Lyon.", "en"))
    assert found == [skeleton(word) for word in ("Mirela", "Stoica", "Lyon")]


def test_in_a_headline_the_first_word_may_be_a_name() -> None:
    assert next(names("Stoica wins", "en", headline=True)) == skeleton("Stoica")


def test_scripts_without_capitals_give_all_their_words() -> None:
    assert skeleton("بوتين", "ar") in set(names("قال بوتين أمس", "ar"))
    assert list(names("东京奥运会", "zh")) == []


@pytest.mark.parametrize(
    ("text", "lang", "expected"),
    [
        ("1,5 Mrd. Euro, also 1.5bn", "de", ["1.5e+09", "1.5e+09"]),
        ("30 Prozent von 13.000", "de", ["30%", "13000"]),
        ("3 mil millones y 35%", "es", ["3e+09", "35%"]),
        ("1,5 млрд рублей, 35 процентов", "ru", ["1.5e+09", "35%"]),
        ("2 Billionen", "de", ["2e+12"]),
        ("$100m for 379 people in 2024", "en", ["1e+08", "379"]),
        ("1 or 2 of them", "en", []),
        ("1234567890123456789", "en", []),
    ],
)
def test_numbers_come_in_one_notation(text: str, lang: str, expected: list[str]) -> None:
    assert list(numbers(text, lang)) == expected


def test_telling_words_leave_out_stop_words_and_cut_endings() -> None:
    assert list(telling_words("The insolvency of their bakery", "en")) == ["insolv", "bakery"]
    assert stem("Insolvenz") == stem("insolvenza") == "insolv"


def test_chinese_gives_pairs_of_characters() -> None:
    assert list(telling_words("东京奥运", "zh")) == ["东京", "京奥", "奥运"]


def test_weekdays_are_the_same_in_every_language() -> None:
    said = [
        ("on Tuesday", "en"),
        ("am Dienstag", "de"),
        ("mardi", "fr"),
        ("во вторник", "ru"),
        ("wtorek", "pl"),
    ]
    assert {tuple(weekdays(text, lang)) for text, lang in said} == {(1,)}
    assert list(weekdays("Tuesday", None)) == []


@given(st.text(max_size=200), st.sampled_from([None, "en", "de", "ru", "ar", "zh", "tr"]))
def test_any_text_can_be_read(text: str, lang: str | None) -> None:
    assert all(
        isinstance(x, str) for x in [*names(text, lang), *numbers(text, lang), *telling_words(text, lang)]
    )
    assert all(0 <= day < 7 for day in weekdays(text, lang))
