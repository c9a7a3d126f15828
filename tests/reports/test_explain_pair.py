from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from aggregator.model import Constraint, Member
from aggregator.reports.cluster import ClusterSettings
from aggregator.reports.explain import Decision, explain

SETTINGS = ClusterSettings()


def test_a_pair_is_explained_by_parts_that_add_up_to_its_score(newsroom: list[Member]) -> None:
    why = explain(3, 4, newsroom, (), SETTINGS)
    assert why.together
    assert why.decision is Decision.SCORE
    odds = why.intercept + sum(part.contribution for part in why.parts)
    assert 1 / (1 + np.exp(-odds)) == pytest.approx(why.score)
    assert why.hours_apart == 2


def test_unrelated_articles_are_apart_by_their_score(newsroom: list[Member]) -> None:
    why = explain(1, 5, newsroom, (), SETTINGS)
    assert (why.together, why.decision) == (False, Decision.SCORE)
    assert why.score < why.threshold


def test_a_copy_is_together_because_it_is_one(newsroom: list[Member]) -> None:
    why = explain(1, 6, newsroom, (), SETTINGS)
    assert (why.together, why.decision) == (True, Decision.COPY)
    assert why.copied_share > 0.7


def test_a_persons_decision_decides(newsroom: list[Member]) -> None:
    assert explain(3, 5, newsroom, [Constraint(5, 3, True)], SETTINGS).decision is Decision.PERSON
    assert explain(3, 4, newsroom, [Constraint(3, 4, False)], SETTINGS).decision is Decision.PERSON


def test_groups_can_decide_against_a_pairs_own_score(newsroom: list[Member]) -> None:
    why = explain(4, 5, newsroom, [Constraint(3, 5, True)], SETTINGS)
    assert (why.together, why.decision) == (True, Decision.GROUPS)


def test_time_and_round_ups_keep_apart(
    newsroom: list[Member], members_of: Callable[..., list[Member]]
) -> None:
    late = replace(newsroom[1], published_at=newsroom[1].published_at + timedelta(days=5))
    assert explain(1, 2, [newsroom[0], late], (), SETTINGS).decision is Decision.TOO_FAR_APART
    live = replace(
        members_of([("x.example", "en", 1, "Live blog: dam bursts", "The dam burst.")])[0], article_id=9
    )
    assert explain(1, 9, [*newsroom, live], (), SETTINGS).decision is Decision.ROUNDUP


def test_articles_that_are_not_there_cannot_be_explained(newsroom: list[Member]) -> None:
    with pytest.raises(ValueError, match="must both be among"):
        explain(1, 77, newsroom, (), SETTINGS)
