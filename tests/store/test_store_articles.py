from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from aggregator.model import ArticleStatus, EntryText, Extraction
from aggregator.store.articles import (
    REVISIONS_KEPT,
    FoundArticle,
    article_at,
    articles_to_fetch,
    begin_fetch,
    blame_fetches,
    fail_fetch,
    fetch_again,
    find_or_add,
    import_article,
    missing_articles,
    postpone_fetch,
    release_fetches,
    save_extraction,
)

FOUND = FoundArticle("https://a.example/1", "https://a.example/1?utm=x", "a.example", EntryText("One"))
FULL = Extraction("https://a.example/1", ArticleStatus.FULL, "One", "Some text.", "en", None, None)


def add_one(db: sqlite3.Connection, found: FoundArticle, now: datetime) -> int:
    return find_or_add(db, [found], now)[0]


def row(db: sqlite3.Connection, article_id: int = 1) -> sqlite3.Row:
    return db.execute("SELECT * FROM articles WHERE id = ?", (article_id,)).fetchone()


@pytest.fixture
def entry(db: sqlite3.Connection, now: datetime) -> int:
    """An entry that leads to article 1."""
    db.execute("INSERT INTO feeds (url, added_at) VALUES ('https://a.example/feed', '2026-01-01T00:00:00Z')")
    add_one(db, FOUND, now)
    db.execute(
        "INSERT INTO entries (feed_id, guid, title, first_seen_at, alias, place, digest, article_id, content)"
        " VALUES (1, 'g', 'One', '2026-01-01T00:00:00Z', 'g', 'g', 'd', 1, '<p>Body</p>')"
    )
    return 1


def test_an_article_is_found_by_every_address_it_was_seen_under(
    db: sqlite3.Connection, now: datetime
) -> None:
    assert add_one(db, FOUND, now) == 1
    assert add_one(db, FOUND, now) == 1
    assert add_one(db, replace(FOUND, url="https://a.example/other"), now) == 1
    assert article_at(db, FOUND.fetch_url) == article_at(db, "https://a.example/other") == 1
    assert article_at(db, "https://a.example/2") is None
    assert missing_articles(db, (1, 2)) == [2]


def test_pages_are_due_at_their_time_and_bring_what_their_entry_says(
    db: sqlite3.Connection, now: datetime, entry: int
) -> None:
    (task,) = articles_to_fetch(db, now, 10)
    assert (task.article_id, task.url, task.feed_url) == (1, FOUND.fetch_url, "https://a.example/feed")
    assert (task.entry.title, task.entry.content, task.attempts, task.cut_off) == ("One", "<p>Body</p>", 0, 0)
    postpone_fetch(db, 1, now + timedelta(hours=1))
    assert articles_to_fetch(db, now, 10) == []
    fail_fetch(db, 1, now, "the page answered 500")
    (task,) = articles_to_fetch(db, now, 10)
    assert task.attempts == 1
    assert row(db)["detail"] == "the page answered 500"


@pytest.fixture
def three(db: sqlite3.Connection, now: datetime) -> sqlite3.Connection:
    for number in range(3):
        url = f"https://a.example/{number}"
        add_one(db, FoundArticle(url, url, "a.example", EntryText("")), now)
    return db


def blamed(db: sqlite3.Connection) -> list[int]:
    assert db.execute("SELECT count(*) FROM articles WHERE in_flight = 1").fetchone()[0] == 0
    return [row[0] for row in db.execute("SELECT cut_off FROM articles ORDER BY id")]


def test_only_what_a_killed_process_was_reading_is_blamed(three: sqlite3.Connection) -> None:
    begin_fetch(three, 1)
    release_fetches(three)
    begin_fetch(three, 2)
    blame_fetches(three)
    blame_fetches(three)
    assert blamed(three) == [0, 1, 0]


def test_a_page_is_blamed_further_only_where_it_was_read_alone(three: sqlite3.Connection) -> None:
    for _ in range(5):
        begin_fetch(three, 1)
        begin_fetch(three, 2)
        blame_fetches(three)
    assert blamed(three) == [1, 1, 0]
    for _ in range(2):
        begin_fetch(three, 2)
        blame_fetches(three)
    assert blamed(three) == [1, 3, 0]


def test_a_text_that_is_read_is_due_for_analysis_and_the_entrys_body_goes(
    db: sqlite3.Connection, now: datetime, entry: int
) -> None:
    assert save_extraction(db, 1, FULL, "a.example", now) == 1
    stored = row(db)
    assert (stored["status"], stored["text"], stored["word_count"]) == ("full", "Some text.", 2)
    assert (stored["next_fetch_at"], stored["analysed_by"]) == (None, None)
    assert db.execute("SELECT content FROM entries").fetchone()[0] == ""


def test_a_text_that_stays_as_it_is_is_not_analysed_again(
    db: sqlite3.Connection, now: datetime, entry: int
) -> None:
    save_extraction(db, 1, FULL, "a.example", now)
    db.execute("UPDATE articles SET analysed_by = '1'")
    save_extraction(db, 1, replace(FULL, author="Ann"), "a.example", now)
    assert (row(db)["analysed_by"], row(db)["author"]) == ("1", "Ann")
    save_extraction(db, 1, replace(FULL, text="Another."), "a.example", now)
    assert row(db)["analysed_by"] is None
    assert [r["text"] for r in db.execute("SELECT text FROM article_revisions")] == ["Some text."]


