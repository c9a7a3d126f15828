"""Reads the schema of a freshly made database: its tables and views, and the sentence for each column."""

from __future__ import annotations

import re
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from aggregator.store.connection import open_writer

_COLUMN = re.compile(r"^\s{4}([a-z]\w*)\s+([A-Z]+)\b(.*?)\s*-- (.+)$", re.MULTILINE)
_OBJECTS = (
    "SELECT type, name, sql FROM sqlite_master WHERE type IN ('table', 'view') AND sql IS NOT NULL"
    " AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_sqlite_%' AND name NOT LIKE 'articles_fts_%'"
    " ORDER BY rowid"
)
# What a view takes from a table means what it means there; these are the columns that only the view has.
_TAKEN_FROM = {"coverage": "articles", "arrivals": "coverage", "reports": "clusters", "feed_health": "feeds"}
_VIEW_COLUMNS = {
    ("coverage", "article_id"): "Number of the article.",
    ("coverage", "outlet_name"): "What people call the outlet.",
    (
        "coverage",
        "published_at",
    ): "When the outlet says it was published, else when the service first saw it.",
    ("coverage", "lag_seconds"): "Seconds after the first article of the same report.",
    ("arrivals", "lag_seconds"): "Seconds from the report's first article to the outlet's first.",
    ("arrivals", "place"): "The how-manieth outlet it was: 1 for the first.",
    ("reports", "cluster_id"): "Number of the cluster.",
    ("reports", "headline"): "Its title.",
    (
        "reports",
        "origin",
    ): "Name of the outlet that had it first and is cited for it; NULL where it is everybody's.",
    ("reports", "articles"): "Articles in it.",
    ("reports", "outlets"): "Different outlets among them.",
    ("reports", "independent"): "Outlets left after copies, families and pure relays are collapsed.",
    ("reports", "languages"): "The articles' languages, most frequent first, separated by spaces.",
    ("feed_health", "feed_id"): "Number of the feed.",
    ("feed_health", "polls_7d"): "Polls in the seven days before the latest one.",
    ("feed_health", "failed_7d"): "Those of them that failed.",
    ("feed_health", "new_entries_7d"): "New entries that they brought.",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its type and constraints as written (empty in a view), and what it means."""

    name: str
    kind: str
    constraints: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, a view or the full-text index; a view has a sentence of its own."""

    type: str  # table, view or index
    name: str
    sentence: str
    columns: tuple[Column, ...]


def relations() -> list[Relation]:
    """Return what a new database holds, in the order in which it was made."""
    found: dict[str, Relation] = {}
    with tempfile.TemporaryDirectory() as folder, closing(open_writer(Path(folder) / "schema.db")) as db:
        for row in db.execute(_OBJECTS).fetchall():
            if row["type"] == "view":
                names = [column["name"] for column in db.execute(f"PRAGMA table_info({row['name']})")]
                found[row["name"]] = _view(row["name"], row["sql"], names, found)
            elif "fts5" in row["sql"]:
                found[row["name"]] = Relation("index", row["name"], "", ())
            else:
                columns = tuple(Column(*groups) for groups in _COLUMN.findall(row["sql"]))
                found[row["name"]] = Relation("table", row["name"], "", columns)
    return list(found.values())


def _view(name: str, sql: str, columns: list[str], tables: dict[str, Relation]) -> Relation:
    sentence = re.search(r"-- (.+)", sql)
    taken = {column.name: column.meaning for column in tables[_TAKEN_FROM[name]].columns}
    meanings = taken | {column: text for (view, column), text in _VIEW_COLUMNS.items() if view == name}
    described = tuple(Column(column, "", "", meanings[column]) for column in columns)
    return Relation("view", name, sentence[1] if sentence else "", described)
