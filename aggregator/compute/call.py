"""A call on an executor, whose failures are values."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from pebble import ProcessExpired

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Crash:
    """A task that raised, died with its worker, or ran out of time. ``detail`` is one plain sentence."""

    detail: str


def crash_of(error: Exception) -> Crash:
    """Say what became of a task that has no result."""
    if isinstance(error, TimeoutError):
        return Crash("it took too long to read and was given up")
    if isinstance(error, ProcessExpired):
        return Crash(f"the worker that read it died (exit code {error.exitcode})")
    return Crash(f"reading it failed: {type(error).__name__}: {error}"[:300])


async def call(executor: Executor, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R | Crash:
    """Run a pure function on the executor. Its failures come back as a value: they concern one task only."""
    future: Future[Any] = executor.submit(fn, *args, **kwargs)
    try:
        result: R | Crash = await asyncio.wrap_future(future)
    except Exception as error:  # any page may break a parser in a new way
        return crash_of(error)
    return result
