from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta

from aggregator.model import FeedState, FeedStatus, PollHints, PollOutcome, Validators
from aggregator.store.feeds import (
    PollRow,
    Subscription,
    all_feeds,
    describe_feed,
    due_feeds,
    log_poll,
    next_due,
    pause_host,
    paused_hosts,
    save_feed,
    subscribed_feeds,
    sync_feeds,
)

A = Subscription("https://a.example/feed", outlet="a.example", language="de", tags=("x", "y"))
B = Subscription("https://b.example/feed")


def test_feeds_follow_the_file_and_nothing_is_deleted(db: sqlite3.Connection, now: datetime) -> None:
    sync_feeds(db, [A, B], now)
    sync_feeds(db, [B], now)
    assert {row.url: row.state.state for row in all_feeds(db)} == {A.url: "removed", B.url: "active"}
    assert [row.url for row in subscribed_feeds(db)] == [B.url]
    assert [row.url for row in due_feeds(db, now)] == [B.url]
    sync_feeds(db, [A, B], now)
    assert [row.state.state for row in all_feeds(db)] == ["active", "active"]


def test_what_the_file_says_of_a_feed_is_kept_up_to_date(db: sqlite3.Connection, now: datetime) -> None:
    sync_feeds(db, [A], now)
    sync_feeds(db, [replace(A, outlet="c.example", tags=("z",), language="en")], now)
    (row,) = all_feeds(db)
    assert (row.outlet, row.tags, row.language) == ("c.example", ("z",), "en")
    before = db.total_changes
    sync_feeds(db, [replace(A, outlet="c.example", tags=("z",), language="en")], now)
    assert db.total_changes - before <= 1  # the outlet's row is only made sure of


def test_a_state_that_is_saved_comes_back_whole(db: sqlite3.Connection, now: datetime) -> None:
    sync_feeds(db, [A], now)
    state = FeedState(
        state=FeedStatus.FAILING,
        next_poll_at=now + timedelta(hours=1),
        last_polled_at=now,
        last_success_at=now - timedelta(days=1),
        failing_since=now - timedelta(hours=3),
        failures=3,
        last_error="The server answered 404 Not Found.",
        validators=Validators(A.url, b'"\xe9\xff"', b"yesterday"),
        body_hash="abc",
        full_poll_at=now - timedelta(days=2),
        entry_gap_seconds=12.5,
        redirect_to="https://c.example/feed",
        redirect_count=2,
        redirect_since=now - timedelta(days=2),
        hints=PollHints(ttl_seconds=3600, skip_hours=frozenset({1, 2}), skip_days=frozenset({6}), hub="h"),
        fresh_seconds=60.0,
    )
    save_feed(db, 1, state)
    (row,) = all_feeds(db)
    assert row.state == state
    assert row.moved_to is None
    save_feed(db, 1, replace(state, validators=None), moved_to="https://c.example/feed")
    (row,) = all_feeds(db)
    assert row.state == replace(state, validators=None)
    assert row.moved_to == "https://c.example/feed"
    save_feed(db, 1, state)
    assert all_feeds(db)[0].moved_to is None


def test_a_feed_is_due_when_its_time_has_come_or_the_clock_was_set_back(
    db: sqlite3.Connection, now: datetime
) -> None:
    sync_feeds(db, [A], now)
    assert next_due(db) is None
    save_feed(db, 1, FeedState(next_poll_at=now + timedelta(hours=1), last_polled_at=now))
    assert due_feeds(db, now) == []
    assert next_due(db) == now + timedelta(hours=1)
    assert len(due_feeds(db, now + timedelta(hours=1))) == 1
    assert len(due_feeds(db, now - timedelta(days=365))) == 1
    assert len(due_feeds(db, now - timedelta(days=60))) == 1


def test_a_feed_that_is_gone_is_not_due_but_still_subscribed(db: sqlite3.Connection, now: datetime) -> None:
    sync_feeds(db, [A], now)
    save_feed(db, 1, FeedState(state=FeedStatus.GONE))
    assert due_feeds(db, now) == []
    assert len(subscribed_feeds(db)) == 1


def test_a_poll_that_ends_after_its_feed_was_removed_does_not_bring_it_back(
    db: sqlite3.Connection, now: datetime
) -> None:
    sync_feeds(db, [A], now)
    sync_feeds(db, [], now)
    save_feed(db, 1, FeedState(next_poll_at=now))
    assert all_feeds(db)[0].state.state is FeedStatus.REMOVED


def test_a_feed_describes_itself_but_the_file_has_the_last_word_on_its_language(
    db: sqlite3.Connection, now: datetime
) -> None:
    sync_feeds(db, [A, B], now)
    for feed_id in (1, 2):
        describe_feed(db, feed_id, title="News", home_url="https://h.example/", language="fr")
    describe_feed(db, 2, title="", home_url=None, language=None)
    assert [(row.title, row.language) for row in all_feeds(db)] == [("News", "de"), ("News", "fr")]


def test_polls_are_logged(db: sqlite3.Connection, now: datetime) -> None:
    sync_feeds(db, [A], now)
    log_poll(db, 1, PollRow(now, PollOutcome.OK, 200, 1234, 0.1239, 3, 1, None))
    row = db.execute("SELECT at, outcome, status, bytes, duration, new_entries, changed_entries FROM polls")
    assert tuple(row.fetchone()) == ("2026-03-01T12:00:00Z", "ok", 200, 1234, 0.124, 3, 1)


def test_a_host_stays_paused_for_the_longest_time_it_asked_for(db: sqlite3.Connection, now: datetime) -> None:
    pause_host(db, "a.example", now + timedelta(hours=2))
    pause_host(db, "a.example", now + timedelta(hours=1))
    assert paused_hosts(db, now) == {"a.example": now + timedelta(hours=2)}
    assert paused_hosts(db, now + timedelta(hours=2)) == {}
