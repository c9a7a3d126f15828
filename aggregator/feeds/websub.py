"""WebSub, the subscriber's side, as pure rules: which hub, what to ask of it, what of its words to believe.

Source: W3C Recommendation WebSub (https://www.w3.org/TR/websub/), section numbers in the code.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from aggregator.feeds.text import web_address
from aggregator.headers import Headers
from aggregator.model import PollHints

LEASE = timedelta(days=10)
"""What is asked for. The hub decides: what it names, up to ``LONGEST_LEASE``, holds."""

LONGEST_LEASE = timedelta(days=31)
RENEW_AFTER = 0.8
"""Share of a lease after which it is renewed: of ten days, two are left for a hub that is down."""

FIRST_RETRY, LONGEST_RETRY = timedelta(hours=1), timedelta(days=1)
SOONEST_RENEWAL = timedelta(minutes=10)  # a hub that lends for a second must not make us ask every second
DENIED_FOR = timedelta(days=7)
PENDING_FOR = timedelta(days=1)
"""A hub verifies "as soon as possible" (5.2); later, or unasked, nothing is confirmed."""

MOST_GOODBYES = 3
"""A hub that confirms no end is not asked for ever: the lease ends by itself, its deliveries meet a 410."""

_PARAMETER = r';\s{0,9}([^\s=;,"<>]+)(?:=(?:"([^"]*)"|([^\s;,"<>]*)))?'
_LINK = re.compile(rf"<([^<>]*)>((?:\s{{0,9}}{_PARAMETER})*)")
_METHODS = frozenset({b"sha1", b"sha256", b"sha384", b"sha512"})  # 7.1.1


class Stage(StrEnum):
    """Closed list, stored in ``websub.stage``."""

    WANTED = "wanted"  # asked for, or to be
    HELD = "held"  # the hub verified it
    DENIED = "denied"  # the hub said no; asked again much later
    LEAVING = "leaving"  # to be ended
    ENDED = "ended"  # never stored: the row goes


@dataclass(frozen=True, slots=True)
class HubSubscription:
    """What one feed has with one hub. ``callback`` is known to the two of us only: it is the key (5.1.1)."""

    hub: str
    topic: str
    callback: str
    secret: str | None  # None where the hub has no https: section 5.1 advises against sending it in the clear
    stage: Stage = Stage.WANTED
    requested_at: datetime | None = None  # last request; None: none is pending
    next_request_at: datetime | None = None
    requests: int = 0  # since the last verification
    lease_until: datetime | None = None

    @property
    def mode(self) -> str:
        """What is asked of the hub."""
        return "unsubscribe" if self.stage is Stage.LEAVING else "subscribe"


@dataclass(frozen=True, slots=True)
class HubReply:
    """What a hub's request is answered with, and what the subscription is from then on."""

    status: int
    text: str
    after: HubSubscription


def discovered(headers: Headers, url: str, hints: PollHints) -> PollHints:
    """Return the hints with the hub and the topic of the Link headers, which go before the document's (4).

    The first of several hubs is taken. ``url`` is the address that answered.
    """
    links = [
        link for name, value in headers if name == "link" for link in _links(value.decode("latin-1"), url)
    ]
    hub = next((address for relation, address in links if relation == "hub"), None)
    topic = next((address for relation, address in links if relation == "self"), None)
    return replace(hints, hub=hub or hints.hub, topic=topic or hints.topic)


def request_form(subscription: HubSubscription) -> dict[str, str]:
    """Return the fields of a subscription request (5.1)."""
    form = {
        "hub.mode": subscription.mode,
        "hub.topic": subscription.topic,
        "hub.callback": subscription.callback,
    }
    if subscription.stage is Stage.LEAVING:
        return form
    form["hub.lease_seconds"] = str(int(LEASE.total_seconds()))
    return form | ({"hub.secret": subscription.secret} if subscription.secret else {})


def asked(subscription: HubSubscription, now: datetime) -> HubSubscription:
    """Return the subscription as a request goes out: pending, and asked for again if nothing comes of it.

    To be stored before the request is sent, since a hub may verify before it answers.
    """
    if subscription.stage is Stage.LEAVING and subscription.requests >= MOST_GOODBYES:
        return replace(subscription, stage=Stage.ENDED)
    stage = subscription.stage if subscription.stage is Stage.LEAVING else _wanted(subscription, now)
    wait = min(FIRST_RETRY * 2 ** min(subscription.requests, 10), LONGEST_RETRY)
    return replace(
        subscription,
        stage=stage,
        requested_at=now,
        next_request_at=now + wait,
        requests=subscription.requests + 1,
    )


