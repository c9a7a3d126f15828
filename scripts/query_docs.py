"""Writes the tables below README's SQL examples: what they answer on the bundled newsroom."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

PAGE = Path(__file__).parent.parent / "README.md"
_SHOWN = re.compile(r"(```sql\n(?P<sql>[^`]+)```\n)\n(?:\|.*\n)+")


def with_answers(page: str, db: sqlite3.Connection) -> str:
    """Return a page with the answer of each SQL example that has a table below it."""
    return _SHOWN.sub(lambda match: f"{match[1]}\n{_table(db.execute(match['sql']))}", page)


def _table(rows: sqlite3.Cursor) -> str:
    lines = [[name for name, *_ in rows.description], ["---" for _ in rows.description]]
    lines += [[_cell(value) for value in row] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(value: object) -> str:
    return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")


def main() -> int:
    """Make the demo and write what its database answers."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "aggregator", "--quiet", "demo", "--directory", folder]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        with closing(sqlite3.connect(Path(folder) / "aggregator.db")) as db:
            PAGE.write_text(with_answers(PAGE.read_text(encoding="utf-8"), db), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
