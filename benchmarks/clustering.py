"""Measures clustering, with the code that the service runs.

    python -m benchmarks.clustering [quality|order|days|growth] [SET ...]

quality  every labelled set that is present, clustered at once: the table of docs/clustering.md
order    the same articles in other orders and batches, against all at once
days     a newsroom revealed in ten steps: ids kept, the result against all at once
growth   one batch of 1,000 new articles among 10,000 and 100,000 of thirty days

With names of sets (dev, own, ...), only those that are named; --encoder NAME: by another than the default.
"""

from __future__ import annotations

import argparse
import random
import resource
import time
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np

from aggregator.model import Grouping, Member, Text
from aggregator.reports.cluster import ClusterSettings, group
from aggregator.reports.encoder import load_encoder
from aggregator.reports.features import HEADER_BYTES, decode, make_features
from aggregator.reports.ids import reconcile
from aggregator.reports.score import load_weights, score_pairs
from aggregator.reports.window import make_window
from benchmarks.datasets import NOW, Labelled, judged_pairs, load_sets, make_members
from benchmarks.scoring import bcubed, copies, pairs

Labels = Mapping[int, Hashable]
Sets = Mapping[str, Sequence[Labelled]]


def labels_of(grouping: Grouping) -> dict[int, int]:
    return {article: articles[0] for articles in grouping.groups for article in articles}


def cluster_all(members: Sequence[Member], settings: ClusterSettings) -> Grouping:
    return group(members, frozenset(member.article_id for member in members), (), settings)


def quality(sets: Sets, settings: ClusterSettings) -> None:
    encoder = load_encoder(settings.encoder)
    print(
        f"{'set':12} {'articles':>8} {'BCubed P':>8} {'R':>6} {'F1':>6} {'pairs':>6} "
        f"{'cross':>6} {'copies':>6} {'seconds':>7}"
    )
    for name, rows in sets.items():
        members = make_members(rows, encoder)
        started = time.perf_counter()
        grouping = cluster_all(members, settings)
        seconds = time.perf_counter() - started
        found, languages = labels_of(grouping), {k: row.lang for k, row in enumerate(rows)}
        if name == "semeval22":
            semeval(rows, members, found, settings)
            continue
        gold = {k: row.report for k, row in enumerate(rows)}
        score = bcubed(gold, found)
        copied = copy_f1(rows, grouping) if any(row.copy_of for row in rows) else float("nan")
        print(
            f"{name:12} {len(rows):8} {score['p']:8.3f} {score['r']:6.3f} {score['f1']:6.3f} "
            f"{pairs(gold, found)['f1']:6.3f} {pairs(gold, found, languages)['f1']:6.3f} {copied:6.3f} "
            f"{seconds:7.1f}"
        )
        if name == "og2021-dev":
            per_language(gold, found, languages)
        if name == "pages":
            alone = {k: row.key for k, row in enumerate(rows)}
            print(f"{'':12} with every page labelled as unrelated: BCubed P {bcubed(alone, found)['p']:.3f}")


def per_language(gold: Labels, found: Labels, languages: Mapping[int, str]) -> None:
    parts = {
        lang: {k: label for k, label in gold.items() if languages[k] == lang}
        for lang in sorted(set(languages.values()))
    }
    print(
        f"{'':12} BCubed F1 by language: "
        + " ".join(f"{lang} {bcubed(part, found)['f1']:.3f}" for lang, part in parts.items())
    )


def semeval(
    rows: Sequence[Labelled], members: Sequence[Member], found: Labels, settings: ClusterSettings
) -> None:
    left, right, same, human = judged_pairs(row.key for row in rows)
    _, scores = score_pairs(
        make_window(members, settings.hours, settings.encoder), left, right, load_weights(settings.encoder)
    )
    together = np.array([found[a] == found[b] for a, b in zip(left.tolist(), right.tolist(), strict=True)])
    by_cluster, by_score = (
        2 * (said & same).sum() / (said.sum() + same.sum())
        for said in (together, scores >= load_weights(settings.encoder).threshold)
    )
    print(
        f"{'semeval22':12} {len(same):8} pairs: F1 by cluster {by_cluster:.3f}, by score {by_score:.3f}; "
        f"Pearson {-np.corrcoef(scores, human)[0, 1]:.3f}"
    )