def leaving(subscription: HubSubscription, now: datetime) -> HubSubscription:
    """Return the subscription that is to end; ENDED at once where the hub has none."""
    unheard = subscription.stage is Stage.WANTED and subscription.requests == 0
    if unheard or subscription.stage is Stage.DENIED:
        return replace(subscription, stage=Stage.ENDED)
    return replace(
        subscription,
        stage=Stage.LEAVING,
        requested_at=None,
        next_request_at=now,
        requests=0,
        lease_until=None,
    )


def answer_hub(subscription: HubSubscription, query: Mapping[str, str], now: datetime) -> HubReply:
    """Answer a hub's GET: verification of intent (5.3) or denial (5.2).

    200 and the challenge only where mode and topic are those of a pending request, otherwise 404.
    """
    no = HubReply(404, "", subscription)
    mode, challenge = query.get("hub.mode"), query.get("hub.challenge", "")
    if query.get("hub.topic") != subscription.topic:
        return no
    if mode == "denied" and subscription.stage is not Stage.LEAVING:
        return HubReply(200, "", _denied(subscription, now))
    if mode != subscription.mode or not challenge or not _is_pending(subscription, now):
        return no
    if subscription.stage is Stage.LEAVING:
        return HubReply(200, challenge, replace(subscription, stage=Stage.ENDED))
    return HubReply(200, challenge, _held(subscription, query.get("hub.lease_seconds", ""), now))


class SignatureCheck:
    """Whether a delivery is the hub's: an HMAC over its body, part by part (7.1).

    Without a secret there is nothing to check: the unguessable callback has to do.
    """

    def __init__(self, secret: str | None, header: bytes) -> None:
        method, _, given = header.strip().partition(b"=")
        self._free = secret is None
        self._given = given.lower()
        self._mac = (
            hmac.new(secret.encode(), digestmod=method.decode().lower())
            if secret is not None and method.lower() in _METHODS
            else None
        )

    def update(self, part: bytes) -> None:
        """Take in the next part of the body."""
        if self._mac:
            self._mac.update(part)

    def holds(self) -> bool:
        """Tell whether the signature is right; compared in constant time."""
        if self._mac is None:
            return self._free
        return hmac.compare_digest(self._mac.hexdigest().encode(), self._given)


def _links(value: str, url: str) -> Iterator[tuple[str, str]]:
    """Yield the relations of a Link header and their addresses (RFC 8288, 3)."""
    for link in _LINK.finditer(value):
        address = web_address(link[1], url)
        for name, quoted, bare in re.findall(_PARAMETER, link[2]):
            if address and name.lower() == "rel":
                yield from ((relation, address) for relation in (quoted or bare).lower().split())


def _is_pending(subscription: HubSubscription, now: datetime) -> bool:
    """Verifications may come twice, where our first answer was lost: a request stays pending for its time."""
    asked_at = subscription.requested_at
    return asked_at is not None and timedelta(0) <= now - asked_at < PENDING_FOR


def _wanted(subscription: HubSubscription, now: datetime) -> Stage:
    """A lease that still holds while it is renewed is held; one that ended, or was denied, is wanted anew."""
    holds = subscription.lease_until is not None and subscription.lease_until > now
    return Stage.HELD if subscription.stage is Stage.HELD and holds else Stage.WANTED


def _held(subscription: HubSubscription, seconds: str, now: datetime) -> HubSubscription:
    stated = timedelta(seconds=int(seconds)) if re.fullmatch(r"[0-9]{1,8}", seconds) else LEASE
    lease = min(stated, LONGEST_LEASE)
    return replace(
        subscription,
        stage=Stage.HELD,
        next_request_at=now + max(lease * RENEW_AFTER, SOONEST_RENEWAL),
        requests=0,
        lease_until=now + lease,
    )


def _denied(subscription: HubSubscription, now: datetime) -> HubSubscription:
    return replace(
        subscription,
        stage=Stage.DENIED,
        requested_at=None,
        next_request_at=now + DENIED_FOR,
        requests=0,
        lease_until=None,
    )
