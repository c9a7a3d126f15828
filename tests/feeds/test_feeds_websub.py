from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.feeds.websub import (
    DENIED_FOR,
    LEASE,
    LONGEST_LEASE,
    MOST_GOODBYES,
    SOONEST_RENEWAL,
    HubSubscription,
    SignatureCheck,
    Stage,
    answer_hub,
    asked,
    discovered,
    leaving,
    request_form,
)
from aggregator.model import PollHints

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HUB, TOPIC = "https://hub.example/", "https://paper.example/feed"
NEW = HubSubscription(HUB, TOPIC, "https://me.example/websub/abc", "s3cret", next_request_at=NOW)
PENDING = asked(NEW, NOW)


def verify(mode: str = "subscribe", topic: str = TOPIC, **more: str) -> dict[str, str]:
    fields = {"mode": mode, "topic": topic, "challenge": "echo-me", "lease_seconds": "864000"} | more
    return {f"hub.{name}": value for name, value in fields.items()}


HELD = answer_hub(PENDING, verify(), NOW).after


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('<https://hub.example/>; rel="hub", <https://paper.example/feed>; rel="self"', (HUB, TOPIC)),
        ("<https://hub.example/>;rel=hub,</feed>;rel=self", (HUB, TOPIC)),
        (
            '<https://hub.example/>; title="a, b; rel=x"; rel="preconnect HUB", </feed>; rel=self',
            (HUB, TOPIC),
        ),
        (
            "<https://hub.example/>; rel=hub, <https://other.example/>; rel=hub",
            (HUB, "https://doc.example/f"),
        ),
        ("<https://other.example/>; rel=next", ("https://doc.example/hub", "https://doc.example/f")),
        ("<javascript:alert(1)>; rel=hub", ("https://doc.example/hub", "https://doc.example/f")),
        ("<<>>;;;, rel=hub <https://x.example>", ("https://doc.example/hub", "https://doc.example/f")),
        ("", ("https://doc.example/hub", "https://doc.example/f")),
    ],
)
def test_link_headers_go_before_the_document(header: str, expected: tuple[str, str]) -> None:
    said = PollHints(ttl_seconds=60, hub="https://doc.example/hub", topic="https://doc.example/f")
    hints = discovered((("link", header.encode()),), TOPIC, said)
    assert (hints.hub, hints.topic, hints.ttl_seconds) == (*expected, 60)


def test_hub_and_topic_may_stand_in_two_headers() -> None:
    headers = (("link", b"<https://hub.example/>; rel=hub"), ("link", b"</feed>; rel=self"))
    hints = discovered(headers, TOPIC, PollHints())
    assert (hints.hub, hints.topic) == (HUB, TOPIC)


@given(st.binary(max_size=500))
def test_any_link_header_gives_a_web_address_or_nothing(value: bytes) -> None:
    hints = discovered((("link", value),), TOPIC, PollHints())
    assert all(found is None or found.startswith("http") for found in (hints.hub, hints.topic))


def test_a_monstrous_link_header_is_read_at_once() -> None:
    for filler in (b" ", b";", b"; ", b"<", b'"', b"; a=", b"<>; rel=hub,"):
        hints = discovered((("link", b"<https://hub.example/>" + filler * 50_000),), TOPIC, PollHints())
        assert hints.hub != HUB


def test_a_request_says_what_the_recommendation_asks_for() -> None:
    assert request_form(PENDING) == {
        "hub.mode": "subscribe",
        "hub.topic": TOPIC,
        "hub.callback": "https://me.example/websub/abc",
        "hub.lease_seconds": "864000",
        "hub.secret": "s3cret",
    }
    assert "hub.secret" not in request_form(replace(PENDING, secret=None))
    assert request_form(leaving(HELD, NOW))["hub.mode"] == "unsubscribe"


def test_the_challenge_of_a_pending_request_is_echoed_and_the_lease_holds() -> None:
    reply = answer_hub(PENDING, verify(), NOW + timedelta(minutes=1))
    assert (reply.status, reply.text, reply.after.stage) == (200, "echo-me", Stage.HELD)
    assert reply.after.lease_until == NOW + timedelta(minutes=1, days=10)
    assert reply.after.next_request_at == NOW + timedelta(minutes=1, days=8)


