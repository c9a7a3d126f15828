from __future__ import annotations

import asyncio
import os
import pickle
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from functools import partial
from pathlib import Path

import pytest

from aggregator.compute import Crash, WorkerPool, call, make_executor
from aggregator.compute.worker import VersionError, run
from aggregator.config import parse_config
from aggregator.demo.server import NewsroomServer
from aggregator.pipeline.cycle import Scope, run_once
from aggregator.store.writer import Writer

psutil = pytest.importorskip("psutil", reason="the extra aggregator[dask] is not installed")
pytest.importorskip("distributed", reason="the extra aggregator[dask] is not installed")
from aggregator.compute.dask import DaskPool  # noqa: E402  # imports Dask

SOON = 60.0  # seconds; nothing here waits for it unless something is wrong


@pytest.fixture
def pools() -> Iterator[Callable[..., DaskPool]]:
    made: list[DaskPool] = []

    def make(address: str, *, waits: bool = False, seconds: float = SOON) -> DaskPool:
        made.append(DaskPool(address, partial(WorkerPool, 1), waits=waits, seconds=seconds, retry=0.1))
        return made[-1]

    yield make
    for pool in made:
        pool.shutdown(cancel_futures=True)


def parents(pid: int) -> set[int]:
    return {parent.pid for parent in psutil.Process(pid).parents()}


class Gate:
    """A task that says its process id when it starts, and ends when it is told to."""

    def __init__(self, folder: Path) -> None:
        self.started, self.go = folder / "started", folder / "go"
        os.mkfifo(self.started)
        os.mkfifo(self.go)
        script = f"echo $$ > {self.started}; read word < {self.go}; echo $word"
        self.task = partial(subprocess.check_output, ["sh", "-c", script])

    def wait(self) -> int:
        return int(self.started.read_text())

    def open(self) -> None:
        self.go.write_text("done\n")


def test_a_task_runs_on_a_worker_of_the_cluster(steady, pools) -> None:
    pool = pools(steady.address, waits=True)
    assert pool.submit(divmod, 17, 5).result(SOON) == (3, 2)
    pid = pool.submit(os.getppid).result(SOON)  # the fork server, whose parent is the worker
    assert parents(pid) & {worker.pid for worker in steady.workers}


def test_what_hangs_dies_or_raises_there_is_told_as_here_and_costs_only_its_task(steady, pools) -> None:
    pool = pools(steady.address, waits=True, seconds=2.0)
    here = WorkerPool(1, seconds=2.0)

    async def both(fn, *arguments):
        return await asyncio.gather(call(pool, fn, *arguments), call(here, fn, *arguments))

    for work in ((time.sleep, 3600), (os._exit, 3), (int, "seven")):
        there, local = asyncio.run(both(*work))
        assert there == local
        assert isinstance(there, Crash)
    assert pool.submit(abs, -1).result(SOON) == 1
    here.shutdown(cancel_futures=True)


def test_a_worker_that_is_killed_in_the_middle_costs_nothing(fragile, pools, tmp_path) -> None:
    pool, gate = pools(fragile.address, waits=True), Gate(tmp_path)
    future = pool.submit(gate.task)
    lost = gate.wait()
    fragile.add_worker()
    fragile.kill_worker()
    os.kill(lost, signal.SIGKILL)
    assert gate.wait() != lost
    gate.open()
    assert future.result(SOON) == b"done\n"


def test_a_scheduler_that_is_killed_is_done_without_and_used_again(fragile, pools, said, tmp_path) -> None:
    pool, gate = pools(fragile.address), Gate(tmp_path)
    future = pool.submit(gate.task)
    lost = gate.wait()
    fragile.kill_scheduler()
    os.kill(lost, signal.SIGKILL)
    assert os.getpid() in parents(gate.wait())
    away = said.wait_for("away")
    assert away["event"] == "the Dask cluster is away: tasks are computed here"
    assert (away["reason"], away["tasks"]) == ("its scheduler is gone", 1)
    gate.open()
    assert future.result(SOON) == b"done\n"
    assert pool.submit(divmod, 17, 5).result(SOON) == (3, 2)

    fragile.start_scheduler()
    worker = fragile.add_worker()
    said.wait_for("is there", times=2)
    assert worker.pid in parents(pool.submit(os.getppid).result(SOON))


