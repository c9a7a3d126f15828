"""Read: a feed's bytes to all that can be said of its entries without the database. Pure; runs in workers.

What a poll costs beside the parser is mostly this, and here it is spread over the cores: the writer, of which
there is one, is left with writing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aggregator.articles import canonical_url
from aggregator.feeds import Seen, parse_feed, see_entry
from aggregator.model import Outlet, ParsedEntry, ParsedFeed, ParseFailure
from aggregator.reports.outlets import OutletList, load_outlets


@dataclass(frozen=True, slots=True)
class Reading:
    """A feed document, its entries with what they are known by, and where their links lead."""

    feed: ParsedFeed
    entries: tuple[Seen, ...]
    pages: Mapping[str, tuple[str, str]]  # an entry's link -> its canonical form, and the outlet


def read_feed(
    body: bytes,
    *,
    url: str,
    headers: Mapping[str, str],
    max_entries: int,
    extra_outlets: tuple[Outlet, ...],
) -> Reading | ParseFailure:
    """Parse a body that ``url`` answered, and work out what the store will ask of its entries."""
    feed = parse_feed(body, url=url, headers=headers, max_entries=max_entries)
    if isinstance(feed, ParseFailure):
        return feed
    pages = _pages(feed.entries, load_outlets(extra_outlets))
    return Reading(feed, tuple(see_entry(entry) for entry in feed.entries), pages)


def _pages(entries: Iterable[ParsedEntry], outlets: OutletList) -> dict[str, tuple[str, str]]:
    """Return where links lead. Those without a host that could be asked are left out."""
    outlet_at: dict[str, str] = {}
    pages = {}
    for link in {entry.url: None for entry in entries if entry.url}:
        page = canonical_url(link)
        section = "/".join(page.split("/", 4)[:4])  # host and first part of the path tell the outlet
        if section not in outlet_at:
            outlet_at[section] = outlets.of_url(page) if page else ""
        if outlet_at[section]:
            pages[link] = (page, outlet_at[section])
    return pages
