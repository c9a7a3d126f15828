"""Everything clustering needs of an article, in a few kilobytes: made once, stored, decoded in bulk.

Layout (little-endian): a fixed header, ``VECTORS`` unit vectors as float16, then five lists of uint32:
names, words, numbers, shingles, links. The first three are sorted hashes whose two lowest bits are the
place of the first mention (``TITLE``, ``LEAD``, ``REST``). An article with the usual 512 dimensions takes
3.6 to 6 kB.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from zlib import crc32

import numpy as np

from aggregator.model import Text
from aggregator.reports import names
from aggregator.reports.encoder import Encoder

if TYPE_CHECKING:
    from numpy.typing import NDArray

VERSION = 1
VECTORS = 3  # headline; headline + lead; the text without its headline
LEAD_WORDS = 60  # where the encoder knows an article best: 25-110 words were tried on SemEval, longer blurs
BODY_WORDS = 120
_READ_WORDS = 300  # beyond, a text is background
_LIMITS = {"names": 72, "words": 120, "numbers": 24, "shingles": 256, "links": 16}
KINDS = tuple(_LIMITS)
_PLACED = 3  # the first so many kinds know their place
_HEADER = np.dtype(
    [
        ("version", "<u2"),
        ("dimensions", "<u2"),
        ("encoder", "<u4"),  # which encoder made the vectors
        ("counts", "<u2", (len(KINDS),)),
        ("text_words", "<u2"),
        ("shingles", "<u2"),  # how many the text has, of which up to 256 are kept
        ("flags", "<u1"),
        ("weekdays", "<u1"),  # bit d: weekday d (0 = Monday) is named in headline or lead
    ]
)
HEADER_BYTES = _HEADER.itemsize
ROUNDUP = 1  # many reports in one text

TITLE, LEAD, REST = 3, 2, 1  # places of a first mention


class FeaturesError(ValueError):
    """Features of another version or encoder than the rest: they have to be made anew."""


def make_features(texts: Sequence[Text], encoder: Encoder) -> list[bytes]:
    """Return the features of each text, in order."""
    titles = [clean_title(text.title) for text in texts]
    leads = [
        _join(title, _first_words(text.text, LEAD_WORDS)) for title, text in zip(titles, texts, strict=True)
    ]
    bodies = [_first_words(text.text, BODY_WORDS) for text in texts]
    flat = encoder.encode([*titles, *leads, *bodies])
    vectors = flat.reshape(VECTORS, len(texts), -1).swapaxes(0, 1).astype("<f2")
    made_by = crc32(f"{encoder.name} {encoder.version}".encode())
    return [_pack(*parts, made_by) for parts in zip(texts, titles, vectors, strict=True)]


def _join(title: str, lead: str) -> str:
    return f"{title}. {lead}" if title and lead else title or lead


def _pack(text: Text, title: str, vectors: NDArray[np.float16], made_by: int) -> bytes:
    words = text.text.split()
    pieces = _pieces(title, words)
    shingles = text_shingles(text.text)
    lists = {
        "names": _first_places(
            (f"n{name}", place)
            for piece, place in pieces
            for name in names.names(piece, text.lang, headline=place == TITLE)
        ),
        "words": _first_places(
            (f"w{w}", p) for piece, p in pieces for w in names.telling_words(piece, text.lang)
        ),
        "numbers": _first_places(
            (f"#{n}", p) for piece, p in pieces for n in names.numbers(piece, text.lang)
        ),
        "shingles": sorted(shingles),
        "links": sorted({_hash(link) for link in text.links if not _own(link, text.outlet)}),
    }
    header = np.zeros((), _HEADER)
    header["version"], header["dimensions"], header["encoder"] = VERSION, vectors.shape[1], made_by
    arrays = [np.array(lists[kind][: _LIMITS[kind]], "<u4") for kind in KINDS]
    header["counts"] = [len(array) for array in arrays]
    header["text_words"] = min(len(words), 65_535)
    header["shingles"] = min(len(shingles), 65_535)
    header["flags"] = ROUNDUP if is_roundup(text.title) else 0
    header["weekdays"] = sum(
        1 << day for day in {d for piece, place in pieces[:2] for d in names.weekdays(piece, text.lang)}
    )
    return b"".join([header.tobytes(), vectors.tobytes(), *(array.tobytes() for array in arrays)])


def _pieces(title: str, words: Sequence[str]) -> list[tuple[str, int]]:
    lead, rest = words[:LEAD_WORDS], words[LEAD_WORDS:_READ_WORDS]
    return [(title, TITLE), (" ".join(lead), LEAD), (" ".join(rest), REST)]


def _first_places(found: Iterable[tuple[str, int]]) -> list[int]:
    """Return hash | place, those with the most prominent place first to survive the limit; sorted on
    packing.
    """
    places: dict[int, int] = {}
    for token, place in found:
        key = _hash(token) & ~3
        places[key] = max(place, places.get(key, 0))
    return [key | place for key, place in places.items()]


def _hash(token: str) -> int:
    return int.from_bytes(blake2b(token.encode("utf-8", "ignore"), digest_size=4).digest(), "little")


def _own(link: str, outlet: str) -> bool:
    host = (urlsplit(link).hostname or "").removeprefix("www.")
    return not host or host == outlet or host.endswith(f".{outlet}") or outlet.endswith(f".{host}")


def _first_words(text: str, count: int) -> str:
    return " ".join(text.split(maxsplit=count)[:count])


_SITE_NAME = re.compile(r"\s+(?:\||–|—|-|::|»|«|•)\s+")


def clean_title(title: str) -> str:
    """Take off what an outlet adds to its headlines: ``... | Sports News | LatestLY``, ``... - The
    Verge``.
    """
    parts = [part for part in _SITE_NAME.split(" ".join(title.split())) if part]
    if len(parts) < 2:
        return " ".join(title.split())
    longest = max(len(part.split()) for part in parts)
    kept = [part for part in parts if len(part.split()) > 4 or len(part.split()) == longest]
    return " – ".join(kept)


_ROUNDUP = re.compile(
    "|".join(
        [
            # en
            r"live[ -]?(?:ticker|blog|updates?|text)\b",
            r"\bas it happened|\blive:|^live\b|round-?up\b",
            r"\b(?:morning|evening|daily|news|weekend) (?:briefing|digest|wrap)",
            r"what (?:you|we) (?:need to know|missed) (?:today|this)",
            r"^\d+ things\b",
            # de, nl
            r"\b(?:newsblog|news-?ticker)\b|der tag in kürze|das wichtigste|die wichtigsten",
            r"nachrichten (?:am|des tages|im überblick)|\bkurz (?:notiert|gemeldet)",
            r"\bam (?:morgen|abend):|in het kort",
            # fr, es, it, pt
            r"en direct\b|l[’']essentiel de|revue de presse",
            r"en (?:vivo|directo)\b|última hora\b|resumen (?:del|de la)",
            r"\bin diretta\b|le notizie (?:del|di)|\bao vivo\b|resumo (?:do|da) ",
            # pl, ru, uk, tr
            r"\bw skrócie|na żywo\b|relacja live|онлайн-трансляция|главное (?:за|к)|итоги дня|головне за",
            r"\bcanlı |günün (?:özeti|haberleri)",
        ]
    ),
    re.IGNORECASE,
)


def is_roundup(title: str) -> bool:
    """Say whether a headline announces several reports in one text: a live ticker, the day in brief."""
    return _ROUNDUP.search(title) is not None


SHINGLE_WORDS = 4


def text_shingles(text: str) -> set[int]:
    """Return the hashes of all runs of four words, letters only: quotes retyped and hyphens moved change
    nothing.
    """
    words = re.findall(r"[^\W_]+", text.casefold())
    return {
        crc32(" ".join(words[i : i + SHINGLE_WORDS]).encode("utf-8", "ignore"))
        for i in range(len(words) - SHINGLE_WORDS + 1)
    }


@dataclass(frozen=True, slots=True)
class Tokens:
    """One kind of hashes of many articles in one array; ``starts[i] : starts[i + 1]`` are article i's."""

    keys: NDArray[np.uint32]
    places: NDArray[np.uint8]
    starts: NDArray[np.int64]

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many hashes each article has."""
        return np.diff(self.starts)

    @property
    def owners(self) -> NDArray[np.int64]:
        """The article of each hash."""
        return np.repeat(np.arange(len(self.starts) - 1), self.counts)


@dataclass(frozen=True, slots=True)
class Decoded:
    """The features of n articles as arrays."""

    vectors: NDArray[np.float32]  # (VECTORS, n, dimensions)
    names: Tokens
    words: Tokens
    numbers: Tokens
    shingles: Tokens
    links: Tokens
    text_words: NDArray[np.int64]
    shingle_total: NDArray[np.int64]
    flags: NDArray[np.int64]
    weekdays: NDArray[np.int64]


def decode(features: Sequence[bytes]) -> Decoded:
    """Unpack the features of many articles at once (20,000 in 0.3 s).

    Raises:
        FeaturesError: they are of another version, or not all of one encoder.
    """
    size = _HEADER.itemsize
    header = np.frombuffer(b"".join(blob[:size] for blob in features), _HEADER)
    if len({*header["version"].tolist(), VERSION}) > 1 or len(np.unique(header["encoder"])) > 1:
        raise FeaturesError("features of another version or encoder: make them anew")
    dimensions = int(header["dimensions"][0]) if len(header) else 0
    fixed = size + VECTORS * dimensions * 2
    flat = np.frombuffer(b"".join(blob[size:fixed] for blob in features), "<f2")
    vectors = np.ascontiguousarray(flat.reshape(-1, VECTORS, dimensions).swapaxes(0, 1), np.float32)
    rest = np.frombuffer(b"".join(blob[fixed:] for blob in features), "<u4")
    return Decoded(
        vectors,
        *_split_kinds(rest, header["counts"].astype(np.int64)),
        header["text_words"].astype(np.int64),
        header["shingles"].astype(np.int64),
        header["flags"].astype(np.int64),
        header["weekdays"].astype(np.int64),
    )


def _split_kinds(
    values: NDArray[np.uint32], counts: NDArray[np.int64]
) -> tuple[Tokens, Tokens, Tokens, Tokens, Tokens]:
    kind_of = np.repeat(np.tile(np.arange(len(KINDS)), len(counts)), counts.ravel())
    names, words, numbers, shingles, links = (
        _tokens(values[kind_of == kind], counts[:, kind], placed=kind < _PLACED) for kind in range(len(KINDS))
    )
    return names, words, numbers, shingles, links


def _tokens(values: NDArray[np.uint32], counts: NDArray[np.int64], *, placed: bool) -> Tokens:
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    if placed:
        return Tokens(values & ~np.uint32(3), (values & 3).astype(np.uint8), starts)
    return Tokens(values, np.zeros(len(values), np.uint8), starts)
