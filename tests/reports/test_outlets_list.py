from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import Outlet
from aggregator.reports.outlets import OutletList

OUTLETS = OutletList.load()
KINDS = {"agency", "broadcaster", "business", "government", "magazine", "newspaper", "online"}
KINDS |= {"press-service", "tabloid"}


def names(text: str, lang: str | None) -> list[tuple[str, str]]:
    """Every name found, with the first outlet it may mean."""
    return [(text[m.start : m.end], m.forms[0].domain) for m in OUTLETS.names_in(text, lang)]


def test_every_outlet_has_a_name_a_kind_and_a_country() -> None:
    assert len(OUTLETS) >= 3000
    for outlet in OUTLETS:
        assert outlet.name, outlet
        assert outlet.kind in KINDS, outlet
        assert outlet.country, outlet
        assert len(outlet.country) == 2, outlet
        assert outlet.languages, outlet
        assert "." in outlet.domain, outlet


def test_no_host_belongs_to_two_outlets() -> None:
    hosts = [host for outlet in OUTLETS for host in (outlet.domain, *outlet.hosts)]
    assert len(hosts) == len(set(hosts))


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://www.wsj.com/articles/1", "wsj.com"),
        ("https://news.sky.com/story/1", "sky.com"),
        ("https://www.bbc.co.uk/news/1", "bbc.com"),
        ("https://amp.theguardian.com/world/1", "theguardian.com"),
        ("https://edition.cnn.com/2024/1", "cnn.com"),
        ("https://economictimes.indiatimes.com/x", "economictimes.indiatimes.com"),
        ("https://www1.folha.uol.com.br/mundo/1", "folha.uol.com.br"),
        ("https://cincodias.elpais.com/x", "cincodias.elpais.com"),
        ("https://elpais.com/internacional/x", "elpais.com"),
        ("https://someone.blogspot.com/2024/x", "someone.blogspot.com"),
        ("https://www.unknown-gazette.co.uk/x", "unknown-gazette.co.uk"),
        ("https://m.de/x", "m.de"),
    ],
)
def test_an_address_belongs_to_its_outlet(url: str, domain: str) -> None:
    assert OUTLETS.of_url(url) == domain


def test_the_beginning_of_a_path_tells_two_papers_of_one_host_apart() -> None:
    paper = Outlet("two.example", "The Two", hosts=("one.example/two",))
    outlets = OutletList.load([Outlet("one.example", "The One"), paper])
    assert outlets.of_url("https://www.one.example/two/story") == "two.example"
    assert outlets.of_url("https://www.one.example/three/story") == "one.example"


def test_the_host_that_the_user_follows_becomes_the_outlets_domain() -> None:
    outlets = OutletList.load([Outlet("bbc.co.uk", "bbc.co.uk")])
    assert outlets.of_url("https://www.bbc.com/news/1") == "bbc.co.uk"
    bbc = outlets.get("bbc.co.uk")
    assert bbc
    assert bbc.name == "BBC"
    assert outlets.get("bbc.com") is None


def test_where_the_user_follows_several_hosts_of_a_newsroom_its_domain_stays() -> None:
    both = [Outlet("bbc.co.uk", "bbc.co.uk", aliases=("Beeb",)), Outlet("bbc.com", "bbc.com")]
    for extra in (both, both[::-1]):
        outlets = OutletList.load(extra)
        assert outlets.of_url("https://www.bbc.co.uk/news/1") == "bbc.com"
        bbc = outlets.get("bbc.com")
        assert bbc
        assert "Beeb" in bbc.aliases


def test_a_correction_replaces_what_it_names_and_adds_its_aliases() -> None:
    outlets = OutletList.load([Outlet("ft.com", "The FT", family="pink", aliases=("pink paper",))])
    corrected = outlets.get("ft.com")
    assert corrected
    assert (corrected.name, corrected.family, corrected.kind) == ("The FT", "pink", "business")
    assert "FT" in corrected.aliases
    assert "pink paper" in corrected.aliases


def test_outlets_of_one_owner_share_a_family_and_strangers_are_their_own() -> None:
    assert OUTLETS.family_of("welt.de") == OUTLETS.family_of("bild.de")
    assert OUTLETS.family_of("nobody.example") == "nobody.example"


