"""Commands about feeds.yaml: feeds, add, remove, import-opml, export-opml, discover."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aggregator.cli import output
from aggregator.cli.app import FAILED, Session, UsageError, app, now

if TYPE_CHECKING:
    from aggregator.feeds import FeedLink
    from aggregator.store.feeds import FeedRow


@app.command()
def feeds(
    context: typer.Context,
    broken: Annotated[bool, typer.Option("--broken", help="Only those that cannot be polled.")] = False,
) -> None:
    """List the feeds: state, last success, next poll, and what is wrong with those that fail."""
    from aggregator.model import FeedStatus
    from aggregator.store.feeds import all_feeds

    session: Session = context.obj
    with session.reader() as db:
        rows = all_feeds(db)
    if broken:
        rows = [row for row in rows if row.state.state in (FeedStatus.FAILING, FeedStatus.GONE)]
    if session.as_json:
        output.print_json([_fields(row) for row in rows])
        return
    columns = ("feed", "outlet", "state", "last success", "next poll", "what is wrong")
    moment = now()
    output.print_table(columns, [_cells(row, moment) for row in rows])


@app.command()
def add(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="A feed, or the home page of a site that has one.")],
    tag: Annotated[list[str] | None, typer.Option("--tag", help="May be given several times.")] = None,
    outlet: Annotated[
        str | None, typer.Option(help="Domain of the outlet, where the address misleads.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="Language of the feed: a hint.")] = None,
    blind: Annotated[bool, typer.Option("--blind", help="Do not look at the address first.")] = False,
) -> None:
    """Add a feed to feeds.yaml; comments in the file stay.

    The address is looked at once: where it is a web page, the feed that the page names is added.

    Example: aggregator add https://www.tagesschau.de/ --tag germany
    """
    session: Session = context.obj
    chosen = url if blind else _choose(session, url)
    entry: dict[str, object] = {"url": chosen}
    entry |= {k: v for k, v in (("outlet", outlet), ("language", language), ("tags", tag)) if v}
    _edit(session, [entry])
    session.say(f"added {chosen}; the service polls it at its next look, `aggregator poll` does now")


@app.command()
def remove(context: typer.Context, url: Annotated[str, typer.Argument(help="The feed's address.")]) -> None:
    """Take a feed out of feeds.yaml. It is no longer polled; nothing that it brought is deleted."""
    from aggregator.config import remove_feed

    session: Session = context.obj
    _write(session, remove_feed(_text(session), url))
    session.say(f"removed {url}")


@app.command("import-opml")
def import_opml(
    context: typer.Context, file: Annotated[Path, typer.Argument(help="An OPML file.", exists=True)]
) -> None:
    """Add the feeds of an OPML file to feeds.yaml; folders become tags."""
    from aggregator.feeds import read_opml

    session: Session = context.obj
    try:
        found = read_opml(file.read_bytes())
    except ValueError as error:
        raise UsageError(f"{file}: {error}") from error
    entries: list[dict[str, object]] = []
    for subscription in found:
        entry: dict[str, object] = {"url": subscription.url}
        if subscription.tags:
            entry["tags"] = list(subscription.tags)
        entries.append(entry)
    before = len(session.config.feeds) if session.config_file.exists() else 0
    after = _edit(session, entries)
    session.say(f"{after - before} feeds added, {len(entries) - (after - before)} were there already")


@app.command("export-opml")
def export_opml(context: typer.Context) -> None:
    """Print the feeds of feeds.yaml as OPML; tags become folders."""
    from aggregator.feeds import Subscription, write_opml

    session: Session = context.obj
    titles: dict[str, str | None] = {}
    if session.database.exists():
        from aggregator.store.feeds import all_feeds

        with session.reader() as db:
            titles = {row.url: row.title for row in all_feeds(db)}
    subscriptions = [
        Subscription(url=feed.url, title=titles.get(feed.url) or feed.url, tags=feed.tags)
        for feed in session.config.feeds
    ]
    output.print_text(write_opml(subscriptions).decode("utf-8"))


@app.command()
def discover(
    context: typer.Context, url: Annotated[str, typer.Argument(help="A web page, or a feed.")]
) -> None:
    """List the feeds that a web page names. One request is made."""
    session: Session = context.obj
    found = asyncio.run(_look(session, url))
    if session.as_json:
        output.print_json([asdict(link) for link in found])
    else:
        output.print_table(("feed", "title", "type"), [(link.url, link.title, link.type) for link in found])
    if not found:
        session.say(f"{url} names no feed")
        raise typer.Exit(FAILED)


def _choose(session: Session, url: str) -> str:
    found = asyncio.run(_look(session, url))
    if not found:
        raise UsageError(f"{url} is not a feed and names none; --blind adds it all the same")
    if len(found) > 1:
        session.say(f"the page names {len(found)} feeds; taking the first (`aggregator discover {url}`)")
    return found[0].url


async def _look(session: Session, url: str) -> tuple[FeedLink, ...]:
    from aggregator.feeds import find_feeds
    from aggregator.model import FetchFailure
    from aggregator.pipeline.poll import FEED_TYPES
    from aggregator.pipeline.services import client_settings
    from aggregator.web import WebClient

    address = url if "://" in url else f"https://{url}"
    config = session.config
    async with WebClient(client_settings(config)) as web:
        answer = await web.get(
            address, max_bytes=config.network.max_page_size, accept=f"{FEED_TYPES}, text/html;q=0.9"
        )
    if isinstance(answer, FetchFailure):
        raise UsageError(f"{url}: {answer.detail}")
    if answer.status != 200:
        raise UsageError(f"{url}: the server answered {answer.status}")
    return find_feeds(answer.body, answer.url, (answer.header("content-type") or b"").decode("latin-1"))


def _edit(session: Session, entries: list[dict[str, object]]) -> int:
    from aggregator.config import add_feeds

    return _write(session, add_feeds(_text(session), entries))


def _write(session: Session, text: str) -> int:
    """Replace feeds.yaml, but only by one that is right; returns how many feeds it has."""
    import os

    from aggregator.config import parse_config
    from aggregator.files import write_whole

    config = parse_config(text, session.config_file, os.environ)
    write_whole(session.config_file, text)
    return len(config.feeds)


def _text(session: Session) -> str:
    file = session.config_file
    return file.read_text(encoding="utf-8") if file.exists() else ""


def _cells(row: FeedRow, moment: datetime) -> tuple[object, ...]:
    state = row.state
    return (
        row.url,
        row.outlet,
        state.state,
        output.ago(state.last_success_at, moment),
        output.ago(state.next_poll_at, moment) if state.next_poll_at else "",
        f"{state.last_error} ({state.failures}x since {output.stamp(state.failing_since)})"
        if state.last_error
        else "",
    )


def _fields(row: FeedRow) -> dict[str, object]:
    state = row.state
    return {
        "id": row.id,
        "url": row.url,
        "title": row.title,
        "outlet": row.outlet,
        "language": row.language,
        "tags": row.tags,
        "state": state.state,
        "next_poll_at": state.next_poll_at,
        "last_polled_at": state.last_polled_at,
        "last_success_at": state.last_success_at,
        "failures": state.failures,
        "failing_since": state.failing_since,
        "last_error": state.last_error,
    }
