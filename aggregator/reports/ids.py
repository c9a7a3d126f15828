"""Cluster ids that last: which id each group of articles carries on, and where an id that ended leads.

An id that was ever given out can always be resolved. When clusters merge, the oldest id goes on; when one
splits, the part that holds most of its articles keeps the id.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IdPlan:
    """What the store has to write.

    ``ids[k]`` is the id that group k carries on, None where the store has to give out a new one.
    ``redirects`` are (old id, new id, reason) for every id that has no articles any more; the reason is
    always ``merged``.
    """

    ids: tuple[int | None, ...]
    redirects: tuple[tuple[int, int, str], ...] = ()


def reconcile(groups: Sequence[Sequence[int]], current: Mapping[int, int]) -> IdPlan:
    """Decide which cluster ids the groups carry on.

    Args:
        groups: disjoint groups of article ids.
        current: the cluster that each article is in now; articles in none are left out. It must name all
        articles
            of every cluster it names, and all of them must be in the groups.
    """
    heirs = _heirs(groups, current)
    inherited: dict[int, list[int]] = defaultdict(list)
    for old_id, group in heirs.items():
        inherited[group].append(old_id)
    ids = [min(inherited[k]) if k in inherited else None for k in range(len(groups))]
    redirects = [
        (old_id, min(old_ids), "merged")
        for old_ids in inherited.values()
        for old_id in sorted(old_ids)
        if old_id != min(old_ids)
    ]
    return IdPlan(tuple(ids), tuple(sorted(redirects)))


def _heirs(groups: Sequence[Sequence[int]], current: Mapping[int, int]) -> dict[int, int]:
    """Return, for every current cluster, the group with most of its articles; ties go to its earliest
    article's.
    """
    shares: dict[int, Counter[int]] = defaultdict(Counter)
    first: dict[tuple[int, int], int] = {}
    for k, group in enumerate(groups):
        for article in group:
            if article in current:
                old_id = current[article]
                shares[old_id][k] += 1
                first[old_id, k] = min(article, first.get((old_id, k), article))
    ranked = sorted(
        (-share[k], first[old_id, k], old_id, k) for old_id, share in shares.items() for k in share
    )
    heirs: dict[int, int] = {}
    for _, _, old_id, k in ranked:
        heirs.setdefault(old_id, k)
    return heirs
