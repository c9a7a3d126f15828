"""What a digest tells of one cluster: who had it first, who tells it how, and in whose words it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aggregator.model import ArticleStatus
from aggregator.reports.origin import relays_origin

from . import rank
from .clean import safe_url
from .extract import Background, background, extract, most_central
from .model import (
    Account,
    Arrival,
    ArticleRow,
    Cite,
    DigestQuery,
    Extract,
    First,
    ReportRow,
    Role,
    Section,
)

Cluster = tuple[ReportRow, Sequence[ArticleRow]]  # its articles by time
Backgrounds = Mapping[str | None, Background]  # by language


def section(place: int, cluster: Cluster, query: DigestQuery, backgrounds: Backgrounds) -> Section:
    """Return what the digest tells of a cluster that came to ``place``."""
    report, articles = cluster
    accounts = _accounts(report, articles)
    told_by = _told_by(report, articles, query)
    headline, headline_lang = _headline(report, articles, told_by, query)
    return Section(
        rank=place,
        cluster_id=report.cluster_id,
        headline=headline,
        headline_lang=headline_lang,
        first_published_at=report.first_published_at,
        last_published_at=report.last_published_at,
        updated_at=max(article.corrected_at or article.first_seen_at for article in articles),
        article_count=report.article_count,
        outlet_count=report.outlet_count,
        independent_count=report.independent_count,
        languages=report.languages,
        tags=tuple(sorted({tag for article in articles for tag in article.tags})),
        first=_first(report, articles),
        extract=_extract(told_by, articles, backgrounds),
        accounts=accounts,
        timeline=_timeline(accounts),
        parts=rank.parts(report, articles, query.window),
    )


def _accounts(report: ReportRow, articles: Sequence[ArticleRow]) -> tuple[Account, ...]:
    by_id = {article.article_id: article for article in articles}
    first = articles[0].published_at
    return tuple(
        Account(
            article_id=row.article_id,
            role=role_of(row, report.origin_outlet),
            outlet=row.outlet,
            outlet_name=row.outlet_name,
            lang=row.lang,
            title=row.title,
            url=safe_url(row.url),
            published_at=row.published_at,
            lag=row.published_at - first,
            copied_from=_copied_from(row, by_id),
            cites=tuple(dict.fromkeys(cite.name for cite in row.cites)),
            revisions=row.revisions,
            former_title=row.former_title,
        )
        for row in articles
    )


def _copied_from(row: ArticleRow, by_id: Mapping[int, ArticleRow]) -> str | None:
    model = None if row.copy_of is None else by_id.get(row.copy_of)
    return model.outlet_name if model and model.outlet != row.outlet else None


def _timeline(accounts: Sequence[Account]) -> tuple[Arrival, ...]:
    firsts: dict[str, Account] = {}
    for account in accounts:
        firsts.setdefault(account.outlet, account)
    return tuple(Arrival(first.outlet_name, first.published_at, first.role) for first in firsts.values())


def _first(report: ReportRow, articles: Sequence[ArticleRow]) -> First:
    if report.origin_outlet is None and report.origin_name is None:
        first = articles[0]
        outlets = len({article.outlet for article in articles})
        return First(first.outlet_name, False, first.published_at, safe_url(first.url), 0, outlets - 1)
    by_id = {article.article_id: article for article in articles}
    article = None if report.origin_article_id is None else by_id.get(report.origin_article_id)
    others = {row.outlet for row in articles} - {report.origin_outlet}
    citing = {row.outlet for row in articles if any(_names_origin(cite, report) for cite in row.cites)}
    return First(
        name=_origin_name(report, articles),
        known=True,
        at=article.published_at if article else None,
        url=safe_url(article.url) if article else None,
        cited_by=len(citing & others),
        others=len(others),
    )


def _names_origin(cite: Cite, report: ReportRow) -> bool:
    if report.origin_outlet is not None and cite.outlet is not None:
        return cite.outlet == report.origin_outlet
    return report.origin_name is not None and cite.name.casefold() == report.origin_name.casefold()


def _origin_name(report: ReportRow, articles: Sequence[ArticleRow]) -> str:
    names = (article.outlet_name for article in articles if article.outlet == report.origin_outlet)
    return report.origin_name or next(names, None) or report.origin_outlet or ""


def role_of(article: ArticleRow, origin: str | None) -> Role:
    """Return what an article is to its cluster, whose origin is an outlet's domain: as it counts there."""
    if article.copy_of is not None:
        return Role.COPY
    cited = {cite.outlet for cite in article.cites if cite.outlet}
    return Role.RELAY if relays_origin(article.outlet, cited, origin) else Role.OWN


def _told_by(report: ReportRow, articles: Sequence[ArticleRow], query: DigestQuery) -> ArticleRow:
    """Return the article that speaks for the cluster.

    In the reader's language, else in the headline's; own accounts before others, full texts before teasers;
    the origin's, else the one most like all others.
    """
    titled = [article for article in articles if article.title == report.title]
    lang = query.lang or next((article.lang for article in titled), None)
    best = min(_standing(article, report, lang) for article in articles)
    equals = [article for article in articles if _standing(article, report, lang) == best]
    return equals[most_central([f"{article.title}. {article.text}" for article in equals])]


def _standing(article: ArticleRow, report: ReportRow, lang: str | None) -> tuple[bool, ...]:
    return (
        not article.text.strip(),
        lang is not None and article.lang != lang,
        role_of(article, report.origin_outlet) is not Role.OWN,
        article.status != ArticleStatus.FULL,
        article.article_id != report.origin_article_id,
    )


def _headline(
    report: ReportRow, articles: Sequence[ArticleRow], told_by: ArticleRow, query: DigestQuery
) -> tuple[str, str | None]:
    """Return the cluster's title where an article has it in the reader's language, else ``told_by``'s."""
    langs = [article.lang for article in articles if article.title == report.title]
    if report.title and langs and (query.lang in {None, *langs} or told_by.lang != query.lang):
        return report.title, query.lang if query.lang in langs else langs[0]
    return told_by.title or f"Report {report.cluster_id}", told_by.lang


def _extract(told_by: ArticleRow, articles: Sequence[ArticleRow], backgrounds: Backgrounds) -> Extract | None:
    others = [
        row.text for row in articles if row.lang == told_by.lang and row.article_id != told_by.article_id
    ]
    text = extract(told_by, others, backgrounds.get(told_by.lang, background([])))
    return Extract(text, told_by.lang, told_by.article_id, told_by.outlet_name) if text else None