def copy_f1(rows: Sequence[Labelled], grouping: Grouping) -> float:
    place = {row.key: k for k, row in enumerate(rows)}
    gold = {k: place[row.copy_of] if row.copy_of else None for k, row in enumerate(rows)}
    return copies(gold, grouping.copy_of)["f1"]


def feed_in(
    members: Sequence[Member], batches: Iterable[Sequence[int]], settings: ClusterSettings
) -> tuple[dict[int, int], dict[int, int]]:
    """Cluster batch by batch as the service does; return each article's cluster id, and where ended ids
    lead.
    """
    by_id = {member.article_id: member for member in members}
    cluster_of: dict[int, int] = {}
    redirects: dict[int, int] = {}
    known: list[int] = []
    next_id = 1
    for batch in batches:
        known += batch
        around = surroundings([by_id[i] for i in known], [by_id[i] for i in batch], cluster_of, settings)
        grouping = group(around, frozenset(batch), (), settings)
        plan = reconcile(
            grouping.groups,
            {i: cluster_of[i] for articles in grouping.groups for i in articles if i in cluster_of},
        )
        for articles, kept in zip(grouping.groups, plan.ids, strict=True):
            cluster = kept if kept is not None else next_id
            next_id += kept is None
            cluster_of.update(dict.fromkeys(articles, cluster))
        redirects.update((old, new) for old, new, _ in plan.redirects)
    return cluster_of, redirects


def surroundings(
    known: Sequence[Member],
    new: Sequence[Member],
    cluster_of: Mapping[int, int],
    settings: ClusterSettings,
) -> list[Member]:
    """What the store gives: all within the window of the new ones, and the rest of their clusters."""
    first, last = (
        min(m.published_at for m in new) - settings.window,
        max(m.published_at for m in new) + settings.window,
    )
    near = {m.article_id for m in known if first <= m.published_at <= last}
    clusters = {cluster_of[i] for i in near if i in cluster_of}
    return [
        replace(m, cluster_id=cluster_of.get(m.article_id))
        for m in known
        if m.article_id in near or cluster_of.get(m.article_id) in clusters
    ]


def order(sets: Sets, settings: ClusterSettings) -> None:
    encoder, dice = load_encoder(settings.encoder), random.Random(1)
    for name, rows in sets.items():
        if name in ("neus", "semeval22", "pages"):
            continue
        members = make_members(rows, encoder)
        at_once = labels_of(cluster_all(members, settings))
        by_time = sorted(range(len(rows)), key=lambda k: (rows[k].published_at, k))
        shuffled = dice.sample(by_time, len(by_time))
        for what, ids, size in (
            ("by time", by_time, 50),
            ("shuffled", shuffled, 50),
            ("shuffled", shuffled, 7),
        ):
            if len(rows) / size > 200:
                continue
            found, _ = feed_in(members, [ids[k : k + size] for k in range(0, len(ids), size)], settings)
            print(
                f"{name:12} {what:9} by {size:3}: BCubed F1 with at once {bcubed(at_once, found)['f1']:.3f}",
                flush=True,
            )


def days(sets: Sets, settings: ClusterSettings) -> None:
    encoder = load_encoder(settings.encoder)
    for name in ("dev", "dev-kept", "own", "own-kept"):
        rows = sets.get(name)
        if not rows:
            continue
        members = make_members(rows, encoder)
        gold = {k: row.report for k, row in enumerate(rows)}
        by_time = sorted(range(len(rows)), key=lambda k: (rows[k].published_at, k))
        cuts = [round(len(rows) * step / 10) for step in range(11)]
        found, redirects = feed_in(members, [by_time[a:b] for a, b in pairwise(cuts)], settings)
        lost = [old for old in redirects if resolve(old, redirects) not in set(found.values())]
        print(
            f"{name:9} in ten steps BCubed F1 {bcubed(gold, found)['f1']:.3f}, "
            f"at once {bcubed(gold, labels_of(cluster_all(members, settings)))['f1']:.3f}; "
            f"ids ended {len(redirects)}, of which lost {len(lost)}"
        )


