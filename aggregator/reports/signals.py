"""What two articles have in common, as numbers: the signals that the score is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aggregator.reports.features import Decoded, Tokens
from aggregator.reports.lookup import Lookup
from aggregator.reports.window import Floats, Ints, Vectors, Weighted, Window, plain_lookup

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIGNALS = (
    "headlines",  # cosine of the headlines, against their background
    "leads",  # ... of headline and lead
    "bodies",  # ... of the texts; of the leads where one article has no text
    "rare_name",  # how rare the rarest name is that both have, 0..1
    "words",  # root of the cosine of the telling words, rare ones counting more
    "headline_words",  # how much of one's headline the other has somewhere, 0..1; the better way
    "numbers",  # root of the cosine of the numbers
    "numbers_differ",  # both have numbers and share none, 0..1 by how many
    "weekdays",  # 1: name the same weekday, -1: name others
    "cited",  # 1: cite the same outlet, or one the other; -1: cite others
    "links",  # 1: both link to the same third page
    "language_gap",  # how much nearer the nearest article in the other's language is, the worse of both ways
    "days_apart",  # up to 1.2: beyond, more time says nothing more
    "other_language",
    "same_outlet",
    "bare",  # one of them is a headline only
    "both_bare",  # headlines only, both; 0..1 by how many others there are to judge them against, squared
)
_DAYS = 1.2
_CHUNK = 4_000  # pairs at a time: their vectors stay in the cache (200,000 take a fifth longer)


def compare(window: Window, left: Ints, right: Ints, *, gap: bool = True) -> Floats:
    """Return the signals of the pairs (left[k], right[k]): one row per pair, one column per SIGNALS.

    Args:
        gap: without it ``language_gap``, which can only speak against a pair and costs most, is 0.
    """
    rows = [_compare(window, left[part], right[part], gap=gap) for part in _parts(len(left))]
    return np.concatenate([np.zeros((0, len(SIGNALS))), *rows])


def _parts(count: int) -> list[slice]:
    return [slice(start, start + _CHUNK) for start in range(0, count, _CHUNK)]


def _compare(window: Window, left: Ints, right: Ints, *, gap: bool) -> Floats:
    headlines, leads, bodies = (_cosine(kind, left, right) for kind in window.adapted)
    text_words = window.features.text_words
    bare = np.minimum(text_words[left], text_words[right]) == 0
    both_bare = np.maximum(text_words[left], text_words[right]) == 0
    words, headline_words, _ = _overlap(window.words, left, right)
    numbers, _, _ = _overlap(window.numbers, left, right)
    _, _, rare_name = _overlap(window.names, left, right)
    columns = [
        headlines,
        leads,
        np.where(bare, leads, bodies),
        rare_name,
        np.sqrt(words),
        headline_words,
        np.sqrt(numbers),
        _numbers_differ(window.features.numbers, numbers, left, right),
        _weekdays(window.features.weekdays, left, right),
        _cited(window, left, right),
        _shared_links(window, left, right),
        _language_gap(window, leads, left, right) if gap else np.zeros(len(left)),
        np.minimum(np.abs(window.hours[left] - window.hours[right]) / 24, _DAYS),
        window.languages[left] != window.languages[right],
        window.outlets[left] == window.outlets[right],
        bare,
        both_bare * np.minimum(window.familiar[left], window.familiar[right]) ** 2,
    ]
    signals = np.empty((len(left), len(columns)))
    for place, column in enumerate(columns):
        signals[:, place] = column
    return signals


def _cosine(vectors: Vectors, left: Ints, right: Ints) -> Floats:
    cosine: Floats = np.einsum("ij,ij->i", vectors[left], vectors[right]).astype(np.float64)
    return cosine


def _overlap(tokens: Weighted, left: Ints, right: Ints) -> tuple[Floats, Floats, Floats]:
    """Return the cosine, how much of a headline the other article covers (the better way), and the rarest
    shared one.
    """
    count = len(left)
    pair, here, there = tokens.lookup.meet(left, right)
    cosine = np.bincount(pair, tokens.weights[here] * tokens.weights[there], count)
    covered = [
        np.bincount(pair, tokens.in_headline[found], count) / np.maximum(tokens.headline_total[side], 1e-9)
        for found, side in ((here, left), (there, right))
    ]
    rarest = np.zeros(count)
    np.maximum.at(rarest, pair, np.minimum(tokens.rarity[here], tokens.rarity[there]))
    return cosine.astype(np.float64), np.maximum(*covered).astype(np.float64), rarest


def _numbers_differ(numbers: Tokens, cosine: Floats, left: Ints, right: Ints) -> Floats:
    fewer = np.minimum(numbers.counts[left], numbers.counts[right])
    return np.where(cosine < 0.02, np.minimum(fewer, 6) / 6, 0.0)


def _weekdays(named: Ints, left: Ints, right: Ints) -> Floats:
    both = (named[left] > 0) & (named[right] > 0)
    return np.where(both, np.where(named[left] & named[right], 1.0, -1.0), 0.0)


def _language_gap(window: Window, leads: Floats, left: Ints, right: Ints) -> Floats:
    """A translation twin is nearer than anything else in its language; an article on the wider topic is
    not.
    """
    codes = window.languages
    out = np.zeros(len(left))
    other = np.flatnonzero(codes[left] != codes[right])
    left, right, leads = left[other], right[other], leads[other]
    there = window.nearest.cosines(left, codes[right]) - leads
    back = window.nearest.cosines(right, codes[left]) - leads
    out[other] = np.maximum(np.maximum(there, back), 0.0)
    return out


def _cited(window: Window, left: Ints, right: Ints) -> Floats:
    out = np.zeros(len(left))
    for k in np.flatnonzero(window.citing[left] | window.citing[right]):
        a, b = int(left[k]), int(right[k])
        mine, other = window.cited[a], window.cited[b]
        if mine & other or window.domains[b] in mine or window.domains[a] in other:
            out[k] = 1.0
        elif mine and other:
            out[k] = -1.0
    return out


def _shared_links(window: Window, left: Ints, right: Ints) -> Floats:
    pair, _, _ = window.links.meet(left, right)
    return np.minimum(np.bincount(pair, minlength=len(left)), 1).astype(np.float64)


def containment(features: Decoded, left: Ints, right: Ints) -> Floats:
    """Estimate which share of the shorter text's word runs the other text has.

    The kept runs are those with a text's lowest hashes, so below the lower of two texts' highest kept hash
    both lists are complete (bottom-k sketches, Cohen & Kaplan 2007).
    """
    tokens = features.shingles
    if not len(tokens.keys):
        return np.zeros(len(left))
    lookup = plain_lookup(tokens)
    complete = features.shingle_total <= tokens.counts
    last = lookup.hashes_at(np.maximum(tokens.starts[1:] - 1, 0))
    limit = np.where(complete, np.uint64(0xFFFFFFFF), last)
    shares = [_shares(lookup, limit, left[part], right[part]) for part in _parts(len(left))]
    return np.concatenate([np.zeros(0), *shares])


def _shares(lookup: Lookup, limit: NDArray[np.uint64], left: Ints, right: Ints) -> Floats:
    bound = np.minimum(limit[left], limit[right])
    pair, here, _ = lookup.meet(left, right)
    shared = np.bincount(pair[lookup.hashes_at(here) <= bound[pair]], minlength=len(left))
    shares: Floats = shared / np.maximum(
        np.minimum(lookup.count_up_to(left, bound), lookup.count_up_to(right, bound)), 1
    )
    return shares
