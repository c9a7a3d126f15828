from __future__ import annotations

import json
import math
import pickle
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.feeds.schedule import (
    Lease,
    PollResult,
    PollRules,
    address,
    believed_redirect,
    is_due,
    moved,
    next_state,
    outcome_of,
    validators_to_send,
)
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

URL = "https://paper.example/feed"
RULES = PollRules()
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def ok(**fields) -> PollResult:
    headers = fields.pop("headers", (("etag", b'"1"'),))
    defaults = {"outcome": PollOutcome.OK, "url": URL, "status": 200, "hints": PollHints(), "body_hash": "a"}
    return PollResult(**(defaults | {"headers": headers} | fields))


def not_modified(**fields) -> PollResult:
    return PollResult(**({"outcome": PollOutcome.NOT_MODIFIED, "url": URL, "status": 304} | fields))


def failed(status: int, headers=(), **fields) -> PollResult:
    outcome = outcome_of(Fetched(URL, status, headers, b""))
    return PollResult(outcome=outcome, url=URL, status=status, headers=headers, **fields)


def wait(state: FeedState, result: PollResult, now: datetime, rules=RULES, jitter=0.0) -> timedelta:
    due = next_state(state, result, now, rules, jitter).next_poll_at
    assert due is not None
    return due - now


def waits(result: PollResult, now: datetime, times: int, jitter=0.0) -> list[timedelta]:
    state, found = FeedState(), []
    for _ in range(times):
        found.append(wait(state, result, now, jitter=jitter))
        state = next_state(state, result, now, RULES, jitter)
        now = state.next_poll_at or now
    return found


# --- after a success -----------------------------------------------------------------------------


def test_b01_a_new_feed_is_asked_again_after_the_interval(now):
    assert wait(FeedState(), ok(), now) == HOUR


@given(st.floats(0, 1))
def test_b01_jitter_only_adds(jitter):
    now = datetime.fromisoformat("2026-11-03T12:00:00+00:00")
    assert HOUR <= wait(FeedState(), ok(), now, jitter=jitter) <= 1.1 * HOUR


def test_b04_a_longer_lifetime_is_waited_for_on_200_and_304(now):
    headers = (("etag", b'"1"'), ("cache-control", b"max-age=7200"), ("age", b"600"))
    state = next_state(FeedState(), ok(headers=headers), now, RULES, 0)
    assert state.next_poll_at == now + timedelta(seconds=6600)
    assert wait(state, not_modified(), now) == timedelta(seconds=6600)  # kept over a 304 that does not say
    assert wait(state, not_modified(headers=(("cache-control", b"max-age=9000"),)), now) == timedelta(
        seconds=9000
    )


def test_b09_no_server_can_send_a_feed_away_for_more_than_a_month(now):
    headers = (("cache-control", b"max-age=99999999999"),)
    assert wait(FeedState(), ok(headers=headers), now, jitter=1.0) == RULES.asked_cap
    assert (
        wait(FeedState(), failed(429, (("retry-after", b"99999999999"),)), now, jitter=1.0) == RULES.asked_cap
    )


def test_a05_a_feed_without_validators_is_asked_once_a_day(now):
    assert wait(FeedState(), ok(headers=()), now) == DAY
    assert wait(FeedState(), ok(headers=(("cache-control", b"max-age=600"),)), now) == HOUR
    assert wait(FeedState(), ok(headers=()), now, PollRules(adaptive=False)) == HOUR


@pytest.mark.parametrize(
    ("hints", "expected"),
    [
        (PollHints(ttl_seconds=720 * 60), 12 * HOUR),
        (PollHints(update_period_seconds=43200), 12 * HOUR),
        (PollHints(ttl_seconds=60), HOUR),
        (PollHints(skip_hours=frozenset({13, 14})), 3 * HOUR),
        (PollHints(skip_hours=frozenset(range(24))), HOUR),
        (PollHints(skip_days=frozenset({1})), 12 * HOUR),  # Tuesday, until midnight
        (PollHints(skip_days=frozenset(range(7))), HOUR),
        (PollHints(skip_days=frozenset(range(6)), skip_hours=frozenset(range(23))), timedelta(hours=131)),
    ],
)
def test_b20_what_the_document_asks_for_is_a_floor_and_outlives_a_304(hints, expected, now):
    state = next_state(FeedState(), ok(hints=hints), now, RULES, 0)
    assert state.next_poll_at == now + expected
    assert wait(state, not_modified(), now) == expected


