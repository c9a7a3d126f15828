"""One calibrated probability per pair of articles: do both tell the same report?

A logistic regression over a few signals. Its weights, the sweep and the data that chose them are in
``data/weights-use-m3.json``; ``benchmarks/fit_weights.py`` makes that file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from aggregator.reports.signals import SIGNALS, Floats, Ints, Window, compare


@dataclass(frozen=True, slots=True)
class Weights:
    """A fitted model: the log-odds are ``intercept`` plus the sum of weight times term."""

    encoder: str
    intercept: float
    terms: Mapping[str, float]
    threshold: float  # two groups are joined when their articles' mean probability reaches it


@cache
def load_weights(encoder: str) -> Weights:
    """Return the weights fitted for an encoder.

    Raises:
        FileNotFoundError: there are none for this encoder.
    """
    text = (files("aggregator.reports") / "data" / f"weights-{encoder}.json").read_text(encoding="utf-8")
    data = json.loads(text)
    return Weights(data["encoder"], data["intercept"], data["terms"], data["threshold"])


def terms(window: Window, left: Ints, right: Ints, signals: Floats) -> dict[str, Floats]:
    """Turn signals into what the regression sums up: one array per term, aligned with the pairs."""
    s = {name: signals[:, k] for k, name in enumerate(SIGNALS)}
    words = window.features.text_words
    bare = (np.minimum(words[left], words[right]) == 0).astype(float)
    both_bare = np.maximum(words[left], words[right]) == 0
    bodies = np.where(bare > 0, s["leads"], s["bodies"])
    a_bodies = np.where(bare > 0, s["a_leads"], s["a_bodies"])
    headline_lead = np.where(both_bare, s["headlines"], s["headline_lead"])
    other_language = (window.languages[left] != window.languages[right]).astype(float)
    shared_words, shared_numbers = np.sqrt(np.maximum(s["words"], 0)), np.sqrt(np.maximum(s["numbers"], 0))
    days = np.abs(window.hours[left] - window.hours[right]) / 24
    return {
        "a_headlines": s["a_headlines"],
        "a_leads": s["a_leads"],
        "a_leads_squared": s["a_leads"] ** 2,
        "a_bodies": a_bodies,
        "headlines": s["headlines"],
        "leads": s["leads"],
        "leads_squared": s["leads"] ** 2,
        "bodies": bodies,
        "headline_lead": headline_lead,
        "names": s["names"],
        "rare_name": s["rare_name"],
        "words": shared_words,
        "numbers": shared_numbers,
        "copied": s["copied"],
        "cited": s["cited"],
        "links": s["links"],
        "other_language": other_language,
        "other_language*a_leads": other_language * s["a_leads"],
        "other_language*leads": other_language * s["leads"],
        "other_language*words": other_language * shared_words,
        "other_language*names": other_language * s["names"],
        "bare": bare,
        "bare*a_leads": bare * s["a_leads"],
        "bare*leads": bare * s["leads"],
        "bare*words": bare * shared_words,
        "days_apart": np.minimum(days, 1.0),
        "same_outlet": (window.outlets[left] == window.outlets[right]).astype(float),
    }


def log_odds(values: Mapping[str, Floats], weights: Weights) -> Floats:
    """Return the log-odds that the articles of each pair tell the same report."""
    unused = np.zeros_like(next(iter(values.values())))
    return weights.intercept + sum((weights.terms[name] * values[name] for name in weights.terms), unused)


def score_pairs(window: Window, left: Ints, right: Ints, weights: Weights) -> tuple[Floats, Floats]:
    """Return the pairs' signals (one row each) and the probability (0..1) that both articles tell the same report."""
    if len(left) == 0:
        return np.zeros((0, len(SIGNALS))), np.zeros(0)
    signals = compare(window, left, right)
    odds = log_odds(terms(window, left, right, signals), weights)
    return signals, 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
