"""The store's rows and the reader's question, made fit to print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from .clean import clean, clean_language, shortened
from .model import ArticleRow, Cite, DayCounts, DigestQuery, ReportRow

_TITLE = 240  # characters; what is longer is no title
_NAME = 80


def clean_article(row: ArticleRow) -> ArticleRow:
    """Return an article whose strings are fit to print; its text keeps its lines, its address is as given."""
    return replace(
        row,
        outlet=clean(row.outlet),
        outlet_name=_name(row.outlet_name) or _name(row.outlet),
        lang=clean_language(row.lang),
        title=_title(row.title),
        former_title=_title(row.former_title) if row.former_title else None,
        cites=tuple(Cite(cite.outlet, _name(cite.name)) for cite in map(Cite._make, row.cites)),
        tags=tuple(map(_name, row.tags)),
    )


def clean_report(row: ReportRow) -> ReportRow:
    """Return a report whose strings are fit to print."""
    return replace(
        row,
        title=_title(row.title),
        origin_outlet=clean(row.origin_outlet) if row.origin_outlet else None,
        origin_name=_name(row.origin_name) if row.origin_name else None,
    )


def clean_counts(counts: DayCounts) -> DayCounts:
    """Return the day's counts with what is no language code counted as unknown."""
    languages: Counter[str | None] = Counter()
    for code, articles in counts.by_language:
        languages[clean_language(code)] += articles
    return replace(counts, by_language=tuple(languages.items()))


def as_known(report: ReportRow, articles: Sequence[ArticleRow]) -> ReportRow:
    """Return a report that counts its articles (by time, at least one), not what came after ``as_of``."""
    outlets = len({article.outlet for article in articles})
    return replace(
        report,
        first_published_at=articles[0].published_at,
        last_published_at=articles[-1].published_at,
        article_count=len(articles),
        outlet_count=outlets,
        independent_count=min(report.independent_count, outlets),
        languages=tuple(sorted({article.lang for article in articles if article.lang})),
    )


def clean_query(query: DigestQuery) -> DigestQuery:
    """Return a query that can be printed as what the digest answers; an empty filter is none."""
    return replace(
        query,
        lang=_name(query.lang or "") or None,
        tag=_name(query.tag or "") or None,
        outlet=clean(query.outlet or "") or None,
        words=clean(query.words or "") or None,
    )


def _title(text: str) -> str:
    return shortened(clean(text), _TITLE)


def _name(text: str) -> str:
    return shortened(clean(text), _NAME)
