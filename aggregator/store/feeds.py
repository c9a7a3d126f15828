"""Feeds: subscriptions, their state between polls, and the log of polls."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from aggregator.model import FeedState, FeedStatus, FetchProblem, PollHints, PollOutcome, Validators
from aggregator.store.outlets import ensure_outlet
from aggregator.store.times import from_text, to_text

LONGEST_WAIT = timedelta(days=39)  # 31 that a server may ask for, 8 for skipped days
LONGEST_PAUSE = timedelta(days=7)
"""For which one answer may silence a whole host. A pause that ends later is of a clock that was set back."""

DUE = (
    "state IN ('active', 'failing') AND (next_poll_at IS NULL OR next_poll_at <= :now"
    " OR next_poll_at > :too_far OR last_polled_at > :future)"
)
"""Which feeds are due, with ``due_values``. A last poll in the future, or a next one further off than any
server may ask for, means that the clock was set back: such a feed is due (conformance rule B24)."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What feeds.yaml says of a feed, as far as the database keeps it."""

    url: str
    outlet: str | None = None
    language: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FeedRow:
    """A feed and all that is remembered of it."""

    id: int
    url: str
    title: str | None
    outlet: str | None
    language: str | None
    tags: tuple[str, ...]
    moved_to: str | None
    state: FeedState


@dataclass(frozen=True, slots=True)
class PollRow:
    """One row of the poll log."""

    at: datetime
    outcome: PollOutcome | FetchProblem
    status: int | None
    bytes: int
    duration: float
    new_entries: int
    changed_entries: int
    detail: str | None


def sync_feeds(db: sqlite3.Connection, subscriptions: Iterable[Subscription], now: datetime) -> None:
    """Make the feeds table follow feeds.yaml: what is new is added, what is gone is no longer polled."""
    wanted = {subscription.url: subscription for subscription in subscriptions}
    known = {row["url"]: row for row in db.execute("SELECT * FROM feeds")}
    for url, row in known.items():
        if url not in wanted and row["state"] != FeedStatus.REMOVED:
            db.execute("UPDATE feeds SET state = 'removed', next_poll_at = NULL WHERE id = ?", (row["id"],))
    for url, subscription in wanted.items():
        if subscription.outlet:
            ensure_outlet(db, subscription.outlet)
        if url not in known:
            _insert(db, subscription, now)
        elif _differs(known[url], subscription):
            _update(db, subscription, known[url])


def due_feeds(db: sqlite3.Connection, now: datetime) -> list[FeedRow]:
    """Return the feeds to be polled now, the longest overdue first."""
    rows = db.execute(f"SELECT * FROM feeds WHERE {DUE} ORDER BY next_poll_at, id", due_values(now))
    return [_feed(row) for row in rows]


def due_values(now: datetime) -> dict[str, str]:
    """Return the values of ``DUE``."""
    return {
        "now": to_text(now),
        "too_far": to_text(now + LONGEST_WAIT),
        "future": to_text(now + timedelta(minutes=15)),
    }


def subscribed_feeds(db: sqlite3.Connection) -> list[FeedRow]:
    """Return every feed of feeds.yaml, due or not, those that are gone included."""
    return [_feed(row) for row in db.execute("SELECT * FROM feeds WHERE state <> 'removed' ORDER BY id")]


def twin_of(db: sqlite3.Connection, feed: FeedRow, url: str) -> str | None:
    """Return the URL of another feed that is polled and stands, or has moved to, where this one leads (D09).

    Of two that have both moved there, the older one keeps the entries.
    """
    if url == feed.url:
        return None
    row = db.execute(
        "SELECT url FROM feeds WHERE id <> :id AND state IN ('active', 'failing')"
        " AND (url = :url OR (moved_to = :url AND id < :id))",
        {"id": feed.id, "url": url},
    ).fetchone()
    return None if row is None else str(row["url"])


def all_feeds(db: sqlite3.Connection) -> list[FeedRow]:
    """Return every feed that was ever subscribed, by id."""
    return [_feed(row) for row in db.execute("SELECT * FROM feeds ORDER BY id")]


def next_due(db: sqlite3.Connection) -> datetime | None:
    """Return when the next feed is due, or None where none is waiting for its time."""
    query = "SELECT min(next_poll_at) FROM feeds WHERE state IN ('active', 'failing')"
    earliest: str | None = db.execute(query).fetchone()[0]
    return from_text(earliest)


_STATE = (
    "state", "next_poll_at", "last_polled_at", "last_success_at", "failing_since", "failures", "last_error",
    "etag", "last_modified", "validators_url", "body_hash", "full_poll_at", "entry_gap_seconds",
    "redirect_to", "redirect_count", "redirect_since", "hints", "fresh_seconds",
)  # fmt: skip
_SAVE = (
    f"UPDATE feeds SET {', '.join(f'{name} = ?' for name in _STATE)}, moved_to = ?"
    " WHERE id = ? AND state <> 'removed'"
)


def save_feed(db: sqlite3.Connection, feed_id: int, state: FeedState, *, moved_to: str | None = None) -> None:
    """Store a feed's state after a poll; ``moved_to`` is where it is to be asked instead of at its URL."""
    validators = state.validators or Validators("")
    db.execute(
        _SAVE,
        (
            state.state, to_text(state.next_poll_at), to_text(state.last_polled_at),
            to_text(state.last_success_at), to_text(state.failing_since), state.failures, state.last_error,
            validators.etag, validators.last_modified, validators.url or None, state.body_hash,
            to_text(state.full_poll_at), state.entry_gap_seconds, state.redirect_to, state.redirect_count,
            to_text(state.redirect_since), _hints_text(state.hints), state.fresh_seconds, moved_to, feed_id,
        ),
    )  # fmt: skip


