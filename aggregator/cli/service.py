"""Commands that do the work: init, poll, run, cluster, demo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aggregator.cli import output
from aggregator.cli.app import FAILED, OK, command
from aggregator.cli.session import Session, UsageError

if TYPE_CHECKING:
    from aggregator.config import Config
    from aggregator.pipeline.cycle import CycleCount, Scope


@command("init", "aggregator init", "aggregator --config ~/news/feeds.yaml init")
def init(context: typer.Context) -> None:
    """Write a sample feeds.yaml and create the database.

    The sample is commented. What is there already is left alone.
    """
    from importlib.resources import files

    from aggregator.files import write_whole
    from aggregator.store.writer import Writer

    session: Session = context.obj
    if session.config_file.exists():
        session.say(f"{session.config_file} is there already; left as it is")
    else:
        sample = files("aggregator.config").joinpath("sample.yaml").read_text(encoding="utf-8")
        session.config_file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(session.config_file, sample)
        session.say(f"wrote {session.config_file}: put your feeds into it, then `aggregator poll`")
    Writer(session.database).close()
    session.say(f"the database is {session.database}")


@command(
    "poll",
    "aggregator poll",
    "aggregator poll --force",
    "aggregator -v poll --feed https://example.org/feed.xml",
)
def poll(
    context: typer.Context,
    feed: Annotated[str | None, typer.Option("--feed", metavar="URL", help="This feed only.")] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", metavar="", help="All feeds, due or not, cooldown or not; still conditional."
        ),
    ] = False,
) -> None:
    """Run one whole cycle: poll, fetch, cluster; then exit.

    The feeds that are due are polled, their articles fetched and clustered. For cron. Exit code 1 when a feed
    could not be polled.
    """
    from aggregator.pipeline.cycle import Scope

    session: Session = context.obj
    if feed is not None and feed not in {known.url for known in session.config.feeds}:
        raise UsageError(f"{feed} is not in {session.config_file}; `aggregator add {feed}` adds it")
    count = run_cycle_of(session, session.config, Scope(force=force, feed=feed))
    _report(session, count)
    raise typer.Exit(FAILED if count.failed else OK)


@command("run", "aggregator run", "aggregator --log-format json run 2>> aggregator.log")
def run(context: typer.Context) -> None:
    """Run the service: a cycle whenever feeds are due.

    It ends on SIGTERM or ^C, and reads feeds.yaml anew on SIGHUP and whenever the file changes. One service a
    database: a second one ends with exit code 3.
    """
    import asyncio
    import random

    from aggregator.daemon import AddressError, serve
    from aggregator.store.lock import hold

    session: Session = context.obj
    session.start_log(least=1)
    config = session.config.model_copy(update={"database": session.database})
    with hold(config.database):
        _set_demo_aside(session, config)
    try:
        asyncio.run(serve(config, session.config_file, clock=session.clock, jitter=random.random))
    except AddressError as error:
        raise UsageError(str(error)) from error


@command("cluster", "aggregator cluster", "aggregator cluster --rebuild")
def cluster(
    context: typer.Context,
    rebuild: Annotated[bool, typer.Option("--rebuild", metavar="", help="Cluster everything anew.")] = False,
) -> None:
    """Cluster what is not clustered yet; no network.

    For articles that were imported, and after `aggregator join` and `split`.
    """
    from aggregator.pipeline.cycle import Scope

    session: Session = context.obj
    count = run_cycle_of(session, session.config, Scope(network=False, rebuild=rebuild))
    if session.as_json:
        output.print_json({"clustered": count.clustered})
    else:
        session.say(f"{output.several(count.clustered, 'article')} clustered")


@command("demo", "aggregator demo")
def demo(
    context: typer.Context,
    directory: Annotated[
        Path,
        typer.Option("--directory", metavar="DIR", help="Where its feeds.yaml, database and digest go."),
    ] = Path("data/demo"),
) -> None:
    """Show everything on a bundled newsroom; no internet.

    A small newsroom is served on loopback, polled, clustered and summed up.
    """
    from aggregator.cli.demo import run_demo

    run_demo(context.obj, directory)


def run_cycle_of(session: Session, config: Config, scope: Scope) -> CycleCount:
    """Hold the database and run one cycle, with progress where somebody watches."""
    import asyncio
    import random

    from aggregator.pipeline.cycle import run_once
    from aggregator.store.lock import hold
    from aggregator.store.writer import Writer

    session.start_log()
    config = config.model_copy(update={"database": session.database})
    with hold(session.database), output.progress(session.quiet) as progress:
        if scope.network:
            _set_demo_aside(session, config)
        with Writer(session.database) as writer:
            cycle = run_once(
                config, writer, scope, clock=session.clock, jitter=random.random, progress=progress
            )
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
        output.print_json(count.as_dict())
        return
    failed = f", {count.failed} failed" if count.failed else ""
    session.say(
        f"{output.several(count.polled, 'feed')} polled{failed}; {count.new_entries} new entries,"
        f" {count.articles} articles read, {count.clustered} clustered"
    )
    if count.failed:
        session.say("`aggregator feeds --broken` says what is wrong")
