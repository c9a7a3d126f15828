"""What two articles have in common, as numbers: the signals that the score is made of.

A signal depends on the two articles and, through how common a name or word is, on the articles published within
the window around them: not on the order or the batches in which articles came in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aggregator.model import Member
from aggregator.reports.background import Background, load_background
from aggregator.reports.features import TITLE, Decoded, Tokens, decode

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_PLACE_WEIGHT = np.array([0.0, 0.35, 0.8, 1.0])  # by features' place: nothing, rest, lead, headline
_SEEN_BEFORE = 150.0  # articles that a window is taken to hold more than it does: tames idf in small ones


@dataclass(frozen=True, slots=True)
class Weighted:
    """Hashes with their weights; an article's weights have length 1, so that a dot product is a cosine."""

    lookup: NDArray[np.uint64]  # owner << 32 | key, sorted
    weights: Floats
    rarity: Floats  # idf, 0..1
    in_headline: Floats  # rarity of those in the headline, else 0
    starts: Ints


@dataclass(frozen=True, slots=True)
class Window:
    """Articles made ready for comparison. Arrays are in the order of the members they were made of."""

    features: Decoded
    adapted: NDArray[np.float32]  # the vectors as seen against the window's background
    hours: Floats
    languages: Ints
    outlets: Ints
    names: Weighted
    words: Weighted
    numbers: Weighted
    cited: tuple[frozenset[str], ...]
    domains: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.hours)


def make_window(members: Sequence[Member], span_hours: float, encoder: str = "use-m3") -> Window:
    """Prepare articles for comparison; ``span_hours`` is how far apart two articles of a cluster may be."""
    features = decode([member.features for member in members])
    hours = np.array([member.published_at.timestamp() / 3600 for member in members])
    return Window(
        features,
        adapt(features.vectors, _codes([member.lang or '' for member in members]), load_background(encoder)),
        hours,
        _codes([member.lang or "" for member in members]),
        _codes([member.outlet for member in members]),
        *(_weigh(tokens, hours, span_hours) for tokens in (features.names, features.words, features.numbers)),
        tuple(frozenset(member.cited) for member in members),
        tuple(member.outlet for member in members),
    )


_BACKGROUND = 300.0  # articles that the general background counts for beside the window's own
_SOFT = 0.5
_LANGUAGE = 30.0


def adapt(vectors: NDArray[np.float32], languages: Ints, background: Background) -> NDArray[np.float32]:
    """Subtract what the window's articles have in common and damp the directions in which they differ most.

    Where every article is about one Olympics, "Olympics" says nothing: what idf does for words.
    """
    adapted = [_adapt(kind, languages, k, background) for k, kind in enumerate(vectors)]
    return np.stack(adapted) if vectors.size else vectors


def _adapt(vectors: NDArray[np.float32], languages: Ints, kind: int, background: Background) -> NDArray[np.float32]:
    there = np.abs(vectors).sum(1) > 0
    present = vectors[there].astype(np.float64)
    count = len(present)
    trust = count / (count + _BACKGROUND)
    own_mean = present.mean(0) if count else background.mean[kind]
    mean = trust * own_mean + (1 - trust) * background.mean[kind]
    centred = present - own_mean
    spread = trust * (centred.T @ centred) / max(count, 1) + (1 - trust) * background.spread(kind)
    variance, axes = np.linalg.eigh(spread)
    deviation = np.sqrt(np.maximum(variance, 0))
    damped = (axes / (deviation + _SOFT * deviation[-1])) @ axes.T
    moved = (vectors - mean) @ damped
    for language in np.unique(languages):
        rows = there & (languages == language)
        moved[rows] -= moved[rows].sum(0) / (rows.sum() + _LANGUAGE)
    moved[~there] = 0
    return (moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-9)).astype(np.float32)


def _codes(values: Sequence[str]) -> Ints:
    return np.unique(np.array(values, dtype=object).astype(str), return_inverse=True)[1].astype(np.int64)


def _weigh(tokens: Tokens, hours: Floats, span_hours: float) -> Weighted:
    owners = tokens.owners
    days = np.floor(hours / 24).astype(np.int64)
    days -= days.min() if len(days) else 0
    order = np.lexsort((tokens.keys, owners))
    keys, places, owners = tokens.keys[order], tokens.places[order], owners[order]
    frequency, total = _local_frequency(keys, days[owners], days, max(1, round(span_hours / 24)))
    most = np.log((total + _SEEN_BEFORE) / 1.0)
    rarity = np.log((total + _SEEN_BEFORE) / frequency) / most
    weights = rarity * _PLACE_WEIGHT[places]
    norms = np.sqrt(np.bincount(owners, weights**2, len(hours)))
    weights = weights / np.maximum(norms, 1e-9)[owners]
    lookup = owners.astype(np.uint64) << np.uint64(32) | keys.astype(np.uint64)
    return Weighted(lookup, weights, rarity, rarity * (places == TITLE), tokens.starts)


