from __future__ import annotations

import json
import os
import re
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.cli.app import PANELS, app, hoist, main
from aggregator.cli.session import utc_now
from aggregator.store.lock import hold

COMMANDS = [name for names in PANELS.values() for name in names]
FIVE_MISTAKES = """\
database: 3
intervall: 1h
network: {timeout: soon, per_host: none}
feeds:
  - ftp://example.org/feed
"""


def test_the_help_lists_every_command_in_one_line_of_eighty_columns_under_its_heading(run) -> None:
    shown = run("--help", columns=80)
    assert shown.code == 0
    assert "\x1b" not in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80
    rows = re.findall(r"^│ ([a-z][a-z-]*) +[A-Z].*?(.) +│$", shown.out, re.M)
    assert rows == [(name, ".") for name in COMMANDS]
    assert re.findall(r"^╭─ (\w+) ─", shown.out, re.M) == ["Options", *PANELS]


def test_every_command_has_its_place_in_the_help() -> None:
    assert sorted(command.name or "" for command in app.registered_commands) == sorted(COMMANDS)


@pytest.mark.parametrize("columns", [60, 140])
@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_teaches_by_examples_on_lines_of_their_own(run, name: str, columns: int) -> None:
    shown = run(name, "-h", columns=columns)
    assert shown.code == 0
    assert re.search(rf"^ \$ aggregator (--?\w[\w-]* )?(\S+ )?{name}\b", shown.out, re.M)
    assert max(map(len, shown.out.splitlines())) <= columns


def test_examples_name_only_options_that_exist(run) -> None:
    for name in COMMANDS:
        out = run(name, "--help", columns=140).out
        examples = "\n".join(line for line in out.splitlines() if line.startswith(" $ "))
        own = re.findall(rf"{name}[^|&\n]*?(--[a-z-]+)", examples)
        assert all(option in out[out.index("╭") :] for option in own), name


def test_without_a_command_the_help_is_shown(run) -> None:
    ran = run()
    assert ran.code == 2
    assert "Usage: aggregator" in ran.out + ran.err


