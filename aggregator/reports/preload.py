"""Imported by the fork server: loads once what every worker process needs, so that they share it.

The encoder's weights, the language model, outlets and grammar, and what trafilatura loads at its first page
are 330 MB that each worker would load for itself. Two workers and the service, proportional set size after
60 pages: 579 MB without, 361 MB with this; a third worker adds 15 MB.
"""

from __future__ import annotations

import gc
from datetime import UTC, datetime

import aggregator.feeds  # noqa: F401  # loaded for the workers
from aggregator.articles import extract_article
from aggregator.model import EntryText, Text
from aggregator.reports.analyse import analyse_texts
from aggregator.reports.encoder import UseEncoder

_SENTENCE = "Shares of the company fell on Monday after Reuters reported that its chairman would resign. "
_PAGE = f"<html><body><article><h1>A headline</h1><p>{_SENTENCE * 20}</p></article></body></html>"

_YOUNG_OBJECTS = 100_000
"""A feed of 30 entries is some 20,000 objects at once, which go with their last reference."""


def load() -> None:
    """Read and analyse a made-up article."""
    page = extract_article(
        _PAGE.encode(), url="http://example.org/a", content_type="text/html", entry=EntryText(title="")
    )
    text = Text(0, "example.org", page.title, page.text, "en", datetime(2026, 1, 1, tzinfo=UTC))
    analyse_texts((text,), UseEncoder.name, ())
    gc.collect()
    gc.freeze()  # a later collection would write to what is shared, and so copy it
    gc.set_threshold(_YOUNG_OBJECTS)


load()
