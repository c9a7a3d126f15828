"""Commands that edit feeds.yaml: add, remove, discover, import-opml, export-opml."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aggregator.cli import output
from aggregator.cli.app import FAILED, command
from aggregator.cli.session import Session, UsageError

if TYPE_CHECKING:
    from aggregator.config import Config
    from aggregator.feeds import FeedLink, Subscription
    from aggregator.model import Fetched


@command(
    "add",
    "aggregator add https://www.tagesschau.de/ --tag germany",
    "aggregator add https://feeds.bbci.co.uk/news/world/rss.xml --outlet bbc.co.uk",
)
def add(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="A feed, or a home page that names one.")],
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="TAG", help="May be given several times.")
    ] = None,
    outlet: Annotated[
        str | None, typer.Option(metavar="DOMAIN", help="The outlet, where the address misleads.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(metavar="CODE", help="Language of the feed: a hint.")
    ] = None,
    blind: Annotated[
        bool, typer.Option("--blind", metavar="", help="Add the address as it is, without a look at it.")
    ] = False,
) -> None:
    """Add a feed to feeds.yaml; comments there stay.

    The address is looked at once: where it is a web page, the feed that the page names is added.
    """
    session: Session = context.obj
    chosen, answer = (url, None) if blind else _choose(session, url)
    entry: dict[str, object] = {"url": chosen}
    entry |= {k: v for k, v in (("outlet", outlet), ("language", language), ("tags", tag)) if v}
    if not _add(session, [entry]):
        session.say(f"{chosen} is in {session.config_file} already")
        return
    if answer and _adopt(session, chosen, answer):
        session.say(f"added {chosen} and read it; the service, or `aggregator poll`, fetches its articles")
    else:
        session.say(f"added {chosen}; the service polls it at its next look, `aggregator poll` does now")


@command("remove", "aggregator remove https://www.tagesschau.de/index~rss2.xml")
def remove(
    context: typer.Context, url: Annotated[str, typer.Argument(metavar="URL", help="The feed's address.")]
) -> None:
    """Take a feed out of feeds.yaml; comments there stay.

    It is no longer polled; nothing that it brought is deleted.
    """
    from aggregator.config import remove_feed

    session: Session = context.obj
    _write(session, remove_feed(_text(session), url))
    session.say(f"removed {url}; what it brought stays")


@command("discover", "aggregator discover https://www.lemonde.fr/")
def discover(
    context: typer.Context, url: Annotated[str, typer.Argument(metavar="URL", help="A web page, or a feed.")]
) -> None:
    """List the feeds that a web page names.

    One request is made. Exit code 1 where there are none.
    """
    session: Session = context.obj
    found, _ = _look(session, url)
    if session.as_json:
        output.print_json([asdict(link) for link in found])
    elif found:
        output.print_table(("feed", "title", "type"), [(link.url, link.title, link.type) for link in found])
    if not found:
        session.say(f"{url} names no feed")
        raise typer.Exit(FAILED)


@command("import-opml", "aggregator import-opml subscriptions.opml")
def import_opml(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An OPML file.", exists=True, dir_okay=False)],
) -> None:
    """Add the feeds of an OPML file; folders become tags."""
    from aggregator.feeds import read_opml

    session: Session = context.obj
    try:
        found = read_opml(file.read_bytes())
    except ValueError as error:
        raise UsageError(f"{file}: {error}") from error
    if not found:
        raise UsageError(f"{file}: names no feed; is it OPML?")
    added = _add(session, [_entry(subscription) for subscription in found])
    session.say(f"{output.several(added, 'feed')} added, {len(found) - added} were there already")


@command("export-opml", "aggregator export-opml > subscriptions.opml")
def export_opml(context: typer.Context) -> None:
    """Print the feeds as OPML; tags become folders."""
    from aggregator.feeds import Subscription, write_opml

    session: Session = context.obj
    titles = _titles(session)
    subscriptions = [
        Subscription(url=feed.url, title=titles.get(feed.url) or feed.url, tags=feed.tags)
        for feed in session.config.feeds
    ]
    output.print_document(write_opml(subscriptions).decode("utf-8"))


def _titles(session: Session) -> dict[str, str | None]:
    from aggregator.store.feeds import all_feeds

    if not session.database.exists():
        return {}
    with session.reader() as db:
        return {row.url: row.title for row in all_feeds(db)}


def _entry(subscription: Subscription) -> dict[str, object]:
    tags = {"tags": list(subscription.tags)} if subscription.tags else {}
    return {"url": subscription.url, **tags}


def _choose(session: Session, url: str) -> tuple[str, Fetched | None]:
    """Return the feed to add, and its answer where the address is the feed itself."""
    found, answer = _look(session, url)
    if not found:
        raise UsageError(f"{url} is not a feed and names none; --blind adds it all the same")
    if len(found) > 1:
        session.say(f"the page names {len(found)} feeds; taking the first (`aggregator discover {url}`)")
    return found[0].url, answer if found[0].url == answer.url else None


def _adopt(session: Session, url: str, answer: Fetched) -> bool:
    """Store what the look at a feed brought as its first poll: one request, not two."""
    from aggregator.config import load_config
    from aggregator.pipeline.adopt import adopt_feed
    from aggregator.store.writer import Writer

    with Writer(session.database) as writer:
        count = writer.write_now(adopt_feed, load_config(session.config_file), url, answer, session.clock())
    return count is not None


def _look(session: Session, url: str) -> tuple[tuple[FeedLink, ...], Fetched]:
    """Ask for an address once; return the feeds that are there, and the answer."""
    import asyncio

    from aggregator.feeds import find_feeds
    from aggregator.model import FetchFailure
    from aggregator.pipeline.poll import FEED_TYPES
    from aggregator.pipeline.services import client_settings
    from aggregator.web import WebClient

    session.start_log()
    config = _config(session)

    async def ask() -> Fetched | FetchFailure:
        address = url if "://" in url else f"https://{url}"
        accepted = f"{FEED_TYPES}, text/html;q=0.9"
        async with WebClient(client_settings(config)) as web:
            return await web.get(address, max_bytes=config.network.max_page_size, accept=accepted)

    answer = asyncio.run(ask())
    if isinstance(answer, FetchFailure):
        raise UsageError(f"{url}: {answer.detail}")
    if answer.status != 200:
        raise UsageError(f"{url}: the server answered {answer.status}")
    kind = (answer.header("content-type") or b"").decode("latin-1")
    return find_feeds(answer.body, answer.url, kind), answer


def _config(session: Session) -> Config:
    """Return feeds.yaml, or what holds where there is none yet."""
    from aggregator.config import Config

    return session.config if session.config_file.exists() else Config()


def _add(session: Session, entries: list[dict[str, object]]) -> int:
    """Add feeds to feeds.yaml; returns how many of them are new."""
    from aggregator.config import add_feeds

    before = len(_config(session).feeds)
    return _write(session, add_feeds(_text(session), entries)) - before


def _write(session: Session, edited: str) -> int:
    """Replace feeds.yaml, but only by one that is right; returns how many feeds it has."""
    from aggregator.config import parse_config
    from aggregator.files import write_whole

    config = parse_config(edited, session.config_file, os.environ)
    write_whole(session.config_file, edited)
    return len(config.feeds)


def _text(session: Session) -> str:
    file = session.config_file
    return file.read_text(encoding="utf-8") if file.exists() else ""
