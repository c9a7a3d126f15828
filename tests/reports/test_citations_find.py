from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import Citation, Outlet, Text
from aggregator.reports.citations import find_citations
from aggregator.reports.outlets import OutletList

OUTLETS = OutletList.load()
WHEN = datetime(2026, 3, 1, tzinfo=UTC)


def cited(
    text: str,
    *,
    title: str = "",
    lang: str | None = "en",
    own: str = "own.example",
    links: tuple[str, ...] = (),
    outlets: OutletList = OUTLETS,
) -> dict[str | None, Citation]:
    article = Text(1, own, title, text, lang, WHEN, links)
    return {citation.outlet: citation for citation in find_citations(article, outlets)}


def test_a_citation_carries_the_name_as_written_its_sentence_its_rule_and_a_confidence() -> None:
    found = cited("It rained. The deal is off, the Financial Times reported on Friday. Shares fell.")
    assert found["ft.com"] == Citation(
        "ft.com", "Financial Times", "The deal is off, the Financial Times reported on Friday.", 0.93, "verb"
    )


def test_an_outlet_is_cited_once_by_its_most_certain_sentence() -> None:
    found = cited('Time reported the deal. According to the magazine "Time", it is worth a billion.')
    assert list(found) == ["time.com"]
    assert found["time.com"].rule == "according"


def test_nested_sources_are_both_named() -> None:
    found = cited(
        "Reuters berichtet unter Berufung auf die „Financial Times“, das Angebot sei vom Tisch.", lang="de"
    )
    assert set(found) == {"reuters.com", "ft.com"}


def test_a_list_of_outlets_shares_one_attribution() -> None:
    assert set(
        cited("Nach Recherchen von NDR, WDR und der „Süddeutschen Zeitung“ floss Geld.", lang="de")
    ) == {
        "ndr.de",
        "wdr.de",
        "sueddeutsche.de",
    }


def test_the_outlet_itself_drops_out_of_a_list() -> None:
    found = cited("Nach Recherchen von NDR und WDR floss Geld.", lang="de", own="ndr.de")
    assert set(found) == {"wdr.de"}


def test_a_headline_cites_by_prefix_and_by_suffix() -> None:
    assert set(cited("", title="WSJ: Intel weighs a split")) == {"wsj.com"}
    assert set(cited("", title="Intel weighs a split - Bloomberg")) == {"bloomberg.com"}
    assert cited("", title="Intel weighs a split (Reuters)") == {}


def test_a_dateline_is_no_citation_but_what_was_told_to_the_agency_is() -> None:
    assert cited("ROME, Nov 5 (Reuters) - The sale has stalled, two sources said on Tuesday.") == {}
    text = "ROME, Nov 5 (Reuters) - The sale has stalled. A source told Reuters so."
    assert cited(text)["reuters.com"].rule == "told"


def test_initials_in_brackets_behind_an_agencys_name_are_its_name() -> None:
    assert set(cited("Police held seven, the Lebanese News Agency (ANI) reported.")) == {"aninews.in"}


def test_a_short_form_behind_the_full_name_is_no_credit() -> None:
    assert set(cited("The Wall Street Journal (WSJ) reported the plan.")) == {"wsj.com"}


def test_a_short_form_means_the_outlet_that_the_text_names_in_full() -> None:
    text = "The Washington Post reported the plan. Two officials told the Post it was final."
    assert set(cited(text)) == {"washingtonpost.com"}
    assert cited("Two officials told the Journal it was final.") == {}
    assert set(cited("The New York Post had it first. A witness told the Post so.")) == {"nypost.com"}


def test_an_ambiguous_name_means_the_outlet_of_the_texts_language() -> None:
    assert set(cited("Segundo o jornal Público, a greve continua.", lang="pt")) == {"publico.pt"}


def test_an_ambiguous_name_needs_a_sign_that_it_is_one() -> None:
    assert cited("Zu dieser Zeit war nach Angaben der Polizei niemand im Haus.", lang="de") == {}
    assert set(cited("Das sagte er der „Zeit“.", lang="de")) == {"zeit.de"}


def test_a_name_that_the_text_calls_a_newspaper_is_kept_without_an_outlet() -> None:
    found = cited("Wie die Zeitung „Hafenkurier“ berichtet, ist der Hafen gesperrt.", lang="de")
    assert list(found) == [None]
    assert found[None].name == "Hafenkurier"


def test_a_link_of_the_text_tells_which_outlet_an_unlisted_name_is() -> None:
    found = cited(
        "Wie die Zeitung „Hafenkurier“ berichtet, ist der Hafen gesperrt.",
        lang="de",
        links=("https://example.org/x", "https://www.hafenkurier.de/lokales/hafen"),
    )
    assert set(found) == {"hafenkurier.de"}


