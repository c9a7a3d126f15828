"""Clustering: which of the articles around some new ones tell the same report.

The law: the result depends on the articles, not on the order or the batches they came in. Average linkage
never joins two articles that no chain of pairs above the threshold connects, so it is computed anew for
each connected component that holds a new article, and nothing else has to be looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from aggregator.model import Constraint, Grouping, Link, Member
from aggregator.reports.copies import Copies, earliest_of, find_copies
from aggregator.reports.linkage import NEVER, average_linkage, contract
from aggregator.reports.onecore import one_core
from aggregator.reports.score import Weights, load_weights, score_pairs
from aggregator.reports.search import Search, pairs_within
from aggregator.reports.signals import SIGNALS
from aggregator.reports.window import Floats, Ints, Window, make_window

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """How far apart in time two articles of one report may be, and whose vectors the weights are for."""

    window: timedelta = timedelta(hours=72)
    encoder: str = "use-m3"

    @property
    def hours(self) -> float:
        """The window's length in hours."""
        return self.window.total_seconds() / 3600


@dataclass(frozen=True, slots=True)
class _Ties:
    """Rows never to be parted (copies, settled cluster-mates), and decisions: each row with later ones."""

    inseparable: Mapping[int, Sequence[int]]
    together: Mapping[int, Sequence[int]]
    apart: Mapping[int, Sequence[int]]

    def connecting(self) -> list[tuple[int, int]]:
        """Return the pairs that have to be looked at together."""
        return [(a, b) for ties in (self.inseparable, self.together) for a in ties for b in ties[a]]


@one_core
def group(
    members: Sequence[Member],
    new: frozenset[int],
    constraints: Sequence[Constraint],
    settings: ClusterSettings,
) -> Grouping:
    """Cluster the new articles with those around them.

    Args:
        members: every article within ``settings.window`` of a new one, and every other article of the
            clusters that these are in: those farther than the window from all new ones stay together.
        new: ids of the articles to be clustered.
        constraints: people's decisions; those about absent articles are ignored.

    Returns:
        Every group that was looked at again, as sorted ids, also if it is as before: together they hold
        all articles of every cluster that they touch. ``copy_of`` names each of their articles; ``links``
        each one's strongest tie.
    """
    ordered = sorted(members, key=lambda member: (member.published_at, member.article_id))
    is_new = np.array([member.article_id in new for member in ordered], bool)
    if not is_new.any():
        return Grouping(())
    weights = load_weights(settings.encoder)
    window = make_window(ordered, settings.hours, settings.encoder)
    copies = find_copies(window, settings.hours)
    settled = _far_from(window.hours, window.hours[is_new], settings.hours)
    ties = _ties(ordered, copies, settled, constraints)
    search = Search(window, weights, settings.hours, settled)
    companions = [*ties.connecting(), *_same_cluster(ordered)]
    found = search.components(is_new, companions)
    groups = [rows for part in found for rows in _group_component(search, part, ties)]
    return _report(ordered, window, weights, copies, groups)


def _far_from(hours: Floats, news: Floats, span: float) -> NDArray[np.bool_]:
    """Mark what lies farther than the span from every new article."""
    news = np.sort(news)
    after = np.searchsorted(news, hours)
    gap_after = np.append(news, np.inf)[after] - hours
    gap_before = hours - np.concatenate([[-np.inf], news])[after]
    marked: NDArray[np.bool_] = np.minimum(gap_after, gap_before) > span
    return marked


def _same_cluster(ordered: Sequence[Member], among: NDArray[np.bool_] | None = None) -> list[tuple[int, int]]:
    """Return pairs of rows that chain together what is in one cluster now."""
    last: dict[int, int] = {}
    pairs = []
    for row, member in enumerate(ordered):
        if member.cluster_id is not None and (among is None or among[row]):
            if member.cluster_id in last:
                pairs.append((last[member.cluster_id], row))
            last[member.cluster_id] = row
    return pairs


def _ties(
    ordered: Sequence[Member], copies: Copies, settled: NDArray[np.bool_], constraints: Iterable[Constraint]
) -> _Ties:
    row_of = {member.article_id: row for row, member in enumerate(ordered)}
    decided: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
    for constraint in constraints:
        a, b = row_of.get(constraint.article_id), row_of.get(constraint.other_id)
        if a is not None and b is not None and a != b:
            decided[constraint.together].append((min(a, b), max(a, b)))
    copied = zip(copies.left.tolist(), copies.right.tolist(), strict=True)
    inseparable = [*copied, *_same_cluster(ordered, settled)]
    return _Ties(*(_by_row(pairs) for pairs in (inseparable, decided[True], decided[False])))


