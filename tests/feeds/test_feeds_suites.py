from __future__ import annotations

import json
from dataclasses import replace

import pytest

from aggregator.feeds import KnownEntry, match_entries, parse_feed, see_entry
from aggregator.model import ParsedEntry, ParsedFeed, ParseFailure, ParseProblem

SUITES = ["fastfeedparser", "feed-rs", "feedparser", "gofeed", "netnewswire", "newsboat", "rss-parser"]

URL = "http://example.com/feed/x.xml"

DEVIATIONS = {
    "files/malformed_rss_namespaced.xml": "elements with an undeclared prefix: a feed, but no entry is seen",
    "files/parser/rss/version_rdf_090.xml": "an empty RDF document of an unknown vocabulary: not a feed",
}
"""Files whose recorded entry count is not met, with the reason."""


@pytest.mark.parametrize("name", SUITES)
def test_e_the_feeds_of_other_readers_are_read_and_polled_twice_without_a_change(name, suite):
    with suite(f"feeds-{name}.zip") as archive:
        records = [json.loads(line) for line in archive.read(f"{name}/expected.jsonl").splitlines()]
        wrong = {}
        for record in records:
            parsed = parse_feed(
                archive.read(f"{name}/{record['file']}"), url=URL, headers=_lower(record["headers"])
            )
            wanted = record["expect"].get("n_entries")
            if wanted is not None and _count(parsed) != wanted:
                wrong[record["file"]] = (wanted, parsed)
            _check(parsed)
    assert set(wrong) <= set(DEVIATIONS), wrong


def _lower(headers: dict[str, str]) -> dict[str, str]:
    return {key.lower(): value for key, value in headers.items()}


def _count(parsed: ParsedFeed | ParseFailure) -> int | None:
    return len(parsed.entries) + parsed.truncated if isinstance(parsed, ParsedFeed) else None


def _check(parsed: ParsedFeed | ParseFailure) -> None:
    if isinstance(parsed, ParseFailure):
        assert parsed.problem is not ParseProblem.CRASHED
        return
    repr(parsed).encode()  # no lone surrogates
    _poll_twice(parsed.entries)
    for lost in ({"guid": None}, {"published_at": None, "published_raw": None}, {"url": None}, {"title": ""}):
        _poll_twice(tuple(replace(entry, **lost) for entry in parsed.entries))


def _poll_twice(entries: tuple[ParsedEntry, ...]) -> None:
    seen = [see_entry(entry) for entry in entries]
    first = match_entries(seen, [], first_poll=True)
    assert len(first.new) + first.duplicates == len(entries)
    rows = [
        KnownEntry(
            number,
            new.guid,
            new.alias,
            new.place,
            new.entry.url,
            new.entry.title,
            new.entry.published_at,
            new.digest,
        )
        for number, new in enumerate(first.new)
    ]
    second = match_entries(seen, rows)
    assert (second.new, second.updated) == ((), ())
    assert len(second.unchanged) == len(first.new)
