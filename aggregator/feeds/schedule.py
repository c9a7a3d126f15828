"""When to ask a feed again: a pure rule (state, result, now, rules) -> next state.

Sources: issue 3 points 1-3; conformance rules A, B, D; RFC 9110, RFC 9111, RSS 2.0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus

from aggregator.feeds import freshness, remembered, rhythm
from aggregator.headers import retry_after
from aggregator.model import (
    FeedState,
    FeedStatus,
    Fetched,
    FetchProblem,
    Hop,
    PollHints,
    PollOutcome,
    Validators,
)


@dataclass(frozen=True, slots=True)
class PollResult:
    """What one poll came to, as far as the schedule cares."""

    outcome: PollOutcome | FetchProblem
    url: str = ""  # that answered, after redirects
    status: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()  # names in lower case
    hops: tuple[Hop, ...] = ()
    conditional: bool = True  # validators were sent
    hints: PollHints | None = None  # None: no document was read this time
    complete: bool = True  # False: the document that was read breaks off
    new_entries: int = 0
    entry_dates: tuple[datetime, ...] = ()  # published_at of the document's entries, where it gives them
    body_hash: str | None = None
    detail: str | None = None  # one plain sentence on a failure (FetchFailure.detail, ParseFailure.detail)
    retry_after: float | None = None  # seconds, where a FetchFailure says so


@dataclass(frozen=True, slots=True)
class Lease:
    """A hub's promise to tell of every change (WebSub), as far as the schedule cares."""

    until: datetime
    announced: bool = False  # a change was told of since the last poll


@dataclass(frozen=True, slots=True)
class PollRules:
    """How often one feed may be asked.

    Where a person fixed a feed's interval, ``adaptive`` is off: the interval is then kept to, unless the
    server or the document asks for a longer wait.
    """

    interval: timedelta = timedelta(hours=1)  # the polite floor
    min_interval: timedelta = timedelta(minutes=15)  # the floor for a busy feed whose max-age allows less
    max_interval: timedelta = timedelta(hours=24)  # a quiet feed is asked at least this often
    unvalidated_interval: timedelta = timedelta(hours=24)  # no ETag, no Last-Modified, no lifetime (A05)
    backoff_cap: timedelta = timedelta(hours=24)
    asked_cap: timedelta = timedelta(days=31)  # the longest wait a server may ask for (B09)
    full_poll_every: timedelta = timedelta(days=7)  # without validators now and then: some ETags lie
    redirect_sightings: int = 5
    redirect_period: timedelta = timedelta(days=7)
    jitter_share: float = 0.1  # jitter adds up to this share of the wait
    adaptive: bool = True
    lease: Lease | None = None
    leased_factor: float = (
        4.0  # while a lease holds, what we choose is so much longer, up to ``max_interval``
    )


_SUCCESSES = frozenset({PollOutcome.OK, PollOutcome.SAME_BODY, PollOutcome.NOT_MODIFIED})

_FAILURES_ELSEWHERE = 5
_MOST_DOUBLINGS = 16
_TEMPORARY_STATUS = frozenset({408, 425, 500, 502, 503, 504})
_TEMPORARY_PROBLEMS = frozenset(
    {FetchProblem.DNS, FetchProblem.CONNECT, FetchProblem.TIMEOUT, FetchProblem.PROTOCOL}
)


def outcome_of(fetched: Fetched) -> PollOutcome:
    """Name what a response means, before its body is looked at. OK still has to be parsed."""
    if fetched.status in (200, 203):
        return PollOutcome.OK
    if fetched.status == 304:
        return PollOutcome.NOT_MODIFIED
    if fetched.status == 410:
        return PollOutcome.GONE
    if fetched.status == 429 or (fetched.status == 503 and fetched.header("retry-after") is not None):
        return PollOutcome.RATE_LIMITED
    return PollOutcome.HTTP_ERROR


def is_due(state: FeedState, now: datetime, rules: PollRules) -> bool:
    """Tell whether the feed may be asked now.

    A poll in the future, or a next poll further off than any rule allows, means that the clock was set
    back: the feed is due, since nobody knows how long it has waited (B24).
    """
    if state.state in (FeedStatus.GONE, FeedStatus.REMOVED):
        return False
    if state.next_poll_at is None or state.next_poll_at <= now:
        return True
    set_back = state.last_polled_at is not None and state.last_polled_at - now > rules.min_interval
    return set_back or state.next_poll_at - now > rules.asked_cap + timedelta(days=8)  # skipDays move up to 7


def validators_to_send(state: FeedState, now: datetime, rules: PollRules) -> Validators | None:
    """Return the validators for the next request, or None for the full request that is due now and then."""
    if state.full_poll_at is None or not timedelta(0) <= now - state.full_poll_at < rules.full_poll_every:
        return None
    return state.validators


