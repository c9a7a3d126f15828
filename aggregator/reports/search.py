"""Finding the articles that may tell the same report, without comparing each with each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aggregator.reports.features import ROUNDUP
from aggregator.reports.linkage import components
from aggregator.reports.score import Weights, could_be_one, score_pairs
from aggregator.reports.window import Floats, Ints, Vectors, Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PARTNERS = 64  # looked at for each article; the rest of a larger cluster is met through them
_HEADLINE = 0.4  # what headlines count beside leads where partners are sought
_NEAR = 0.1  # adapted cosine below which no two articles of one report were seen
_LARGEST = 3_000  # articles that are joined at once; a larger component is first cut at a higher threshold
_ROWS = 500  # of the similarity matrix at a time, to bound memory


def pairs_within(rows: Ints) -> tuple[Ints, Ints]:
    """Return all pairs of the rows, the smaller row first (rows are sorted)."""
    left, right = np.triu_indices(len(rows), 1)
    return rows[left], rows[right]


@dataclass(frozen=True, slots=True)
class Search:
    """Pairs of a window that may belong together. ``settled`` rows are found, but not searched from."""

    window: Window
    weights: Weights
    span_hours: float
    settled: NDArray[np.bool_]

    def components(self, start: NDArray[np.bool_], companions: Sequence[tuple[int, int]]) -> list[Ints]:
        """Return the connected components that hold a row of ``start``, each as sorted rows.

        Rows are connected by a score of at least the threshold or by being companions.
        """
        count = len(self.window)
        mates = np.array(companions, np.int64).reshape(-1, 2)
        mate_of = components(count, mates[:, 0], mates[:, 1])
        edges = [(mates[:, 0], mates[:, 1], np.full(len(mates), np.inf))]
        seen = np.zeros(count, bool)
        frontier = start.copy()
        while frontier.any():
            seen |= frontier
            left, right, scores = self._partners_of(np.flatnonzero(frontier & ~self.settled))
            edges.append((left, right, scores))
            frontier = np.zeros(count, bool)
            frontier[right] = True
            frontier |= np.isin(mate_of, mate_of[seen | frontier])
            frontier &= ~seen
        left, right, scores = (np.concatenate(column) for column in zip(*edges, strict=True))
        labels = self._bounded(left, right, scores)
        return list(_by_label(labels, np.flatnonzero(seen)))

    def _bounded(self, left: Ints, right: Ints, scores: Floats) -> Ints:
        """Label components; those too large to be joined at once fall apart at a higher threshold."""
        threshold = self.weights.threshold
        labels = components(len(self.window), left, right)
        while np.bincount(labels).max() > _LARGEST and threshold < 1:
            threshold += 0.05
            strong = scores >= threshold
            large = np.bincount(labels, minlength=len(labels))[labels] > _LARGEST
            finer = components(len(labels), left[strong], right[strong])
            labels = np.where(large, finer, labels)
        return labels

    def _partners_of(self, rows: Ints) -> tuple[Ints, Ints, Floats]:
        """Return the pairs of these rows with any other whose score reaches the threshold."""
        found = [self._nearest(rows[start : start + _ROWS]) for start in range(0, len(rows), _ROWS)]
        left = np.concatenate([pair[0] for pair in found]) if found else np.zeros(0, np.int64)
        right = np.concatenate([pair[1] for pair in found]) if found else np.zeros(0, np.int64)
        strong = could_be_one(self.window, left, right, self.weights)
        left, right = left[strong], right[strong]
        _, scores = score_pairs(self.window, left, right, self.weights)
        strong = scores >= self.weights.threshold
        return left[strong], right[strong], scores[strong]

    def _nearest(self, rows: Ints) -> tuple[Ints, Ints]:
        near = self._nearness(rows, slice(None))
        near[np.arange(len(rows)), rows] = -1
        if near.shape[1] > _PARTNERS:
            floor = np.partition(near, -_PARTNERS, axis=1)[:, -_PARTNERS]
            near[near < floor[:, None]] = -1
        left, right = np.nonzero(near > _NEAR)
        return rows[left], right.astype(np.int64)

    def _nearness(self, rows: Ints, columns: Ints | slice) -> Vectors:
        """Return a rough similarity, -1 where two articles cannot belong together (too far in time,
        round-ups). In place, and without copies of the window: half of the time otherwise.
        """
        headlines, leads = self.window.adapted[0], self.window.adapted[1]
        near: Vectors = headlines[rows] @ headlines[columns].T
        near *= np.float32(_HEADLINE)
        lead = leads[rows] @ leads[columns].T
        lead *= np.float32(1 - _HEADLINE)
        near += lead
        hours, alone = self.window.hours, self.window.features.flags & ROUNDUP > 0
        first = np.searchsorted(hours[columns], hours[rows] - self.span_hours, "left")
        last = np.searchsorted(hours[columns], hours[rows] + self.span_hours, "right")
        for row, (start, end) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
            near[row, :start] = near[row, end:] = -1
        near[alone[rows]] = -1
        near[:, alone[columns]] = -1
        return near

    def matrix(self, rows: Ints) -> Floats:
        """Return the scores of all pairs of the rows; 0 where two are not alike at all."""
        out = np.zeros((len(rows), len(rows)))
        for start in range(0, len(rows), _ROWS):
            near = self._nearness(rows[start : start + _ROWS], rows)
            left, right = np.nonzero(near > _NEAR)
            left += start
            left, right = left[left < right], right[left < right]
            _, out[left, right] = score_pairs(self.window, rows[left], rows[right], self.weights)
        return out + out.T


def _by_label(labels: Ints, rows: Ints) -> Iterator[Ints]:
    order = rows[np.argsort(labels[rows], kind="stable")]
    yield from np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
