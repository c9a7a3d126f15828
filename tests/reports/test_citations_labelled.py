"""Labelled sentences in eleven languages, written for this project: citations and their look-alikes."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aggregator.model import Text
from aggregator.reports.citations import find_citations
from aggregator.reports.outlets import OutletList

ROWS = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "citations.jsonl").read_text(encoding="utf-8").splitlines()
]
LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "ru", "uk", "tr")
OUTLETS = OutletList.load()
WHEN = datetime(2026, 3, 1, tzinfo=UTC)


def counts(lang: str) -> Counter[str]:
    """Right, wrong and missed citations over the sentences of one language."""
    result: Counter[str] = Counter()
    for row in ROWS:
        if row["lang"] == lang:
            text = Text(1, row["outlet"], row.get("title", ""), row.get("text", ""), lang, WHEN)
            got = {citation.outlet for citation in find_citations(text, OUTLETS)}
            want = set(row["cites"])
            result.update(right=len(got & want), wrong=len(got - want), missed=len(want - got))
    return result


def test_the_set_is_large_and_has_both_kinds_in_every_language() -> None:
    assert len(ROWS) >= 250
    for lang in LANGUAGES:
        cited = Counter(bool(row["cites"]) for row in ROWS if row["lang"] == lang)
        assert cited[True] >= 10, lang
        assert cited[False] >= 5, lang


@pytest.mark.parametrize("lang", LANGUAGES)
def test_precision_and_recall_stay_above_their_floor(lang: str) -> None:
    found = counts(lang)
    assert found["right"] / (found["right"] + found["wrong"]) >= 0.95, found
    assert found["right"] / (found["right"] + found["missed"]) >= 0.95, found