def believed_redirect(state: FeedState, url: str, now: datetime, rules: PollRules) -> str | None:
    """Return the feed's new URL once its permanent redirect is to be believed, else None.

    ``url`` is the feed's URL. The same address by https is believed at once; any other after
    ``redirect_sightings`` polls in a row over ``redirect_period`` (D01). Then set it and call ``moved``.
    """
    target, since = state.redirect_to, state.redirect_since
    if target is None or since is None or target == url:
        return None
    often = state.redirect_count >= rules.redirect_sightings and now - since >= rules.redirect_period
    return target if often or remembered.is_tls_upgrade(url, target) else None


def address(url: str, moved_to: str | None, state: FeedState) -> str:
    """Return where to ask: where the feed has moved to, or its own URL again at every fifth failure in a row.

    A move may have been a mistake, or the new place may vanish: nothing else would bring the feed back. What
    was moved to https is never asked for without it.
    """
    astray = state.failures > 0 and state.failures % _FAILURES_ELSEWHERE == 0
    if moved_to is None or (astray and not remembered.is_tls_upgrade(url, moved_to)):
        return url
    return moved_to


def moved(state: FeedState) -> FeedState:
    """Return the state of a feed whose URL was replaced by the redirect's target."""
    return replace(state, redirect_to=None, redirect_count=0, redirect_since=None)


def next_state(
    state: FeedState, result: PollResult, now: datetime, rules: PollRules, jitter: float
) -> FeedState:
    """Return what to remember of the feed after a poll, above all when to ask again.

    ``jitter`` is a random number in [0, 1]; it only ever adds to the wait. A failure leaves validators,
    body hash and hints as they were (A12, A13). PAUSED means that nothing was asked: only the time moves.
    """
    if result.outcome is FetchProblem.PAUSED:
        wait = max(result.retry_after or 0.0, rules.min_interval.total_seconds())
        return replace(state, next_poll_at=_due(now, _Wait(0.0, wait), state.hints, rules, jitter))
    if result.outcome in _SUCCESSES and not _unasked(result):
        after = _after_success(state, result, now)
        usual = _usual_wait(after, rules)
        if rules.lease and rules.adaptive:
            usual = _leased_wait(usual, rules.lease, result, now, rules)
        return replace(after, next_poll_at=_due(now, usual, after.hints, rules, jitter))
    after = _after_failure(state, result, now)
    if after.state is FeedStatus.GONE:
        return replace(after, next_poll_at=None)
    wait_longer = _backoff(after, result, now, rules)
    return replace(after, next_poll_at=_due(now, wait_longer, after.hints, rules, jitter))


@dataclass(frozen=True, slots=True)
class _Wait:
    """Seconds: what we choose (its jitter ends at the ceiling) and what we were asked for (a floor)."""

    chosen: float
    asked: float
    ceiling: float = 0.0


def _due(now: datetime, wait: _Wait, hints: PollHints, rules: PollRules, jitter: float) -> datetime:
    stretch = 1 + min(max(jitter, 0.0), 1.0) * rules.jitter_share
    chosen = min(wait.chosen * stretch, max(wait.chosen, wait.ceiling))
    seconds = min(max(chosen, wait.asked * stretch), rules.asked_cap.total_seconds())
    due = now + timedelta(seconds=seconds, microseconds=999_999)
    return rhythm.outside_skipped(due.replace(microsecond=0), hints)  # stored in seconds: never early (B01)


def _after_success(state: FeedState, result: PollResult, now: datetime) -> FeedState:
    full = result.outcome is not PollOutcome.NOT_MODIFIED
    fresh = freshness.lifetime(result.headers, now)
    return replace(
        _tracking(state, remembered.permanent_target(result.hops), now),
        state=FeedStatus.ACTIVE,
        last_polled_at=now,
        last_success_at=now,
        failing_since=None,
        failures=0,
        last_error=None,
        validators=_validators(state, result),
        body_hash=result.body_hash or state.body_hash,
        full_poll_at=now if full and result.complete else state.full_poll_at,
        entry_gap_seconds=_gap(state, result, now),
        hints=result.hints or state.hints,
        fresh_seconds=fresh if full or fresh is not None else state.fresh_seconds,
    )


def _validators(state: FeedState, result: PollResult) -> Validators | None:
    """Those of the answer; the old ones where it breaks off, or the rest would stay behind a 304 (A12).

    Where the same broken document comes again, that is how the feed is: it counts like any other.
    """
    issued = remembered.issued(result.headers, result.url)
    if result.outcome is PollOutcome.NOT_MODIFIED:
        return remembered.refreshed(state.validators, issued)
    return issued if result.complete else state.validators


