"""What a poll changes in the database, all of it in one transaction."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from urllib.parse import urlsplit

import structlog

from aggregator.articles import canonical_url
from aggregator.feeds import (
    EntryPlan,
    EntryUpdate,
    KnownEntry,
    PollResult,
    PollRules,
    believed_redirect,
    lookup_keys,
    match_entries,
    moved,
    next_state,
    outcome_of,
    retry_after,
)
from aggregator.model import (
    EntryText,
    FeedState,
    Fetched,
    FetchFailure,
    ParsedEntry,
    ParsedFeed,
    ParseFailure,
    PollOutcome,
)
from aggregator.pipeline.fetch import LONGEST_PAUSE
from aggregator.reports.outlets import OutletList
from aggregator.store.articles import FoundArticle, fetch_again, find_or_add, move_article
from aggregator.store.entries import apply_plan, articles_by_title, known_entries, point_to_article
from aggregator.store.feeds import FeedRow, PollRow, describe_feed, log_poll, pause_host, save_feed, twin_of

log = structlog.get_logger()

_GOOD = (PollOutcome.OK, PollOutcome.NOT_MODIFIED, PollOutcome.SAME_BODY)


@dataclass(frozen=True, slots=True)
class Visit:
    """One poll as it went: the feed, what the server answered, what its body held."""

    feed: FeedRow
    answer: Fetched | FetchFailure
    document: ParsedFeed | ParseFailure | None  # None: there was no new body to parse
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
    outlets: OutletList,
) -> PollCount:
    """Store entries, the articles they lead to, validators and the next poll time: all of it, or nothing.

    Validators never go before the entries they stand for: a crash between them would hide those entries
    behind a 304 (reliability case L03).
    """
    feed, plan = visit.feed, EntryPlan()
    twin = twin_of(db, feed, visit.answer.url)
    if isinstance(visit.document, ParsedFeed) and not twin:
        plan = _store_entries(db, feed, visit.document, now, outlets)
    result = poll_result(visit, len(plan.new))
    remark = _remark(visit.answer, plan, twin)
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
    if isinstance(document, ParsedFeed):
        dates = tuple(entry.published_at for entry in document.entries if entry.published_at)
        return replace(
            result,
            hints=document.hints,
            new_entries=new_entries,
            entry_dates=dates,
            body_hash=body_hash(answer.body),
        )
    return replace(result, outcome=PollOutcome.SAME_BODY) if result.outcome is PollOutcome.OK else result


def _store_entries(
    db: sqlite3.Connection, feed: FeedRow, document: ParsedFeed, now: datetime, outlets: OutletList
) -> EntryPlan:
    known = known_entries(db, feed.id, lookup_keys(document.entries))
    plan = match_entries(document.entries, known, first_poll=feed.state.last_success_at is None)
    if plan.flood or plan.guids_unstable:
        log.warning("entries renamed", feed=feed.url, flood=plan.flood, guids_unstable=plan.guids_unstable)
    ids = apply_plan(db, feed.id, plan, now)
    language = feed.language or document.language
    told = _told_before(db, feed, plan)
    for entry_id, new in zip(ids, plan.new, strict=True):
        found = _found(new.entry, language, outlets)
        if found:
            known_article = told.get(new.entry.title) or find_or_add(db, found, now)
            point_to_article(db, entry_id, known_article)
    before = {row.id: row for row in known}
    for update in plan.updated:
        found = _found(update.entry, language, outlets)
        if found:
            _follow(db, before[update.id], update, found, now)
    describe_feed(db, feed.id, title=document.title, home_url=document.home_url, language=document.language)
    return plan


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
        point_to_article(db, update.id, find_or_add(db, found, now))


def _found(entry: ParsedEntry, language: str | None, outlets: OutletList) -> FoundArticle | None:
    url = canonical_url(entry.url) if entry.url else ""
    outlet = outlets.of_url(url) if url else ""
    if not entry.url or not outlet:
        return None
    text = EntryText(
        title=entry.title,
        summary=entry.summary,
        content=entry.content,
        author=entry.author,
        published_at=entry.published_at or entry.updated_at,
        language=entry.language or language,
    )
    return FoundArticle(url, entry.url, outlet, text)


def _save_state(
    db: sqlite3.Connection, feed: FeedRow, state: FeedState, now: datetime, rules: PollRules
) -> None:
    moved_to = believed_redirect(state, feed.moved_to or feed.url, now, rules)
    save_feed(db, feed.id, moved(state) if moved_to else state, moved_to=moved_to)


def _pause_host(db: sqlite3.Connection, answer: Fetched | FetchFailure, now: datetime) -> None:
    """Leave a whole host alone for as long as it asks with a 429 (conformance rule B14)."""
    if isinstance(answer, Fetched) and answer.status == 429:
        seconds = retry_after(answer.headers, now)
        if seconds:
            until = now + min(timedelta(seconds=seconds), LONGEST_PAUSE)
            pause_host(db, urlsplit(answer.url).hostname or "", until)


def _remark(answer: Fetched | FetchFailure, plan: EntryPlan, twin: str | None) -> str | None:
    """Say what is odd about a poll that may well have succeeded."""
    if plan.flood:
        return f"All {len(plan.new)} entries are new; if most titles are known, they count as repeated."
    if plan.guids_unstable:
        return "The feed has given its entries new guids: they are told apart by their links."
    if twin:
        return f"The feed leads to {twin}, which is subscribed too: its entries are kept there alone."
    urls = [*(hop.url for hop in answer.hops), answer.url]
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
