"""Labelled newsrooms through the very functions that the service runs, without feeds and database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

from aggregator.config import Config
from aggregator.model import Analysis, Member, Text
from aggregator.reports.analyse import analyse_texts
from aggregator.reports.cluster import ClusterSettings, group
from aggregator.reports.origin import OriginArticle
from aggregator.reports.outlets import OutletList
from aggregator.reports.summary import ClusterArticle, summarise
from benchmarks.datasets import Labelled, texts_of
from benchmarks.scoring import Score, bcubed, copies, groups, pairs, sets


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the service's functions make of a newsroom."""

    cluster: dict[str, Hashable]
    copy_of: dict[str, str | None]
    cites: dict[str, set[str]]
    origin: dict[Hashable, str | None]  # by cluster


def run(articles: list[Labelled]) -> Outcome:
    """Analyse and cluster a newsroom in one batch."""
    config = Config()
    outlets = OutletList.load()
    texts = texts_of(articles)
    analyses = analyse_texts(texts, config.cluster.encoder, ())
    members = [_member(text, analysis) for text, analysis in zip(texts, analyses, strict=True)]
    settings = ClusterSettings(window=config.cluster.window, encoder=config.cluster.encoder)
    grouping = group(members, frozenset(range(len(articles))), (), settings)
    cluster = {number: label for label, numbers in enumerate(grouping.groups) for number in numbers}
    origins = {
        label: _origin(numbers, members, analyses, grouping.copy_of, outlets)
        for label, numbers in enumerate(grouping.groups)
    }
    ids = [article.key for article in articles]
    copy_of = {ids[n]: None if (of := grouping.copy_of.get(n)) is None else ids[of] for n in range(len(ids))}
    cited = {ids[n]: {c.outlet for c in analyses[n].citations if c.outlet} for n in range(len(ids))}
    return Outcome({ids[n]: label for n, label in cluster.items()}, copy_of, cited, origins)


def _member(text: Text, analysis: Analysis) -> Member:
    cited = tuple(sorted({c.outlet for c in analysis.citations if c.outlet}))
    return Member(
        text.article_id,
        text.outlet,
        text.lang,
        text.published_at,
        analysis.features,
        cited=cited,
        word_count=len(text.text.split()),
    )


def _origin(
    numbers: Iterable[int],
    members: list[Member],
    analyses: tuple[Analysis, ...],
    copy_of: Mapping[int, int | None],
    outlets: OutletList,
) -> str | None:
    agencies = frozenset(outlet.domain for outlet in outlets if outlet.kind == "agency")
    articles = []
    for number in numbers:
        member = members[number]
        cited = {c.outlet: c.confidence for c in analyses[number].citations if c.outlet}
        account = OriginArticle(
            number,
            member.outlet,
            outlets.family_of(member.outlet),
            member.published_at,
            copy_of.get(number),
            cited,
        )
        articles.append(ClusterArticle(account, "", member.lang))
    return summarise(articles, agencies).origin_outlet


def score(articles: list[Labelled], outcome: Outcome) -> dict[str, Score]:
    """Score a newsroom as it is judged: clusters, pairs, citations, copies, origins."""
    gold = {article.key: article.report for article in articles}
    lang = {article.key: article.lang for article in articles}
    wanted = {article.key: set(article.cites) for article in articles}
    found = {a.key: outcome.cites[a.key] - (a.background - a.cites) for a in articles}
    return {
        "bcubed": bcubed(gold, outcome.cluster),
        "pairs": pairs(gold, outcome.cluster),
        "pairs across languages": pairs(gold, outcome.cluster, lang),
        "citations": sets(wanted, found),
        "copies": copies({article.key: article.copy_of for article in articles}, outcome.copy_of),
        "origin": _origins(articles, outcome, gold),
    }


def _origins(articles: list[Labelled], outcome: Outcome, gold: dict[str, str]) -> Score:
    """Accuracy over the reports of two or more articles that have an origin, or cite somebody."""
    by_key = {article.key: article for article in articles}
    right = total = 0
    for ids in groups(gold).values():
        origin = next((by_key[a].outlet for a in ids if by_key[a].origin), None)
        votes = Counter(cited for a in ids for cited in sorted(by_key[a].cites))
        if len(ids) < 2 or (origin is None and not votes):
            continue
        total += 1
        cluster = Counter(outcome.cluster[a] for a in ids).most_common(1)[0][0]
        right += outcome.origin[cluster] == (origin or votes.most_common(1)[0][0])
    return {"accuracy": right / total if total else 1.0}
