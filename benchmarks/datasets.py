"""The labelled sets that the project is measured on: our own newsrooms, and, where present, the public sets
beside us.

``../shared`` is for measuring only; what is absent is left out.
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import numpy as np

from aggregator.model import Member, Text
from aggregator.reports.encoder import Encoder
from aggregator.reports.features import make_features

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
OWN = sorted((ROOT / "tests" / "quality" / "newsroom").glob("part-*.jsonl"))
DEMO = ROOT / "aggregator" / "demo" / "newsroom.jsonl"
DEV = SHARED / "newsroom" / "dev.jsonl"
PAGES = SHARED / "suites" / "pages-news.zip"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
_BACKGROUND = re.compile(r"background: *([\w.,-]+)")


@dataclass(frozen=True, slots=True)
class Labelled:
    """An article with its labels, as far as its set has them."""

    key: str
    title: str
    text: str
    lang: str
    outlet: str
    published_at: datetime
    report: str
    copy_of: str | None = None  # key of another
    cites: frozenset[str] = frozenset()
    background: frozenset[str] = frozenset()  # cited outlets that count neither way
    origin: bool = False


def load_sets() -> dict[str, list[Labelled]]:
    """Return every set that is present, by name; ``-kept`` is a newsroom with the dates its articles
    really have.
    """
    sets: dict[str, list[Labelled]] = {}
    for name, paths in (("dev", [DEV]), ("own", OWN)):
        if articles := read_newsroom(path for path in paths if path.exists()):
            sets[f"{name}-kept"], sets[name] = articles, moved_together(articles)
    for name in ("og2021-dev", "neus", "meantime", "semeval22-articles"):
        path = SHARED / "clustering" / f"{name}.jsonl"
        if path.exists():
            sets[name.removesuffix("-articles")] = list(_public(path))
    if PAGES.exists():
        sets["pages"] = list(_pages(PAGES))
    return sets


def _lines(path: Path) -> Iterator[dict]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            yield json.loads(line)


def read_newsroom(paths: Iterable[Path]) -> list[Labelled]:
    """Read a newsroom, with the dates its articles really have."""
    return [_labelled(row) for path in paths for row in _lines(path)]


def _labelled(row: dict) -> Labelled:
    background = (
        outlet for found in _BACKGROUND.findall(row.get("note") or "") for outlet in found.split(",")
    )
    return Labelled(
        key=row["id"],
        title=row["headline"],
        text="\n".join(row["paragraphs"]),
        lang=row["lang"],
        outlet=row["outlet"].removeprefix("www."),
        published_at=datetime.fromisoformat(row["published"]).astimezone(UTC),
        report=row["story"],
        copy_of=row["copy_of"],
        cites=frozenset(map(str.lower, row["cites"])),
        background=frozenset(map(str.lower, background)),
        origin=row["origin"],
    )


def moved_together(articles: Sequence[Labelled]) -> list[Labelled]:
    """Bring all reports into the last three days, as the newsroom server does: its default, and the harder
    test.
    """
    first: dict[str, datetime] = {}
    for article in articles:
        first[article.report] = min(first.get(article.report, article.published_at), article.published_at)
    return [
        replace(
            article,
            published_at=NOW
            - timedelta(hours=73 - zlib.crc32(article.report.encode()) % 36)
            + min(article.published_at - first[article.report], timedelta(hours=36)),
        )
        for article in articles
    ]


def _public(path: Path) -> Iterator[Labelled]:
    for row in _lines(path):
        when = datetime.fromisoformat(row["published"]) if row["published"] else NOW
        yield Labelled(
            row["id"], row["title"], row["text"], row["lang"], row["source"], when, str(row["cluster"])
        )


def judged_pairs(keys: Iterable[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """SemEval-2022's pairs: two arrays of places in ``keys``, whether they tell the same report, and how far
    apart people judged them.
    """
    place = {key: k for k, key in enumerate(keys)}
    rows = [
        (place[pair["id_a"]], place[pair["id_b"]], bool(pair["label"]), pair["score"])
        for pair in _lines(SHARED / "clustering" / "semeval22-pairs.jsonl")
    ]
    left, right, same, apart = map(np.array, zip(*rows, strict=True))
    return left, right, same, apart


# Pages of the suite that do tell the same report, read one by one (its labels call all 113 unrelated):
# parts of their addresses.
SAME_PAGES = {
    "omar": ("thehill.com", "nbcnews.com", "omar"),
    "kidnap": ("cbsnews.com", "nbcdfw.com", "kidnap"),
    "meth": ("thehill.com", "usatoday.com", "nj.com", "meth"),
    "doobie": ("billboard.com", "rollingstone.com", "cleveland.com", "doobie"),
    "assange": ("bbc.com", "albawaba.com", "assange"),
    "plague": ("nypost.com", "thesun.co.uk", "express.co.uk", "smithsonianmag.com", "plague"),
    "duvet": ("forbes.com", "livescience.com", "msn.com", "duvet"),
    "wework": ("venturebeat.com", "techcrunch.com", "wework"),
    "homedepot": ("foxbusiness.com", "barrons.com", "home depot"),
    "europa": ("space.com", "hawaiinewsnow.com", "vapor"),
    "hibernate": ("ctvnews.ca", "phys.org", "hibernating"),
    "moon": ("aljazeera.com", "space.com", "nasa"),
}


def _pages(path: Path) -> Iterator[Labelled]:
    archive = zipfile.ZipFile(path)
    for k, line in enumerate(archive.read("gold.jsonl").decode().splitlines()):
        row = json.loads(line)
        found = re.search(rb"<title[^>]*>(.*?)</title", archive.read(row["html"]), re.S | re.I)
        title = unescape(found[1].decode("utf-8", "replace")).strip() if found else ""
        outlet = row["host"].removeprefix("www.")
        same = [
            name for name, parts in SAME_PAGES.items() if outlet in parts[:-1] and parts[-1] in title.lower()
        ]
        yield Labelled(
            row["id"],
            title,
            row["text"],
            (row["html_lang"] or "en")[:2],
            outlet,
            NOW - timedelta(minutes=20 * k),
            same[0] if same else row["id"],
        )


def make_members(articles: Sequence[Labelled], encoder: Encoder) -> list[Member]:
    """Return the articles as clustering sees them; an article's id is its place."""
    features = make_features(texts_of(articles), encoder)
    return [
        Member(k, a.outlet, a.lang, a.published_at, blob, None, tuple(a.cites), len(a.text.split()))
        for k, (a, blob) in enumerate(zip(articles, features, strict=True))
    ]


def texts_of(articles: Sequence[Labelled]) -> tuple[Text, ...]:
    """Return the articles as analysis sees them; an article's id is its place."""
    return tuple(Text(k, a.outlet, a.title, a.text, a.lang, a.published_at) for k, a in enumerate(articles))
