"""The digest of a span of time: rows from the database, a value, files."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from aggregator.config import Config
from aggregator.digest.model import Digest, DigestQuery
from aggregator.digest.render import render, render_index
from aggregator.digest.select import make_digest
from aggregator.digest.window import digest_day, digest_name, parse_window
from aggregator.files import write_whole
from aggregator.store.about import identity
from aggregator.store.connection import open_reader
from aggregator.store.digests import digest_rows


def read_digest(db: sqlite3.Connection, query: DigestQuery) -> Digest:
    """Return the digest that a query asks for. Reads only: same database and query, same digest."""
    db.execute("BEGIN")  # one snapshot for all the queries, whatever the service writes meanwhile
    try:
        reports, articles, counts = digest_rows(db, query.window)
        query = replace(query, namespace=identity(db))
    finally:
        db.execute("COMMIT")
    return make_digest(reports, articles, counts, query)


def read_daily_digest(config: Config, due: datetime) -> Digest:
    """Return the digest of the 24 hours before the moment at which it is due."""
    settings = config.digest
    query = DigestQuery(
        window=parse_window(now=due, timezone=settings.timezone),
        timezone=settings.timezone,
        min_outlets=settings.min_outlets,
        limit=settings.limit,
    )
    with closing(open_reader(config.database)) as db:
        return read_digest(db, query)


def write_daily_digest(config: Config, due: datetime) -> list[Path]:
    """Write the digest that is due then in every configured format, and the index of past ones."""
    settings, digest = config.digest, read_daily_digest(config, due)
    return write_files(digest, settings.directory, digest_day(due, settings.timezone), settings.formats)


def write_files(digest: Digest, directory: Path, day: date, formats: tuple[str, ...]) -> list[Path]:
    """Write a digest into a directory, one file a format, and renew the index page there."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for form in formats:
        path = directory / digest_name(day, form)
        write_whole(path, render(digest, form))
        paths.append(path)
    write_whole(directory / "index.html", render_index(_days(directory)))
    return paths


def _days(directory: Path) -> list[date]:
    days = set()
    for path in directory.glob("????-??-??.html"):
        try:
            days.add(date.fromisoformat(path.stem))
        except ValueError:
            continue
    return sorted(days)
