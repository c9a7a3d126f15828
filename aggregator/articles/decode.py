"""Bytes of a page to the text a reader would see, whatever the labels say."""

from __future__ import annotations

import codecs
import re

from trafilatura.utils import detect_encoding

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_HEADER_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([\w:.+-]+)", re.IGNORECASE)
_META_CHARSET = re.compile(rb"<meta\b[^>]{0,400}?charset\s*=\s*[\"']?\s*([\w:.+-]+)", re.IGNORECASE)
_PROLOG_CHARSET = re.compile(rb"^\s*<\?xml\b[^>]{0,200}?encoding\s*=\s*[\"']([\w:.+-]+)", re.IGNORECASE)
# Where the WHATWG Encoding Standard (section 4.2) reads a label otherwise than Python's codec of that name.
_AS_BROWSERS_DO = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
}
# Python also looks up codecs that no page is written in (hex, idna, unicode_escape).
_CHARSETS = re.compile(
    r"ascii|utf-8|utf-(16|32)(-[lb]e)?|cp\d+|iso8859-\d+|koi8-[rtu]|mac-\w+|kz1048|ptcp154|tis-620|johab|hz|"
    r"gb2312|gbk|gb18030|big5(hkscs)?|euc_\w+|shift_jis\w*|iso2022_jp\w*"
)
_META_WITHIN = 4096  # bytes; browsers look at the first 1024, some pages put scripts first


def charset_label(label: str) -> str | None:
    """Return the Python codec for a charset label, read as browsers do; None if it names no charset."""
    try:
        name = codecs.lookup(label.strip()).name
    except (LookupError, ValueError):
        return None
    return _AS_BROWSERS_DO.get(name, name) if _CHARSETS.fullmatch(name) else None


def decode_page(body: bytes, content_type: str | None) -> str:
    """Return a page's text.

    Order: byte order mark; UTF-8 if the bytes are valid UTF-8 with something beyond ASCII in it (legacy
    text never is, and labels that contradict it are wrong); what the Content-Type header says, then a meta
    element, then an XML declaration, the first of them that fits; a guess. Bytes that fit nothing become
    U+FFFD one by one.
    """
    for bom, codec in _BOMS:
        if body.startswith(bom):
            return body[len(bom) :].decode(codec, "replace")
    if not body.isascii() and (text := _strict(body, "utf-8")) is not None:
        return text
    labels = _declared(body, content_type)
    for codec in labels:
        if (text := _strict(body, codec)) is not None:
            return text
    return body.decode(labels[0] if labels else _guess(body), "replace")


def _declared(body: bytes, content_type: str | None) -> list[str]:
    labels: list[str] = _HEADER_CHARSET.findall(content_type or "")[:1]
    in_page = _META_CHARSET.findall(body[:_META_WITHIN])[:1] + _PROLOG_CHARSET.findall(body[:300])
    codecs_in_page = [charset_label(label.decode("ascii", "replace")) for label in in_page]
    # a label that could be read at all was not written in UTF-16 (WHATWG HTML section 13.2.3.2)
    readable = ["utf-8" if c and c.startswith("utf-16") else c for c in codecs_in_page]
    return [c for c in [*map(charset_label, labels), *readable] if c]


def _strict(body: bytes, codec: str) -> str | None:
    try:
        return body.decode(codec)
    except (UnicodeDecodeError, LookupError):
        return None


def _guess(body: bytes) -> str:
    """UTF-8 with a few broken bytes stays UTF-8; else what charset-normalizer thinks."""
    broken = body.decode("utf-8", "replace").count("�")
    beyond_ascii = sum(byte > 127 for byte in body[:200_000])
    if broken * 10 < beyond_ascii:
        return "utf-8"
    return next(
        (c for c in map(charset_label, detect_encoding(body)) if c and _strict(body, c) is not None), "utf-8"
    )
