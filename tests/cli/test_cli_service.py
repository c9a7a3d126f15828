"""init, poll, cluster, demo, status, check: the work, and how it fares."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aggregator.config import load_config

LATER = datetime(2026, 3, 1, 14, 30, tzinfo=UTC)
ONE = "http://www.reuters.com/feed"


def test_init_writes_a_sample_that_is_right_and_an_empty_database(run, empty: Path) -> None:
    ran = run("init")
    assert (ran.code, ran.out) == (0, "")
    assert len(load_config(empty / "feeds.yaml").feeds) > 0
    assert (empty / "data" / "aggregator.db").exists()
    assert run("check").code == 0
    assert run("digest").code == 0


def test_init_leaves_alone_what_is_there(run, home: Path) -> None:
    before = (home / "feeds.yaml").read_text(), (home / "news.db").read_bytes()
    ran = run("init")
    assert ran.code == 0
    assert "feeds.yaml is there already" in ran.err
    assert (home / "feeds.yaml").read_text() == before[0]
    assert run("--json", "search", "starlink").json


def test_init_makes_the_folder_that_the_file_is_to_lie_in(run, empty: Path) -> None:
    assert run("--config", "news/feeds.yaml", "init").code == 0
    assert (empty / "news" / "feeds.yaml").exists()


def test_nothing_is_due_right_after_a_poll(run, home) -> None:
    ran = run("poll")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == "0 feeds polled; 0 new entries, 0 articles read, 0 clustered\n"


def test_a_forced_poll_asks_every_feed_and_changes_nothing(run, home, query: Callable) -> None:
    before = query("SELECT count(*), max(id) FROM entries")
    counts = run("--json", "poll", "--force").json
    feeds = query("SELECT count(*) FROM feeds")[0][0]
    assert counts == {"polled": feeds, "failed": 0, "new_entries": 0, "articles": 0, "clustered": 0}
    assert query("SELECT count(*), max(id) FROM entries") == before


def test_one_feed_is_polled_by_its_address(run, home, query: Callable) -> None:
    url = query("SELECT url FROM feeds ORDER BY id LIMIT 1")[0][0]
    assert run("--json", "poll", "--force", "--feed", url).json["polled"] == 1
    ran = run("poll", "--feed", "https://unknown.example/feed")
    assert ran.code == 2
    assert "`aggregator add https://unknown.example/feed` adds it" in ran.complaint


def test_a_feed_that_fails_is_exit_code_1_and_the_others_go_on(run, home: Path) -> None:
    with (home / "feeds.yaml").open("a") as file:
        file.write("  - http://nowhere.example/feed\n")
    ran = run("poll")
    assert ran.code == 1
    assert "1 feed polled, 1 failed;" in ran.err
    assert "`aggregator feeds --broken` says what is wrong" in ran.err
    assert "http://nowhere.example/feed" in run("feeds", "--broken").out
    assert "http://nowhere.example/feed" in json.dumps(run("--json", "status").json["failing"])


def test_log_lines_are_json_and_tell_what_happens(run, home) -> None:
    ran = run("poll", "--force", "-v", "--log-format", "json")
    lines = [json.loads(line) for line in ran.err.splitlines()]
    cycle = next(line for line in lines if line["event"] == "cycle")
    assert cycle["level"] == "info"
    assert cycle["new_entries"] == 0


def test_progress_is_shown_on_a_terminal_and_not_when_quiet(run, home, monkeypatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert "poll" in run("poll", "--force").err.split("\x1b[", 1)[1]
    assert run("-q", "poll", "--force", at=LATER).err == ""


def test_the_demo_tells_everything_without_the_internet(demonstrated) -> None:
    folder, ran = demonstrated
    assert ran.code == 0
    assert "Secret Conversations" in ran.out
    assert f"the database: {folder / 'aggregator.db'}" in ran.err
    assert (folder / "demo-digest.html").stat().st_size > 10_000


def test_the_demo_and_real_news_never_mix(run, empty: Path, demonstrated) -> None:
    shutil.copy(demonstrated[0] / "aggregator.db", "aggregator.db")
    real = "database: aggregator.db\ncompute: {kind: inline}\nfeeds: ['http://127.0.0.1:1/feed']\n"
    (empty / "feeds.yaml").write_text(real)
    ran = run("poll")
    assert ran.code == 1
    assert "held the demo's fiction: it is aggregator.demo.db now" in ran.err
    assert len(run("--json", "feeds").json) == 1
    assert (
        "holds real news; name another folder with --directory" in run("demo", "--directory", ".").complaint
    )


def test_status_tells_how_the_service_fares(run, home) -> None:
    ran = run("status")
    assert (ran.code, ran.err) == (0, "")
    rows = {line[:10].strip(): line[10:].strip() for line in ran.out.splitlines()}
    assert {"feeds", "due", "entries", "articles", "clusters", "backlog", "last cycle", "database"} <= set(
        rows
    )
    assert "10 min ago" in ran.out
    told = run("--json", "status").json
    assert told["healthy"] is True
    assert told["problems"] == []


def test_status_is_exit_code_1_when_the_service_is_unwell(run, home) -> None:
    ran = run("status", at=LATER + timedelta(days=1))
    assert ran.code == 1
    assert "Feeds are due, but the last cycle began at 2026-03-01T12:00:00Z." in ran.out
    assert run("--json", "status", at=LATER + timedelta(days=1)).json["healthy"] is False


def test_status_check_prints_nothing_when_all_is_well_and_the_reasons_when_not(run, home) -> None:
    assert run("status", "--check") == run("-q", "status", "--check")
    assert run("status", "--check").out == ""
    ran = run("status", "--check", at=LATER + timedelta(days=1))
    assert ran.code == 1
    assert len(ran.out.splitlines()) == 1


def test_status_names_failing_feeds_and_cycles_that_did_not_end(run, home, query: Callable) -> None:
    query("UPDATE feeds SET state = 'failing', failures = 3, last_error = 'No.' WHERE id = 1")
    query("INSERT INTO cycles (started_at) VALUES ('2026-03-01T12:05:00Z')")
    ran = run("status")
    assert ran.code == 1
    assert "begun 5 min ago, not finished" in ran.out
    assert "feeds cannot be polled." in ran.out
    assert "`aggregator feeds --broken`" in ran.err


def test_status_of_a_new_database_says_what_to_do(run, empty: Path) -> None:
    run("--db", "new.db", "--config", "none/feeds.yaml", "init")
    ran = run("--db", "new.db", "status")
    assert ran.code == 0
    assert "none yet; `aggregator poll` runs one" in ran.out


def test_check_says_that_all_is_well(run, home) -> None:
    ran = run("check")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith("feeds.yaml: ")
    assert ran.err.endswith("all is well\n")
    assert run("--json", "check").json["problems"] == []


def test_check_gives_every_problem_as_json_with_exit_code_2(run, empty: Path) -> None:
    (empty / "feeds.yaml").write_text("databse: x\nfeeds: [3]\n")
    ran = run("--json", "check")
    assert ran.code == 2
    assert [problem["line"] for problem in ran.json["problems"]] == [1, 2]
    assert "database" in ran.json["problems"][0]["message"]


@pytest.mark.parametrize("command", ["poll", "cluster", "run"])
def test_an_unreadable_configuration_is_one_line(run, empty: Path, command: str) -> None:
    (empty / "feeds.yaml").mkdir()
    ran = run(command)
    assert ran.code == 2
    assert "cannot be read" in ran.complaint
