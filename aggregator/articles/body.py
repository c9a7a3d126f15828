"""The text of an article and the links within it: trafilatura on the tree of a page, called once."""

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
# all of them 0.9635 / 12.2 ms (nine pages gain, two lose up to 0.03). Figures for trafilatura's own modes:
# precision 0.9625, fast 0.9612, but both lose 0.02-0.03 on other collections of news pages. The newsroom's
# pages score 1.0 with all of these.
_ALL_LINKS = ".//a and not(.//text()[normalize-space()][not(ancestor::a)])"
_LINK_LINES = [
    f"//*[self::p or self::h2 or self::h3 or self::h4][{_ALL_LINKS}][string-length(normalize-space()) < 200]",
    f"//*[self::ul or self::ol][{_ALL_LINKS}]",
]
_FEW_WORDS = 12
_LONGEST_PARAGRAPH = 10_000  # characters; what is longer is the page's frame

# Below this number of characters trafilatura throws its extraction away and takes every text on the page.
# Word F1 on the 113 pages, and on pages of the newsroom cut to briefs of 15 / 25 / 40 words: 250 (its
# default) 0.9590 and 0.61 / 0.72 / 0.90; 150 0.9596 and 0.61 / 0.89 / 1; 100 0.9603 and 0.75 / 1 / 1; 50,
# 25 and 10 0.9601 and 1 / 1 / 1.
_CONFIG = deepcopy(DEFAULT_CONFIG)
_CONFIG.set("DEFAULT", "MIN_EXTRACTED_SIZE", "50")

_BLOCK_TAGS = ("p", "li", "blockquote", "h2", "h3", "h4", "td", "dd", "figcaption", "pre", "div")


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
    """Return the canonical addresses that the sentences of the text link to, in their order.

    A link counts if the paragraph around it stands in the text and holds more than links.
    """
    present = letters(text)
    inside: dict[HtmlElement, bool] = {}
    found: dict[str, None] = {}
    for anchor in tree.iter("a"):
        block = next(anchor.iterancestors(_BLOCK_TAGS), None)
        if block is None or not anchor.get("href"):
            continue
        if block not in inside:
            inside[block] = _is_prose(block, anchor, present)
        if inside[block] and (url := canonical_url(urljoined(base, anchor.get("href")) or "")):
            found.setdefault(url)
        if len(found) == MAX_LINKS:
            break
    return [url for url in found if is_web_address(url)]


def _is_prose(block: HtmlElement, anchor: HtmlElement, present: str) -> bool:
    """Tell whether a block is a paragraph of the text (``present``: its letters) and more than a link."""
    around = block.text_content()
    if len(around) > _LONGEST_PARAGRAPH:
        return False
    spelled = letters(around)
    return len(spelled) > len(letters(anchor.text_content())) and spelled in present
