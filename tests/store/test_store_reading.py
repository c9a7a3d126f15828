"""What is read for people: search, status, digest rows, export."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from aggregator.digest.model import Window
from aggregator.model import (
    Analysis,
    ArticleStatus,
    Citation,
    ClusterSummary,
    Extraction,
    FeedState,
    FeedStatus,
    Outlet,
)
from aggregator.store.analysis import forget_analyses, save_analyses, texts_to_analyse
from aggregator.store.archive import exported_articles
from aggregator.store.articles import import_article
from aggregator.store.clusters import (
    assign,
    new_cluster_ids,
    redirect_clusters,
    resolve_cluster,
    save_cluster,
)
from aggregator.store.digests import article_rows, cluster_rows, window_rows
from aggregator.store.feeds import Subscription, save_feed, sync_feeds
from aggregator.store.outlets import all_outlets, name_outlets
from aggregator.store.search import MARK_BEGIN, MARK_END, Filters, match_expression, search
from aggregator.store.status import begin_cycle, end_cycle, last_change, read_status, work_waits

BRIDGE = Extraction(
    "https://a.example/1",
    ArticleStatus.FULL,
    "Bridge opened",
    "The mayor's bridge was opened.",
    "en",
    None,
    None,
)


@pytest.fixture
def two(db: sqlite3.Connection, now: datetime) -> sqlite3.Connection:
    """Two clustered articles, of which the second cites an outlet, and an hour older."""
    import_article(db, BRIDGE, "a.example", now)
    quake = replace(BRIDGE, url="https://b.example/2", title="Beben", text="Ein Beben.", lang="de")
    import_article(db, replace(quake, published_at=now - timedelta(hours=1)), "b.example", now)
    texts = texts_to_analyse(db, 10)
    cites = (
        Citation("wsj.com", "WSJ", "the WSJ reported", 0.9, "verb"),
        Citation(None, "Foo", "Foo said", 0.5, "verb"),
    )
    analyses = [Analysis(1, b"x", ()), Analysis(2, b"y", cites)]
    save_analyses(db, texts, analyses, encoder="e", version="1")
    ids = new_cluster_ids(db, 1, now)
    assign(db, {1: ids[0], 2: ids[0]}, {2: 1}, now)
    summary = ClusterSummary(
        "Bridge opened", now - timedelta(hours=1), now, 2, 2, 1, ("en", "de"), 1, "wsj.com"
    )
    save_cluster(db, ids[0], summary, now)
    return db


def test_words_are_found_wherever_they_stand_and_marked(two: sqlite3.Connection, now: datetime) -> None:
    (hit,) = search(two, "mayor bridge", Filters(), 10)
    assert (hit.article_id, hit.title) == (1, f"{MARK_BEGIN}Bridge{MARK_END} opened")
    assert MARK_BEGIN in hit.snippet
    assert [
        hit.article_id for hit in search(two, "brid*", Filters(lang="en", outlet="a.example", since=now), 10)
    ] == [1]
    assert search(two, "bridge", Filters(lang="de"), 10) == []
    assert search(two, '"bridge mayor"', Filters(), 10) == []
    assert search(two, " ' - ", Filters(), 10) == []


@pytest.mark.parametrize(
    "words", ["a OR b", "title:x", "NEAR(a b)", 'un"closed', "a* *", "^x", "\x00a", "- -", '""', "a AND"]
)
def test_nothing_that_is_typed_is_syntax(db: sqlite3.Connection, words: str) -> None:
    assert search(db, words, Filters(), 10) == []
    assert match_expression(words).count('"') % 2 == 0


def test_the_digest_sees_whole_clusters_and_only_what_was_known(
    two: sqlite3.Connection, now: datetime
) -> None:
    span = Window(since=now - timedelta(minutes=30), until=now + timedelta(minutes=30))
    (report,), coverage, counts = window_rows(two, span)
    articles = article_rows(two, [1], span)
    assert (report.cluster_id, report.origin_name, report.languages) == (1, "wsj.com", ("en", "de"))
    assert [article.article_id for article in articles] == [1, 2]
    assert [(cite.outlet, cite.name) for cite in articles[1].cites] == [("wsj.com", "WSJ"), (None, "Foo")]
    assert (counts.articles, counts.reports, counts.by_language) == (1, 1, (("en", 1),))
    early = replace(span, as_of=now - timedelta(days=1))
    assert window_rows(two, early)[:2] == ([], [])
    assert sorted(coverage) == [(1, row.outlet, row.family, row.lang) for row in articles]
    assert cluster_rows(two, 1) == (report, articles)
    assert cluster_rows(two, 9) == (None, [])


def test_a_changed_headline_is_told(two: sqlite3.Connection, now: datetime) -> None:
    import_article(two, replace(BRIDGE, title="Bridge opened at last"), "a.example", now + timedelta(hours=1))
    article = cluster_rows(two, 1)[1][0]
    assert (article.former_title, article.revisions) == ("Bridge opened", 1)


def test_articles_are_exported_with_what_was_found_out(two: sqlite3.Connection) -> None:
    first, second = exported_articles(two)
    assert (first["url"], first["cluster_id"], first["cites"]) == ("https://a.example/1", 1, [])
    assert (second["copy_of"], second["cites"], second["published"]) == (
        1,
        ["wsj.com"],
        "2026-03-01T11:00:00Z",
    )


def test_a_text_that_changes_while_it_is_analysed_goes_on_waiting(
    db: sqlite3.Connection, now: datetime
) -> None:
    import_article(db, BRIDGE, "a.example", now)
    texts = texts_to_analyse(db, 10)
    import_article(db, replace(BRIDGE, text="Correction."), "a.example", now)
    save_analyses(db, texts, [Analysis(1, b"old", ())], encoder="e", version="1")
    assert [text.text for text in texts_to_analyse(db, 10)] == ["Correction."]
    assert db.execute("SELECT count(*) FROM features").fetchone()[0] == 0


def test_only_another_version_or_encoder_makes_everything_anew(two: sqlite3.Connection) -> None:
    forget_analyses(two, "1", "e")
    assert len(texts_to_analyse(two, 10)) == 2
    two.execute("UPDATE articles SET analysed_by = '1'")
    forget_analyses(two, "1", "e")
    assert texts_to_analyse(two, 10) == []
    forget_analyses(two, "1", "other")
    assert len(texts_to_analyse(two, 10)) == 2


def test_an_earlier_redirect_is_led_on_to_the_newest_cluster(db: sqlite3.Connection, now: datetime) -> None:
    a, b, c = new_cluster_ids(db, 3, now)
    redirect_clusters(db, [(c, b, "merged")], now)
    redirect_clusters(db, [(b, a, "merged")], now)
    assert [resolve_cluster(db, cluster) for cluster in (a, b, c, 99)] == [a, a, a, None]


def test_a_summary_that_says_the_same_does_not_move_the_time_of_the_last_change(
    two: sqlite3.Connection, now: datetime
) -> None:
    same = ClusterSummary("Bridge opened", now - timedelta(hours=1), now, 2, 2, 1, ("en", "de"), 1, "wsj.com")
    save_cluster(two, 1, same, now + timedelta(days=1))
    assert two.execute("SELECT updated_at FROM clusters").fetchone()[0] == "2026-03-01T12:00:00Z"
    save_cluster(two, 1, replace(same, article_count=3, origin_outlet=None), now + timedelta(days=1))
    assert two.execute("SELECT updated_at FROM clusters").fetchone()[0] == "2026-03-02T12:00:00Z"


def test_outlets_are_called_by_what_the_list_knows_of_them(two: sqlite3.Connection) -> None:
    wsj = Outlet("wsj.com", "The Wall Street Journal", "dowjones", "newspaper")
    name_outlets(two, {"wsj.com": wsj}.get)
    assert wsj in all_outlets(two)
    assert {outlet.name for outlet in all_outlets(two)} == {"a.example", "b.example", wsj.name}


def test_the_status_of_a_new_database_says_what_is_missing(
    db: sqlite3.Connection, database: Path, now: datetime
) -> None:
    assert last_change(db) is None
    assert read_status(db, database, now).problems(now) == []
    assert not work_waits(db, now)
    sync_feeds(db, [Subscription("https://a.example/feed")], now)
    status = read_status(db, database, now)
    assert status.problems(now) == ["No cycle has run yet."]
    assert (status.due, status.cycle, status.feeds) == (1, None, {"active": 1})
    assert work_waits(db, now)


def test_the_status_counts_what_is_there_and_names_what_fails(
    two: sqlite3.Connection, database: Path, now: datetime
) -> None:
    sync_feeds(two, [Subscription("https://a.example/feed")], now)
    cycle = begin_cycle(two, now)
    end_cycle(two, cycle, now, {"polled": 1, "failed": 1, "new_entries": 0, "articles": 0, "clustered": 0})
    save_feed(
        two,
        1,
        FeedState(
            state=FeedStatus.FAILING, failures=2, last_error="It broke.", next_poll_at=now, last_polled_at=now
        ),
    )
    status = read_status(two, database, now + timedelta(hours=3))
    assert status.problems(now + timedelta(hours=3)) == [
        "Feeds are due, but the last cycle began at 2026-03-01T12:00:00Z.",
        "1 of 1 feeds cannot be polled.",
    ]
    assert (status.articles, status.clusters, status.backlog["cluster"]) == ({"full": 2}, 1, 2)
    assert status.failing[0].error == "It broke."
    assert status.cycle
    assert status.cycle.polled == 1
    assert status.database_bytes > 0
    assert status.wal_bytes > 0
    assert last_change(two) == now
