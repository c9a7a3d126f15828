"""Why two articles are, or are not, together: every signal, what it weighed, and what decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from aggregator.model import Constraint, Grouping, Member
from aggregator.reports.cluster import ClusterSettings, group
from aggregator.reports.copies import SHARE
from aggregator.reports.features import ROUNDUP
from aggregator.reports.score import load_weights, score_pairs, term_values
from aggregator.reports.signals import SIGNALS, containment
from aggregator.reports.window import make_window


class Decision(StrEnum):
    """What decided whether two articles are together."""

    PERSON = "person"  # somebody joined or split them
    TOO_FAR_APART = "too_far_apart"  # in time
    ROUNDUP = "roundup"  # one is a round-up or live ticker: these stand alone
    COPY = "copy"  # one republishes the other's text
    SCORE = "score"  # the two alone
    GROUPS = "groups"  # their score said otherwise, but the mean over both groups' articles decided


@dataclass(frozen=True, slots=True)
class Part:
    """One term of the score: its value, its weight, and what it added to the log-odds."""

    term: str
    value: float
    weight: float
    contribution: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why two articles are together or apart. ``parts`` come with the strongest contribution first."""

    together: bool
    decision: Decision
    score: float  # the probability that both tell the same report
    threshold: float
    intercept: float
    parts: tuple[Part, ...]
    signals: Mapping[str, float]
    copied_share: float  # of the shorter text's word runs
    hours_apart: float


def explain(
    article_id: int,
    other_id: int,
    members: Sequence[Member],
    constraints: Sequence[Constraint],
    settings: ClusterSettings,
) -> Explanation:
    """Compute anew why two articles are together or not.

    Args:
        members: both articles and all within the window of either, as for
        :func:`aggregator.reports.cluster.group`.

    Raises:
        ValueError: one of the two is not among the members.
    """
    ordered = sorted(members, key=lambda member: (member.published_at, member.article_id))
    row_of = {member.article_id: row for row, member in enumerate(ordered)}
    if article_id not in row_of or other_id not in row_of:
        raise ValueError(f"articles {article_id} and {other_id} must both be among the members")
    left, right = np.array([row_of[article_id]]), np.array([row_of[other_id]])
    window = make_window(ordered, settings.hours, settings.encoder)
    weights = load_weights(settings.encoder)
    signals, scores = score_pairs(window, left, right, weights)
    values = term_values(signals, weights.terms)[0].tolist()
    parts = [Part(term, v, w, v * w) for (term, w), v in zip(weights.terms.items(), values, strict=True)]
    hours = float(abs(window.hours[left[0]] - window.hours[right[0]]))
    copied = float(containment(window.features, left, right)[0])
    together = _together(
        article_id, other_id, group(ordered, frozenset({article_id, other_id}), constraints, settings)
    )
    alone = bool((window.features.flags[[left[0], right[0]]] & ROUNDUP).any())
    return Explanation(
        together,
        _decision(
            together,
            bool(scores[0] >= weights.threshold),
            ruled_out=Decision.TOO_FAR_APART
            if hours > settings.hours
            else Decision.ROUNDUP
            if alone
            else None,
            copied=copied >= SHARE,
            decided=_decided(article_id, other_id, constraints, together=together),
        ),
        float(scores[0]),
        weights.threshold,
        weights.intercept,
        tuple(sorted(parts, key=lambda part: -abs(part.contribution))),
        dict(zip(SIGNALS, signals[0].tolist(), strict=True)),
        copied,
        hours,
    )


def _together(article_id: int, other_id: int, grouping: Grouping) -> bool:
    return any(article_id in articles and other_id in articles for articles in grouping.groups)


def _decided(article_id: int, other_id: int, constraints: Sequence[Constraint], *, together: bool) -> bool:
    both = {article_id, other_id}
    return any({c.article_id, c.other_id} == both and c.together == together for c in constraints)


def _decision(
    together: bool, alike: bool, *, ruled_out: Decision | None, copied: bool, decided: bool
) -> Decision:
    if decided:
        return Decision.PERSON
    if together and copied:
        return Decision.COPY
    if not together and ruled_out is not None:
        return ruled_out
    return Decision.SCORE if together == alike else Decision.GROUPS