def test_a_scheduler_that_is_killed_is_waited_for_if_so_configured(fragile, pools, said, tmp_path) -> None:
    pool, gate = pools(fragile.address, waits=True), Gate(tmp_path)
    future = pool.submit(gate.task)
    lost = gate.wait()
    fragile.kill_scheduler()
    os.kill(lost, signal.SIGKILL)
    assert said.wait_for("away")["event"] == "the Dask cluster is away: tasks wait for it"
    later = pool.submit(divmod, 17, 5)
    fragile.start_scheduler()
    worker = fragile.add_worker()
    assert worker.pid in parents(gate.wait())
    gate.open()
    assert (future.result(SOON), later.result(SOON)) == (b"done\n", (3, 2))
    assert len(said.about("away")) == 1


def test_workers_that_are_gone_are_said_and_done_without(fragile, pools, said) -> None:
    pool = pools(fragile.address)
    assert pool.submit(abs, -1).result(SOON) == 1
    fragile.kill_worker()
    assert said.wait_for("away")["reason"] == "it has no workers"
    assert pool.submit(abs, -2).result(SOON) == 2


def test_where_no_cluster_answers_the_work_is_done_here_from_the_start(pools, said) -> None:
    pool = pools("tcp://127.0.0.1:1")
    futures = [pool.submit(abs, -number) for number in range(20)]
    assert [future.result(SOON) for future in futures] == list(range(20))
    assert len(said.about("away")) == 1


def test_what_waits_for_a_cluster_can_be_given_up(said) -> None:
    executor = make_executor("dask", 1, "tcp://127.0.0.1:1", "wait")
    futures = [executor.submit(abs, -1) for _ in range(3)]
    said.wait_for("away")
    executor.shutdown(cancel_futures=True)
    assert wait(futures, SOON).not_done == set()
    assert all(future.cancelled() for future in futures)


def test_an_ending_pool_waits_for_what_runs(steady) -> None:
    executor = make_executor("dask", 1, steady.address, "wait")
    future = executor.submit(divmod, 17, 5)
    executor.shutdown()
    assert future.result(0) == (3, 2)


def test_a_worker_of_another_version_does_nothing() -> None:
    with pytest.raises(VersionError, match=r"a worker runs aggregator .*, the service 0\.0\.1"):
        run(pickle.dumps(partial(abs, -1)), "0.0.1", 1.0)


FOUND = {  # ids follow the order in which pages came, everywhere
    "articles": "SELECT a.url, a.outlet, a.title, a.text, a.lang, a.author, a.published_at, a.status,"
    " a.word_count, of.url FROM articles AS a LEFT JOIN articles AS of ON of.id = a.copy_of",
    "entries": "SELECT f.url, e.guid, e.url, e.title, e.summary, e.published_at, a.url FROM entries AS e"
    " JOIN feeds AS f ON f.id = e.feed_id LEFT JOIN articles AS a ON a.id = e.article_id",
    "citations": "SELECT a.url, c.outlet, c.name, c.quote, c.confidence, c.rule"
    " FROM citations AS c JOIN articles AS a ON a.id = c.article_id",
    "clusters": "SELECT (SELECT group_concat(url, ' ') FROM (SELECT url FROM articles WHERE cluster_id = c.id"
    " ORDER BY url)), c.title, c.independent_count, c.languages, c.origin_outlet FROM clusters AS c",
}


def rows_of(
    database: Path, compute: str, newsroom: NewsroomServer, now
) -> dict[str, list[tuple[object, ...]]]:
    text = newsroom.config_yaml("unused") + f"compute: {compute}\n"
    config = parse_config(text, Path("feeds.yaml"), {}).model_copy(update={"database": database})
    with Writer(database) as writer:
        asyncio.run(run_once(config, writer, Scope(), clock=lambda: now, jitter=lambda: 0.0))
        return writer.write_now(
            lambda db: {
                name: sorted(map(repr, map(tuple, db.execute(query)))) for name, query in FOUND.items()
            }
        )


def test_a_cluster_gives_the_rows_that_one_machine_gives(steady, tmp_path, now) -> None:
    with NewsroomServer(now) as newsroom:
        one = rows_of(tmp_path / "one.db", "{kind: inline}", newsroom, now)
        many = rows_of(
            tmp_path / "many.db",
            f"{{kind: dask, scheduler: '{steady.address}', when_away: wait}}",
            newsroom,
            now,
        )
    assert len(one["articles"]) > 20
    assert one == many
