"""The values that pass between the rooms: plain, frozen, picklable, without behaviour that needs the world.

Times are aware ``datetime`` objects in UTC. Languages are ISO 639-1 codes. An outlet is its domain
(``wsj.com``, no ``www.``). A failure that is data (a page that cannot be read) is a value of this module;
exceptions end a command.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self


class Compact:
    """Pickled as its class and its fields' values: half the time of what a frozen dataclass does by itself.

    For values of which hundreds cross processes at once; to be a base of dataclasses with slots.
    """

    __slots__: tuple[str, ...] = ()

    def __reduce__(self) -> tuple[type[Self], tuple[object, ...]]:
        """Return what makes the same value again."""
        return type(self), tuple([getattr(self, name) for name in self.__slots__])


# --- fetch: bytes from the network -------------------------------------------------------------


class FetchProblem(StrEnum):
    """Why no usable response came back. The list is closed and stored in ``polls.outcome``."""

    REFUSED_ADDRESS = "refused_address"  # the address guard: private network, foreign scheme, bad port
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    TOO_LARGE = "too_large"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    PROTOCOL = "protocol"  # malformed HTTP, undecodable body, invalid URL
    ROBOTS = "robots"  # robots.txt forbids the page
    PAUSED = "paused"  # the host asked us to wait (429, Retry-After)


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server gave us to ask "has it changed?" with, byte for byte, bound to the URL that issued it.

    Source: RFC 9110 section 8.8 and 13.1; conformance rules A02-A11, A19.
    """

    url: str
    etag: bytes | None = None
    last_modified: bytes | None = None


