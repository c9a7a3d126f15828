"""Word F1 and time of the text that would be stored, beside trafilatura called on the same bytes.

    python -m benchmarks.extraction [PAGES.zip]

PAGES.zip holds ``gold.jsonl`` (one JSON object a line: id, html, url, text) and the pages. By default the
one in ``../shared/suites``; where there is none, it says so and ends.
"""

from __future__ import annotations

import json
import re
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from trafilatura import extract

from aggregator.articles import extract_article
from aggregator.model import ArticleStatus, EntryText, Extraction
from benchmarks.datasets import PAGES

PASSES = 3


def words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text.lower()))


def f1(gold: str, got: str) -> float:
    a, b = words(gold), words(got)
    return 2 * sum((a & b).values()) / max(1, sum(a.values()) + sum(b.values()))


def load(path: Path) -> list[tuple[str, bytes, str]]:
    with zipfile.ZipFile(path) as archive:
        rows = [json.loads(line) for line in archive.read("gold.jsonl").decode().splitlines()]
        return [(row["url"], archive.read(row["html"]), row["text"]) for row in rows]


def stored(url: str, page: bytes) -> Extraction:
    return extract_article(page, url=url, content_type="text/html", entry=EntryText(title=""))


def seconds(run: Callable[[str, bytes], object], pages: list[tuple[str, bytes, str]]) -> float:
    """Return the processor time of the fastest of several passes."""
    best = float("inf")
    for _ in range(PASSES):
        start = time.process_time()
        for url, page, _ in pages:
            run(url, page)
        best = min(best, time.process_time() - start)
    return best


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else PAGES
    if not path.exists():
        print(f"skipped: there is no {path.name} beside the repository; give its path as the argument")
        return
    pages = load(path)
    ours = [f1(text, stored(url, page).text) for url, page, text in pages]
    theirs = [f1(text, extract(page, include_comments=False) or "") for _, page, text in pages]
    full = sum(stored(url, page).status is ArticleStatus.FULL for url, page, _ in pages)
    our_time = seconds(stored, pages)
    their_time = seconds(lambda _, page: extract(page, include_comments=False), pages)
    print(f"{len(pages)} pages, {full} of them stored as full")
    print(f"word F1: stored text {sum(ours) / len(ours):.4f}, trafilatura {sum(theirs) / len(theirs):.4f}")
    better = sum(a > b + 0.002 for a, b in zip(ours, theirs, strict=True))
    worse = sum(a < b - 0.002 for a, b in zip(ours, theirs, strict=True))
    print(f"pages: {better} better, {worse} worse, the others within 0.002")
    each = 1e3 / len(pages)
    print(f"ms a page: stored text {our_time * each:.1f}, trafilatura {their_time * each:.1f}")
    print(f"speed: {their_time / our_time:.0%} of trafilatura alone; title, date, links, language included")


if __name__ == "__main__":
    main()