def describe_feed(
    db: sqlite3.Connection, feed_id: int, *, title: str | None, home_url: str | None, language: str | None
) -> None:
    """Keep what a feed's document says of itself; the language of feeds.yaml goes before the feed's own."""
    db.execute(
        "UPDATE feeds SET title = coalesce(nullif(?, ''), title), home_url = coalesce(?, home_url),"
        " language = coalesce(language, ?) WHERE id = ?",
        (title, home_url, language, feed_id),
    )


def log_poll(db: sqlite3.Connection, feed_id: int, poll: PollRow) -> None:
    """Add a row to the poll log."""
    db.execute(
        "INSERT INTO polls (feed_id, at, outcome, status, bytes, duration, new_entries, changed_entries,"
        " detail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            feed_id, to_text(poll.at), poll.outcome, poll.status, poll.bytes, round(poll.duration, 3),
            poll.new_entries, poll.changed_entries, poll.detail,
        ),
    )  # fmt: skip


def pause_host(db: sqlite3.Connection, host: str, until: datetime) -> None:
    """Remember that a host asked to be left alone (429), across restarts."""
    db.execute(
        "INSERT INTO host_pauses (host, until) VALUES (:host, :until) ON CONFLICT (host)"
        " DO UPDATE SET until = iif(until > :too_far, excluded.until, max(until, excluded.until))",
        {"host": host, "until": to_text(until), "too_far": to_text(until + LONGEST_PAUSE)},
    )


def paused_hosts(db: sqlite3.Connection, now: datetime) -> dict[str, datetime]:
    """Return the hosts that are not to be asked yet, and until when."""
    rows: Sequence[sqlite3.Row] = db.execute(
        "SELECT host, until FROM host_pauses WHERE until > ? AND until <= ?",
        (to_text(now), to_text(now + LONGEST_PAUSE)),
    ).fetchall()
    return {row["host"]: from_text(row["until"]) for row in rows}


def _insert(db: sqlite3.Connection, subscription: Subscription, now: datetime) -> None:
    db.execute(
        "INSERT INTO feeds (url, outlet, language, tags, added_at) VALUES (?, ?, ?, ?, ?)",
        (subscription.url, subscription.outlet, subscription.language, _tags(subscription), to_text(now)),
    )


def _differs(row: sqlite3.Row, subscription: Subscription) -> bool:
    return bool(
        row["state"] == FeedStatus.REMOVED
        or row["tags"] != _tags(subscription)
        or row["outlet"] != subscription.outlet
        or (subscription.language and row["language"] != subscription.language)
    )


def _update(db: sqlite3.Connection, subscription: Subscription, row: sqlite3.Row) -> None:
    state = FeedStatus.ACTIVE if row["state"] == FeedStatus.REMOVED else row["state"]
    db.execute(
        "UPDATE feeds SET outlet = ?, language = coalesce(?, language), tags = ?, state = ? WHERE id = ?",
        (subscription.outlet, subscription.language, _tags(subscription), state, row["id"]),
    )


def _tags(subscription: Subscription) -> str:
    return json.dumps(subscription.tags, ensure_ascii=False)


def _feed(row: sqlite3.Row) -> FeedRow:
    return FeedRow(
        id=row["id"],
        url=row["url"],
        title=row["title"],
        outlet=row["outlet"],
        language=row["language"],
        tags=tuple(json.loads(row["tags"])),
        moved_to=row["moved_to"],
        state=_state(row),
    )


def _state(row: sqlite3.Row) -> FeedState:
    validators = None
    if row["validators_url"]:
        validators = Validators(row["validators_url"], row["etag"], row["last_modified"])
    return FeedState(
        state=FeedStatus(row["state"]),
        next_poll_at=from_text(row["next_poll_at"]),
        last_polled_at=from_text(row["last_polled_at"]),
        last_success_at=from_text(row["last_success_at"]),
        failing_since=from_text(row["failing_since"]),
        failures=row["failures"],
        last_error=row["last_error"],
        validators=validators,
        body_hash=row["body_hash"],
        full_poll_at=from_text(row["full_poll_at"]),
        entry_gap_seconds=row["entry_gap_seconds"],
        redirect_to=row["redirect_to"],
        redirect_count=row["redirect_count"],
        redirect_since=from_text(row["redirect_since"]),
        hints=_hints(row["hints"]),
        fresh_seconds=row["fresh_seconds"],
    )


@lru_cache(maxsize=4096)
def _hints_text(hints: PollHints) -> str:
    return json.dumps({name: value for name, value in _hint_fields(hints).items() if value})


def _hint_fields(hints: PollHints) -> dict[str, object]:
    return asdict(hints) | {"skip_hours": sorted(hints.skip_hours), "skip_days": sorted(hints.skip_days)}


@lru_cache(maxsize=4096)
def _hints(text: str) -> PollHints:
    fields = json.loads(text)
    for name in ("skip_hours", "skip_days"):
        fields[name] = frozenset(fields.get(name, ()))
    return PollHints(**fields)