@pytest.mark.parametrize(
    ("lang", "text", "found"),
    [
        ("de", "Laut einem Bericht des Spiegels", [("Spiegels", "spiegel.de")]),
        ("de", "wie die SÜDDEUTSCHE ZEITUNG schreibt", [("SÜDDEUTSCHE ZEITUNG", "sueddeutsche.de")]),
        ("de", "sagte er t-online", [("t-online", "t-online.de")]),
        (
            "pl",
            "według Reutersa i Bloomberga",
            [("Reutersa", "reuters.com"), ("Bloomberga", "bloomberg.com")],
        ),
        (
            "ru",
            "по данным агентства Рейтер и Блумберга",
            [("Рейтер", "reuters.com"), ("Блумберга", "bloomberg.com")],
        ),
        ("ru", "рассказал «Коммерсанту»", [("Коммерсанту", "kommersant.ru")]),
        ("uk", "за даними Української правди", [("Української правди", "pravda.com.ua")]),
        ("tr", "The New York Times'ın haberine göre", [("The New York Times", "nytimes.com")]),
        ("fi", "Reutersin mukaan", [("Reutersin", "reuters.com")]),
        ("sv", "enligt Aftonbladets uppgifter", [("Aftonbladets", "aftonbladet.se")]),
        ("it", "lo riferisce il Wsj", [("Wsj", "wsj.com")]),
        ("es", "según Clarin", [("Clarin", "clarin.com")]),
        (None, "a report on gazeta.pl today", [("gazeta.pl", "gazeta.pl")]),
    ],
)
def test_a_name_is_found_in_every_form_of_its_language(
    lang: str | None, text: str, found: list[tuple[str, str]]
) -> None:
    assert names(text, lang) == found


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("en", "The times are hard and the sun is out"),
        ("en", "He ate an apple at the ft of the hill"),
        ("fr", "le monde entier"),
        ("es", "la capital de Indonesia y el mundo"),
        ("it", "continua a nutrirsi di se stessa"),
        ("en", "xReuters and Reutersx"),
        ("en", "He signed the document. No one spoke of money; it was late"),
        ("en", "DOCUMENT NO 7 is about MONEY IT cannot find"),
        ("fr", "Document no 12, Money it"),
    ],
)
def test_everyday_words_are_no_names(lang: str, text: str) -> None:
    assert names(text, lang) == []


@pytest.mark.parametrize(
    ("lang", "text", "domain"),
    [("no", "skriver Document.no", "document.no"), ("it", "scrive Money.it", "money.it")],
)
def test_a_name_that_is_an_address_is_found_with_its_full_stop(lang: str, text: str, domain: str) -> None:
    assert [domain_found for _, domain_found in names(text, lang)] == [domain]


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("ru", "Россия 24 февраля и Россия 1 января"),
        ("fr", "Brésil - France 2-1 puis France 3:2"),
        ("es", "El Público aplaudió"),
    ],
)
def test_what_may_be_a_date_a_score_or_an_audience_counts_as_ambiguous(lang: str, text: str) -> None:
    mentions = OUTLETS.names_in(text, lang)
    assert all(form.weak for mention in mentions for form in mention.forms)


def test_a_long_name_gives_way_to_the_short_one_where_it_is_not_finished() -> None:
    outlets = OutletList.load([Outlet("a.example", "Ace Gazette", aliases=("Ace Gazette Daily Post", "Ace"))])
    found = [
        m for m in outlets.names_in("Ace Gazette Daily and Ace", "en") if m.forms[0].domain == "a.example"
    ]
    assert [(m.start, m.end) for m in found] == [(0, 11), (22, 25)]


def test_the_longest_name_wins() -> None:
    assert names("Bild am Sonntag", "de") == [("Bild am Sonntag", "bild.de")]
    assert names("Interfax-Ukraine reported", "en") == [("Interfax-Ukraine", "interfax.com.ua")]


def test_a_name_of_one_word_that_nobody_vetted_counts_as_ambiguous() -> None:
    outlets = OutletList.load([Outlet("monitor.example", "Monitor")])
    (mention,) = outlets.names_in("The Monitor reported", "en")
    assert all(form.weak for form in mention.forms)


def test_a_text_of_very_many_words_is_read_to_its_end() -> None:
    words = " ".join(str(number) for number in range(200_002))
    assert names(f"{words} Reuters", "en") == [("Reuters", "reuters.com")]


def test_an_alias_without_letters_is_passed_over() -> None:
    outlets = OutletList.load([Outlet("x.example", "X Gazette", aliases=("...",))])
    assert [m.forms[0].domain for m in outlets.names_in("the X Gazette", "en")] == ["x.example"]


@given(st.text(max_size=200), st.sampled_from(["de", "ru", "tr", None]))
def test_names_lie_within_the_text_in_order_and_never_overlap(text: str, lang: str | None) -> None:
    end = 0
    for mention in OUTLETS.names_in(text + " Reuters " + text, lang):
        assert end <= mention.start < mention.end <= 2 * len(text) + 9
        end = mention.end
