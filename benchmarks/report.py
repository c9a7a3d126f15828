"""The figures of a run as words: a few lines a stage, and docs/performance.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.polls import AT_ONCE, ROUNDS

Figures = dict[str, Any]
WHAT = {"first": "first poll", "again": "unchanged (304)", "ignored": "same bytes", "changed": "5 % changed"}


def rate(result: Figures, name: str) -> float:
    """Return feeds a second in one round."""
    return float(result["feeds"] / result[name]["seconds"])


def floor_rates(floor: Figures) -> dict[str, float]:
    """Return the bare parts' feeds a second for each round that has one."""
    parts = {"first": "parse", "again": "get_304", "ignored": "get"}
    return {name: floor["feeds"] / floor[part]["seconds"] for name, part in parts.items()}


BESIDE = {
    "first": "feedparser alone, pool of two",
    "again": f"httpx alone, {AT_ONCE} at once",
    "ignored": f"httpx alone, whole bodies, {AT_ONCE} at once",
}


def say(stage: str, result: Figures) -> str:
    """Return the lines that tell one stage."""
    return "\n".join([stage, *(f"  {line}" for line in SAY[stage](result[stage]))])


def _polls(figures: Figures) -> Iterator[str]:
    ours, floor = figures["aggregator"], floor_rates(figures["floor"])
    for name in ROUNDS:
        line = f"{WHAT[name]:16} {rate(ours, name):7.0f} feeds/s"
        if name in floor:
            line += f"   {rate(ours, name) / floor[name]:4.0%} of {BESIDE[name]} ({floor[name]:.0f})"
        yield line
    yield f"memory of the service and its pool, encoder loaded: {figures['peak_pss_mb']:.0f} MB (peak PSS)"
    yield from (f"NOT REALLY DONE: {fault}" for fault in ours["faults"])


def _peers(figures: Figures) -> Iterator[str]:
    for name, peer in figures.items():
        if peer is None:
            yield f"{name:11} is not installed: left out"
            continue
        yield f"{name:11} " + "  ".join(f"{WHAT[r]} {rate(peer, r):.0f}" for r in ROUNDS) + " feeds/s"
        yield from (f"{'':11} not really done: {fault}" for fault in peer["faults"])


def _articles(figures: Figures) -> Iterator[str]:
    whole, floor = figures["whole"], figures["floor"]
    count = whole["pages"]
    yield (
        f"end to end {count / whole['seconds']:.1f} pages/s, {floor['seconds'] / whole['seconds']:.0%} of"
        f" trafilatura and encoder alone in a pool of two ({count / floor['seconds']:.1f});"
        f" trafilatura alone {count / floor['trafilatura_seconds']:.1f}"
    )
    yield f"{whole['clusters']} clusters; memory {whole['peak_pss_mb']:.0f} MB (peak PSS)"


def _growth(figures: Figures) -> Iterator[str]:
    yield from figures["said"]


def _million(figures: Figures) -> Iterator[str]:
    slowest = max(figures["search_ms"].values())
    size = figures["bytes"] / 1e9
    yield f"{figures['entries']:,} entries, {size:.2f} GB, made in {figures['build_seconds']:.0f} s"
    yield (
        f"digest of a day {figures['digest_ms']:.0f} ms (as a command {figures['digest_command_ms']:.0f});"
        f" slowest of {len(figures['search_ms'])} searches {slowest:.0f} ms"
        f" (a command {figures['search_command_ms']:.0f})"
    )
    for kind in ("idle", "unchanged"):
        empty, full = (figures["cycles"][which][f"{kind}_seconds"] for which in ("empty", "full"))
        times = f"{full / empty:.2f} times"
        yield f"{kind} cycle {full * 1000:.0f} ms, on an empty database {empty * 1000:.0f}: {times}"


def _dask(figures: Figures) -> Iterator[str]:
    pool = figures["processes"]
    yield f"process pool {pool['pages'] / pool['seconds']:.1f} pages/s"
    for name, run in figures.items():
        if name != "processes":
            other = [kind for kind, same in run["same_rows"].items() if not same]
            rows = f"OTHER ROWS in {', '.join(other)}" if other else "the same rows"
            speed = f"{run['pages'] / run['seconds']:.1f} pages/s"
            yield f"{name}: {speed}, {pool['seconds'] / run['seconds']:.0%} of the pool; {rows}"


SAY: dict[str, Callable[[Figures], Iterator[str]]] = {
    "polls": _polls,
    "peers": _peers,
    "large": _polls,
    "articles": _articles,
    "growth": _growth,
    "million": _million,
    "dask": _dask,
}


def targets(result: Figures) -> Iterator[tuple[str, float, str, float]]:
    """Yield each target of this run: what, the figure, ``>=`` or ``<=``, and the bound."""
    if "polls" in result:
        yield from _poll_targets(result)
    if "articles" in result:
        figures = result["articles"]
        ratio = figures["floor"]["seconds"] / figures["whole"]["seconds"]
        yield "articles end to end / trafilatura and encoder alone", ratio, ">=", 0.80
    if "growth" in result:
        yield "time per new article, window of 100,000 / of 10,000", result["growth"]["ratio"], "<=", 1.3
    if "million" in result:
        figures = result["million"]
        size = f"{figures['entries']:,} entries"
        yield f"digest of a day on {size}, ms", figures["digest_ms"], "<=", 300
        yield f"slowest search on {size}, ms", max(figures["search_ms"].values()), "<=", 300
        for kind in ("idle", "unchanged"):
            empty, full = (figures["cycles"][which][f"{kind}_seconds"] for which in ("empty", "full"))
            yield f"{kind} cycle on {size} / on none", full / empty, "<=", 1.3
    if "dask" in result:
        figures = result["dask"]
        ratio = figures["processes"]["seconds"] / figures["dask"]["seconds"]
        yield "two Dask workers / process pool", ratio, ">=", 0.85


