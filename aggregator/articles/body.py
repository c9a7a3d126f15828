"""The text of an article and the links within it: trafilatura on the tree of a page."""

from __future__ import annotations

import logging
from copy import deepcopy
from dataclasses import dataclass

from lxml.html import HtmlElement  # noqa: TC002
from trafilatura import bare_extraction
from trafilatura.settings import DEFAULT_CONFIG, Document

from aggregator.articles.metadata import urljoined
from aggregator.articles.plain import clean, count_words
from aggregator.articles.titles import letters
from aggregator.articles.urls import canonical_url, is_web_address

MAX_TEXT = 200_000  # characters of text that are kept, about 35,000 words
MAX_LINKS = 50  # links within one text that are kept

# trafilatura reports pages that it cannot use as errors; here that is a value (ArticleStatus and detail).
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)

# Short lines that are nothing but links ("Read also: ...", "Click here to get the app", lists of related
# articles). Word F1 on 113 news pages / time a page: trafilatura alone 0.9556 / 13.6 ms; without the
# headline at the top of the text 0.9600; and without such paragraphs 0.9615, headings 0.9612, lists 0.9607,
# all of them 0.9635 / 12.2 ms (nine pages gain, two lose up to 0.03); with _CONFIG 0.9647. trafilatura's
# own modes: precision 0.9625, fast 0.9612, but these lose 0.028 and 0.018 on another set of 85 news pages.
# The newsroom's pages score 1.0 with all of them.
_ALL_LINKS = ".//a and not(.//text()[normalize-space()][not(ancestor::a)])"
_LINK_LINES = [
    f"//*[self::p or self::h2 or self::h3 or self::h4][{_ALL_LINKS}][string-length(normalize-space()) < 200]",
    f"//*[self::ul or self::ol][{_ALL_LINKS}]",
]
_FEW_WORDS = 12  # fewer are not worth losing the links of a page for
_CONTEXT = 40  # characters on each side of a link by which it is found again in the text

# Below this number of characters trafilatura throws its extraction away and takes every text on the page.
# Word F1 on the 113 pages, and on pages of the newsroom cut to briefs of 15 / 25 / 40 words: 250 (its
# default) 0.9590 and 0.61 / 0.72 / 0.90; 150 0.9596 and 0.61 / 0.89 / 1; 100 0.9603 and 0.75 / 1 / 1; 50,
# 25 and 10 0.9601 and 1 / 1 / 1.
_CONFIG = deepcopy(DEFAULT_CONFIG)
_CONFIG.set("DEFAULT", "MIN_EXTRACTED_SIZE", "50")

_INLINE = ("b", "em", "font", "i", "span", "strong", "u")


@dataclass(frozen=True, slots=True)
class Body:
    """The text of an article, one paragraph a line, and the addresses that it links to."""

    text: str = ""
    links: tuple[str, ...] = ()


def read_body(tree: HtmlElement, *, headlines: tuple[str, ...], base: str) -> Body:
    """Return the article in a parsed page; an empty text where trafilatura finds none.

    ``headlines`` are left out at the top of the text; ``base`` is what relative links are relative to.
    """
    text = _article_text(tree, _LINK_LINES)
    if count_words(text) < _FEW_WORDS:  # a page of nothing but links: a press review, a list of reports
        text = max(text, _article_text(tree, None), key=len)
    text = _shortened(_without_headline(text, headlines))
    return Body(text, tuple(_links(tree, text, base))) if text else Body()


def _article_text(tree: HtmlElement, pruned: list[str] | None) -> str:
    """Return what trafilatura takes for the article, without the elements ``pruned``.

    No comments. ``deduplicate`` stays off (it remembers texts across calls), metadata is not asked for (its
    date parameters read the clock).
    """
    document = bare_extraction(tree, include_comments=False, prune_xpath=pruned, config=_CONFIG)
    return clean(document.text or "") if isinstance(document, Document) else ""


def _without_headline(text: str, headlines: tuple[str, ...]) -> str:
    lines = text.split("\n")
    known = {letters(h) for h in headlines}
    while len(lines) > 1 and letters(lines[0]) in known:
        lines.pop(0)
    return "\n".join(lines)


def _shortened(text: str) -> str:
    if len(text) <= MAX_TEXT:
        return text
    return text[:MAX_TEXT].rsplit("\n", 1)[0]


def _links(tree: HtmlElement, text: str, base: str) -> list[str]:
    """Return the canonical addresses that the sentences of the text link to, in their order."""
    present = letters(text)
    found: dict[str, None] = {}
    for anchor in tree.iter("a"):
        href = anchor.get("href")
        if not href or not _is_in_a_sentence(anchor, present):  # before the address: it costs more
            continue
        url = canonical_url(urljoined(base, href) or "")
        if is_web_address(url):
            found.setdefault(url)
        if len(found) == MAX_LINKS:
            break
    return list(found)


def _is_in_a_sentence(anchor: HtmlElement, present: str) -> bool:
    """Tell whether a link stands between words and with them in the text (``present``: its letters)."""
    element, around = anchor, _neighbours(anchor)
    while not any(around) and element.getparent() is not None and element.getparent().tag in _INLINE:
        element = element.getparent()
        around = _neighbours(element)
    before, after = around
    return any(around) and f"{before}{letters(anchor.text_content())}{after}" in present


def _neighbours(element: HtmlElement) -> tuple[str, str]:
    """Return the letters next to an element, on its left and on its right."""
    left, right, parent = element.getprevious(), element.getnext(), element.getparent()
    before = left.tail if left is not None else parent.text if parent is not None else None
    if not (before or "").strip() and left is not None and left.tag in _INLINE:
        before = left.text_content()
    after = element.tail
    if not (after or "").strip() and right is not None and right.tag in _INLINE:
        after = right.text_content()
    return letters((before or "")[-_CONTEXT:]), letters((after or "")[:_CONTEXT])
