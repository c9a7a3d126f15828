"""WebSub from end to end: a hub on loopback, the real client, the real callback, a clock in our hands."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from structlog.testing import capture_logs

from aggregator.daemon import callback as callback_module
from aggregator.daemon.callback import HubServer, hearing_hubs
from aggregator.pipeline.cycle import Scope, feeds_to_poll
from aggregator.pipeline.poll import poll_feeds
from aggregator.pipeline.services import Services
from aggregator.pipeline.websub import ask_hubs

PUBLIC = "https://me.example/websub"
SETTINGS = f"""
compute: {{kind: inline}}
defaults: {{full_text: false}}
network: {{allow_private: [127.0.0.0/8]}}
websub: {{callback: '{PUBLIC}', listen: '127.0.0.1:0'}}
"""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class World:
    """A feed with a hub, and what the hub can do to us."""

    def __init__(self, site: Any, daemon: Any, reply: Any, rss: Any) -> None:
        self.site, self.daemon, self.reply, self.rss = site, daemon, reply, rss
        site.listen("https", "hub.example")
        self.hub = site.url("/hub", "hub.example", "https")
        self.feed = site.url("/feed")
        self.woken = 0
        site.on("/hub", reply(202))
        self.publish("first")
        daemon.subscribe(self.feed, settings=SETTINGS)

    def publish(self, *titles: str) -> None:
        links = ("Link", f'<{self.hub}>; rel="hub", <{self.feed}>; rel="self"')
        headers = [links, ("ETag", f'"{len(titles)}"'), ("Content-Type", "application/rss+xml")]

        def answer(request: Any) -> bytes:
            unchanged = request.validators[0] == headers[1][1].encode()
            return self.reply(304, headers=headers) if unchanged else self.reply(200, body, headers)

        body = self.rss(*titles)
        self.site.on("/feed", answer)

    def run(self, work: Callable[[Services], Any]) -> Any:
        """Start the daemon with its callback, and do something."""

        async def main(services: Services) -> Any:
            async with self.listening(services):
                return await work(replace(services, hears_hubs=True))

        return self.daemon.run(main)

    @asynccontextmanager
    async def listening(self, services: Services) -> AsyncIterator[None]:
        async def wake() -> None:
            self.woken += 1

        hubs = HubServer(services, PUBLIC, wake)
        server = await asyncio.start_server(hubs.accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with httpx.AsyncClient(trust_env=False, verify=self.daemon.trust) as self.client:
            yield
        server.close()
        await hubs.aclose()

    async def poll(self, services: Services) -> None:
        feeds = await services.writer.write(feeds_to_poll, Scope(), services.clock())
        await poll_feeds(services, feeds)

    def requests(self) -> list[dict[str, str]]:
        """What the hub was asked for."""
        forms = (parse_qs(request.body.decode()) for request in self.site.asked("/hub"))
        return [{name: value for name, (value,) in form.items()} for form in forms]

    async def call(self, method: str, url: str, **more: Any) -> httpx.Response:
        """Ask our callback, as the proxy in front of it does."""
        parts = urlsplit(url)
        address = f"http://127.0.0.1:{self.port}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        return await self.client.request(method, address, **more)

    async def verify(self, **changed: str) -> httpx.Response:
        """Verify the last request, as a hub does."""
        form = self.requests()[-1]
        fields = {"mode": form["hub.mode"], "topic": form["hub.topic"], "challenge": "c 1&<b>"} | changed
        fields.setdefault("lease_seconds", "864000")
        query = urlencode({f"hub.{name}": value for name, value in fields.items()})
        return await self.call("GET", f"{form['hub.callback']}?{query}")

    async def deliver(self, signature: str | None = None, body: bytes = b"<rss/>") -> int:
        """Deliver to the last callback; signed by the secret unless told otherwise."""
        form = self.requests()[-1]
        digest = hmac.new(form.get("hub.secret", "").encode(), body, hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature": f"sha256={digest}" if signature is None else signature}
        answer = await self.call("POST", form["hub.callback"], content=body, headers=headers)
        return answer.status_code

    def held(self) -> None:
        """Subscribe and have it verified."""

        async def work(services: Services) -> None:
            await self.poll(services)
            await ask_hubs(services, PUBLIC)
            assert (await self.verify()).status_code == 200

        self.run(work)

    def due_in(self) -> timedelta:
        (due,) = self.daemon.row("SELECT next_poll_at FROM feeds")
        return datetime.fromisoformat(due) - self.daemon.clock.now


@pytest.fixture
def world(site, daemon, reply, rss) -> World:
    daemon.jitter = lambda: 0.0
    return World(site, daemon, reply, rss)


def test_a_feed_with_a_hub_is_subscribed_to_and_the_hub_verifies_it(world: World) -> None:
    async def work(services: Services) -> None:
        await world.poll(services)
        await ask_hubs(services, PUBLIC)
        await ask_hubs(services, PUBLIC)
        (form,) = world.requests()
        assert form["hub.mode"] == "subscribe"
        assert form["hub.topic"] == world.feed
        assert form["hub.lease_seconds"] == "864000"
        assert len(form["hub.secret"]) >= 40
        path = form["hub.callback"].removeprefix(PUBLIC + "/")
        assert len(path) >= 40
        answer = await world.verify()
        assert (answer.status_code, answer.text) == (200, "c 1&<b>")
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.headers["x-content-type-options"] == "nosniff"

    world.run(work)
    (request,) = world.site.asked("/hub")
    assert (request.method, request.scheme) == (b"POST", "https")
    assert request.headers["content-type"] == b"application/x-www-form-urlencoded"
    assert world.daemon.row("SELECT stage, lease_until > requested_at FROM websub") == ("held", 1)


ATOM = "<feed xmlns='http://www.w3.org/2005/Atom'><title>x</title>{0}<entry><id>1</id></entry></feed>"
RSS = "<rss version='2.0' xmlns:atom='http://www.w3.org/2005/Atom'><channel>{0}<item/></channel></rss>"


@pytest.mark.parametrize(
    ("case", "document", "inside", "header", "redirect"),
    [
        (100, RSS, "", True, None),
        (102, ATOM, "<link rel='self' href='{0}'/><link rel='hub' href='{1}'/>", False, None),
        (103, RSS, "<atom:link rel='hub' href='{1}'/><atom:link rel='self' href='{0}'/>", False, None),
        (104, ATOM, "<link rel='self' href='{0}?no'/><link rel='hub' href='{1}?no'/>", True, None),
        (201, ATOM, "", True, 302),
        (202, ATOM, "", True, 301),
    ],
)
def test_f01_hub_and_topic_are_discovered_as_websub_rocks_tries_it(
    world: World, case: int, document: str, inside: str, header: bool, redirect: int | None
) -> None:
    """The topic differs from the address that is polled in all of them (case 200)."""
    topic = world.site.url("/topic?self=other")
    links = [("Link", f'<{topic}>; rel="self"'), ("Link", f'<{world.hub}>; rel="hub"')] if header else []
    body = document.format(inside.format(topic, world.hub)).encode()
    world.site.on("/feed", world.reply(200, body, links))
    if redirect:
        world.site.on("/feed", world.reply(redirect, headers=[("Location", "/moved")]))
        world.site.on("/moved", world.reply(200, body, links))

    async def work(services: Services) -> None:
        await world.poll(services)
        await ask_hubs(services, PUBLIC)

    world.run(work)
    (request,) = world.site.asked("/hub")
    assert request.target == "/hub"
    assert parse_qs(request.body.decode())["hub.topic"] == [topic]


def test_what_we_did_not_ask_for_is_not_confirmed(world: World) -> None:
    async def work(services: Services) -> None:
        await world.poll(services)
        await ask_hubs(services, PUBLIC)
        for wrong in ({"topic": "http://other.example/feed"}, {"mode": "unsubscribe"}, {"challenge": ""}):
            answer = await world.verify(**wrong)
            assert (answer.status_code, answer.text) == (404, "")
        query = urlencode({"hub.mode": "subscribe", "hub.topic": world.feed, "hub.challenge": "x"})
        for path in ("/websub/guess", "/websub/", "/"):
            assert (await world.call("GET", f"{PUBLIC}{path}?{query}")).status_code == 404

    world.run(work)
    assert world.daemon.row("SELECT stage, lease_until FROM websub") == ("wanted", None)


def test_without_https_no_secret_is_sent_and_the_path_has_to_do(site, daemon, reply, rss) -> None:
    hub = site.url("/hub", "hub.example")
    site.on("/hub", reply(202))
    head = "".join(
        f"<link xmlns='http://www.w3.org/2005/Atom' rel='{name}' href='{url}'/>"
        for name, url in (("hub", hub), ("self", site.url()))
    )
    site.on("/feed", reply(200, rss("one", head=head)))
    daemon.subscribe(site.url(), settings=SETTINGS)
    daemon.cycle()

    daemon.run(lambda services: ask_hubs(services, PUBLIC))
    (request,) = site.asked("/hub")
    assert "hub.secret" not in parse_qs(request.body.decode())


def test_a_signed_delivery_makes_the_feed_due_and_its_news_arrive(world: World) -> None:
    world.held()
    world.daemon.clock.move(timedelta(minutes=30))
    world.publish("first", "second")
    later = world.due_in()

    async def deliver(services: Services) -> None:
        assert await world.deliver() == 202
        assert world.woken == 1
        await world.poll(services)

    world.run(deliver)
    assert later > timedelta(0)
    assert world.daemon.rows("SELECT title FROM entries ORDER BY id") == [("first",), ("second",)]
    assert len(world.site.asked("/feed")) == 2
    assert world.site.asked("/feed")[1].validators[0] == b'"1"'


@pytest.mark.parametrize("signature", ["", "sha1=", "sha256=" + "0" * 64, "md5=abc", "sha512=zz"])
def test_a_forged_delivery_is_answered_like_a_good_one_and_ignored(world: World, signature: str) -> None:
    world.held()
    world.daemon.clock.move(timedelta(minutes=30))
    before = world.due_in()

    async def work(_services: Services) -> None:
        assert await world.deliver(signature) == 202

    world.run(work)
    assert (world.due_in(), world.woken) == (before, 0)
    assert world.daemon.row("SELECT delivered_at FROM websub") == (None,)


def test_a_hub_that_rings_all_day_costs_four_polls_an_hour(world: World) -> None:
    world.held()

    async def work(services: Services) -> None:
        for number in range(24):
            world.daemon.clock.move(timedelta(minutes=5))
            world.publish(*map(str, range(number + 2)))
            await world.deliver()
            await world.poll(services)

    world.run(work)
    gaps = world.site.gaps()
    assert min(gaps) >= timedelta(minutes=15)
    assert len(gaps) >= 7


def test_a_change_that_a_cache_hides_is_asked_for_again_at_the_usual_time(world: World) -> None:
    world.daemon.cycle()
    usual = world.due_in()
    world.held()

    async def work(services: Services) -> None:
        world.daemon.clock.move(max(timedelta(minutes=20), world.due_in()))
        await world.poll(services)
        stretched = world.due_in()
        world.daemon.clock.move(timedelta(minutes=20))
        await world.deliver()
        world.daemon.clock.move(timedelta(seconds=1))
        await world.poll(services)
        assert usual <= world.due_in() < stretched

    world.run(work)


def test_polling_slows_while_a_lease_holds_and_returns_when_it_ends(world: World) -> None:
    world.held()

    async def waits(services: Services) -> list[int]:
        found = []
        for until_end in (9 * DAY, 2 * HOUR, -timedelta(minutes=1)):
            await services.writer.write(_fix_rhythm)
            world.daemon.clock.now = end - until_end
            await world.poll(services)
            found.append(round(world.due_in() / HOUR))
        return found

    end = world.daemon.clock.now + 10 * DAY
    assert world.run(waits) == [4, 2, 1]


def _fix_rhythm(db: Any) -> None:
    """Make the feed one that is asked once an hour."""
    db.execute("UPDATE feeds SET entry_gap_seconds = 60")


def test_a_lease_is_renewed_before_it_ends_at_the_same_callback(world: World) -> None:
    world.held()

    async def work(services: Services) -> None:
        world.daemon.clock.move(7 * DAY)
        assert await ask_hubs(services, PUBLIC) == 0
        world.daemon.clock.move(DAY)
        assert await ask_hubs(services, PUBLIC) == 1
        assert (await world.verify()).status_code == 200

    world.run(work)
    first, second = world.requests()
    assert first == second
    (until,) = world.daemon.row("SELECT lease_until FROM websub")
    assert until == (world.daemon.clock.now + 10 * DAY).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_feed_that_is_removed_is_unsubscribed(world: World) -> None:
    world.held()
    world.daemon.config = world.daemon.config.model_copy(update={"feeds": ()})

    async def work(services: Services) -> None:
        await ask_hubs(services, PUBLIC)
        first, last = world.requests()
        assert last == {name: first[name] for name in ("hub.topic", "hub.callback")} | {
            "hub.mode": "unsubscribe"
        }
        assert await world.deliver() == 410
        assert (await world.verify(mode="subscribe")).status_code == 404
        answer = await world.verify()
        assert (answer.status_code, answer.text) == (200, "c 1&<b>")
        assert await world.deliver() == 410

    world.run(work)
    assert world.daemon.rows("SELECT * FROM websub") == []


def test_a_feed_that_changes_its_hub_leaves_the_old_one_for_the_new(world: World) -> None:
    world.held()
    old = world.hub
    world.hub = world.site.url("/hub2", "hub.example", "https")
    world.site.on("/hub2", world.reply(202))
    world.publish("first", "second")

    async def work(services: Services) -> None:
        world.daemon.clock.move(DAY)
        await world.poll(services)
        await ask_hubs(services, PUBLIC)

    world.run(work)
    rows = world.daemon.rows("SELECT hub, stage FROM websub ORDER BY id")
    assert rows == [(old, "leaving"), (world.hub, "wanted")]
    assert [form["hub.mode"] for form in world.requests()] == ["subscribe", "unsubscribe"]


def test_a_public_address_that_changes_means_new_subscriptions(world: World) -> None:
    world.held()
    world.run(lambda services: ask_hubs(services, "https://elsewhere.example"))
    first, second = world.requests()
    assert second["hub.callback"].startswith("https://elsewhere.example/")
    assert second["hub.secret"] != first["hub.secret"]
    assert world.daemon.row("SELECT count(*) FROM websub") == (1,)


def test_a_hub_that_denies_is_left_alone_for_a_week_and_the_feed_is_polled_as_usual(world: World) -> None:
    world.held()

    async def work(services: Services) -> None:
        assert (await world.verify(mode="denied", reason="enough")).status_code == 200
        world.daemon.clock.move(6 * DAY)
        assert await ask_hubs(services, PUBLIC) == 0
        world.daemon.clock.move(DAY)
        assert await ask_hubs(services, PUBLIC) == 1

    world.run(work)
    assert world.daemon.row("SELECT stage, lease_until FROM websub") == ("wanted", None)


@pytest.mark.parametrize("status", [307, 308])
def test_a_hub_may_send_us_to_another_with_the_same_form(world: World, status: int) -> None:
    there = world.site.url("/there", "hub.example", "https")
    world.site.on("/hub", world.reply(status, headers=[("Location", there)]))
    world.site.on("/there", world.reply(202))

    async def work(services: Services) -> None:
        await world.poll(services)
        await ask_hubs(services, PUBLIC)

    world.run(work)
    assert world.site.asked("/there")[0].body == world.site.asked("/hub")[0].body


def test_a_secret_is_not_sent_on_without_tls(world: World) -> None:
    world.site.on("/hub", world.reply(308, headers=[("Location", world.site.url("/there"))]))

    async def work(services: Services) -> None:
        await world.poll(services)
        await ask_hubs(services, PUBLIC)

    world.run(work)
    assert len(world.site.asked("/hub")) == 1
    assert world.site.asked("/there") == []


@pytest.mark.parametrize("status", [302, 303, 404, 500])
def test_a_hub_that_does_not_want_us_is_asked_again_later_and_less_and_less(
    world: World, status: int
) -> None:
    where = [("Location", world.site.url("/there"))] if status < 400 else []
    world.site.on("/hub", world.reply(status, b"no, thank you", where))

    async def work(services: Services) -> None:
        await world.poll(services)
        for _ in range(24):
            await ask_hubs(services, PUBLIC)
            world.daemon.clock.move(HOUR)

    world.run(work)
    assert world.site.asked("/there") == []
    assert world.site.gaps("/hub") == [HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR]


def test_a_hub_inside_is_never_asked(world: World) -> None:
    world.daemon.config = world.daemon.config.model_copy(
        update={
            "network": world.daemon.config.network.model_copy(update={"allow_private": ("feeds.example",)})
        }
    )

    async def work(services: Services) -> None:
        await world.poll(services)
        with capture_logs() as logs:
            await ask_hubs(services, PUBLIC)
        assert "not a public address" in str(logs)

    world.run(work)
    assert world.site.asked("/hub") == []


def test_garbage_at_the_callback_is_answered_or_dropped(world: World, monkeypatch) -> None:
    monkeypatch.setattr(callback_module, "DEADLINE_SECONDS", 0.3)
    monkeypatch.setattr(callback_module, "MOST_CONNECTIONS", 3)

    async def exchange(sent: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write(sent)
        answer = await reader.read()
        writer.close()
        return answer

    async def work(_services: Services) -> None:
        post = b"POST /websub/x HTTP/1.1\r\nHost: x\r\n"
        assert (await exchange(b"\x16\x03\x01\r\n\r\n")).startswith(b"HTTP/1.1 400")
        assert (await exchange(b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 400")
        assert (await exchange(b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n")).startswith(b"HTTP/1.1 404")
        assert (await exchange(b"PUT / HTTP/1.1\r\nHost: x\r\n\r\n")).startswith(b"HTTP/1.1 405")
        many = b"&".join(b"a=%d" % number for number in range(100))
        assert (await exchange(b"GET /x?" + many + b" HTTP/1.1\r\nHost: x\r\n\r\n")).startswith(
            b"HTTP/1.1 400"
        )
        assert (await exchange(post + b"Content-Length: 5\r\n\r\nhello")).startswith(b"HTTP/1.1 410")
        waiting = await exchange(post + b"Content-Length: 9\r\nExpect: 100-continue\r\n\r\n")
        assert waiting == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert await exchange(post + b"Content-Length: 9\r\n\r\nhal") == b""  # silent until the deadline
        idle = [await asyncio.open_connection("127.0.0.1", world.port) for _ in range(3)]
        await asyncio.sleep(0.05)
        assert await exchange(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") == b""
        for _, writer in idle:
            writer.close()

    world.run(work)


def test_a_delivery_without_end_is_refused_at_the_limit(world: World) -> None:
    world.held()
    world.daemon.config = world.daemon.config.model_copy(
        update={"network": world.daemon.config.network.model_copy(update={"max_feed_size": 100_000})}
    )

    async def work(_services: Services) -> None:
        assert await world.deliver(body=b"x" * 100_000) == 202
        with suppress(httpx.WriteError):  # it may be refused while we still send
            assert await world.deliver(body=b"x" * 300_000) == 413

    world.run(work)


def test_off_nothing_listens_and_no_hub_is_asked(world: World) -> None:
    world.daemon.subscribe(world.feed)

    async def work(services: Services) -> None:
        await world.poll(services)
        before = asyncio.all_tasks()
        async with hearing_hubs(services, _nothing) as same:
            await asyncio.sleep(0)
            assert same is services
            assert asyncio.all_tasks() == before

    world.daemon.run(work)
    assert world.site.asked("/hub") == []
    assert world.daemon.rows("SELECT * FROM websub") == []


def test_on_the_service_listens_asks_and_takes_everything_down_again(world: World) -> None:
    async def work(services: Services) -> None:
        await world.poll(services)
        asked, loop = asyncio.Event(), asyncio.get_running_loop()

        def answer(_request: Any) -> bytes:
            loop.call_soon_threadsafe(asked.set)
            return world.reply(202)

        world.site.on("/hub", answer)
        before = asyncio.all_tasks()
        async with hearing_hubs(services, _nothing) as heard:
            assert heard.hears_hubs
            await asyncio.wait_for(asked.wait(), 20)
        assert asyncio.all_tasks() == before

    world.daemon.run(work)
    assert world.requests()[0]["hub.mode"] == "subscribe"


def test_an_address_that_cannot_be_listened_at_leaves_polling_as_it_is(world: World) -> None:
    async def work(services: Services) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            listen = f"127.0.0.1:{taken.getsockname()[1]}"
            websub = services.config.websub.model_copy(update={"listen": listen})
            busy = replace(services, config=services.config.model_copy(update={"websub": websub}))
            with capture_logs() as logs:
                async with hearing_hubs(busy, _nothing) as same:
                    assert same is busy
        assert logs[0]["event"] == "hubs cannot be heard; feeds are polled as usual"

    world.daemon.run(work)


def test_one_cycle_by_itself_hears_nobody_and_polls_at_the_usual_pace(world: World) -> None:
    world.held()
    world.daemon.run(lambda services: services.writer.write(_fix_rhythm))
    world.daemon.clock.move(world.due_in())
    world.daemon.cycle()
    usual = world.due_in()
    world.daemon.clock.move(usual)
    world.run(world.poll)
    assert world.due_in() > usual


async def _nothing() -> None:
    """Nobody is to be woken."""


def test_a_defect_of_ours_costs_the_hubs_and_not_the_service(world: World) -> None:
    async def work(services: Services) -> None:
        await services.writer.write(lambda db: db.execute("DROP TABLE websub"))
        with capture_logs() as logs:
            async with hearing_hubs(services, _nothing):
                while not any(line["event"] == "the hubs could not be asked" for line in logs):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            with pytest.raises(httpx.RemoteProtocolError):
                await world.call("GET", f"{PUBLIC}/x")
        assert logs[-1]["event"] == "a hub could not be answered"

    world.run(work)


def test_a_connection_that_asks_nothing_is_closed(world: World) -> None:
    async def work(_services: Services) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()

    world.run(work)
