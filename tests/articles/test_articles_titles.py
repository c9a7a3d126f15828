from __future__ import annotations

import pytest

from aggregator.articles.titles import choose_title, without_outlet

URL = "https://www.hainfelder-bote.de/a/1"
HEADLINE = "Hainfeld baut eine neue Brücke"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (f"{HEADLINE} | Hainfelder Bote", HEADLINE),
        (f"{HEADLINE} | Politik | Hainfelder Bote", HEADLINE),
        (f"{HEADLINE} - Hainfelder Bote", HEADLINE),
        (f"{HEADLINE} – hainfelder-bote.de", HEADLINE),
        (f"Hainfelder Bote - {HEADLINE}", HEADLINE),
        (f"Hainfelder Bote | {HEADLINE}", HEADLINE),
        (f"{HEADLINE} - und keiner fährt", f"{HEADLINE} - und keiner fährt"),
        ("Trump: Ich war es nicht", "Trump: Ich war es nicht"),
        ("Brücke | Kommentar zum Bau in Hainfeld", "Brücke | Kommentar zum Bau in Hainfeld"),
        ("Hainfelder Bote", "Hainfelder Bote"),
        ("", ""),
    ],
)
def test_the_outlets_name_is_taken_off_either_end(written: str, expected: str) -> None:
    assert without_outlet(written, "Hainfelder Bote", URL) == expected


@pytest.mark.parametrize(
    ("headlines", "entry", "expected"),
    [
        ((HEADLINE, f"{HEADLINE} | Bote"), "", HEADLINE),
        (("Der Bote", HEADLINE, f"{HEADLINE} - Lokales"), "Anderes", HEADLINE),
        (("Abo bestellen",), HEADLINE, HEADLINE),
        (("Abo bestellen",), "", "Abo bestellen"),
        ((), HEADLINE, HEADLINE),
        ((), "", ""),
        (("Neue Brücke für Hainfeld",), HEADLINE, "Neue Brücke für Hainfeld"),
    ],
)
def test_the_headline_is_the_first_that_something_agrees_with(
    headlines: tuple[str, ...], entry: str, expected: str
) -> None:
    assert choose_title(headlines, entry, site_name="Bote", url=URL) == expected