def _poll_targets(result: Figures) -> Iterator[tuple[str, float, str, float]]:
    ours, floor = result["polls"]["aggregator"], floor_rates(result["polls"]["floor"])
    yield "first poll / feedparser alone", rate(ours, "first") / floor["first"], ">=", 0.70
    yield "304s / httpx alone", rate(ours, "again") / floor["again"], ">=", 0.75
    yield "same bytes / httpx alone, whole bodies", rate(ours, "ignored") / floor["ignored"], ">=", 0.65
    yield "same bytes / httpx alone, 304s", rate(ours, "ignored") / floor["again"], ">=", 0.65
    bounds = {
        "reader": {"first": 3.5, "again": 2.0, "ignored": 15.0},
        "newsboat": {"first": 1.0},
        "sfeed": {"first": 1.0},
    }
    for peer, wanted in bounds.items():
        theirs = result.get("peers", {}).get(peer)
        for name, bound in wanted.items() if theirs else ():
            yield f"{WHAT[name]} / {peer}", rate(ours, name) / rate(theirs, name), ">=", bound
    for stage, bound in (("polls", 400), ("large", 700)):
        if stage in result:
            feeds = result[stage]["aggregator"]["feeds"]
            yield f"memory with {feeds:,} feeds, MB", result[stage]["peak_pss_mb"], "<=", bound


def met(figure: float, relation: str, bound: float) -> bool:
    """Return whether a target is met."""
    return figure >= bound if relation == ">=" else figure <= bound


HEAD = """# Performance

Written by `make bench` (`python -m benchmarks.speed`); do not edit. Ratios within one run mean something on
any machine; the absolute figures are those of the machine below.

"""


def write(result: Figures, file: Path) -> None:
    """Write docs/performance.md, and the figures themselves beside the benchmarks for the simulation."""
    file.write_text("\n".join(_document(result)) + "\n", encoding="utf-8")
    (file.parents[1] / "benchmarks" / "figures.json").write_text(json.dumps(result, indent=1) + "\n")


def _document(result: Figures) -> Iterator[str]:
    yield HEAD + _machine(result["machine"])
    yield "\n## Targets\n\n| target | measured | bound | |\n| --- | --: | --: | --- |"
    for what, figure, relation, bound in targets(result):
        verdict = "met" if met(figure, relation, bound) else "**missed**"
        yield f"| {what} | {figure:.2f} | {relation} {bound:g} | {verdict} |"
    if "polls" in result:
        yield from _poll_table(result)
    for stage in SAY:
        if stage in result:
            yield f"\n## {TITLES[stage]}\n\n`python -m benchmarks.speed {stage}`\n\n```"
            yield from SAY[stage](result[stage])
            yield "```"


TITLES = {
    "polls": "Polling, beside its given parts",
    "peers": "The programs that people use today",
    "large": "Polling many feeds",
    "articles": "Articles end to end",
    "growth": "Adding to large windows",
    "million": "A large database",
    "dask": "On a Dask cluster",
}


def busy(facts: Figures) -> str:
    """Return a warning where the machine had other work than the run."""
    load, cores = facts["load"], facts["cores"]
    if load < cores / 2:
        return ""
    return f" **Not to be relied on: the machine was busy, with a load of {load:.0f} on {cores} cores.**"


def _machine(facts: Figures) -> str:
    packages = ", ".join(f"{name} {number}" for name, number in facts["packages"].items())
    return (
        f"{facts['at']}: {facts['cores']} cores of {facts['processor']}, {facts['system']}, Python"
        f" {facts['python']}, SQLite {facts['sqlite']}, {packages}; served by {facts['server']} on loopback,"
        f" every feed from a host of its own.{busy(facts)}"
    )


def _poll_table(result: Figures) -> Iterator[str]:
    ours = result["polls"]["aggregator"]
    floor = floor_rates(result["polls"]["floor"])
    peers = {name: peer for name, peer in result.get("peers", {}).items() if peer}
    yield "\n## Feeds a second\n"
    yield "| | " + " | ".join(WHAT[name] for name in ROUNDS) + " |"
    yield "| --- |" + " --: |" * len(ROUNDS)
    for name, figures in {"aggregator": ours, **peers}.items():
        yield f"| {name} | " + " | ".join(f"{rate(figures, r):.0f}" for r in ROUNDS) + " |"
    yield "| the bare part | " + " | ".join(f"{floor[r]:.0f}" if r in floor else "" for r in ROUNDS) + " |"
    yield (
        "\nWhole programs except aggregator and reader, whose start-up is left out; what the server answered"
        " and what was stored was checked in every round. The bare parts: "
        + "; ".join(f"{WHAT[name]}: {BESIDE[name]}" for name in BESIDE)
        + "."
    )
