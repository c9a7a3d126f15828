"""A real process under hard conditions: few descriptors, little memory, a small disk, a strange locale."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aggregator.store.connection import open_reader, open_writer
from aggregator.store.doctor import examine


@pytest.fixture
def home(world, tmp_path: Path) -> Path:
    feeds = "".join(f"  - {feed.url}\n" for feed in world.config.feeds)
    proxy = world.config.network.proxy.get_secret_value()
    (tmp_path / "feeds.yaml").write_text(
        "database: news.db\ncompute: {kind: inline}\n"
        f"network: {{proxy: '{proxy}', obey_robots: false}}\nfeeds:\n{feeds}"
    )
    return tmp_path


def start(home: Path, *arguments: str, stderr: object = subprocess.PIPE, **how) -> subprocess.Popen[str]:
    """Start a command that is killed after two minutes: a test waits for what it says, but not for ever."""
    process = subprocess.Popen(
        [sys.executable, "-m", "aggregator", "--log-format", "json", *arguments],
        cwd=home, stdout=subprocess.PIPE, stderr=stderr, text=True, **how,
    )  # fmt: skip
    late = threading.Timer(120, process.kill)
    late.daemon = True
    late.start()
    return process


def events(service: subprocess.Popen[str]) -> Iterator[str]:
    assert service.stderr is not None
    return (json.loads(line)["event"] for line in service.stderr)


def limited(kind: int, most: int) -> Callable[[], None]:
    """Lower a soft limit in a child; its parent can raise it again."""
    return lambda: resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))


def rows(database: Path, query: str) -> list[tuple[object, ...]]:
    with closing(open_reader(database)) as db:
        return [tuple(row) for row in db.execute(query)]


CONTENT = (
    "SELECT url, title, text, lang, published_at, status, word_count FROM articles ORDER BY 1",
    "SELECT guid, title, published_at FROM entries ORDER BY 1",
    "SELECT group_concat(url, ' ') FROM (SELECT url, cluster_id FROM articles ORDER BY url)"
    " GROUP BY cluster_id ORDER BY 1",
)


def content(database: Path) -> list[list[tuple[object, ...]]]:
    return [rows(database, query) for query in CONTENT]


@pytest.mark.parametrize(
    "surroundings",
    [
        {"TZ": "Asia/Kolkata", "LC_ALL": "C", "HOME": "/nonexistent"},
        {"TZ": "Mars/Olympus", "LANG": "xx_YY.nonsense"},
    ],
    ids=["half an hour off, no home", "no such zone or language"],
)
def test_l20_zone_locale_and_home_change_nothing_in_the_database(
    home: Path, world, surroundings: dict[str, str]
) -> None:
    before = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    with start(home, "poll", env={"PATH": os.environ["PATH"], **surroundings}) as poll:
        assert poll.communicate(timeout=120)[0] == ""
        assert poll.returncode == 0
    after = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    world.cycle()
    found, expected = content(home / "news.db"), content(world.database)
    assert len(found[0]) == 3
    assert found == expected
    ((first, last),) = rows(home / "news.db", "SELECT min(first_seen_at), max(first_seen_at) FROM articles")
    assert before <= str(first) <= str(last) <= after


def test_l40_few_descriptors_slow_a_poll_down_and_lose_nothing(home: Path) -> None:
    with start(home, "poll", preexec_fn=limited(resource.RLIMIT_NOFILE, 32)) as poll:
        _, errors = poll.communicate(timeout=120)
        assert poll.returncode == 0, errors
    assert rows(home / "news.db", "SELECT status, count(*) FROM articles") == [("full", 3)]


def test_l40_little_memory_leaves_the_database_in_order(home: Path) -> None:
    """How far it comes differs with the machine; the next one with enough goes on from there."""
    with start(home, "poll", preexec_fn=limited(resource.RLIMIT_AS, 400_000_000)) as poll:
        poll.communicate(timeout=120)
    if (home / "news.db").exists():
        now = datetime.now(UTC)
        assert [f.detail for f in examine(home / "news.db", now) if f.state == "fail"] == []
    with start(home, "poll", "--force") as poll:
        _, errors = poll.communicate(timeout=120)
        assert poll.returncode == 0, errors
    assert rows(home / "news.db", "SELECT count(*) FROM articles WHERE cluster_id NOT NULL") == [(3,)]


def test_l40_a_full_log_disk_ends_nothing(home: Path) -> None:
    """Nor does it keep the service from ending in good order."""
    with Path("/dev/full").open("w") as full, start(home, "run", "-vv", stderr=full) as service:
        for _ in range(600):
            if (home / "news.db").exists() and rows(home / "news.db", FINISHED) == [(1,)]:
                break
            if service.poll() is not None:
                break
            subprocess.run(["sleep", "0.1"], check=True)  # there is no log to wait for
        service.send_signal(signal.SIGTERM)
        assert service.wait(timeout=60) == 0
    assert rows(home / "news.db", "SELECT status, count(*) FROM articles") == [("full", 3)]


FINISHED = "SELECT EXISTS (SELECT 1 FROM cycles WHERE finished_at NOT NULL)"


def test_l05_a_service_on_a_disk_that_fills_up_goes_on_by_itself_once_there_is_room(home: Path) -> None:
    """A limit on the size of files stops the database's log in the middle of a cycle."""
    open_writer(home / "news.db").close()
    with start(home, "run", preexec_fn=limited(resource.RLIMIT_FSIZE, 100_000)) as service:
        said = events(service)
        assert "the database cannot be written; work rests until it can" in said
        now = datetime.now(UTC)
        assert [f.detail for f in examine(home / "news.db", now) if f.state == "fail"] == []
        hidden = "SELECT count(*) FROM feeds WHERE etag NOT NULL AND id NOT IN (SELECT feed_id FROM entries)"
        assert rows(home / "news.db", hidden) == [(0,)]
        most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (most, most))
        (home / "feeds.yaml").write_text((home / "feeds.yaml").read_text() + "retention: {polls: 9d}\n")
        service.send_signal(signal.SIGHUP)  # a changed feeds.yaml ends the wait of half a minute
        assert "going on after failures" in said
        service.send_signal(signal.SIGTERM)
        assert list(said)[-1] == "service stopped"
        assert service.wait(timeout=60) == 0
    assert rows(home / "news.db", "SELECT count(*), count(DISTINCT guid) FROM entries") == [(3, 3)]
    assert rows(home / "news.db", "SELECT status, count(*) FROM articles") == [("full", 3)]


