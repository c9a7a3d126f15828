"""A page's bytes to an article: text, headline, author, date, language, links; and whether that is all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from cssselect import HTMLTranslator
from lxml.html import HtmlElement  # noqa: TC002
from trafilatura import load_html

from aggregator.articles.body import Body, read_body
from aggregator.articles.decode import decode_page
from aggregator.articles.fallback import entry_text, from_entry
from aggregator.articles.languages import detect_language
from aggregator.articles.metadata import PageMetadata, read_metadata
from aggregator.articles.plain import count_words, one_line
from aggregator.articles.titles import choose_title
from aggregator.articles.urls import page_url
from aggregator.articles.walls import STUB_WORDS, Wall, find_wall
from aggregator.model import ArticleStatus, EntryText, Extraction

# A page is read up to here. trafilatura's time grows faster than the page (18 MB: 57 s, 6 MB of links:
# 44 s; conformance S25). Paragraphs that each hold a link: 40,000 tags 1.2 s, 80,000 7 s, 160,000 30 s; the
# largest of 113 real news pages has 1.5 MB and 3,229 tags.
MAX_CHARACTERS = 3_000_000
MAX_TAGS = 40_000
# Longer tags are left out: parsing takes the square of the number of attributes (16,000: 0.4 s).
_ENDLESS_TAG = re.compile(r"<[^<>]{50000,}>?")

_MARKUP_TYPE = re.compile(
    r"\s*(?:text/html|application/xhtml\+xml|text/xml|application/xml)\b", re.IGNORECASE
)
_UNSURE_TYPE = re.compile(
    r"\s*(?:text/plain|application/octet-stream|unknown/\S*|\S*\*)?\s*(?:;|$)", re.IGNORECASE
)
_LOOKS_LIKE_HTML = re.compile(r"<!doctype html|<html|<head|<body|<article|<meta\s", re.IGNORECASE)
_FEWEST_WORDS = 8  # that are taken for an article where the page does not say it is one ("Loading ...")
_NOTHING_READ = Wall(ArticleStatus.TEASER, "no article text could be read from the page")


def extract_article(
    page: bytes,
    *,
    url: str,
    content_type: str | None,
    entry: EntryText,
    headers: Iterable[tuple[str, bytes]] = (),
    link: str | None = None,
    strip: tuple[str, ...] = (),
) -> Extraction:
    """Return the article of a page that was fetched from ``url`` (the address after redirects).

    ``entry`` is what the feed says and takes the page's place where the page is of no use; ``link`` is the
    address the entry gave, under which an article is known whose page turns out to be a wall; ``strip``
    holds CSS selectors of what is taken out of the page before anything is read. Pure and total: whatever
    the bytes, it returns; pages that take too long are the business of the process that runs it.
    """
    known = link or url
    if not _may_be_html(page, content_type):
        detail = f"the page is not HTML but {one_line(content_type)[:80] or 'something unknown'}"
        return from_entry(entry, url=known, status=ArticleStatus.TEASER, detail=detail)
    try:
        tree = load_html(_bounded(decode_page(page, content_type)))
        if tree is None:
            return from_entry(entry, url=known, status=ArticleStatus.TEASER, detail=_NOTHING_READ.detail)
        _strip(tree, strip)
        return _read(tree, url, known, entry, headers)
    except Exception as error:  # lxml and trafilatura raise of many kinds on hostile pages
        detail = f"the page could not be read ({type(error).__name__})"
        return from_entry(entry, url=known, status=ArticleStatus.TEASER, detail=detail)


def _strip(tree: HtmlElement, selectors: tuple[str, ...]) -> None:
    for selector in selectors:
        for element in tree.xpath(_xpath(selector)):
            if element.getparent() is not None:
                element.drop_tree()


@cache
def _xpath(selector: str) -> str:
    return HTMLTranslator().css_to_xpath(selector)


def _bounded(text: str) -> str:
    text = _ENDLESS_TAG.sub("", text[:MAX_CHARACTERS])
    return text if text.count("<") <= MAX_TAGS else "<".join(text.split("<", MAX_TAGS + 1)[: MAX_TAGS + 1])


def _read(
    tree: HtmlElement, url: str, known: str, entry: EntryText, headers: Iterable[tuple[str, bytes]]
) -> Extraction:
    meta = read_metadata(tree, url)
    body = read_body(tree, headlines=(*meta.headlines, entry.title), base=meta.base)
    wall = find_wall(tree, body.text, meta, url=url, headers=headers)
    if wall and not wall.shows_beginning:
        return from_entry(entry, url=known, status=wall.status, detail=wall.detail)
    if not meta.is_article and count_words(body.text) < _FEWEST_WORDS:
        return from_entry(entry, url=known, status=ArticleStatus.TEASER, detail=_NOTHING_READ.detail)
    return _article(meta, body, wall or (None if body.text else _NOTHING_READ), url, entry)


def _article(meta: PageMetadata, body: Body, wall: Wall | None, url: str, entry: EntryText) -> Extraction:
    text = _better_text(body.text, entry_text(entry), teaser=wall is not None)
    title = choose_title(meta.headlines, one_line(entry.title), site_name=meta.site_name, url=url)
    return Extraction(
        url=page_url(url, meta.canonical, meta.og_url),
        status=wall.status if wall else ArticleStatus.FULL,
        title=title,
        text=text,
        lang=detect_language(f"{title}\n{text}", entry.language or meta.language),
        author=meta.author or one_line(entry.author) or None,
        published_at=entry.published_at or meta.published_at,
        links=body.links,
        detail=wall.detail if wall else None,
    )


def _better_text(page: str, entry: str, *, teaser: bool) -> str:
    """The page's text, unless it is a stub or half of what a feed that carries whole articles has."""
    page_words, entry_words = count_words(page), count_words(entry)
    if teaser:
        return entry if entry_words > page_words else page
    return entry if entry_words > max(2 * page_words, STUB_WORDS) else page


def _may_be_html(page: bytes, content_type: str | None) -> bool:
    """A type that says markup, or says nothing while the bytes begin like HTML."""
    if _MARKUP_TYPE.match(content_type or ""):
        return True
    beginning = page[:2048].replace(b"\x00", b"").decode("latin-1")
    return bool(_UNSURE_TYPE.match(content_type or "") and _LOOKS_LIKE_HTML.search(beginning))
