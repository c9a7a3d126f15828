"""From the options to a window in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.digest.model import Window
from aggregator.digest.render import FORMATS
from aggregator.digest.window import (
    WindowError,
    day_window,
    digest_name,
    local_day,
    parse_window,
    whole_day,
    zone,
)

NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
BERLIN = "Europe/Berlin"


def window(**options: Any) -> Window:
    return parse_window(now=NOW, timezone=options.pop("timezone", BERLIN), **options)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_without_options_it_is_the_last_24_hours() -> None:
    assert window() == Window(NOW - timedelta(hours=24), NOW)


@pytest.mark.parametrize(
    ("options", "since", "until"),
    [
        ({"since": "90m"}, "2026-11-24T04:30", "2026-11-24T06:00"),
        ({"since": "7d"}, "2026-11-17T06:00", "2026-11-24T06:00"),
        ({"since": "2W"}, "2026-11-10T06:00", "2026-11-24T06:00"),
        ({"since": "2026-11-20"}, "2026-11-19T23:00", "2026-11-24T06:00"),
        ({"since": "2026-11-20", "until": "2026-11-21"}, "2026-11-19T23:00", "2026-11-21T23:00"),
        ({"since": "6h", "until": "2026-11-23T12:00"}, "2026-11-23T05:00", "2026-11-23T11:00"),
        ({"since": "2026-11-23T12:00Z"}, "2026-11-23T12:00", "2026-11-24T06:00"),
        ({"since": "2026-11-23T12:00+05:30"}, "2026-11-23T06:30", "2026-11-24T06:00"),
        ({"as_of": "2026-11-20T08:00"}, "2026-11-19T07:00", "2026-11-20T07:00"),
        ({"day": "2026-11-24"}, "2026-11-23T23:00", "2026-11-24T23:00"),
        ({"day": "2026-11-24", "timezone": "Asia/Kolkata"}, "2026-11-23T18:30", "2026-11-24T18:30"),
    ],
)
def test_options_name_a_window(options: Any, since: str, until: str) -> None:
    found = window(**options)
    assert (found.since, found.until) == (at(since), at(until))
    assert found.since.tzinfo is UTC


def test_as_of_is_kept_and_a_date_means_its_end() -> None:
    assert window(day="2026-11-20", as_of="2026-11-20").as_of == at("2026-11-20T23:00")
    assert window().as_of is None


@pytest.mark.parametrize(
    ("day", "timezone", "hours"),
    [
        ("2026-03-29", BERLIN, 23),
        ("2026-10-25", BERLIN, 25),
        ("2026-03-08", "America/New_York", 23),
        ("2026-11-01", "America/New_York", 25),
        ("2026-04-05", "Australia/Lord_Howe", 24.5),
        ("2018-11-04", "America/Sao_Paulo", 23),  # clocks skipped midnight itself
        ("2026-11-24", BERLIN, 24),
    ],
)
def test_a_day_is_as_long_as_its_calendar_has_it(day: str, timezone: str, hours: float) -> None:
    found = window(day=day, timezone=timezone)
    assert found.until - found.since == timedelta(hours=hours)
    assert whole_day(found, timezone) == date.fromisoformat(day)


@given(
    st.dates(date(1990, 1, 1), date(2037, 12, 30)),
    st.sampled_from([BERLIN, "America/Sao_Paulo", "Asia/Kolkata"]),
)
def test_days_meet_without_gap_or_overlap(day: date, timezone: str) -> None:
    following = day + timedelta(days=1)
    assert day_window(day, timezone).until == day_window(following, timezone).since
    assert local_day(day_window(day, timezone).since, timezone) == day


def test_a_window_that_is_not_a_day_is_none() -> None:
    assert whole_day(window(), BERLIN) is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"since": "yesterday"}, "--since 'yesterday' cannot be read"),
        ({"until": "soon"}, "--until 'soon' cannot be read"),
        ({"as_of": "13"}, "--as-of '13' cannot be read"),
        ({"day": "24.11.2026"}, "--date '24.11.2026' cannot be read"),
        ({"day": "2026-11-24", "since": "1h"}, "without --since and --until"),
        ({"since": "2026-11-25"}, "before it begins"),
        ({"since": "0h"}, "before it begins"),
        ({"since": "2w", "until": "0001-01-02"}, "years 1 to 9999"),
        ({"day": "9999-12-31"}, "years 1 to 9999"),
        ({"since": "0001-01-01", "timezone": "Asia/Tokyo"}, "years 1 to 9999"),
        ({"day": "2026-11-24", "timezone": "Europe/Nowhere"}, "give an IANA name"),
    ],
)
def test_a_window_that_cannot_be_is_refused_in_a_sentence(options: Any, said: str) -> None:
    with pytest.raises(WindowError, match=said):
        window(**options)


@pytest.mark.parametrize("name", ["", "../etc/passwd", "Europe/Nowhere", "\x00"])
def test_a_zone_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(WindowError):
        zone(name)


def test_each_format_has_its_own_file_name() -> None:
    names = [digest_name(date(2026, 11, 24), form) for form in FORMATS]
    assert names[0] == "2026-11-24.html"
    assert len(set(names)) == len(FORMATS)