def test_l12_feeds_are_added_removed_and_imported_while_the_service_runs(home: Path, world) -> None:
    with start(home, "run") as service:
        said = events(service)
        assert "cycle" in said
        line = {"url": "http://paper9.org/x", "title": "X", "text": "Y", "published": "2026-03-01T10:00:00Z"}
        (home / "more.jsonl").write_text(json.dumps({**line, "lang": "en", "outlet": "paper9.org"}))
        for command in (
            ("add", "http://feeds.paper1.org/feed?more"),
            ("remove", "http://feeds.paper2.org/feed"),
            ("import", "more.jsonl"),
        ):
            with start(home, *command) as beside:
                _, errors = beside.communicate(timeout=120)
                assert beside.returncode == 0, errors
        service.send_signal(signal.SIGHUP)
        assert "cycle" in said
        service.send_signal(signal.SIGTERM)
        assert list(said)[-1] == "service stopped"
        assert service.wait(timeout=60) == 0
    states = dict(rows(home / "news.db", "SELECT url, state FROM feeds"))
    assert states["http://feeds.paper2.org/feed"] == "removed"
    assert states["http://feeds.paper1.org/feed?more"] == "active"
    asked = "SELECT count(*) FROM feeds WHERE last_success_at IS NULL"
    assert rows(home / "news.db", asked) == [(0,)]
    assert rows(home / "news.db", "SELECT count(*) FROM articles WHERE outlet = 'paper9.org'") == [(1,)]


def test_l11_a_second_service_is_refused_by_whatever_name_it_knows_the_database(home: Path) -> None:
    (home / "elsewhere").mkdir()
    (home / "elsewhere" / "link.db").symlink_to(home / "news.db")
    with start(home, "run") as first:
        assert "cycle" in events(first)
        with start(home, "poll", "--db", "elsewhere/link.db") as second:
            _, errors = second.communicate(timeout=120)
            assert second.returncode == 3, errors
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=60)
