"""Reads docs/cookbook.md: its questions and their SQL, for the tests and for Datasette."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "docs" / "cookbook.md"
_QUESTION = re.compile(
    r"^### (?P<title>[^\n]+\?)\n+(?P<prose>.+?)\n+```sql\n(?P<sql>.+?)```", re.MULTILINE | re.DOTALL
)
_ASKED = re.compile(r"^WITH asked\((.+?)\) AS \(VALUES \((.+)\)\)(,?)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Question:
    """A heading of the cookbook, the sentence below it, and the query that answers it."""

    title: str
    prose: str
    sql: str

    @property
    def slug(self) -> str:
        """The title as an address may carry it."""
        return re.sub(r"\W+", "-", self.title.lower().replace("'", "")).strip("-")

    @property
    def form(self) -> str:
        """The query with the values of its first line as parameters that may be left empty."""
        return _ASKED.sub(_parameters, self.sql)


def questions() -> list[Question]:
    """Return the questions in their order."""
    found = _QUESTION.finditer(SOURCE.read_text(encoding="utf-8"))
    return [Question(**{key: text.strip() for key, text in match.groupdict().items()}) for match in found]


def _parameters(match: re.Match[str]) -> str:
    names = match[1].split(", ")
    values = match[2].split(", ") if len(names) > 1 else [match[2]]
    given = ", ".join(map(_parameter, names, values))
    return f"WITH asked({match[1]}) AS (VALUES ({given})){match[3]}"


def _parameter(name: str, value: str) -> str:
    number = "" if value.startswith("'") else " + 0"  # a form gives text, which equals no number in SQLite
    return f"coalesce(nullif(:{name}, ''){number}, {value})"
