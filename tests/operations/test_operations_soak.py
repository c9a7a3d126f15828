"""Days in accelerated time; ``make soak`` is the long form (L17, L37)."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from aggregator.config import parse_config
from aggregator.pipeline.cycle import Scope, run_once
from aggregator.store.writer import Writer

SCRIPTS = Path(__file__).parent.parent.parent / "scripts"


@pytest.fixture(scope="session")
def soak(torture: ModuleType) -> ModuleType:
    """The script behind ``make soak``, with what it imports from its folder."""
    for name in ("soak_press", "soak_report", "soak"):
        spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules["soak"]


def test_l17_a_day_in_accelerated_time_skips_no_job(soak: ModuleType, tmp_path: Path) -> None:
    with soak.log_to(tmp_path / "service.log"):
        voyage = soak.Soak(tmp_path, soak.SoakPress(4, 6), 1.0, "{kind: inline}").run(
            tmp_path / "service.log"
        )
    assert sys.modules["soak_report"].faults(voyage, 1.0) == []
    assert voyage.counts["digests"] >= 1
    assert voyage.counts["polls"] >= 2 * 24
    assert len(voyage.samples) == 5
    assert '"cycle"' in (tmp_path / "service.log").read_text()


@pytest.mark.slow
def test_l37_five_thousand_feeds_are_polled_in_one_cycle_by_few_tasks(
    soak: ModuleType, tmp_path: Path, now
) -> None:
    press = sys.modules["soak_press"].SoakPress(5000, 0)
    feeds = "".join(f"  - http://feeds.paper{n}.org/feed\n" for n in range(5000))
    most = 0

    async def poll(config, writer) -> object:
        nonlocal most
        cycle = asyncio.create_task(run_once(config, writer, Scope(), clock=lambda: now, jitter=lambda: 0.0))
        while not cycle.done():
            most = max(most, len(asyncio.all_tasks()))
            await asyncio.wait([cycle], timeout=0.05)
        return await cycle

    with sys.modules["soak_press"].serve(press) as proxy, Writer(tmp_path / "news.db") as writer:
        text = f"network: {{proxy: '{proxy}'}}\ncompute: {{kind: inline}}\nfeeds:\n{feeds}"
        config = parse_config(text, tmp_path / "feeds.yaml", {})
        began = time.monotonic()
        count = asyncio.run(poll(config.model_copy(update={"database": tmp_path / "news.db"}), writer))
        seconds = time.monotonic() - began
    assert count.polled == 5000
    assert 700 <= count.failed < 1000  # those that answer with errors
    assert most <= config.network.concurrency + 16
    assert seconds < config.defaults.interval.total_seconds()


def samples(growth: float) -> list[SimpleNamespace]:
    names = (
        "rss_bytes",
        "worker_bytes",
        "descriptors",
        "threads",
        "wal_bytes",
        "log_bytes",
        "database_bytes",
        "articles",
    )
    return [
        SimpleNamespace(day=day, entries=day, **dict.fromkeys(names, 5e6 * (1 + growth * day)))
        for day in range(31)
    ]


def test_l17_what_grows_is_found_by_its_slope_and_a_single_bump_is_not(soak: ModuleType) -> None:
    report = sys.modules["soak_report"]
    assert all(verdict.flat for verdict in report.judge(samples(0.0)))
    grown = report.judge(samples(0.01))
    assert [v.series.name for v in grown if v.flat] == ["wal_bytes", "database_bytes"]  # judged otherwise
    bumped = samples(0.0)
    bumped[20].rss_bytes *= 10
    assert all(verdict.flat for verdict in report.judge(bumped))
