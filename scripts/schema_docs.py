"""Writes docs/schema.md and datasette.yaml from a live database and docs/cookbook.md.

``--check`` only says whether they are up to date.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from datasette_yaml import datasette_yaml
from live_schema import Column, Relation, relations

from aggregator.store.schema import SCHEMA_VERSION

ROOT = Path(__file__).parent.parent
_HEAD = f"""# The database

One SQLite file, schema version {SCHEMA_VERSION}, safe to read while the service runs. This page is generated
from a live database (`make docs`); the same sentences stand inside its `CREATE TABLE` statements
(`sqlite3 FILE .schema`). Questions and their SQL are in the [cookbook](cookbook.md).

* Times are UTC text, `2026-01-02T03:04:05Z`. Lists are JSON text. Ids are never reused.
* Within a major version columns are only added. Columns marked *operational* serve the service itself and may
  change; all others are stable, and so are the views.
* Open it read-only (`sqlite3 "file:data/aggregator.db?mode=ro"`); your own tables and views beside ours
  survive upgrades.
"""


def schema_page(schema: list[Relation]) -> str:
    """Return docs/schema.md."""
    sections = {"table": _table, "view": _view, "index": _index}
    return "\n".join([_HEAD, *(sections[relation.type](relation) for relation in schema)])


def _table(table: Relation) -> str:
    lines = [f"## Table `{table.name}`\n", "| column | type | meaning |", "| --- | --- | --- |"]
    for column in table.columns:
        kind = f"{column.kind}{_notes(column.constraints)}"
        lines.append(f"| `{column.name}` | {kind} | {_meaning(column)} |")
    return "\n".join(lines) + "\n"


def _view(view: Relation) -> str:
    lines = [f"## View `{view.name}`\n", f"{view.sentence}\n", "| column | meaning |", "| --- | --- |"]
    lines += [f"| `{column.name}` | {_meaning(column)} |" for column in view.columns]
    return "\n".join(lines) + "\n"


def _index(index: Relation) -> str:
    return (
        f"## Full-text index `{index.name}`\n\nOver `title` and `text` of `articles`:"
        f" `SELECT rowid FROM {index.name} WHERE {index.name} MATCH 'word'`.\n"
    )


def _meaning(column: Column) -> str:
    return column.meaning.replace("(operational) ", "*operational:* ").replace("|", "\\|")


def _notes(constraints: str) -> str:
    notes = [", key" if "PRIMARY KEY" in constraints else "", ", unique" if "UNIQUE" in constraints else ""]
    notes.append("" if "NOT NULL" in constraints or "PRIMARY KEY" in constraints else ", may be NULL")
    if reference := re.search(r"REFERENCES (\w+) \((\w+)\)", constraints):
        notes.append(f" → `{reference[1]}.{reference[2]}`")
    return "".join(notes)


def main() -> int:
    """Write the pages, or compare."""
    schema = relations()
    pages = {"docs/schema.md": schema_page(schema), "datasette.yaml": datasette_yaml(schema)}
    stale = 0
    for name, page in pages.items():
        target = ROOT / name
        if "--check" not in sys.argv:
            target.write_text(page, encoding="utf-8")
        elif not target.exists() or target.read_text(encoding="utf-8") != page:
            print(f"{name} is not up to date; `make docs` writes it", file=sys.stderr)
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main())
