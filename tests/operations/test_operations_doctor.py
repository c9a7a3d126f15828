from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from aggregator.store import doctor
from aggregator.store.connection import open_writer
from aggregator.store.doctor import examine


def findings(archive, **later: float) -> dict[str, tuple[str, str]]:
    moment = archive.now + timedelta(**later)
    return {finding.check: (finding.state, finding.detail) for finding in examine(archive.path, moment)}


def outside(archive, *statements: str) -> None:
    """What a person or another program may do to the file, without our rules."""
    with closing(sqlite3.connect(archive.path)) as db, db:
        for statement in statements:
            db.execute(statement)


def test_a_database_in_order_gives_no_failure(archive) -> None:
    archive.add("one", days=1, cluster=1)
    assert {state for state, _ in findings(archive).values()} <= {"ok", "warn"}


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM article_urls", "1 articles that no address leads to"),
        ("UPDATE clusters SET article_count = 5", "1 clusters whose count of articles is wrong"),
        ("INSERT INTO articles_fts (articles_fts) VALUES ('delete-all')", "missing from the full-text index"),
        ("INSERT INTO articles_fts (rowid, title, text) VALUES (99, 'x', 'y')", "without an article"),
        ("INSERT INTO cluster_redirects VALUES (1, 1, '', '')", "itself redirected"),
    ],
)
def test_rows_that_do_not_belong_together_are_counted(archive, statement: str, words: str) -> None:
    archive.add("one", days=1, cluster=1)
    outside(archive, statement)
    state, detail = findings(archive)["orphans"]
    assert state == "fail"
    assert words in detail


def test_rows_that_point_nowhere_fail_the_integrity_check(archive) -> None:
    outside(archive, "INSERT INTO polls (feed_id, at, outcome) VALUES (99, '2026-01-01T00:00:00Z', 'ok')")
    assert findings(archive)["integrity"][0] == "fail"


def test_l14_damage_is_a_finding_and_not_a_traceback(archive) -> None:
    archive.add("one", days=1, cluster=1)
    outside(archive, "PRAGMA wal_checkpoint(TRUNCATE)")
    with closing(sqlite3.connect(archive.path)) as db:
        size = db.execute("PRAGMA page_size").fetchone()[0]
        root = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'articles'").fetchone()[0]
    with archive.path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * 200)
    found = findings(archive)
    assert found["integrity"][0] == "fail"
    assert found["orphans"][0] == "fail"


def test_l13_your_own_tables_are_named_and_changed_ones_of_ours_are_warned_of(archive) -> None:
    outside(archive, "CREATE TABLE my_notes (text)")
    assert findings(archive)["schema"] == ("ok", "as made by this version; yours: my_notes")
    outside(archive, "ALTER TABLE feeds ADD COLUMN mine TEXT")
    state, detail = findings(archive)["schema"]
    assert (state, "feeds" in detail) == ("warn", True)


def test_l19_a_clock_behind_the_database_is_a_failure(archive) -> None:
    archive.add("one", days=1, cluster=1)
    assert findings(archive)["clock"][0] == "ok"
    state, detail = findings(archive, days=-30)["clock"]
    assert (state, "set the clock" in detail) == ("fail", True)


def test_a_missing_database_is_one_finding(archive) -> None:
    archive.path.unlink()
    assert findings(archive)["database"][0] == "fail"


def test_a_file_that_everybody_may_write_is_warned_of(archive) -> None:
    archive.path.chmod(0o666)
    assert findings(archive)["folder"][0] == "warn"


@pytest.mark.parametrize(("bytes_", "state"), [(10**18, "fail"), (0, "ok")])
def test_space_is_judged_by_what_is_free(archive, monkeypatch, bytes_: int, state: str) -> None:
    monkeypatch.setattr(doctor, "NO_SPACE", bytes_)
    monkeypatch.setattr(doctor, "LITTLE_SPACE", bytes_)
    assert findings(archive)["space"][0] == state


def test_l07_a_log_that_has_grown_is_warned_of(archive, monkeypatch) -> None:
    monkeypatch.setattr(doctor, "LONG_LOG", 100)
    with closing(open_writer(archive.path)) as db:
        db.execute("INSERT INTO outlets (domain, name) VALUES ('x.org', 'X')")
        assert findings(archive)["write-ahead log"][0] == "warn"


def test_libraries_that_are_too_old_are_refused(archive, monkeypatch) -> None:
    monkeypatch.setattr(doctor, "SAFE_SQLITE", (9, 0, 0))
    assert findings(archive)["SQLite"][0] == "fail"
