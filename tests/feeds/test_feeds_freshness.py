from __future__ import annotations

import json
from datetime import datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.feeds.freshness import lifetime
from aggregator.headers import MAX_SECONDS

DEVIATIONS: dict[str, str] = {}
"""Cases of the cache suite that are decided otherwise, with the reason: none."""


def headers(**fields: str) -> tuple[tuple[str, bytes], ...]:
    return tuple((name.replace("_", "-"), value.encode("latin-1")) for name, value in fields.items())


def test_max_age_less_age_is_the_lifetime(now):
    assert lifetime(headers(cache_control="public, max-age=600", age="100"), now) == 500
    assert lifetime(headers(cache_control="max-age=600", age="900"), now) == 0


def test_age_shortens_what_expires_gives_too(now):
    dates = {"date": "Sun, 01 Mar 2026 12:00:00 GMT", "expires": "Sun, 01 Mar 2026 13:00:00 GMT"}
    assert lifetime(headers(**dates, age="600"), now) == 3000
    assert lifetime(headers(**dates, age="9999"), now) == 0


def test_a_silent_server_has_no_lifetime(now):
    assert lifetime((), now) is None
    assert lifetime(headers(cache_control="private, must-revalidate"), now) is None


@pytest.mark.parametrize("directive", ["no-cache", "no-store, max-age=600", "max-age=0"])
def test_b07_what_must_not_be_kept_is_stale_at_once(directive, now):
    assert lifetime(headers(cache_control=directive), now) == 0


def test_b08_expires_counts_from_the_servers_own_date(now):
    skewed = format_datetime(now - timedelta(hours=1), usegmt=True)
    expires = format_datetime(now + timedelta(minutes=40), usegmt=True)
    assert lifetime(headers(date=skewed, expires=expires), now) == 6000
    assert lifetime(headers(expires=expires), now) == 2400
    assert lifetime(headers(expires=expires, cache_control="max-age=60"), now) == 60


@pytest.mark.parametrize("value", ["0", "-1", "yesterday", "", "Sat, 31 Oct 2026 10:00:00 GMT"])
def test_b08_an_invalid_or_past_expires_is_stale(value, now):
    assert lifetime(headers(expires=value), now) == 0


def test_a_two_digit_year_more_than_fifty_years_ahead_is_past(now):
    assert lifetime(headers(expires="Sunday, 06-Nov-94 08:49:37 GMT"), now) == 0
    assert lifetime(headers(expires="Sunday, 06-Nov-30 08:49:37 GMT"), now) > 0
    assert lifetime(headers(expires="Saturday, 29-Feb-80 08:49:37 GMT"), now) == 0


@pytest.mark.parametrize("value", ["9223372036854775808", "315360000000", "9" * 5000])
def test_b09_absurd_numbers_are_capped(value, now):
    assert lifetime(headers(cache_control=f"max-age={value}"), now) == MAX_SECONDS


@pytest.mark.parametrize("value", ["-1", "xyz", ""])
def test_b09_a_max_age_that_is_no_number_says_nothing(value, now):
    assert lifetime(headers(cache_control=f"max-age={value}"), now) is None


@given(st.lists(st.tuples(st.sampled_from(["cache-control", "age", "expires", "date"]), st.binary())))
def test_no_header_is_too_strange_to_be_read(fields):
    moment = datetime.fromisoformat("2026-11-03T12:00:00+00:00")
    fresh = lifetime(fields, moment)
    assert fresh is None or 0 <= fresh <= MAX_SECONDS


@pytest.mark.parametrize("group", ["cc-parse", "age-parse", "expires-parse"])
def test_b05_the_parsing_groups_of_the_cache_suite(group, suite, now):
    with suite("http.zip") as archive:
        groups = json.loads(archive.read("cache-tests.json"))
    tests = next(one["tests"] for one in groups if one["id"] == group)
    wrong = [test["id"] for test in tests if _is_kept(test, now) != _expected(test)]
    assert wrong == list(DEVIATIONS)
    assert len(tests) >= 15


def _is_kept(test: dict, now: datetime) -> bool:
    """The suite waits three seconds between its two requests."""
    fields = [
        (
            name.lower(),
            (
                format_datetime(now + timedelta(seconds=value), usegmt=True)
                if isinstance(value, int)
                else value
            ).encode(),
        )
        for name, value, *_ in test["requests"][0]["response_headers"]
    ]
    return (lifetime(fields, now) or 0) > 3


def _expected(test: dict) -> bool:
    return test["requests"][1]["expected_type"] == "cached"
