"""Politeness towards each host: few requests at once, spaced, and none while it has asked for a pause."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from aggregator import headers

MAX_PAUSE = 86400.0
"""Seconds a single answer may silence a whole host: one bad path must not freeze it for good (B09, B14)."""

_SILENCES = 3
_SILENT_SECONDS = 600.0

_TIDY_AT = 4096  # hosts


class HostPausedError(Exception):
    """The host is left alone for so many seconds. The text says why, behind the host's name."""

    def __init__(self, seconds: float, *, silent: bool) -> None:
        super().__init__("does not answer and is left alone" if silent else "has asked us to wait")
        self.seconds = seconds


@dataclass(slots=True)
class _Host:
    turns: asyncio.Semaphore
    users: int = 0
    next_start: float = 0.0  # monotonic
    paused_until: float = 0.0  # monotonic
    silences: int = 0  # time-outs in a row

    def is_idle(self, now: float) -> bool:
        return not self.users and self.next_start <= now and self.paused_until <= now


class Hosts:
    """Who may be asked when. One per client; times are seconds of the given monotonic clock.

    Tasks wait here and not in the connection pool, whose waiting list costs the square of its length.
    """

    def __init__(
        self,
        *,
        concurrency: int,
        per_host: int,
        delay: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._all = asyncio.Semaphore(concurrency)
        self._per_host = per_host
        self._delay = delay
        self._clock = clock
        self._sleep = sleep
        self._hosts: dict[str, _Host] = {}

    @asynccontextmanager
    async def turn(self, host: str, *, spaced: bool) -> AsyncIterator[None]:
        """Wait until a request to the host may start, and hold its place while it runs.

        Args:
            host: Host name, in lower case.
            spaced: Whether the delay between two starts applies (not for redirects and robots.txt).

        Raises:
            HostPausedError: if the host is in a pause, now or when its turn has come.
        """
        state = self._state(host)
        state.users += 1
        try:
            self._refuse_paused(state)
            async with state.turns:
                if spaced:
                    await self._space(state)
                async with self._all:
                    self._refuse_paused(state)
                    yield
        finally:
            state.users -= 1

    def pause(self, host: str, seconds: float) -> None:
        """Ask nothing of the host for so many seconds, a day at most. A longer pause is not shortened."""
        state = self._state(host)
        until = self._clock() + min(max(seconds, 0.0), MAX_PAUSE)
        state.paused_until = max(state.paused_until, until)

    def fell_silent(self, host: str) -> None:
        """Note a time-out; after a few in a row the host is left alone for a while.

        Fifty feeds of a host that hangs must not hold up all others for fifty time-outs (case L38).
        """
        state = self._state(host)
        state.silences += 1
        if state.silences >= _SILENCES:
            self.pause(host, _SILENT_SECONDS)

    def answered(self, host: str) -> None:
        """Note an answer, whatever it was."""
        self._state(host).silences = 0

    def paused_until(self, host: str) -> float | None:
        """Return when the host's pause ends (monotonic seconds), or None if it is in none."""
        state = self._hosts.get(host)
        return state.paused_until if state and state.paused_until > self._clock() else None

    def _state(self, host: str) -> _Host:
        state = self._hosts.get(host)
        if state is None:
            if len(self._hosts) >= _TIDY_AT:
                self._tidy()
            state = self._hosts[host] = _Host(asyncio.Semaphore(self._per_host))
        return state

    def _tidy(self) -> None:
        now = self._clock()
        self._hosts = {host: state for host, state in self._hosts.items() if not state.is_idle(now)}

    def _refuse_paused(self, state: _Host) -> None:
        seconds = state.paused_until - self._clock()
        if seconds > 0:
            raise HostPausedError(seconds, silent=state.silences >= _SILENCES)

    async def _space(self, state: _Host) -> None:
        now = self._clock()
        start = max(now, state.next_start)
        state.next_start = start + self._delay
        if start > now:
            await self._sleep(start - now)


def retry_after(value: bytes, now: datetime) -> float | None:
    """Read a Retry-After header by itself."""
    return headers.retry_after((("retry-after", value),), now)
