"""Commands that say how things are: status, check."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from aggregator.cli import output
from aggregator.cli.app import FAILED, OK, USAGE, command
from aggregator.cli.session import Session

if TYPE_CHECKING:
    from aggregator.store.status import Status


@command("status", "aggregator status", "aggregator status --check || mail -s 'aggregator is unwell' me")
def status(
    context: typer.Context,
    check: Annotated[
        bool,
        typer.Option("--check", metavar="", help="Print the reasons only, and nothing when all is well."),
    ] = False,
) -> None:
    """Show how the service fares; exit code 1 when it is unwell.

    Read from the database alone, whether the service runs or not.
    """
    from aggregator.store.status import read_status

    session: Session = context.obj
    now = session.clock()
    with session.reader() as db:
        state = read_status(db, session.database, now)
    problems = state.problems(now)
    if session.as_json:
        output.print_json(asdict(state) | {"healthy": not problems, "problems": problems})
    else:
        if not check:
            output.print_table(
                ("", ""), [(output.text(name, "bold"), value) for name, value in _rows(state, now)]
            )
        for problem in problems:
            output.show(output.text(problem, "red"))
        if problems and state.failing:
            session.say("`aggregator feeds --broken` says what is wrong with each")
    raise typer.Exit(FAILED if problems else OK)


@command("check", "aggregator check", "aggregator --config new-feeds.yaml --json check")
def check(context: typer.Context) -> None:
    """Validate feeds.yaml: every mistake at once.

    Each mistake comes with its line and what would be right; exit code 2 where there is one.
    """
    from aggregator.config import ConfigError

    session: Session = context.obj
    try:
        config = session.config
    except ConfigError as error:
        if not session.as_json:
            raise
        problems = [asdict(problem) for problem in error.problems]
        output.print_json({"file": str(session.config_file), "problems": problems})
        raise typer.Exit(USAGE) from error
    if session.as_json:
        facts = {"feeds": len(config.feeds), "database": str(session.database)}
        output.print_json({"file": str(session.config_file), "problems": [], **facts})
        return
    feeds = output.several(len(config.feeds), "feed")
    session.say(f"{session.config_file}: {feeds}, database {session.database}: all is well")


def _rows(state: Status, now: datetime) -> list[tuple[str, str]]:
    return [
        ("feeds", _tally(state.feeds)),
        (
            "due",
            f"{state.due}; next {output.ago(state.next_due_at, now)}"
            if state.next_due_at
            else f"{state.due}",
        ),
        ("entries", f"{state.entries}"),
        ("articles", _tally(state.articles)),
        ("clusters", f"{state.clusters}"),
        ("backlog", ", ".join(f"{stage} {count}" for stage, count in state.backlog.items())),
        ("last cycle", _cycle_line(state, now)),
        ("database", f"{output.size(state.database_bytes)}, log {output.size(state.wal_bytes)}"),
    ]


def _cycle_line(state: Status, now: datetime) -> str:
    cycle = state.cycle
    if cycle is None:
        return "none yet; `aggregator poll` runs one"
    if cycle.finished_at is None:
        return f"begun {output.ago(cycle.started_at, now)}, not finished"
    return (
        f"{output.ago(cycle.finished_at, now)}, took {output.span(cycle.finished_at - cycle.started_at)}: "
        f"{output.several(cycle.polled, 'feed')}, {cycle.new_entries} new entries, {cycle.articles} articles"
    )


def _tally(counts: dict[str, int]) -> str:
    total = sum(counts.values())
    parts = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    return f"{total} ({parts})" if len(counts) > 1 else parts or "none"
