"""The given parts alone, as fast as they go: what the whole line is measured against.

Each runs in a process of its own: python -m benchmarks.bare PART FILE; FILE holds the arguments as JSON.
"""

from __future__ import annotations

import asyncio
import io
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import feedparser
import httpx
import trafilatura

from aggregator.pipeline.bounded import for_each
from aggregator.reports.encoder import load_encoder
from aggregator.reports.features import BODY_WORDS, LEAD_WORDS

WORKERS = 2


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def get(urls: Sequence[str], at_once: int, conditional: bool) -> dict[str, Any]:
    """Get URLs by httpx alone; conditional: first once for the validators, which is not counted."""
    return asyncio.run(_get(urls, at_once, conditional))


async def _get(urls: Sequence[str], at_once: int, conditional: bool) -> dict[str, Any]:
    tags: dict[str, str] = {}
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx.AsyncClient(trust_env=False, limits=limits) as client:

        async def one(url: str) -> int:
            headers = {"If-None-Match": tags[url]} if url in tags else {}
            answer = await client.get(url, headers=headers)
            if conditional and url not in tags:
                tags[url] = answer.headers["etag"]
            return answer.status_code

        if conditional:
            await for_each(urls, one, at_once)
        start = time.perf_counter()
        statuses = await for_each(urls, one, at_once)
        spent = time.perf_counter() - start
    return {"seconds": spent, "statuses": {str(s): statuses.count(s) for s in set(statuses)}}


def parse(files: Sequence[str]) -> dict[str, Any]:
    """Parse by feedparser alone, its costly options off, in a pool."""
    bodies = [Path(file).read_bytes() for file in files]
    with ProcessPoolExecutor(WORKERS) as pool:
        list(pool.map(parse_one, bodies[:WORKERS]))
        entries: list[int] = []
        spent = seconds(lambda: entries.extend(pool.map(parse_one, bodies, chunksize=4)))
    return {"seconds": spent, "entries": sum(entries)}


def parse_one(body: bytes) -> int:
    if body[:1] == b"{":
        return len(json.loads(body)["items"])
    return len(feedparser.parse(io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False).entries)


def read(files: Sequence[str]) -> dict[str, Any]:
    """Read pages by trafilatura with metadata, and encode what clustering compares, in a pool."""
    pages = [Path(file).read_bytes() for file in files]
    batches = [pages[start : start + 16] for start in range(0, len(pages), 16)]
    with ProcessPoolExecutor(WORKERS) as pool:
        list(pool.map(read_some, [pages[:1]] * WORKERS))
        alone = seconds(lambda: list(pool.map(extract_some, batches)))
        spent = seconds(lambda: list(pool.map(read_some, batches)))
    return {"seconds": spent, "trafilatura_seconds": alone}


def extract_some(pages: Iterable[bytes]) -> list[tuple[str, str]]:
    read = [trafilatura.bare_extraction(page, with_metadata=True, include_comments=False) for page in pages]
    return [(found.title or "", found.text or "") for found in read if found]  # type: ignore[union-attr]


def read_some(pages: Iterable[bytes]) -> int:
    found = extract_some(pages)
    leads = [f"{title}. " + " ".join(text.split()[:LEAD_WORDS]) for title, text in found]
    bodies = [" ".join(text.split()[:BODY_WORDS]) for _, text in found]
    return len(load_encoder().encode([*(title for title, _ in found), *leads, *bodies]))


def insert(rows: int) -> dict[str, Any]:
    """Insert entries by sqlite3 alone: one table, its unique key, a thousand rows a transaction."""
    with tempfile.TemporaryDirectory() as folder:
        db = sqlite3.connect(Path(folder) / "bare.db", isolation_level=None)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(
            "CREATE TABLE entries (id INTEGER PRIMARY KEY, feed INTEGER, guid TEXT, title TEXT, text TEXT,"
            " UNIQUE (feed, guid))"
        )
        made = [(n % 1000, f"https://paper.example/{n}", f"Title {n}", "word " * 60) for n in range(rows)]

        def write() -> None:
            for start in range(0, rows, 1000):
                db.execute("BEGIN")
                db.executemany(
                    "INSERT INTO entries (feed, guid, title, text) VALUES (?, ?, ?, ?)",
                    made[start : start + 1000],
                )
                db.execute("COMMIT")

        return {"seconds": seconds(write)}


PARTS: dict[str, Callable[..., dict[str, Any]]] = {"get": get, "parse": parse, "read": read, "insert": insert}

if __name__ == "__main__":
    arguments = json.loads(Path(sys.argv[2]).read_text())
    print(json.dumps(PARTS[sys.argv[1]](**arguments)))
