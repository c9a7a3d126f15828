from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import Constraint, Member
from aggregator.reports import search
from aggregator.reports.cluster import ClusterSettings, group
from aggregator.reports.linkage import NEVER, average_linkage, components, contract

SETTINGS = ClusterSettings()
Placed = Callable[[list[Member], dict[int, int]], list[Member]]


def all_new(members: list[Member]) -> frozenset[int]:
    return frozenset(member.article_id for member in members)


def test_articles_of_one_report_come_together_across_languages(newsroom: list[Member]) -> None:
    assert group(newsroom, all_new(newsroom), (), SETTINGS).groups == ((1, 2, 6), (3, 4), (5,))


def test_the_order_of_the_members_does_not_matter(newsroom: list[Member]) -> None:
    forwards = group(newsroom, all_new(newsroom), (), SETTINGS)
    assert group(newsroom[::-1], all_new(newsroom), (), SETTINGS) == forwards


def test_one_by_one_gives_the_same_as_all_at_once(newsroom: list[Member], placed: Placed) -> None:
    cluster_of: dict[int, int] = {}
    for k, member in enumerate(newsroom):
        known = placed(newsroom[: k + 1], cluster_of)
        for articles in group(known, frozenset({member.article_id}), (), SETTINGS).groups:
            cluster_of.update(dict.fromkeys(articles, articles[0]))
    assert cluster_of == {1: 1, 2: 1, 6: 1, 3: 3, 4: 3, 5: 5}


def test_only_groups_that_a_new_article_touches_come_back(newsroom: list[Member]) -> None:
    assert group(newsroom, frozenset({4}), (), SETTINGS).groups == ((3, 4),)


def test_without_new_articles_nothing_comes_back(newsroom: list[Member]) -> None:
    assert group(newsroom, frozenset(), (), SETTINGS).groups == ()
    assert group([], frozenset({1}), (), SETTINGS).groups == ()


def test_a_cluster_that_is_touched_comes_back_whole(newsroom: list[Member], placed: Placed) -> None:
    wrongly_placed = placed(newsroom, {3: 7, 5: 7})
    assert group(wrongly_placed, frozenset({4}), (), SETTINGS).groups == ((3, 4), (5,))


def test_people_can_join_what_the_score_keeps_apart(newsroom: list[Member]) -> None:
    joined = group(newsroom, all_new(newsroom), [Constraint(4, 5, True)], SETTINGS)
    assert joined.groups == ((1, 2, 6), (3, 4, 5))


def test_people_can_split_what_the_score_joins_even_a_copy(newsroom: list[Member]) -> None:
    split = group(newsroom, all_new(newsroom), [Constraint(1, 6, False), Constraint(3, 4, False)], SETTINGS)
    assert not any({1, 6} <= set(articles) or {3, 4} <= set(articles) for articles in split.groups)
    assert split.copy_of[6] is None


def test_decisions_about_absent_articles_are_ignored(newsroom: list[Member]) -> None:
    decided = group(newsroom, all_new(newsroom), [Constraint(1, 99, True), Constraint(5, 5, False)], SETTINGS)
    assert decided.groups == ((1, 2, 6), (3, 4), (5,))


def test_a_copy_names_the_earliest_and_a_translation_is_none(newsroom: list[Member]) -> None:
    copies = group(newsroom, all_new(newsroom), (), SETTINGS).copy_of
    assert copies == {1: None, 2: None, 3: None, 4: None, 5: None, 6: 1}


def test_each_article_of_a_group_has_its_strongest_link(newsroom: list[Member]) -> None:
    links = {link.article_id: link for link in group(newsroom, all_new(newsroom), (), SETTINGS).links}
    assert set(links) == {1, 2, 3, 4, 6}
    assert links[4].other_id == 3
    assert links[4].score >= links[4].threshold
    assert links[4].signals["other_language"] == 1


def test_articles_farther_apart_than_the_window_stay_apart(newsroom: list[Member]) -> None:
    later = [replace(newsroom[1], published_at=newsroom[0].published_at + timedelta(hours=80))]
    assert group([newsroom[0], *later], frozenset({2}), (), SETTINGS).groups == ((2,),)


