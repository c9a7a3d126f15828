"""The network is away, or somebody else answers in its place (L39)."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from http.server import ThreadingHTTPServer

import pytest

from aggregator.config import Config
from aggregator.store.connection import open_reader
from aggregator.store.status import work_waits

FEEDS = 6
STEP = timedelta(minutes=10)


class Line:
    """Feeds on loopback, reached by name or as a proxy; what the network does can be changed."""

    def __init__(self, torture, monkeypatch) -> None:
        self.press, self.step, self.asked = torture.Press(FEEDS, 2), bytearray(1), []
        self.trouble: Callable[[object], bool] = lambda _handler: False
        self.resolves = True
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(torture))
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        self._resolve, self.port = socket.getaddrinfo, self.server.server_port
        monkeypatch.setattr(socket, "getaddrinfo", self._names)

    def _names(self, host, port, *args, **kwargs):
        if not str(host).endswith((".org", ".example")):
            return self._resolve(host, port, *args, **kwargs)
        if not self.resolves:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return self._resolve("127.0.0.1", self.port, *args, **kwargs)

    def _handler(line, torture):  # noqa: N805
        class Handler(torture.handler(line.press, line.step, line.asked)):
            def do_GET(self) -> None:  # noqa: N802 - the library's name
                if self.path.startswith("/"):  # asked directly, not as a proxy
                    self.path = f"http://{self.headers['Host']}{self.path}"
                if not line.trouble(self):
                    super().do_GET()

        return Handler

    def directly(self, config: Config) -> Config:
        """The same feeds without a proxy: their names are resolved, to this server."""
        network = config.network.model_copy(update={"proxy": None, "allow_private": ("127.0.0.0/8",)})
        feeds = tuple(
            feed.model_copy(update={"url": feed.url.replace(".org/", f".org:{self.port}/")})
            for feed in config.feeds
        )
        return config.model_copy(update={"network": network, "feeds": feeds})

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def line(torture, monkeypatch) -> Iterator[Line]:
    made = Line(torture, monkeypatch)
    yield made
    made.close()


@pytest.fixture
def proxied(world, line: Line):
    """The world's feeds through the line, which plays the proxy."""
    world.config = line.press.config(f"http://127.0.0.1:{line.port}", world.database)
    return world


def live(world, hours: float) -> Counter[str]:
    """Look every ten minutes whether anything is due, as the service does; returns the polls' outcomes."""
    before = world.rows("SELECT coalesce(max(id), 0) FROM polls")[0][0]
    for _ in range(int(hours * 6)):
        world.now += STEP
        with closing(open_reader(world.database)) as db:
            due = work_waits(db, world.now)
        if due:
            world.cycle()
    return Counter(outcome for (outcome,) in world.rows(f"SELECT outcome FROM polls WHERE id > {before}"))


def waits(world) -> list[timedelta]:
    """How long each feed still waits."""
    rows = world.rows("SELECT next_poll_at FROM feeds WHERE next_poll_at NOT NULL")
    return [datetime.fromisoformat(str(at)) - world.now for (at,) in rows]


STAYS = "SELECT url, moved_to, etag, title FROM feeds ORDER BY id"


def test_l39_six_hours_without_dns_are_made_up_for_within_one_interval(proxied, line: Line) -> None:
    proxied.config = line.directly(proxied.config)
    proxied.cycle()
    known = proxied.rows(STAYS)
    line.resolves, line.step[0] = False, 1
    outcomes = live(proxied, 6)
    assert set(outcomes) == {"dns"}
    assert outcomes.total() <= 7 * FEEDS
    assert proxied.rows("SELECT count(*) FROM feeds WHERE failures >= 5 AND failing_since NOT NULL") == [
        (FEEDS,)
    ]
    assert max(waits(proxied)) <= timedelta(hours=1)
    assert proxied.rows(STAYS) == known
    line.resolves = True
    assert set(live(proxied, 1.2)) <= {"ok", "not_modified"}
    assert proxied.rows("SELECT DISTINCT state, failures FROM feeds") == [("active", 0)]


