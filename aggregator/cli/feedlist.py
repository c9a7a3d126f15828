"""The command feeds: what is subscribed to, and how each feed fares."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from aggregator.cli import output
from aggregator.cli.app import command
from aggregator.cli.session import Session

if TYPE_CHECKING:
    from rich.text import Text

    from aggregator.store.feeds import FeedRow

_WIDE, _NARROW = 110, 72
"""Columns from which on there is room for the outlet, and below which there is none for the last success."""

_OF_FEED = ("id", "url", "title", "outlet", "language", "tags")
_OF_STATE = (
    "state", "next_poll_at", "last_polled_at", "last_success_at", "failures", "failing_since", "last_error",
)  # fmt: skip
_STYLES = {"active": "green", "failing": "red", "gone": "red", "removed": "dim", "new": "cyan"}


@command(
    "feeds", "aggregator feeds", "aggregator feeds --broken", "aggregator --json feeds | jq -r '.[].url'"
)
def feeds(
    context: typer.Context,
    broken: Annotated[
        bool, typer.Option("--broken", metavar="", help="Only those that cannot be polled, and why.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", metavar="", help="Those taken out of feeds.yaml as well.")
    ] = False,
) -> None:
    """List the feeds and how each fares.

    Those that are in feeds.yaml, polled yet or not; with --db or AGGREGATOR_DB, those that this database
    knows.
    """
    session: Session = context.obj
    rows = [row for row in _known(session) if everything or row.state.state != "removed"]
    new = [] if session.database_option else _not_polled_yet(session, rows)
    if broken:
        rows, new = [row for row in rows if row.state.state in ("failing", "gone")], []
    if session.as_json:
        output.print_json([*map(_fields, rows), *map(_fields_of_new, new)])
    elif broken:
        output.show(*(line for row in rows for line in _sentence(row, session.clock())))
    else:
        _print_list(rows, new, session.clock())
    if broken and not rows:
        session.say("every feed can be polled")


def _known(session: Session) -> list[FeedRow]:
    from aggregator.store.feeds import all_feeds

    if not session.database_option and not session.database.exists():
        return []
    with session.reader() as db:
        return all_feeds(db)


def _not_polled_yet(session: Session, rows: Iterable[FeedRow]) -> list[str]:
    """Return the feeds of feeds.yaml that the database does not know."""
    known = {row.url for row in rows}
    return [feed.url for feed in session.config.feeds if feed.url not in known]


def _print_list(rows: list[FeedRow], new: list[str], now: datetime) -> None:
    """Print as many columns as there is room for, the address last: it is what gets long."""
    cells = [_cells(row, now) for row in rows]
    cells += [(_state("new"), "never", "next cycle", "", url) for url in new]
    columns = ("state", "last success", "next poll", "outlet", "feed")
    room = output.width()
    left_out = {"outlet"} if room < _WIDE else set()
    if room < _NARROW:
        left_out.add("last success")
    kept = [index for index, name in enumerate(columns) if name not in left_out]
    output.print_table([columns[k] for k in kept], [[row[k] for k in kept] for row in cells])


def _cells(row: FeedRow, now: datetime) -> tuple[object, ...]:
    state = row.state
    due = (
        "now" if not state.next_poll_at or state.next_poll_at <= now else output.ago(state.next_poll_at, now)
    )
    asked = state.state in ("active", "failing")
    last = output.ago(state.last_success_at, now)
    return _state(state.state), last, due if asked else "", row.outlet, row.url


def _state(name: str) -> Text:
    return output.text(name, _STYLES[name])


def _sentence(row: FeedRow, now: datetime) -> list[Text]:
    """Return what is wrong with a feed: its address, and a sentence."""
    state = row.state
    reason = (state.last_error or "no reason is known").rstrip(".")
    since = f" since {output.stamp(state.failing_since)}" if state.failing_since else ""
    if state.state == "gone":
        what = f"Gone{since}: {reason}. It is not asked again; `aggregator remove` takes it out."
    else:
        last = state.last_success_at
        good = f"last success {output.ago(last, now)}" if last else "it never succeeded"
        again = f"next try {output.ago(state.next_poll_at, now)}" if state.next_poll_at else "next try now"
        what = f"Failed {state.failures}x{since}: {reason}; {good}, {again}."
    return [output.text(row.url, "bold"), output.text("  ").append_text(output.text(what, "red"))]


def _fields(row: FeedRow) -> dict[str, object]:
    own = {name: getattr(row, name) for name in _OF_FEED}
    return own | {name: getattr(row.state, name) for name in _OF_STATE}


def _fields_of_new(url: str) -> dict[str, object]:
    return dict.fromkeys((*_OF_FEED, *_OF_STATE)) | {"url": url, "state": "new"}