def test_settled_cluster_mates_stay_together(newsroom: list[Member], placed: Placed) -> None:
    old = [replace(m, published_at=m.published_at - timedelta(days=9)) for m in newsroom[2:5]]
    members = placed([*newsroom[:2], *old], {1: 1, 3: 1, 4: 1, 5: 1})
    together = group(members, frozenset({2}), (), SETTINGS).groups
    assert (3, 4, 5) in together


def test_a_round_up_stands_alone(members_of: Callable[..., list[Member]], newsroom: list[Member]) -> None:
    text = "A dam burst above Orlivka on Monday. Nordhavn bank shuts 61 branches. Stoica won in Lyon. " * 3
    roundup = replace(
        members_of([("x.example", "en", 4, "Morning briefing: dam bursts", text)])[0], article_id=9
    )
    assert (9,) in group([*newsroom, roundup], frozenset({9}), (), SETTINGS).groups


def test_headlines_alone_are_enough(members_of: Callable[..., list[Member]]) -> None:
    members = members_of(
        [
            ("a.example", "en", 0, "Rui Hachimura named Japan flag bearer for opening ceremony", ""),
            (
                "b.example",
                "es",
                1,
                "Rui Hachimura será el abanderado de Japón en la ceremonia de apertura",
                "",
            ),
            ("c.example", "en", 1, "Central bank leaves rates unchanged after long debate", ""),
        ]
    )
    assert group(members, all_new(members), (), SETTINGS).groups == ((1, 2), (3,))


def similarities(count: int, seed: int) -> np.ndarray:
    table = np.random.default_rng(seed).random((count, count))
    return (table + table.T) / 2


@given(st.integers(2, 14), st.integers(0, 10_000), st.floats(0.3, 0.9))
def test_average_linkage_leaves_no_two_groups_that_should_be_one(
    count: int, seed: int, threshold: float
) -> None:
    table = similarities(count, seed)
    labels = average_linkage(table, threshold)
    for a in np.unique(labels):
        for b in np.unique(labels):
            if a < b:
                assert table[np.ix_(labels == a, labels == b)].mean() < threshold + 1e-9


@given(st.integers(2, 14), st.integers(0, 10_000), st.floats(0.3, 0.9))
def test_average_linkage_keeps_to_connected_components(count: int, seed: int, threshold: float) -> None:
    table = similarities(count, seed)
    left, right = np.nonzero(table >= threshold)
    labels, parts = average_linkage(table, threshold), components(count, left, right)
    assert all(len(set(parts[labels == label])) == 1 for label in labels)


@given(st.integers(2, 14), st.integers(0, 10_000))
def test_what_must_be_apart_never_meets(count: int, seed: int) -> None:
    table = similarities(count, seed)
    table[0, 1] = table[1, 0] = NEVER
    labels = average_linkage(table, 0.2)
    assert labels[0] != labels[1]


def test_many_pairs_need_a_lower_mean_than_one_pair() -> None:
    table = np.full((20, 20), 0.35)
    table[:10, :10] = table[10:, 10:] = 0.9
    assert len(set(average_linkage(table, 0.5))) == 1
    assert len(set(average_linkage(table[8:12, 8:12], 0.5))) == 2


def test_ties_that_a_split_forbids_are_left_out() -> None:
    assert contract(3, [(0, 1), (1, 2)], [(0, 2)]).tolist() == [0, 0, 1]


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_link_is_no_error(count: int) -> None:
    assert average_linkage(np.zeros((count, count)), 0.5).tolist() == list(range(count))


def test_a_component_too_large_for_one_table_is_cut_at_a_higher_threshold(
    newsroom: list[Member], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_LARGEST", 2)
    groups = group(newsroom, all_new(newsroom), (), SETTINGS).groups
    assert (3, 4) in groups
    assert any({1, 6} <= set(articles) for articles in groups)


def test_few_partners_for_each_article_are_enough_to_find_its_group(
    newsroom: list[Member], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_PARTNERS", 2)
    assert group(newsroom, all_new(newsroom), (), SETTINGS).groups == ((1, 2, 6), (3, 4), (5,))
