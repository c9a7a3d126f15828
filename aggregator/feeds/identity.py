"""Which entry is which: a feed that renames, repeats or reshuffles its entries must not flood the store.

An entry is known by three things: its key (the feed's guid, else its link, else title and date), the key's
alias (the same without scheme, ``www.`` and trailing slash) and its place (the link's alias, else its text).
Rows of one feed are looked up by alias and place, paired with the document's entries, and what finds no row
is new. Identity is always within one feed: no feed can touch another's rows (S54). Cases L22-L33.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from aggregator.feeds.text import clean
from aggregator.model import Compact, ParsedEntry

_K = TypeVar("_K")

EARLIER_KEPT = 3
"""Digests of earlier versions that are remembered: nodes of different age serve two by turns (L28)."""

MOST_REVISIONS = 24
"""Updates that leave the title's words alone: counters, tokens and clocks change at every poll (L29)."""

MOST_REWORDINGS = 200

FLOOD = 50
"""New entries of a known feed, of which none or hardly any was recognised."""

LONGEST_KEY = 500


@dataclass(frozen=True, slots=True, eq=False)  # hashed often: by which object it is, not by 18 fields
class Seen(Compact):
    """An entry of a document with what it is known by."""

    entry: ParsedEntry
    key: str
    alias: str
    place: str
    title: str  # for comparing
    digest: str  # of its content


@dataclass(frozen=True, slots=True)
class KnownEntry:
    """An entry of this feed as the store remembers it."""

    id: int
    guid: str  # the stored key, unique in the feed; never changes
    alias: str
    place: str
    url: str | None
    title: str
    published_at: datetime | None
    digest: str  # of the version stored now
    earlier: tuple[str, ...] = ()  # digests of earlier versions, newest first, at most EARLIER_KEPT
    revisions: int = 0  # how often it was updated
    first_seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LookupKeys:
    """Which known rows of the feed to load: guid in guids OR alias in aliases OR place in places.

    Rows of a guid share its alias; asking for the guid as well keeps keys unique should ``alias_of`` ever
    change.
    """

    guids: frozenset[str]
    aliases: frozenset[str]
    places: frozenset[str]


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A row to insert."""

    entry: ParsedEntry
    guid: str
    alias: str
    place: str
    digest: str


@dataclass(frozen=True, slots=True)
class EntryUpdate:
    """A row to update: set what ``entry`` says and these columns; guid and alias stay."""

    id: int
    entry: ParsedEntry
    place: str
    digest: str
    earlier: tuple[str, ...]
    revisions: int


@dataclass(frozen=True, slots=True)
class EntryPlan:
    """What a parsed document changes in the store."""

    new: tuple[NewEntry, ...] = ()
    updated: tuple[EntryUpdate, ...] = ()
    unchanged: tuple[int, ...] = ()  # ids
    duplicates: int = 0  # repetitions inside the document that were left out
    guids_unstable: bool = False  # most entries were recognised by their place: the guids are new
    flood: bool = False  # a known feed whose whole document is new


def lookup_keys(seen: Sequence[Seen]) -> LookupKeys:
    """Return what to look the feed's known rows up by before ``match_entries``."""
    return LookupKeys(
        guids=frozenset([one.key for one in seen]),
        aliases=frozenset([one.alias for one in seen]),
        places=frozenset([one.place for one in seen]),
    )


def match_entries(
    entries: Sequence[Seen], known: Sequence[KnownEntry], *, first_poll: bool = False
) -> EntryPlan:
    """Return what a document changes, given the feed's rows that ``lookup_keys`` names (more do no harm).

    Law: once the plan is carried out, the same document changes nothing.
    """
    distinct = {(one.alias, one.place, one.title): one for one in reversed(entries)}
    seen = [*reversed(distinct.values())]
    pairs = _pairs(seen, sorted(known, key=lambda row: row.id)) if known else {}
    changes = [_change(one, pairs[one]) for one in seen if one in pairs]
    new = _new([one for one in seen if one not in pairs], {row.guid for row in known})
    moved = sum(one.alias != row.alias for one, row in pairs.items())
    return EntryPlan(
        new=new,
        updated=tuple(change for change in changes if isinstance(change, EntryUpdate)),
        unchanged=tuple(change for change in changes if isinstance(change, int)),
        duplicates=len(entries) - len(seen),
        guids_unstable=moved >= 3 and 2 * moved >= len(seen),
        flood=not first_poll and len(new) >= FLOOD and len(new) >= 0.9 * len(seen),
    )


def alias_of(key: str) -> str:
    """Return a guid or link without scheme, host's case, ``www.`` and last slash (L22)."""
    match = re.match(r"https?://(?:www\.)?([^/?#]*)(.*)", key, re.IGNORECASE | re.DOTALL)
    return f"//{match[1].lower()}{match[2].rstrip('/')}" if match else key


def digest_of(entry: ParsedEntry) -> str:
    """Return a hash of what counts as an entry's content: title, link, dates, author, summary, body.

    Blanks and line ends do not count.
    """
    dates = [moment.isoformat() if moment else "" for moment in (entry.published_at, entry.updated_at)]
    texts = (entry.title, entry.author or "", entry.summary, entry.content)
    return _hash(*texts, alias_of(entry.url or ""), *dates, ignored=b" \t\n\r\x0b\x0c")


