from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.articles.decode import charset_label, decode_page

GERMAN, RUSSIAN, POLISH = "Köln – größer als „Düren“", "Съезд открылся в Москве", "Łódź, Gdańsk i Kraków"


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        (RUSSIAN.encode("windows-1251"), "text/html; charset=windows-1251", RUSSIAN),
        (POLISH.encode("iso-8859-2"), 'text/html; charset="ISO-8859-2"', POLISH),
        (GERMAN.encode("windows-1252"), "text/html;charset=iso-8859-1", GERMAN),  # as browsers read it
        (RUSSIAN.encode("koi8-r"), "text/html; charset=koi8-r", RUSSIAN),
        ("日本の新聞".encode("shift_jis"), "text/html; charset=Shift_JIS", "日本の新聞"),
        ("日本の新聞".encode("iso2022_jp"), "text/html; charset=iso-2022-jp", "日本の新聞"),
        ("中文报纸".encode("gb18030"), "text/html; charset=gb2312", "中文报纸"),
        (GERMAN.encode("utf-16"), None, GERMAN),
        (codecs.BOM_UTF16_BE + GERMAN.encode("utf-16-be"), "text/html; charset=utf-8", GERMAN),
        (codecs.BOM_UTF8 + GERMAN.encode(), "text/html; charset=windows-1251", GERMAN),
        (GERMAN.encode("utf-16-le"), "text/html; charset=utf-16le", GERMAN),
        (GERMAN.encode(), "text/html; charset=iso-8859-1", GERMAN),  # the label is wrong
        (b"plain", None, "plain"),
        (b"", "text/html; charset=utf-8", ""),
    ],
)
def test_l34_bytes_become_the_text_that_a_reader_would_see(
    body: bytes, content_type: str | None, text: str
) -> None:
    got = decode_page(body, content_type)
    assert "�" not in got
    assert got == text


@pytest.mark.parametrize(
    "declaration",
    [
        '<meta charset="windows-1251">',
        "<meta http-equiv='Content-Type' content='text/html; charset=windows-1251'>",
        '<?xml version="1.0" encoding="windows-1251"?>',
    ],
)
def test_the_page_itself_may_name_its_charset(declaration: str) -> None:
    page = f"{declaration}<p>{RUSSIAN}</p>"
    assert decode_page(page.encode("windows-1251"), "text/html") == page


def test_a_declared_charset_that_does_not_fit_gives_way_to_one_that_does() -> None:
    page = f'<meta charset="windows-1251"><p>{RUSSIAN}</p>'
    assert decode_page(page.encode("windows-1251"), "text/html; charset=utf-8") == page


def test_a_meta_element_that_says_utf_16_cannot_be_right() -> None:
    assert decode_page(b'<meta charset="utf-16"><p>abc</p>', None).endswith("<p>abc</p>")


def test_one_broken_byte_costs_one_character() -> None:
    body = GERMAN.encode() * 3 + b"\xff" + GERMAN.encode()
    assert decode_page(body, None) == GERMAN * 3 + "�" + GERMAN
    assert decode_page(body, "text/html; charset=utf-8") == GERMAN * 3 + "�" + GERMAN


def test_legacy_text_without_any_label_is_guessed() -> None:
    text = "Городской совет во вторник вечером одобрил строительство нового моста через реку. " * 5
    assert decode_page(text.encode("windows-1251"), None) == text


@pytest.mark.parametrize(
    "label", ["hex", "idna", "unicode_escape", "undefined", "utf-7", "nonsense", "a\0b", ""]
)
def test_labels_that_name_no_charset_of_pages_are_ignored(label: str) -> None:
    assert charset_label(label) is None


@given(st.binary(max_size=300), st.none() | st.text(max_size=30))
def test_decoding_never_raises(body: bytes, content_type: str | None) -> None:
    assert isinstance(decode_page(body, content_type), str)
