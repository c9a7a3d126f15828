from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.feeds.identity import (
    MOST_REVISIONS,
    EntryPlan,
    KnownEntry,
    Seen,
    alias_of,
    lookup_keys,
    match_entries,
    see_entry,
)
from aggregator.model import ParsedEntry

DAY = datetime(2026, 11, 3, tzinfo=UTC)


def entry(guid: str | None = None, url: str | None = None, title: str = "", **fields) -> ParsedEntry:
    absent = dict.fromkeys(("author", "published_at", "updated_at", "published_raw"))
    return ParsedEntry(guid, url, title, **(absent | {"summary": "", "content": ""} | fields))


class Feed:
    """The rows of one feed, kept as the store keeps them; a poll sees what ``lookup_keys`` names."""

    def __init__(self) -> None:
        self.rows: dict[int, KnownEntry] = {}

    def poll(self, *entries: ParsedEntry) -> EntryPlan:
        seen = [see_entry(one) for one in entries]
        plan = match_entries(seen, self._known(seen), first_poll=not self.rows)
        for update in plan.updated:
            self.rows[update.id] = replace(
                self.rows[update.id],
                place=update.place,
                url=update.entry.url,
                title=update.entry.title,
                published_at=update.entry.published_at,
                digest=update.digest,
                earlier=update.earlier,
                revisions=update.revisions,
            )
        for new in plan.new:
            number = len(self.rows) + 1
            kept = (new.entry.url, new.entry.title, new.entry.published_at)
            self.rows[number] = KnownEntry(number, new.guid, new.alias, new.place, *kept, new.digest)
        assert len({row.guid for row in self.rows.values()}) == len(self.rows)
        return plan

    def _known(self, seen: Sequence[Seen]) -> list[KnownEntry]:
        keys = lookup_keys(seen)
        return [
            row
            for row in self.rows.values()
            if row.guid in keys.guids or row.alias in keys.aliases or row.place in keys.places
        ]


def counts(plan: EntryPlan) -> tuple[int, int, int]:
    return len(plan.new), len(plan.updated), len(plan.unchanged)


texts = st.sampled_from(["", "a", "b 1", "b 2"])
keys = st.sampled_from([None, "", "g", "h\t", "http://x.example/1", "https://www.x.example/1/", "long" * 500])
links = st.sampled_from([None, "http://a.example/1", "https://a.example/1/", "http://a.example/2"])
dates = st.sampled_from([None, DAY, DAY + timedelta(days=1)])
entries = st.builds(entry, keys, links, texts, summary=texts, published_at=dates)
documents = st.lists(entries, max_size=5)


@given(st.lists(documents, min_size=1, max_size=6))
def test_the_second_poll_of_a_document_changes_nothing(run):
    feed = Feed()
    for document in run:
        first = feed.poll(*document)
        assert sum(counts(first)) + first.duplicates == len(document)
        assert counts(feed.poll(*document))[:2] == (0, 0)


@given(documents)
def test_no_entry_of_a_first_document_is_lost(document):
    plan = Feed().poll(*document)
    assert {(new.entry.url, new.entry.title) for new in plan.new} == {
        (one.url, one.title) for one in document
    } or (plan.duplicates)
    assert not plan.flood


@given(
    st.builds(
        entry, st.none() | st.text(), st.none() | st.text(), st.text(), summary=st.text(), content=st.text()
    )
)
def test_no_entry_is_too_strange_to_be_known_again(one):
    feed = Feed()
    assert counts(feed.poll(one)) == (1, 0, 0)
    assert counts(feed.poll(one)) == (0, 0, 1)
    assert feed.rows[1].guid


def test_l22_all_guids_change_from_http_to_https():
    feed = Feed()
    feed.poll(
        *(entry(f"http://www.Paper.example/{n}", f"http://paper.example/{n}", f"t{n}") for n in range(60))
    )
    plan = feed.poll(
        *(entry(f"https://paper.example/{n}/", f"https://paper.example/{n}", f"t{n}") for n in range(60))
    )
    assert counts(plan) == (0, 0, 60)


def test_l23_guids_that_are_random_at_every_poll_are_seen_through():
    feed = Feed()
    for poll in range(20):
        plan = feed.poll(
            *(entry(str(UUID(int=99 * poll + n)), f"https://a.example/{n}", f"t{n}") for n in range(9))
        )
    assert len(feed.rows) == 9
    assert plan.guids_unstable
    assert counts(plan) == (0, 0, 9)


def test_l24_an_archive_published_again_with_new_guids_and_dates_is_no_flood():
    feed = Feed()
    feed.poll(*(entry(f"old-{n}", f"https://a.example/{n}", f"t{n}", published_at=DAY) for n in range(500)))
    later = DAY + timedelta(days=400)
    plan = feed.poll(
        *(entry(f"new-{n}", f"https://a.example/{n}", f"t{n}", published_at=later) for n in range(500))
    )
    assert (counts(plan), plan.flood) == ((0, 500, 0), False)


def test_l24_a_known_feed_whose_every_entry_is_new_is_called_a_flood():
    feed = Feed()
    assert not feed.poll(*(entry(f"old-{n}", f"https://a.example/{n}", f"t{n}") for n in range(500))).flood
    assert feed.poll(*(entry(f"new-{n}", f"https://b.example/{n}", f"t{n}") for n in range(500))).flood


