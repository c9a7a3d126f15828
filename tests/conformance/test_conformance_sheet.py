"""The sheet has a line for each rule, and each rule a test that is named after it."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def rules():
    with (HERE / "rules.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_each_rule_has_a_test_named_after_it_and_no_test_lacks_its_rule(rules):
    tests = (
        name
        for path in HERE.glob("test_*.py")
        for name in re.findall(r"def test_([a-f]\d\d)_", path.read_text())
    )
    assert sorted({name.upper() for name in tests}) == [row["rule"] for row in rules]


def test_the_rules_are_those_of_the_published_sheet(rules, suite):
    letters = {"C": "critical", "M": "major", "m": "minor"}
    published = {rule["id"]: letters[rule["severity"]] for rule in suite("http.zip", "frb_rules.json")}
    assert {row["rule"]: row["severity"] for row in rules} == published
    assert Counter(published.values()) == {"critical": 31, "major": 33, "minor": 8}


def test_the_index_in_the_documentation_has_every_case_and_names_tests_that_exist():
    root = HERE.parents[1]
    tests = {
        name
        for path in (root / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    rows = re.findall(
        r"^\| ([SL]\d\d) \| (.*?) \|", (root / "docs" / "security.md").read_text(), re.MULTILINE
    )
    assert [case for case, _ in rows] == [f"S{n:02}" for n in range(1, 57)] + [f"L{n}" for n in range(21, 37)]
    for case, cell in rows:
        named = re.findall(r"`(test_\w+)`", cell)
        assert named or cell == "does not apply", case
        assert set(named) <= tests, (case, set(named) - tests)
