"""The labelled sets that clustering is measured on: our own fixtures, and, where present, the public ones
beside us.

``../shared`` is for measuring only; what is absent is left out.
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

from aggregator.model import Member, Text
from aggregator.reports.encoder import Encoder
from aggregator.reports.features import make_features

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
OWN = ROOT / "tests" / "quality" / "newsroom"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """A labelled article."""

    key: str
    title: str
    text: str
    lang: str
    outlet: str
    published_at: datetime
    label: str
    copy_of: str | None = None
    cites: tuple[str, ...] = ()


def load_sets() -> dict[str, list[Row]]:
    """Return every set that is present, by name; ``-kept`` is a newsroom with the dates its articles
    really have.
    """
    sets: dict[str, list[Row]] = {}
    newsrooms = {"dev": sorted((SHARED / "newsroom").glob("dev.jsonl")), "own": sorted(OWN.glob("*.jsonl"))}
    for name, paths in newsrooms.items():
        if rows := [row for path in paths for row in _newsroom(path)]:
            sets[f"{name}-kept"], sets[name] = rows, _moved_together(rows)
    for name in ("og2021-dev", "neus", "meantime", "semeval22-articles"):
        path = SHARED / "clustering" / f"{name}.jsonl"
        if path.exists():
            sets[name.removesuffix("-articles")] = list(_public(path))
    pages = SHARED / "suites" / "pages-news.zip"
    if pages.exists():
        sets["pages"] = list(_pages(pages))
    return sets


def _lines(path: Path) -> Iterator[dict]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            yield json.loads(line)


def _newsroom(path: Path) -> Iterator[Row]:
    for row in _lines(path):
        when = datetime.fromisoformat(row["published"]).astimezone(UTC)
        text = "\n".join(row["paragraphs"])
        yield Row(
            row["id"],
            row["headline"],
            text,
            row["lang"],
            row["outlet"],
            when,
            row["story"],
            row["copy_of"],
            tuple(row["cites"]),
        )


def _moved_together(rows: Sequence[Row]) -> list[Row]:
    """Bring all reports into the last three days, as the newsroom server does: its default, and the harder
    test.
    """
    first: dict[str, datetime] = {}
    for row in rows:
        first[row.label] = min(first.get(row.label, row.published_at), row.published_at)
    return [
        replace(
            row,
            published_at=NOW
            - timedelta(hours=73 - zlib.crc32(row.label.encode()) % 36)
            + min(row.published_at - first[row.label], timedelta(hours=36)),
        )
        for row in rows
    ]


def _public(path: Path) -> Iterator[Row]:
    for row in _lines(path):
        when = datetime.fromisoformat(row["published"]) if row["published"] else NOW
        yield Row(row["id"], row["title"], row["text"], row["lang"], row["source"], when, str(row["cluster"]))


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


def _pages(path: Path) -> Iterator[Row]:
    archive = zipfile.ZipFile(path)
    for k, line in enumerate(archive.read("gold.jsonl").decode().splitlines()):
        row = json.loads(line)
        found = re.search(rb"<title[^>]*>(.*?)</title", archive.read(row["html"]), re.S | re.I)
        title = unescape(found[1].decode("utf-8", "replace")).strip() if found else ""
        outlet = row["host"].removeprefix("www.")
        same = [
            name for name, parts in SAME_PAGES.items() if outlet in parts[:-1] and parts[-1] in title.lower()
        ]
        yield Row(
            row["id"],
            title,
            row["text"],
            (row["html_lang"] or "en")[:2],
            outlet,
            NOW - timedelta(minutes=20 * k),
            same[0] if same else row["id"],
        )


def make_members(rows: Sequence[Row], encoder: Encoder) -> list[Member]:
    """Return the rows as clustering sees them; an article's id is its row's number."""
    texts = [
        Text(k, row.outlet, row.title, row.text, row.lang, row.published_at) for k, row in enumerate(rows)
    ]
    features = make_features(texts, encoder)
    return [
        Member(k, row.outlet, row.lang, row.published_at, blob, None, row.cites, len(row.text.split()))
        for k, (row, blob) in enumerate(zip(rows, features, strict=True))
    ]