def test_a_busy_feed_is_asked_more_often_only_where_max_age_allows_it(now):
    busy = tuple(now - timedelta(minutes=minute) for minute in range(60))
    short, brief = ((("etag", b'"1"'), ("cache-control", age)) for age in (b"max-age=1200", b"max-age=60"))
    assert wait(FeedState(), ok(entry_dates=busy), now) == HOUR
    assert wait(FeedState(), ok(entry_dates=busy, headers=short), now) == timedelta(minutes=20)
    assert wait(FeedState(), ok(entry_dates=busy, headers=brief), now) == RULES.min_interval
    assert wait(FeedState(), ok(headers=short), now) == HOUR


@pytest.mark.parametrize("cache", [b"no-store", b"no-cache", b"max-age=0", b"private"])
def test_b07_no_directive_makes_polling_faster_than_the_floor(cache, now):
    busy = tuple(now - timedelta(minutes=minute) for minute in range(60))
    headers = (("etag", b'"1"'), ("cache-control", cache))
    assert wait(FeedState(), ok(entry_dates=busy, headers=headers), now) == HOUR


def test_a_quiet_feed_is_asked_less_often_but_every_day(now):
    daily = tuple(now - day * DAY for day in range(10))
    yearly = tuple(now - year * 365 * DAY for year in (1, 2))
    assert wait(FeedState(), ok(entry_dates=daily), now) == 6 * HOUR
    assert wait(FeedState(), ok(entry_dates=yearly), now, jitter=1.0) == DAY
    assert wait(FeedState(), ok(entry_dates=yearly), now, PollRules(adaptive=False)) == HOUR
    assert wait(FeedState(), ok(entry_dates=daily), now, PollRules(interval=12 * HOUR)) == 12 * HOUR


def test_the_gap_between_entries_follows_what_is_seen(now):
    state = FeedState()
    for day in range(40):  # one entry a day, asked every hour
        for hour in range(24):
            moment = now + day * DAY + hour * HOUR
            state = next_state(state, ok(new_entries=int(hour == 0)), moment, RULES, 0)
    assert state.entry_gap_seconds == pytest.approx(86400, rel=0.3)
    for hour in range(24 * 60):
        state = next_state(state, not_modified(), now + 40 * DAY + hour * HOUR, RULES, 0)
    assert state.entry_gap_seconds == 30 * 86400.0


def test_a_clock_that_stands_still_leaves_the_gap_alone(now):
    state = replace(FeedState(), last_success_at=now, entry_gap_seconds=500.0)
    assert next_state(state, ok(new_entries=5), now, RULES, 0).entry_gap_seconds == 500


# --- validators ----------------------------------------------------------------------------------


def test_a06_validators_are_kept_byte_for_byte(now):
    odd = (("etag", b'W/unquoted\xe9\t"'), ("last-modified", b"yesterday"))
    assert next_state(FeedState(), ok(headers=odd), now, RULES, 0).validators == Validators(
        URL, b'W/unquoted\xe9\t"', b"yesterday"
    )


@pytest.mark.parametrize("outcome", [PollOutcome.OK, PollOutcome.SAME_BODY])
def test_a07_a10_every_200_replaces_both_validators_even_by_nothing(outcome, now):
    state = FeedState(validators=Validators(URL, b'"old"', b"old"))
    touched = ok(outcome=outcome, headers=(("last-modified", b"new"),))
    assert next_state(state, touched, now, RULES, 0).validators == Validators(URL, None, b"new")
    assert next_state(state, ok(outcome=outcome, headers=()), now, RULES, 0).validators is None


