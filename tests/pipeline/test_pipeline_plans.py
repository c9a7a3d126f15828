"""No statement of a cycle reads a whole table that grows with the years."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import pytest

from aggregator.pipeline.cycle import Scope
from aggregator.store.writer import Writer

GROWING = (
    "articles|entries|article_urls|article_revisions|features|citations|clusters|cluster_links|polls|cycles"
)
PARTIAL = "articles_to_fetch|articles_to_analyse|articles_to_cluster|articles_in_flight"
SCAN = re.compile(rf"SCAN (?:{GROWING})\b(?! USING (?:COVERING )?INDEX (?:{PARTIAL})\b)")


@pytest.fixture
def traced(bench, newsroom) -> list[str]:
    """Return the statements of a cycle that finds new and changed entries in a database that has some."""
    bench.use(newsroom.config_yaml("unused") + "compute: {kind: inline}\n")
    newsroom.reveal = 0.5
    bench.run()
    newsroom.reveal = 1.0
    bench.rows("UPDATE entries SET digest = ''")
    statements: list[str] = []
    with Writer(bench.database) as writer:
        writer.write_now(lambda db: db.set_trace_callback(statements.append))
        assert bench.run_with(writer, Scope(force=True)).new_entries > 20
    return statements


def distinct(statements: list[str]) -> list[str]:
    """One of each kind, whatever its values."""
    kinds = {
        re.sub(r"'(?:[^']|'')*'|\d+", "?", statement)[:400]: statement
        for statement in statements
        if re.match(r"\s*(SELECT|WITH|UPDATE|DELETE|INSERT)", statement)
    }
    return list(kinds.values())


def test_no_statement_of_a_cycle_reads_a_whole_table(bench, traced) -> None:
    kinds = distinct(traced)
    assert len(kinds) > 40
    with closing(sqlite3.connect(bench.database)) as db:
        for step in ("SELECT 1", "ANALYZE"):  # with statistics the planner may think otherwise
            db.execute(step)
            assert scans(db, kinds) == []


def scans(db: sqlite3.Connection, statements: list[str]) -> list[tuple[str, str]]:
    return [
        (step[3], statement[:300])
        for statement in statements
        for step in db.execute(f"EXPLAIN QUERY PLAN {statement}")
        if SCAN.search(step[3])
    ]
