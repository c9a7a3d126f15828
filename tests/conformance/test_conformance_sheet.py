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
