"""The analysis of a batch of texts, in a worker process: features for clustering, and citations."""

from __future__ import annotations

from aggregator.model import Analysis, Outlet, Text
from aggregator.reports import features
from aggregator.reports.citations import find_citations
from aggregator.reports.encoder import load_encoder
from aggregator.reports.outlets import load_outlets

VERSION = f"1.{features.VERSION}"
"""Raised when stored features or citations are to be made anew."""


def analyse_texts(
    texts: tuple[Text, ...], encoder_name: str, extra_outlets: tuple[Outlet, ...]
) -> tuple[Analysis, ...]:
    """Analyse texts. What is costly to load is loaded once per process."""
    outlets = load_outlets(extra_outlets)
    made = features.make_features(texts, load_encoder(encoder_name))
    return tuple(
        Analysis(text.article_id, data, find_citations(text, outlets))
        for text, data in zip(texts, made, strict=True)
    )
