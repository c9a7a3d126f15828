import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.cli import output

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOSTILE = "a\x1b[31mb\x1b]0;t\x07c\x9b31md\u202ee\rf\u200bg\U000e0001h\u2028i\x00j\ud800k"


@given(st.text())
def test_cleaned_text_is_one_line_that_drives_no_terminal(text: str) -> None:
    cleaned = output.clean(text)
    assert not set(cleaned) & set("\x1b\x07\x9b\r\n\t\u202e\u2066\u200b\u200f\x7f\u2028")
    assert output.clean(cleaned) == cleaned
    cleaned.encode("utf-8")


def test_cleaning_keeps_letters_of_all_scripts_and_words_apart() -> None:
    assert output.clean("Сегодня\n日本\té שלום naïve 👍") == "Сегодня 日本 é שלום naïve 👍"
    assert output.clean(HOSTILE) == "a[31mb]0;tc31mde fgh ijk"


def test_json_escapes_what_drives_a_terminal_and_means_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"title": HOSTILE, "other": "Überraschung"})
    out = capsys.readouterr().out
    assert json.loads(out) == {"title": HOSTILE, "other": "Überraschung"}
    assert "Überraschung" in out
    assert not set(out) & set("\x1b\x9b\u202e\u2028\u200b\U000e0001\ud800")


def test_json_writes_times_in_utc_lengths_in_seconds_and_paths_as_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    berlin = NOW.astimezone(timezone(timedelta(hours=1)))
    output.print_json([berlin, timedelta(minutes=2), Path("a/b")])
    assert json.loads(capsys.readouterr().out) == ["2026-03-01T12:00:00Z", 120.0, "a/b"]


@pytest.mark.parametrize(
    ("seconds", "exact", "coarse"),
    [
        (0, "0 s", "0 s"),
        (59, "59 s", "59 s"),
        (60, "1 min", "1 min"),
        (90, "1 min 30 s", "1 min 30 s"),
        (600 + 5, "10 min 5 s", "10 min"),
        (2 * 3600 + 60, "2 h 1 min", "2 h 1 min"),
        (86400 * 400, "400 d", "400 d"),
        (86400 * 3 + 3600, "3 d 1 h", "3 d"),
    ],
)
def test_a_length_of_time_is_written_in_its_largest_units(seconds: int, exact: str, coarse: str) -> None:
    assert output.span(timedelta(seconds=seconds)) == exact
    assert output.span(timedelta(seconds=seconds), exact=False) == coarse
    assert output.ago(NOW - timedelta(seconds=seconds), NOW) == f"{coarse} ago"
    if seconds:
        assert output.ago(NOW + timedelta(seconds=seconds), NOW) == f"in {coarse}"


def test_a_time_that_never_was_is_never() -> None:
    assert output.ago(None, NOW) == "never"
    assert output.stamp(None) == ""


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2_500_000, "2.5 MB"), (7e12, "7000.0 GB")],
)
def test_bytes_are_written_for_people(count: int, text: str) -> None:
    assert output.size(count) == text


def test_a_pipe_gets_lines_that_are_neither_folded_nor_padded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    output.print_table(("name", "address"), [("a", "x" * 500), ("b", "y")])
    assert capsys.readouterr().out == f"name  address\na     {'x' * 500}\nb     y\n"


def test_a_narrow_terminal_folds_long_cells(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    output.print_table(("name", "address"), [("a", "x" * 30)])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) == 20
    assert "".join(line[6:] for line in lines[1:]) == "x" * 30


def test_progress_is_shown_only_where_somebody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    with output.progress(quiet=False) as bars:
        assert bars is None  # stderr is no terminal here
    monkeypatch.setenv("FORCE_COLOR", "1")
    with output.progress(quiet=True) as bars:
        assert bars is None


def test_progress_counts_steps_of_a_stage_and_shows_its_rate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with output.progress(quiet=False) as bars:
        assert bars is not None
        bars.begin("fetch", 2)
        bars.begin("fetch", 2)
        for _ in range(3):
            bars.advance("fetch")
    captured = capsys.readouterr()
    assert "3/4" in captured.err
    assert captured.out == ""


def test_log_lines_are_json_and_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    output.log_line("bad \x1b[31m title", "info", NOW)
    line: dict[str, Any] = json.loads(capsys.readouterr().err)
    assert line == {"event": "bad [31m title", "level": "info", "timestamp": "2026-03-01T12:00:00+00:00"}
