"""Polling: the same four rounds for the project, its bare parts, and the programs that people use today.

first    everything is new and stored
again    nothing has changed: 304
ignored  the server takes no notice of validators: the same bytes
changed  one feed in twenty has one new entry
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from benchmarks.material import add_entries, feed_path, is_json, write_feeds
from benchmarks.memory import peak_pss
from benchmarks.server import Server

AT_ONCE = 64
ROUNDS = ("first", "again", "ignored", "changed")


@dataclass(frozen=True)
class Bench:
    """Where a run takes place."""

    folder: Path
    server: Server

    @property
    def root(self) -> Path:
        return self.server.root

    def feeds(self, count: int) -> list[str]:
        return [self.server.url(feed, feed_path(feed)) for feed in range(count)]


class Subject(Protocol):
    """A program that polls feeds."""

    name: str
    reads_json: bool

    def subscribe(self, urls: list[str]) -> None:
        """Get ready, without polling."""

    def poll(self) -> float:
        """Poll every feed once; returns the seconds it took."""

    def entries(self) -> int:
        """Return how many entries it has stored."""


def rounds(bench: Bench, subject: Subject, count: int) -> dict[str, Any]:
    """Put a program through the rounds; each result says what the server answered in it."""
    feeds = [feed for feed in range(count) if subject.reads_json or not is_json(feed)]
    urls = bench.feeds(count)
    subject.subscribe([urls[feed] for feed in feeds])
    result: dict[str, Any] = {"feeds": len(feeds)}

    def measure(name: str, *, ignore: bool = False) -> None:
        bench.server.start(ignore=ignore)
        seconds = subject.poll()
        bench.server.stop()  # writes out its log
        answers = dict(bench.server.answers())
        result[name] = {"seconds": seconds, "answers": answers, "entries": subject.entries()}

    measure("first")
    measure("settled")  # some programs ask conditionally only from the third time on
    measure("again")
    measure("ignored", ignore=True)
    measure("settled")
    add_entries(bench.root, feeds[::20])
    measure("changed")
    write_feeds(bench.root, count)
    return result


def faults(result: dict[str, Any], expected: int) -> list[str]:
    """Return what a program did not really do, so that its figures do not count."""
    feeds = result["feeds"]
    found = []
    if result["first"]["entries"] < 0.99 * expected:
        found.append(f"stored {result['first']['entries']} of {expected} entries")
    if result["again"]["answers"].get("304", 0) < 0.99 * feeds:
        found.append(f"asked again: {result['again']['answers']}")
    if result["ignored"]["answers"].get("200", 0) < 0.99 * feeds:
        found.append(f"asked where validators are ignored: {result['ignored']['answers']}")
    added = result["changed"]["entries"] - result["ignored"]["entries"]
    if added < 0.99 * len(range(0, feeds, 20)):
        found.append(f"stored {added} of {len(range(0, feeds, 20))} new entries")
    return found


class Aggregator:
    """This project's poll stage: its wall time, and what its processes hold in memory."""

    name = "aggregator"
    reads_json = True

    def __init__(self, folder: Path, workers: int = 2) -> None:
        self.file = folder / "feeds.yaml"
        self.workers = workers
        self.runs: list[dict[str, Any]] = []

    def subscribe(self, urls: list[str]) -> None:
        (self.file.parent / "bench.db").unlink(missing_ok=True)
        lines = "".join(f"  - {url}\n" for url in urls)
        self.file.write_text(
            f"database: bench.db\nnetwork: {{allow_private: [127.0.0.0/8], concurrency: {AT_ONCE}}}\n"
            f"compute: {{workers: {self.workers}}}\nfeeds:\n{lines}"
        )

    def poll(self) -> float:
        self.runs.append(run_stage("poll", self.file))
        return float(self.runs[-1]["seconds"])

    def entries(self) -> int:
        import sqlite3

        with sqlite3.connect(self.file.parent / "bench.db") as db:
            count: int = db.execute("SELECT count(*) FROM entries").fetchone()[0]
            return count


def run_stage(stage: str, file: Path) -> dict[str, Any]:
    """Run one of ``benchmarks.ours`` in a process of its own, watching its memory."""
    command = [sys.executable, "-m", "benchmarks.ours", stage, str(file)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    peak: list[float] = []
    watcher = threading.Thread(target=lambda: peak.append(peak_pss(process.pid)))
    watcher.start()
    output, _ = process.communicate()
    watcher.join()
    if process.returncode:
        raise RuntimeError(f"the stage {stage} failed")
    return {**json.loads(output.splitlines()[-1]), "peak_pss_mb": peak[0]}


def bare(folder: Path, part: str, **arguments: Any) -> dict[str, Any]:
    """Run one of ``benchmarks.bare`` in a process of its own."""
    file = folder / "bare.json"
    file.write_text(json.dumps(arguments))
    output = subprocess.check_output([sys.executable, "-m", "benchmarks.bare", part, str(file)])
    result: dict[str, Any] = json.loads(output)
    return result


def floors(bench: Bench, count: int) -> dict[str, Any]:
    """Measure the bare parts over the same feeds."""
    urls = bench.feeds(count)
    bench.server.start()
    bodies = bare(bench.folder, "get", urls=urls, at_once=AT_ONCE, conditional=False)
    unchanged = bare(bench.folder, "get", urls=urls, at_once=AT_ONCE, conditional=True)
    files = [str(bench.root / feed_path(feed)) for feed in range(count)]
    parsed = bare(bench.folder, "parse", files=files)
    inserted = bare(bench.folder, "insert", rows=parsed["entries"])
    if bodies["statuses"] != {"200": count} or unchanged["statuses"] != {"304": count}:
        raise RuntimeError("the server did not answer as it should")
    return {"feeds": count, "get": bodies, "get_304": unchanged, "parse": parsed, "insert": inserted}