@pytest.mark.parametrize(
    ("subscription", "query"),
    [
        (NEW, verify()),
        (PENDING, verify(topic="https://paper.example/other")),
        (PENDING, verify(mode="unsubscribe")),
        (PENDING, verify(mode="publish")),
        (PENDING, verify(challenge="")),
        (PENDING, {}),
        (leaving(HELD, NOW), verify(mode="unsubscribe")),
        (asked(leaving(HELD, NOW), NOW), verify()),
        (asked(leaving(HELD, NOW), NOW), verify(mode="denied")),
        (HELD, verify(mode="denied", topic="https://paper.example/other")),
    ],
)
def test_what_was_not_asked_for_is_not_confirmed(
    subscription: HubSubscription, query: dict[str, str]
) -> None:
    reply = answer_hub(subscription, query, NOW + timedelta(minutes=1))
    assert (reply.status, reply.text, reply.after) == (404, "", subscription)


def test_a_request_is_not_pending_for_ever_nor_before_it_was_made() -> None:
    for moment in (NOW + timedelta(days=1), NOW - timedelta(minutes=1)):
        assert answer_hub(PENDING, verify(), moment).status == 404


def test_a_verification_that_comes_again_is_confirmed_again() -> None:
    again = answer_hub(HELD, verify(), NOW + timedelta(minutes=5))
    assert (again.status, again.text) == (200, "echo-me")


@pytest.mark.parametrize(
    ("seconds", "lease"),
    [("60", timedelta(minutes=1)), ("99999999", LONGEST_LEASE), ("", LEASE), ("-5", LEASE), ("1e9", LEASE)],
)
def test_the_hub_decides_for_how_long_within_reason(seconds: str, lease: timedelta) -> None:
    after = answer_hub(PENDING, verify(lease_seconds=seconds), NOW).after
    assert after.lease_until == NOW + lease
    assert after.next_request_at is not None
    assert after.next_request_at >= NOW + SOONEST_RENEWAL


def test_a_hub_that_is_silent_is_asked_less_and_less() -> None:
    subscription, now, waits = NEW, NOW, []
    for _ in range(7):
        subscription = asked(subscription, now)
        assert subscription.next_request_at is not None
        waits.append((subscription.next_request_at - now) / timedelta(hours=1))
        now = subscription.next_request_at
    assert waits == [1, 2, 4, 8, 16, 24, 24]


def test_a_lease_is_held_while_it_is_renewed_and_wanted_anew_once_it_has_ended() -> None:
    assert asked(HELD, NOW + timedelta(days=8)).stage is Stage.HELD
    assert asked(HELD, NOW + timedelta(days=10)).stage is Stage.WANTED


def test_a_hub_that_denies_ends_the_lease_and_is_asked_again_much_later() -> None:
    reply = answer_hub(HELD, {"hub.mode": "denied", "hub.topic": TOPIC, "hub.reason": "no"}, NOW)
    assert (reply.status, reply.text, reply.after.stage) == (200, "", Stage.DENIED)
    assert (reply.after.lease_until, reply.after.next_request_at) == (None, NOW + DENIED_FOR)
    assert asked(reply.after, NOW + DENIED_FOR).stage is Stage.WANTED
    assert leaving(reply.after, NOW).stage is Stage.ENDED


def test_a_subscription_ends_when_the_hub_confirms_it() -> None:
    reply = answer_hub(asked(leaving(HELD, NOW), NOW), verify(mode="unsubscribe"), NOW)
    assert (reply.status, reply.text, reply.after.stage) == (200, "echo-me", Stage.ENDED)


def test_a_hub_that_confirms_no_end_is_left_after_a_few_requests() -> None:
    subscription = leaving(HELD, NOW)
    for _ in range(MOST_GOODBYES):
        subscription = asked(subscription, NOW)
        assert subscription.stage is Stage.LEAVING
    assert asked(subscription, NOW).stage is Stage.ENDED


def test_a_hub_that_was_never_asked_needs_no_farewell() -> None:
    assert leaving(NEW, NOW).stage is Stage.ENDED
    assert leaving(PENDING, NOW).stage is Stage.LEAVING


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
def test_a_signature_is_checked_with_the_method_that_it_names(method: str) -> None:
    digest = hmac.new(b"s3cret", b"<rss/>", getattr(hashlib, method)).hexdigest()
    for header in (f"{method}={digest}", f" {method.upper()}={digest.upper()} "):
        check = SignatureCheck("s3cret", header.encode())
        check.update(b"<rs")
        check.update(b"s/>")
        assert check.holds()


@pytest.mark.parametrize(
    "header",
    [b"", b"sha1", b"sha1=", b"=", b"md5=" + b"0" * 32, b"sha256=" + b"0" * 64, b"sha256=\xff", b"none=x"],
)
def test_a_wrong_or_missing_signature_does_not_hold(header: bytes) -> None:
    check = SignatureCheck("s3cret", header)
    check.update(b"<rss/>")
    assert not check.holds()


def test_without_a_secret_there_is_nothing_to_check() -> None:
    check = SignatureCheck(None, b"sha1=whatever")
    check.update(b"<rss/>")
    assert check.holds()
