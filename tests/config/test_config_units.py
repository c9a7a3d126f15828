from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.config.units import format_duration, parse_duration, parse_size


@given(st.integers(0, 10**9))
def test_a_duration_that_is_written_reads_back(seconds: int) -> None:
    length = timedelta(seconds=seconds)
    assert parse_duration(format_duration(length)) == length


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("15m", 900), ("1h30m", 5400), ("72h", 259200), ("2w", 1209600)]
)
def test_durations_are_read_as_people_write_them(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("value", [20, True, None, "", "soon", "5", "h", "1x", "-5m"])
def test_a_bare_number_or_nonsense_is_no_duration(value: object) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(value)


@pytest.mark.parametrize(
    ("text", "count"), [("500KB", 500_000), ("15MB", 15_000_000), ("1GiB", 2**30), (4096, 4096), ("7B", 7)]
)
def test_sizes_are_read_as_people_write_them(text: object, count: int) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize("value", [True, None, "", "big", "5 bits", -1])
def test_nonsense_is_no_size(value: object) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(value)
