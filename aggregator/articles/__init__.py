"""Pages to articles: addresses, extraction, languages, teasers and walls. Pure; runs in worker processes."""

from aggregator.articles.extract import extract_article
from aggregator.articles.fallback import from_entry
from aggregator.articles.languages import detect_language
from aggregator.articles.urls import canonical_url, page_url, registrable_domain

__all__ = [
    "canonical_url",
    "detect_language",
    "extract_article",
    "from_entry",
    "page_url",
    "registrable_domain",
]
