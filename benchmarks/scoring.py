"""Scores of a clustering, of sets of labels, and of pairs; plain Python."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping
from itertools import combinations

Score = dict[str, float]


def prf(right: int, found: int, wanted: int) -> Score:
    """Return precision, recall and F1 of ``right`` of ``found``, where ``wanted`` were to be found."""
    precision = right / found if found else 1.0
    recall = right / wanted if wanted else 1.0
    both = precision + recall
    return {"p": precision, "r": recall, "f1": 2 * precision * recall / both if both else 0.0}


def bcubed(gold: Mapping[str, Hashable], found: Mapping[str, Hashable]) -> Score:
    """BCubed precision, recall and F1 over all articles (Amigó et al. 2009)."""
    in_gold, in_found = Counter(gold.values()), Counter(found[a] for a in gold)
    both = Counter((gold[a], found[a]) for a in gold)
    precision = sum(n * n / in_found[f] for (_, f), n in both.items()) / len(gold)
    recall = sum(n * n / in_gold[g] for (g, _), n in both.items()) / len(gold)
    return {"p": precision, "r": recall, "f1": 2 * precision * recall / (precision + recall)}


def pairs(
    gold: Mapping[str, Hashable],
    found: Mapping[str, Hashable],
    counts: Callable[[str, str], bool] = lambda _a, _b: True,
) -> Score:
    """Precision, recall and F1 over the pairs of articles that ``counts`` lets through."""
    right = wrong = missed = 0
    for a, b in combinations(sorted(gold), 2):
        if counts(a, b):
            same, got = gold[a] == gold[b], found[a] == found[b]
            right, wrong, missed = (
                right + (same and got),
                wrong + (got and not same),
                missed + (same and not got),
            )
    return prf(right, right + wrong, right + missed)


def sets(wanted: Mapping[str, set[str]], found: Mapping[str, set[str]]) -> Score:
    """Precision, recall and F1 over the labels of all articles together."""
    right = sum(len(wanted[a] & found[a]) for a in wanted)
    return prf(right, sum(len(found[a]) for a in wanted), sum(len(wanted[a]) for a in wanted))


def groups(label_of: Mapping[str, Hashable]) -> dict[Hashable, list[str]]:
    """Return the articles of each label."""
    members: dict[Hashable, list[str]] = defaultdict(list)
    for article, label in label_of.items():
        members[label].append(article)
    return members
