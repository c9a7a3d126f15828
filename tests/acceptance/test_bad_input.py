"""What a person or a server can do wrong is answered in one line (issue 2, g)."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
        call = [sys.executable, "-m", "aggregator", *arguments]
        return subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)

    return run_command


@pytest.fixture
def service(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A service that has started on news.db."""
    (tmp_path / "feeds.yaml").write_text("database: news.db\nfeeds: []\n")
    call = [sys.executable, "-m", "aggregator", "run", "-v"]
    with subprocess.Popen(call, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            while "service started" not in (line := process.stderr.readline()):
                assert line
            yield process
        finally:
            process.kill()


def test_a_second_service_on_one_database_is_refused_and_says_who_holds_it(run: Run, service) -> None:
    for command in ("run", "poll"):
        second = run(command)
        assert second.returncode == 3
        assert second.stderr.startswith(f"news.db: in use by another aggregator (process {service.pid})")
        assert len(second.stderr.splitlines()) == 1
    service.send_signal(signal.SIGTERM)
    service.communicate(timeout=30)
    assert service.returncode == 0
    assert run("poll").returncode == 0


@pytest.mark.parametrize("command", [["poll"], ["status"], ["digest"], ["run"], ["cluster"]])
def test_a_text_file_as_the_database_is_refused_and_left_alone(run: Run, tmp_path: Path, command) -> None:
    (tmp_path / "feeds.yaml").write_text("feeds: []\n")
    diary = tmp_path / "diary.txt"
    diary.write_text("Dear diary, today")
    done = run("--db", "diary.txt", *command)
    assert done.returncode == 4
    assert done.stderr.strip().splitlines()[-1].startswith("diary.txt: the file is not an SQLite database")
    assert len(done.stderr.strip().splitlines()) == 1
    assert diary.read_text() == "Dear diary, today"


def test_five_mistakes_in_feeds_yaml_are_five_lines(run: Run, tmp_path: Path) -> None:
    (tmp_path / "feeds.yaml").write_text(
        "databse: news.db\n"
        "network: {timeout: fast, max_feed_size: 15 apples}\n"
        "digest: {at: '25:00'}\n"
        "feeds:\n"
        "  - https://a.example/feed\n"
        "  - https://a.example/feed\n"
    )
    done = run("poll")
    assert done.returncode == 2
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 5, done.stderr
    assert [line.partition(" ")[0] for line in lines] == [f"feeds.yaml:{n}:" for n in (1, 2, 2, 3, 6)]
    assert not (tmp_path / "data").exists()


def test_feeds_that_serve_something_else_fail_with_a_plain_reason_while_the_others_go_on(
    run: Run, world, tmp_path: Path
) -> None:
    good = b'<rss version="2.0"><channel><title>Good</title><item><title>One</title></item></channel></rss>'
    bodies = {
        "html": b"<!doctype html><html><body>Sorry</body></html>",
        "nothing": b"",
        "path": b"/etc/hostname",
        "good": good,
    }
    urls = [world.put(f"http://www.{name}.example/feed", body, {}) for name, body in bodies.items()]
    feeds = "".join(f"  - {url}\n" for url in [*urls, "http://www.missing.example/feed"])
    (tmp_path / "feeds.yaml").write_text(f"network: {{proxy: '{world.proxy}'}}\nfeeds:\n{feeds}")
    done = run("poll", "--json")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert json.loads(done.stdout) == {
        "polled": 5, "failed": 4, "new_entries": 1, "articles": 0, "clustered": 0,
    }  # fmt: skip
    listed = {feed["url"].split(".")[1]: feed for feed in json.loads(run("feeds", "--json").stdout)}
    reasons = {name: feed.get("last_error") or feed.get("error") for name, feed in listed.items()}
    assert reasons["good"] is None
    assert "HTML page instead of a feed" in reasons["html"]
    assert "plain text instead of a feed" in reasons["path"]
    assert reasons["nothing"]
    assert "404" in reasons["missing"]
    assert Path("/etc/hostname").read_text().strip() not in str(reasons)
