"""Commands that do the work: init, poll, run, cluster, demo."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aggregator.cli import output
from aggregator.cli.app import FAILED, OK, Session, UsageError, app, now
from aggregator.cli.logs import set_up_logging

if TYPE_CHECKING:
    from aggregator.config import Config
    from aggregator.pipeline.cycle import CycleCount, Scope


@app.command()
def init(context: typer.Context) -> None:
    """Write a commented sample feeds.yaml and create the database.

    What is there already is left alone.
    """
    from importlib.resources import files

    from aggregator.store.writer import Writer

    session: Session = context.obj
    if session.config_file.exists():
        session.say(f"{session.config_file} is there already; left as it is")
    else:
        sample = files("aggregator.config").joinpath("sample.yaml").read_text(encoding="utf-8")
        session.config_file.parent.mkdir(parents=True, exist_ok=True)
        session.config_file.write_text(sample, encoding="utf-8")
        session.say(f"wrote {session.config_file}: put your feeds into it, then `aggregator poll`")
    Writer(session.database).close()
    session.say(f"the database is {session.database}")


@app.command()
def poll(
    context: typer.Context,
    feed: Annotated[str | None, typer.Option(metavar="URL", help="This feed only.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="All feeds, due or not, cooldown or not; still conditional.")
    ] = False,
) -> None:
    """Run one whole cycle: poll the feeds that are due, fetch their articles, cluster.

    Example: aggregator poll --force
    """
    from aggregator.pipeline.cycle import Scope

    session: Session = context.obj
    if feed is not None and feed not in {known.url for known in session.config.feeds}:
        raise UsageError(f"{feed} is not in {session.config_file}; `aggregator add {feed}` adds it")
    count = run_cycle_of(session, session.config, Scope(force=force, feed=feed))
    _report(session, count)
    raise typer.Exit(FAILED if count.failed else OK)


@app.command()
def cluster(
    context: typer.Context,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Cluster everything anew.")] = False,
) -> None:
    """Cluster the articles that are not clustered yet, or all of them anew. No network is used."""
    from aggregator.pipeline.cycle import Scope

    session: Session = context.obj
    count = run_cycle_of(session, session.config, Scope(network=False, rebuild=rebuild))
    session.say(f"{count.clustered} articles clustered")


@app.command()
def run(context: typer.Context) -> None:
    """Run the service: the same cycle on a schedule, until SIGTERM."""
    from aggregator.daemon import serve

    session: Session = context.obj
    set_up_logging(session.verbosity or 1, session.log_format)
    config = session.config.model_copy(update={"database": session.database})
    _set_demo_aside(session, config)
    asyncio.run(serve(config, session.config_file, clock=now, jitter=random.random))


@app.command()
def demo(
    context: typer.Context,
    directory: Annotated[
        Path, typer.Option(help="Where the demo's feeds.yaml, database and digest go.")
    ] = Path("data/demo"),
) -> None:
    """Show everything on a small bundled newsroom, served on loopback: no internet needed."""
    from aggregator.cli.demo import run_demo

    run_demo(context.obj, directory)


def run_cycle_of(session: Session, config: Config, scope: Scope) -> CycleCount:
    """Hold the database and run one cycle, with progress where somebody watches."""
    from aggregator.pipeline.cycle import run_once
    from aggregator.store.lock import hold
    from aggregator.store.writer import Writer

    set_up_logging(session.verbosity, session.log_format)
    config = config.model_copy(update={"database": session.database})
    with hold(session.database), output.progress(session.quiet) as progress:
        if scope.network:
            _set_demo_aside(session, config)
        with Writer(session.database) as writer:
            cycle = run_once(config, writer, scope, clock=now, jitter=random.random, progress=progress)
            return asyncio.run(cycle)


def _set_demo_aside(session: Session, config: Config) -> None:
    """Keep the demo's fiction apart from real news."""
    from aggregator.demo.outlets import OUTLETS
    from aggregator.store.about import set_demo_aside

    if {feed.url for feed in config.feeds} <= {outlet.feed_url for outlet in OUTLETS.values()}:
        return  # it is the demo that polls
    if aside := set_demo_aside(session.database):
        session.say(f"{session.database} held the demo's fiction: it is {aside} now, and news begin anew")


def _report(session: Session, count: CycleCount) -> None:
    if session.as_json:
        output.print_json(replace(count).as_dict())
        return
    failed = f", {count.failed} failed" if count.failed else ""
    session.say(
        f"{count.polled} feeds polled{failed}; {count.new_entries} new entries,"
        f" {count.articles} articles read, {count.clustered} clustered"
    )
    if count.failed:
        session.say("`aggregator feeds --broken` says what is wrong")
