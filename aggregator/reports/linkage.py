"""Average linkage: groups grow together as long as their articles are, on the mean, alike enough.

Single linkage (union-find over pairs above a threshold) chains: one odd pair joins two reports. The mean over all
pairs does not, and the threshold means the same in groups of any size.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

NEVER = -1e9  # the similarity of two articles that must not come together; stays negative in every mean


def average_linkage(similarity: NDArray[np.float64], threshold: float, sizes: NDArray[np.float64] | None = None) -> NDArray[np.int64]:
    """Return a label for each row: the smallest row of its group.

    Joins the two groups with the highest mean similarity until none reaches the threshold (Lance & Williams 1967, with
    each row's best partner remembered: n^2 in practice; 2,400 rows take 0.3 s). Ties go to the smaller row.

    Args:
        similarity: symmetric, n by n.
        threshold: where joining stops.
        sizes: how many articles each row stands for; 1 if not given.
    """
    count = len(similarity)
    labels = np.arange(count)
    if count < 2:
        return labels
    table = similarity.astype(np.float64, copy=True)
    np.fill_diagonal(table, -np.inf)
    weight = np.ones(count) if sizes is None else sizes.astype(np.float64, copy=True)
    partner = table.argmax(1)
    best = table[labels, partner]
    while best[first := int(best.argmax())] >= threshold:
        keep, gone = sorted((first, int(partner[first])))
        _join(table, weight, keep, gone)
        labels[labels == gone] = keep
        _refresh(table, partner, best, keep, gone)
    return labels


def _join(table: NDArray[np.float64], weight: NDArray[np.float64], keep: int, gone: int) -> None:
    total = weight[keep] + weight[gone]
    mean = (table[keep] * weight[keep] + table[gone] * weight[gone]) / total
    mean[[keep, gone]] = -np.inf
    table[keep] = table[:, keep] = mean
    table[gone] = table[:, gone] = -np.inf
    weight[keep] = total


def _refresh(table: NDArray[np.float64], partner: NDArray[np.int64], best: NDArray[np.float64], keep: int, gone: int) -> None:
    """Find again the best partner of every row whose partner has changed."""
    nearer = table[:, keep] > best
    best[nearer], partner[nearer] = table[nearer, keep], keep
    stale = np.flatnonzero((partner == keep) & ~nearer | (partner == gone))
    stale = np.union1d(stale, [keep, gone])
    partner[stale] = table[stale].argmax(1)
    best[stale] = table[stale, partner[stale]]


def components(count: int, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a label for each of ``count`` nodes: the smallest node that edges lead to."""
    labels = np.arange(count)
    while True:
        lower = np.minimum(labels[left], labels[right])
        before = labels.copy()
        np.minimum.at(labels, left, lower)
        np.minimum.at(labels, right, lower)
        labels = labels[labels]
        if np.array_equal(labels, before):
            return labels


def contract(count: int, together: Iterable[tuple[int, int]], apart: Iterable[tuple[int, int]]) -> NDArray[np.int64]:
    """Return the number (0, 1, ...) of the atom that each row is in: rows tied together, in the order of the ties.

    A tie that would bring together what must be apart is left out.
    """
    labels = np.arange(count)
    split = list(apart)
    for a, b in together:
        joined = np.where(labels == labels[b], labels[a], labels)
        if not any(joined[x] == joined[y] for x, y in split):
            labels = joined
    numbered: NDArray[np.int64] = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    return numbered