def test_a08_a09_a_304_updates_what_it_names_and_keeps_the_rest(now):
    state = FeedState(validators=Validators(URL, b'"1"', b"one"), body_hash="a")
    changed = next_state(state, not_modified(headers=(("last-modified", b"two"),)), now, RULES, 0)
    assert changed.validators == Validators(URL, b'"1"', b"two")
    assert next_state(state, not_modified(), now, RULES, 0).validators == state.validators
    assert changed.body_hash == "a"


def test_a19_validators_belong_to_the_url_that_gave_them(now):
    state = FeedState(validators=Validators("https://other.example/feed", b'"1"', b"one"))
    answer = not_modified(headers=(("etag", b'"2"'),))
    assert next_state(state, answer, now, RULES, 0).validators == Validators(URL, b'"2"')


@pytest.mark.parametrize("value", [b"x" * 5000, b"a\r\nb", b"a\x00b", b""])
def test_s48_a_monstrous_validator_is_not_kept(value, now):
    assert next_state(FeedState(), ok(headers=(("etag", value),)), now, RULES, 0).validators is None


@pytest.mark.parametrize("status", [500, 503, 429, 404, 410, 200])
def test_a12_a13_a_failure_changes_no_validator(status, now):
    state = FeedState(validators=Validators(URL, b'"1"'), body_hash="a", full_poll_at=now - DAY)
    result = failed(status, (("etag", b'"2"'),))
    if status == 200:
        result = replace(result, outcome=PollOutcome.NOT_A_FEED, body_hash="b")
    after = next_state(state, result, now, RULES, 0)
    assert (after.validators, after.body_hash, after.full_poll_at) == (state.validators, "a", now - DAY)


def test_once_a_week_everything_is_asked_for_since_some_etags_lie(now):
    state = next_state(FeedState(), ok(), now, RULES, 0)
    assert validators_to_send(state, now + 6 * DAY, RULES) == Validators(URL, b'"1"')
    assert validators_to_send(state, now + 7 * DAY, RULES) is None
    assert validators_to_send(state, now - DAY, RULES) is None  # the clock was set back
    assert validators_to_send(FeedState(), now, RULES) is None
    later = next_state(state, not_modified(), now + 6 * DAY, RULES, 0)
    assert validators_to_send(later, now + 7 * DAY, RULES) is None


def test_a17_a_304_to_a_full_request_is_an_error(now):
    state = next_state(FeedState(), not_modified(conditional=False), now, RULES, 0)
    assert state.state is FeedStatus.FAILING
    assert state.last_error == "The server answered 304 Not Modified to a request that compared nothing."


# --- failures ------------------------------------------------------------------------------------


def test_b12_waits_grow_by_half_at_least_while_the_server_says_429(now):
    found = waits(failed(429), now, 5, jitter=0.5)
    assert all(later >= 1.5 * earlier for earlier, later in pairwise(found[:4]))
    assert found[0] >= 1.5 * HOUR
    assert found[-1] == DAY


@pytest.mark.parametrize(
    "outcome", [FetchProblem.DNS, FetchProblem.TLS, FetchProblem.TIMEOUT, PollOutcome.NOT_A_FEED]
)
def test_b16_failures_back_off_to_a_day(outcome, now):
    found = waits(PollResult(outcome, URL), now, 12, jitter=1.0)
    assert found == sorted(found)
    assert found[0] >= HOUR
    assert found[-1] == DAY


def test_b18_a_feed_that_is_not_found_for_months_is_asked_every_day_and_recovers(now):
    state = FeedState()
    for day in range(120):
        state = next_state(state, failed(404), now + day * DAY, RULES, 0.7)
    assert state.state is FeedStatus.FAILING
    assert state.next_poll_at == now + 120 * DAY
    assert state.failing_since == now
    assert state.last_error == "The server answered 404 Not Found."
    state = next_state(state, ok(), now + 120 * DAY, RULES, 0)
    assert (state.state, state.failures, state.failing_since, state.last_error) == (
        FeedStatus.ACTIVE,
        0,
        None,
        None,
    )


