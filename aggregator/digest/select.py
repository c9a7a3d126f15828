"""From the store's rows to a digest: which clusters are shown, and in which order."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache

from . import rank
from .clean import clean, clean_language
from .extract import background
from .model import ArticleRow, Coverage, Covers, DayCounts, Digest, DigestQuery, ReportRow
from .rows import clean_article, clean_counts, clean_query, clean_report
from .section import Backgrounds, Cluster, section

_BACKGROUND = 100  # clusters, the highest ranked, that show which words are common


def shortlist(
    reports: Iterable[ReportRow], coverage: Iterable[Coverage], query: DigestQuery
) -> tuple[list[ReportRow], int | None]:
    """Return the clusters whose articles ``make_digest`` needs to answer ``query``, and how many meet it.

    Those are the ones to be shown and the highest ranked; of all others only the ranks count. None in place
    of the number: words and tags are still to be looked for, in the articles of all that are returned.
    """
    query, covers = clean_query(query), _covers(coverage)
    told = [(row, clean_report(row), covers[row.cluster_id]) for row in reports if row.cluster_id in covers]
    told.sort(key=lambda one: _order(one[1], one[2], query))
    met = [row for row, report, known in told if _covered(report, known, query)]
    highest = {row.cluster_id: row for row, _, _ in told[:_BACKGROUND]}
    if query.tag is None and query.words is None:
        shown, matching = met[: query.limit], len(met)
    else:
        shown, matching = met, None
    return [*(highest | {row.cluster_id: row for row in shown}).values()], matching


def make_digest(
    reports: Iterable[ReportRow],
    articles: Iterable[ArticleRow],
    counts: DayCounts,
    query: DigestQuery,
    matching: int | None = None,
) -> Digest:
    """Return the digest that answers ``query``: the clusters that meet it, ranked (see ``rank``).

    ``reports`` are the clusters with an article in the window or a ``shortlist`` of them, ``articles`` all
    of theirs that were known at ``as_of``; the order of either does not matter. A cluster without articles
    is left out. ``matching`` is how many clusters meet the query, where a shortlist does not hold them all.
    """
    query, grouped = clean_query(query), _by_cluster(articles)
    told = ((row, grouped[row.cluster_id]) for row in reports if grouped[row.cluster_id])
    clusters = [(clean_report(row), known) for row, known in told]
    ranked = sorted(clusters, key=lambda cluster: _order(cluster[0], cluster[1], query))
    found = [cluster for cluster in ranked if _matches(cluster, query)]
    backgrounds = _backgrounds(ranked[:_BACKGROUND])
    shown = found[: query.limit]
    sections = [section(place, cluster, query, backgrounds) for place, cluster in enumerate(shown, start=1)]
    total = len(found) if matching is None else matching
    return Digest(query, clean_counts(counts), total, tuple(sections))


def _covers(coverage: Iterable[Coverage]) -> dict[int, list[Coverage]]:
    grouped: defaultdict[int, list[Coverage]] = defaultdict(list)
    fit_language, fit = cache(clean_language), cache(clean)
    for one in coverage:
        fitting = one._replace(outlet=fit(one.outlet), lang=fit_language(one.lang))
        grouped[one.cluster_id].append(fitting)
    return dict(grouped)


def _by_cluster(articles: Iterable[ArticleRow]) -> defaultdict[int, list[ArticleRow]]:
    grouped: defaultdict[int, list[ArticleRow]] = defaultdict(list)
    for article in sorted(articles, key=lambda a: (a.published_at, a.article_id)):
        grouped[article.cluster_id].append(clean_article(article))
    return grouped


def _matches(cluster: Cluster, query: DigestQuery) -> bool:
    report, articles = cluster
    return (
        _covered(report, articles, query)
        and (query.tag is None or any(query.tag in article.tags for article in articles))
        and (query.words is None or _mentions(articles, _folded(query.words).split()))
    )


def _covered(report: ReportRow, articles: Sequence[Covers], query: DigestQuery) -> bool:
    return (
        report.outlet_count >= query.min_outlets
        and (query.lang is None or any(article.lang == query.lang for article in articles))
        and (query.outlet is None or any(article.outlet == query.outlet for article in articles))
    )


def _mentions(articles: Sequence[ArticleRow], words: Sequence[str]) -> bool:
    texts = (_folded(f"{article.title} {article.text}") for article in articles)
    return any(all(word in text for word in words) for text in texts)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _order(report: ReportRow, articles: Sequence[Covers], query: DigestQuery) -> tuple[float, float, int]:
    score = sum(part.points for part in rank.parts(report, articles, query.window))
    return -round(score, 6), -report.first_published_at.timestamp(), report.cluster_id


def _backgrounds(clusters: Sequence[Cluster]) -> Backgrounds:
    langs = sorted({row.lang for _, articles in clusters for row in articles}, key=lambda lang: lang or "")
    return {lang: background(_in_language(lang, articles) for _, articles in clusters) for lang in langs}


def _in_language(lang: str | None, articles: Sequence[ArticleRow]) -> list[ArticleRow]:
    return [article for article in articles if article.lang == lang]
