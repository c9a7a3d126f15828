"""``make quality``: scores against pinned floors, which are never lowered silently.

    python -m benchmarks.quality [--raise]

Sets that are not there (those beside the repository) are skipped, saying so. ``--raise`` lifts floors to what
was measured, less a margin for noise; a floor is only ever lowered by a person, in benchmarks/floors.json,
with a reason.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import datasets, extraction, newsroom

FLOORS = Path(__file__).with_name("floors.json")
MARGIN = 0.005
Scores = dict[str, dict[str, dict[str, float]]]  # set -> measure -> figure -> value


def measure(console: Console) -> Scores:
    """Run every set that is there."""
    files = {
        "own newsroom": datasets.OWN,
        "demo newsroom": [datasets.DEMO],
        "development newsroom": [datasets.DEV],
    }
    scores: Scores = {}
    for name, paths in files.items():
        if not all(path.exists() for path in paths):
            console.print(f"skipped, not there: {name}")
            continue
        articles = datasets.moved_together(datasets.read_newsroom(paths))
        console.print(f"{name}: {len(articles)} articles", style="dim")
        scores[name] = newsroom.score(articles, newsroom.run(articles))
    if datasets.PAGES.exists():
        pages = extraction.load(datasets.PAGES)
        texts = [extraction.f1(text, extraction.stored(url, page).text) for url, page, text in pages]
        scores["real pages"] = {"extraction": {"f1": sum(texts) / len(texts)}}
    else:
        console.print("skipped, not there: real pages")
    return scores


def compare(scores: Scores, floors: Scores, console: Console) -> int:
    """Print the table; return how many figures lie below their floors."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("set", "measure", "figures", "floors"):
        table.add_column(column)
    below = 0
    for name, measures in scores.items():
        for measure_name, figures in measures.items():
            pinned = floors.get(name, {}).get(measure_name, {})
            low = [key for key, value in figures.items() if value < pinned.get(key, 0.0)]
            below += len(low)
            style = "red" if low else None
            shown = "  ".join(f"{key} {value:.3f}" for key, value in figures.items())
            table.add_row(
                name, measure_name, shown, "  ".join(f"{k} {v:.3f}" for k, v in pinned.items()), style=style
            )
    console.print(table)
    return below


def raised(scores: Scores, floors: Scores) -> Scores:
    """Return floors lifted to what was measured, less the margin."""
    return {
        name: {
            measure_name: {
                key: max(floors.get(name, {}).get(measure_name, {}).get(key, 0.0), round(value - MARGIN, 3))
                for key, value in figures.items()
            }
            for measure_name, figures in measures.items()
        }
        for name, measures in scores.items()
    }


def main() -> int:
    """Measure, compare, and say whether any floor was broken."""
    console = Console(highlight=False)
    floors: Scores = json.loads(FLOORS.read_text(encoding="utf-8")) if FLOORS.exists() else {}
    scores = measure(console)
    below = compare(scores, floors, console)
    if "--raise" in sys.argv:
        FLOORS.write_text(json.dumps(floors | raised(scores, floors), indent=1) + "\n", encoding="utf-8")
    if below:
        console.print(f"{below} figures lie below their floors", style="red")
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main())
