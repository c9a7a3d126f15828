"""Whole tables and views on their way out: what their columns hold, and their rows, one after the other."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from aggregator.store.archive import exported_articles

TABLES = ("articles", "clusters", "citations", "coverage", "reports", "entries")
"""What can be exported. ``articles`` has the fields of ``import``, and what was found out about them."""

_OPERATIONAL = re.compile(r"^\s+(\w+) .*-- \(operational\)", re.MULTILINE)
_COMPUTED = {
    "lag_seconds": "INTEGER"
}  # SQLite does not tell the type of what a view computes; the rest is text


@dataclass(frozen=True, slots=True)
class Column:
    """A column's name, and what it holds: INTEGER, REAL, TEXT, or LIST (of texts)."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of a table, and its rows: an iterator that reads on while it is used up."""

    columns: tuple[Column, ...]
    rows: Iterator[tuple[object, ...]]


def read_table(db: sqlite3.Connection, name: str) -> Table:
    """Return one of ``TABLES``, without the operational columns, its rows in the order of their ids."""
    if name == "articles":
        return Table(_ARTICLE, (tuple(article.values()) for article in exported_articles(db)))
    columns = tuple(_columns(db, name))
    listed = ", ".join(column.name for column in columns)
    return Table(columns, map(tuple, db.execute(f"SELECT {listed} FROM {name} ORDER BY 1, 2")))


def _columns(db: sqlite3.Connection, name: str) -> Iterator[Column]:
    sql = db.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()["sql"]
    operational = set(_OPERATIONAL.findall(sql))
    for row in db.execute("SELECT name, type FROM pragma_table_info(?)", (name,)):
        if row["name"] not in operational:
            yield Column(row["name"], row["type"] or _COMPUTED.get(row["name"], "TEXT"))


_ARTICLE = (
    Column("id", "INTEGER"),
    Column("url", "TEXT"),
    Column("title", "TEXT"),
    Column("text", "TEXT"),
    Column("published", "TEXT"),
    Column("lang", "TEXT"),
    Column("outlet", "TEXT"),
    Column("cluster_id", "INTEGER"),
    Column("copy_of", "INTEGER"),
    Column("cites", "LIST"),
)
