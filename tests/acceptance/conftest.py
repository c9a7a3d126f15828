"""What the acceptance tests share. Some of their material lies beside the repository, or they skip."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

SHARED = Path(__file__).parents[2].parent / "shared"


@pytest.fixture
def shared() -> Callable[[str], Path]:
    """Return the path of a file of third-party test material, where there is one."""

    def find(name: str) -> Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"third-party material {name} is not beside the repository (../shared)")
        return path

    return find


@dataclass
class World:
    """An HTTP proxy on loopback: what it answers for (host, path), and what it was asked for, in order."""

    answers: dict[tuple[str, str], tuple[dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    before: Callable[[str], None] = lambda _url: None  # is called before each answer
    proxy: str = ""

    def put(self, url: str, body: bytes, headers: dict[str, str] | None = None) -> str:
        parts = urlsplit(url)
        self.answers[parts.netloc, parts.path] = (headers or {}, body)
        return url


class _Listener(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


def _handler(world: World) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            world.before(self.path)
            world.asked.append(self.path)
            url = urlsplit(self.path)
            headers, body = world.answers.get((url.netloc, url.path), (None, b""))
            etag = next((v for k, v in (headers or {}).items() if k.lower() == "etag"), None)
            unchanged = etag is not None and self.headers.get("If-None-Match") == etag
            self.send_response_only(304 if unchanged else 404 if headers is None else 200)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(0 if unchanged else len(body)))
            self.end_headers()
            if not unchanged:
                self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    return Handler


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    server = _Listener(("127.0.0.1", 0), _handler(made))
    made.proxy = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()