def test_a_mistyped_command_is_answered_by_the_one_that_was_meant(run, empty) -> None:
    assert "search" in run("serch", "x").err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["publish"], "No such command 'publish'"),
        (["poll", "--hurry"], "No such option"),
        (["show"], "Missing argument"),
        (["show", "seven"], "valid integer"),
        (["digest", "--limit", "0"], "--limit"),
        (["status", "--log-format", "xml"], "text or json"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_says_what_is_wrong(
    run, empty, arguments: list[str], said: str
) -> None:
    ran = run(*arguments)
    assert ran.code == 2
    assert ran.out == ""
    assert said in ran.err


def test_a_missing_configuration_is_one_line_with_the_way_out(run, empty) -> None:
    ran = run("poll")
    assert ran.code == 2
    assert ran.complaint.startswith("feeds.yaml:1: there is no such file")
    assert "aggregator init" in ran.complaint


def test_five_mistakes_are_five_lines_and_exit_code_2(run, empty: Path) -> None:
    (empty / "feeds.yaml").write_text(FIVE_MISTAKES)
    for command in ("poll", "check", "feeds"):
        ran = run(command)
        assert ran.code == 2
        lines = ran.err.splitlines()
        assert [line.split(":")[1] for line in lines] == ["1", "2", "3", "3", "5"]
        assert all(line.startswith("feeds.yaml:") for line in lines)


@pytest.mark.parametrize("command", ["status", "search x", "show 1", "digest", "join 1 2", "explain 1 2"])
def test_no_database_yet_is_one_line_with_the_way_out_and_makes_none(run, empty: Path, command: str) -> None:
    ran = run("--db", "none.db", *command.split())
    assert ran.code == 2
    assert "none.db: there is no database yet" in ran.complaint
    assert "`aggregator poll`" in ran.complaint
    assert list(empty.iterdir()) == []


@pytest.mark.parametrize(
    "command", ["status", "feeds", "search x", "digest", "poll", "init", "cluster", "join 1 2"]
)
def test_a_text_file_given_as_the_database_is_refused_with_exit_code_4(run, home: Path, command: str) -> None:
    (home / "notes.txt").write_text("buy milk, write to grandmother\n" * 9)
    ran = run("--db", "notes.txt", *command.split())
    assert ran.code == 4
    assert "notes.txt: the file is not an SQLite database" in ran.err
    assert (home / "notes.txt").read_text().startswith("buy milk")


def test_another_program_s_database_is_refused(run, empty: Path) -> None:
    with closing(sqlite3.connect(empty / "music.db")) as db:
        db.execute("CREATE TABLE songs (title)")
    for command in ("status", "feeds"):
        ran = run("--db", "music.db", command)
        assert ran.code == 4
        assert "not made by aggregator" in ran.complaint


def test_a_database_from_the_future_is_refused(run, home: Path, query: Callable) -> None:
    query("PRAGMA user_version = 99")
    ran = run("status")
    assert ran.code == 4
    assert "newer version" in ran.complaint


def test_a_damaged_database_is_exit_code_4_and_says_how_to_rescue_it(run, home: Path) -> None:
    with (home / "news.db").open("r+b") as file:
        for page in range(2, 60):
            file.seek(page * 4096)
            file.write(b"\xa5" * 4096)
    ran = run("search", "musk")
    assert ran.code == 4
    assert ".recover" in ran.complaint


@pytest.mark.parametrize("command", ["poll", "cluster", "run"])
def test_a_database_that_is_held_is_exit_code_3(run, home: Path, command: str) -> None:
    with hold(home / "news.db"):
        ran = run(command)
    assert ran.code == 3
    assert "in use by another aggregator (process " in ran.err


def test_a_failure_is_a_json_line_where_the_log_is_json(run, empty) -> None:
    ran = run("poll", "--log-format", "json")
    line = json.loads(ran.complaint)
    assert (line["level"], line["event"][:11]) == ("error", "feeds.yaml:")


def test_a_defect_is_not_hidden(run, home: Path, query: Callable) -> None:
    query("UPDATE articles SET published_at = 'yesterday' WHERE cluster_id = 1")
    with pytest.raises(ValueError, match="yesterday"):
        run("show", "1")


@pytest.mark.parametrize(
    "words",
    [
        ("--json", "search", "musk"),
        ("search", "--json", "musk"),
        ("search", "musk", "--json", "--db=news.db"),
        ("search", "musk", "--db", "news.db", "--json", "-q"),
        ("search", "--config", "feeds.yaml", "--json", "-vv", "musk"),
    ],
)
def test_global_options_may_stand_anywhere(run, home, words: tuple[str, ...]) -> None:
    assert len(run(*words).json) > 10


def test_behind_a_double_dash_nothing_is_an_option(run, home) -> None:
    ran = run("search", "--", "--json")
    assert ran.code == 0
    assert ran.err == "nothing found; fewer words find more\n"


GLOBALS = st.sampled_from([["--json"], ["-v"], ["-q"], ["--db", "x"], ["--db=x"], ["--config", "y"]])
WORDS = st.sampled_from([["search"], ["musk"], ["--lang", "de"], ["--limit=3"], ["-h"]])


@given(st.lists(st.one_of(GLOBALS, WORDS)))
def test_hoisting_keeps_every_word_and_the_order_of_each_kind(pieces: list[list[str]]) -> None:
    flat = [word for piece in pieces for word in piece]
    front = [w for p in pieces for w in p if p[0].split("=")[0] in ("--json", "-v", "-q", "--db", "--config")]
    rest = [
        w for p in pieces for w in p if p[0].split("=")[0] not in ("--json", "-v", "-q", "--db", "--config")
    ]
    assert hoist(flat) == front + rest
    assert hoist(hoist(flat)) == hoist(flat)


def test_a_quiet_command_says_nothing_but_data(run, home) -> None:
    assert run("-q", "search", "nothingofthekind") == run("-q", "search", "nothingofthekind", "--limit", "3")
    ran = run("-q", "search", "nothingofthekind")
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert run("-q", "check").err == ""


def test_the_environment_names_configuration_and_database(run, home: Path, monkeypatch) -> None:
    (home / "feeds.yaml").rename(home / "other.yaml")
    monkeypatch.setenv("AGGREGATOR_CONFIG", "other.yaml")
    assert run("check").code == 0
    monkeypatch.setenv("AGGREGATOR_DB", "none.db")
    assert "none.db" in run("status").complaint
    assert run("status", "--db", "news.db").code == 0


@pytest.mark.parametrize(
    "words", [["export"], ["search", "musk", "--limit", "1"], ["--help"], ["feeds", "-h"]]
)
def test_the_program_ends_quietly_when_nobody_reads_what_it_says(monkeypatch, home, words: list[str]) -> None:
    """Both in the midst of writing much, and at the end, where little is left in the buffer."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as nobody, monkeypatch.context() as patched:
        patched.setattr("sys.stdout", nobody)
        patched.setattr("sys.argv", ["aggregator", *words])
        with pytest.raises(SystemExit) as end:
            main()
    assert end.value.code == 0


def test_the_program_runs_although_its_output_is_closed(monkeypatch, home) -> None:
    monkeypatch.setattr("sys.argv", ["aggregator", "search", "musk"])
    monkeypatch.setattr("sys.stdout", None)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    sys.stdout.close()


def test_the_clock_of_the_program_is_utc() -> None:
    assert utc_now().utcoffset() == timedelta(0)