def test_an_unlisted_name_is_no_citation_where_the_rule_is_weak() -> None:
    assert cited("Die Zeitung „Hafenkurier“ erscheint in Neubrandenburg.", lang="de") == {}


def test_a_foreign_paper_named_in_a_phrase_that_no_table_knows_is_a_faint_citation() -> None:
    found = cited(
        "Am Abend legte das „Wall Street Journal“ nach: Auch die Tochter sei eingeweiht.", lang="de"
    )
    assert found["wsj.com"].rule == "mention"
    assert (
        cited("Am Abend legte die „Rheinische Post“ nach: Auch die Tochter sei eingeweiht.", lang="de") == {}
    )


def test_a_name_that_is_part_of_a_longer_one_is_none() -> None:
    assert cited("Lo ha detto il direttore della Sala Stampa vaticana.", lang="it") == {}
    assert set(cited("Dalla Sala Stampa, Il Sole 24 Ore riferisce altro.", lang="it")) == {"ilsole24ore.com"}
    assert set(cited("AS Roma, AS, Marca and Il Sole 24 Ore reported it.")) == {
        "as.com",
        "marca.com",
        "ilsole24ore.com",
    }


def test_an_outlet_learned_from_the_feeds_is_cited_like_any_other() -> None:
    outlets = OutletList.load([Outlet("valley.example", "Valley Herald")])
    assert set(cited("The mayor has resigned, the Valley Herald reported.", outlets=outlets)) == {
        "valley.example"
    }


def test_a_language_without_a_table_is_read_by_the_english_one() -> None:
    assert set(cited("", title="Reuters: Peace talks in Oslo", lang="eo")) == {"reuters.com"}


def test_a_text_of_unknown_language_is_read_by_every_table() -> None:
    assert set(cited("Об этом сообщает Reuters.", lang=None)) == {"reuters.com"}
    assert set(cited("Das meldet Reuters.", lang=None)) == {"reuters.com"}


def test_a_sentence_of_endless_length_is_not_read() -> None:
    assert cited("word " * 400 + "Reuters reported it") == {}


@pytest.mark.parametrize(
    ("lang", "sentence"),
    [
        ("en", "Jeff Bezos, the owner of The Washington Post, was there."),
        ("en", "The spokesman did not respond to questions from Reuters."),
        ("en", "Photo: Reuters"),
        ("de", "Die Bank wollte sich auf Anfrage von Reuters nicht äußern."),
        ("fr", "Contactée par Reuters, la société n'a pas souhaité commenter."),
        ("es", "El portavoz no respondió a las preguntas de Reuters."),
        ("pt", "Procurada pela Reuters, a empresa não quis comentar."),
        ("it", "Contattata da Reuters, la società non ha commentato."),
    ],
)
def test_owners_unanswered_questions_and_credits_are_no_sources(lang: str, sentence: str) -> None:
    assert cited(sentence, lang=lang) == {}


ATTRIBUTIONS = {
    "en": "according to {}",
    "de": "laut {}",
    "fr": "selon {}",
    "es": "según {}",
    "it": "secondo {}",
    "pt": "segundo {}",
    "nl": "volgens {}",
    "pl": "według {}",
    "ru": "по данным {}",
    "uk": "за даними {}",
    "tr": "{} haberine göre",
}
NAMES = ("Reuters", "Bloomberg", "The New York Times", "CNN", "Financial Times", "Axios")


@given(st.sampled_from(sorted(ATTRIBUTIONS)), st.sampled_from(NAMES), st.integers(2, 99))
def test_taking_the_attribution_away_takes_the_citation_away(lang: str, name: str, number: int) -> None:
    phrase = ATTRIBUTIONS[lang]
    cited_outlets = cited(f"{number} + {number}, {phrase.format(name)}.", lang=lang)
    assert len(cited_outlets) == 1
    (outlet,) = cited_outlets
    assert cited(f"{number} + {number}, {phrase.format('X')}.", lang=lang) == {}
    assert cited(f"{number} + {number}, {phrase.format(name)}.", lang=lang, own=str(outlet)) == {}


@given(st.text(max_size=300), st.sampled_from(sorted(ATTRIBUTIONS)), st.sampled_from(NAMES))
def test_no_text_makes_an_outlet_cite_itself_or_one_outlet_twice(noise: str, lang: str, name: str) -> None:
    text = f"{noise} {ATTRIBUTIONS[lang].format(name)}. {name} reported it."
    article = Text(1, "ft.com", noise, text, lang, WHEN)
    found = [citation.outlet for citation in find_citations(article, OUTLETS)]
    assert "ft.com" not in found
    known = [outlet for outlet in found if outlet]
    assert len(known) == len(set(known))
