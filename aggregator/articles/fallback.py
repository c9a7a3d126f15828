"""An article made of what its feed says, where the page cannot be had or is of no use."""

from __future__ import annotations

from aggregator.articles.body import MAX_TEXT
from aggregator.articles.languages import detect_language
from aggregator.articles.plain import clean, html_text, one_line
from aggregator.articles.urls import canonical_url
from aggregator.model import ArticleStatus, EntryText, Extraction


def entry_text(entry: EntryText) -> str:
    """Return the longer of the entry's content (as text) and its summary."""
    return max(html_text(entry.content), clean(entry.summary), key=len)[:MAX_TEXT]


def from_entry(entry: EntryText, *, url: str, status: ArticleStatus, detail: str) -> Extraction:
    """Return the article that the entry alone gives, for pages that cannot be had or are not to be fetched.

    ``status`` and ``detail`` (one plain sentence) say why; the text may be empty.
    """
    title, text = one_line(entry.title), entry_text(entry)
    return Extraction(
        url=canonical_url(url),
        status=status,
        title=title,
        text=text,
        lang=detect_language(f"{title}\n{text}", entry.language),
        author=one_line(entry.author) or None,
        published_at=entry.published_at,
        detail=detail,
    )
