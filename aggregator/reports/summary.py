"""A cluster's row, computed from its articles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from aggregator.model import ClusterSummary, Origin
from aggregator.reports.origin import OriginArticle, find_origin, independent_count


@dataclass(frozen=True, slots=True)
class ClusterArticle:
    """An article of a cluster, as far as the cluster's row depends on it."""

    account: OriginArticle
    title: str
    lang: str | None


def summarise(articles: Sequence[ClusterArticle], agencies: Collection[str]) -> ClusterSummary:
    """Sum a cluster up. ``agencies`` are the domains of outlets whose business it is to relay."""
    accounts = [article.account for article in articles]
    origin = find_origin(accounts, agencies)
    times = [account.published_at for account in accounts]
    languages = _languages(articles)
    return ClusterSummary(
        title=_headline(articles, origin, languages),
        first_published_at=min(times),
        last_published_at=max(times),
        article_count=len(articles),
        outlet_count=len({account.outlet for account in accounts}),
        independent_count=independent_count(accounts, origin),
        languages=languages,
        origin_article_id=origin.article_id,
        origin_outlet=origin.outlet,
    )


def _languages(articles: Sequence[ClusterArticle]) -> tuple[str, ...]:
    counted = Counter(article.lang for article in articles if article.lang)
    return tuple(sorted(counted, key=lambda lang: (-counted[lang], lang)))


def _headline(articles: Sequence[ClusterArticle], origin: Origin, languages: tuple[str, ...]) -> str:
    """The origin's headline, else that of the earliest own account in the language most articles are in."""
    commonest = languages[0] if languages else None

    def standing(article: ClusterArticle) -> tuple[object, ...]:
        account = article.account
        return (
            account.article_id != origin.article_id,
            not article.title,
            account.copy_of is not None,
            article.lang != commonest,
            account.published_at,
            account.article_id,
        )

    return min(articles, key=standing).title
