"""Copies: articles whose text republishes another's, with small edits.

Agency text comes back with another headline, a paragraph cut, a sentence added, the quotes retyped. What
stays is long runs of the same words: the share of the shorter text's runs that the longer one has. A
translation shares none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from aggregator.reports.linkage import components
from aggregator.reports.signals import containment
from aggregator.reports.window import Ints, Window

SHARE = 0.5  # of the shorter text's word runs; the sweep is in docs/clustering.md
LEAST_RUNS = 20  # a text of fewer words is a stub, not a text
_COMMON = 40  # a run that more texts have is boilerplate


@dataclass(frozen=True, slots=True)
class Copies:
    """Pairs of rows of a window that hold the same text."""

    left: Ints
    right: Ints


def find_copies(window: Window, span_hours: float) -> Copies:
    """Return the pairs of a window's articles that hold the same text."""
    left, right = _candidates(window)
    near = np.abs(window.hours[left] - window.hours[right]) <= span_hours
    near &= (
        np.minimum(window.features.shingle_total[left], window.features.shingle_total[right]) >= LEAST_RUNS
    )
    left, right = left[near], right[near]
    same = containment(window.features, left, right) >= SHARE
    return Copies(left[same], right[same])


def _candidates(window: Window) -> tuple[Ints, Ints]:
    """Return the pairs that share at least three kept runs (few enough for one pass over the sorted runs)."""
    tokens = window.features.shingles
    order = np.argsort(tokens.keys, kind="stable")
    keys, owners = tokens.keys[order], tokens.owners[order]
    pairs = []
    for gap in range(1, _COMMON):
        same = np.flatnonzero(keys[gap:] == keys[:-gap])
        if len(same) == 0:
            break
        a, b = owners[same], owners[same + gap]
        pairs.append(np.minimum(a, b) * len(window) + np.maximum(a, b))
    codes, counts = (
        np.unique(np.concatenate(pairs), return_counts=True) if pairs else (np.zeros(0, np.int64),) * 2
    )
    codes = codes[counts >= 3]
    return codes // max(len(window), 1), codes % max(len(window), 1)


def earliest_of(count: int, copies: Copies) -> Mapping[int, int]:
    """Return, for every row that copies another, the row that had the text first (rows are in order of
    time).
    """
    roots = components(count, copies.left, copies.right)
    return {int(row): int(root) for row, root in enumerate(roots) if row != root}
