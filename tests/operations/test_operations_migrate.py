from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from aggregator.store import connection
from aggregator.store.connection import StoreError, open_reader, open_writer
from aggregator.store.doctor import examine
from aggregator.store.schema import SCHEMA_VERSION, migrate

DUMPS = sorted(Path(__file__).parent.joinpath("data").glob("schema-*.sql"))


def schema(path: Path) -> set[tuple[str, str, str | None]]:
    with closing(open_reader(path)) as db:
        rows = db.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_autoindex%'")
        return {tuple(row) for row in rows}


def restore(dump: Path, path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript(dump.read_text(encoding="utf-8"))


def test_a_database_of_every_released_schema_is_among_the_dumps() -> None:
    assert [path.name for path in DUMPS] == [f"schema-{n}.sql" for n in range(1, SCHEMA_VERSION + 1)]


@pytest.mark.parametrize("dump", DUMPS, ids=lambda path: path.stem)
def test_l15_a_database_of_an_older_schema_becomes_as_a_fresh_one_and_keeps_its_rows(
    dump: Path, tmp_path: Path, now
) -> None:
    restore(dump, tmp_path / "old.db")
    open_writer(tmp_path / "old.db").close()
    open_writer(tmp_path / "fresh.db").close()
    assert schema(tmp_path / "old.db") == schema(tmp_path / "fresh.db")
    assert [f for f in examine(tmp_path / "old.db", now) if f.state == "fail"] == []
    with closing(open_reader(tmp_path / "old.db")) as db:
        assert db.execute("SELECT title, cluster_id FROM articles").fetchall()[0]["title"] == "Bridge opened"
        assert db.execute("SELECT headline, outlets FROM reports").fetchone()[0] == "Bridge opened"
        assert (
            db.execute("SELECT count(*) FROM articles_fts WHERE articles_fts MATCH 'mayor'").fetchone()[0]
            == 1
        )


@pytest.mark.parametrize("dump", DUMPS, ids=lambda path: path.stem)
def test_l13_your_own_tables_views_and_indexes_survive_an_upgrade(dump: Path, tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    restore(dump, path)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE my_notes (article_id INTEGER, note TEXT)")
        db.execute("INSERT INTO my_notes VALUES (1, 'read this')")
        db.execute("CREATE VIEW my_view AS SELECT title, note FROM articles JOIN my_notes ON article_id = id")
        db.execute("CREATE INDEX my_index ON articles (author)")
    open_writer(path).close()
    with closing(open_reader(path)) as db:
        assert [tuple(row) for row in db.execute("SELECT * FROM my_view")] == [("Bridge opened", "read this")]
        assert db.execute("SELECT 1 FROM sqlite_master WHERE name = 'my_index'").fetchone()


class Limited(sqlite3.Connection):
    """Dies by SIGKILL at its n-th statement; in a child process only."""

    die_at = 0
    seen = 0

    def execute(self, *args):
        Limited.seen += 1
        if Limited.seen == Limited.die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(*args)


def migrate_in_child(path: Path, die_at: int) -> bool:
    """Migrate an empty database; returns whether the child was killed in the middle of it."""
    process = os.fork()
    if process == 0:
        Limited.die_at = die_at
        with closing(sqlite3.connect(path, factory=Limited, isolation_level=None)) as db:
            migrate(db)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(process, 0)[1])


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_l15_a_migration_that_is_killed_leaves_the_old_schema_or_the_new_one(tmp_path: Path) -> None:
    fresh = tmp_path / "fresh.db"
    open_writer(fresh).close()
    die_at, versions = 0, []
    while True:
        die_at += 8
        path = tmp_path / f"{die_at}.db"
        killed = migrate_in_child(path, die_at)
        with closing(sqlite3.connect(path)) as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        assert (version, tables > 0) in ((0, False), (SCHEMA_VERSION, True))
        versions.append(version)
        migrate_in_child(path, 0)
        assert schema(path) == schema(fresh)
        if not killed:
            break
    assert len(versions) > 5
    assert set(versions) == {0, SCHEMA_VERSION}


def test_l05_a_disk_that_is_full_during_the_first_migration_leaves_no_database_behind(
    database: Path, monkeypatch
) -> None:
    class Full(sqlite3.Connection):
        def execute(self, *args):
            if args[0].startswith("BEGIN"):
                super().execute("PRAGMA max_page_count = 20")
            return super().execute(*args)

    monkeypatch.setattr(connection.sqlite3, "connect", partial(sqlite3.connect, factory=Full))
    with pytest.raises(StoreError, match="full"):
        open_writer(database)
    assert list(database.parent.iterdir()) == []
    monkeypatch.undo()
    open_writer(database).close()
