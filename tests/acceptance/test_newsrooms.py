"""The two newsroom worlds, polled by the command itself (issue 2, b and c)."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from trafilatura import extract

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Newsroom:
    """A served world and a folder with a feeds.yaml for it."""

    script: Path
    articles: Path
    folder: Path

    def poll(self) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "aggregator", "poll", "--force", "-v"],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr

    def score(self) -> dict:
        scorer = self.script.with_name("score.py")
        arguments = [sys.executable, "-B", scorer, self.articles, self.folder / "data/newsroom.db", "--json"]
        return json.loads(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout)

    def rows(self, query: str) -> list[tuple]:
        with closing(sqlite3.connect(self.folder / "data/newsroom.db")) as db:
            return db.execute(query).fetchall()

    def state(self) -> list[list[tuple]]:
        tables = ("entries", "articles", "citations", "clusters", "cluster_redirects", "cluster_links")
        return [self.rows(f"SELECT * FROM {table}") for table in tables]


@contextmanager
def serving(script: Path, articles: Path, folder: Path) -> Iterator[Newsroom]:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    call = [sys.executable, "-B", script]
    config = subprocess.run([*call, "config", articles, "--port", port], capture_output=True, check=True)
    (folder / "feeds.yaml").write_bytes(config.stdout)
    with subprocess.Popen([*call, "serve", articles, "--port", port], stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout
            assert server.stdout.readline()  # it says when it listens
            yield Newsroom(script, articles, folder)
        finally:
            server.kill()


@pytest.fixture
def newsroom(shared: Callable[[str], Path], tmp_path: Path) -> Iterator[Callable[[str], Newsroom]]:
    opened = []

    def open_newsroom(articles: str) -> Newsroom:
        world = serving(shared("newsroom/newsroom.py"), shared(articles), tmp_path)
        opened.append(world)
        return world.__enter__()

    yield open_newsroom
    for world in opened:
        world.__exit__(None, None, None)


def test_the_labelled_newsroom_is_read_and_clustered_as_well_as_asked(newsroom) -> None:
    world = newsroom("newsroom/dev.jsonl")
    world.poll()
    score = world.score()
    assert (score["missing"], score["duplicates"], score["unknown"]) == (0, 0, 0)
    assert score["text"]["f1"] >= 0.97
    assert score["language_right"] >= 0.97
    assert score["bcubed"]["f1"] >= 0.85
    assert score["pairs_cross_language"]["f1"] >= 0.75
    before = world.state()
    world.poll()
    assert world.state() == before
    feeds = world.rows("SELECT count(*) FROM feeds")[0][0]
    latest = (
        "SELECT outcome, status, count(*) FROM (SELECT * FROM polls ORDER BY id DESC LIMIT ?) GROUP BY 1, 2"
    )
    assert world.rows(latest.replace("?", str(feeds))) == [("not_modified", 304, feeds)]


def test_real_pages_are_all_read_with_the_text_that_trafilatura_gives_or_better(newsroom) -> None:
    world = newsroom("suites/pages-news.zip")
    world.poll()
    score = world.score()
    assert (score["missing"], score["duplicates"]) == (0, 0)
    ours, theirs = word_scores(world)
    assert ours >= theirs - 0.002


def word_scores(world: Newsroom) -> tuple[float, float]:
    """Return the mean word F1 against the reference texts, of what is stored and of trafilatura alone."""
    stored = {page_key(str(url)): text for url, text in world.rows("SELECT fetch_url, text FROM articles")}
    ours, theirs = [], []
    with zipfile.ZipFile(world.articles) as archive:
        for line in archive.read("gold.jsonl").decode().splitlines():
            gold = json.loads(line)
            ours.append(f1(gold["text"], stored[page_key(gold["url"])]))
            theirs.append(f1(gold["text"], extract(archive.read(gold["html"]), include_comments=False) or ""))
    return sum(ours) / len(ours), sum(theirs) / len(theirs)


def page_key(url: str) -> tuple[str, str]:
    """The newsroom serves every page by http, at www."""
    parts = urlsplit(url)
    return (parts.hostname or "").removeprefix("www."), parts.path


def f1(gold: str, text: str) -> float:
    a, b = (Counter(re.findall(r"\w+", side.lower())) for side in (gold, text))
    return 2 * sum((a & b).values()) / max(1, sum(a.values()) + sum(b.values()))
