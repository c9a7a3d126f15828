from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from aggregator.model import Member
from aggregator.reports.copies import earliest_of, find_copies
from aggregator.reports.window import make_window

WIRE = [
    f"Paragraph {k} tells of the {word} that the council of Orlivka weighed for {k + 3} hours before it"
    f" voted, said member {word.title()}son, who spoke against the plan and left the room early."
    for k, word in enumerate(
        ["bridge", "harbour", "school", "market", "library", "tower", "garden", "station"]
    )
]


def copies_among(members: list[Member]) -> dict[int, int]:
    ordered = sorted(members, key=lambda m: m.published_at)
    window = make_window(ordered, 72, "use-m3")
    found = earliest_of(len(ordered), find_copies(window, 72))
    return {ordered[a].article_id: ordered[b].article_id for a, b in found.items()}


@pytest.mark.parametrize(
    "edited",
    [
        " ".join(WIRE),
        " ".join(WIRE[:4]),
        " ".join([*WIRE, "In our town nobody took notice of it, as far as we know."]),
        " ".join(WIRE).replace("said member", "so member").replace("’", "'"),
        "Local colour comes first. " + " ".join(WIRE[1:]),
    ],
)
def test_agency_text_with_small_edits_is_a_copy_of_the_earliest(
    edited: str, members_of: Callable[..., list[Member]]
) -> None:
    members = members_of(
        [("x.example", "en", 3, "Other words", edited), ("wire.example", "en", 1, "Vote", " ".join(WIRE))]
    )
    assert copies_among(members) == {1: 2}


def test_independent_accounts_translations_and_stubs_are_no_copies(newsroom: list[Member]) -> None:
    assert copies_among(newsroom) == {6: 1}


def test_a_text_of_a_few_words_is_never_a_copy(members_of: Callable[..., list[Member]]) -> None:
    rows = [(f"{c}.example", "en", 0, "T", "Read the full article with a subscription.") for c in "ab"]
    assert copies_among(members_of(rows)) == {}


def test_copies_farther_apart_than_the_window_are_left_alone(members_of: Callable[..., list[Member]]) -> None:
    rows = [("a.example", "en", 0, "T", " ".join(WIRE)), ("b.example", "en", 100, "T", " ".join(WIRE))]
    assert copies_among(members_of(rows)) == {}


def test_the_share_of_a_long_text_is_estimated_from_its_sample(
    members_of: Callable[..., list[Member]],
) -> None:
    dice = np.random.default_rng(2)
    words = [f"w{n}" for n in dice.integers(0, 5_000, 2_400)]
    rows = [("a.example", "en", 0, "T", " ".join(words)), ("b.example", "en", 1, "T", " ".join(words[:900]))]
    assert copies_among(members_of(rows)) == {2: 1}