def test_l39_a_network_that_is_down_overnight_costs_no_page(proxied, line: Line) -> None:
    def only_feeds(handler) -> bool:
        if handler.path.endswith("/feed"):
            return False
        handler.close_connection = True
        return True

    line.trouble = only_feeds  # the entries are known, their pages are not
    proxied.cycle()
    line.server.shutdown()
    line.server.server_close()
    proxied.now += timedelta(hours=1, minutes=10)
    outcomes = live(proxied, 12)
    assert set(outcomes) <= {"connect", "timeout"}
    assert max(waits(proxied)) <= timedelta(hours=1)
    assert proxied.rows("SELECT DISTINCT status FROM articles") == [("pending",)]
    line.trouble = lambda _handler: False
    line.server = ThreadingHTTPServer(("127.0.0.1", line.port), line.server.RequestHandlerClass)
    line.thread = threading.Thread(target=line.server.serve_forever, args=(0.02,), daemon=True)
    line.thread.start()
    live(proxied, 2)
    assert proxied.rows("SELECT DISTINCT status FROM articles") == [("full",)]


def test_l39_a_server_that_is_away_alone_is_asked_less_and_less(proxied, line: Line) -> None:
    def one_away(handler) -> bool:
        handler.close_connection = "paper1.org" in handler.path
        return handler.close_connection

    line.trouble = one_away
    proxied.cycle()
    live(proxied, 6)
    ((url, failures),) = proxied.rows("SELECT url, failures FROM feeds WHERE failures > 0")
    assert (url, failures) == ("http://feeds.paper1.org/feed", 3)


@pytest.mark.parametrize("status", [301, 200])
def test_l39_nothing_is_learned_from_a_captive_portal(proxied, line: Line, status: int) -> None:
    proxied.cycle()
    known = proxied.rows(STAYS)

    def portal(handler) -> bool:
        if status != 200 and "portal.example" not in handler.path:
            handler.send_response(status)
            handler.send_header("Location", "http://login.portal.example/")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return True
        body = b"<!doctype html><title>Please log in</title><p>Wi-Fi for guests"
        handler.send_response(200)
        for name, value in (
            ("Content-Type", "text/html"),
            ("ETag", '"portal"'),
            ("Content-Length", len(body)),
        ):
            handler.send_header(name, str(value))
        handler.end_headers()
        handler.wfile.write(body)
        return True

    line.trouble, line.step[0] = portal, 1
    outcomes = live(proxied, 6)
    assert set(outcomes) == {"not_a_feed"}
    assert outcomes.total() <= 3 * FEEDS
    assert proxied.rows(STAYS) == known
    line.trouble = lambda _handler: False
    live(proxied, 8)  # no longer than the doubled wait after the last failure
    assert proxied.rows("SELECT DISTINCT state, failures FROM feeds") == [("active", 0)]
    assert proxied.rows("SELECT count(*), min(status) FROM articles") == [(12, "full")]


def test_l39_a_proxy_that_wants_a_password_is_said_and_bothered_less_and_less(proxied, line: Line) -> None:
    proxied.cycle()
    known = proxied.rows(STAYS)

    def refuse(handler) -> bool:
        handler.send_response(407)
        handler.send_header("Proxy-Authenticate", 'Basic realm="office"')
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return True

    line.trouble = refuse
    outcomes = live(proxied, 6)
    assert set(outcomes) == {"http_error"}
    assert outcomes.total() <= 3 * FEEDS
    ((said,),) = proxied.rows("SELECT DISTINCT last_error FROM feeds")
    assert "407" in str(said)
    assert proxied.rows(STAYS) == known
    line.trouble = lambda _handler: False
    live(proxied, 8)
    assert proxied.rows("SELECT DISTINCT state, failures FROM feeds") == [("active", 0)]
