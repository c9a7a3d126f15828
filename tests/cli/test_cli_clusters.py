"""show, explain, join, split: a cluster, why it is one, and what a person says against it."""

from __future__ import annotations

from collections.abc import Callable
from math import exp
from pathlib import Path

import pytest

from aggregator.reports.signals import SIGNALS

Query = Callable[[str], list[tuple]]


@pytest.fixture
def wire(query: Query) -> tuple[int, int]:
    """An article that republishes another's text, and that other."""
    return query("SELECT id, copy_of FROM articles WHERE copy_of IS NOT NULL ORDER BY id LIMIT 1")[0]


@pytest.fixture
def strangers(query: Query, musk: int) -> tuple[int, int]:
    """Two articles of different clusters."""
    one = query(f"SELECT min(id) FROM articles WHERE cluster_id = {musk}")[0][0]
    other = query(f"SELECT min(id) FROM articles WHERE cluster_id <> {musk} AND title LIKE '%quake%'")[0][0]
    return one, other


def test_a_cluster_is_shown_with_its_origin_its_times_its_copies_and_its_citations(run, musk: int) -> None:
    ran = run("show", musk)
    assert ran.code == 0
    assert ran.err == ""
    assert "reported first by The Wall Street Journal, cited by " in ran.out
    assert "copies dpa (" in ran.out
    assert "cites The Wall Street Journal: “" in ran.out
    assert "+" in ran.out
    assert not any(line.endswith(" ") for line in ran.out.splitlines())


def test_a_cluster_is_shown_as_json(run, musk: int) -> None:
    shown = run("--json", "show", musk).json
    assert shown["cluster_id"] == musk
    assert len(shown["articles"]) == shown["article_count"]
    times = [article["published_at"] for article in shown["articles"]]
    assert times == sorted(times)
    assert {"outlet", "quote", "confidence"} <= set(
        next(a for a in shown["articles"] if a["cites"])["cites"][0]
    )


def test_an_old_id_leads_to_the_cluster_of_today(run, musk: int, query: Query) -> None:
    query(f"INSERT INTO cluster_redirects VALUES (900, {musk}, '2026-03-01T12:00:00Z', 'merged')")
    ran = run("show", "900")
    assert ran.err == f"cluster 900 is part of {musk} now\n"
    assert ran.out == run("show", musk).out


def test_a_cluster_that_never_was_is_one_line_with_the_way_out(run, home) -> None:
    ran = run("show", "4711")
    assert ran.code == 2
    assert ran.complaint.startswith("there is no cluster 4711; `aggregator digest`")


def test_a_headline_that_was_changed_is_shown_with_the_first_one(run, musk: int, query: Query) -> None:
    query(
        "INSERT INTO article_revisions (article_id, title, text, seen_at)"
        f" SELECT min(id), 'Musk told to wait', '', '2026-03-01T10:00:00Z' FROM articles"
        f" WHERE cluster_id = {musk}"
    )
    assert "headline at first: Musk told to wait" in run("show", musk).out


@pytest.mark.parametrize("columns", [60, 80, 140])
def test_nothing_is_wider_than_the_terminal(run, musk: int, columns: int) -> None:
    for command in (
        ["show", musk], ["feeds"], ["search", "starlink"], ["status"], ["poll", "--help"],
    ):  # fmt: skip
        lines = run(*command, columns=columns).out.splitlines()
        assert lines
        assert all(
            len(line) <= columns for line in lines if not line.startswith("http")
        )  # to be copied whole


def test_explain_tells_what_decided_and_what_speaks_for_it(run, wire) -> None:
    ran = run("explain", *wire, columns=60)
    assert ran.code == 0
    assert ran.out.startswith("Together")
    assert "republishes the other's text" in ran.out
    assert all(f"article {article}" in ran.out for article in wire)
    assert "log-odds" in ran.out
    assert f"aggregator split {wire[0]} {wire[1]}" in " ".join(ran.out.split())
    assert max(map(len, ran.out.splitlines())) <= 60


def test_explain_shows_the_evidence_that_was_stored(run, query: Query) -> None:
    one, other = query("SELECT article_id, other_id FROM cluster_links ORDER BY score DESC LIMIT 1")[0]
    assert f"Stored evidence: {one} joined by {other} with" in run("explain", other, one).out


def test_explain_goes_by_the_window_of_feeds_yaml(run, home: Path, query: Query) -> None:
    (home / "feeds.yaml").write_text("database: news.db\ncluster: {window: 1h}\nfeeds: []\n")
    pair = query(
        "SELECT min(id), max(id) FROM articles WHERE published_at IN (SELECT min(published_at) FROM articles"
        " UNION SELECT max(published_at) FROM articles)"
    )[0]
    found = run("--json", "explain", *pair).json
    assert found["hours_apart"] > 1
    assert found["decision"] == "too_far_apart"


def test_a_cluster_of_one_article_stands_for_it(run, query: Query, strangers) -> None:
    cluster, article = query(
        "SELECT cluster_id, max(id) FROM articles GROUP BY cluster_id HAVING count(*) = 1"
    )[0]
    assert run("--json", "explain", f"C{cluster}", strangers[0]).json["article"]["article_id"] == article


def test_an_origin_outside_the_feeds_is_said_to_be_so(run, query: Query) -> None:
    cluster = query("SELECT id FROM clusters WHERE origin_outlet IS NOT NULL AND origin_article_id IS NULL")[
        0
    ][0]
    query(f"UPDATE articles SET copy_of = (SELECT max(id) FROM articles) WHERE cluster_id = {cluster}")
    out = run("show", cluster).out
    assert "its own article did not come in" in out
    assert "copies article " in out


