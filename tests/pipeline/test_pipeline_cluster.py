from __future__ import annotations

import json
from datetime import timedelta

import pytest

from aggregator.model import Constraint
from aggregator.pipeline.analyse import AnalysisError
from aggregator.pipeline.archive import import_lines
from aggregator.pipeline.cluster import BATCH, stretches
from aggregator.pipeline.cycle import Scope
from aggregator.reports.outlets import OutletList
from aggregator.store.clusters import NewArticle, add_constraint, resolve_cluster
from aggregator.store.writer import Writer

BRIDGE = (
    "The mayor of Graz opened the new bridge over the river Mur on Sunday, after nine years of building and"
    " three court cases. Some four thousand people walked across it in the first hour, many with prams and"
    " dogs. It cost 61 million euros, twice what had been planned, because the ground on the eastern bank"
    " turned out to be softer than the surveyors had said. Trams are to follow in spring."
)
QUAKE = (
    "An earthquake of magnitude six shook Crete at dawn and damaged the harbour wall of Chania. Fishermen"
    " found their boats on the quay. Nobody was killed, the coast guard said, but eleven people were treated"
    " for cuts and broken bones. Schools stay shut until engineers have looked at every roof, the governor"
    " announced, and ferries from Piraeus are turned away to Heraklion for the time being."
)
OFFLINE = Scope(network=False)


@pytest.fixture
def archive(bench):
    """Import lines of (host, title, text, day of 2025)."""
    bench.subscribe()

    def put(*articles: tuple[str, str, str, str]) -> None:
        lines = [
            json.dumps({"url": f"https://{host}/{title}", "title": title, "text": text, "published": day})
            for host, title, text, day in articles
        ]
        with Writer(bench.database) as writer:
            list(import_lines(lines, writer, OutletList.load(()), bench.now))

    return put


def partition(bench) -> list[list[int]]:
    rows = bench.rows("SELECT json_group_array(id) FROM articles GROUP BY cluster_id")
    return sorted(sorted(json.loads(str(row[0]))) for row in rows)


def decide(bench, one: int, other: int, *, together: bool) -> None:
    with Writer(bench.database) as writer:
        writer.write_now(add_constraint, Constraint(one, other, together), bench.now)


def test_copies_come_together_and_strangers_do_not(bench, archive) -> None:
    archive(
        ("a.example", "Bridge", BRIDGE, "2025-05-01"),
        ("b.example", "Bridge", BRIDGE, "2025-05-01T06:00"),
        ("c.example", "Quake", QUAKE, "2025-05-01"),
    )
    bench.run(OFFLINE)
    assert partition(bench) == [[1, 2], [3]]
    assert bench.rows("SELECT copy_of FROM articles ORDER BY id") == [(None,), (1,), (None,)]
    assert bench.rows("SELECT count(*) FROM cluster_links") == [(2,)]
    assert bench.rows("SELECT article_count, outlet_count, independent_count FROM clusters ORDER BY id") == [
        (2, 2, 1),
        (1, 1, 1),
    ]


def test_the_partition_does_not_depend_on_the_batches_articles_come_in(bench, archive) -> None:
    articles = [
        ("a.example", "Bridge", BRIDGE, "2025-05-01"),
        ("b.example", "Quake", QUAKE, "2025-05-02"),
        ("c.example", "Bridge", BRIDGE, "2025-05-03"),
        ("d.example", "Quake", QUAKE, "2025-05-04"),
    ]
    for article in reversed(articles):
        archive(article)
        bench.run(OFFLINE)
    assert partition(bench) == [[1, 3], [2, 4]]
    bench.run(Scope(network=False, rebuild=True))
    assert partition(bench) == [[1, 3], [2, 4]]


def test_l42_clustering_anew_changes_no_id(bench, archive) -> None:
    archive(*((f"{n}.example", "Bridge", BRIDGE, "2025-05-01") for n in "abc"))
    archive(("q.example", "Quake", QUAKE, "2025-05-01"))
    bench.run(OFFLINE)
    before = bench.rows("SELECT id, cluster_id, copy_of FROM articles") + bench.rows("SELECT * FROM clusters")
    count = bench.run(Scope(network=False, rebuild=True))
    assert count.clustered == 4
    after = bench.rows("SELECT id, cluster_id, copy_of FROM articles") + bench.rows("SELECT * FROM clusters")
    assert after == before


