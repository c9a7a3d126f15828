from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import FetchFailure, FetchProblem
from aggregator.web import Hosts
from aggregator.web.hosts import HostPausedError

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


class Clock:
    """A clock that runs only while somebody sleeps on it."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        until = self.time + seconds
        await asyncio.sleep(0)
        self.time = max(self.time, until)


def _hosts(clock: Clock, **settings: float) -> Hosts:
    defaults = {"concurrency": 64, "per_host": 2, "delay": 0.5}
    return Hosts(**(defaults | settings), clock=clock, sleep=clock.sleep)


async def test_requests_to_a_host_start_spaced_and_in_order():
    """B15."""
    clock, starts = Clock(), []
    hosts = _hosts(clock, per_host=1)

    async def visit() -> None:
        async with hosts.turn("a", spaced=True):
            starts.append(clock())

    await asyncio.gather(*(visit() for _ in range(5)))
    assert starts == [1000.0, 1000.5, 1001.0, 1001.5, 1002.0]


async def test_redirects_and_other_hosts_do_not_wait():
    clock = Clock()
    hosts = _hosts(clock)
    for host, spaced in (("a", True), ("b", True), ("a", False), ("a", False)):
        async with hosts.turn(host, spaced=spaced):
            assert clock() == 1000.0


@pytest.mark.parametrize(("per_host", "concurrency", "most"), [(2, 64, 2), (5, 3, 3), (1, 64, 1)])
async def test_no_more_are_open_at_once_than_allowed(per_host, concurrency, most):
    hosts = _hosts(Clock(), per_host=per_host, concurrency=concurrency, delay=0)
    open_now, peak = 0, 0

    async def visit() -> None:
        nonlocal open_now, peak
        async with hosts.turn("a", spaced=True):
            open_now += 1
            peak = max(peak, open_now)
            await asyncio.sleep(0)
            open_now -= 1

    await asyncio.gather(*(visit() for _ in range(20)))
    assert peak == most


async def test_a_pause_holds_for_the_whole_host_and_for_those_already_waiting():
    """B14."""
    clock = Clock()
    hosts = _hosts(clock)
    async with hosts.turn("a", spaced=True):
        pass
    waiting = asyncio.create_task(_visit(hosts))
    await asyncio.sleep(0)
    hosts.pause("a", 7200)
    hosts.pause("a", 10)
    with pytest.raises(HostPausedError):
        await waiting
    assert hosts.paused_until("a") == 1000.0 + 7200
    assert hosts.paused_until("b") is None
    with pytest.raises(HostPausedError):
        await _visit(hosts)
    clock.time += 7200
    await _visit(hosts)
    assert hosts.paused_until("a") is None


async def _visit(hosts: Hosts) -> None:
    async with hosts.turn("a", spaced=True):
        pass


@given(st.floats(allow_nan=False))
def test_no_pause_is_longer_than_a_day(seconds):
    """B09."""
    hosts = _hosts(Clock())
    hosts.pause("a", seconds)
    assert (hosts.paused_until("a") or 1000.0) <= 1000.0 + 86400


async def test_the_memory_of_hosts_is_bounded_and_keeps_pauses():
    clock = Clock()
    hosts = _hosts(clock)
    hosts.pause("paused", 3600)
    for number in range(10_000):
        async with hosts.turn(f"host{number}", spaced=True):
            clock.time += 0.01
    assert len(hosts._hosts) < 4200
    assert hosts.paused_until("paused") is not None


@pytest.mark.parametrize(
    ("status", "header", "pause"),
    [
        (429, "7200", 7200.0),
        (503, "60", 60.0),
        (429, "Tue, 24 Nov 2026 12:10:00 GMT", 600.0),
        (429, "nonsense", 60.0),
        (503, "nonsense", None),
        (500, "60", None),
        (429, "0", None),
    ],
)
async def test_an_answer_may_pause_its_host(web, serve, get, reply, status, header, pause):
    """B10, B13, B14."""
    server = await serve({"*": reply(status, [("Retry-After", header)])})
    clock = Clock()
    client = web(parts={"clock": clock, "sleep": clock.sleep, "now": lambda: NOW})
    assert (await get(client, server.url("/a"))).status == status
    later = await get(client, server.url("/b"))
    if pause is None:
        assert later.status == status
    else:
        assert isinstance(later, FetchFailure)
        assert (later.problem, later.retry_after) == (FetchProblem.PAUSED, pause)
        assert server.targets == ["/a"]
        clock.time += pause
        assert (await get(client, server.url("/b"))).status == status


async def test_a_burst_of_fifty_feeds_never_opens_more_than_two_connections(web, serve, get, reply):
    """B15."""

    async def slow(request, writer):
        await asyncio.sleep(0)
        writer.write(reply(body=b"x"))

    server = await serve({"*": slow})
    client = web()
    fetched = await asyncio.gather(*(get(client, server.url(f"/{n}")) for n in range(50)))
    assert {answer.status for answer in fetched} == {200}
    assert server.busiest <= 2
    assert server.connections <= 2


async def test_waiting_for_a_turn_does_not_count_against_the_deadline(web, serve, get, reply):
    server = await serve({"*": reply(body=b"x")})
    clock = Clock()
    client = web(parts={"clock": clock, "sleep": clock.sleep}, host_delay=100.0)
    fetched = await asyncio.gather(*(get(client, server.url(f"/{n}"), deadline=50.0) for n in range(4)))
    assert [answer.status for answer in fetched] == [200] * 4
    assert clock() == 1300.0


async def test_l38_a_host_that_hangs_costs_a_few_time_outs_and_no_more(web, serve, get):
    """Of fifty feeds on it, that is: the others say that it does not answer, and are asked later."""
    hang = asyncio.Event()

    async def silent(_request, _writer):
        await hang.wait()

    server = await serve({"*": silent})
    client = web(timeout=0.05, per_host=2)
    failures = await asyncio.gather(*(get(client, server.url(f"/{n}")) for n in range(50)))
    hang.set()
    problems = [failure.problem for failure in failures]
    assert 3 <= problems.count(FetchProblem.TIMEOUT) <= 4
    paused = [failure for failure in failures if failure.problem is FetchProblem.PAUSED]
    assert len(paused) == 50 - problems.count(FetchProblem.TIMEOUT)
    assert {failure.detail for failure in paused} == {"127.0.0.1 does not answer and is left alone."}
    assert all(500 < failure.retry_after <= 600 for failure in paused)


async def test_an_answer_makes_earlier_silence_forgotten():
    hosts = _hosts(Clock())
    for _ in range(5):
        hosts.fell_silent("a")
        hosts.fell_silent("a")
        hosts.answered("a")
    assert hosts.paused_until("a") is None
