"""Commands by which a person decides what belongs together: join, split."""

from __future__ import annotations

import sqlite3
from typing import Annotated

import typer

from aggregator.cli.app import command
from aggregator.cli.session import Session, UsageError

One = Annotated[int, typer.Argument(metavar="ARTICLE", help="Its number, as `aggregator show` has it.")]
Other = Annotated[int, typer.Argument(metavar="ARTICLE", help="The other's number.")]


@command("join", "aggregator join 12 31")
def join(context: typer.Context, one: One, other: Other) -> None:
    """Say that two articles tell the same report.

    They stay in one cluster, whatever later clustering finds.
    """
    _decide(context.obj, one, other, together=True)


@command("split", "aggregator split 12 31")
def split(context: typer.Context, one: One, other: Other) -> None:
    """Say that two articles do not tell the same report.

    They are never in one cluster again, whatever later clustering finds.
    """
    _decide(context.obj, one, other, together=False)


def _decide(session: Session, one: int, other: int, *, together: bool) -> None:
    from aggregator.model import Constraint
    from aggregator.store.articles import missing_articles
    from aggregator.store.clusters import add_constraint
    from aggregator.store.connection import open_reader
    from aggregator.store.writer import Writer

    if one == other:
        raise UsageError("an article is always together with itself; name two")
    open_reader(session.database).close()  # a decision about nothing must not make a database
    with Writer(session.database) as writer:

        def decide(db: sqlite3.Connection) -> list[int]:
            unknown = missing_articles(db, (one, other))
            if not unknown:
                add_constraint(db, Constraint(one, other, together), session.clock())
            return unknown

        unknown = writer.write_now(decide)
    if unknown:
        raise UsageError(f"there is no article {unknown[0]}; `aggregator search` finds articles")
    word = "together" if together else "apart"
    session.say(
        f"{one} and {other} stay {word}; the next cycle, or `aggregator cluster`, puts it into effect"
    )
