"""Who had a cluster's report first and is cited for it, and how many accounts of it are independent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from aggregator.model import Origin

_LEAST_SHARE = 0.12  # of the independent accounts; below it a citation is for a detail, the event everybody's
_FIRST_BONUS = 0.5  # votes for being among the articles, before everyone who cites it
_RELAYING_AGENCY = 0.5  # what an agency's citation counts beside that of another outlet in the same text


@dataclass(frozen=True, slots=True)
class OriginArticle:
    """An article of a cluster as this module sees it."""

    article_id: int
    outlet: str
    family: str  # OutletList.family_of(outlet)
    published_at: datetime
    copy_of: int | None = None  # the article whose text it republishes
    cited: Mapping[str, float] = field(default_factory=dict)  # outlet's domain -> confidence, 0..1


def find_origin(articles: Sequence[OriginArticle], agencies: Collection[str] = ()) -> Origin:
    """Return the outlet that a cluster's articles name as their source, and its article if it is among them.

    Every account has one vote per outlet it cites, weighted by the citation's confidence; copies have none. A
    vote for an outlet that itself cites another in this cluster goes on to that other; ``agencies`` (domains)
    named beside another outlet count for less. Nobody is the origin of what hardly anyone attributes.
    Source: design.md 2, "origin"; issue 4, point 4.
    """
    accounts = [article for article in _by_time(articles) if not _is_copy(article, articles)]
    if not accounts:
        return Origin(None, None)
    votes = _votes(accounts, agencies)
    if not votes or max(votes.values()) < _LEAST_SHARE * len(accounts):
        return Origin(None, None)
    first = {outlet: _own_account(outlet, accounts, votes) for outlet in votes}
    ranked = {outlet: votes[outlet] + _bonus(first[outlet], accounts) for outlet in votes}
    winner = max(ranked, key=lambda outlet: ranked[outlet])
    article = first[winner]
    return Origin(winner, article.article_id if article else None)


def independent_count(articles: Sequence[OriginArticle], origin: Origin) -> int:
    """Count the outlets that tell the report on their own authority.

    Copies count with the article they copy, outlets of one family once, and an article that names nobody but
    the origin as its source with the origin, whether or not the origin is among the articles.
    """
    accounts = [article for article in articles if not _is_copy(article, articles)]
    relays = [article for article in accounts if _relays(article, origin)]
    families = {article.family for article in accounts if not _relays(article, origin)}
    told_first = any(article.outlet == origin.outlet for article in accounts)
    return max(1, len(families) + (1 if relays and not told_first else 0))


def _relays(article: OriginArticle, origin: Origin) -> bool:
    return article.outlet != origin.outlet and set(article.cited) == {origin.outlet}


def _by_time(articles: Sequence[OriginArticle]) -> list[OriginArticle]:
    return sorted(articles, key=lambda article: (article.published_at, article.article_id))


def _is_copy(article: OriginArticle, articles: Sequence[OriginArticle]) -> bool:
    return article.copy_of is not None and any(other.article_id == article.copy_of for other in articles)


def _votes(accounts: Sequence[OriginArticle], agencies: Collection[str]) -> dict[str, float]:
    """Votes by outlet, in the order in which the outlets were first cited."""
    sources = _sources(accounts)
    votes: dict[str, float] = defaultdict(float)
    for account in accounts:
        ballots: dict[str, float] = {}
        others = [outlet for outlet in account.cited if outlet not in agencies]
        for outlet, confidence in account.cited.items():
            weight = confidence * (_RELAYING_AGENCY if others and outlet in agencies else 1.0)
            elected = _ultimate(outlet, sources)
            if elected != account.outlet:
                ballots[elected] = max(weight, ballots.get(elected, 0.0))
        for outlet, weight in ballots.items():
            votes[outlet] += weight
    return votes


def _sources(accounts: Sequence[OriginArticle]) -> dict[str, str]:
    """Whom an outlet relays: the one it cites in all its accounts, most confidently."""
    relayed: dict[str, str] = {}
    by_outlet: dict[str, list[OriginArticle]] = defaultdict(list)
    for account in accounts:
        by_outlet[account.outlet].append(account)
    for outlet, own in by_outlet.items():
        if all(account.cited for account in own):
            first = own[0].cited
            relayed[outlet] = max(first, key=lambda cited: first[cited])
    return relayed


def _ultimate(outlet: str, sources: Mapping[str, str]) -> str:
    seen = {outlet}
    while (source := sources.get(outlet)) and source not in seen:
        seen.add(source)
        outlet = source
    return outlet


def _own_account(
    outlet: str, accounts: Sequence[OriginArticle], votes: Mapping[str, float]
) -> OriginArticle | None:
    """The outlet's earliest article that does not name another candidate as its source."""
    own = (account for account in accounts if account.outlet == outlet)
    return next((account for account in own if not any(cited in votes for cited in account.cited)), None)


def _bonus(own: OriginArticle | None, accounts: Sequence[OriginArticle]) -> float:
    """Having been there before all that cite it speaks for an outlet, where citations are few."""
    if own is None:
        return 0.0
    citing = [account for account in accounts if own.outlet in account.cited]
    return _FIRST_BONUS if all(own.published_at <= account.published_at for account in citing) else 0.0
