"""When no server at all can be reached, it is not the feeds' fault: they are asked again soon after."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from aggregator.store.times import to_text

FEWEST_HOSTS = 3
"""So many hosts must have been out of reach, and none within it, before the network is blamed."""

_UNREACHED = ("dns", "connect", "timeout")


def excuse_outage(db: sqlite3.Connection, now: datetime, interval: timedelta) -> int:
    """Undo what an outage of the network does to feeds and pages; returns how many feeds it concerns.

    Waits double with each failure in a row, up to a day: after a night without DNS, feeds would be silent
    until noon. So feeds that could not be reached within the last ``interval``, in which nobody else could be
    either, wait for no longer than that, and no page is given up for it. It costs no server a request: none
    is reached (reliability case L39; conformance rule B16 holds for servers that fail on their own).
    """
    since = to_text(now - interval)
    recent = db.execute("SELECT DISTINCT feed_id, outcome FROM polls WHERE at > ?", (since,)).fetchall()
    if not recent or any(row["outcome"] not in _UNREACHED for row in recent):
        return 0
    if len({_host(db, row["feed_id"]) for row in recent}) < FEWEST_HOSTS:
        return 0
    soon = to_text(now + interval)
    excused = db.execute(
        "UPDATE feeds SET next_poll_at = ? WHERE next_poll_at > ?"
        " AND id IN (SELECT feed_id FROM polls WHERE at > ?)",
        (soon, soon, since),
    ).rowcount
    db.execute("UPDATE articles SET attempts = 1 WHERE attempts > 1 AND next_fetch_at > ?", (to_text(now),))
    return excused


def _host(db: sqlite3.Connection, feed_id: int) -> str | None:
    query = "SELECT coalesce(moved_to, url) FROM feeds WHERE id = ?"
    url: str = db.execute(query, (feed_id,)).fetchone()[0]
    return urlsplit(url).hostname
