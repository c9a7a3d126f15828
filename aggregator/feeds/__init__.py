"""Feeds: bytes to entries, which entry is which, when to ask again, discovery, OPML. Pure functions over
values.
"""

from aggregator.feeds.discovery import FeedLink, find_feeds
from aggregator.feeds.identity import (
    EntryPlan,
    EntryUpdate,
    KnownEntry,
    LookupKeys,
    NewEntry,
    Seen,
    lookup_keys,
    match_entries,
    see_entry,
)
from aggregator.feeds.opml import Subscription, read_opml, write_opml
from aggregator.feeds.parse import parse_feed
from aggregator.feeds.schedule import (
    Lease,
    PollResult,
    PollRules,
    address,
    believed_redirect,
    is_due,
    moved,
    next_state,
    outcome_of,
    validators_to_send,
)

__all__ = [
    "EntryPlan",
    "EntryUpdate",
    "FeedLink",
    "KnownEntry",
    "Lease",
    "LookupKeys",
    "NewEntry",
    "PollResult",
    "PollRules",
    "Seen",
    "Subscription",
    "address",
    "believed_redirect",
    "find_feeds",
    "is_due",
    "lookup_keys",
    "match_entries",
    "moved",
    "next_state",
    "outcome_of",
    "parse_feed",
    "read_opml",
    "see_entry",
    "validators_to_send",
    "write_opml",
]
