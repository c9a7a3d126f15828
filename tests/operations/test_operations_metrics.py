from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families

from aggregator.daemon.metrics import AddressError, Figures, exposing
from aggregator.store.connection import open_reader
from aggregator.store.status import read_status

Samples = dict[tuple[str, ...], float]


def scrape(url: str) -> Samples:
    """Ask as Prometheus does, and read the answer by its own parser."""
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - loopback
        families = text_string_to_metric_families(answer.read().decode())
        return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def listening(logs: list[dict[str, object]]) -> str:
    (line,) = [line for line in logs if line["event"] == "figures for Prometheus"]
    return str(line["url"])


def test_the_figures_are_those_of_status(world) -> None:
    world.cycle()
    with (
        structlog.testing.capture_logs() as logs,
        exposing("127.0.0.1:0", world.database, lambda: world.now),
    ):
        samples = scrape(listening(logs))
        with closing(open_reader(world.database)) as db:
            status = read_status(db, world.database, world.now)
    assert status.cycle is not None
    expected = {
        ("aggregator_up",): 1,
        ("aggregator_feeds", "active"): 3,
        ("aggregator_feeds_failing",): 0,
        ("aggregator_feeds_due",): status.due,
        ("aggregator_entries",): status.entries,
        ("aggregator_articles", "full"): status.articles["full"],
        ("aggregator_clusters",): status.clusters,
        ("aggregator_backlog_articles", "fetch"): 0,
        ("aggregator_backlog_articles", "analyse"): 0,
        ("aggregator_backlog_articles", "cluster"): 0,
        ("aggregator_last_cycle_timestamp_seconds",): status.cycle.started_at.timestamp(),
        ("aggregator_cycle_duration_seconds",): 0,
        ("aggregator_problems",): 0,
        ("aggregator_database_bytes",): status.database_bytes,
        ("aggregator_wal_bytes",): status.wal_bytes,
    }
    assert {key: samples[key] for key in expected} == expected
    assert samples["process_open_fds",] > 0


def test_polls_are_counted_on_by_outcome_and_pruning_takes_none_back(world) -> None:
    world.cycle()
    figures = Figures(world.database, lambda: world.now)

    def polls() -> dict[str, float]:
        samples = [s for metric in figures.collect() for s in metric.samples]
        return {s.labels["outcome"]: s.value for s in samples if s.name == "aggregator_polls_total"}

    assert polls() == {}
    with closing(open_reader(world.database)) as db:
        due = datetime.fromisoformat(db.execute("SELECT max(next_poll_at) FROM feeds").fetchone()[0])
    world.cycle(after=due - world.now, prepare=forget_polls)
    assert polls() == {"not_modified": 3}
    assert polls() == {"not_modified": 3}
    world.cycle(prepare=forget_polls)
    assert polls() == {"not_modified": 3}


def forget_polls(writer) -> None:
    writer.write_now(lambda db: db.execute("DELETE FROM polls"))


def test_before_the_first_cycle_there_is_no_time_of_one(archive) -> None:
    names = {metric.name for metric in Figures(archive.path, lambda: archive.now).collect()}
    assert "aggregator_up" in names
    assert "aggregator_last_cycle_timestamp_seconds" not in names


def test_a_cycle_that_does_not_end_takes_longer_and_longer(archive) -> None:
    archive.run("INSERT INTO cycles (started_at) VALUES ('2026-03-01T11:00:00Z')")
    (duration,) = [
        metric.samples[0].value
        for metric in Figures(archive.path, lambda: archive.now).collect()
        if metric.name == "aggregator_cycle_duration_seconds"
    ]
    assert duration == 3600


def test_a_database_that_cannot_be_read_gives_no_figures_but_an_answer(archive) -> None:
    figures = Figures(archive.path, lambda: archive.now)
    archive.path.rename(archive.path.with_name("moved.db"))
    assert [(m.name, m.samples[0].value) for m in figures.collect()] == [("aggregator_up", 0)]


def test_names_and_units_keep_to_prometheus_conventions(archive) -> None:
    for metric in Figures(archive.path, lambda: archive.now).collect():
        assert re.fullmatch(r"aggregator_[a-z_]+", metric.name)
        assert metric.documentation.endswith(".")
        assert metric.type == ("counter" if metric.name == "aggregator_polls" else "gauge")
        assert not metric.name.endswith(("_total", "_count", "_ms", "_kb"))


def test_without_an_address_nothing_listens(archive) -> None:
    with structlog.testing.capture_logs() as logs, exposing(None, archive.path, lambda: archive.now):
        assert logs == []


@pytest.mark.parametrize("address", ["127.0.0.1:{taken}", "192.0.2.1:9090"])
def test_an_address_that_cannot_be_listened_at_is_named(archive, address: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        named = address.format(taken=server.getsockname()[1])
        with (
            pytest.raises(AddressError, match=f"metrics: {named} cannot be listened at.*give another"),
            exposing(named, archive.path, lambda: archive.now),
        ):
            pass


def start(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "aggregator", "run", "--log-format", "json"],
        cwd=home, env=dict(os.environ), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_the_service_answers_prometheus_where_feeds_yaml_asks_for_it(tmp_path: Path) -> None:
    (tmp_path / "feeds.yaml").write_text("database: news.db\nmetrics: 127.0.0.1:0\nfeeds: []\n")
    with start(tmp_path) as service:
        assert service.stderr is not None
        lines = (json.loads(line) for line in service.stderr)
        url = next(line["url"] for line in lines if line["event"] == "figures for Prometheus")
        assert scrape(url)["aggregator_up",] == 1
        service.send_signal(signal.SIGTERM)
        assert [line["event"] for line in lines][-1] == "service stopped"
        assert service.wait() == 0


def test_the_service_does_not_start_where_the_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        (tmp_path / "feeds.yaml").write_text(f"database: news.db\nmetrics: {address}\nfeeds: []\n")
        with start(tmp_path) as service:
            assert service.stderr is not None
            said = service.stderr.read()
            assert service.wait() == 2
    assert f"metrics: {address} cannot be listened at" in said
    assert "Traceback" not in said
