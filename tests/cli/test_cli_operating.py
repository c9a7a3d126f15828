"""backup, prune, doctor as they are typed; what they do is tested in tests/operations."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path


def test_a_backup_is_a_database_that_can_be_read(run, home: Path) -> None:
    ran = run("backup", "copy.db")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith("copy.db: ")
    assert run("--db", "copy.db", "--json", "search", "starlink").json


def test_a_backup_does_not_replace_a_file_unless_told_to(run, home: Path) -> None:
    (home / "copy.db").write_text("mine")
    assert "--force replaces it" in run("backup", "copy.db").complaint
    assert (home / "copy.db").read_text() == "mine"
    told = run("--json", "backup", "copy.db", "--force").json
    assert told["file"] == "copy.db"
    assert told["rows"]["articles"] > 0


def test_a_backup_to_where_nothing_can_be_written_is_one_line(run, home: Path) -> None:
    ran = run("backup", "/proc/nowhere/copy.db")
    assert ran.code == 2
    assert ran.complaint.startswith("/proc/nowhere/copy.db: ")


def test_prune_says_what_it_would_remove_and_removes_it(run, home: Path) -> None:
    with (home / "feeds.yaml").open("a") as file:
        file.write("retention: {articles: 1d, polls: 1d}\n")
    later = datetime(2026, 6, 1, tzinfo=UTC)
    would = run("--json", "prune", "--dry-run", at=later).json
    assert would["dry_run"] is True
    assert would["articles"] > 0
    assert run("prune", "--dry-run", at=later).err.startswith("would remove: ")
    ran = run("prune", at=later)
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith("removed: ")
    assert run("prune", at=later).err == "removed: nothing\n"


def test_prune_without_a_database_makes_none(run, home: Path) -> None:
    assert "there is no database yet" in run("--db", "none.db", "prune").complaint
    assert not (home / "none.db").exists()


def test_doctor_finds_nothing_wrong_with_the_demo(run, home: Path) -> None:
    ran = run("doctor")
    assert ran.code == 0
    assert "ok" in ran.out
    told = run("--json", "doctor").json
    assert told["healthy"] is True


def test_doctor_asks_the_first_feeds_on_request(run, home: Path) -> None:
    checks = [c for c in run("--json", "doctor", "--network").json["checks"] if c["check"] == "network"]
    assert len(checks) == 3
    assert {check["state"] for check in checks} == {"ok"}
    (home / "feeds.yaml").write_text("database: news.db\nfeeds: ['http://127.0.0.1:1/feed']\n")
    ran = run("doctor", "--network")
    assert ran.code == 1
    assert "127.0.0.1:1" in ran.out
