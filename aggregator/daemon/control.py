"""How the service is told to end, or to come up anew: by signals, or by what it notices itself."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

DRAIN_SECONDS = 3.0
"""Given to work under way when the service ends. What is cut off was not stored, so little is lost."""

RENEW_SECONDS = 60.0
"""Given to it when the service comes up anew: nobody waits for that."""

LAST_SECONDS = 9.0
"""After so long the process ends, whatever hangs: a resolver or a computation in a thread cannot be stopped
otherwise, and the database is in order at any moment."""


class Control:
    """``wake``: come down. ``hurry``: at once. ``ended``: for good."""

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        self.hurry = asyncio.Event()
        self.ended = False
        self._timer: asyncio.TimerHandle | None = None

    def end(self) -> None:
        """End the service; asked twice, at once."""
        self._come_down(0.0 if self.ended else DRAIN_SECONDS)
        self.ended = True

    def renew(self) -> None:
        """Have the service taken down and built anew."""
        if not self.ended:
            self._come_down(RENEW_SECONDS)

    def begin(self) -> None:
        """Forget an earlier ``renew``."""
        self._cancel_timer()
        self.wake.clear()
        self.hurry.clear()

    async def rest(self, seconds: float) -> None:
        """Wait, unless told to come down."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.wake.wait(), seconds)

    def _come_down(self, seconds: float) -> None:
        self._cancel_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.hurry.set)
        self.wake.set()

    def _cancel_timer(self) -> None:
        if self._timer:
            self._timer.cancel()


class Signals:
    """While entered, SIGTERM and SIGINT end the service, and SIGHUP calls ``reload``."""

    def __init__(self, control: Control, reload: Callable[[], None]) -> None:
        self._control, self._reload = control, reload
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._end)
        self._loop.add_signal_handler(signal.SIGHUP, self._reload)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self._loop.remove_signal_handler(number)

    def _end(self) -> None:
        if not self._control.ended:
            last = threading.Timer(LAST_SECONDS, os._exit, (0,))
            last.daemon = True
            last.start()
        self._control.end()
