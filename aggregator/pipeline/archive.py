"""Articles in and out without polling: one JSON object a line."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated
from urllib.parse import urlsplit

from babel import Locale
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from aggregator.articles import canonical_url, detect_language
from aggregator.articles.languages import language_code
from aggregator.articles.plain import clean as clean_text
from aggregator.articles.urls import normal_host
from aggregator.model import ArticleStatus, Extraction
from aggregator.reports.outlets import OutletList
from aggregator.store.articles import import_article
from aggregator.store.writer import Writer

BATCH = 500


def _absent(value: object) -> object:
    return None if value == "" else value


def _moment(value: object) -> object:
    """Take what ``datetime`` reads; a time without a zone is UTC."""
    if not isinstance(value, str):
        return value
    moment = datetime.fromisoformat(value.strip())
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError as error:  # the first or last hours of the calendar, in another zone
        raise ValueError("the time is out of range") from error


def _language(value: object) -> object:
    """Take a language tag (``de``, ``pt-BR``); what names no language is left to be detected."""
    code = language_code(value) if isinstance(value, str) else None
    return code if code in Locale("en").languages else None


class ArchiveLine(BaseModel):
    """One article as ``aggregator import`` takes it. Other keys are ignored."""

    model_config = ConfigDict(extra="ignore")

    url: str
    title: str
    text: Annotated[str, BeforeValidator(lambda value: value or "")] = ""
    published: Annotated[datetime | None, BeforeValidator(_moment), BeforeValidator(_absent)] = None
    lang: Annotated[str | None, BeforeValidator(_language)] = None
    outlet: Annotated[str | None, BeforeValidator(_absent)] = None


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that could not be imported, and why."""

    number: int
    message: str


@dataclass(frozen=True, slots=True)
class ImportCount:
    """What an import came to."""

    new: int
    known: int
    bad: tuple[BadLine, ...]

    @property
    def lines(self) -> int:
        """How many lines that was; empty ones are not counted."""
        return self.new + self.known + len(self.bad)


def import_lines(
    lines: Iterable[str], writer: Writer, outlets: OutletList, now: datetime
) -> Iterator[ImportCount]:
    """Put articles into the database, a transaction a batch; yields what each batch came to.

    A line that is no good is reported and costs only itself. An article that is known already is updated.
    """
    numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    while batch := list(islice(numbered, BATCH)):
        articles, bad = [], []
        for number, line in batch:
            try:
                articles.append(read_line(line, outlets))
            except (ValueError, RecursionError) as error:
                bad.append(BadLine(number, _reason(error)))
        new = writer.write_now(_store, articles, now)
        yield ImportCount(new, len(articles) - new, tuple(bad))


def read_line(line: str, outlets: OutletList) -> tuple[Extraction, str]:
    """Return the article of a line and its outlet; raises ValueError (ValidationError is one)."""
    fields = ArchiveLine.model_validate(json.loads(line))
    url = canonical_url(fields.url)
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise ValueError(f"url: {fields.url!r} is not a web address")
    title, text = clean_text(fields.title), clean_text(fields.text)
    if not title and not text:
        raise ValueError("title and text are both empty")
    article = Extraction(
        url=url,
        status=ArticleStatus.FULL if text else ArticleStatus.TEASER,
        title=title,
        text=text,
        lang=fields.lang or detect_language(f"{title}\n{text}", None),
        author=None,
        published_at=fields.published,
        detail=None if text else "imported without a text",
    )
    named = normal_host(fields.outlet or "").removeprefix("www.")
    return article, named or outlets.of_url(url)


def _store(db: sqlite3.Connection, articles: list[tuple[Extraction, str]], now: datetime) -> int:
    return sum(import_article(db, article, outlet, now)[1] for article, outlet in articles)


def _reason(error: ValueError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "not JSON that can be read: it is nested too deeply"
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'line'}: {e['msg']}" for e in error.errors())
    return f"not JSON: {error}" if isinstance(error, json.JSONDecodeError) else str(error)
