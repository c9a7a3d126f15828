"""What a poll changes in the database, all of it in one transaction."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from urllib.parse import urlsplit

import structlog

from aggregator.feeds import (
    EntryPlan,
    EntryUpdate,
    KnownEntry,
    PollResult,
    PollRules,
    address,
    believed_redirect,
    lookup_keys,
    match_entries,
    moved,
    next_state,
    outcome_of,
)
from aggregator.feeds.websub import discovered
from aggregator.headers import retry_after
from aggregator.model import (
    EntryText,
    FeedState,
    Fetched,
    FetchFailure,
    ParsedEntry,
    ParseFailure,
    PollOutcome,
)
from aggregator.pipeline.read import Reading
from aggregator.store.articles import FoundArticle, fetch_again, find_or_add, move_article
from aggregator.store.entries import (
    add_entries,
    articles_by_title,
    change_entry,
    known_entries,
    point_to_article,
)
from aggregator.store.feeds import (
    LONGEST_PAUSE,
    FeedRow,
    PollRow,
    describe_feed,
    log_poll,
    pause_host,
    save_feed,
    twin_of,
)

log = structlog.get_logger()

_GOOD = (PollOutcome.OK, PollOutcome.NOT_MODIFIED, PollOutcome.SAME_BODY)


@dataclass(frozen=True, slots=True)
class Visit:
    """One poll as it went: the feed, what the server answered, what its body held."""

    feed: FeedRow
    answer: Fetched | FetchFailure
    document: Reading | ParseFailure | None  # None: there was no new body to parse
    conditional: bool  # validators were sent


@dataclass(frozen=True, slots=True)
class PollCount:
    """What one poll brought."""

    ok: bool
    new_entries: int = 0
    changed_entries: int = 0


def record_poll(
    db: sqlite3.Connection,
    visit: Visit,
    now: datetime,
    rules: PollRules,
    jitter: float,
) -> PollCount:
    """Store entries, the articles they lead to, validators and the next poll time: all of it, or nothing.

    Validators never go before the entries they stand for: a crash between them would hide those entries
    behind a 304 (reliability case L03).
    """
    feed, plan = visit.feed, EntryPlan()
    twin = twin_of(db, feed, visit.answer.url)
    if isinstance(visit.document, Reading) and not twin:
        plan = _store_entries(db, feed, visit.document, now)
    result = poll_result(visit, len(plan.new))
    remark = _remark(visit, plan, twin)
    after = next_state(feed.state, result, now, rules, jitter)
    _save_state(db, feed, after, now, rules)
    _pause_host(db, visit.answer, now)
    count = PollCount(result.outcome in _GOOD and not after.failures, len(plan.new), len(plan.updated))
    log_poll(db, feed.id, _poll_row(visit, result, count, now, result.detail or remark))
    return count


def body_hash(body: bytes) -> str:
    """Return what tells that a body is the one of last time."""
    return hashlib.blake2b(body, digest_size=16).hexdigest()


def poll_result(visit: Visit, new_entries: int) -> PollResult:
    """Say what a poll came to, as far as the schedule cares."""
    answer, document = visit.answer, visit.document
    if isinstance(answer, FetchFailure):
        return PollResult(
            outcome=answer.problem,
            url=answer.url,
            hops=answer.hops,
            conditional=visit.conditional,
            detail=answer.detail,
            retry_after=answer.retry_after,
        )
    result = PollResult(
        outcome=outcome_of(answer),
        url=answer.url,
        status=answer.status,
        headers=answer.headers,
        hops=answer.hops,
        conditional=visit.conditional,
    )
    if isinstance(document, ParseFailure):
        return replace(result, outcome=PollOutcome.NOT_A_FEED, detail=document.detail)
    if isinstance(document, Reading):
        dates = tuple(one.entry.published_at for one in document.entries if one.entry.published_at)
        return replace(
            result,
            hints=discovered(answer.headers, answer.url, document.feed.hints),
            complete=document.feed.complete,
            new_entries=new_entries,
            entry_dates=dates,
            body_hash=body_hash(answer.body),
        )
    return replace(result, outcome=PollOutcome.SAME_BODY) if result.outcome is PollOutcome.OK else result


def _store_entries(db: sqlite3.Connection, feed: FeedRow, document: Reading, now: datetime) -> EntryPlan:
    first = feed.state.last_success_at is None
    known = [] if first else known_entries(db, feed.id, lookup_keys(document.entries))
    plan = match_entries(document.entries, known, first_poll=first)
    if plan.flood or plan.guids_unstable:
        log.warning("entries renamed", feed=feed.url, flood=plan.flood, guids_unstable=plan.guids_unstable)
    _add(db, feed, plan, document, now)
    before = {row.id: row for row in known}
    for update in plan.updated:
        change_entry(db, update, now)
        found = _found(update.entry, document)
        if found:
            _follow(db, before[update.id], update, found, now)
    told = document.feed
    describe_feed(db, feed.id, title=told.title, home_url=told.home_url, language=told.language)
    return plan


def _add(db: sqlite3.Connection, feed: FeedRow, plan: EntryPlan, document: Reading, now: datetime) -> None:
    """Store new entries and, before them, the articles that they lead to."""
    told = _told_before(db, feed, plan)
    found = [(new.entry.title, _found(new.entry, document)) for new in plan.new]
    ids = iter(find_or_add(db, [one for title, one in found if one and title not in told], now))
    articles = [(told.get(title) or next(ids)) if one else None for title, one in found]
    add_entries(db, feed.id, plan.new, articles, now)


def _told_before(db: sqlite3.Connection, feed: FeedRow, plan: EntryPlan) -> dict[str, int]:
    """Return the articles of titles that a flood tells again (L24).

    Where fewer than half of its titles are known, it is the news of a busy feed after a long silence.
    """
    if not plan.flood:
        return {}
    told = articles_by_title(db, feed.id)
    known = sum(new.entry.title in told for new in plan.new)
    return told if 2 * known >= len(plan.new) else {}


def _follow(
    db: sqlite3.Connection, before: KnownEntry, update: EntryUpdate, found: FoundArticle, now: datetime
) -> None:
    """Have the page of a changed entry read again, at the entry's new link if that is what changed (L30)."""
    if before.url and before.place == update.place:
        fetch_again(db, update.id, now)
        return
    same = " ".join(before.title.split()) == " ".join(update.entry.title.split())
    moved_here = same and move_article(db, update.id, found, now)
    if not moved_here:
        point_to_article(db, update.id, *find_or_add(db, [found], now))


