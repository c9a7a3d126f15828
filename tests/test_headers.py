from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.headers import MAX_SECONDS, retry_after

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def asked(value: bytes, *more: tuple[str, bytes]) -> float | None:
    return retry_after((("retry-after", value), *more), NOW)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"120", 120.0),
        (b" 7200 ", 7200.0),
        (b" 0 ", 0.0),
        (b"315360001000", MAX_SECONDS),
        (b"9" * 5000, MAX_SECONDS),
        (b"Tue, 24 Nov 2026 12:01:00 GMT", 60.0),
        (b"Tue, 24 Nov 2026 13:01:00 +0100", 60.0),
        (b"Tue, 24 Nov 2026 12:01:00", 60.0),
        (b"Tuesday, 24-Nov-26 12:01:00 GMT", 60.0),
    ],
)
def test_b10_b11_retry_after_is_read_in_all_its_forms(value, seconds):
    assert asked(value) == seconds


def test_b11_a_date_that_is_past_asks_for_no_wait():
    assert asked(b"Tue, 24 Nov 2020 12:01:00 GMT") == 0.0


@pytest.mark.parametrize(
    "value", [b"soon", b"-5", b"1e309", b"\xb2\xff", "²".encode(), b"", b"Tue, 99 Nov 2026 99:01:00 GMT"]
)
def test_b11_an_unreadable_retry_after_says_nothing(value):
    assert asked(value) is None
    assert retry_after((), NOW) is None


def test_b11_a_date_counts_from_the_servers_own_clock():
    """It is twenty minutes behind ours."""
    date = ("date", b"Tue, 24 Nov 2026 11:40:00 GMT")
    assert asked(b"Tue, 24 Nov 2026 11:50:00 GMT", date) == 600.0
    assert asked(b"Tue, 24 Nov 2026 11:50:00 GMT", ("date", b"sometime")) == 0.0


@given(st.lists(st.tuples(st.sampled_from(["date", "retry-after"]), st.binary(max_size=40))))
def test_no_retry_after_is_too_strange_to_be_read(fields):
    seconds = retry_after(fields, NOW)
    assert seconds is None or 0 <= seconds <= MAX_SECONDS
