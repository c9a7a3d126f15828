"""Articles made ready for comparison: their features against the background of what else is published.

How much a shared word or a near vector says depends on what is common around it. Everything here is a
function of the articles within the window around a pair, and of a fixed background that stands in where a
window is small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aggregator.model import Member
from aggregator.reports.background import Background, load_background
from aggregator.reports.features import TITLE, Decoded, Tokens, decode
from aggregator.reports.lookup import Lookup
from aggregator.reports.nearest import Nearest
from aggregator.reports.onecore import one_core

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]

# Chosen on dev.jsonl, NeuS, MEANTIME and SemEval by average precision over pairs: _SOFT 0.03-1 (0.3-1 are
# level, below, small windows suffer), _BACKGROUND 100-1000 (level), language means 0.847 -> 0.849. Larger
# _BACKGROUND and _LANGUAGE (1000, 100) make less of which articles have come in by now (batches of 25 against
# all at once on our own newsroom .970 -> .989), but part dev.jsonl's nearest miss wrongly: not taken.
_BACKGROUND = 300.0  # articles that the general background counts for beside the window's own
_SOFT = 0.5  # 0 would make all directions equal, infinity leaves them as they are
_LANGUAGE = 30.0  # articles of a language that count as much as the common mean
_SEEN_BEFORE = 150.0  # articles that a window is taken to hold more than it does: tames idf in small ones
_PLACE_WEIGHT = np.array([0.0, 0.35, 0.8, 1.0])  # nothing, rest, lead, headline


@dataclass(frozen=True, slots=True)
class Weighted:
    """One kind of hashes with what each says; an article's weights have length 1: a dot product is a
    cosine.
    """

    lookup: Lookup
    weights: Floats
    rarity: Floats  # idf, 0..1
    in_headline: Floats  # the same for those in the headline, else 0
    headline_total: Floats  # the sum of these, per article


@dataclass(frozen=True, slots=True)
class Window:
    """Articles in order of time; all arrays are in that order."""

    features: Decoded
    adapted: Vectors  # (kinds, n, d): vectors against their background
    nearest: Nearest
    familiar: Floats  # 0..1: how well the articles around each one tell what is common
    hours: Floats
    languages: Ints
    outlets: Ints
    names: Weighted
    words: Weighted
    numbers: Weighted
    links: Lookup
    cited: tuple[frozenset[str], ...]
    citing: NDArray[np.bool_]
    domains: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.hours)


@one_core
def make_window(members: Sequence[Member], span_hours: float, encoder: str) -> Window:
    """Prepare articles, given in order of time, for comparison.

    Args:
        span_hours: how far apart two articles of one report may be, and so what is around an article.
        encoder: the name of the encoder that made the vectors.

    """
    features = decode([member.features for member in members])
    hours = np.array([member.published_at.timestamp() / 3600 for member in members])
    languages = _codes([member.lang or "" for member in members])
    adapted = adapt(features.vectors, languages, load_background(encoder))
    return Window(
        features,
        adapted,
        Nearest(adapted[1], languages, hours, span_hours),
        _familiar(hours, span_hours),
        hours,
        languages,
        _codes([member.outlet for member in members]),
        _weigh(features.names, hours, span_hours),
        _weigh(features.words, hours, span_hours),
        _weigh(features.numbers, hours, span_hours),
        plain_lookup(features.links),
        tuple(frozenset(member.cited) for member in members),
        np.array([bool(member.cited) for member in members], bool),
        tuple(member.outlet for member in members),
    )


def plain_lookup(tokens: Tokens) -> Lookup:
    """Return the hashes to be asked for, without what they weigh."""
    codes = tokens.owners.astype(np.uint64) << np.uint64(32) | tokens.keys.astype(np.uint64)
    return Lookup.of(np.sort(codes), tokens.starts)


def _codes(values: Sequence[str]) -> Ints:
    numbers = {value: number for number, value in enumerate(sorted(set(values)))}
    return np.array([numbers[value] for value in values], np.int64)


def _familiar(hours: Floats, span_hours: float) -> Floats:
    around = np.searchsorted(hours, hours + span_hours, "right") - np.searchsorted(hours, hours - span_hours)
    share: Floats = around / (around + _BACKGROUND)
    return share


def adapt(vectors: Vectors, languages: Ints, background: Background) -> Vectors:
    """Subtract what articles have in common and damp the directions in which they differ most.

    Where every article is about one Olympics, "Olympics" says nothing: this is what idf does for words.
    """
    return np.stack([_adapt(kind, languages, k, background) for k, kind in enumerate(vectors)])


def _adapt(vectors: Vectors, languages: Ints, kind: int, background: Background) -> Vectors:
    there = np.abs(vectors).sum(1) > 0
    mean, damping = _view(vectors[there], kind, background)
    moved = ((vectors - mean.astype(np.float32)) @ damping.astype(np.float32)).astype(np.float32)
    for language in np.unique(languages):
        rows = there & (languages == language)
        moved[rows] -= moved[rows].sum(0) / (rows.sum() + np.float32(_LANGUAGE))
    moved[~there] = 0
    unit: Vectors = moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), np.float32(1e-9))
    return unit


def _view(present: Vectors, kind: int, background: Background) -> tuple[Floats, Floats]:
    """Return the mean, and the matrix that divides each main direction by its (softened) standard
    deviation.
    """
    trust = len(present) / (len(present) + _BACKGROUND)
    own_mean = present.mean(0, dtype=np.float64) if len(present) else background.mean[kind]
    centred = present - own_mean.astype(np.float32)
    spread = trust * (centred.T @ centred) / max(len(present), 1) + (1 - trust) * background.spread(kind)
    variance, axes = np.linalg.eigh(spread)
    deviation = np.sqrt(np.maximum(variance, 0))
    damping = (axes / (deviation + _SOFT * deviation[-1])) @ axes.T
    return trust * own_mean + (1 - trust) * background.mean[kind], damping


def _weigh(tokens: Tokens, hours: Floats, span_hours: float) -> Weighted:
    order = np.lexsort((tokens.keys, tokens.owners))
    keys, places, owners = tokens.keys[order], tokens.places[order], tokens.owners[order]
    frequency, total = _local_frequency(keys, owners, hours, span_hours)
    rarity = np.log((total + _SEEN_BEFORE) / frequency) / np.log(total + _SEEN_BEFORE)
    weights = rarity * _PLACE_WEIGHT[places]
    norms = np.sqrt(np.bincount(owners, weights**2, len(hours)))
    in_headline = rarity * (places == TITLE)
    codes = owners.astype(np.uint64) << np.uint64(32) | keys.astype(np.uint64)
    return Weighted(
        Lookup.of(codes, tokens.starts),
        weights / np.maximum(norms, 1e-9)[owners],
        rarity,
        in_headline,
        np.bincount(owners, in_headline, len(hours)).astype(np.float64),
    )


def _local_frequency(
    keys: NDArray[np.uint32], owners: Ints, hours: Floats, span_hours: float
) -> tuple[Floats, Floats]:
    """Return, for each hash of each article, how many articles around that day have it, and how many there
    are.
    """
    span = max(1, round(span_hours / 24))
    days = np.floor(hours / 24).astype(np.int64)
    days += span - days.min(initial=0) if len(days) else 0
    width = np.int64(days.max(initial=0) + span + 1)
    base, day = keys.astype(np.int64) * width, days[owners]
    index = np.sort(base + day)
    frequency = np.searchsorted(index, base + day + span, "right") - np.searchsorted(
        index, base + day - span, "left"
    )
    in_order = np.sort(days)
    total = np.searchsorted(in_order, day + span, "right") - np.searchsorted(in_order, day - span, "left")
    return frequency.astype(np.float64), total.astype(np.float64)
