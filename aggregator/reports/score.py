"""One calibrated probability per pair of articles: do both tell the same report?

A logistic regression over a few signals. ``data/weights-use-m3.json`` holds its weights;
``benchmarks/fit_weights.py`` makes it, docs/clustering.md has the sweep.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from aggregator.reports.signals import SIGNALS, compare
from aggregator.reports.window import Floats, Ints, Window

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Weights:
    """A fitted model. A term is a signal's name, or two names with ``*`` between: the product of both."""

    encoder: str
    intercept: float
    terms: Mapping[str, float]
    threshold: float  # two groups are joined when their articles' mean probability reaches it


@cache
def load_weights(encoder: str) -> Weights:
    """Return the weights fitted for an encoder, by its name.

    Raises:
        FileNotFoundError: there are none for this encoder.
    """
    text = (files("aggregator.reports") / "data" / f"weights-{encoder}.json").read_text(encoding="utf-8")
    data = json.loads(text)
    return Weights(data["encoder"], data["intercept"], data["terms"], data["threshold"])


def term_values(signals: Floats, names: Mapping[str, float]) -> Floats:
    """Return the value of each term for each pair: one row per pair, one column per term, in order."""
    column = {name: signals[:, k] for k, name in enumerate(SIGNALS)}
    product = [np.prod([column[name] for name in term.split("*")], axis=0) for term in names]
    return np.stack(product, axis=1)


def log_odds(signals: Floats, weights: Weights) -> Floats:
    """Return, for each row of signals, the log-odds that both articles tell the same report."""
    odds: Floats = (
        term_values(signals, weights.terms) @ np.array(list(weights.terms.values())) + weights.intercept
    )
    return odds


def score_pairs(window: Window, left: Ints, right: Ints, weights: Weights) -> tuple[Floats, Floats]:
    """Return the pairs' signals (one row each) and the probability, 0..1, that both articles tell the same
    report.
    """
    signals = compare(window, left, right)
    return signals, _probability(log_odds(signals, weights))


def could_be_one(window: Window, left: Ints, right: Ints, weights: Weights) -> NDArray[np.bool_]:
    """Mark the pairs that would reach the threshold if nothing but the costly ``language_gap`` were left
    out: no other can.
    """
    signals = compare(window, left, right, gap=False)
    return _probability(log_odds(signals, weights)) >= weights.threshold


def _probability(odds: Floats) -> Floats:
    probability: Floats = 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
    return probability
