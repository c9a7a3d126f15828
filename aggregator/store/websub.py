"""Subscriptions at hubs (WebSub): which there are, what is due, what a hub told us of."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from aggregator.feeds import Lease
from aggregator.feeds.websub import HubSubscription, Stage, leaving
from aggregator.store.times import from_text, to_text

SOONEST = timedelta(minutes=15)
"""From one poll to the next that a delivery may bring about: a hub that rings all day costs four an hour."""

_ADVERTISING = (
    "SELECT id, json_extract(hints, '$.hub') AS hub, json_extract(hints, '$.topic') AS topic FROM feeds"
    " WHERE state IN ('active', 'failing') AND hub IS NOT NULL AND topic IS NOT NULL"
)


def follow_hubs(
    db: sqlite3.Connection, base: str, now: datetime, make: Callable[[str, str], HubSubscription]
) -> None:
    """Make the subscriptions follow what the feeds that are polled say of hub and topic.

    ``make`` builds a new one of hub and topic. Those at another callback than ``base`` are forgotten: nobody
    hears their hubs any more.
    """
    db.execute(
        "DELETE FROM websub WHERE substr(callback, 1, length(:base) + 1) <> :base || '/'", {"base": base}
    )
    left = db.execute(
        f"SELECT websub.* FROM websub LEFT JOIN ({_ADVERTISING}) AS said ON said.id = feed_id"
        " AND said.hub = websub.hub AND said.topic = websub.topic"
        " WHERE said.id IS NULL AND stage <> 'leaving'"
    ).fetchall()
    for row in left:
        save_subscription(db, row["id"], leaving(_subscription(row), now))
    new = db.execute(
        f"SELECT * FROM ({_ADVERTISING}) WHERE id NOT IN"
        " (SELECT feed_id FROM websub WHERE stage <> 'leaving')"
    ).fetchall()
    for row in new:
        _insert(db, row["id"], make(row["hub"], row["topic"]))


def due_subscriptions(db: sqlite3.Connection, now: datetime, limit: int) -> list[tuple[int, HubSubscription]]:
    """Return the subscriptions whose hub is to be asked now, with their ids; so many at most.

    A request further ahead than any rule sets it means that the clock was set back.
    """
    rows = db.execute(
        "SELECT * FROM websub WHERE next_request_at <= ? OR next_request_at > ?"
        " ORDER BY next_request_at, id LIMIT ?",
        (to_text(now), to_text(now + timedelta(days=32)), limit),
    )
    return [(row["id"], _subscription(row)) for row in rows]


def subscription_at(db: sqlite3.Connection, callback: str) -> tuple[int, HubSubscription] | None:
    """Return the subscription with this callback, and its id."""
    row = db.execute("SELECT * FROM websub WHERE callback = ?", (callback,)).fetchone()
    return None if row is None else (int(row["id"]), _subscription(row))


def save_subscription(db: sqlite3.Connection, number: int, subscription: HubSubscription) -> None:
    """Store what became of a subscription; one that has ended is removed."""
    if subscription.stage is Stage.ENDED:
        db.execute("DELETE FROM websub WHERE id = ?", (number,))
        return
    db.execute(
        "UPDATE websub SET stage = :stage, requested_at = :requested_at, next_request_at = :next_request_at,"
        " requests = :requests, lease_until = :lease_until WHERE id = :id",
        {"id": number, **_changing(subscription)},
    )


def note_delivery(db: sqlite3.Connection, number: int, now: datetime) -> None:
    """Make the feed due of which a hub told something new."""
    db.execute("UPDATE websub SET delivered_at = ? WHERE id = ?", (to_text(now), number))
    hasten_delivered(db, since=now, now=now)


def hasten_delivered(db: sqlite3.Connection, *, since: datetime, now: datetime) -> None:
    """Make the feeds due that were told of, though not sooner after their last poll than SOONEST.

    A feed that fails keeps its own, growing wait.
    """
    db.execute(
        "UPDATE feeds SET next_poll_at = min(next_poll_at, max(:now, strftime('%Y-%m-%dT%H:%M:%SZ',"
        " last_polled_at, :soonest))) WHERE id IN (SELECT feed_id FROM websub WHERE delivered_at >= :since)"
        " AND state = 'active' AND next_poll_at IS NOT NULL",
        {
            "now": to_text(now),
            "since": to_text(since),
            "soonest": f"+{int(SOONEST.total_seconds())} seconds",
        },
    )


def held_leases(db: sqlite3.Connection, now: datetime) -> dict[int, Lease]:
    """Return the leases that hold, by feed."""
    rows: Iterable[sqlite3.Row] = db.execute(
        "SELECT feed_id, lease_until, delivered_at >= last_polled_at AS announced FROM websub"
        " JOIN feeds ON feeds.id = feed_id WHERE stage = 'held' AND lease_until > ?",
        (to_text(now),),
    )
    return {row["feed_id"]: Lease(from_text(row["lease_until"]), bool(row["announced"])) for row in rows}


def _insert(db: sqlite3.Connection, feed_id: int, subscription: HubSubscription) -> None:
    db.execute(
        "INSERT INTO websub (feed_id, hub, topic, callback, secret, stage, requested_at, next_request_at,"
        " requests, lease_until) VALUES (:feed_id, :hub, :topic, :callback, :secret, :stage, :requested_at,"
        " :next_request_at, :requests, :lease_until)",
        {
            "feed_id": feed_id,
            "hub": subscription.hub,
            "topic": subscription.topic,
            "callback": subscription.callback,
            "secret": subscription.secret,
            **_changing(subscription),
        },
    )


def _changing(subscription: HubSubscription) -> dict[str, object]:
    return {
        "stage": subscription.stage,
        "requested_at": to_text(subscription.requested_at),
        "next_request_at": to_text(subscription.next_request_at),
        "requests": subscription.requests,
        "lease_until": to_text(subscription.lease_until),
    }


def _subscription(row: sqlite3.Row) -> HubSubscription:
    return HubSubscription(
        hub=row["hub"],
        topic=row["topic"],
        callback=row["callback"],
        secret=row["secret"],
        stage=Stage(row["stage"]),
        requested_at=from_text(row["requested_at"]),
        next_request_at=from_text(row["next_request_at"]),
        requests=row["requests"],
        lease_until=from_text(row["lease_until"]),
    )
