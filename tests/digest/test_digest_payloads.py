"""The published collections of attacks, where they are at hand, in every place a stranger can write in."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from lxml import etree
from markdown_it import MarkdownIt

from aggregator.digest.model import Digest
from aggregator.digest.render import render

SUITE = Path(__file__).parents[3] / "shared" / "suites" / "security.zip"
_KEYS = {
    "xss_dompurify.jsonl": "payload",
    "xss_h5sc.jsonl": "payload",
    "sanitize_miniflux.jsonl": "input",
    "url_scheme_miniflux.jsonl": "url",
}
Elements = list[tuple[str, tuple[str, ...]]]
pytestmark = pytest.mark.skipif(not SUITE.exists(), reason="the shared security suite is not here")


class Shape(HTMLParser):
    """The elements and attribute names of a page, in order, and where its links go."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: Elements = []
        self.hrefs: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.hrefs += [value or "" for name, value in attrs if name == "href"]


@pytest.fixture(scope="module")
def digests(hostile: Callable[..., Digest]) -> list[Digest]:
    """Return digests that hold all payloads, forty clusters each."""
    with zipfile.ZipFile(SUITE) as suite:
        found = [
            json.loads(line)[key]
            for name, key in _KEYS.items()
            for line in suite.read(name).decode().strip().split("\n")
        ]
        found += json.loads(suite.read("blns.json"))
    return [hostile(*found[at : at + 40]) for at in range(0, len(found), 40)]


def test_no_payload_changes_what_a_page_is_made_of(
    digests: list[Digest], hostile: Callable[..., Digest]
) -> None:
    harmless = Shape(render(hostile("Harmless words that are five"), "html")).elements
    for digest in digests:
        shape = Shape(render(digest, "html"))
        assert _tags(shape.elements) <= _tags(harmless) | {"a"}
        assert _names(shape.elements) <= _names(harmless) | {"href", "rel"}
        assert all(re.match(r"https?://|#", href) for href in shape.hrefs)


def test_no_payload_becomes_markup_in_markdown_or_breaks_the_others(digests: list[Digest]) -> None:
    parser = MarkdownIt("gfm-like", {"linkify": False})
    for digest in digests:
        html = parser.render(render(digest, "md"))
        elements = set(re.findall(r"<([a-z]\w*)", html))
        assert elements <= {"h1", "h2", "p", "strong", "blockquote", "ul", "li", "a"}
        assert all(re.match(r"https?://", href) for href in re.findall(r'href="([^"]*)"', html))
        etree.fromstring(render(digest, "atom").encode())
        json.loads(render(digest, "json"))
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", render(digest, "text"))


def _tags(elements: Elements) -> set[str]:
    return {tag for tag, _ in elements}


def _names(elements: Elements) -> set[str]:
    return {name for _, names in elements for name in names}
