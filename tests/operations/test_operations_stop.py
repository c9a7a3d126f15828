"""SIGTERM while something long is under way: the service ends, and nothing is half stored (L18)."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aggregator.store.doctor import examine
from aggregator.store.lock import hold

# Imported by every Python process at its start, the workers' too: the function tells by a pipe that it has
# been called, and then takes longer than anybody waits.
HANG = """
import importlib, sys, time
try:
    module = importlib.import_module({module!r})
except ImportError:
    pass
else:
    original = getattr(module, {name!r})
    def hang(*args, **kwargs):
        if "example.org" in kwargs.get("url", ""):
            return original(*args, **kwargs)  # the fork server warms up
        with open({pipe!r}, "w") as pipe:
            pipe.write("called")
        {hang}
    hang.__module__, hang.__qualname__ = {module!r}, {name!r}
    for place in {places!r}:
        setattr(importlib.import_module(place), {name!r}, hang)
"""

LONG_READING = {
    "module": "aggregator.articles.extract",
    "name": "extract_article",
    "places": ["aggregator.articles.extract", "aggregator.articles"],
    "hang": "time.sleep(600)",
}
LONG_CLUSTERING = {
    "module": "aggregator.reports.cluster",
    "name": "group",
    "places": ["aggregator.reports.cluster"],
    "hang": "while True: sum(range(1000))",
}


@pytest.fixture
def home(world, tmp_path: Path) -> Path:
    feeds = "".join(f"  - {feed.url}\n" for feed in world.config.feeds)
    proxy = world.config.network.proxy.get_secret_value()
    (tmp_path / "feeds.yaml").write_text(
        f"database: news.db\ncompute: {{workers: 1}}\n"
        f"network: {{proxy: '{proxy}', obey_robots: false}}\nfeeds:\n{feeds}"
    )
    return tmp_path


@pytest.fixture
def start(home: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the service in a Python in which one function never ends."""
    hanging = home / "hanging"
    hanging.mkdir()
    os.mkfifo(home / "pipe")

    def start(what: dict[str, object]) -> subprocess.Popen[str]:
        (hanging / "sitecustomize.py").write_text(HANG.format(pipe=str(home / "pipe"), **what))
        return subprocess.Popen(
            [sys.executable, "-m", "aggregator", "run", "--log-format", "json"],
            cwd=home, env=os.environ | {"PYTHONPATH": str(hanging)}, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip

    return start


def wait_for_call(pipe: Path, service: subprocess.Popen[str]) -> None:
    """Wait until the function has been called; where the service ends instead, show what it said."""
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(reading, selectors.EVENT_READ)
            for _ in range(120):
                if selector.select(1) and os.read(reading, 100):
                    return
                if service.poll() is not None:
                    break
    finally:
        os.close(reading)
    os.killpg(service.pid, signal.SIGKILL)  # its workers hold its stderr open
    pytest.fail(service.communicate()[1])


@pytest.mark.parametrize(
    ("what", "waiting"),
    [
        (LONG_READING, "SELECT count(*) = 3 FROM articles WHERE status = 'pending' AND cut_off = 0"),
        (LONG_CLUSTERING, "SELECT count(*) = 3 FROM articles WHERE status = 'full' AND to_cluster = 1"),
    ],
    ids=["a page is read", "articles are clustered"],
)
def test_l18_sigterm_in_the_middle_of_long_work_ends_the_service_in_time(
    home: Path, start, world, what: dict[str, object], waiting: str
) -> None:
    with start(what) as service:
        wait_for_call(home / "pipe", service)
        service.send_signal(signal.SIGTERM)
        service.wait(timeout=30)  # nine seconds, on a machine that has them
        assert service.stderr is not None
        errors = service.stderr.read()
        assert service.returncode == 0, errors
    assert "Traceback" not in errors
    database = home / "news.db"
    assert [f.detail for f in examine(database, datetime.now(UTC)) if f.state == "fail"] == []
    world.database = database
    assert world.rows(waiting) == [(1,)]
    assert world.rows("SELECT count(*) FROM clusters") == [(0,)]
    with hold(database):
        pass
    world.config = world.config.model_copy(update={"database": database})
    world.now = datetime.now(UTC)
    world.cycle()
    assert world.rows("SELECT count(*) FROM articles WHERE cluster_id NOT NULL") == [(3,)]