def _by_row(pairs: Iterable[tuple[int, int]]) -> dict[int, list[int]]:
    partners: dict[int, list[int]] = {}
    for a, b in sorted(set(pairs)):
        partners.setdefault(a, []).append(b)
    return partners


def _group_component(search: Search, rows: Ints, ties: _Ties) -> list[Ints]:
    """Join the rows of one connected component; return the groups, each sorted.

    A person's "together" joins the groups that the two articles are in anyway.
    """
    if len(rows) == 1:
        return [rows]
    place = {row: k for k, row in enumerate(rows.tolist())}
    inseparable, together, apart = (
        [(place[a], place[b]) for a in place for b in partners.get(a, ()) if b in place]
        for partners in (ties.inseparable, ties.together, ties.apart)
    )
    atoms = contract(len(rows), inseparable, apart)
    similarity, sizes = _between_atoms(search.matrix(rows), atoms)
    for a, b in apart:
        similarity[atoms[a], atoms[b]] = similarity[atoms[b], atoms[a]] = NEVER
    labels = average_linkage(similarity, search.weights.threshold, sizes)[atoms]
    alike = [(int(np.flatnonzero(labels == label)[0]), k) for k, label in enumerate(labels.tolist())]
    decided = contract(len(rows), [*alike, *together], apart)
    return [rows[decided == label] for label in np.unique(decided)]


def _between_atoms(matrix: Floats, atoms: Ints) -> tuple[Floats, Floats]:
    """Return the mean similarity of each two atoms (sets of rows that are never parted), and the atoms'
    sizes.
    """
    sizes = np.bincount(atoms).astype(np.float64)
    if len(sizes) == len(atoms):
        return matrix, sizes
    belongs = np.zeros((len(atoms), len(sizes)))
    belongs[np.arange(len(atoms)), atoms] = 1
    return belongs.T @ matrix @ belongs / np.outer(sizes, sizes), sizes


def _report(
    ordered: Sequence[Member], window: Window, weights: Weights, copies: Copies, groups: Sequence[Ints]
) -> Grouping:
    ids = [member.article_id for member in ordered]
    group_of = np.full(len(ordered), -1)
    for k, rows in enumerate(groups):
        group_of[rows] = k
    inside = (group_of[copies.left] == group_of[copies.right]) & (group_of[copies.left] >= 0)
    originals = earliest_of(len(ordered), Copies(copies.left[inside], copies.right[inside]))
    copy_of = {
        ids[row]: ids[originals[row]] if row in originals else None
        for rows in groups
        for row in rows.tolist()
    }
    links = _links(ids, window, weights, [rows for rows in groups if len(rows) > 1])
    return Grouping(
        tuple(sorted(tuple(sorted(ids[row] for row in rows)) for rows in groups)), copy_of, tuple(links)
    )


def _links(ids: Sequence[int], window: Window, weights: Weights, groups: Sequence[Ints]) -> list[Link]:
    """Return, for each article of a group, the pair that speaks most for its being there."""
    pairs = [pairs_within(rows) for rows in groups]
    left = np.concatenate([np.zeros(0, np.int64), *(pair[0] for pair in pairs)])
    right = np.concatenate([np.zeros(0, np.int64), *(pair[1] for pair in pairs)])
    signals, scores = score_pairs(window, left, right, weights)
    links = []
    for row, k in sorted(_best_pair(left, right, scores).items()):
        other = int(right[k]) if left[k] == row else int(left[k])
        values = dict(zip(SIGNALS, signals[k].tolist(), strict=True))
        links.append(Link(ids[row], ids[other], float(scores[k]), values, weights.threshold))
    return links


def _best_pair(left: Ints, right: Ints, scores: Floats) -> dict[int, int]:
    """Return each row's pair with the highest score; the last of equals."""
    best: dict[int, int] = {}
    for k in np.argsort(scores, kind="stable")[::-1].tolist():
        best.setdefault(int(left[k]), k)
        best.setdefault(int(right[k]), k)
    return best