@dataclass(frozen=True, slots=True)
class Hop:
    """One redirect: the address that answered, the status it answered with, where it pointed."""

    url: str
    status: int
    location: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """A complete HTTP response, whatever its status. ``body`` is decoded and within the limit."""

    url: str  # after redirects
    status: int
    headers: tuple[tuple[str, bytes], ...]  # names in lower case, values as bytes, in order
    body: bytes
    hops: tuple[Hop, ...] = ()
    seconds: float = 0.0

    def header(self, name: str) -> bytes | None:
        """Return the first value of a header, or None."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass(frozen=True, slots=True)
class FetchFailure:
    """No usable response. ``detail`` is one plain sentence for people, without secrets."""

    url: str
    problem: FetchProblem
    detail: str
    hops: tuple[Hop, ...] = ()
    seconds: float = 0.0
    retry_after: float | None = None  # seconds, where the host said so


# --- parse: bytes to entries -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ParsedEntry(Compact):
    """One entry of a feed document, cleaned of control characters and lone surrogates, otherwise as given."""

    guid: str | None  # exactly as the feed gives it; None where it gives none
    url: str | None  # resolved against the feed; http(s) only, else None
    title: str  # plain text, entities resolved, markup removed
    summary: str  # plain text
    content: str  # the longest HTML body the entry carries, raw HTML ("" if none)
    author: str | None
    published_at: datetime | None  # as the feed says; not clamped here
    updated_at: datetime | None
    published_raw: str | None  # the feed's own date string
    source_url: str | None = None  # RSS <source url>, Atom <source>
    source_title: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class PollHints:
    """What the document itself says about how often to ask. Values are as parsed; nonsense is left out."""

    ttl_seconds: int | None = None  # RSS <ttl> (minutes) as seconds
    update_period_seconds: int | None = None  # sy:updatePeriod / sy:updateFrequency
    skip_hours: frozenset[int] = frozenset()  # 0-23, GMT
    skip_days: frozenset[int] = frozenset()  # 0 = Monday
    hub: str | None = None
    topic: str | None = None  # rel=self


@dataclass(frozen=True, slots=True)
class ParsedFeed:
    """A feed document that could be read."""

    version: str  # rss20, atom10, json11 ...
    title: str
    home_url: str | None
    language: str | None
    entries: tuple[ParsedEntry, ...]
    hints: PollHints = PollHints()
    truncated: int = 0  # entries beyond the limit that were left out
    complete: bool = True  # False: the document breaks off


class ParseProblem(StrEnum):
    """Why bytes are not a feed."""

    EMPTY = "empty"
    HTML = "html"
    NOT_A_FEED = "not_a_feed"
    CRASHED = "crashed"  # the parser raised, died or ran out of time


@dataclass(frozen=True, slots=True)
class ParseFailure:
    """The body is not a feed. ``detail`` is one plain sentence that says what came instead."""

    problem: ParseProblem
    detail: str


# --- when to poll ------------------------------------------------------------------------------


class FeedStatus(StrEnum):
    """Closed list, stored in ``feeds.state``."""

    ACTIVE = "active"
    FAILING = "failing"  # the last poll failed; asked again later, never given up
    GONE = "gone"  # the server said 410: not asked again until a person says so
    REMOVED = "removed"  # taken out of feeds.yaml; its data stays


class PollOutcome(StrEnum):
    """What a poll came to. Closed list of ``polls.outcome``; a FetchProblem is stored by its own name."""

    OK = "ok"  # a body that was read
    NOT_MODIFIED = "not_modified"  # 304
    SAME_BODY = "same_body"  # 200 with the bytes of last time: not parsed again
    HTTP_ERROR = "http_error"
    RATE_LIMITED = "rate_limited"  # 429, or 503 with Retry-After
    GONE = "gone"  # 410
    NOT_A_FEED = "not_a_feed"  # 200 with a body that cannot be used


@dataclass(frozen=True, slots=True)
class FeedState:
    """All that is remembered of a feed between two polls. Stored as columns of ``feeds``."""

    state: FeedStatus = FeedStatus.ACTIVE
    next_poll_at: datetime | None = None  # None: at once (never for GONE and REMOVED)
    last_polled_at: datetime | None = None
    last_success_at: datetime | None = None
    failing_since: datetime | None = None
    failures: int = 0  # in a row
    last_error: str | None = None  # one plain sentence
    validators: Validators | None = None
    body_hash: str | None = None
    full_poll_at: datetime | None = None  # last request without validators that succeeded
    entry_gap_seconds: float | None = None  # smoothed time between two new entries
    redirect_to: str | None = None  # permanent redirect seen, not yet believed
    redirect_count: int = 0
    redirect_since: datetime | None = None
    hints: PollHints = PollHints()  # of the last document that was read: a 304 brings none
    fresh_seconds: float | None = None  # freshness lifetime the server gave, kept over a 304 without one


# --- articles ----------------------------------------------------------------------------------


class ArticleStatus(StrEnum):
    """Closed list, stored in ``articles.status``."""

    PENDING = "pending"  # not fetched yet
    FULL = "full"  # text is the article's text
    TEASER = "teaser"  # text is what the feed or a paywall stub gives
    BLOCKED = "blocked"  # consent wall, bot challenge, robots.txt, address guard
    GONE = "gone"  # 404 or 410
    FAILED = "failed"  # given up after several attempts


@dataclass(frozen=True, slots=True)
class EntryText:
    """What the feed itself says of an article: the fall-back where the page cannot be had."""

    title: str
    summary: str = ""
    content: str = ""  # HTML
    author: str | None = None
    published_at: datetime | None = None
    language: str | None = None  # a hint


@dataclass(frozen=True, slots=True)
class Extraction:
    """An article read from a page (or, where the page is of no use, from its entry)."""

    url: str  # canonical
    status: ArticleStatus
    title: str
    text: str
    lang: str | None
    author: str | None
    published_at: datetime | None
    links: tuple[str, ...] = ()  # outgoing links inside the article's text, canonical
    detail: str | None = None  # why it is not FULL, one sentence


@dataclass(frozen=True, slots=True)
class Outlet:
    """A newsroom, known by its domain."""

    domain: str
    name: str
    family: str | None = None
    kind: str | None = None  # newspaper, agency, broadcaster, magazine, online, government ...
    aliases: tuple[str, ...] = ()
    country: str | None = None  # ISO 3166 alpha-2
    languages: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()  # other addresses of the same newsroom: bbc.co.uk, elpais.com/cincodias


# --- reports -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Citation:
    """An article naming another outlet as the source of what it reports."""

    outlet: str | None  # domain; None where the outlet list does not know the name
    name: str  # as written
    quote: str  # the sentence
    confidence: float  # 0..1
    rule: str


@dataclass(frozen=True, slots=True)
class Analysis:
    """What the analysis of one article gave."""

    article_id: int
    features: bytes  # what clustering compares, encoded by ``reports.features``
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """What the analysis of an article sees, and all it sees."""

    article_id: int
    outlet: str
    title: str
    text: str
    lang: str | None
    published_at: datetime  # min(published, first seen): never in the future
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """An article as clustering sees it. ``features`` is what ``reports.features`` made of its text."""

    article_id: int
    outlet: str
    lang: str | None
    published_at: datetime
    features: bytes
    cluster_id: int | None = None
    cited: tuple[str, ...] = ()  # domains this article names as its sources
    word_count: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """The evidence by which one article joined another: a row of ``cluster_links``."""

    article_id: int
    other_id: int
    score: float  # calibrated, 0..1: how probable it is that both tell the same report
    signals: Mapping[str, float]  # each signal's value
    threshold: float


@dataclass(frozen=True, slots=True)
class Constraint:
    """A person's decision about two articles: they must, or must not, be in one cluster."""

    article_id: int
    other_id: int
    together: bool


@dataclass(frozen=True, slots=True)
class Grouping:
    """The outcome of clustering a window: who is together now, who copies whom, and why."""

    groups: tuple[tuple[int, ...], ...]  # article ids; only groups that were looked at again
    copy_of: Mapping[int, int | None] = field(default_factory=dict)
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class ClusterSummary:
    """What a cluster's row says, computed from its articles."""

    title: str
    first_published_at: datetime
    last_published_at: datetime
    article_count: int
    outlet_count: int
    independent_count: int
    languages: tuple[str, ...]  # most frequent first
    origin_article_id: int | None
    origin_outlet: str | None


@dataclass(frozen=True, slots=True)
class Origin:
    """Who had a report first and is cited for it."""

    outlet: str | None
    article_id: int | None
