"""Which clusters are shown, in which order, and what is told of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.digest import rank
from aggregator.digest.model import Cite, Coverage, DayCounts, Role
from aggregator.digest.render import FORMATS, render
from aggregator.digest.section import role_of
from aggregator.digest.select import make_digest, shortlist

PAPER = Cite("paper.example", "The Paper")


def ids(digest: Any) -> list[int]:
    return [section.cluster_id for section in digest.sections]


# --- filters ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, [1, 2, 3]),
        ({"min_outlets": 2}, [1, 2]),
        ({"lang": "ru"}, [1]),
        ({"lang": "xx"}, []),
        ({"tag": "local"}, [2, 3]),
        ({"outlet": "outlet21.example"}, [2]),
        ({"words": "HARBOUR traffic"}, [2]),
        ({"words": "посланник"}, [1]),
        ({"words": "harbour cat"}, []),
        ({"limit": 1}, [1]),
        ({"limit": None}, [1, 2, 3]),
        ({"words": " "}, [1, 2, 3]),
    ],
)
def test_a_filter_keeps_the_clusters_of_which_one_article_meets_it(
    newsroom: Any, asked: Any, found: Any
) -> None:
    assert ids(newsroom.digest(**asked)) == found


def test_the_limit_does_not_change_how_many_match(newsroom: Any) -> None:
    assert newsroom.digest(limit=1).matching == 3


def test_a_report_without_articles_is_left_out(newsroom: Any, query: Any) -> None:
    assert make_digest(newsroom.reports, [], newsroom.counts, query).sections == ()


# --- rank ------------------------------------------------------------------------------------------


def test_the_weights_sum_to_one() -> None:
    assert sum(rank.WEIGHTS.values()) == pytest.approx(1)


def test_the_score_is_the_sum_of_its_parts_and_stays_within_100(newsroom: Any) -> None:
    for section in newsroom.digest().sections:
        assert section.score == pytest.approx(sum(100 * part.weight * part.value for part in section.parts))
        assert 0 <= section.score <= 100


def test_sections_are_ordered_by_score(newsroom: Any) -> None:
    sections = newsroom.digest().sections
    assert [section.rank for section in sections] == [1, 2, 3]
    assert sorted((section.score for section in sections), reverse=True) == [
        section.score for section in sections
    ]


@pytest.mark.parametrize(
    ("better", "part"),
    [
        ({"independent_count": 3}, "independence"),
        ({"origin_outlet": "paper.example"}, "origin"),
        ({"origin_name": "The Paper"}, "origin"),
        ({"languages": ("de", "en")}, "languages"),
    ],
)
def test_each_part_raises_a_rank(
    new_article: Any, new_report: Any, query: Any, better: Any, part: str
) -> None:
    row = new_report([new_article(1)])
    found = [rank.parts(report, [new_article(1)], query.window) for report in (row, replace(row, **better))]
    values = [{p.name: p.value for p in parts} for parts in found]
    assert values[1][part] > values[0][part]
    assert {name for name in values[0] if values[0][name] != values[1][name]} == {part}


def test_freshness_is_half_after_twelve_hours(new_article: Any, new_report: Any, query: Any) -> None:
    article = new_article(1, published_at=query.window.until - timedelta(hours=12))
    parts = rank.parts(new_report([article]), [article], query.window)
    assert {part.name: part.value for part in parts}["freshness"] == pytest.approx(0.5)


def test_outlets_of_one_owner_are_less_diverse(new_article: Any, one_cluster: Any) -> None:
    chain = one_cluster(*[new_article(number, family="Chain") for number in (1, 2, 3)])
    free = one_cluster(*[new_article(number) for number in (1, 2, 3)])
    owners = [next(p for p in digest.sections[0].parts if p.name == "owners") for digest in (chain, free)]
    assert [(part.value, part.detail) for part in owners] == [(0, "1 of 3 outlets"), (1, "3 of 3 outlets")]


def test_why_shows_each_part_in_the_formats_that_people_read(newsroom: Any) -> None:
    for form in ("html", "md", "text"):
        assert "independence" in render(newsroom.digest(why=True), form)
        assert "freshness 15.9" not in render(newsroom.digest(), form)


# --- roles and origin ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "role"),
    [
        ({}, Role.OWN),
        ({"copy_of": 7, "cites": (PAPER,)}, Role.COPY),
        ({"cites": (PAPER,)}, Role.RELAY),
        ({"cites": (PAPER, Cite(None, "a blog"))}, Role.RELAY),
        ({"cites": (PAPER, Cite("agency.example", "the agency"))}, Role.OWN),
        ({"cites": (Cite("agency.example", "the agency"),)}, Role.OWN),
        ({"cites": (PAPER,), "outlet": "paper.example"}, Role.OWN),
    ],
)
def test_an_article_is_an_own_account_a_relay_or_a_copy(new_article: Any, changes: Any, role: Role) -> None:
    assert role_of(new_article(1, **changes), "paper.example") is role


def test_without_an_origin_nobody_relays(new_article: Any) -> None:
    assert role_of(new_article(1, cites=(PAPER,)), None) is Role.OWN


def test_the_origin_is_named_with_how_many_of_the_others_cite_it(newsroom: Any) -> None:
    first = newsroom.digest().sections[0].first
    assert (first.name, first.known, first.cited_by, first.others) == ("The Paper", True, 3, 5)
    assert first.url == "https://paper.example/news/1".replace("paper", "outlet1")


def test_an_origin_outside_the_feeds_has_no_time_and_counts_all_outlets(
    new_article: Any, one_cluster: Any
) -> None:
    digest = one_cluster(
        new_article(1, cites=(Cite(None, "the gazette"),)), new_article(2), origin_name="The Gazette"
    )
    first = digest.sections[0].first
    assert (first.at, first.url, first.cited_by, first.others) == (None, None, 1, 2)
    told = " ".join(render(digest, "text").split())
    assert "first by The Gazette (its own article did not come in), cited by 1 of 2" in told


def test_an_origin_known_by_its_domain_alone_is_named_by_it(new_article: Any, one_cluster: Any) -> None:
    digest = one_cluster(new_article(1), origin_outlet="gazette.example")
    assert digest.sections[0].first.name == "gazette.example"
    assert "cited by" not in render(digest, "text")


def test_without_an_origin_the_earliest_article_is_only_called_earliest(
    new_article: Any, one_cluster: Any
) -> None:
    digest = one_cluster(new_article(2), new_article(1))
    first = digest.sections[0].first
    assert (first.name, first.known, first.others) == ("Outlet 1", False, 1)
    assert "Earliest account: Outlet 1" in render(digest, "md")


def test_a_copy_names_whose_text_it_is_unless_that_is_its_own_or_unknown(
    new_article: Any, one_cluster: Any
) -> None:
    again = new_article(2, copy_of=1, outlet="outlet1.example")
    digest = one_cluster(new_article(1), again, new_article(3, copy_of=1), new_article(4, copy_of=99))
    assert [account.copied_from for account in digest.sections[0].accounts] == [None, None, "Outlet 1", None]


def test_the_timeline_has_each_outlet_once_at_its_first_article(new_article: Any, one_cluster: Any) -> None:
    later = new_article(3, outlet="outlet1.example", outlet_name="Outlet 1")
    timeline = one_cluster(later, new_article(2), new_article(1)).sections[0].timeline
    assert [arrival.outlet_name for arrival in timeline] == ["Outlet 1", "Outlet 2"]
    assert timeline[0].at < timeline[1].at


def test_a_section_is_updated_when_the_youngest_of_its_articles_was_seen(
    new_article: Any, one_cluster: Any
) -> None:
    late = new_article(2)
    late = replace(late, first_seen_at=late.first_seen_at + timedelta(hours=3))
    assert one_cluster(new_article(1), late).sections[0].updated_at == late.first_seen_at


def test_a_section_is_updated_when_one_of_its_articles_was_corrected(
    new_article: Any, one_cluster: Any
) -> None:
    late, corrected = new_article(2), new_article(1)
    corrected = replace(corrected, corrected_at=late.first_seen_at + timedelta(hours=3))
    assert one_cluster(corrected, late).sections[0].updated_at == corrected.corrected_at


# --- in whose words --------------------------------------------------------------------------------


def test_headline_and_extract_are_in_the_readers_language(newsroom: Any) -> None:
    section = newsroom.digest(lang="de").sections[0]
    assert (section.headline, section.headline_lang) == ("Gesandter sprach mit Moskau", "de")
    assert section.extract.lang == "de"
    assert section.extract.text.startswith("Der Gesandte traf sich monatelang")


def test_without_a_readers_language_the_extract_is_in_the_headlines(newsroom: Any) -> None:
    section = newsroom.digest().sections[0]
    assert (section.headline_lang, section.extract.lang) == ("en", "en")


def test_the_origins_article_speaks_for_its_cluster(newsroom: Any) -> None:
    assert newsroom.digest().sections[0].extract.article_id == 1


def test_a_full_text_speaks_before_the_origins_teaser(new_article: Any, one_cluster: Any) -> None:
    digest = one_cluster(new_article(1, status="teaser"), new_article(2), origin_article_id=1)
    assert digest.sections[0].extract.article_id == 2


def test_without_an_origin_the_most_central_own_account_speaks(new_article: Any, one_cluster: Any) -> None:
    aside = new_article(1, text="Completely different matters concern this column about gardening today.")
    digest = one_cluster(aside, new_article(2), new_article(3), title="Something else")
    assert digest.sections[0].extract.article_id == 2


def test_a_cluster_without_any_text_has_no_extract(new_article: Any, one_cluster: Any) -> None:
    digest = one_cluster(new_article(1, text=""))
    assert digest.sections[0].extract is None
    for form in FORMATS:
        assert "Envoy" in render(digest, form)


def test_a_cluster_without_any_title_is_called_by_its_number(new_article: Any, one_cluster: Any) -> None:
    assert one_cluster(new_article(1, title="")).sections[0].headline == "Report 1"


def test_titles_without_end_are_cut(new_article: Any, one_cluster: Any) -> None:
    section = one_cluster(new_article(1, title="word " * 500)).sections[0]
    assert len(section.headline) <= 240
    assert section.headline.endswith("word…")
    assert len(one_cluster(new_article(1, title="字" * 500)).sections[0].headline) == 240


# --- laws ------------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(random=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(newsroom: Any, query: Any, random: Any) -> None:
    reports, articles = list(newsroom.reports), list(newsroom.articles)
    random.shuffle(reports)
    random.shuffle(articles)
    assert make_digest(reports, articles, newsroom.counts, query) == newsroom.digest()


QUERIES = st.fixed_dictionaries(
    {
        "lang": st.sampled_from([None, "en", "de"]),
        "tag": st.sampled_from([None, "world", "local"]),
        "outlet": st.sampled_from([None, "o1.example"]),
        "words": st.sampled_from([None, "bridge"]),
        "min_outlets": st.integers(1, 3),
        "limit": st.sampled_from([1, 5, None]),
    }
)


@settings(max_examples=25, deadline=None)
@given(asked=QUERIES, dice=st.randoms(use_true_random=False))
def test_a_shortlist_gives_the_digest_that_all_clusters_give(
    new_article: Any, new_report: Any, query: Any, asked: dict[str, Any], dice: Any
) -> None:
    day = [
        [
            new_article(
                10 * n + k, n, outlet=f"o{dice.randrange(4)}.example", lang=dice.choice(["en", "de", None]),
                title=dice.choice(["Harbour bridge reopens", "Lost cat found"]),
                tags=(dice.choice(["world", "local"]),),
            )
            for k in range(dice.randint(1, 3))
        ]
        for n in range(1, 131)
    ]  # fmt: skip
    reports, counts, query = [new_report(rows) for rows in day], DayCounts(0, 0, 0), replace(query, **asked)
    articles = [row for rows in day for row in rows]
    coverage = [Coverage(row.cluster_id, row.outlet, row.family, row.lang) for row in articles]
    chosen, matching = shortlist(reports, coverage, query)
    wanted = {row.cluster_id for row in chosen}
    theirs = [row for row in articles if row.cluster_id in wanted]
    whole = make_digest(reports, articles, counts, query)
    assert make_digest(chosen, theirs, counts, query, matching) == whole
