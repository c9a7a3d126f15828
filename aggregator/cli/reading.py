"""Commands that only read: digest, search, show, status."""

from __future__ import annotations

import sqlite3
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aggregator.cli import output
from aggregator.cli.app import FAILED, Session, UsageError, app, now

if TYPE_CHECKING:
    from aggregator.config import DigestSettings
    from aggregator.digest.model import Digest
    from aggregator.store.search import Hit
    from aggregator.store.status import Status

Limit = Annotated[int, typer.Option("--limit", min=1, help="At most so many.")]


@app.command()
def digest(
    context: typer.Context,
    since: Annotated[str | None, typer.Option(metavar="24h|DATE", help="From when; default 24h.")] = None,
    until: Annotated[
        str | None, typer.Option(metavar="DATE", help="Up to when; default the last cycle.")
    ] = None,
    as_of: Annotated[str | None, typer.Option(metavar="DATE", help="With what was known then.")] = None,
    day: Annotated[str | None, typer.Option("--date", metavar="YYYY-MM-DD", help="A whole day.")] = None,
    form: Annotated[str, typer.Option("--format", help="html, md, json, text or atom.")] = "text",
    lang: Annotated[str | None, typer.Option(help="Clusters with an article in this language.")] = None,
    tag: Annotated[str | None, typer.Option(help="Clusters from feeds with this tag.")] = None,
    outlet: Annotated[str | None, typer.Option(help="Clusters that this outlet (domain) covers.")] = None,
    words: Annotated[str | None, typer.Option(help="Clusters with an article that has these words.")] = None,
    min_outlets: Annotated[int | None, typer.Option(min=1, help="From so many outlets on.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many clusters.")] = None,
    why: Annotated[bool, typer.Option("--why", help="Show how each rank came about.")] = False,
    target: Annotated[str, typer.Option("--output", metavar="FILE|DIR|-", help="Where it goes.")] = "-",
) -> None:
    """Print the day's clusters, ranked. Works without the service, and reads only.

    Examples: aggregator digest --since 48h --min-outlets 3
    aggregator digest --date 2026-11-23 --format html --output digests/
    """
    from aggregator.digest.model import DigestQuery
    from aggregator.digest.render import FORMATS, render
    from aggregator.digest.window import parse_window
    from aggregator.pipeline.digest import read_digest

    session: Session = context.obj
    if form not in FORMATS:
        raise UsageError(f"--format {form}: it is one of {', '.join(FORMATS)}")
    settings = _digest_settings(session)
    with session.reader() as db:
        window = parse_window(
            now=_anchor(db), timezone=settings.timezone, since=since, until=until, day=day, as_of=as_of
        )
        query = DigestQuery(
            window=window,
            timezone=settings.timezone,
            lang=lang,
            tag=tag,
            outlet=outlet,
            words=words,
            min_outlets=min_outlets or settings.min_outlets,
            limit=limit or settings.limit,
            why=why,
        )
        made = read_digest(db, query)
    _put(session, made, form, target, render(made, form))


@app.command()
def search(
    context: typer.Context,
    query: Annotated[list[str], typer.Argument(help='Words; "several words" in quotes stand together.')],
    lang: Annotated[str | None, typer.Option(help="In this language.")] = None,
    outlet: Annotated[str | None, typer.Option(help="By this outlet (domain).")] = None,
    since: Annotated[str | None, typer.Option(metavar="24h|DATE", help="Published since.")] = None,
    limit: Limit = 20,
) -> None:
    """Search titles and texts.

    Example: aggregator search starlink taiwan --lang de
    """
    from aggregator.digest.window import parse_window
    from aggregator.store.search import Filters
    from aggregator.store.search import search as find

    session: Session = context.obj
    start = parse_window(now=now(), timezone="UTC", since=since).since if since else None
    with session.reader() as db:
        hits = find(db, " ".join(query), Filters(lang, outlet, start), limit)
    if session.as_json:
        output.print_json([_hit_fields(hit) for hit in hits])
        return
    for hit in hits:
        _print_hit(hit)
    session.say(f"{len(hits)} articles" if hits else "nothing found; fewer words find more")


@app.command()
def show(
    context: typer.Context, cluster: Annotated[int, typer.Argument(help="Id of a cluster, old or new.")]
) -> None:
    """Show a cluster: its articles by time, who had it first, who copies and who cites whom."""
    from aggregator.store.clusters import resolve_cluster
    from aggregator.store.digests import cluster_rows

    session: Session = context.obj
    with session.reader() as db:
        current = resolve_cluster(db, cluster)
        report, articles = cluster_rows(db, current) if current else (None, [])
    if report is None:
        raise UsageError(f"there is no cluster {cluster}; `aggregator digest` shows today's")
    if session.as_json:
        output.print_json(asdict(report) | {"articles": [asdict(article) for article in articles]})
        return
    if current != cluster:
        session.say(f"cluster {cluster} is part of {current} now")
    from aggregator.cli.showing import print_cluster

    print_cluster(report, articles)


