"""Which of several articles is most like another one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aggregator.model import Member
from aggregator.reports.cluster import ClusterSettings
from aggregator.reports.score import load_weights, score_pairs
from aggregator.reports.window import make_window


def nearest(
    article_id: int, candidates: Sequence[int], members: Sequence[Member], settings: ClusterSettings
) -> int:
    """Return the candidate that most probably tells the report of an article; the earlier one of two alike.

    Args:
        members: the article, the candidates, and all within the window of either.

    Raises:
        ValueError: one of them is not among the members.
    """
    ordered = sorted(members, key=lambda member: (member.published_at, member.article_id))
    ids = [member.article_id for member in ordered]
    left, right = (
        np.full(len(candidates), ids.index(article_id)),
        np.array([ids.index(c) for c in candidates]),
    )
    window = make_window(ordered, settings.hours, settings.encoder)
    _, scores = score_pairs(window, left, right, load_weights(settings.encoder))
    return candidates[int(scores.argmax())]