@pytest.mark.parametrize("guid", ["same", None])
def test_l25_entries_that_share_a_guid_are_all_kept_in_any_order(guid):
    feed = Feed()
    ten = [entry(guid, f"https://a.example/{n}", f"t{n}") for n in range(10)]
    assert counts(feed.poll(*ten)) == (10, 0, 0)
    assert counts(feed.poll(*reversed(ten))) == (0, 0, 10)
    assert counts(feed.poll(entry(guid, "https://a.example/10", "t10"), *ten[:5])) == (1, 0, 5)
    assert counts(feed.poll(ten[7])) == (0, 0, 1)


def test_l25_an_entry_with_a_shared_guid_is_followed_by_its_link():
    feed = Feed()
    feed.poll(*(entry("same", f"https://a.example/{n}", f"t{n}") for n in range(3)))
    assert counts(feed.poll(entry("same", "https://a.example/1", "better"))) == (0, 1, 0)


def test_l25_true_repetitions_are_counted_and_left_out():
    twice = entry("g", "https://a.example/1", "t")
    plan = Feed().poll(twice, twice, entry("g", "http://a.example/1/", "T"))
    assert (counts(plan), plan.duplicates) == ((1, 0, 0), 2)


def test_l26_entries_without_guid_that_share_a_link_do_not_overwrite_each_other():
    feed = Feed()
    five = [entry(None, "https://a.example/", f"t{n}") for n in range(5)]
    assert counts(feed.poll(*five)) == (5, 0, 0)
    assert counts(feed.poll(*five)) == (0, 0, 5)
    assert counts(feed.poll(entry(None, "https://a.example/", "t9"), *five)) == (1, 0, 5)


def test_l27_a_guid_that_appears_later_doubles_nothing():
    feed = Feed()
    feed.poll(entry(None, "https://a.example/1", "t"))
    assert counts(feed.poll(entry("guid", "https://a.example/1", "t"))) == (0, 0, 1)
    assert counts(feed.poll(entry(None, "https://a.example/1", "t"))) == (0, 0, 1)


def test_l28_two_versions_by_turns_are_one_update():
    feed = Feed()
    one, two = (entry("g", "https://a.example/1", title) for title in ("Storm hits", "Storm hits coast"))
    assert [counts(feed.poll(version)) for version in (one, two, one, two, one)] == [
        (1, 0, 0),
        (0, 1, 0),
        (0, 0, 1),
        (0, 0, 1),
        (0, 0, 1),
    ]


def test_l29_volatile_content_is_updated_a_limited_number_of_times():
    feed = Feed()
    updates = sum(
        len(feed.poll(entry("g", "https://a.example/1", f"{n} views", summary=str(n))).updated)
        for n in range(99)
    )
    assert updates == MOST_REVISIONS
    assert len(feed.poll(entry("g", "https://a.example/1", "What really happened")).updated) == 1


@pytest.mark.parametrize(
    "edited",
    [
        {"title": "better"},
        {"summary": "longer"},
        {"content": "<p>body</p>"},
        {"published_at": DAY + timedelta(days=1)},
        {"updated_at": DAY},
        {"url": "https://a.example/better"},
        {"author": "A. Writer"},
    ],
)
def test_l30_an_edited_entry_is_updated_in_place(edited):
    feed, first = Feed(), entry("g", "https://a.example/1", "t", published_at=DAY)
    feed.poll(first)
    assert counts(feed.poll(replace(first, **edited))) == (0, 1, 0)
    assert counts(feed.poll(replace(first, **edited))) == (0, 0, 1)


def test_l31_an_entry_that_vanishes_and_returns_is_not_new():
    feed = Feed()
    feed.poll(entry("1", "https://a.example/1", "t1"), entry("2", "https://a.example/2", "t2"))
    feed.poll(entry("2", "https://a.example/2", "t2"))
    assert counts(feed.poll(entry("1", "https://a.example/1", "t1"))) == (0, 0, 1)


def test_l33_a_feed_that_changes_its_format_keeps_its_entries():
    feed = Feed()
    feed.poll(*(entry(f"https://a.example/?p={n}", f"https://a.example/{n}", f"t{n}") for n in range(9)))
    plan = feed.poll(*(entry(f"tag:a.example,2026:{n}", f"https://a.example/{n}", f"t{n}") for n in range(9)))
    assert counts(plan) == (0, 0, 9)


def test_a_new_guid_with_the_same_link_and_date_is_the_same_entry_retitled():
    feed = Feed()
    feed.poll(entry("1", "https://a.example/1", "first", published_at=DAY))
    assert counts(feed.poll(entry("2", "https://a.example/1", "second", published_at=DAY))) == (0, 1, 0)
    assert counts(feed.poll(entry("3", "https://a.example/1", "third"))) == (1, 0, 0)


def test_a_guid_that_is_a_place_in_the_list_does_not_overwrite_older_entries():
    feed = Feed()
    for poll in range(5):
        plan = feed.poll(
            entry("1", f"https://a.example/{poll}", f"t{poll}", published_at=DAY + timedelta(poll))
        )
        assert counts(plan) == (1, 0, 0)


def test_entries_without_guid_and_link_are_known_by_title_and_date():
    feed = Feed()
    feed.poll(entry(title="Minutes", published_raw="today", summary="one"))
    assert counts(feed.poll(entry(title="Minutes", published_raw="today", summary="two"))) == (0, 1, 0)
    assert counts(feed.poll(entry(title="Minutes", published_raw="tomorrow", summary="two"))) == (1, 0, 0)


@pytest.mark.parametrize(
    ("key", "alias"),
    [
        ("HTTPS://WWW.Paper.example/A/", "//paper.example/A"),
        ("http://paper.example", "//paper.example"),
        ("tag:paper.example,2026:1", "tag:paper.example,2026:1"),
    ],
)
def test_an_alias_leaves_out_what_means_nothing(key, alias):
    assert alias_of(key) == alias
