"""Figures for Prometheus: what ``aggregator status`` shows, read anew from the database at each request.

Names and units by prometheus.io/docs/practices/naming. Off unless feeds.yaml says ``metrics: HOST:PORT``.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from aggregator.pipeline.services import Clock
from aggregator.store.connection import StoreError, open_reader
from aggregator.store.status import Status, latest_poll, polls_since, read_status

log = structlog.get_logger()


class AddressError(Exception):
    """The address for the figures cannot be listened at. The text is one line that says what to do."""


@contextmanager
def exposing(address: str | None, database: Path, clock: Clock) -> Iterator[None]:
    """Answer Prometheus at an address while the block runs; None: do nothing.

    Raises AddressError where the address is taken or not of this machine, StoreError for the database.
    """
    if address is None:
        yield
        return
    registry = CollectorRegistry()
    registry.register(Figures(database, clock))
    ProcessCollector(registry=registry)
    host, _, port = address.rpartition(":")
    try:
        server, thread = start_http_server(int(port), host.strip("[]"), registry)
    except OSError as error:
        raise AddressError(
            f"metrics: {address} cannot be listened at: {error.strerror}; give another address in feeds.yaml"
        ) from error
    log.info("figures for Prometheus", url=f"http://{host}:{server.server_port}/metrics")
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Figures(Collector):
    """Reads the database whenever it is asked. Polls are counted from the start of the process on."""

    def __init__(self, database: Path, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._polls: Counter[str] = Counter()
        with closing(open_reader(database)) as db:
            self._counted = latest_poll(db)

    def describe(self) -> Iterable[Metric]:
        """Name nothing beforehand: the registry need not ask the database for that."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every figure; where the database cannot be read, only that it cannot."""
        now = self._clock()
        try:
            with closing(open_reader(self._database)) as db:
                status = read_status(db, self._database, now)
                self._count_polls(db)
        except (StoreError, sqlite3.Error) as error:
            log.warning("there are no figures: the database cannot be read", problem=str(error))
            yield GaugeMetricFamily("aggregator_up", UP, 0)
            return
        yield GaugeMetricFamily("aggregator_up", UP, 1)
        polls = CounterMetricFamily(
            "aggregator_polls", "Polls since the service started.", labels=["outcome"]
        )
        for outcome, count in self._polls.items():
            polls.add_metric([outcome], count)
        yield polls
        yield from _of_feeds(status)
        yield from _of_articles(status)
        yield from _of_cycle(status, now.timestamp())
        yield _gauge("problems", "What `aggregator status` would complain of.", len(status.problems(now)))
        yield _gauge("database_bytes", "Size of the database's file.", status.database_bytes)
        yield _gauge("wal_bytes", "Size of the write-ahead log.", status.wal_bytes)

    def _count_polls(self, db: sqlite3.Connection) -> None:
        latest = latest_poll(db)
        self._polls.update(polls_since(db, self._counted))
        self._counted = latest


UP = "1 while the database can be read."


def _of_feeds(status: Status) -> Iterator[Metric]:
    yield _gauge("feeds", "Feeds by state.", status.feeds, "state")
    yield _gauge("feeds_failing", "Feeds that cannot be polled, or are gone.", len(status.failing))
    yield _gauge("feeds_due", "Feeds that are due.", status.due)


def _of_articles(status: Status) -> Iterator[Metric]:
    yield _gauge("entries", "Entries in the database.", status.entries)
    yield _gauge("articles", "Articles in the database by status.", status.articles, "status")
    yield _gauge("clusters", "Clusters in the database.", status.clusters)
    yield _gauge("backlog_articles", "Articles that wait for a stage.", status.backlog, "stage")


def _of_cycle(status: Status, now: float) -> Iterator[Metric]:
    cycle = status.cycle
    if cycle is None:
        return
    began = cycle.started_at.timestamp()
    ended = cycle.finished_at.timestamp() if cycle.finished_at else now
    yield _gauge("last_cycle_timestamp_seconds", "When the latest cycle began.", began)
    yield _gauge("cycle_duration_seconds", "How long the latest cycle took, or takes so far.", ended - began)


def _gauge(name: str, text: str, value: float | Mapping[str, int], label: str = "") -> GaugeMetricFamily:
    """Return a gauge of one value, or of one value a label."""
    if not isinstance(value, Mapping):
        return GaugeMetricFamily(f"aggregator_{name}", text, value)
    gauge = GaugeMetricFamily(f"aggregator_{name}", text, labels=[label])
    for key, count in value.items():
        gauge.add_metric([key], count)
    return gauge