def test_an_old_article_among_todays_does_not_bring_the_years_between_into_memory(now) -> None:
    window = timedelta(hours=72)
    at = [now - timedelta(days=4000), now - timedelta(hours=140), now, now + timedelta(hours=144)]
    parts = stretches([NewArticle(n, moment) for n, moment in enumerate(at)], window)
    assert [[article.article_id for article in part] for part in parts] == [[0], [1, 2, 3]]
    assert stretches([], window) == []


def test_articles_dated_to_the_year_one_are_clustered_like_any_other(bench, archive) -> None:
    archive(
        ("a.example", "Bridge", BRIDGE, "0001-01-01"),
        ("b.example", "Bridge", BRIDGE, "0001-01-02"),
        ("c.example", "Bridge", BRIDGE, "2025-05-01"),
    )
    assert bench.run(OFFLINE).clustered == 3
    assert partition(bench) == [[1, 2], [3]]


def test_more_articles_than_fit_into_a_batch_find_those_of_the_next(bench, archive) -> None:
    hosts = [f"{n}.example" for n in range(BATCH + 2)]
    archive(*((host, f"Quake {host}", "", "2025-05-01") for host in hosts[:BATCH]))
    archive(("x.example", "Bridge", BRIDGE, "2025-05-03"), ("y.example", "Bridge", BRIDGE, "2025-05-05"))
    bench.run(OFFLINE)
    assert [BATCH + 1, BATCH + 2] in partition(bench)
    assert bench.rows("SELECT count(*) FROM articles WHERE to_cluster = 1") == [(0,)]


def test_a_person_parts_and_joins_articles_and_it_lasts(bench, archive) -> None:
    archive(
        ("a.example", "Bridge", BRIDGE, "2025-05-01"),
        ("b.example", "Bridge", BRIDGE, "2025-05-01"),
        ("c.example", "Quake", QUAKE, "2025-11-01"),
    )
    bench.run(OFFLINE)
    decide(bench, 2, 1, together=False)
    bench.run(OFFLINE)
    assert partition(bench) == [[1], [2], [3]]
    decide(bench, 1, 3, together=True)  # half a year apart
    bench.run(OFFLINE)
    assert partition(bench) == [[1, 3], [2]]
    bench.run(Scope(network=False, rebuild=True))
    assert partition(bench) == [[1, 3], [2]]


def test_every_cluster_id_that_was_given_out_resolves_to_one_that_has_articles(bench, archive) -> None:
    for name, text in (("a", BRIDGE), ("b", QUAKE), ("c", "")):
        archive((f"{name}.example", name, text, "2025-05-01"))
    bench.run(OFFLINE)
    for one, other in ((1, 2), (2, 3)):
        decide(bench, one, other, together=True)
        bench.run(OFFLINE)
    decide(bench, 1, 2, together=False)
    decide(bench, 1, 3, together=False)
    bench.run(OFFLINE)
    last = int(bench.rows("SELECT seq FROM sqlite_sequence WHERE name = 'clusters'")[0][0])
    with Writer(bench.database) as writer:
        resolved = {writer.write_now(resolve_cluster, cluster) for cluster in range(1, last + 1)}
    living = {row[0] for row in bench.rows("SELECT DISTINCT cluster_id FROM articles")}
    assert resolved == living == {row[0] for row in bench.rows("SELECT id FROM clusters")}
    chains = "SELECT count(*) FROM cluster_redirects AS a JOIN cluster_redirects AS b ON a.new_id = b.old_id"
    assert bench.rows(chains) == [(0,)]


def test_a_decision_about_an_article_that_is_not_read_yet_waits_for_it(bench, site, rss) -> None:
    site.answer("/feed", rss((f"{site.url}/a", "Bridge"), (f"{site.url}/b", "Quake")))
    site.answer("/b", b"", status=500)
    bench.subscribe(f"{site.url}/feed")
    bench.run()
    decide(bench, 1, 2, together=True)
    bench.run(OFFLINE)  # ends
    assert bench.rows("SELECT cluster_id FROM articles WHERE id = 2") == [(None,)]
    site.answer("/b", b"", status=404)
    bench.run(after=timedelta(hours=1))
    assert partition(bench) == [[1, 2]]


