"""The labelled articles of the bundled newsroom, moved to the present.

``newsroom.jsonl`` is written against a clock that stands at ``CLOCK``; loading it with another time shifts
every date by the same distance, so that the newsroom is always as fresh as on the day it was written for.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files

from anyascii import anyascii

from aggregator.demo.outlets import OUTLETS, DemoOutlet

CLOCK = datetime(2024, 10, 26, 22, 0, tzinfo=UTC)

_FOLDERS = {"gazette": "/news/", "press": "/", "portal": "/articles/", "wire": "/world/"}
_SLUG_LENGTH = 60


@dataclass(frozen=True, slots=True)
class DemoArticle:
    """One article with its labels.

    ``report`` names the report that it tells (its gold cluster), ``cites`` the domains of the outlets that
    the text names as its authority, ``copy_of`` the id of the article whose text it republishes, ``origin``
    whether it reported first and is cited for it. ``published`` is UTC.
    """

    id: str
    report: str
    outlet: DemoOutlet
    lang: str
    published: datetime
    headline: str
    summary: str
    paragraphs: tuple[str, ...]
    author: str
    cites: tuple[str, ...]
    origin: bool
    copy_of: str | None
    note: str

    @property
    def text(self) -> str:
        """The paragraphs, one a line."""
        return "\n".join(self.paragraphs)

    @property
    def number(self) -> int:
        """A stable number under seven digits, as content management systems put into addresses."""
        return zlib.crc32(self.id.encode()) % 10**7

    @property
    def path(self) -> str:
        """The path of the page; the same whatever the time, so that a later demo finds the same articles."""
        letters = "".join(c if c.isalnum() else " " for c in anyascii(self.headline).lower())
        slug = "-".join(letters.split())[:_SLUG_LENGTH].strip("-")
        return f"{_FOLDERS[self.outlet.layout]}{slug}-{self.number}.html"

    @property
    def url(self) -> str:
        """The canonical address."""
        return f"http://www.{self.outlet.domain}{self.path}"

    @property
    def redirect_path(self) -> str:
        """The short path that leads to the page by a redirect."""
        return f"/r/{self.number}"

    @property
    def link(self) -> str:
        """The address as the outlet's feed gives it."""
        match self.outlet.links:
            case "tracked":
                return f"{self.url}?utm_source=rss&utm_medium=feed"
            case "redirected":
                return f"http://www.{self.outlet.domain}{self.redirect_path}"
            case _:
                return self.url


def load_articles(now: datetime) -> tuple[DemoArticle, ...]:
    """Return all articles, the earliest first, dated as if ``now`` (aware) were ``CLOCK``."""
    lines = files("aggregator.demo").joinpath("newsroom.jsonl").read_text(encoding="utf-8").splitlines()
    articles = (_article(line, now) for line in lines)
    return tuple(sorted(articles, key=lambda article: (article.published, article.id)))


def _article(line: str, now: datetime) -> DemoArticle:
    row = json.loads(line)
    written = datetime.fromisoformat(row["published"])
    return DemoArticle(
        id=row["id"],
        report=row["story"],
        outlet=OUTLETS[row["outlet"]],
        lang=row["lang"],
        published=(now.replace(microsecond=0) - (CLOCK - written)).astimezone(UTC),
        headline=row["headline"],
        summary=row["summary"],
        paragraphs=tuple(row["paragraphs"]),
        author=row["author"],
        cites=tuple(row["cites"]),
        origin=row["origin"],
        copy_of=row["copy_of"],
        note=row["note"],
    )
