"""The digest of a span of time: rows from the database, a value, files."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

from aggregator.config import Config
from aggregator.digest.model import Digest, DigestQuery
from aggregator.digest.render import render, render_index
from aggregator.digest.select import make_digest, shortlist
from aggregator.digest.window import digest_day, digest_name, parse_window
from aggregator.files import write_whole
from aggregator.pipeline.again import is_turn, next_attempt
from aggregator.store.about import identity
from aggregator.store.connection import open_reader
from aggregator.store.deliveries import FILE, begin_delivery, deliveries, record_delivery, record_failure
from aggregator.store.digests import article_rows, window_rows
from aggregator.store.writer import Writer

_ALL = "all"
"""The target of a day's files in ``deliveries``: they are written together."""


def read_digest(db: sqlite3.Connection, query: DigestQuery) -> Digest:
    """Return the digest that a query asks for. Reads only: same database and query, same digest."""
    db.execute("BEGIN")  # one snapshot for all the queries, whatever the service writes meanwhile
    try:
        reports, coverage, counts = window_rows(db, query.window)
        reports, matching = shortlist(reports, coverage, query)
        articles = article_rows(db, [row.cluster_id for row in reports], query.window)
        query = replace(query, namespace=identity(db))
    finally:
        db.execute("COMMIT")
    return make_digest(reports, articles, counts, query, matching)


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


@dataclass(frozen=True, slots=True)
class Filed:
    """The files that were written, or why none could be and when it is tried again."""

    paths: tuple[Path, ...] = ()
    reason: str = ""
    again_at: datetime | None = None


def file_daily_digest(config: Config, writer: Writer, due: datetime, now: datetime) -> Filed:
    """Write the digest that is due then, and note what came of it.

    Noted afterwards: a database on a full disk must not keep a digest from a disk that has room.
    """
    day = digest_day(due, config.digest.timezone)
    try:
        paths = write_daily_digest(config, due)
    except OSError as error:
        reason = f"{config.digest.directory}: {error.strerror}"
        return Filed((), reason, writer.write_now(_note, day, now, reason))
    writer.write_now(_note, day, now)
    return Filed(tuple(paths))


def file_again(config: Config, writer: Writer, due: datetime, now: datetime) -> Filed | None:
    """Write the digest that was due then if it could not be written before, and its turn has come."""
    earlier = writer.write_now(deliveries, digest_day(due, config.digest.timezone), FILE).get(_ALL)
    return file_daily_digest(config, writer, due, now) if earlier and is_turn(earlier, now) else None


def _note(db: sqlite3.Connection, day: date, now: datetime, failure: str = "") -> datetime:
    again_at = next_attempt(deliveries(db, day, FILE).get(_ALL), now)
    begin_delivery(db, day, FILE, _ALL, now, again_at)
    if failure:
        record_failure(db, day, FILE, _ALL, failure, for_good=False)
    else:
        record_delivery(db, day, FILE, _ALL, now)
    return again_at


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
