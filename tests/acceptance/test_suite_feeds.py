"""The feeds of other readers' test suites, polled twice through the line (issue 2, d; cases L26, L34)."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import zipfile
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from aggregator.config import Config, parse_config
from aggregator.pipeline.cycle import Scope, run_cycle
from aggregator.pipeline.fetch import fetch_articles
from aggregator.pipeline.poll import poll_feeds
from aggregator.pipeline.services import open_services
from aggregator.store.feeds import subscribed_feeds
from aggregator.store.writer import Writer

SUITES = ["fastfeedparser", "feed-rs", "feedparser", "gofeed", "netnewswire", "newsboat", "rss-parser"]

DEVIATIONS = {
    "files/malformed_rss_namespaced.xml": "elements with an undeclared prefix: a feed, but no entry is seen",
}
"""Files whose recorded number of entries is not stored, with the reason."""

LOSSES = {
    "guid": b"guid|id|about",
    "date": b"pubDate|date|published|updated|modified|issued|created|date_published|date_modified",
    "link": b"link|url|external_url",
    "title": b"title",
}

SETTINGS = (
    "network: {{proxy: '{proxy}'}}\ndefaults: {{full_text: false}}\ncompute: {{kind: {kind}}}\nfeeds:\n"
)


@dataclass(frozen=True)
class Line:
    """The line over a suite: all of it, or as far as analysis, which takes 10 ms an article."""

    database: Path
    config: Config
    whole: bool

    def run(self, now: datetime) -> None:
        with Writer(self.database) as writer:
            asyncio.run(self._cycle(writer, now))

    async def _cycle(self, writer: Writer, now: datetime) -> None:
        async with open_services(self.config, writer, clock=lambda: now, jitter=lambda: 0.0) as services:
            if self.whole:
                count = await run_cycle(services, Scope(force=True))
                assert count.polled == len(self.config.feeds)
            else:
                counts = await poll_feeds(services, await writer.write(subscribed_feeds))
                assert len(counts) == len(self.config.feeds)
                await fetch_articles(services)

    def rows(self, query: str) -> list[tuple]:
        with closing(sqlite3.connect(self.database)) as db:
            return db.execute(query).fetchall()

    def state(self) -> list[list[tuple]]:
        return [self.rows("SELECT * FROM entries"), self.rows("SELECT * FROM articles")]


@pytest.fixture
def suite_on_line(shared, world, database):
    """Serve a suite, each file as a host of its own; returns the line, and the files' records by address."""

    def make(name: str, *, whole: bool, lost: str = "") -> tuple[Line, dict[str, dict]]:
        with zipfile.ZipFile(shared(f"suites/feeds-{name}.zip")) as archive:
            lines = archive.read(f"{name}/expected.jsonl").splitlines()
            records = {f"http://f{n}.{name}.example/feed": json.loads(line) for n, line in enumerate(lines)}
            for url, record in records.items():
                body = archive.read(f"{name}/{record['file']}")
                world.put(url, without(body, LOSSES[lost]) if lost else body, record["headers"])
        feeds = "".join(f"  - {url}\n" for url in records)
        text = SETTINGS.format(proxy=world.proxy, kind="processes" if whole else "inline") + feeds
        config = parse_config(text, Path("feeds.yaml"), {}).model_copy(update={"database": database})
        return Line(database, config, whole), records

    return make


def without(body: bytes, names: bytes) -> bytes:
    """Return a document less the elements, attributes or JSON members of these names (a regex)."""
    element = rb"<(?:[\w-]+:)?(?:%b)\b[^<>]*(?:/>|>.*?</(?:[\w-]+:)?(?:%b)\s*>)" % (names, names)
    body = re.sub(element, b"", body, flags=re.DOTALL | re.IGNORECASE)
    body = re.sub(rb"""\srdf:(?:%b)\s*=\s*(?:"[^"]*"|'[^']*')""" % names, b"", body)
    return re.sub(rb'"(?:%b)"\s*:' % names, b'"lost":', body)


def check_health(line: Line, output: str) -> None:
    assert line.rows("PRAGMA integrity_check") == [("ok",)]
    assert line.rows("PRAGMA foreign_key_check") == []
    assert line.rows("SELECT detail FROM polls WHERE detail LIKE '%failed:%'") == []
    assert line.rows("SELECT detail FROM articles WHERE detail LIKE '%failed:%'") == []
    assert "Traceback" not in output


def check(line: Line, records: dict[str, dict], output: str) -> None:
    check_health(line, output)
    stored = dict(line.rows("SELECT url, (SELECT count(*) FROM entries WHERE feed_id = feeds.id) FROM feeds"))
    wrong = {
        record["file"]: (record["expect"]["n_entries"], stored[url])
        for url, record in records.items()
        if record["expect"].get("n_entries") not in (None, stored[url])
    }
    assert wrong.keys() <= DEVIATIONS.keys(), wrong


@pytest.mark.parametrize("name", SUITES)
def test_the_feeds_of_a_suite_are_polled_twice_and_nothing_changes(name, suite_on_line, now, capfd) -> None:
    line, records = suite_on_line(name, whole=False)
    line.run(now)
    first = line.state()
    line.run(now + timedelta(hours=1))
    assert line.state() == first
    check(line, records, "".join(capfd.readouterr()))


@pytest.mark.slow
@pytest.mark.parametrize("lost", LOSSES)
@pytest.mark.parametrize("name", SUITES)
def test_nothing_changes_where_guid_date_link_or_title_are_missing(
    name, lost, suite_on_line, now, capfd
) -> None:
    line, _ = suite_on_line(name, whole=False, lost=lost)
    line.run(now)
    first = line.state()
    line.run(now + timedelta(hours=1))
    assert line.state() == first
    check_health(line, "".join(capfd.readouterr()))
    assert line.rows("SELECT count(*) > 0 FROM entries") == [(1,)]


@pytest.mark.slow
@pytest.mark.parametrize("name", SUITES)
def test_the_whole_line_runs_twice_over_the_feeds_of_a_suite(name, suite_on_line, now, capfd) -> None:
    line, records = suite_on_line(name, whole=True)
    line.run(now)
    first = line.state()
    line.run(now + timedelta(hours=1))
    assert line.state() == first
    check(line, records, "".join(capfd.readouterr()))
    assert line.rows("SELECT id FROM articles WHERE analysed_by IS NULL OR cluster_id IS NULL") == []
    empty = "SELECT id FROM clusters WHERE id NOT IN (SELECT cluster_id FROM articles)"
    assert line.rows(empty) == []
