"""The whole line over the bundled newsroom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta

import pytest

from aggregator.digest.model import DigestQuery
from aggregator.digest.render import render
from aggregator.digest.window import parse_window
from aggregator.pipeline.cycle import Scope
from aggregator.pipeline.digest import read_digest, write_daily_digest
from aggregator.store.connection import open_reader

TABLES = ("entries", "articles", "citations", "clusters", "cluster_links", "cluster_redirects")


def bcubed_f1(gold: Mapping[str, object], found: Mapping[str, object]) -> float:
    """Amigo et al. 2009: of each thing's company, how much belongs there, and how much of that is there."""
    meant, got = defaultdict(set), defaultdict(set)
    for thing in gold:
        meant[gold[thing]].add(thing)
        got[found[thing]].add(thing)
    shared = {thing: len(meant[gold[thing]] & got[found[thing]]) for thing in gold}
    precision = sum(shared[thing] / len(got[found[thing]]) for thing in gold) / len(gold)
    recall = sum(shared[thing] / len(meant[gold[thing]]) for thing in gold) / len(gold)
    return 2 * precision * recall / (precision + recall)


def test_bcubed_is_one_for_the_same_partition_and_known_for_another() -> None:
    gold = {"a": 1, "b": 1, "c": 2, "d": 2}
    assert bcubed_f1(gold, {"a": "x", "b": "x", "c": "y", "d": "y"}) == 1
    assert bcubed_f1(gold, dict.fromkeys("abcd", 0)) == pytest.approx(
        2 * 0.5 / 1.5
    )  # precision 1/2, recall 1
    assert bcubed_f1(gold, {name: name for name in "abcd"}) == pytest.approx(2 * 0.5 / 1.5)


@pytest.fixture
def polled(bench, newsroom):
    bench.use(
        newsroom.config_yaml("unused")
        + f"compute: {{kind: inline}}\ndigest: {{directory: '{bench.database.parent}'}}\n"
    )
    bench.run()
    return bench


def test_the_newsroom_is_read_grouped_and_summed_up_and_a_second_poll_changes_nothing(
    polled, newsroom
) -> None:
    statuses = dict(polled.rows("SELECT url, status FROM articles"))
    labels = {article.url: article for article in newsroom.articles}
    assert statuses.keys() == labels.keys()
    short = {url for url, status in statuses.items() if status != "full"}
    assert {(labels[url].outlet.domain, statuses[url]) for url in short} == {("thetimes.com", "teaser")}

    clusters = dict(polled.rows("SELECT url, cluster_id FROM articles"))
    assert bcubed_f1({url: article.report for url, article in labels.items()}, clusters) >= 0.85
    languages = dict(polled.rows("SELECT url, lang FROM articles"))
    assert languages == {url: article.lang for url, article in labels.items()}

    before = [polled.rows(f"SELECT * FROM {table}") for table in TABLES]
    count = polled.run(Scope(force=True), after=timedelta(minutes=5))
    assert (count.new_entries, count.articles, count.clustered) == (0, 0, 0)
    assert [polled.rows(f"SELECT * FROM {table}") for table in TABLES] == before
    feeds = len(newsroom.feeds())
    assert polled.rows(f"SELECT outcome, status, count(*) FROM polls WHERE id > {feeds} GROUP BY 1, 2") == [
        ("not_modified", 304, feeds)
    ]


def test_the_digest_names_who_reported_first_is_the_same_every_time_and_is_written_daily(
    polled, newsroom
) -> None:
    window = parse_window(now=polled.now + timedelta(seconds=1), timezone="UTC", since="7d")
    with closing(open_reader(polled.database)) as db:
        digest = read_digest(db, DigestQuery(window=window))
        again = read_digest(db, DigestQuery(window=window))
    text = render(digest, "text")
    assert "The Wall Street Journal" in text
    origin = polled.rows(
        "SELECT origin_outlet, independent FROM reports ORDER BY outlets DESC, articles DESC LIMIT 1"
    )
    assert origin[0][0] == "wsj.com"
    assert all(render(digest, form) == render(again, form) for form in ("html", "md", "json", "text"))

    (polled.database.parent / "2026-13-45.html").touch()  # no day
    paths = write_daily_digest(polled.config, polled.now)
    assert [path.name for path in paths] == ["2026-03-01.html", "2026-03-01.md"]
    assert "The Wall Street Journal" in paths[1].read_text()
    index = (polled.database.parent / "index.html").read_text()
    assert "2026-03-01" in index
    assert "2026-13-45" not in index
