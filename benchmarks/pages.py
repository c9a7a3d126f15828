"""Articles end to end: fetched, read, analysed, compared, clustered, stored; here and on a Dask cluster."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from benchmarks.material import PAGES_PER_HOST, page_feed, page_path, write_pages
from benchmarks.polls import AT_ONCE, Bench, bare, run_stage
from benchmarks.rows import found

FIRST_HOST = 20_000


def prepare(bench: Bench, count: int) -> None:
    """Write pages, and a feed that leads to them."""
    write_pages(bench.root, count)
    pages = [bench.server.url(FIRST_HOST + n // PAGES_PER_HOST, page_path(n)) for n in range(count)]
    (bench.root / "pages.xml").write_bytes(page_feed(pages))


def end_to_end(bench: Bench, name: str, compute: str, count: int) -> dict[str, Any]:
    """Poll the feed of pages, then measure the cycle that reads, analyses and clusters them."""
    file = bench.folder / f"{name}.yaml"
    database = bench.folder / f"{name}.db"
    file.write_text(
        f"database: {database.name}\nnetwork: {{allow_private: [127.0.0.0/8], concurrency: {AT_ONCE}}}\n"
        f"compute: {compute}\nfeeds: ['{bench.server.url(0, 'pages.xml')}']\n"
    )
    database.unlink(missing_ok=True)
    bench.server.start()
    polled = run_stage("poll", file)
    result = run_stage("articles", file)
    if polled["new_entries"] != count or result["states"] != {"full": count} or not result["clusters"]:
        raise RuntimeError(f"the work was not really done: {polled}, {result}")
    return {"pages": count, **result}


def articles(bench: Bench, count: int) -> dict[str, Any]:
    """Measure articles end to end beside trafilatura and the encoder alone."""
    prepare(bench, count)
    floor = bare(bench.folder, "read", files=[str(bench.root / page_path(n)) for n in range(count)])
    return {"floor": floor, "whole": end_to_end(bench, "articles", "{workers: 2}", count)}


class Cluster:
    """A Dask scheduler and two workers on loopback."""

    def __init__(self) -> None:
        options = ["--host", "127.0.0.1", "--no-dashboard"]
        self.scheduler, line = _start(["scheduler", "--port", "0", *options], "Scheduler at:")
        self.address = "tcp://127.0.0.1:" + line.strip().rpartition(":")[2]
        options += ["--nthreads", "1", "--no-nanny", "--death-timeout", "30"]
        ready = "Registered to:"
        self.workers = [_start(["worker", self.address, *options], ready)[0] for _ in range(2)]

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


def _start(arguments: list[str], ready: str) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "dask", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    stream = process.stderr
    line = next((line for line in stream or () if ready in line), "")
    if not line:
        raise RuntimeError(f"dask {arguments[0]} did not start")
    threading.Thread(target=lambda: [None for _ in stream or ()], daemon=True).start()
    return process, line


def dask(bench: Bench, count: int) -> dict[str, Any]:
    """Measure the process pool and a Dask cluster on the same pages; kill a worker, kill the scheduler."""
    prepare(bench, count)
    result = {"processes": end_to_end(bench, "processes", "{workers: 2}", count)}
    expected = found(bench.folder / "processes.db")

    for name in ("dask", "worker killed", "scheduler killed"):
        with Cluster() as cluster:
            if name != "dask":
                victim = cluster.workers[0] if name == "worker killed" else cluster.scheduler
                _when_served(bench, count // 3, victim.kill)
            settings = f"{{kind: dask, scheduler: '{cluster.address}', workers: 2}}"
            run = end_to_end(bench, name.replace(" ", "-"), settings, count)
            rows = found(bench.folder / f"{name.replace(' ', '-')}.db")
            run["same_rows"] = {kind: rows[kind] == expected[kind] for kind in expected}
            result[name] = run
    return result


def _when_served(bench: Bench, pages: int, act: Callable[[], None]) -> None:
    """Act when so many pages have been served."""

    def watch() -> None:
        while bench.server.answers()["200"] < pages:
            time.sleep(0.05)
        act()

    bench.server.log.write_text("")
    threading.Thread(target=watch, daemon=True).start()
