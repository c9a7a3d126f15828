"""Who had a cluster's report first and is cited for it, and how many accounts of it are independent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from aggregator.model import Origin

_LEAST_SHARE = 0.12  # of the independent accounts; below it a citation is for a detail, the event everybody's
_FIRST_BONUS = 0.5  # votes for being among the articles, before everyone who cites it
_SURE = 0.7  # confidence from which a citation is a whole vote
_AGENCY = 0.9  # what a vote for an agency counts: as much as any, but a tie goes to the other outlet
_RELAYING_AGENCY = 0.5  # and beside another outlet in the same text


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

    Every account has one vote per outlet it cites; copies vote only for whom they copy, and together. A vote
    for an outlet that itself relays another in this cluster goes on to that other; ``agencies`` (domains)
    named beside another outlet count for less. Nobody is the origin of what hardly anyone attributes.
    Source: design.md 2, "origin"; issue 4, point 4.
    """
    ordered = sorted(articles, key=lambda article: (article.published_at, article.article_id))
    accounts = [article for article in ordered if _copied(article, articles) is None]
    votes = _votes(accounts, _copies_votes(ordered), agencies)
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
    accounts = [article for article in articles if _copied(article, articles) is None]
    relays = {a.article_id for a in accounts if relays_origin(a.outlet, a.cited, origin.outlet)}
    families = {article.family for article in accounts if article.article_id not in relays}
    told_first = any(article.outlet == origin.outlet for article in accounts)
    return max(1, len(families) + (1 if relays and not told_first else 0))


def relays_origin(outlet: str, cited: Collection[str], origin: str | None) -> bool:
    """Tell a pure relay: an article of another outlet that names nobody but the origin as its source."""
    return origin is not None and outlet != origin and set(cited) == {origin}


def _copied(article: OriginArticle, articles: Sequence[OriginArticle]) -> OriginArticle | None:
    return next((other for other in articles if other.article_id == article.copy_of), None)


def _copies_votes(articles: Sequence[OriginArticle]) -> set[str]:
    """Outlets that copies of their own text name: "told dpa" in what republishes dpa."""
    pairs = ((article, _copied(article, articles)) for article in articles)
    return {original.outlet for copy, original in pairs if original and original.outlet in copy.cited}


def _votes(
    accounts: Sequence[OriginArticle], copied: Collection[str], agencies: Collection[str]
) -> dict[str, float]:
    """Votes by outlet, in the order in which the outlets were first cited."""
    relayed = _relayed(accounts, agencies)
    votes: dict[str, float] = defaultdict(float)
    for account in accounts:
        ballots: dict[str, float] = {}
        for outlet in account.cited:
            elected = _ultimate(outlet, relayed)
            if elected != account.outlet:
                ballots[elected] = max(_weight(outlet, account, agencies), ballots.get(elected, 0.0))
        for outlet, weight in ballots.items():
            votes[outlet] += weight
    for outlet in sorted(copied):
        votes[outlet] += _AGENCY
    return votes


def _weight(outlet: str, account: OriginArticle, agencies: Collection[str]) -> float:
    confidence = account.cited[outlet]
    whole = 1.0 if confidence >= _SURE else confidence
    if outlet not in agencies:
        return whole
    return whole * (_AGENCY if all(cited in agencies for cited in account.cited) else _RELAYING_AGENCY)


def _relayed(accounts: Sequence[OriginArticle], agencies: Collection[str]) -> dict[str, str]:
    """Whom an outlet relays: the one it cites in all its accounts, most confidently.

    An agency may relay anybody. Another outlet that is cited for a report of its own may cite a second one
    for a detail: it relays only whom others cite, too.
    """
    by_outlet: dict[str, list[OriginArticle]] = defaultdict(list)
    for account in accounts:
        by_outlet[account.outlet].append(account)
    relayed: dict[str, str] = {}
    for outlet, own in by_outlet.items():
        cited = own[0].cited
        if all(account.cited for account in own):
            source = max(cited, key=lambda name: cited[name])
            others = (account for account in accounts if account.outlet != outlet)
            if outlet in agencies or any(source in account.cited for account in others):
                relayed[outlet] = source
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
    """The outlet's earliest article that does not name a likelier candidate as its source."""
    own = (account for account in accounts if account.outlet == outlet)
    return next(
        (account for account in own if all(votes.get(c, 0.0) < votes[outlet] for c in account.cited)), None
    )


def _bonus(own: OriginArticle | None, accounts: Sequence[OriginArticle]) -> float:
    """Having been there before all that cite it speaks for an outlet, where citations are few."""
    if own is None:
        return 0.0
    citing = [account for account in accounts if own.outlet in account.cited]
    return _FIRST_BONUS if all(own.published_at <= account.published_at for account in citing) else 0.0
