"""``digest --as-of``: what was known then, whatever came, changed, merged or was decided since."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid5
from xml.etree import ElementTree

import pytest

from aggregator.config import parse_config
from aggregator.demo.server import NewsroomServer
from aggregator.digest.model import Digest, DigestQuery, Window
from aggregator.digest.render import render
from aggregator.model import Constraint
from aggregator.pipeline.archive import import_lines
from aggregator.pipeline.cycle import Scope, run_once
from aggregator.pipeline.digest import read_digest
from aggregator.reports.outlets import OutletList
from aggregator.store.clusters import add_constraint
from aggregator.store.connection import open_reader
from aggregator.store.writer import Writer

ATOM = "{http://www.w3.org/2005/Atom}"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=2)
CORRECTED = LATER + timedelta(minutes=30)
WEEK = Window(NOW - timedelta(days=7), NOW + timedelta(seconds=1))


@pytest.fixture(scope="module")
def old_and_grown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Digest, Path]:
    """The digest of a database in the midst of the news, and the database after all that came later."""
    database = tmp_path_factory.mktemp("as-of") / "news.db"
    with NewsroomServer(NOW, reveal=0.55) as newsroom, Writer(database) as writer:
        _cycle(newsroom, writer, database, NOW)
        old = _digest(database, WEEK)
        newsroom.reveal = 1.0
        _cycle(newsroom, writer, database, LATER)
        first, second, third = (section.accounts[0] for section in old.sections[:3])
        changed = {"url": first.url, "outlet": first.outlet, "title": "Corrected", "text": "It was not so."}
        list(import_lines([json.dumps(changed)], writer, OutletList.load(()), CORRECTED))
        pair = sorted((second.article_id, third.article_id))
        writer.write_now(add_constraint, Constraint(*pair, together=True), LATER)
        _cycle(newsroom, writer, database, LATER + timedelta(hours=1), network=False)
    return old, database


def test_an_old_digest_is_reproduced_to_the_byte(old_and_grown: tuple[Digest, Path]) -> None:
    old, database = old_and_grown
    assert len(old.sections) >= 8
    again = _digest(database, replace(WEEK, as_of=NOW))
    for form in ("html", "md", "text", "atom"):
        assert render(again, form) == render(old, form)
    assert _told(again) == _told(old)


def test_without_it_the_digest_is_todays(old_and_grown: tuple[Digest, Path]) -> None:
    old, database = old_and_grown
    assert _told(_digest(database, WEEK)) != _told(old)


def test_as_of_now_the_digest_is_as_without_it(old_and_grown: tuple[Digest, Path]) -> None:
    """What is summed up from the articles is what clustering wrote down."""
    _, database = old_and_grown
    whole = replace(WEEK, until=LATER + timedelta(hours=2))
    assert _told(_digest(database, replace(whole, as_of=whole.until))) == _told(_digest(database, whole))


def test_a_correction_moves_the_updated_of_its_atom_entry_and_of_the_feed(
    old_and_grown: tuple[Digest, Path],
) -> None:
    """RFC 4287, 4.2.15."""
    old, database = old_and_grown
    article = old.sections[0].accounts[0].article_id
    before, after = (
        _updated(_digest(database, replace(WEEK, as_of=at)), article)
        for at in (CORRECTED - timedelta(seconds=1), CORRECTED)
    )
    assert before[0] <= before[1] <= LATER
    assert after == (CORRECTED, CORRECTED)


def _updated(digest: Digest, article: int) -> tuple[datetime, datetime]:
    """Return what the Atom feed says of an article's report, and of itself."""
    [cluster] = {
        section.cluster_id
        for section in digest.sections
        if any(account.article_id == article for account in section.accounts)
    }
    feed = ElementTree.fromstring(render(digest, "atom"))  # noqa: S314 - our own
    [entry] = (
        entry
        for entry in feed.iter(f"{ATOM}entry")
        if entry.findtext(f"{ATOM}id") == uuid5(digest.query.namespace, f"report {cluster}").urn
    )
    texts = (one.findtext(f"{ATOM}updated") or "" for one in (entry, feed))
    of_entry, of_feed = map(datetime.fromisoformat, texts)
    return of_entry, of_feed


def _digest(database: Path, window: Window) -> Digest:
    with closing(open_reader(database)) as db:
        return read_digest(db, DigestQuery(window, limit=None, why=True))


def _told(digest: Digest) -> Any:
    document = json.loads(render(digest, "json"))
    del document["query"]
    return document


def _cycle(
    newsroom: NewsroomServer, writer: Writer, database: Path, at: datetime, *, network: bool = True
) -> None:
    text = "compute: {kind: inline}\n" + newsroom.config_yaml(str(database))
    config = parse_config(text, Path("feeds.yaml"), {})
    scope = Scope(network=network, force=network)
    asyncio.run(run_once(config, writer, scope, clock=lambda: at, jitter=lambda: 0.0))
