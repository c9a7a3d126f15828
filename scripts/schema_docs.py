"""Writes docs/schema.md from a live database; ``--check`` only says whether it is up to date."""

from __future__ import annotations

import re
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from aggregator.store.connection import open_writer
from aggregator.store.schema import SCHEMA_VERSION

TARGET = Path(__file__).parent.parent / "docs" / "schema.md"
_COLUMN = re.compile(r"^\s{4}(\w+)\s+([A-Z]+)\b(.*?)\s*-- (.+)$", re.MULTILINE)
_HEAD = f"""# The database

One SQLite file, schema version {SCHEMA_VERSION}, safe to read while the service runs. This page is generated from a live
database (`make docs`); the same sentences stand inside its `CREATE TABLE` statements (`sqlite3 FILE .schema`).

* Times are UTC text, `2026-01-02T03:04:05Z`. Lists are JSON text. Ids are never reused.
* Within a major version columns are only added. Columns marked *operational* serve the service itself and may
  change; all others are stable, and so are the views.
* Open it read-only (`sqlite3 "file:data/aggregator.db?mode=ro"`); your own tables and views beside ours survive upgrades.
"""


def render() -> str:
    """Return the page for a freshly made database."""
    with tempfile.TemporaryDirectory() as folder, closing(open_writer(Path(folder) / "schema.db")) as db:
        objects = db.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE type IN ('table', 'view') AND sql IS NOT NULL"
            " AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_sqlite_%' AND name NOT LIKE 'articles_fts_%'"
            " ORDER BY rowid"
        ).fetchall()
        views = {
            row["name"]: [column["name"] for column in db.execute(f"PRAGMA table_info({row['name']})")]
            for row in objects
            if row["type"] == "view"
        }
    parts = [_HEAD]
    for row in objects:
        if row["type"] == "view":
            parts.append(_view(row["name"], row["sql"], views[row["name"]]))
        elif "fts5" in row["sql"]:
            parts.append(f"## Full-text index `{row['name']}`\n\nOver `title` and `text` of `articles`:"
                         " `SELECT rowid FROM articles_fts WHERE articles_fts MATCH 'word'`.\n")  # fmt: skip
        else:
            parts.append(_table(row["name"], row["sql"]))
    return "\n".join(parts)


def _table(name: str, sql: str) -> str:
    lines = [f"## Table `{name}`\n", "| column | type | meaning |", "| --- | --- | --- |"]
    for column, kind, constraints, meaning in _COLUMN.findall(sql):
        if column.isupper():
            continue
        text = meaning.replace("(operational) ", "*operational:* ").replace("|", "\\|")
        lines.append(f"| `{column}` | {kind}{_notes(constraints)} | {text} |")
    return "\n".join(lines) + "\n"


def _notes(constraints: str) -> str:
    notes = [", key" if "PRIMARY KEY" in constraints else "", ", unique" if "UNIQUE" in constraints else ""]
    notes.append("" if "NOT NULL" in constraints or "PRIMARY KEY" in constraints else ", may be NULL")
    if reference := re.search(r"REFERENCES (\w+) \((\w+)\)", constraints):
        notes.append(f" → `{reference[1]}.{reference[2]}`")
    return "".join(notes)


def _view(name: str, sql: str, columns: list[str]) -> str:
    sentence = re.search(r"-- (.+)", sql)
    listed = ", ".join(f"`{column}`" for column in columns)
    return f"## View `{name}`\n\n{sentence[1] if sentence else ''}\n\n{listed}\n"


def main() -> int:
    """Write the page, or compare."""
    page = render()
    if "--check" not in sys.argv:
        TARGET.write_text(page, encoding="utf-8")
        return 0
    if TARGET.exists() and TARGET.read_text(encoding="utf-8") == page:
        return 0
    print("docs/schema.md is not up to date; `make docs` writes it", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
