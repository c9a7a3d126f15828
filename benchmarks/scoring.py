"""Scores of a clustering, of copies, and of sets of labels; plain Python.

A key is whatever the caller knows an article by.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

Score = dict[str, float]
Key = TypeVar("Key", bound=Hashable)


def prf(right: int, found: int, wanted: int) -> Score:
    """Return precision, recall and F1 of ``right`` of ``found``, where ``wanted`` were to be found."""
    precision = right / found if found else 1.0
    recall = right / wanted if wanted else 1.0
    both = precision + recall
    return {"p": precision, "r": recall, "f1": 2 * precision * recall / both if both else 0.0}


def bcubed(gold: Mapping[Key, Hashable], found: Mapping[Key, Hashable]) -> Score:
    """BCubed precision, recall and F1 over all articles of ``gold`` (Amigó et al. 2009)."""
    in_gold, in_found = Counter(gold.values()), Counter(found[a] for a in gold)
    both = Counter((gold[a], found[a]) for a in gold)
    precision = sum(n * n / in_found[f] for (_, f), n in both.items()) / len(gold)
    recall = sum(n * n / in_gold[g] for (g, _), n in both.items()) / len(gold)
    return {"p": precision, "r": recall, "f1": 2 * precision * recall / (precision + recall)}


def pairs(
    gold: Mapping[Key, Hashable],
    found: Mapping[Key, Hashable],
    kind: Mapping[Key, Hashable] | None = None,
) -> Score:
    """Precision, recall and F1 over pairs of articles; with ``kind`` (languages), over those of two kinds."""

    def together(label_of: Mapping[Key, Hashable]) -> int:
        every = _pairs(label_of.values())
        return every - _pairs((label_of[a], kind[a]) for a in label_of) if kind else every

    right = together({a: (gold[a], found[a]) for a in gold})
    return prf(right, together(found), together(gold))


def _pairs(labels: Iterable[Hashable]) -> int:
    """Count the pairs that have the same label."""
    return sum(n * (n - 1) // 2 for n in Counter(labels).values())


def copies(gold: Mapping[Key, Key | None], found: Mapping[Key, Key | None]) -> Score:
    """Precision, recall and F1 of the copies found: one is right if both go back to the same article."""

    def root(article: Key) -> Key:
        while (source := gold[article]) is not None:
            article = source
        return article

    claimed = [(article, source) for article, source in found.items() if source is not None]
    right = sum(root(article) == root(source) for article, source in claimed)
    return prf(right, len(claimed), sum(source is not None for source in gold.values()))


def sets(wanted: Mapping[Key, set[str]], found: Mapping[Key, set[str]]) -> Score:
    """Precision, recall and F1 over the labels of all articles together."""
    right = sum(len(wanted[a] & found[a]) for a in wanted)
    return prf(right, sum(len(found[a]) for a in wanted), sum(len(wanted[a]) for a in wanted))


def groups(label_of: Mapping[Key, Hashable]) -> dict[Hashable, list[Key]]:
    """Return the articles of each label."""
    members: dict[Hashable, list[Key]] = defaultdict(list)
    for article, label in label_of.items():
        members[label].append(article)
    return members
