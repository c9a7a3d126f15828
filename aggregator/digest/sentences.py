"""The sentences of a text, in any script that marks their ends, without datelines and page furniture."""

from __future__ import annotations

import re

from .clean import clean_paragraphs

_END = re.compile(
    r"""[.!?…؟۔।]["'»”’“)\]]*\s+(?=["'«„“‘(\[¿¡—–-]*[^\W_a-zà-öø-ÿа-яё])|[。！？][」』”’）]*\s*"""
)
_LAST_WORD = re.compile(r"([^\W_]+)\.[\"'»”’“)\]]*\s*$")
_ABBREVIATIONS = re.compile(
    r"""approx|bzw|ca|capt|cf|co|corp|dep|dr|ed|etc|gen|gov|hr|inc|jr|lt|ltd|maj|mio|mme|mr|mrd|mrs|ms|no|nr|prof
      |rep|rev|sen|sgt|sr|sra|st|usw|vgl|vs|jan|feb|mar|apr|jun|jul|aug|sept?|o[ck]t|nov|de[cz]
      |им|млн|млрд|проф|ст|стр|тыс|ул|янв|фев|апр|авг|сент|окт|ноя|дек|\d{1,2}|.""",
    re.VERBOSE,
)
# "BERLIN (Reuters) - ", "МОСКВА, 24 ноября. /ТАСС/. ", "МОСКВА, 24 ноя — РИА Новости. ", "WASHINGTON — "
_DATELINE = re.compile(
    r"""\A(?:[^\W\d_](?:[^.!?:;()]|\b\w{2,5}\.(?=\s\()){1,60}\s\([^()]{2,40}\)\s*[-–—―:]+\s+
      | [^\W\d_][^!?:;()/]{1,40}\s/[^/\s]{2,20}/[.:]?\s*[-–—―]*\s*
      | [^\W\d_][^!?:;()\d]{1,40}\d{1,2}\s[^\W\d_]{2,12}\.?\s[-–—]\s[^.!?]{2,24}\.\s
      | [A-ZÀ-ÖØ-ÞА-ЯЁ][A-ZÀ-ÖØ-ÞА-ЯЁ ,.-]{2,40}\s[—–-]\s)
    """,
    re.VERBOSE,
)
_FURNITURE = re.compile(
    r"""©|cookie|newsletter|all\ rights\ reserved|sign\ up|subscribe|click\ here
      |follow\ us|read\ (?:more|also)|continue\ reading
      | (?:photo|foto|image|bild|фото|video|видео)\s?[:/]|advertisement
      | abonnieren|lesen\ sie\ (?:auch|mehr)|mehr\ zum\ thema|anzeige$
      | abonnez-vous|lire\ aussi|à\ lire|suscríb|lea\ también|leia\ (?:mais|também)|leggi\ anche|iscriviti
      | подпис(?:ывайтесь|аться)|подпишитесь|читайте\ также|اقرأ\ أيضا|اشترك
    """,
    re.VERBOSE | re.IGNORECASE,
)
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_STOPS = tuple(".!?…؟۔।。！？")
_MIN_WORDS = 5
_MAX_CHARACTERS = 420


def sentences(text: str) -> list[str]:
    """Return the sentences of ``text`` that tell something, in order.

    A paragraph's end is a sentence's end. The dateline before the first sentence, page furniture ("Read
    also"), what is too short or long to be a sentence and the torn end of a cut text are left out.
    """
    return [sentence for sentence in lines(text) if _tells_something(sentence)]


def lines(text: str) -> list[str]:
    """Return the sentences of ``text`` and all else its paragraphs hold, in order, without the dateline."""
    return [part for paragraph in clean_paragraphs(undated(text)) for part in split(paragraph)]


def undated(text: str) -> str:
    """Return ``text`` without the dateline it begins with."""
    return _DATELINE.sub("", text.lstrip(), count=1)


def split(paragraph: str) -> list[str]:
    """Return the sentences of one line of text."""
    parts, start = [], 0
    for match in _END.finditer(paragraph):
        if not _is_abbreviated(paragraph[start : match.end()]):
            parts.append(paragraph[start : match.end()].strip())
            start = match.end()
    rest = paragraph[start:].strip()
    return [*parts, rest] if rest else parts


def _is_abbreviated(sentence: str) -> bool:
    """Tell whether the last full stop belongs to an initial ("J."), an ordinal ("24.") or an abbreviation."""
    match = _LAST_WORD.search(sentence)
    return match is not None and _ABBREVIATIONS.fullmatch(match[1].casefold()) is not None


def _tells_something(sentence: str) -> bool:
    wordy = len(sentence.split()) >= _MIN_WORDS or len(_WIDE.findall(sentence)) >= 2 * _MIN_WORDS
    complete = sentence.rstrip("\"'»”’“)]」』）").endswith(_STOPS)
    return wordy and complete and len(sentence) <= _MAX_CHARACTERS and not _FURNITURE.search(sentence)