@app.command()
def status(
    context: typer.Context,
    check: Annotated[bool, typer.Option("--check", help="Print nothing; exit 1 when unhealthy.")] = False,
) -> None:
    """Show how the service fares, from the database alone. Exit code 1 when something is wrong."""
    from aggregator.store.status import read_status

    session: Session = context.obj
    moment = now()
    with session.reader() as db:
        state = read_status(db, session.database, moment)
    if session.as_json:
        output.print_json(asdict(state) | {"healthy": not state.problems(moment)})
    elif not check:
        _print_status(state, moment)
    raise typer.Exit(FAILED if state.problems(moment) else 0)


def _digest_settings(session: Session) -> DigestSettings:
    """Return feeds.yaml's digest section; its defaults where only a database is given."""
    from aggregator.config import DigestSettings

    if session.database_option and not session.config_file.exists():
        return DigestSettings()
    return session.config.digest


def _anchor(db: sqlite3.Connection) -> datetime:
    from aggregator.store.status import last_change

    return (last_change(db) or now()) + timedelta(seconds=1)


def _put(session: Session, made: Digest, form: str, target: str, text: str) -> None:
    """Print a digest, or write it to a file, or into a directory under the name of its day."""
    from aggregator.digest.window import local_day
    from aggregator.files import write_whole
    from aggregator.pipeline.digest import write_files

    if target == "-":
        output.print_text(text)
        return
    path = Path(target)
    if path.is_dir() or target.endswith("/"):
        day: date = local_day(made.query.window.until - timedelta(seconds=1), made.query.timezone)
        written = write_files(made, path, day, (form,))
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
        written = [path]
    session.say(f"wrote {', '.join(map(str, written))}")


def _hit_fields(hit: Hit) -> dict[str, object]:
    from aggregator.store.search import MARK_BEGIN, MARK_END

    bare = str.maketrans("", "", MARK_BEGIN + MARK_END)
    return asdict(hit) | {"title": hit.title.translate(bare), "snippet": hit.snippet.translate(bare)}


def _print_hit(hit: Hit) -> None:
    console = output.stdout()
    console.print(f"[bold]{_marked(hit.title)}[/bold]")
    place = f"cluster {hit.cluster_id}" if hit.cluster_id else "not clustered yet"
    console.print(
        f"  [dim]{output.stamp(hit.published_at)}  {output.shown(hit.outlet)}"
        f"  {output.shown(hit.lang)}  article {hit.article_id}, {place}[/dim]"
    )
    console.print(f"  {_marked(hit.snippet)}")
    console.print(f"  [blue]{output.shown(hit.url)}[/blue]\n", soft_wrap=True)


def _marked(text: str) -> str:
    from aggregator.store.search import MARK_BEGIN, MARK_END

    pieces = text.replace(MARK_END, MARK_BEGIN).split(MARK_BEGIN)
    return "".join(
        f"[yellow]{output.shown(piece)}[/yellow]" if index % 2 else output.shown(piece)
        for index, piece in enumerate(pieces)
    )


def _print_status(state: Status, moment: datetime) -> None:
    rows: list[tuple[str, str]] = [
        ("feeds", _tally(state.feeds)),
        ("due", f"{state.due}; next {output.ago(state.next_due_at, moment)}"),
        ("entries", f"{state.entries}"),
        ("articles", _tally(state.articles)),
        ("clusters", f"{state.clusters}"),
        ("backlog", ", ".join(f"{stage} {count}" for stage, count in state.backlog.items())),
        ("last cycle", _cycle_line(state, moment)),
        ("database", f"{output.size(state.database_bytes)}, log {output.size(state.wal_bytes)}"),
    ]
    output.print_table(("", ""), rows)
    for problem in state.problems(moment):
        output.stdout().print(f"[red]{output.shown(problem)}[/red]", soft_wrap=True)


def _cycle_line(state: Status, moment: datetime) -> str:
    cycle = state.cycle
    if cycle is None:
        return "none yet; `aggregator poll` runs one"
    if cycle.finished_at is None:
        return f"begun {output.ago(cycle.started_at, moment)}, not finished"
    return (
        f"{output.ago(cycle.finished_at, moment)}, took {output.span(cycle.finished_at - cycle.started_at)}: "
        f"{cycle.polled} feeds, {cycle.new_entries} new entries, {cycle.articles} articles"
    )


def _tally(counts: dict[str, int]) -> str:
    total = sum(counts.values())
    parts = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    return f"{total} ({parts})" if len(counts) > 1 else parts or "none"
