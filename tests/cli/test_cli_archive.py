"""import and export: articles in and out, one JSON object a line."""

from __future__ import annotations

import csv
import json
import os
import re
import threading
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest

LINES = [
    {"url": "https://gazette.example/a", "title": "Bridge closed", "text": "It is closed.", "lang": "en"},
    {
        "url": "https://observer.example/b",
        "title": "The bridge is closed",
        "published": "2026-02-28T10:00:00Z",
    },
]


@pytest.fixture
def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")


def write(file: Path, *lines: object) -> Path:
    file.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return file


def test_articles_are_imported_without_a_configuration(run, empty: Path) -> None:
    write(empty / "a.jsonl", *LINES)
    ran = run("--db", "a.db", "import", "a.jsonl")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == "2 articles imported, 0 known already; `aggregator cluster` groups them\n"
    assert run("--db", "a.db", "import", "a.jsonl").err.startswith("0 articles imported, 2 known already")
    assert run("--db", "a.db", "--json", "import", "a.jsonl").json == {"new": 0, "known": 2, "bad": 0}


def test_bad_lines_are_told_one_by_one_and_the_good_ones_are_in(run, empty: Path) -> None:
    write(empty / "a.jsonl", LINES[0], "{", {"title": "no address"}, "", LINES[1], {"url": 3, "title": []})
    ran = run("--db", "a.db", "import", "a.jsonl")
    assert ran.code == 1
    told = [line for line in ran.err.splitlines() if line.startswith("a.jsonl:")]
    assert [line.split(":")[1] for line in told] == ["2", "3", "6"]
    assert ran.err.splitlines()[-1].startswith(
        "2 articles imported, 0 known already, 3 lines could not be read"
    )
    assert len(run("--db", "a.db", "export").out.splitlines()) == 2


def test_of_very_many_bad_lines_the_rest_is_counted(run, empty: Path) -> None:
    write(empty / "a.jsonl", *["{"] * 50)
    ran = run("--db", "a.db", "import", "a.jsonl")
    assert ran.code == 1
    assert len(ran.err.splitlines()) == 22
    assert "a.jsonl: 30 more lines like these" in ran.err


def test_bytes_that_are_no_text_cost_only_their_line(run, empty: Path) -> None:
    (empty / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + json.dumps(LINES[0]).encode() + b"\n\xff\xfe\x00\n")
    ran = run("--db", "a.db", "import", "a.jsonl")
    assert ran.code == 1
    assert "1 article imported" in ran.err


def test_the_bar_of_an_import_knows_how_long_the_file_is(run, empty: Path, on_a_terminal) -> None:
    lines = [{"url": f"https://a.example/{number}", "title": "Bridge " * 12} for number in range(700)]
    size = write(empty / "a.jsonl", *lines).stat().st_size
    ran = run("--db", "a.db", "import", "a.jsonl")
    seen = [bar.split("/")[0] for bar in re.findall(rf"[\d.]+/{size / 1000:.1f} kB", ran.err)]
    assert (float(seen[0]), float(seen[-1])) == (0, round(size / 1000, 1))


def test_the_bar_of_an_import_from_a_pipe_counts_lines(run, empty: Path, on_a_terminal) -> None:
    os.mkfifo(empty / "pipe")
    sending = threading.Thread(target=write, args=(empty / "pipe", *LINES, "{"))
    sending.start()
    ran = run("--db", "a.db", "import", "pipe")
    sending.join()
    assert "0/?" in ran.err
    assert "3/?" in ran.err


def test_a_file_that_is_not_there_is_wrong_usage(run, empty: Path) -> None:
    assert run("--db", "a.db", "import", "none.jsonl").code == 2
    assert run("--db", "a.db", "import", ".").code == 2
    assert list(empty.iterdir()) == []


def test_imported_articles_are_clustered_and_found(run, empty: Path) -> None:
    (empty / "feeds.yaml").write_text("database: a.db\ncompute: {kind: inline}\nfeeds: []\n")
    write(empty / "a.jsonl", *LINES)
    run("import", "a.jsonl")
    ran = run("cluster")
    assert (ran.code, ran.err) == (0, "2 articles clustered\n")
    assert run("--json", "cluster").json == {"clustered": 0}
    assert run("--json", "cluster", "--rebuild").json == {"clustered": 2}
    assert {hit["cluster_id"] is None for hit in run("--json", "search", "bridge").json} == {False}


def test_what_is_exported_can_be_imported_and_is_the_same(run, home: Path, query: Callable) -> None:
    exported = run("export")
    assert exported.code == 0
    lines = [json.loads(line) for line in exported.out.splitlines()]
    assert len(lines) == query("SELECT count(*) FROM articles")[0][0]
    assert {
        "id",
        "url",
        "title",
        "text",
        "published",
        "lang",
        "outlet",
        "cluster_id",
        "copy_of",
        "cites",
    } <= set(lines[0])
    (home / "again.jsonl").write_text(exported.out, encoding="utf-8")
    assert run("--db", "again.db", "import", "again.jsonl").code == 0
    again = [json.loads(line) for line in run("--db", "again.db", "export").out.splitlines()]
    kept = ("url", "title", "text", "published", "lang", "outlet")
    assert sorted([line[key] for key in kept] for line in again) == sorted(
        [line[key] for key in kept] for line in lines
    )


def test_a_table_goes_out_as_csv_and_into_a_file(run, home: Path, query: Callable) -> None:
    ran = run("export", "--table", "reports", "--format", "csv")
    rows = list(csv.DictReader(StringIO(ran.out)))
    assert len(rows) == query("SELECT count(*) FROM reports")[0][0]
    assert run("export", "--table", "reports", "--format", "csv", "--output", "r.csv").out == ""
    assert (home / "r.csv").read_text(encoding="utf-8").splitlines() == ran.out.splitlines()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--format xlsx", "it is one of"),
        ("--table secrets", "it is one of"),
        ("--format parquet", "name a file with --output"),
    ],
)
def test_an_export_that_makes_no_sense_is_one_line(run, home, words: str, said: str) -> None:
    ran = run("export", *words.split())
    assert ran.code == 2
    assert said in ran.complaint


def test_an_import_shows_its_progress_on_a_terminal(run, empty: Path, monkeypatch) -> None:
    write(empty / "a.jsonl", *LINES)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert "import" in run("--db", "a.db", "import", "a.jsonl").err.split("\x1b[", 1)[1]


def test_a_table_that_cannot_be_written_is_one_line(run, home) -> None:
    ran = run("export", "--output", "nowhere/articles.jsonl")
    assert ran.code == 2
    assert ran.complaint == "nowhere/articles.jsonl: cannot be written: No such file or directory"
