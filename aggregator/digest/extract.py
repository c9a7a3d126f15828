"""Two or three sentences that stand for a cluster: those most of its texts would agree on.

Centrality after LexRank (Erkan and Radev 2004) in its plainest form: a sentence counts by how much of its
vocabulary the cluster's other texts of the same language use too, weighed by how rare that is in the digest;
more if it stands early, less for what has been said already (MMR, Carbonell and Goldstein 1998).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from .clean import clean, shortened
from .model import ArticleRow
from .sentences import lines, sentences, undated

_WORD = re.compile(r"[^\W_]+")
_WIDE_RUN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2,}")
_ROOM = (420, 560, 420)  # characters an extract may have with its first, second, third sentence
_EARLY = 0.2  # how much a sentence loses for each one before it
_EVERYWHERE = 3  # clusters in which an outlet prints a sentence that belongs to none of them
_TEASER = 280  # characters of a text that has no whole sentence


@dataclass(frozen=True, slots=True)
class Background:
    """What the clusters of one language have in common: it tells little about any one of them."""

    clusters: int
    spread: Mapping[str, int]  # term -> clusters that use it
    furniture: frozenset[tuple[str, str]]  # outlet, and what it prints in cluster after cluster

    def rarity(self, term: str) -> float:
        """Return a term's inverse cluster frequency: near 0 where all use it, 0.3 where there is but one."""
        return math.log((self.clusters + 1) / (self.spread.get(term, 0) + 0.5))


def background(clusters: Iterable[Sequence[ArticleRow]]) -> Background:
    """Return what clusters, each given by its articles in one language, have in common."""
    number, spread, printed = 0, Counter[str](), Counter[tuple[str, str]]()
    for articles in clusters:
        number += 1
        spread.update({term for row in articles for term in terms(row.text)})
        printed.update({(row.outlet, line) for row in articles for line in lines(row.text)})
    furniture = frozenset(pair for pair, count in printed.items() if count >= _EVERYWHERE)
    return Background(number, spread, furniture)


def terms(text: str) -> Counter[str]:
    """Return a text's words in lower case with their counts; without spaces between words, pairs of signs."""
    found: Counter[str] = Counter()
    for word in _WORD.findall(text.casefold()):
        if _WIDE_RUN.fullmatch(word):
            found.update(word[at : at + 2] for at in range(len(word) - 1))
        elif len(word) > 2 or word.isdigit():
            found[word] += 1
    return found


def most_central(texts: Sequence[str]) -> int:
    """Return the index of the text that is most like all of them together (the first of equals)."""
    vectors = [terms(text) for text in texts]
    whole = _agreement(vectors)
    return max(range(len(texts)), key=lambda at: (round(_cosine(vectors[at], whole), 9), -at))


def extract(article: ArticleRow, others: Sequence[str], background: Background) -> str:
    """Return up to three sentences of an article, in its order, that ``others`` (same language) share most.

    Where its text has no whole sentence (a teaser cut short), its beginning stands in; "" where it is empty.
    """
    found = sentences(article.text)
    own = [sentence for sentence in found if (article.outlet, sentence) not in background.furniture]
    candidates = own or found
    agreement = _agreement([terms(other) for other in (article.text, *others)])
    weights = {term: share * background.rarity(term) for term, share in agreement.items()}
    taken: list[int] = []
    for room in _ROOM:
        at = _next_best(candidates, taken, weights, room)
        if at is not None:
            taken.append(at)
    told = " ".join(candidates[at] for at in sorted(taken))
    return told or shortened(clean(undated(article.text)), _TEASER)


def _next_best(
    candidates: Sequence[str], taken: Sequence[int], weights: Mapping[str, float], room: int
) -> int | None:
    left = room - sum(len(candidates[at]) + 1 for at in taken)
    said = frozenset(term for at in taken for term in terms(candidates[at]))
    worths = [
        (round(_worth(sentence, at, said, weights), 9), -at)
        for at, sentence in enumerate(candidates)
        if at not in taken and len(sentence) <= left
    ]
    return -max(worths)[1] if worths else None


def _worth(sentence: str, at: int, said: Collection[str], weights: Mapping[str, float]) -> float:
    found = terms(sentence)
    fresh = sum(weights.get(term, 0.0) for term in found if term not in said)
    return fresh / math.sqrt(sum(found.values()) + 5) / (1 + _EARLY * at)


def _agreement(vectors: Sequence[Mapping[str, int]]) -> dict[str, float]:
    """Return for each term which share of the other texts use it; with one text, how much that uses it."""
    if len(vectors) == 1:
        return {term: 1 - 0.5**count for term, count in vectors[0].items()}
    texts = Counter(term for vector in vectors for term in vector)
    return {term: (count - 1) / (len(vectors) - 1) for term, count in texts.items()}


def _cosine(vector: Mapping[str, float], other: Mapping[str, float]) -> float:
    norm = math.sqrt(sum(v * v for v in vector.values()) * sum(v * v for v in other.values()))
    return sum(value * other.get(term, 0.0) for term, value in vector.items()) / norm if norm else 0.0