def test_a_long_ttl_is_respected_by_a_failing_feed_too(now):
    state = FeedState(hints=PollHints(ttl_seconds=3 * 86400))
    assert wait(state, failed(500), now) == 3 * DAY


def test_b17_a_feed_that_is_gone_is_not_asked_again(now):
    state = next_state(FeedState(), failed(410), now, RULES, 0)
    assert (state.state, state.next_poll_at) == (FeedStatus.GONE, None)
    assert not is_due(state, now + 1000 * DAY, RULES)
    assert state.last_error == "The server answered 410 Gone."


def test_a_410_behind_a_temporary_redirect_is_not_the_feeds_own(now):
    result = failed(410, hops=(Hop(URL, 302, "https://elsewhere.example/"),))
    assert next_state(FeedState(), result, now, RULES, 0).state is FeedStatus.FAILING


@pytest.mark.parametrize("status", [429, 503])
def test_b10_b13_retry_after_is_waited_for(status, now):
    result = failed(status, (("retry-after", b"7200"),))
    assert result.outcome is PollOutcome.RATE_LIMITED
    assert wait(FeedState(failures=9), result, now) == 2 * HOUR
    assert wait(FeedState(), failed(status, (("retry-after", b"60"),)), now) == HOUR


def test_a_503_without_retry_after_is_a_passing_failure(now):
    assert failed(503).outcome is PollOutcome.HTTP_ERROR
    assert wait(FeedState(), failed(503), now) == HOUR
    assert wait(FeedState(), failed(403), now) == 2 * HOUR


def test_b14_a_pause_of_the_host_moves_the_time_and_nothing_else(now):
    state = FeedState(failures=2, last_error="x")
    paused = next_state(state, PollResult(FetchProblem.PAUSED, retry_after=5000.0), now, RULES, 0)
    assert paused == replace(state, next_poll_at=now + timedelta(seconds=5000))
    assert wait(state, PollResult(FetchProblem.PAUSED), now) == RULES.min_interval


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        (PollResult(FetchProblem.TIMEOUT), "The poll failed: timeout."),
        (PollResult(FetchProblem.DNS, detail="No such host."), "No such host."),
        (PollResult(PollOutcome.HTTP_ERROR, status=799), "The server answered 799."),
        (
            PollResult(PollOutcome.NOT_A_FEED, status=200),
            "The server answered with something that is not a feed.",
        ),
    ],
)
def test_a_failing_feed_says_in_one_sentence_what_is_wrong(result, sentence, now):
    assert next_state(FeedState(), result, now, RULES, 0).last_error == sentence


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, PollOutcome.OK), (304, PollOutcome.NOT_MODIFIED), (418, PollOutcome.HTTP_ERROR)],
)
def test_a_status_has_one_meaning(status, outcome):
    assert outcome_of(Fetched(URL, status, (), b"")) is outcome


# --- clocks --------------------------------------------------------------------------------------


def test_b03_a_restart_asks_nobody_before_their_time(now):
    state = pickle.loads(pickle.dumps(next_state(FeedState(), ok(), now, RULES, 0)))  # noqa: S301
    assert not is_due(state, now + timedelta(minutes=59, seconds=59), RULES)
    assert is_due(state, now + HOUR, RULES)
    assert is_due(FeedState(), now, RULES)


def test_b23_b24_a_clock_set_back_or_forward_does_not_silence_a_feed(now):
    state = next_state(FeedState(), ok(), now, RULES, 0)
    assert is_due(state, now + 365 * DAY, RULES)
    assert is_due(state, now - 365 * DAY, RULES)
    assert is_due(state, now - HOUR, RULES)
    assert not is_due(state, now - timedelta(seconds=5), RULES)
    assert is_due(FeedState(next_poll_at=now + 365 * DAY), now, RULES)
    assert not is_due(FeedState(state=FeedStatus.REMOVED), now, RULES)


# --- redirects -----------------------------------------------------------------------------------

NEW = "https://new.example/feed"


