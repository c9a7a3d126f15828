"""The values of the digest: the rows it is made from, the question it answers, and the answer.

The store fills the rows, ``select`` turns them into a ``Digest``, ``render.render`` that into text.
All times are aware UTC datetimes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, TypeAlias
from uuid import UUID

from aggregator.model import ClusterSummary

# --- rows: what the store gives ----------------------------------------------------------------


class Cite(NamedTuple):
    """Whom an article names as its source: the domain (None where unknown), and the name as written."""

    outlet: str | None
    name: str
    confidence: float = 1.0  # 0..1


@dataclass(frozen=True, slots=True)
class ArticleRow:
    """One article of a cluster that is to be shown, as it was known at the window's ``as_of``."""

    article_id: int
    cluster_id: int
    outlet: str  # domain
    outlet_name: str
    family: str | None
    kind: str | None
    lang: str | None  # ISO 639-1
    title: str
    url: str  # canonical
    text: str  # the first 1500 characters or so
    published_at: datetime  # min(published, first seen)
    first_seen_at: datetime
    word_count: int  # of the whole text
    copy_of: int | None = None  # article id, of this cluster or not
    cites: tuple[Cite, ...] = ()
    revisions: int = 0  # how often the title was changed
    former_title: str | None = None  # the first title, where it was changed
    corrected_at: datetime | None = None  # when the latest change of title or text was seen
    tags: tuple[str, ...] = ()  # of the feeds that carried it
    status: str = "full"  # a value of ArticleStatus


class Coverage(NamedTuple):
    """Who covers a cluster with one article: all of it that a rank and the cheap filters depend on."""

    cluster_id: int
    outlet: str  # domain
    family: str | None
    lang: str | None  # ISO 639-1


Covers: TypeAlias = ArticleRow | Coverage
"""Who covers a cluster, with or without the article itself."""


@dataclass(frozen=True, slots=True)
class ReportRow(ClusterSummary):
    """One cluster with an article in the window, as it was known at the window's ``as_of``."""

    cluster_id: int
    origin_name: str | None = None


@dataclass(frozen=True, slots=True)
class DayCounts:
    """What came in during the window, before any filter."""

    entries: int
    articles: int
    reports: int
    by_hour: tuple[tuple[datetime, int], ...] = ()  # start of the hour (UTC), articles; sparse
    by_language: tuple[tuple[str | None, int], ...] = ()  # ISO 639-1 or None, articles


NAMELESS = UUID(int=0)
"""The namespace of a digest that comes from no database."""

# --- the question ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Window:
    """From ``since`` up to, not including, ``until``; as it was known at ``as_of`` (None: now)."""

    since: datetime
    until: datetime
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class DigestQuery:
    """What a digest is asked for. A cluster passes a filter if one of its articles does."""

    window: Window
    timezone: str = "UTC"  # IANA name: times are shown in it
    lang: str | None = None  # also the reader's language: headline and extract are in it
    tag: str | None = None
    outlet: str | None = None  # domain
    words: str | None = None  # every word has to occur in one article's title or text
    min_outlets: int = 1
    limit: int | None = 30
    why: bool = False  # show how each rank came about
    namespace: UUID = NAMELESS  # the database's own, in which the Atom feed's ids are made (RFC 9562)


# --- the answer --------------------------------------------------------------------------------


class Role(StrEnum):
    """What an article is to its cluster."""

    OWN = "own"  # an account of its own
    RELAY = "relay"  # names nobody but the origin as its source
    COPY = "copy"  # republishes another article's text


@dataclass(frozen=True, slots=True)
class Account:
    """One article as the digest shows it."""

    article_id: int
    role: Role
    outlet: str
    outlet_name: str
    lang: str | None
    title: str
    url: str | None  # http(s) only; None where the address is anything else
    published_at: datetime
    lag: timedelta  # behind the first article of the cluster
    copied_from: str | None = None  # another outlet whose text it is, where that is in the cluster
    cites: tuple[str, ...] = ()  # names
    revisions: int = 0
    former_title: str | None = None


@dataclass(frozen=True, slots=True)
class Extract:
    """Two or three sentences of one article."""

    text: str
    lang: str | None
    article_id: int
    outlet_name: str


@dataclass(frozen=True, slots=True)
class First:
    """Who reported it first. ``known`` is False where that is only the earliest article among the feeds."""

    name: str
    known: bool
    at: datetime | None  # None where the origin's own article did not come in
    url: str | None
    cited_by: int  # other outlets of the cluster that cite it
    others: int  # other outlets of the cluster


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a rank. ``points`` of the whole are ``100 * weight * value``."""

    name: str
    value: float  # 0..1
    weight: float
    detail: str  # what it was computed from

    @property
    def points(self) -> float:
        """Return this part's share of the score, in points of 100."""
        return points(self.weight, self.value)


def points(weight: float, value: float) -> float:
    """Return what a part of a rank adds to its score, in points of 100."""
    return round(100 * weight * value, 6)


@dataclass(frozen=True, slots=True)
class Arrival:
    """An outlet's first article in the cluster: a mark on the timeline."""

    outlet_name: str
    at: datetime
    role: Role


@dataclass(frozen=True, slots=True)
class Section:
    """A cluster as the digest shows it."""

    rank: int
    cluster_id: int
    headline: str
    headline_lang: str | None
    first_published_at: datetime
    last_published_at: datetime
    updated_at: datetime  # when an article came in, or was seen to be corrected, last (RFC 4287, 4.2.15)
    article_count: int
    outlet_count: int
    independent_count: int
    languages: tuple[str, ...]
    tags: tuple[str, ...]
    first: First
    extract: Extract | None
    accounts: tuple[Account, ...]  # by time
    timeline: tuple[Arrival, ...]  # by time, one an outlet
    parts: tuple[Part, ...]

    @property
    def score(self) -> float:
        """Return the rank's points, 0..100."""
        return round(sum(part.points for part in self.parts), 6)

    def of_role(self, role: Role) -> Sequence[Account]:
        """Return the accounts of one role, by time."""
        return [account for account in self.accounts if account.role is role]


@dataclass(frozen=True, slots=True)
class Digest:
    """A window's clusters, ranked. Every string is one line of plain text without control characters."""

    query: DigestQuery
    counts: DayCounts
    matching: int  # clusters that met the filters; ``sections`` holds the first ``limit`` of them
    sections: tuple[Section, ...]