def _local_frequency(keys: NDArray[np.uint32], key_days: Ints, days: Ints, span: int) -> tuple[Floats, Floats]:
    """Return, for each hash of each article, how many articles around that day have it, and how many there are."""
    spread = np.int64(1 << 20)
    index = np.sort(keys.astype(np.int64) * spread + key_days)
    base = keys.astype(np.int64) * spread
    after = np.searchsorted(index, base + key_days + span, side="right")
    before = np.searchsorted(index, base + np.maximum(key_days - span, 0), side="left")
    in_order = np.sort(days)
    total = np.searchsorted(in_order, key_days + span, "right") - np.searchsorted(in_order, key_days - span, "left")
    return (after - before).astype(float), total.astype(float)


SIGNALS = (
    "n_less",
    "n_more",
    "w_less",
    "w_more",
    "unlike",
    "weekdays",
    "n_loc",
    "a_headlines",
    "a_leads",
    "a_bodies",
    "headlines",  # cosine of the headlines' vectors
    "leads",  # ... of headline and lead
    "bodies",  # ... of the texts without headlines
    "headline_lead",  # ... of one's headline and the other's text, the larger
    "names",  # cosine of the weighted names
    "rare_name",  # how rare the rarest shared name is
    "words",
    "numbers",
    "copied",  # share of the shorter text's word runs that the other has
    "links",  # both link to the same third page
    "cited",  # 1: cite the same outlet, or one cites the other; -1: both cite, but different ones
)


def compare(window: Window, left: Ints, right: Ints) -> Floats:
    """Return the signals of the pairs (left[k], right[k]): one row per pair, one column per SIGNALS."""
    vectors = window.features.vectors
    headlines, leads, bodies = (np.einsum("ij,ij->i", v[left], v[right]) for v in vectors)
    ad = window.adapted
    a_headlines, a_leads, a_bodies = (np.einsum("ij,ij->i", v[left], v[right]) for v in ad)
    crossed = np.maximum(
        np.einsum("ij,ij->i", vectors[0][left], vectors[2][right]), np.einsum("ij,ij->i", vectors[2][left], vectors[0][right])
    )
    names, rare_name, n_less, n_more = _overlap(window.names, left, right)
    words, _, w_less, w_more = _overlap(window.words, left, right)
    numbers, _, _, _ = _overlap(window.numbers, left, right)
    nc = np.minimum(window.features.numbers.counts[left], window.features.numbers.counts[right])
    unlike = np.minimum(nc, 6) / 6 * (numbers < 0.02)
    a, b = window.features.weekdays[left], window.features.weekdays[right]
    weekdays = np.where((a == 0) | (b == 0), 0.0, np.where(a & b, 1.0, -1.0))
    n_loc = np.log10(_around(window.hours, 72.0)[left] + 1)
    columns = [n_less, n_more, w_less, w_more, unlike, weekdays, n_loc, a_headlines, a_leads, a_bodies, headlines, leads, bodies, crossed, names, rare_name, words, numbers,
               containment(window.features, left, right), _shared_links(window.features.links, left, right), _cited(window, left, right)]
    return np.stack(columns, axis=1).astype(np.float64)


_CHUNK = 200_000


def _expand(starts: Ints, rows: Ints) -> tuple[Ints, Ints]:
    """Return (pair, position) for every hash of every row: the hashes of ``rows[k]`` come with pair k."""
    counts = starts[rows + 1] - starts[rows]
    pair = np.repeat(np.arange(len(rows)), counts)
    first = np.cumsum(counts) - counts
    return pair, np.arange(len(pair)) - first[pair] + starts[rows][pair]


def _meet(lookup: NDArray[np.uint64], starts: Ints, left: Ints, right: Ints) -> tuple[Ints, Ints, Ints]:
    """Return (pair, position in left, position in right) of every hash that both articles of a pair have."""
    if not len(lookup):
        none = np.zeros(0, np.int64)
        return none, none, none
    pair, here = _expand(starts, left)
    wanted = right[pair].astype(np.uint64) << np.uint64(32) | (lookup[here] & np.uint64(0xFFFFFFFF))
    there = np.minimum(np.searchsorted(lookup, wanted), len(lookup) - 1)
    hit = lookup[there] == wanted
    return pair[hit], here[hit], there[hit]


