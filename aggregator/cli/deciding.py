"""Commands by which a person decides what belongs together: join, split."""

from __future__ import annotations

import sqlite3
from typing import Annotated

import typer

from aggregator.cli.app import Session, UsageError, app, now
from aggregator.model import Constraint

One = Annotated[
    int, typer.Argument(metavar="ARTICLE", help="Id of an article; `aggregator show` lists them.")
]


@app.command()
def join(context: typer.Context, one: One, other: One) -> None:
    """Say that two articles tell the same report: they stay in one cluster, whatever clustering finds."""
    _decide(context.obj, one, other, together=True)


@app.command()
def split(context: typer.Context, one: One, other: One) -> None:
    """Say that two articles do not tell the same report: they are never in one cluster again."""
    _decide(context.obj, one, other, together=False)


def _decide(session: Session, one: int, other: int, *, together: bool) -> None:
    from aggregator.store.articles import missing_articles
    from aggregator.store.clusters import add_constraint
    from aggregator.store.writer import Writer

    if one == other:
        raise UsageError("an article is always together with itself; name two")
    with Writer(session.database) as writer:

        def decide(db: sqlite3.Connection) -> list[int]:
            unknown = missing_articles(db, (one, other))
            if not unknown:
                add_constraint(db, Constraint(one, other, together), now())
            return unknown

        unknown = writer.write_now(decide)
    if unknown:
        raise UsageError(f"there is no article {unknown[0]}; `aggregator search` finds articles")
    word = "together" if together else "apart"
    session.say(
        f"{one} and {other} stay {word}; the next cycle, or `aggregator cluster`, puts it into effect"
    )
