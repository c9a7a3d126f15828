"""WebSub: ask the hubs that feeds name to tell us of changes, and hear what they say.

A delivery makes its feed due; what stands in it is not read. So there is one way by which entries come in,
and a hub, or who pretends to be one, can bring about a conditional request and nothing else.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from functools import partial

import structlog

from aggregator.feeds.websub import HubSubscription, Stage, answer_hub, asked, request_form
from aggregator.model import FetchFailure
from aggregator.pipeline.bounded import for_each
from aggregator.pipeline.services import Services
from aggregator.store.websub import due_subscriptions, follow_hubs, save_subscription, subscription_at

log = structlog.get_logger()

SIDE_BY_SIDE = 8
AT_ONCE = 200  # requests between two looks: they are marked as asked before they are sent
LONGEST_ANSWER = 2_000  # bytes; a hub says in plain text what it does not like


async def ask_hubs(services: Services, callback: str) -> int:
    """Send every subscription request that is due: new ones, renewals, farewells; returns how many.

    ``callback`` is the public address below which each subscription has one of its own.
    """
    due = await services.writer.write(plan_requests, callback, services.clock())
    await for_each(due, partial(_ask, services), SIDE_BY_SIDE)
    return len(due)


def plan_requests(db: sqlite3.Connection, callback: str, now: datetime) -> list[HubSubscription]:
    """Follow what the feeds say of their hubs; return whom to ask, marked as asked."""
    follow_hubs(db, callback, now, partial(_new, callback, now))
    planned = []
    for number, subscription in due_subscriptions(db, now, AT_ONCE):
        after = asked(subscription, now)
        save_subscription(db, number, after)
        if after.stage is not Stage.ENDED:
            planned.append(after)
    return planned


def hear_hub(
    db: sqlite3.Connection, callback: str, query: Mapping[str, str], now: datetime
) -> tuple[int, str]:
    """Answer a hub's verification or denial at a callback: status and text."""
    found = subscription_at(db, callback)
    if found is None:
        return 404, ""
    number, subscription = found
    reply = answer_hub(subscription, query, now)
    save_subscription(db, number, reply.after)
    if reply.after.stage is Stage.DENIED:
        log.warning("the hub refuses", hub=subscription.hub, reason=query.get("hub.reason", "")[:300])
    return reply.status, reply.text


def _new(callback: str, now: datetime, hub: str, topic: str) -> HubSubscription:
    return HubSubscription(
        hub=hub,
        topic=topic,
        callback=f"{callback}/{secrets.token_urlsafe(32)}",
        secret=secrets.token_urlsafe(32) if hub.startswith("https:") else None,
        next_request_at=now,
    )


async def _ask(services: Services, subscription: HubSubscription) -> None:
    answer = await services.web.post_form(
        subscription.hub, request_form(subscription), max_bytes=LONGEST_ANSWER
    )
    about = {"hub": subscription.hub, "topic": subscription.topic, "mode": subscription.mode}
    if isinstance(answer, FetchFailure):
        log.warning("the hub cannot be asked", **about, reason=answer.detail)
    elif not 200 <= answer.status < 300:
        said = answer.body.decode("utf-8", "replace")[:300]
        log.warning("the hub refuses the request", **about, status=answer.status, reason=said)
    else:
        log.info("the hub was asked", **about)
