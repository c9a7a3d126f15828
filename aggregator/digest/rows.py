"""The store's rows and the reader's question, made fit to print."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from .clean import clean, clean_language, shortened
from .model import ArticleRow, DayCounts, DigestQuery, ReportRow

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
        cites=tuple(cite._replace(name=_name(cite.name)) for cite in row.cites),
        tags=tuple(map(_name, row.tags)),
    )


def clean_report(row: ReportRow) -> ReportRow:
    """Return a report whose strings are fit to print."""
    return replace(
        row,
        title=_title(row.title),
        languages=tuple(lang for lang in row.languages if clean_language(lang)),
        origin_outlet=clean(row.origin_outlet) if row.origin_outlet else None,
        origin_name=_name(row.origin_name) if row.origin_name else None,
    )


def clean_counts(counts: DayCounts) -> DayCounts:
    """Return the day's counts with what is no language code counted as unknown."""
    languages: Counter[str | None] = Counter()
    for code, articles in counts.by_language:
        languages[clean_language(code)] += articles
    return replace(counts, by_language=tuple(languages.items()))


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