def test_an_article_that_cannot_be_analysed_costs_only_itself(bench, archive, breaking) -> None:
    archive(
        ("a.example", "Bridge", BRIDGE, "2025-05-01"),
        ("b.example", "Poison", QUAKE, "2025-05-01"),
        ("c.example", "Bridge", BRIDGE, "2025-05-01"),
    )
    executor = breaking("analyse_texts", "Poison")
    assert bench.run_on(executor).clustered == 2
    assert executor.broken == 2  # with the others, then alone
    assert bench.rows("SELECT id, detail, cluster_id FROM articles WHERE cluster_id IS NULL") == [
        (2, "reading it failed: RuntimeError: boom", None)
    ]
    bench.run(Scope(network=False, rebuild=True))  # ends, though the article has nothing to be clustered by
    assert bench.run_on(executor).clustered == 0


def test_an_article_that_can_no_longer_be_analysed_leaves_its_cluster(bench, archive, breaking) -> None:
    archive(*((f"{n}.example", "Bridge", BRIDGE, "2025-05-01") for n in "ab"))
    archive(("c.example", "Quake", QUAKE, "2025-05-01"))
    bench.run(OFFLINE)
    archive(("b.example", "Bridge", BRIDGE + "Poison.", "2025-05-01"))
    archive(("c.example", "Quake", QUAKE + "Poison.", "2025-05-01"))
    bench.run_on(breaking("analyse_texts", "Poison"))
    assert bench.rows("SELECT id, cluster_id, copy_of FROM articles ORDER BY id") == [
        (1, 1, None),
        (2, None, None),
        (3, None, None),
    ]
    assert bench.rows("SELECT id, article_count FROM clusters ORDER BY id") == [(1, 1), (2, 0)]
    assert bench.rows("SELECT cluster_id FROM reports") == [(1,)]
    assert bench.rows("PRAGMA foreign_key_check") == []


def test_what_a_person_decides_while_articles_are_clustered_is_not_lost(bench, archive) -> None:
    """It comes between reading the window and writing the outcome, as it may from another process."""
    archive(*((f"{n}.example", "Bridge", BRIDGE, "2025-05-01") for n in "ab"))
    with Writer(bench.database) as writer:
        seen = []

        def interfere(statement: str) -> None:
            if "FROM cluster_constraints WHERE" in statement and not seen:
                seen.append(statement)
                writer.submit(add_constraint, Constraint(1, 2, False), bench.now)

        writer.write_now(lambda db: db.set_trace_callback(interfere))
        bench.run_with(writer, OFFLINE)
    assert seen
    assert partition(bench) == [[1], [2]]


def test_an_article_that_is_pruned_while_it_is_clustered_does_no_harm(bench, archive) -> None:
    archive(*((f"{n}.example", "Bridge", BRIDGE, "2025-05-01") for n in "abc"))
    with Writer(bench.database) as writer:
        seen = []

        def interfere(statement: str) -> None:
            if "FROM cluster_constraints WHERE" in statement and not seen:
                seen.append(statement)
                writer.submit(lambda db: db.execute("DELETE FROM articles WHERE id = 1"))

        writer.write_now(lambda db: db.set_trace_callback(interfere))
        bench.run_with(writer, OFFLINE)
    assert partition(bench) == [[2, 3]]


def test_another_version_of_the_analysis_makes_everything_anew(bench, archive) -> None:
    archive(*((f"{n}.example", "Bridge", BRIDGE, "2025-05-01") for n in "ab"))
    assert bench.run(OFFLINE).clustered == 2
    assert bench.run(OFFLINE).clustered == 0
    bench.rows("UPDATE about SET value = '0 another' WHERE key = 'analysed_by'")
    assert bench.run(OFFLINE).clustered == 2
    assert partition(bench) == [[1, 2]]


def test_l41_where_no_text_can_be_analysed_all_of_them_wait(bench, archive, breaking) -> None:
    """An encoder that does not fit into memory, say: nothing is wrong with the articles."""
    archive(*((f"{n}.example", "Bridge", BRIDGE, "2025-05-01") for n in "abc"))
    with pytest.raises(AnalysisError, match="boom"):
        bench.run_on(breaking("analyse_texts", "bridge"))
    assert bench.rows("SELECT count(*) FROM articles WHERE analysed_by IS NULL AND detail IS NULL") == [(3,)]
    assert bench.run(OFFLINE).clustered == 3
