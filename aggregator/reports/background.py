"""What news in general looks like to an encoder: the mean of its vectors and how they spread.

A window of a small newsroom holds too few articles to tell what is common from what is telling; this
stands in. ``benchmarks/fit_weights.py`` makes the file from the project's own labelled articles.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

AXES = 64  # directions of largest spread that are kept; beyond, the spread is taken to be even


@dataclass(frozen=True, slots=True)
class Background:
    """For each kind of vector (first index): mean, the main axes of spread (rows), and the variance left
    over.
    """

    mean: NDArray[np.float64]  # (kinds, d)
    axes: NDArray[np.float64]  # (kinds, AXES, d), each scaled by its standard deviation
    rest: NDArray[np.float64]  # (kinds,)

    def spread(self, kind: int) -> NDArray[np.float64]:
        """Return the covariance matrix of one kind of vectors."""
        axes = self.axes[kind]
        spread: NDArray[np.float64] = axes.T @ axes + self.rest[kind] * np.eye(axes.shape[1])
        return spread


def measure_background(vectors: NDArray[np.float32]) -> Background:
    """Return the background of many articles' vectors, shape (kinds, n, d); all-zero vectors do not count."""
    means, axes, rests = [], [], []
    for kind in vectors.astype(np.float64):
        present = kind[np.abs(kind).sum(1) > 0]
        mean = present.mean(0)
        variance, directions = np.linalg.eigh((present - mean).T @ (present - mean) / len(present))
        main = directions[:, -AXES:].T
        left_over = max(float(variance[:-AXES].mean()), 0.0) if len(variance) > AXES else 0.0
        scale = np.sqrt(np.maximum(variance[-AXES:] - left_over, 0))
        means.append(mean)
        axes.append(main * scale[:, None])
        rests.append(left_over)
    return Background(np.array(means), np.array(axes), np.array(rests))


@cache
def load_background(encoder: str) -> Background:
    """Return the background that was measured for an encoder.

    Raises:
        FileNotFoundError: there is none for this encoder.
    """
    with (
        as_file(files("aggregator.reports") / "data" / f"background-{encoder}.npz") as path,
        np.load(path) as data,
    ):
        return Background(*(data[name].astype(np.float64) for name in ("mean", "axes", "rest")))
