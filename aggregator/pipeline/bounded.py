"""Side by side, but never more than so many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

BEAT = 0.5
"""Seconds after which a stage looks again whether the one before it has brought work."""

T = TypeVar("T")
R = TypeVar("R")


async def for_each(things: Iterable[T], work: Callable[[T], Awaitable[R]], limit: int) -> list[R]:
    """Run ``work`` on every thing, at most ``limit`` at once, and return the results in order.

    Bounds the tasks, not a pool that they wait for: httpx's waiting list is quadratic. The first exception
    ends all of them and is raised.
    """
    queue = list(enumerate(things))
    queue.reverse()
    results: dict[int, R] = {}

    async def worker() -> None:
        while queue:
            index, thing = queue.pop()
            results[index] = await work(thing)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(limit, len(queue))):
                group.create_task(worker())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures
    return [results[index] for index in sorted(results)]


class Upstream:
    """The stage that brings a stage its work while it runs, or none."""

    def __init__(self, stage: asyncio.Future[Any] | None) -> None:
        self._stage = stage

    @property
    def over(self) -> bool:
        """Whether no more work comes. To be asked before looking for work: some may come meanwhile."""
        return self._stage is None or self._stage.done()

    async def wait(self) -> None:
        """Wait a while for more."""
        if self._stage is not None:
            await asyncio.wait([self._stage], timeout=BEAT)