def test_explain_says_why_two_are_apart(run, strangers) -> None:
    ran = run("explain", *strangers)
    assert ran.out.startswith("Apart")
    assert f"aggregator join {strangers[0]} {strangers[1]}" in ran.out


def test_explain_takes_a_cluster_for_its_article_that_is_most_alike(run, musk: int, strangers) -> None:
    """As JSON it gives every signal, and parts that add up to the score."""
    found = run("--json", "explain", f"c{musk}", strangers[1]).json
    assert found["article"]["cluster_id"] == musk
    assert found["together"] is False
    assert set(found["signals"]) == set(SIGNALS)
    total = found["intercept"] + sum(part["contribution"] for part in found["parts"])
    assert found["score"] == pytest.approx(1 / (1 + exp(-total)))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("3 3", "always together with itself"),
        ("3 4711", "there is no article 4711"),
        ("4711 3", "there is no article 4711"),
        ("c4711 3", "there is no cluster 4711"),
        ("seven 3", "write an article's number"),
    ],
)
def test_explain_refuses_what_is_not_there_in_one_line(run, home, words: str, said: str) -> None:
    ran = run("explain", *words.split())
    assert ran.code == 2
    assert said in ran.complaint


def test_explain_refuses_an_article_that_was_not_analysed(run, home, query: Query) -> None:
    query("DELETE FROM features WHERE article_id = 3")
    ran = run("explain", "3", "4")
    assert ran.code == 2
    assert "`aggregator cluster`" in ran.complaint


def test_what_a_person_joined_is_one_cluster_after_the_next_clustering(run, strangers, query: Query) -> None:
    ran = run("join", *strangers)
    assert (ran.code, ran.out) == (0, "")
    assert f"{strangers[0]} and {strangers[1]} stay together" in ran.err
    assert run("cluster").code == 0
    clusters = query(f"SELECT DISTINCT cluster_id FROM articles WHERE id IN {strangers}")
    assert len(clusters) == 1
    assert "A person decided so" in run("explain", *strangers).out


def test_what_a_person_split_is_two_clusters_after_the_next_clustering(run, wire, query: Query) -> None:
    assert run("split", *wire).code == 0
    assert run("cluster").code == 0
    assert len(query(f"SELECT DISTINCT cluster_id FROM articles WHERE id IN {tuple(wire)}")) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("3 3", "always together with itself"),
        ("3 4711", "there is no article 4711"),
        ("4711 3", "no article 4711"),
    ],
)
@pytest.mark.parametrize("command", ["join", "split"])
def test_a_decision_about_what_is_not_there_is_refused(
    run, home, query: Query, command: str, words: str, said: str
) -> None:
    ran = run(command, *words.split())
    assert ran.code == 2
    assert said in ran.complaint
    assert query("SELECT * FROM cluster_constraints") == []


def test_explain_of_a_cluster_alone_tells_by_which_other_each_article_joined(
    run, musk: int, query: Query
) -> None:
    ran = run("explain", musk)
    assert ran.code == 0
    found = run("--json", "explain", musk).json
    assert ran.out.startswith(
        f"cluster {musk} · {len(found['articles'])} articles, each with the one by which"
    )
    assert "compares two of them in full" in ran.err
    links = query(f"SELECT count(*) FROM cluster_links WHERE cluster_id = {musk}")[0][0]
    assert (len(found["links"]), found["cluster_id"], found["decisions"]) == (links, musk, [])


def test_explain_of_a_cluster_of_one_article_has_nothing_to_compare(run, query: Query) -> None:
    [(cluster,)] = query("SELECT id FROM clusters WHERE article_count = 1 LIMIT 1")
    ran = run("explain", cluster)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"cluster {cluster} · 1 article\n")
    assert ran.out.endswith("it stands alone\n")


def test_explain_of_a_cluster_names_what_a_person_decided(run, home, query: Query) -> None:
    one, other, cluster = query("SELECT article_id, other_id, cluster_id FROM cluster_links LIMIT 1")[0]
    run("join", one, other)
    low, high = sorted((one, other))
    assert f"A person decided on {low} and {high}." in run("explain", f"c{cluster}").out


def test_explain_waits_for_the_analysis_of_what_lies_around(run, home, query: Query) -> None:
    query("UPDATE articles SET analysed_by = NULL WHERE id IN (5, 6)")
    ran = run("explain", "3", "4")
    assert ran.code == 2
    assert "`aggregator cluster`" in ran.complaint


def test_a_report_that_is_everybody_s_has_no_origin_and_no_line_for_it(run, musk: int, query: Query) -> None:
    query(f"UPDATE clusters SET origin_outlet = NULL WHERE id = {musk}")
    assert "reported first" not in run("show", musk).out
    query(f"UPDATE clusters SET origin_outlet = 'kicker.de' WHERE id = {musk}")
    out = run("show", musk).out
    assert "reported first by " in out
    assert "cited by" not in out


def test_an_origin_outside_the_feeds_former_headlines_and_copies_of_elsewhere_are_told(
    run, query: Query
) -> None:
    cluster = query("SELECT id FROM clusters WHERE origin_outlet IS NOT NULL AND origin_article_id IS NULL")[
        0
    ][0]
    article = query("SELECT min(id) FROM articles WHERE cluster_id = ?", cluster)[0][0]
    query(
        "INSERT INTO article_revisions (article_id, title, text, seen_at) VALUES (?, 'Another', '', ?)",
        article,
        "2026-03-01T12:00:00Z",
    )
    query("UPDATE articles SET copy_of = (SELECT max(id) FROM articles) WHERE id = ?", article)
    shown = run("--db", "news.db", "show", cluster)
    assert "its own article did not come in" in shown.out
    assert "headline at first: Another\n" in shown.out
    assert "copies article " in shown.out