def test_a_wall_does_not_replace_a_text(db: sqlite3.Connection, now: datetime, entry: int) -> None:
    save_extraction(db, 1, FULL, "a.example", now)
    fetch_again(db, entry, now)
    save_extraction(db, 1, replace(FULL, status=ArticleStatus.BLOCKED, text=""), "a.example", now)
    assert (row(db)["status"], row(db)["text"], row(db)["next_fetch_at"]) == ("full", "Some text.", None)


def test_a_page_that_is_another_under_its_canonical_address_goes_and_its_entries_move(
    db: sqlite3.Connection, now: datetime, entry: int
) -> None:
    keeper = add_one(db, replace(FOUND, url="https://a.example/k", fetch_url="https://a.example/k"), now)
    teaser = replace(FULL, url="https://a.example/k", status=ArticleStatus.BLOCKED, text="")
    save_extraction(db, keeper, teaser, "a.example", now)
    assert save_extraction(db, 1, replace(FULL, url="https://a.example/k"), "a.example", now) == keeper
    assert row(db, 1) is None
    assert (row(db, keeper)["status"], row(db, keeper)["text"]) == (
        "full",
        "Some text.",
    )  # the better look is kept
    assert db.execute("SELECT article_id FROM entries").fetchone()[0] == keeper
    assert article_at(db, FOUND.url) == keeper
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_full_article_does_not_change_when_a_newcomer_turns_out_to_be_it(
    db: sqlite3.Connection, now: datetime
) -> None:
    import_article(db, FULL, "a.example", now)
    newcomer = add_one(db, replace(FOUND, url="https://a.example/2", fetch_url="https://a.example/2"), now)
    assert save_extraction(db, newcomer, replace(FULL, text="Other."), "a.example", now) == 1
    assert row(db, 1)["text"] == "Some text."


def test_an_article_known_by_its_own_address_keeps_it(db: sqlite3.Connection, now: datetime) -> None:
    import_article(db, FULL, "a.example", now)
    import_article(db, replace(FULL, url="https://a.example/2"), "a.example", now)
    assert save_extraction(db, 2, replace(FULL, text="New."), "a.example", now) == 2
    assert (row(db, 2)["url"], row(db, 2)["text"], row(db, 1)["text"]) == (
        "https://a.example/2",
        "New.",
        "Some text.",
    )


def test_two_pages_that_name_each_other_as_canonical_become_one(
    db: sqlite3.Connection, now: datetime
) -> None:
    for name in "ab":
        add_one(
            db,
            FoundArticle(
                f"https://a.example/{name}", f"https://a.example/{name}", "a.example", EntryText("")
            ),
            now,
        )
    assert save_extraction(db, 1, replace(FULL, url="https://a.example/b"), "a.example", now) == 2
    assert save_extraction(db, 2, replace(FULL, url="https://a.example/a"), "a.example", now) == 2
    assert [tuple(r) for r in db.execute("SELECT id, url FROM articles")] == [(2, "https://a.example/a")]


def test_an_article_that_was_pruned_meanwhile_is_no_fault(db: sqlite3.Connection, now: datetime) -> None:
    add_one(db, FOUND, now)
    db.execute("DELETE FROM articles")
    assert save_extraction(db, 1, FULL, "a.example", now) is None


def test_a_page_that_changes_at_every_look_is_left_alone_in_the_end(
    db: sqlite3.Connection, now: datetime, entry: int
) -> None:
    for number in range(REVISIONS_KEPT + 5):
        save_extraction(db, 1, replace(FULL, text=f"Text {number}"), "a.example", now)
        fetch_again(db, entry, now)
    assert articles_to_fetch(db, now, 10) == []


def test_words_are_counted_in_scripts_without_blanks_too(db: sqlite3.Connection, now: datetime) -> None:
    import_article(db, replace(FULL, text="日本語の記事です"), "a.example", now)
    assert row(db)["word_count"] == 5


def test_of_many_articles_found_at_once_each_address_gets_one(db: sqlite3.Connection, now: datetime) -> None:
    import_article(db, FULL, "a.example", now)
    other = replace(FOUND, url="https://a.example/2", fetch_url="https://a.example/2#top")
    again = replace(other, fetch_url="https://a.example/2?from=feed")
    assert find_or_add(db, [other, FOUND, again, other], now) == [2, 1, 2, 2]
    assert article_at(db, again.fetch_url) == 2
    db.execute("DELETE FROM articles WHERE id = 2")
    assert find_or_add(db, [other], now) == [3]  # ids are never used again
    assert find_or_add(db, [], now) == []


def test_a_page_comes_into_the_search_index_when_it_is_read_and_leaves_it_with_its_row(
    db: sqlite3.Connection, now: datetime, entry: int
) -> None:
    def hits(word: str) -> list[int]:
        return [
            r[0] for r in db.execute("SELECT rowid FROM articles_fts WHERE articles_fts MATCH ?", (word,))
        ]

    assert hits("One") == []
    save_extraction(db, 1, FULL, "a.example", now)
    assert hits("One") == hits("text") == [1]
    save_extraction(db, 1, replace(FULL, title="Two"), "a.example", now)
    assert (hits("One"), hits("Two")) == ([], [1])
    add_one(db, replace(FOUND, url="https://a.example/2", fetch_url="https://a.example/2"), now)
    db.execute("UPDATE entries SET article_id = NULL")
    db.execute("DELETE FROM articles")
    db.execute("INSERT INTO articles_fts (articles_fts, rank) VALUES ('integrity-check', 1)")
    assert hits("Two") == []
