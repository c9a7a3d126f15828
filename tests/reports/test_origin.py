from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import Origin
from aggregator.reports.origin import OriginArticle, find_origin, independent_count

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def article(
    number: int,
    outlet: str,
    *,
    cites: Mapping[str, float] | tuple[str, ...] = (),
    hours: float = 0,
    copy_of: int | None = None,
    family: str | None = None,
) -> OriginArticle:
    cited = cites if isinstance(cites, Mapping) else dict.fromkeys(cites, 0.9)
    return OriginArticle(number, outlet, family or outlet, NOON + timedelta(hours=hours), copy_of, cited)


def test_the_cited_outlet_is_the_origin_with_its_own_article() -> None:
    articles = [
        article(1, "wsj.com"),
        article(2, "dpa.com", cites=("wsj.com",), hours=1),
        article(3, "bbc.com", cites=("wsj.com",), hours=2),
    ]
    assert find_origin(articles) == Origin("wsj.com", 1)


def test_an_origin_that_is_not_among_the_feeds_has_no_article() -> None:
    articles = [article(1, "bbc.com", cites=("ft.com",)), article(2, "dw.com", cites=("ft.com",))]
    assert find_origin(articles) == Origin("ft.com", None)


def test_what_nobody_attributes_has_no_origin() -> None:
    assert find_origin([article(1, "bbc.com"), article(2, "dw.com")]) == Origin(None, None)
    assert find_origin([]) == Origin(None, None)


def test_one_citation_for_a_detail_makes_no_origin_of_everybodys_event() -> None:
    many = [article(number, f"o{number}.example") for number in range(9)]
    assert find_origin([*many, article(10, "x.example", cites=("nhk.or.jp",))]) == Origin(None, None)


def test_a_vote_for_a_relay_goes_on_to_whom_it_relays() -> None:
    articles = [
        article(1, "reuters.com", cites=("ft.com",)),
        article(2, "a.example", cites=("reuters.com",), hours=1),
        article(3, "b.example", cites=("reuters.com",), hours=2),
    ]
    assert find_origin(articles, agencies={"reuters.com"}).outlet == "ft.com"


def test_an_outlet_that_cites_another_for_a_detail_relays_only_whom_others_cite_too() -> None:
    scoop = article(1, "ft.com", cites=("bloomberg.com",))
    followers = [article(n, f"o{n}.example", cites=("ft.com",), hours=n) for n in (2, 3)]
    assert find_origin([scoop, *followers]) == Origin("ft.com", 1)
    also = article(4, "x.example", cites=("bloomberg.com",), hours=4)
    assert find_origin([scoop, *followers, also]).outlet == "bloomberg.com"


def test_copies_that_name_whom_they_copy_vote_for_it_together() -> None:
    articles = [
        article(1, "dpa.com"),
        *(article(n, f"c{n}.example", cites=("dpa.com",), copy_of=1, hours=n) for n in (2, 3, 4)),
    ]
    assert find_origin(articles) == Origin("dpa.com", 1)
    two = [article(n, f"o{n}.example", cites=("ft.com",), hours=n) for n in (5, 6)]
    assert find_origin([*articles, *two]).outlet == "ft.com"


def test_a_tie_goes_to_the_outlet_that_is_no_agency() -> None:
    articles = [article(1, "a.example", cites=("afp.com",)), article(2, "b.example", cites=("marca.com",))]
    assert find_origin(articles, agencies={"afp.com"}).outlet == "marca.com"


def test_a_faint_citation_is_part_of_a_vote() -> None:
    articles = [
        article(1, "a.example", cites={"ft.com": 0.5}),
        article(2, "b.example", cites={"wsj.com": 0.75}),
    ]
    assert find_origin(articles).outlet == "wsj.com"


def test_outlets_that_cite_each_other_in_a_circle_are_survived() -> None:
    articles = [article(1, "a.example", cites=("b.example",)), article(2, "b.example", cites=("a.example",))]
    assert find_origin(articles, agencies={"a.example", "b.example"}) == Origin(None, None)
    assert find_origin(articles) == Origin("b.example", None)


