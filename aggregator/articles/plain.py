"""HTML fragments and stray characters to plain text."""

from __future__ import annotations

import re
from html import unescape

from lxml import etree, html

# C0 and C1 controls, lone surrogates and non-characters: SQLite's length() stops at NUL (conformance S35),
# encoders raise on surrogates (S34).
_UNWANTED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_TWO_A_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")  # Chinese, Japanese
_FIVE_A_WORD = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")  # Thai, Lao, Burmese, Khmer
_MARKUP = re.compile(r"<[a-zA-Z/!][^<>]*>")
_BLOCK_TAGS = """
    address article aside blockquote br dd div dl dt figcaption figure footer h1 h2 h3 h4 h5 h6 header hr li
    main ol p pre section table td th tr ul
"""
_BLOCKS = frozenset(_BLOCK_TAGS.split())
_SILENT = ("script", "style", "template", "noscript", "iframe", "svg", "form", "button", "select", "textarea")
_FRAGMENT_PARSER = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)


def clean(text: str) -> str:
    """Return text without control characters and lone surrogates, trimmed; line breaks stay."""
    return _UNWANTED.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def count_words(text: str) -> int:
    """Count the words of a text; in scripts without blanks two (or five) characters are one."""
    return len(text.split()) + len(_TWO_A_WORD.findall(text)) // 2 + len(_FIVE_A_WORD.findall(text)) // 5


def one_line(text: str | None) -> str:
    """Return text on one line, entities resolved once, tags removed: for titles and names from metadata."""
    return " ".join(clean(_MARKUP.sub("", unescape(text or ""))).split())


def html_text(fragment: str) -> str:
    """Return the text of an HTML fragment, one block a line."""
    if "<" not in fragment:
        return clean(unescape(fragment))
    body = clean(fragment)
    root = html.document_fromstring(f"<div>{body}</div>".encode(), parser=_FRAGMENT_PARSER)
    etree.strip_elements(root, *_SILENT, with_tail=False)
    pieces: list[str] = []
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if element.tag in _BLOCKS:
            pieces.append("\n")
        if event == "start":
            pieces.append(element.text or "")
        else:
            pieces.append(element.tail or "")
    lines = (" ".join(line.split()) for line in "".join(pieces).split("\n"))
    return "\n".join(line for line in lines if line)
