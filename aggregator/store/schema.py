"""The schema's versions, and bringing a database to the newest one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from importlib import resources

APPLICATION_ID = 0x41474752  # "AGGR"

SCHEMA_VERSION = 1
"""Number of the newest migration; stored as ``user_version``."""


def statements(name: str) -> Iterator[str]:
    """Yield the statements of a file: ``executescript`` would commit the transaction around them."""
    pending = ""
    script = resources.files("aggregator.store").joinpath("migrations", name).read_text(encoding="utf-8")
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending.strip()
            pending = ""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database to the newest schema in one transaction: killed at any point, it is old or new."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if connection.execute("PRAGMA user_version").fetchone()[0] < SCHEMA_VERSION:
            _apply_migrations(connection)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def _apply_migrations(connection: sqlite3.Connection) -> None:
    """Apply what is missing. sqlite-utils is imported here only: it brings numpy, 0.2 s of every start."""
    from sqlite_utils import Database, Migrations

    migrations = Migrations("aggregator")

    @migrations(name="0001_initial")
    def _initial(db: Database) -> None:
        for statement in statements("0001_initial.sql"):
            db.conn.execute(statement)

    migrations.apply(Database(connection))