def see_entry(entry: ParsedEntry) -> Seen:
    """Return an entry with its key, alias, place and digest: what costs, done once, where it is parsed."""
    title = " ".join(entry.title.split())
    key = _key(entry, title)
    place = _short(alias_of(entry.url)) if entry.url else _hash(title, _date(entry), entry.summary)
    return Seen(entry, key, alias_of(key), place, title.casefold(), digest_of(entry))


def _key(entry: ParsedEntry, title: str) -> str:
    """The feed's guid, else the link, else title and date; without tabs, which ``_free_key`` uses."""
    given = clean(entry.guid or "").replace("\t", " ").strip() or clean(entry.url or "").strip()
    return _short(given) if given else _hash(title, _date(entry))


def _date(entry: ParsedEntry) -> str:
    return entry.published_raw or (entry.published_at.isoformat() if entry.published_at else "")


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_KEY else _hash(text)


def _hash(*parts: str, ignored: bytes = b"") -> str:
    joined = "\0".join(parts).encode("utf-8", "surrogatepass").translate(None, ignored)
    return hashlib.blake2b(joined, digest_size=12).hexdigest()


def _pairs(seen: Sequence[Seen], known: Sequence[KnownEntry]) -> dict[Seen, KnownEntry]:
    pairs: dict[Seen, KnownEntry] = {}
    families: dict[str, list[KnownEntry]] = defaultdict(list)
    for row in known:
        families[row.alias].append(row)
    members: dict[str, list[Seen]] = defaultdict(list)
    for one in seen:
        members[one.alias].append(one)
    for alias, group in members.items():
        pairs |= _family_pairs(group, families[alias])
    free = [row for row in known if row.alias not in members]  # the others have had their say
    return pairs | _place_pairs(seen, [one for one in seen if one not in pairs], free)


def _family_pairs(group: Sequence[Seen], rows: Sequence[KnownEntry]) -> dict[Seen, KnownEntry]:
    """Pair entries and rows of one alias. Behind a shared guid link and title tell (L25, L26)."""
    if len(group) == 1 and len(rows) == 1:
        return {group[0]: rows[0]} if _same_entry(group[0], rows[0]) else {}
    exact = _first_of(rows, lambda row: (row.place, _folded(row)))
    pairs = {one: exact[one.place, one.title] for one in group if (one.place, one.title) in exact}
    mentions = Counter(one.place for one in group) + Counter(row.place for row in rows)
    by_place = _first_of(rows, lambda row: row.place)
    for one in group:
        if one not in pairs and one.place in by_place and mentions[one.place] == 2:
            pairs[one] = by_place[one.place]
    return pairs


def _same_entry(one: Seen, row: KnownEntry) -> bool:
    """A guid that comes with another link, title and date is a number that was used again ("1", "2", "3")."""
    return one.place == row.place or one.title == _folded(row) or one.entry.published_at == row.published_at


def _place_pairs(
    seen: Sequence[Seen], left: Sequence[Seen], free: Sequence[KnownEntry]
) -> dict[Seen, KnownEntry]:
    """Pair what came with a new guid by its place, if title or date is the same (L22-L24, L27, L28, L33)."""
    by_title = _first_of(free, lambda row: (row.place, _folded(row)))
    titles = Counter((one.place, one.title) for one in seen)
    pairs = {
        one: by_title[one.place, one.title]
        for one in left
        if titles[one.place, one.title] == 1 and (one.place, one.title) in by_title
    }
    taken = {row.id for row in pairs.values()}
    dated = [row for row in free if row.published_at and row.id not in taken]
    by_date = _first_of(dated, lambda row: (row.place, row.published_at))
    dates = Counter((one.place, one.entry.published_at) for one in seen)
    for one in left:
        place = (one.place, one.entry.published_at)
        if one not in pairs and place in by_date and dates[place] == 1:
            pairs[one] = by_date[place]
    return pairs


def _first_of(rows: Iterable[KnownEntry], feature: Callable[[KnownEntry], _K]) -> dict[_K, KnownEntry]:
    return {feature(row): row for row in reversed([*rows])}


def _folded(row: KnownEntry) -> str:
    return " ".join(row.title.split()).casefold()


def _change(one: Seen, row: KnownEntry) -> EntryUpdate | int:
    """An update, or the id of a row that stays: an earlier version (L28) or too many updates (L29)."""
    reworded = _words(one.title) != _words(_folded(row))
    limit = MOST_REWORDINGS if reworded else MOST_REVISIONS
    if one.digest == row.digest or one.digest in row.earlier or row.revisions >= limit:
        return row.id
    earlier = (row.digest, *row.earlier)[:EARLIER_KEPT]
    return EntryUpdate(row.id, one.entry, one.place, one.digest, earlier, row.revisions + 1)


def _words(title: str) -> str:
    return re.sub(r"\d+", "", title)


def _new(seen: Sequence[Seen], taken: set[str]) -> tuple[NewEntry, ...]:
    rows = []
    for one in seen:
        guid = _free_key(one, taken)
        taken.add(guid)
        rows.append(NewEntry(one.entry, guid, one.alias, one.place, one.digest))
    return tuple(rows)


def _free_key(one: Seen, taken: set[str]) -> str:
    """The key; where another entry has it, the key with a mark of link and title behind a tab."""
    if one.key not in taken:
        return one.key
    marked = f"{one.key}\t{_hash(one.place, one.title)}"
    candidates = (marked, *(f"{marked}-{number}" for number in range(2, len(taken) + 2)))
    return next(candidate for candidate in candidates if candidate not in taken)