def _unasked(result: PollResult) -> bool:
    return result.outcome is PollOutcome.NOT_MODIFIED and not result.conditional


def _tracking(state: FeedState, target: str | None, now: datetime) -> FeedState:
    if target is None:
        return moved(state)
    if target == state.redirect_to:
        return replace(state, redirect_count=state.redirect_count + 1)
    return replace(state, redirect_to=target, redirect_count=1, redirect_since=now)


def _gap(state: FeedState, result: PollResult, now: datetime) -> float | None:
    if state.last_success_at is None:
        return rhythm.first_gap(result.entry_dates, now)
    elapsed = (now - state.last_success_at).total_seconds()
    return rhythm.next_gap(state.entry_gap_seconds, elapsed, result.new_entries)


def _usual_wait(state: FeedState, rules: PollRules) -> _Wait:
    """Return the wait after a success. Without validators and lifetime a poll costs the whole body (A05)."""
    asked = _asked(state)
    if rules.adaptive and state.validators is None and not state.fresh_seconds:
        asked = max(asked, rules.unvalidated_interval.total_seconds())
    return _Wait(_chosen(state, rules), asked, rules.max_interval.total_seconds())


def _leased_wait(wait: _Wait, lease: Lease, result: PollResult, now: datetime, rules: PollRules) -> _Wait:
    """Stretch what we choose while a hub tells of changes, up to the end of its promise.

    Not after a poll that found nothing of the change that was told of: a cache may have answered it.
    """
    if lease.announced and result.outcome is not PollOutcome.OK:
        return wait
    longest = min((lease.until - now).total_seconds(), rules.max_interval.total_seconds())
    return replace(wait, chosen=max(wait.chosen, min(wait.chosen * rules.leased_factor, longest)))


def _asked(state: FeedState) -> float:
    """Return the wait in seconds that server and document ask for."""
    hints = state.hints
    return max(hints.ttl_seconds or 0, hints.update_period_seconds or 0, state.fresh_seconds or 0.0)


def _chosen(state: FeedState, rules: PollRules) -> float:
    interval = rules.interval.total_seconds()
    if not rules.adaptive or state.entry_gap_seconds is None:
        return interval
    shortest = min(interval, max(state.fresh_seconds or interval, rules.min_interval.total_seconds()))
    wanted = state.entry_gap_seconds * rhythm.ENTRIES_PER_POLL
    return min(max(wanted, shortest), max(rules.max_interval.total_seconds(), interval))


def _after_failure(state: FeedState, result: PollResult, now: datetime) -> FeedState:
    own = all(
        hop.status in (301, 308) for hop in result.hops
    )  # a 410 behind a temporary redirect is not the feed's
    gone = result.outcome is PollOutcome.GONE and own
    return replace(
        state,
        state=FeedStatus.GONE if gone else FeedStatus.FAILING,
        last_polled_at=now,
        failing_since=state.failing_since or now,
        failures=state.failures + 1,
        last_error=result.detail or _sentence(result),
    )


def _backoff(state: FeedState, result: PollResult, now: datetime, rules: PollRules) -> _Wait:
    """Double the usual floor with each failure in a row, up to a day; Retry-After in its place where it is
    given.

    A temporary failure (time-out, 5xx) starts with the plain interval, any other with twice that.
    """
    start = max(rules.interval.total_seconds(), _asked(state))
    ceiling = max(rules.backoff_cap.total_seconds(), start)
    told = fresh = 0.0
    if result.outcome is PollOutcome.RATE_LIMITED:
        told = result.retry_after or retry_after(result.headers, now) or 0.0
        fresh = freshness.lifetime(result.headers, now) or 0.0
    doublings = min(state.failures - 1 if _is_temporary(result) else state.failures, _MOST_DOUBLINGS)
    grown = start if told else min(start * 2.0**doublings, ceiling)
    return _Wait(grown, max(told, fresh), ceiling)


def _is_temporary(result: PollResult) -> bool:
    if result.outcome is PollOutcome.HTTP_ERROR:
        return result.status in _TEMPORARY_STATUS
    return result.outcome in _TEMPORARY_PROBLEMS


def _sentence(result: PollResult) -> str:
    if _unasked(result):
        return "The server answered 304 Not Modified to a request that compared nothing."
    if result.status is None:
        return f"The poll failed: {result.outcome.value.replace('_', ' ')}."
    if result.outcome is PollOutcome.NOT_A_FEED:
        return "The server answered with something that is not a feed."
    challenged = any(name == "cf-mitigated" and b"challenge" in value for name, value in result.headers)
    check = ": it asks for a browser check" if challenged else ""
    return f"The server answered {result.status} {_phrase(result.status)}".rstrip() + f"{check}."


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
