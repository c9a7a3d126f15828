"""Every question of the cookbook has an answer, and the same one in Python and in the shell."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

COOKBOOK = Path(__file__).parents[2] / "docs" / "cookbook.md"
SHELL = shutil.which("sqlite3")

# What is in the demo's texts, whatever clustering makes of the rest: the first row of some answers.
FIRST_ROWS = {
    "what-are-todays-biggest-reports": {
        "headline": "Strong earthquake hits eastern Turkey; at least 6 killed"
    },
    "which-reports-were-followed-most": {"origin": "The Wall Street Journal"},
    "which-languages-did-a-report-cross-and-who-was-first-in-each": {
        "lang": "en",
        "first_outlet": "The Wall Street Journal",
        "minutes_after_the_first": 0,
    },
    "what-happened-in-a-report-hour-by-hour": {"after": "0:00", "outlet_name": "The Wall Street Journal"},
    "which-reports-have-no-known-origin": {"languages": "en de es fr it ru"},
    "whose-reports-are-known-only-from-those-who-cite-them": {"origin": "The Wall Street Journal"},
    "who-relays-whom-most": {"outlet": "Reuters", "cites": "The Wall Street Journal"},
    "who-is-cited-most": {"name": "The Wall Street Journal"},
    "how-often-is-each-agencys-text-republished": {"text_of": "dpa", "kind": "agency", "copies": 3},
    "what-do-two-outlets-have-in-common": {"minutes_later": 260, "origin": "The Wall Street Journal"},
    "which-owners-follow-their-own-outlets": {"outlet": "The Times", "cites": "The Wall Street Journal"},
    "which-cited-names-does-the-outlet-list-not-know": {"name": "Northern Gazette"},
    "which-articles-are-known-by-their-teaser-only": {"outlet": "thetimes.co.uk", "status": "teaser"},
    "where-did-an-old-reports-number-go": {"reason": "merged"},
    "what-did-people-decide": {"decision": "together", "are_together": 1},
    "which-feeds-died": {"url": "http://closed.example/feed", "state": "failing"},
}


def test_the_cookbook_has_at_least_25_questions_each_asked_once(questions: list[Any]) -> None:
    asked = Counter(question.slug for question in questions)
    assert len(asked) >= 25
    assert max(asked.values()) == 1
    headings = re.findall(r"^### .+\?$", COOKBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(headings) == len(questions)


def test_a_question_has_an_answer(question: Any, used: Path) -> None:
    rows = _ask(used, question.sql)
    assert rows
    assert all(any(value is not None for value in row.values()) for row in rows)
    expected = FIRST_ROWS.get(question.slug, {})
    assert rows[0] | expected == rows[0]


def test_expected_answers_are_of_questions_that_are_asked(questions: list[Any]) -> None:
    assert set(FIRST_ROWS) <= {question.slug for question in questions}


def test_a_form_left_empty_answers_as_the_query_itself(question: Any, used: Path) -> None:
    names = re.findall(r":([a-z]+)", question.form) if question.form != question.sql else []
    assert ("WITH asked" in question.sql) == bool(names)
    assert _ask(used, question.form, dict.fromkeys(names, "")) == _ask(used, question.sql)


def test_a_form_takes_numbers_as_the_text_that_a_browser_sends(questions: list[Any], used: Path) -> None:
    [fifth] = [question for question in questions if ":place" in question.form]
    assert _ask(used, fifth.form, {"place": "5"}) == _ask(used, fifth.sql)
    assert len(_ask(used, fifth.form, {"place": "2"})) > len(_ask(used, fifth.sql))


@pytest.mark.skipif(SHELL is None, reason="the sqlite3 shell is not installed")
def test_the_shell_answers_as_python_does(questions: list[Any], used: Path) -> None:
    script = "".join(f"{question.sql};\nSELECT '--' AS done;\n" for question in questions)
    command = [str(SHELL), "-json", f"file:{used}?mode=ro"]
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    answers = done.stdout.split('[{"done":"--"}]\n')[:-1]
    assert [json.loads(answer or "[]") for answer in answers] == [
        json.loads(json.dumps(_ask(used, question.sql))) for question in questions
    ]


def test_the_python_example_prints_the_biggest_report_first(demo: Path) -> None:
    [code] = re.findall(r"```python\n(.+?)```", COOKBOOK.read_text(encoding="utf-8"), re.DOTALL)
    command = [sys.executable, "-X", "utf8", "-c", code.replace("data/aggregator.db", str(demo))]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True)
    assert re.match(r"\d+ Elon Musk’s Secret Conversations With Vladimir Putin\n", done.stdout)


def _ask(database: Path, query: str, values: dict[str, str] | None = None) -> list[dict[str, object]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute(query, values or {})]
