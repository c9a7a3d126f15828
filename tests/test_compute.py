from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator

import pytest

from aggregator.compute import Crash, Inline, WorkerPool, call, make_executor


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    executor = WorkerPool(workers=2, seconds=3.0)
    yield executor
    executor.shutdown(cancel_futures=True)


def test_a_call_comes_back_with_its_result(pool: WorkerPool) -> None:
    assert asyncio.run(call(pool, divmod, 17, 5)) == (3, 2)


def test_a_worker_that_dies_costs_only_its_task(pool: WorkerPool) -> None:
    crash = asyncio.run(call(pool, os._exit, 3))
    assert isinstance(crash, Crash)
    assert "died" in crash.detail
    assert asyncio.run(call(pool, abs, -1)) == 1


def test_a_worker_that_hangs_is_killed_and_replaced(pool: WorkerPool) -> None:
    crash = asyncio.run(call(pool, time.sleep, 3600))
    assert crash == Crash("it took too long to read and was given up")
    assert asyncio.run(call(pool, abs, -1)) == 1


def test_what_workers_need_is_loaded_before_they_are_started(pool: WorkerPool) -> None:
    loaded = "__import__('sys').modules['aggregator.reports.encoder']._load.cache_info().currsize"
    assert asyncio.run(call(pool, eval, loaded)) == 1


@pytest.mark.parametrize("executor", [Inline(), None])
def test_an_exception_is_a_value_that_names_it(pool: WorkerPool, executor: Inline | None) -> None:
    crash = asyncio.run(call(executor or pool, int, "seven"))
    assert isinstance(crash, Crash)
    assert crash.detail.startswith("reading it failed: ValueError")


def test_the_configuration_chooses_the_executor() -> None:
    assert isinstance(make_executor("inline", "auto"), Inline)
    for workers in ("auto", 1):
        executor = make_executor("processes", workers)
        assert isinstance(executor, WorkerPool)
        assert executor.submit(abs, -2).result() == 2
        executor.shutdown()