def seen(status: int, target: str, now: datetime, times: int, every: timedelta = DAY, start=URL) -> FeedState:
    state = FeedState()
    for number in range(times):
        state = next_state(state, ok(hops=(Hop(start, status, target),)), now + number * every, RULES, 0)
    return state


@pytest.mark.parametrize("status", [301, 308])
def test_d01_a_permanent_redirect_is_believed_after_many_sightings_over_days(status, now):
    assert believed_redirect(seen(status, NEW, now, 8), URL, now + 7 * DAY, RULES) == NEW
    assert believed_redirect(seen(status, NEW, now, 4), URL, now + 9 * DAY, RULES) is None
    assert believed_redirect(seen(status, NEW, now, 9, HOUR), URL, now + DAY, RULES) is None
    assert moved(seen(status, NEW, now, 8)).redirect_to is None


@pytest.mark.parametrize("status", [302, 303, 307])
def test_d02_a_temporary_redirect_is_never_learned(status, now):
    assert seen(status, NEW, now, 30).redirect_to is None


def test_d03_only_the_permanent_hops_before_a_temporary_one_are_learned(now):
    hops = (Hop(URL, 301, "/moved"), Hop("https://paper.example/moved", 302, NEW))
    assert next_state(FeedState(), ok(hops=hops), now, RULES, 0).redirect_to == "https://paper.example/moved"


def test_d04_a_redirect_to_a_failure_is_not_learned_and_forgets_nothing(now):
    state = seen(301, NEW, now, 3)
    broken = failed(404, hops=(Hop(URL, 301, "https://captive.example/"),))
    after = next_state(state, broken, now + 3 * DAY, RULES, 0)
    assert (after.redirect_to, after.redirect_count) == (NEW, 3)


def test_a_redirect_that_changes_or_ends_is_counted_anew(now):
    state = seen(301, NEW, now, 3)
    other = next_state(state, ok(hops=(Hop(URL, 301, "https://third.example/"),)), now + 3 * DAY, RULES, 0)
    assert (other.redirect_to, other.redirect_count) == ("https://third.example/", 1)
    assert next_state(state, ok(), now, RULES, 0).redirect_to is None


def test_the_same_address_by_https_is_believed_at_once(now):
    plain = "http://paper.example/feed"
    assert believed_redirect(seen(301, URL, now, 1, start=plain), plain, now, RULES) == URL
    assert believed_redirect(seen(301, URL + "/", now, 1, start=plain), plain, now, RULES) is None
    assert believed_redirect(seen(301, URL, now, 1, start=plain), URL, now, RULES) is None


@pytest.mark.parametrize(
    "target", ["http://paper.example/feed", "file:///etc/passwd", "http://[", "ftp://a.example/"]
)
def test_d05_d06_no_worse_address_is_learned(target, now):
    assert seen(301, target, now, 20).redirect_to is None


# --- third-party cases and laws ------------------------------------------------------------------

BACKS_OFF = (
    "a 429 without a usable Retry-After backs off (rule B12), where reader asks again after the interval"
)


def test_b06_the_update_after_cases_of_reader(suite):
    with suite("http.zip") as archive:
        cases = json.loads(archive.read("reader_update_after.json"))
    different = [name for name, case in cases.items() if _reader_wait(case) != _expected_wait(case)]
    assert different == [name for name, case in cases.items() if _no_retry_after(case)], BACKS_OFF
    assert len(cases) == 28


def _reader_wait(case: dict) -> int:
    """Our wait in reader's grid: it rounds up to whole intervals."""
    interval = timedelta(minutes=case["interval_minutes"])
    headers = tuple((name, value.encode()) for name, value in case["headers"].items())
    outcome = outcome_of(Fetched(URL, case["status"], headers, b""))
    result = PollResult(outcome, URL, case["status"], headers)
    now = datetime.fromisoformat(case["now"])
    return math.ceil(wait(FeedState(), result, now, PollRules(interval=interval, adaptive=False)) / interval)


def _expected_wait(case: dict) -> int:
    expected = datetime.fromisoformat(case["expected_update_after"]) - datetime.fromisoformat(case["now"])
    return math.ceil(expected / timedelta(minutes=case["interval_minutes"]))