def _overlap(tokens: Weighted, left: Ints, right: Ints) -> tuple[Floats, Floats, Floats, Floats]:
    cosine, rarest, less, more = (np.zeros(len(left)) for _ in range(4))
    owners = np.repeat(np.arange(len(tokens.starts) - 1), np.diff(tokens.starts))
    total = np.bincount(owners, tokens.in_headline, len(tokens.starts) - 1)
    for start in range(0, len(left), _CHUNK):
        part = slice(start, start + _CHUNK)
        a, b = left[part], right[part]
        pair, here, there = _meet(tokens.lookup, tokens.starts, a, b)
        cosine[part] = np.bincount(pair, tokens.weights[here] * tokens.weights[there], len(a))
        np.maximum.at(rarest[part], pair, np.minimum(tokens.rarity[here], tokens.rarity[there]))
        ca = np.bincount(pair, tokens.in_headline[here], len(a)); cb = np.bincount(pair, tokens.in_headline[there], len(a))
        ca = np.where(total[a] > 0, ca / np.maximum(total[a], 1e-9), np.nan); cb = np.where(total[b] > 0, cb / np.maximum(total[b], 1e-9), np.nan)
        ca, cb = np.where(np.isnan(ca), cb, ca), np.where(np.isnan(cb), ca, cb)
        less[part], more[part] = np.nan_to_num(np.minimum(ca, cb), nan=0.3), np.nan_to_num(np.maximum(ca, cb), nan=0.3)
    return cosine, rarest, less, more


def _around(hours: Floats, span: float) -> Floats:
    order = np.sort(hours)
    return (np.searchsorted(order, hours + span, "right") - np.searchsorted(order, hours - span, "left")).astype(float)


def _plain_lookup(tokens: Tokens) -> NDArray[np.uint64]:
    return np.sort(tokens.owners.astype(np.uint64) << np.uint64(32) | tokens.keys.astype(np.uint64))


def containment(features: Decoded, left: Ints, right: Ints) -> Floats:
    """Estimate which share of the shorter text's shingles the other text has.

    The kept shingles are a text's lowest hashes, so below the lower of two texts' highest kept hash both lists are
    complete samples (bottom-k sketches, Cohen & Kaplan 2007).
    """
    tokens, kept = features.shingles, features.shingles.counts
    lookup = _plain_lookup(tokens)
    complete = features.shingle_total <= kept
    last = np.where(kept > 0, np.append(tokens.keys, 0)[np.maximum(tokens.starts[1:] - 1, 0)], 0)
    limit = np.where(complete, np.uint32(0xFFFFFFFF), last).astype(np.uint64)
    out = np.zeros(len(left))
    for start in range(0, len(left), _CHUNK):
        a, b = left[start : start + _CHUNK], right[start : start + _CHUNK]
        bound = np.minimum(limit[a], limit[b])
        pair, here, _ = _meet(lookup, tokens.starts, a, b)
        shared = np.bincount(pair[(lookup[here] & np.uint64(0xFFFFFFFF)) <= bound[pair]], minlength=len(a))
        base = [lookup_side << np.uint64(32) for lookup_side in (a.astype(np.uint64), b.astype(np.uint64))]
        sizes = [np.searchsorted(lookup, low | bound, "right") - np.searchsorted(lookup, low, "left") for low in base]
        out[start : start + _CHUNK] = shared / np.maximum(np.minimum(*sizes), 1)
    return out


def _shared_links(links: Tokens, left: Ints, right: Ints) -> Floats:
    pair, _, _ = _meet(_plain_lookup(links), links.starts, left, right)
    return np.minimum(np.bincount(pair, minlength=len(left)), 1).astype(np.float64)


def _cited(window: Window, left: Ints, right: Ints) -> Floats:
    out = np.zeros(len(left))
    citing = np.array([bool(cited) for cited in window.cited])
    for k in np.flatnonzero(citing[left] | citing[right]):
        a, b = int(left[k]), int(right[k])
        mine, other = window.cited[a], window.cited[b]
        if mine & other or window.domains[b] in mine or window.domains[a] in other:
            out[k] = 1.0
        elif mine and other:
            out[k] = -1.0
    return out
