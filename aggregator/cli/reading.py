"""Commands that read the news: digest, search."""

from __future__ import annotations

import sqlite3
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aggregator.cli import output
from aggregator.cli.app import command
from aggregator.cli.session import Session, UsageError, typed

if TYPE_CHECKING:
    from rich.text import Text

    from aggregator.config import DigestSettings
    from aggregator.digest.model import Digest
    from aggregator.store.search import Hit


@command(
    "digest",
    "aggregator digest --since 48h --min-outlets 3",
    "aggregator digest --date 2026-11-23 --format html --output digests/",
    "aggregator digest --words strike --why --limit 5",
)
def digest(
    context: typer.Context,
    since: Annotated[
        str | None, typer.Option(metavar="SPAN|DATE", help="From when: 24h, 7d, 2026-11-20; default 24h.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="DATE", help="Up to when; default: up to the last cycle.")
    ] = None,
    as_of: Annotated[str | None, typer.Option(metavar="DATE", help="With what was known then.")] = None,
    day: Annotated[str | None, typer.Option("--date", metavar="DATE", help="A whole day.")] = None,
    form: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="html, md, json, text or atom.")
    ] = "text",
    lang: Annotated[
        str | None, typer.Option(metavar="CODE", help="Clusters with an article in this language.")
    ] = None,
    tag: Annotated[str | None, typer.Option(metavar="TAG", help="Clusters from feeds with this tag.")] = None,
    outlet: Annotated[
        str | None, typer.Option(metavar="DOMAIN", help="Clusters that this outlet covers.")
    ] = None,
    words: Annotated[
        str | None, typer.Option(metavar="WORDS", help="Clusters with an article that has these words.")
    ] = None,
    min_outlets: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="From so many outlets on.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="At most so many clusters.")] = None,
    why: Annotated[bool, typer.Option("--why", metavar="", help="Show how each rank came about.")] = False,
    target: Annotated[str, typer.Option("--output", metavar="FILE|DIR|-", help="Where it goes.")] = "-",
) -> None:
    """Print the day's clusters, ranked.

    Works without the service and only reads: same database and arguments, same bytes.
    """
    from aggregator.digest.model import DigestQuery
    from aggregator.digest.render import FORMATS, render
    from aggregator.digest.window import parse_window
    from aggregator.pipeline.digest import read_digest

    session: Session = context.obj
    form = "json" if session.as_json else form
    if form not in FORMATS:
        raise UsageError(f"--format {form}: it is one of {', '.join(FORMATS)}")
    settings = _digest_settings(session)
    with session.reader() as db:
        window = parse_window(
            now=_anchor(db, session),
            timezone=settings.timezone,
            since=since,
            until=until,
            day=day,
            as_of=as_of,
        )
        query = DigestQuery(
            window=window,
            timezone=settings.timezone,
            lang=lang,
            tag=tag,
            outlet=outlet,
            words=typed(words) if words else None,
            min_outlets=min_outlets or settings.min_outlets,
            limit=limit or settings.limit,
            why=why,
        )
        made = read_digest(db, query)
    _put(session, made, form, target, render(made, form))


@command(
    "search",
    "aggregator search starlink taiwan",
    "aggregator search '\"trade deal\"' --lang de --since 7d",
    "aggregator --json search 'quake*' --outlet reuters.com",
)
def search(
    context: typer.Context,
    query: Annotated[list[str], typer.Argument(metavar="WORDS", help="All of these must occur.")],
    lang: Annotated[str | None, typer.Option(metavar="CODE", help="In this language: en, de, ru.")] = None,
    outlet: Annotated[str | None, typer.Option(metavar="DOMAIN", help="By this outlet.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="SPAN|DATE", help="Published since: 24h, 7d, 2026-11-20.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="At most so many.")] = 20,
) -> None:
    """Search titles and texts, best first.

    "Several words" in quotes must stand together, a * at the end of a word stands for any ending; nothing
    else in a query has a meaning of its own.
    """
    from aggregator.digest.window import parse_window
    from aggregator.store.search import Filters
    from aggregator.store.search import search as find

    session: Session = context.obj
    start = parse_window(now=session.clock(), timezone="UTC", since=since).since if since else None
    with session.reader() as db:
        found = find(db, typed(" ".join(query)), Filters(lang, outlet, start), limit + 1)
    hits = found[:limit]
    if session.as_json:
        output.print_json([_fields(hit) for hit in hits])
        return
    output.show(*(line for hit in hits for line in _lines(hit)))
    if not hits:
        session.say("nothing found; fewer words find more")
        return
    more = "; there are more, --limit shows them" if len(found) > limit else ""
    session.say(f"{output.several(len(hits), 'article')}{more}")


def _digest_settings(session: Session) -> DigestSettings:
    """Return feeds.yaml's digest section; its defaults where only a database is given."""
    from aggregator.config import DigestSettings

    if session.database_option and not session.config_file.exists():
        return DigestSettings()
    return session.config.digest


def _anchor(db: sqlite3.Connection, session: Session) -> datetime:
    """Return the time that a digest goes up to: the database's, so that one gives the same at any time."""
    from aggregator.store.status import last_change

    return (last_change(db) or session.clock()) + timedelta(seconds=1)


def _put(session: Session, made: Digest, form: str, target: str, rendered: str) -> None:
    """Print a digest, or write it to a file, or into a directory under the name of its day."""
    from aggregator.digest.window import digest_day
    from aggregator.files import write_whole
    from aggregator.pipeline.digest import write_files

    if target == "-":
        output.print_document(rendered)
        return
    path = Path(target)
    if path.is_dir() or target.endswith("/"):
        day = digest_day(made.query.window.until, made.query.timezone)
        written = write_files(made, path, day, (form,))
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, rendered)
        written = [path]
    session.say(f"wrote {', '.join(map(str, written))}")


def _fields(hit: Hit) -> dict[str, object]:
    from aggregator.store.search import MARK_BEGIN, MARK_END

    bare = str.maketrans("", "", MARK_BEGIN + MARK_END)
    return asdict(hit) | {"title": hit.title.translate(bare), "snippet": hit.snippet.translate(bare)}


def _lines(hit: Hit) -> list[Text]:
    """Return a hit as lines: headline, where it stands, what was found, address."""
    place = f"cluster {hit.cluster_id}" if hit.cluster_id else "not clustered yet"
    facts = (output.stamp(hit.published_at), hit.outlet, hit.lang, f"article {hit.article_id}", place)
    lines = [_marked(hit.title, "bold"), output.text(" · ".join(str(fact) for fact in facts if fact), "dim")]
    if hit.snippet.strip():
        lines.append(_marked(hit.snippet))
    return [*lines, output.address(hit.url), output.text("")]


def _marked(words: str, style: str = "") -> Text:
    """Return what a search gave back, the words that were found in colour."""
    from aggregator.store.search import MARK_BEGIN, MARK_END

    marked = output.text("", style)
    for index, piece in enumerate(words.replace(MARK_END, MARK_BEGIN).split(MARK_BEGIN)):
        marked.append(output.clean(piece), "bold yellow" if index % 2 else None)
    return marked