def test_an_agency_named_beside_an_outlet_counts_for_less() -> None:
    articles = [
        article(1, "a.example", cites={"afp.com": 0.95, "marca.com": 0.9}),
        article(2, "b.example", cites={"afp.com": 0.95, "marca.com": 0.9}),
    ]
    assert find_origin(articles, agencies={"afp.com"}).outlet == "marca.com"
    assert find_origin(articles).outlet == "afp.com"


def test_copies_have_no_vote() -> None:
    articles = [
        article(1, "apa.at", cites=("ft.com",)),
        *(article(n, f"c{n}.example", cites=("ft.com",), copy_of=1, hours=n) for n in range(2, 6)),
        article(7, "a.example", cites=("wsj.com",)),
        article(8, "b.example", cites=("wsj.com",)),
    ]
    assert find_origin(articles).outlet == "wsj.com"


def test_a_copy_of_what_is_not_in_the_cluster_is_an_account() -> None:
    assert find_origin([article(2, "a.example", cites=("ft.com",), copy_of=99)]).outlet == "ft.com"


def test_of_two_equally_cited_outlets_the_one_that_was_there_first_wins() -> None:
    articles = [
        article(1, "apa.at"),
        article(2, "a.example", cites=("handelsblatt.com",), hours=1),
        article(3, "b.example", cites=("apa.at",), hours=2),
    ]
    assert find_origin(articles) == Origin("apa.at", 1)


def test_an_outlet_that_was_later_than_those_who_cite_it_has_no_bonus() -> None:
    articles = [
        article(1, "a.example", cites=("handelsblatt.com",)),
        article(2, "b.example", cites=("apa.at",), hours=1),
        article(3, "apa.at", hours=5),
    ]
    assert find_origin(articles).outlet == "handelsblatt.com"


def test_the_origins_article_does_not_itself_name_another_candidate() -> None:
    articles = [
        article(1, "wsj.com", cites=("ft.com",)),
        article(2, "wsj.com", hours=5),
        *(article(n, f"o{n}.example", cites=("wsj.com", "ft.com"), hours=n) for n in (6, 7)),
        article(8, "b.example", cites=("wsj.com",), hours=8),
    ]
    assert find_origin(articles) == Origin("wsj.com", 2)


def test_copies_families_and_relays_are_counted_once() -> None:
    articles = [
        article(1, "wsj.com"),
        article(2, "dpa.com", cites=("wsj.com",)),
        article(3, "merkur.de", cites=("wsj.com",), copy_of=2),
        article(4, "welt.de", family="axelspringer"),
        article(5, "bild.de", family="axelspringer"),
        article(6, "tass.ru", cites=("wsj.com", "ria.ru")),
    ]
    assert independent_count(articles, Origin("wsj.com", 1)) == 3


def test_relays_of_an_absent_origin_count_as_one() -> None:
    articles = [article(1, "a.example", cites=("ft.com",)), article(2, "b.example", cites=("ft.com",))]
    assert independent_count(articles, Origin("ft.com", None)) == 1


OUTLETS = st.sampled_from(["a.example", "b.example", "c.example", "d.example"])
ARTICLES = st.lists(
    st.tuples(OUTLETS, st.lists(OUTLETS, max_size=2, unique=True), st.integers(0, 50)), min_size=1, max_size=8
)


@given(ARTICLES)
def test_the_origin_does_not_hang_on_the_order_of_the_articles(
    rows: list[tuple[str, list[str], int]],
) -> None:
    articles = [
        article(number, outlet, cites=tuple(cited), hours=hours)
        for number, (outlet, cited, hours) in enumerate(rows)
    ]
    assert find_origin(articles) == find_origin(articles[::-1])


@given(ARTICLES)
def test_there_is_at_least_one_independent_account_and_at_most_one_an_article(
    rows: list[tuple[str, list[str], int]],
) -> None:
    articles = [article(n, outlet, cites=tuple(cited), hours=h) for n, (outlet, cited, h) in enumerate(rows)]
    count = independent_count(articles, find_origin(articles))
    assert 1 <= count <= len(articles)
