from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.model import Member, Text
from aggregator.reports.background import load_background, measure_background
from aggregator.reports.encoder import Encoder, UnknownEncoderError, load_encoder
from aggregator.reports.features import FeaturesError, clean_title, decode, is_roundup, make_features
from aggregator.reports.score import load_weights
from aggregator.reports.signals import SIGNALS, compare
from aggregator.reports.window import make_window

if TYPE_CHECKING:
    from numpy.typing import NDArray

NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)


class Letters:
    """An encoder of sixteen dimensions that counts letters."""

    name, version = "letters", "1"

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        counts = np.array([[t.count(chr(97 + k)) for k in range(16)] for t in texts], np.float32).reshape(
            -1, 16
        )
        return counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-9)


def text(title: str, body: str = "", **more: object) -> Text:
    return Text(1, "a.example", title, body, "en", NOON, **more)  # type: ignore[arg-type]


def test_features_stay_small_even_of_a_long_text(encoder: Encoder) -> None:
    long = " ".join(f"Word{k} costs {k},5 Mrd." for k in range(9_000))
    assert len(make_features([text("Long", long)], encoder)[0]) <= 6_000


def test_features_of_a_text_do_not_hang_on_its_neighbours(encoder: Encoder) -> None:
    one, other = text("Dam bursts", "Water everywhere."), text("", "")
    assert make_features([one, other], encoder)[0] == make_features([one], encoder)[0]


def test_features_of_another_version_or_encoder_are_refused(encoder: Encoder) -> None:
    ours = make_features([text("Dam bursts")], encoder)[0]
    theirs = make_features([text("Dam bursts")], Letters())[0]
    newer = struct.pack("<H", 99) + ours[2:]
    for features in ([ours, theirs], [newer]):
        with pytest.raises(FeaturesError):
            decode(features)


def test_links_to_the_own_house_do_not_count() -> None:
    links = ("https://a.example/x", "https://www.a.example/y", "https://study.example/z", "mailto:x")
    assert decode(make_features([text("T", links=links)], Letters())).links.counts.tolist() == [1]


@settings(max_examples=8)
@given(st.lists(st.tuples(st.text(max_size=40), st.text(max_size=120)), min_size=1, max_size=4))
def test_any_texts_can_be_compared(pieces: list[tuple[str, str]]) -> None:
    texts = [text(title, body) for title, body in pieces]
    features = make_features(texts, load_encoder())
    members = [Member(k, "a.example", "en", NOON, blob) for k, blob in enumerate(features)]
    left, right = np.triu_indices(len(members), 1)
    assert np.isfinite(compare(make_window(members, 72, "use-m3"), left, right)).all()


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        (
            "OpenAI board in discussions with ousted CEO - The Verge",
            "OpenAI board in discussions with ousted CEO",
        ),
        (
            "Sports News | Breastfeeding Olympians Allowed to Bring Babies | LatestLY",
            "Breastfeeding Olympians Allowed to Bring Babies",
        ),
        ("Musk befindet sich in Gesprächen mit Putin – WSJ", "Musk befindet sich in Gesprächen mit Putin"),
        ("  Dam   bursts ", "Dam bursts"),
    ],
)
def test_what_an_outlet_adds_to_its_headlines_comes_off(title: str, expected: str) -> None:
    assert clean_title(title) == expected


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Der Tag in Kürze: Musks Draht nach Moskau", True),
        ("Paris opening ceremony: Céline Dion sings – as it happened", True),
        ("10 things in tech you need to know today", True),
        ("Günün özeti: üç haber", True),
        ("They live in Lyon and vote in Paris", False),
        ("Dam bursts above Orlivka", False),
    ],
)
def test_round_ups_are_known_by_their_headline(title: str, expected: bool) -> None:
    assert is_roundup(title) is expected


def test_an_empty_text_and_a_lone_surrogate_do_no_harm(encoder: Encoder) -> None:
    vectors = encoder.encode(["", "\ud800 dam", "?!", "dam"])
    assert np.linalg.norm(vectors, axis=1).round(3).tolist() == [0, 1, 0, 1]


def test_the_encoder_is_loaded_once_whether_it_is_named_or_not(encoder: Encoder) -> None:
    assert load_encoder() is load_encoder("use-m3") is load_encoder(name="use-m3") is encoder


def test_an_unknown_encoder_is_named_with_those_there_are() -> None:
    with pytest.raises(UnknownEncoderError, match="use-m3"):
        load_encoder("nobody")


def test_the_background_gives_back_what_was_measured() -> None:
    vectors = np.random.default_rng(1).normal(size=(2, 500, 70)).astype(np.float32)
    vectors[0, 0] = 0
    background = measure_background(vectors)
    measured = np.cov(vectors[1].T, bias=True)
    assert np.abs(background.spread(1) - measured).max() < 0.2
    assert load_background("use-m3").mean.shape == (3, 512)


def test_every_term_of_the_weights_is_a_signal_or_a_product_of_two() -> None:
    for term in load_weights("use-m3").terms:
        assert set(term.split("*")) <= set(SIGNALS)


def test_signals_are_the_same_both_ways(newsroom: list[Member]) -> None:
    window = make_window(newsroom, 72, "use-m3")
    left, right = np.triu_indices(len(newsroom), 1)
    assert np.allclose(compare(window, left, right), compare(window, right, left), atol=1e-5)


def test_what_articles_cite_links_them(members_of: Callable[..., list[Member]]) -> None:
    from dataclasses import replace

    made = members_of([(f"{c}.example", "en", 0, "Talks", "They talk.") for c in "abcd"])
    cites = [(), ("a.example",), ("a.example", "z.example"), ("y.example",)]
    window = make_window([replace(m, cited=c) for m, c in zip(made, cites, strict=True)], 72, "use-m3")
    column = SIGNALS.index("cited")
    signals = compare(window, np.array([0, 1, 1, 0]), np.array([1, 2, 3, 3]))[:, column]
    assert signals.tolist() == [1, 1, -1, 0]


def test_another_encoder_can_be_plugged_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plugged.py").write_text("class Mine:\n    name, version = 'mine', '1'\n", encoding="utf-8")
    info = tmp_path / "plugged-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: plugged\nVersion: 1\n", encoding="utf-8")
    points = "[aggregator.encoders]\nmine = plugged:Mine\n"
    (info / "entry_points.txt").write_text(points, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert load_encoder("mine").name == "mine"
