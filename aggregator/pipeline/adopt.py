"""The first poll of a feed that was looked at when it was added: its answer is used, not asked for again."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import datetime

from aggregator.config import Config
from aggregator.model import Fetched
from aggregator.pipeline.poll import MAX_ENTRIES, poll_rules
from aggregator.pipeline.read import read_feed
from aggregator.pipeline.record import PollCount, Visit, record_poll
from aggregator.pipeline.services import extra_outlets, follow_config
from aggregator.store.feeds import subscribed_feeds


def adopt_feed(
    db: sqlite3.Connection, config: Config, url: str, answer: Fetched, now: datetime
) -> PollCount | None:
    """Store what a feed answered as its first poll; None where it was polled before, or is not subscribed.

    A second request within the hour would be answered 429 by strict servers (conformance rule B02).

    Args:
        db: The writing connection; feeds.yaml's feeds are brought in first.
        config: feeds.yaml with the feed in it.
        url: The feed's URL in feeds.yaml.
        answer: What that URL answered just now, to a request without validators.
        now: The time of the answer.
    """
    follow_config(db, config, now)
    feed = next((row for row in subscribed_feeds(db) if row.url == url), None)
    if feed is None or feed.state.last_polled_at is not None:
        return None
    headers = {name: value.decode("latin-1") for name, value in answer.headers}
    document = read_feed(
        answer.body,
        url=answer.url,
        headers=headers,
        max_entries=MAX_ENTRIES,
        extra_outlets=extra_outlets(config),
    )
    visit = Visit(feed, replace(answer, hops=()), document, conditional=False)
    rules = poll_rules(config, next((one for one in config.feeds if one.url == url), None))
    return record_poll(db, visit, now, rules, 0.0)