def _found(entry: ParsedEntry, document: Reading) -> FoundArticle | None:
    """Return the article that an entry leads to, or None where its link leads nowhere."""
    page = document.pages.get(entry.url or "")
    if not page or not entry.url:
        return None
    text = EntryText(entry.title, author=entry.author, published_at=entry.published_at or entry.updated_at)
    return FoundArticle(page[0], entry.url, page[1], text)


def _save_state(
    db: sqlite3.Connection, feed: FeedRow, state: FeedState, now: datetime, rules: PollRules
) -> None:
    asked = address(feed.url, feed.moved_to, feed.state)
    believed = believed_redirect(state, asked, now, rules)
    back = asked == feed.url and not state.failures
    save_feed(
        db,
        feed.id,
        moved(state) if believed else state,
        moved_to=believed or (None if back else feed.moved_to),
    )


def _pause_host(db: sqlite3.Connection, answer: Fetched | FetchFailure, now: datetime) -> None:
    """Leave a whole host alone for as long as it asks with a 429 (conformance rule B14)."""
    if isinstance(answer, Fetched) and answer.status == 429:
        seconds = retry_after(answer.headers, now)
        if seconds:
            until = now + min(timedelta(seconds=seconds), LONGEST_PAUSE)
            pause_host(db, urlsplit(answer.url).hostname or "", until)


def _remark(visit: Visit, plan: EntryPlan, twin: str | None) -> str | None:
    """Say what is odd about a poll that may well have succeeded."""
    if plan.flood:
        return f"All {len(plan.new)} entries are new; if most titles are known, they count as repeated."
    if plan.guids_unstable:
        return "The feed has given its entries new guids: they are told apart by their links."
    if twin:
        return f"The feed leads to {twin}, which is subscribed too: its entries are kept there alone."
    if isinstance(visit.document, Reading) and not visit.document.feed.complete:
        return "The feed's document breaks off: the rest is asked for at the next poll."
    urls = [*(hop.url for hop in visit.answer.hops), visit.answer.url]
    if any(a.startswith("https:") and b.startswith("http:") for a, b in pairwise(urls)):
        return "The feed leads from https to http: what it says could have been changed on the way."
    return None


def _poll_row(
    visit: Visit, result: PollResult, count: PollCount, now: datetime, detail: str | None
) -> PollRow:
    answer = visit.answer
    status, size = (answer.status, len(answer.body)) if isinstance(answer, Fetched) else (None, 0)
    return PollRow(
        at=now,
        outcome=result.outcome,
        status=status,
        bytes=size,
        duration=answer.seconds,
        new_entries=count.new_entries,
        changed_entries=count.changed_entries,
        detail=detail,
    )
