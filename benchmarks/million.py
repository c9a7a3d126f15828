"""A million entries of 90 days and 5,000 feeds: digest, search, and a cycle with nothing new."""

from __future__ import annotations

import json
import random
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aggregator.config import Config
from aggregator.digest.model import DigestQuery
from aggregator.digest.render import render
from aggregator.digest.window import parse_window
from aggregator.pipeline.digest import read_digest
from aggregator.reports.analyse import VERSION
from aggregator.store.connection import open_reader
from aggregator.store.search import Filters, search
from aggregator.store.times import to_text
from aggregator.store.writer import Writer
from benchmarks.material import feed_path, sentences
from benchmarks.polls import Bench, run_stage

DAYS, FEEDS, OUTLETS = 90, 5_000, 2_000
POLLED = 1_000  # of the feeds, in a cycle with nothing new
SEARCHES = ("ministry", '"central bank"', "president election", "Wahl*", "Reuters", "strike airport")
NOW = datetime.now(UTC)


def build(bench: Bench, database: Path, entries: int) -> float:
    """Make the database; returns the seconds it took."""
    start = time.perf_counter()
    Writer(database).close()
    with closing(sqlite3.connect(database)) as db:
        db.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; BEGIN;")
        triggers = list(db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
        for name, _ in triggers:
            db.execute(f"DROP TRIGGER {name}")
        _fill(db, bench, entries)
        for _, sql in triggers:
            db.execute(sql)
        db.execute("INSERT INTO articles_fts (articles_fts) VALUES ('rebuild')")
        db.execute("COMMIT")
        db.execute("PRAGMA optimize")
    return time.perf_counter() - start


def _fill(db: sqlite3.Connection, bench: Bench, entries: int) -> None:
    db.executemany(
        "INSERT INTO outlets (domain, name) VALUES (?, ?)",
        ((f"outlet{n}.example", f"Outlet {n}") for n in range(OUTLETS)),
    )
    db.executemany(
        "INSERT INTO feeds (url, title, language, added_at, last_polled_at, last_success_at, full_poll_at,"
        " next_poll_at, etag, validators_url) VALUES (?, ?, 'en', ?, ?, ?, ?, ?, ?, ?)",
        _feeds(bench),
    )
    db.execute("INSERT INTO about (key, value) VALUES ('analysed_by', ?)", (_analysed_by(),))
    clusters = entries // 3
    step = DAYS * 86_400 / max(entries, 1)
    moments = [to_text(NOW - timedelta(seconds=step * (entries - n))) for n in range(entries)]
    db.executemany(
        "INSERT INTO clusters (id, title, first_published_at, last_published_at, article_count, outlet_count,"
        " independent_count, languages, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, 3, 3, 3, '[\"en\"]', ?, ?)",
        (
            (c + 1, f"Report {c}", moments[3 * c], moments[3 * c + 2], moments[3 * c + 2], moments[3 * c + 2])
            for c in range(clusters)
        ),
    )
    db.executemany(
        "INSERT INTO articles (id, url, outlet, title, text, lang, published_at, first_seen_at, status,"
        " word_count, cluster_id, analysed_by, clustered_at, fetched_at)"
        " VALUES (?, ?, ?, ?, ?, 'en', ?, ?, 'full', 60, ?, ?, ?, ?)",
        _articles(moments, clusters),
    )
    db.executemany(
        "INSERT INTO article_urls (url, article_id) VALUES (?, ?)",
        ((_link(n), n + 1) for n in range(entries)),
    )
    db.executemany(
        "INSERT INTO entries (feed_id, guid, url, title, published_at, first_seen_at, article_id, alias,"
        " place, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'd')",
        (
            (n % FEEDS + 1, str(n), _link(n), f"Entry {n}", at, at, n + 1, str(n), str(n))
            for n, at in enumerate(moments)
        ),
    )
    db.executemany(
        "INSERT INTO polls (feed_id, at, outcome, status) VALUES (?, ?, 'not_modified', 304)",
        ((n % FEEDS + 1, at) for n, at in enumerate(moments[: entries // 2])),
    )


def _link(n: int) -> str:
    return f"https://outlet{n % OUTLETS}.example/{n}"


def _analysed_by() -> str:
    return f"{VERSION} {Config().cluster.encoder}"


def _feeds(bench: Bench) -> Iterator[tuple[object, ...]]:
    """Make rows of feeds; the first are the bench server's, with the validators that it would have given."""
    now = to_text(NOW)
    later = to_text(NOW + timedelta(days=1))
    for feed in range(FEEDS):
        url = bench.server.url(feed, feed_path(feed))
        file = bench.root / feed_path(feed)
        etag = bench.server.etag(file) if feed < POLLED else None
        yield url, f"Paper {feed}", now, now, now, now, later, etag, url


def _articles(moments: list[str], clusters: int) -> Iterator[tuple[object, ...]]:
    dice, pool = random.Random(1), sentences()["en"]
    for n, at in enumerate(moments):
        text = " ".join(dice.choices(pool, k=3))
        cluster = n // 3 + 1 if n // 3 < clusters else None
        title = " ".join(dice.choice(pool).split()[:9])
        yield n + 1, _link(n), f"outlet{n % OUTLETS}.example", title, text, at, at, cluster, VERSION, at, at


def median_ms(work: Callable[[], object], times: int = 5) -> float:
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return statistics.median(spent) * 1000


def read(database: Path) -> dict[str, Any]:
    """Measure a day's digest and several searches, in this process and as commands."""
    with closing(open_reader(database)) as db:
        query = DigestQuery(window=parse_window(now=NOW, timezone="UTC", since="24h"))
        digest = median_ms(lambda: render(read_digest(db, query), "md"))
        searches = {words: median_ms(lambda w=words: search(db, w, Filters(), 20)) for words in SEARCHES}  # type: ignore[misc]
        hits = {words: len(search(db, words, Filters(), 20)) for words in SEARCHES}
    command = [sys.executable, "-m", "aggregator", "--db", str(database)]

    def run(*arguments: str) -> None:
        subprocess.run([*command, *arguments], check=True, capture_output=True, cwd=database.parent)

    return {
        "digest_ms": digest,
        "search_ms": searches,
        "search_hits": hits,
        "digest_command_ms": median_ms(lambda: run("digest", "--since", "24h", "--format", "md"), 3),
        "search_command_ms": median_ms(lambda: run("search", "ministry"), 3),
    }


def cycles(bench: Bench, database: Path) -> dict[str, Any]:
    """Measure a cycle with nothing due, and one in which every feed answers 304."""
    urls = bench.feeds(FEEDS)
    file = database.with_suffix(".yaml")
    text = f"database: {database.name}\nnetwork: {{allow_private: [127.0.0.0/8]}}\ncompute: {{workers: 2}}\n"
    file.write_text(text + "feeds:\n" + "".join(f"  - {url}\n" for url in urls))
    idle = run_stage("idle", file)
    file.write_text(text + "feeds:\n" + "".join(f"  - {url}\n" for url in urls[:POLLED]))
    unchanged = run_stage("unchanged", file)
    if unchanged["new_entries"] or unchanged["outcomes"] != {"not_modified": POLLED * unchanged["cycles"]}:
        raise RuntimeError(f"the work was not really done: {unchanged}")
    return {"idle_seconds": idle["median"], "unchanged_seconds": unchanged["median"]}


def measure(bench: Bench, entries: int) -> dict[str, Any]:
    """Build both databases and measure."""
    bench.server.start()
    big, empty = bench.folder / "million.db", bench.folder / "empty.db"
    result: dict[str, Any] = {"entries": entries, "build_seconds": build(bench, big, entries)}
    build(bench, empty, 0)
    result["bytes"] = big.stat().st_size
    result |= read(big)
    result["cycles"] = {"empty": cycles(bench, empty), "full": cycles(bench, big)}
    big.unlink()
    return json.loads(json.dumps(result))  # type: ignore[no-any-return]
