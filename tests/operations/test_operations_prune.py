from __future__ import annotations

import threading
from contextlib import closing
from datetime import timedelta

import pytest

from aggregator.store.clusters import resolve_cluster
from aggregator.store.connection import open_reader
from aggregator.store.doctor import examine
from aggregator.store.prune import Cutoffs, Pruned, count_prunable, prune
from aggregator.store.writer import Writer


def prune_all(archive, *, articles: int | None = 90, polls: int | None = None, step: int = 500) -> Pruned:
    days = [timedelta(days=given) if given else None for given in (polls, articles)]
    cutoffs, total = Cutoffs.at(archive.now, *days), Pruned()
    with Writer(archive.path) as writer:
        while (some := writer.write_now(prune, cutoffs, step)).rows:
            total += some
    return total


def test_a_report_goes_as_a_whole_and_leaves_no_orphans(archive) -> None:
    archive.add("old", days=100, cluster=1)
    archive.add("older", days=120, cluster=1)
    archive.add("young", days=10, cluster=2)
    assert prune_all(archive).as_dict() == {
        "polls": 0,
        "cycles": 0,
        "articles": 2,
        "clusters": 1,
        "entries": 2,
    }
    assert archive.run("SELECT title FROM articles") == [("young",)]
    for table in ("features", "citations", "article_urls"):
        assert archive.run(f"SELECT count(*) FROM {table}") == [(1,)]
    assert [f for f in examine(archive.path, archive.now) if f.state == "fail"] == []


def test_an_old_article_stays_as_long_as_its_report_is_young(archive) -> None:
    archive.add("first", days=100, cluster=1)
    archive.add("latest", days=10, cluster=1)
    assert prune_all(archive).rows == 0


@pytest.mark.parametrize("column", ["in_flight", "to_cluster"])
def test_what_a_stage_is_at_work_on_is_left_alone(archive, column: str) -> None:
    archive.add("busy", days=100, cluster=1)
    archive.add("mate", days=100, cluster=1)
    archive.run(f"UPDATE articles SET {column} = 1 WHERE title = 'busy'")
    assert prune_all(archive).rows == 0


def test_an_article_that_never_came_into_a_report_goes_by_its_own_age(archive) -> None:
    archive.add("alone", days=100)
    archive.add("young", days=10)
    assert prune_all(archive).articles == 1


def test_steps_never_part_a_cluster(archive) -> None:
    for name in "abcde":
        archive.add(name, days=100, cluster=1)
    with Writer(archive.path) as writer:
        first = writer.write_now(prune, Cutoffs.at(archive.now, None, timedelta(days=90)), 2)
    assert (first.articles, first.clusters) == (5, 1)


def test_l43_pruned_entries_do_not_come_back_at_the_next_poll(world) -> None:
    world.cycle()
    asked = len(world.asked)
    entries = world.rows("SELECT guid, title FROM entries")
    world.now += timedelta(days=100)
    with Writer(world.database) as writer:
        done = writer.write_now(prune, Cutoffs.at(world.now, None, timedelta(days=90)))
    assert (done.articles, done.entries) == (3, 3)
    assert world.rows("SELECT summary, content, article_id FROM entries") == [("", "", None)] * 3
    world.step[0] = 1  # the documents change: they still hold the pruned entries, and new ones
    count = world.cycle()
    assert count.new_entries == 3
    assert set(entries) < set(world.rows("SELECT guid, title FROM entries"))
    assert world.rows("SELECT count(*) FROM articles") == [(3,)]
    assert [url for url in world.asked[asked:] if "/r0-" in url] == []


def test_l43_the_id_of_a_pruned_cluster_still_resolves(archive) -> None:
    archive.add("old", days=100, cluster=7)
    archive.run("INSERT INTO cluster_redirects VALUES (3, 7, '2026-01-01T00:00:00Z', 'merged')")
    prune_all(archive)
    with closing(open_reader(archive.path)) as db:
        assert (resolve_cluster(db, 7), resolve_cluster(db, 3)) == (7, 7)
    assert archive.run("SELECT title, article_count, origin_article_id FROM clusters") == [
        ("Report", 0, None)
    ]
    assert archive.run("SELECT * FROM reports") == []


def test_the_full_text_index_forgets_what_is_pruned(archive) -> None:
    archive.add("heron", days=100, cluster=1)
    archive.add("stork", days=1, cluster=2)
    prune_all(archive)
    archive.run("INSERT INTO articles_fts (articles_fts, rank) VALUES ('integrity-check', 1)")
    assert archive.run("SELECT count(*) FROM articles_fts WHERE articles_fts MATCH 'heron'") == [(0,)]
    assert archive.run("SELECT count(*) FROM articles_fts WHERE articles_fts MATCH 'stork'") == [(1,)]


def test_old_polls_and_cycles_go_but_the_latest_stay(archive) -> None:
    for days in (50, 40, 35):
        at = (archive.now - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
        archive.run("INSERT INTO polls (feed_id, at, outcome) VALUES (1, ?, 'ok')", at)
        archive.run("INSERT INTO cycles (started_at) VALUES (?)", at)
    done = prune_all(archive, articles=None, polls=30, step=1)
    assert (done.polls, done.cycles) == (2, 2)
    assert archive.run("SELECT id FROM polls") == [(3,)]


def test_nothing_goes_where_retention_says_for_ever(archive) -> None:
    archive.add("ancient", days=9000, cluster=1)
    assert prune_all(archive, articles=None).rows == 0


def test_entries_without_an_article_are_emptied_too(archive) -> None:
    archive.run(
        "INSERT INTO entries (feed_id, guid, title, summary, first_seen_at, alias, place, digest)"
        " VALUES (1, 'g', 'T', 'S', '2025-01-01T00:00:00Z', 'g', 'g', 'd')"
    )
    assert prune_all(archive).entries == 1
    assert archive.run("SELECT guid, title, summary FROM entries") == [("g", "T", "")]


def test_a_dry_run_says_what_pruning_then_does(archive) -> None:
    for name in "abc":
        archive.add(name, days=100, cluster=1)
    archive.add("alone", days=100)
    archive.run("INSERT INTO polls (feed_id, at, outcome) VALUES (1, '2020-01-01T00:00:00Z', 'ok')")
    archive.run("INSERT INTO polls (feed_id, at, outcome) VALUES (1, '2020-01-01T00:00:00Z', 'ok')")
    with closing(open_reader(archive.path)) as db:
        announced = count_prunable(db, Cutoffs.at(archive.now, timedelta(days=1), timedelta(days=90)))
        assert count_prunable(db, Cutoffs(None, None)).rows == 0
    assert announced == prune_all(archive, polls=1)


def test_l43_a_reader_keeps_its_view_while_rows_are_pruned(archive) -> None:
    for number in range(20):
        archive.add(f"n{number}", days=100, cluster=number + 1)
    with closing(open_reader(archive.path)) as db:
        cursor = db.execute("SELECT title FROM articles ORDER BY id")
        first = next(cursor)[0]
        worker = threading.Thread(target=prune_all, args=(archive,))
        worker.start()
        worker.join()
        assert [first, *(row[0] for row in cursor)] == [f"n{number}" for number in range(20)]
    assert archive.run("SELECT count(*) FROM articles") == [(0,)]


def test_counts_add_up() -> None:
    assert (Pruned(1, 2, 3, 4, 5) + Pruned(1, 1, 1, 1, 1)).rows == 20