def _no_retry_after(case: dict) -> bool:
    told = case["headers"].get("retry-after", "")
    usable = told.isdigit() or "2010" in told
    return case["status"] == 429 and not usable and "cache-control" not in case["headers"]


outcomes = st.sampled_from([*PollOutcome, *FetchProblem])
results = st.builds(
    PollResult,
    outcome=outcomes,
    status=st.none() | st.integers(0, 999),
    headers=st.lists(
        st.tuples(
            st.sampled_from(["etag", "cache-control", "retry-after", "expires"]), st.binary(max_size=20)
        )
    ).map(tuple),
    hops=st.lists(st.builds(Hop, st.text(max_size=9), st.integers(300, 309), st.text(max_size=9))).map(tuple),
    conditional=st.booleans(),
    hints=st.none()
    | st.builds(PollHints, ttl_seconds=st.integers(0, 10**7), skip_hours=st.frozensets(st.integers(0, 23))),
    new_entries=st.integers(0, 10**6),
    entry_dates=st.lists(
        st.datetimes(timezones=st.just(datetime.fromisoformat("2026-01-01T00:00+00:00").tzinfo))
    ).map(tuple),
    retry_after=st.none() | st.floats(0, 1e12),
)


@given(st.lists(results, max_size=8), st.floats(0, 1))
def test_whatever_happens_a_feed_that_lives_is_asked_again_within_a_month_and_not_before_a_quarter_hour(
    run, jitter
):
    now, state = datetime.fromisoformat("2026-11-03T12:00:00+00:00"), FeedState()
    for result in run:
        state = next_state(state, result, now, RULES, jitter)
        if state.state is FeedStatus.GONE:
            assert state.next_poll_at is None
            return
        assert state.next_poll_at is not None
        assert now + RULES.min_interval <= state.next_poll_at <= now + RULES.asked_cap + 2 * DAY
        now = state.next_poll_at


def test_a_lease_stretches_what_we_choose_and_nothing_that_was_asked_for(now):
    held = replace(RULES, lease=Lease(now + 10 * DAY))
    busy = FeedState(entry_gap_seconds=60, last_success_at=now - HOUR)
    assert wait(busy, ok(new_entries=60), now, held) == 4 * HOUR
    assert wait(busy, ok(new_entries=60, hints=PollHints(ttl_seconds=5 * 3600)), now, held) == 5 * HOUR
    assert wait(busy, ok(new_entries=60), now, replace(held, adaptive=False)) == HOUR
    assert wait(busy, ok(new_entries=60), now, replace(RULES, lease=Lease(now + 2 * HOUR))) == 2 * HOUR
    assert wait(busy, ok(new_entries=60), now, replace(RULES, lease=Lease(now + HOUR / 2))) == HOUR


def test_a_change_that_was_told_of_and_not_found_is_asked_for_again_at_the_usual_time(now):
    told = replace(RULES, lease=Lease(now + 10 * DAY, announced=True))
    busy = FeedState(entry_gap_seconds=60, last_success_at=now - HOUR, validators=Validators(URL, b'"1"'))
    assert wait(busy, not_modified(), now, told) == HOUR
    assert wait(busy, ok(new_entries=60), now, told) == 4 * HOUR


def test_a_feed_that_has_moved_is_asked_at_its_own_url_after_each_fifth_failure():
    asked = [address(URL, "http://new.example/", FeedState(failures=n)) == URL for n in range(11)]
    assert asked == [n in (5, 10) for n in range(11)]
    plain = URL.replace("https:", "http:")
    assert {address(plain, URL, FeedState(failures=n)) for n in range(11)} == {URL}
    assert address(URL, None, FeedState()) == URL


def test_a_browser_check_in_front_of_a_feed_is_said_in_the_sentence(now):
    result = failed(403, (("cf-mitigated", b"challenge"),))
    said = next_state(FeedState(), result, now, RULES, 0).last_error
    assert said == "The server answered 403 Forbidden: it asks for a browser check."
