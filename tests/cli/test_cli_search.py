from __future__ import annotations

import json
from pathlib import Path

import pytest

ODD = [
    '"', '""', "C++", "a-b", "NEAR(", "(" * 200, "col:x", "title:musk", "AND", "OR NOT", "*", "musk*", "'",
    "\\", "^x", "{a b}", "-x", "'; DROP TABLE", "\x00",
    "ё", "💥", "x" * 5000,
]  # fmt: skip


def test_a_hit_is_headline_place_snippet_and_address_in_plain_text(run, home) -> None:
    ran = run("search", "starlink", "taiwan", "--lang", "de")
    assert ran.code == 0
    title, place, snippet, url, blank = ran.out.splitlines()[:5]
    assert "· de · article" in place
    assert "cluster" in place
    assert "Starlink" in title + snippet
    assert url.startswith("http")
    assert blank == ""
    assert not set(ran.out) & set("\x1b\x01\x02")


def test_what_was_found_is_in_colour_on_a_terminal_unless_no_color_is_set(run, home, monkeypatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    out = run("search", "starlink", "--limit", "1").out
    assert "33mStarlink\x1b[0m" in out
    assert "\x01" not in out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "33m" not in run("search", "starlink", "--limit", "1").out


def test_as_json_a_hit_has_the_facts_and_no_marks(run, home) -> None:
    hits = run("search", "starlink", "--outlet", "meduza.io", "--json").json
    assert [hit["outlet"] for hit in hits] == ["meduza.io"]
    assert {"article_id", "cluster_id", "lang", "title", "snippet", "url"} <= set(hits[0])
    assert hits[0]["published_at"].endswith("Z")
    assert not set(json.dumps(hits, ensure_ascii=False)) & set("\x01\x02")


def test_a_search_is_narrowed_by_language_outlet_and_time(run, home) -> None:
    def found(*options: str) -> list[dict]:
        return run("--json", "search", "putin", "--limit", "100", *options).json

    everything = found()
    german = found("--lang", "de")
    assert 0 < len(german) < len(everything)
    assert {hit["lang"] for hit in german} == {"de"}
    assert {hit["outlet"] for hit in found("--outlet", "reuters.com")} == {"reuters.com"}
    assert 0 < len(found("--since", "24h")) < len(everything)
    assert "--since" in run("search", "putin", "--since", "lately").complaint


def test_a_search_says_when_there_may_be_more_and_when_there_is_nothing(run, home) -> None:
    assert "--limit shows" in run("search", "musk", "--limit", "2").err
    assert "--limit" not in run("search", "musk", "--limit", "1000").err
    ran = run("search", "zzzzzz")
    assert (ran.code, ran.out, ran.err) == (0, "", "nothing found; fewer words find more\n")
    assert run("-q", "search", "zzzzzz").err == ""


@pytest.mark.parametrize("words", ODD, ids=[f"{word[:8]!r}" for word in ODD])
def test_s37_any_query_is_answered(run, home, words: str) -> None:
    ran = run("--json", "search", "--", words)
    assert ran.code == 0
    assert isinstance(ran.json, list)


def test_s37_an_operator_is_a_word_like_any_other(run, home) -> None:
    def count(*words: str) -> int:
        return len(run("--json", "search", "--limit", "100", *words).json)

    assert count("boeing OR barcelona") == 0
    assert count("star*") > count("star")
    assert 0 < count('"Elon Musk"') <= count("Elon", "Musk")


def test_an_article_that_is_not_clustered_yet_is_found_and_said_to_be_so(run, home: Path, query) -> None:
    query("UPDATE articles SET cluster_id = NULL WHERE title LIKE 'Boeing%'")
    assert "not clustered yet" in run("search", "boeing").out
