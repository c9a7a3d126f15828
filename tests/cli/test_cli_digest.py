from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import feedparser
import pytest

WEEK = ("digest", "--since", "7d")


@pytest.mark.parametrize("form", ["html", "md", "json", "text", "atom"])
def test_the_digest_goes_to_stdout_in_every_form(run, home, form: str) -> None:
    ran = run(*WEEK, "--format", form)
    assert (ran.code, ran.err) == (0, "")
    assert "Secret Conversations" in ran.out
    assert ran.out.endswith("\n")


def test_json_asks_for_the_digest_as_json(run, home) -> None:
    assert run("--json", *WEEK).json == run(*WEEK, "--format", "json").json


def test_the_digest_as_atom_is_a_feed(run, home) -> None:
    parsed = feedparser.parse(run(*WEEK, "--format", "atom").out.encode())
    assert not parsed.bozo
    assert len(parsed.entries) > 10


def test_the_same_database_and_arguments_give_the_same_bytes_at_any_time(run, home) -> None:
    asked = (*WEEK, "--format", "html", "--min-outlets", "2", "--limit", "5")
    assert run(*asked, at=datetime(2027, 5, 5, tzinfo=UTC)) == run(*asked)


def test_the_digest_goes_to_a_file_and_its_folder_is_made(run, home: Path) -> None:
    ran = run(*WEEK, "--format", "md", "--output", "out/news.md")
    assert (ran.code, ran.out, ran.err) == (0, "", "wrote out/news.md\n")
    assert (home / "out" / "news.md").read_text(encoding="utf-8") == run(*WEEK, "--format", "md").out


def test_the_digest_goes_to_a_folder_under_the_name_of_its_day(run, home: Path) -> None:
    assert "digests/2026-03-01.html" in run("digest", "--format", "html", "--output", "digests/").err
    again = run("digest", "--date", "2026-02-27", "--format", "html", "--output", "digests")
    assert "digests/2026-02-27.html" in again.err
    assert (home / "digests" / "index.html").exists()


def test_the_digest_is_filtered_and_cut(run, home) -> None:
    def reports(*options: str) -> list[dict]:
        return run("--json", *WEEK, "--limit", "100", *options).json["reports"]

    everything = reports()
    assert len(run("--json", *WEEK, "--limit", "3").json["reports"]) == 3
    for options in (
        ("--lang", "ru"),
        ("--outlet", "reuters.com"),
        ("--words", "starlink"),
        ("--min-outlets", "4"),
    ):
        assert 0 < len(reports(*options)) < len(everything)
    assert reports("--tag", "nobody") == []


def test_the_digest_tells_why_on_request(run, home) -> None:
    assert len(run(*WEEK, "--why").out) > len(run(*WEEK).out)


def test_the_digest_goes_by_feeds_yaml_where_there_is_one(run, home: Path) -> None:
    with (home / "feeds.yaml").open("a") as file:
        file.write("digest: {limit: 1}\n")
    assert len(run("--json", *WEEK).json["reports"]) == 1
    (home / "feeds.yaml").unlink()
    assert len(run("--json", *WEEK, "--db", "news.db").json["reports"]) > 1


def test_the_digest_of_an_empty_database_is_empty(run, empty: Path) -> None:
    run("init")
    ran = run("--json", "digest")
    assert ran.code == 0
    assert ran.json["reports"] == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--format", "pdf"], "--format pdf: it is one of"),
        (["--since", "yesterdayish"], "--since"),
        (["--date", "2026-02-31"], "--date"),
        (["--date", "2026-02-01", "--since", "1d"], "--date"),
        (["--output", "/proc/nowhere/x.md"], "/proc/nowhere"),
    ],
)
def test_a_digest_that_cannot_be_made_says_why_in_one_line(run, home, options: list[str], said: str) -> None:
    ran = run("digest", *options)
    assert ran.code == 2
    assert said in ran.complaint
