from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from aggregator.store.doctor import examine
from aggregator.store.lock import hold

FEED = (
    '<rss version="2.0"><channel><title>T</title>'
    "<item><guid>1</guid><link>{0}/page</link><title>Bridge</title></item></channel></rss>"
)


class Slow:
    """A loopback server with a feed, whose page never comes: it answers when the test is over."""

    def __init__(self) -> None:
        self.asked, self.over = threading.Semaphore(0), threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def _handler(slow) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/page":
                    slow.asked.release()
                    slow.over.wait()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(FEED.format(slow.url).encode())

            def log_message(self, *args: object) -> None:
                pass

        return Handler

    def close(self) -> None:
        self.over.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def slow() -> Iterator[Slow]:
    server = Slow()
    yield server
    server.close()


@pytest.fixture
def home(tmp_path: Path, slow: Slow) -> Path:
    (tmp_path / "feeds.yaml").write_text(
        "database: news.db\ncompute: {kind: inline}\n"
        f"network: {{allow_private: [127.0.0.0/8], obey_robots: false}}\nfeeds: ['{slow.url}/feed']\n"
    )
    return tmp_path


def start(home: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "aggregator", "run", "--log-format", "json"],
        cwd=home, env=os.environ | environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def events(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stderr is not None
    return (json.loads(line)["event"] for line in process.stderr)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_l18_a_signal_in_the_middle_of_a_fetch_ends_the_service_with_nothing_half_stored(
    home: Path, slow: Slow, number: signal.Signals, torture
) -> None:
    with start(home) as service:
        slow.asked.acquire()
        service.send_signal(number)
        if number == signal.SIGINT:
            service.send_signal(number)  # twice: at once
        assert list(events(service))[-1] == "service stopped"
        assert service.wait() == 0
    assert torture.contents(home / "news.db")["articles"][0][1] == "pending"
    assert [f for f in examine(home / "news.db", datetime.now(UTC)) if f.state == "fail"] == []
    with hold(home / "news.db"):
        pass


def test_l18_sighup_reads_feeds_yaml_anew_even_in_the_middle_of_a_fetch(home: Path, slow: Slow) -> None:
    with start(home) as service:
        slow.asked.acquire()
        (home / "feeds.yaml").write_text((home / "feeds.yaml").read_text() + "defaults: {interval: 2h}\n")
        service.send_signal(signal.SIGHUP)
        said = events(service)
        assert "feeds.yaml read anew" in said
        (home / "feeds.yaml").write_text("feeds: [")
        service.send_signal(signal.SIGHUP)
        assert "feeds.yaml is broken; going on with the old one" in said
        service.send_signal(signal.SIGTERM)
        assert list(said)[-1] == "service stopped"
        assert service.wait() == 0


def test_l45_systemd_is_told_when_the_service_is_ready_alive_and_stopping(home: Path, slow: Slow) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(home / "notify"))
        manager.settimeout(60)
        with start(home, NOTIFY_SOCKET=str(home / "notify"), WATCHDOG_USEC="100000") as service:
            heard: list[str] = []
            while not {"READY=1", "WATCHDOG=1"} <= set(heard):
                heard += manager.recv(1000).decode().splitlines()
            service.terminate()
            while "STOPPING=1" not in heard:
                heard += manager.recv(1000).decode().splitlines()
            assert service.wait() == 0
            assert service.stderr is not None
            service.stderr.read()


def test_l11_a_second_service_is_refused_and_a_killed_one_leaves_no_lock_behind(
    home: Path, slow: Slow
) -> None:
    with start(home) as first:
        slow.asked.acquire()
        with start(home) as second:
            assert second.stderr is not None
            assert "in use by another aggregator" in second.stderr.read()
            assert second.wait() == 3
        first.kill()
        first.wait()
        assert first.stderr is not None
        first.stderr.read()
    with start(home) as third:
        assert "service started" in events(third)
        third.terminate()
        assert list(events(third))[-1] == "service stopped"
        assert third.wait() == 0


def test_l06_a_folder_that_cannot_be_written_is_an_error_and_no_endless_loop(home: Path) -> None:
    (home / "file").write_text("in the way")
    ran = subprocess.run(
        [sys.executable, "-m", "aggregator", "run", "--db", "file/news.db"],
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 4
    assert "cannot be" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
