"""The installed program and a hub: `aggregator run` is subscribed, verified and told of news."""

from __future__ import annotations

import os
import queue
import socket
import sqlite3
import subprocess
import sys
import threading
import urllib.request
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

FEED = (
    "<rss version='2.0' xmlns:a='http://www.w3.org/2005/Atom'><channel><title>T</title>"
    "<a:link rel='self' href='{0}/feed'/><a:link rel='hub' href='{0}/hub'/>"
    "<item><guid>1</guid><title>Bridge</title></item></channel></rss>"
)


class Hub(BaseHTTPRequestHandler):
    """A feed and its hub in one."""

    forms: queue.Queue[dict[str, str]] = queue.Queue()

    def do_GET(self) -> None:
        self._send(200, FEED.format(f"http://127.0.0.1:{self.server.server_port}").encode())  # type: ignore[attr-defined]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.forms.put({name: value for name, (value,) in parse_qs(body).items()})
        self._send(202, b"")

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def test_the_service_is_subscribed_verified_and_told_of_news(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    (tmp_path / "feeds.yaml").write_text(
        "database: news.db\ncompute: {kind: inline}\ndefaults: {full_text: false}\n"
        "network: {allow_private: [127.0.0.0/8]}\n"
        f"websub: {{callback: 'https://me.example/news', listen: '{listen}'}}\n"
        f"feeds: ['http://127.0.0.1:{server.server_port}/feed']\n"
    )
    command = [sys.executable, "-m", "aggregator", "-q"]
    subprocess.run([*command, "poll"], cwd=tmp_path, check=True, env=os.environ)
    with subprocess.Popen([*command, "run"], cwd=tmp_path, env=os.environ) as service:
        form = Hub.forms.get(timeout=60)
        address = f"http://{listen}{urlsplit(form['hub.callback']).path}"
        query = urlencode({name: form[name] for name in ("hub.mode", "hub.topic")} | {"hub.challenge": "42"})
        with urllib.request.urlopen(f"{address}?{query}") as answer:  # noqa: S310
            assert answer.read() == b"42"
        with urllib.request.urlopen(address, data=b"<rss/>") as answer:
            assert answer.status == 202
        service.terminate()
        assert service.wait() == 0
    server.shutdown()
    thread.join()
    server.server_close()
    with closing(sqlite3.connect(tmp_path / "news.db")) as db:
        told = db.execute("SELECT stage, delivered_at IS NOT NULL FROM websub").fetchone()
        assert told == ("held", 1)
        early = "SELECT unixepoch(next_poll_at) - unixepoch(last_polled_at) FROM feeds"
        assert db.execute(early).fetchone()[0] <= 15 * 60 + 1
