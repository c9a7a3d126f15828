from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aggregator.reports.ids import reconcile


def test_the_older_id_survives_a_merge_and_the_other_leads_to_it() -> None:
    plan = reconcile([(1, 2, 3)], {1: 8, 2: 8, 3: 5})
    assert plan.ids == (5,)
    assert plan.redirects == ((8, 5, "merged"),)


def test_the_largest_part_keeps_the_id_in_a_split() -> None:
    plan = reconcile([(1,), (2, 3)], {1: 4, 2: 4, 3: 4})
    assert plan.ids == (None, 4)
    assert plan.redirects == ()


def test_parts_of_one_size_leave_the_id_to_the_earliest_article() -> None:
    assert reconcile([(3, 4), (1, 2)], {1: 4, 2: 4, 3: 4, 4: 4}).ids == (None, 4)


def test_new_articles_get_a_new_id() -> None:
    assert reconcile([(1, 2)], {}).ids == (None,)


@st.composite
def regroupings(draw: st.DrawFn) -> tuple[list[list[int]], dict[int, int]]:
    count = draw(st.integers(1, 12))
    now = draw(st.lists(st.integers(0, 4), min_size=count, max_size=count))
    before = draw(st.lists(st.one_of(st.none(), st.integers(1, 5)), min_size=count, max_size=count))
    groups = [[i for i in range(count) if now[i] == label] for label in sorted(set(now))]
    return groups, {i: old for i, old in enumerate(before) if old is not None}


@given(regroupings())
def test_every_id_lives_on_in_one_group_or_leads_to_one_that_does(
    case: tuple[list[list[int]], dict[int, int]],
) -> None:
    groups, current = case
    plan = reconcile(groups, current)
    kept = [cluster for cluster in plan.ids if cluster is not None]
    leads = {old: new for old, new, _ in plan.redirects}
    assert len(kept) == len(set(kept))
    assert set(kept) | set(leads) == set(current.values())
    assert not set(kept) & set(leads)
    assert set(leads.values()) <= set(kept)


@given(regroupings())
def test_an_id_leads_to_where_most_of_its_articles_are(case: tuple[list[list[int]], dict[int, int]]) -> None:
    groups, current = case
    plan = reconcile(groups, current)
    leads = {old: new for old, new, _ in plan.redirects}
    for old in set(current.values()):
        heir = plan.ids.index(leads.get(old, old))
        shares = [sum(current.get(i) == old for i in articles) for articles in groups]
        assert shares[heir] == max(shares)


@given(regroupings())
def test_doing_it_again_changes_nothing(case: tuple[list[list[int]], dict[int, int]]) -> None:
    groups, current = case
    plan = reconcile(groups, current)
    ids = [kept if kept is not None else 100 + k for k, kept in enumerate(plan.ids)]
    again = reconcile(
        groups, {i: cluster for cluster, articles in zip(ids, groups, strict=True) for i in articles}
    )
    assert (again.ids, again.redirects) == (tuple(ids), ())