def resolve(cluster: int, redirects: Mapping[int, int]) -> int:
    while cluster in redirects:
        cluster = redirects[cluster]
    return cluster


def growth(sets: Sets, settings: ClusterSettings) -> None:
    """Articles are made by mixing two reports' sentences: vectors, names and clusters of realistic sizes,
    not real news.
    """
    encoder = load_encoder(settings.encoder)
    base = [row for name, rows in sets.items() if name in ("own", "dev", "neus") for row in rows]
    seconds = {}
    for total in (10_000, 100_000):
        members = invented(base, total, encoder)
        newest = sorted(members, key=lambda m: m.published_at)[-1000:]
        new = frozenset(m.article_id for m in newest)
        cluster_of = {
            m.article_id: m.cluster_id
            for m in members
            if m.cluster_id is not None and m.article_id not in new
        }
        around = surroundings(members, newest, cluster_of, settings)
        texts = [
            Text(k, "example.org", row.title + f" {k}", row.text, row.lang, NOW)
            for k, row in enumerate(base[:1000])
        ]
        started = time.perf_counter()
        make_features(texts, encoder)
        made = time.perf_counter() - started
        started = time.perf_counter()
        grouping = group(around, new, (), settings)
        seconds[total] = made + time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{total:7} articles: {len(around)} around the 1,000 new, features {made:.1f} s, "
            f"grouping {seconds[total] - made:.1f} s, {len(grouping.groups)} groups, "
            f"peak {peak:.0f} MB (all {total} in memory)"
        )
    print(f"time per article, 100,000 against 10,000: {seconds[100_000] / seconds[10_000]:.2f}")


def invented(base: Sequence[Labelled], total: int, encoder) -> list[Member]:
    dice = random.Random(3)
    made, label = [], 0
    templates = make_members(base, encoder)
    while len(made) < total:
        label += 1
        start = NOW - timedelta(hours=dice.random() * 720)
        size = min(1 + int(dice.paretovariate(1.2)), 60)
        source = dice.choice(templates)
        for _ in range(size):
            blob = blur(source.features, dice)
            when = min(start + timedelta(hours=dice.expovariate(1 / 8)), NOW)
            made.append(
                replace(
                    source,
                    article_id=len(made),
                    published_at=when,
                    features=blob,
                    cluster_id=label,
                    outlet=f"o{dice.randrange(500)}.example",
                )
            )
    return made[:total]


def blur(features: bytes, dice: random.Random) -> bytes:
    """Move an article's vectors a little, so that no two are the same."""
    vectors = decode([features]).vectors[:, 0]
    fixed = HEADER_BYTES + vectors.size * 2
    noise = np.random.default_rng(dice.randrange(1 << 30)).normal(0, 0.02, vectors.shape)
    moved = vectors + noise * (np.abs(vectors).sum(1, keepdims=True) > 0)
    moved /= np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-9)
    return features[:HEADER_BYTES] + moved.astype("<f2").tobytes() + features[fixed:]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    measures = {"quality": quality, "order": order, "days": days, "growth": growth}
    parser.add_argument("what", nargs="?", default="quality", choices=measures)
    parser.add_argument("sets", nargs="*", metavar="SET")
    parser.add_argument("--encoder", default=ClusterSettings().encoder)
    args = parser.parse_args()
    sets = load_sets()
    if absent := set(args.sets) - sets.keys():
        parser.error(f"no such set: {', '.join(sorted(absent))}; there are: {', '.join(sets)}")
    measures[args.what](
        {name: sets[name] for name in args.sets or sets}, ClusterSettings(encoder=args.encoder)
    )


if __name__ == "__main__":
    main()
