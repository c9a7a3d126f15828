"""The command line's frame: global options, lazy configuration, errors in one line, exit codes."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aggregator.cli.output import stderr

if TYPE_CHECKING:
    from aggregator.config import Config

OK, FAILED, USAGE, HELD, DAMAGED = 0, 1, 2, 3, 4
"""Exit codes: fine; something in it failed; usage or configuration; database held; database unusable."""

app = typer.Typer(
    name="aggregator",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 fine · 1 something failed (a feed, say) · 2 usage or feeds.yaml · 3 another instance"
    " holds the database · 4 the database is damaged, full or from a newer version.",
)


class UsageError(Exception):
    """A command cannot do what it was asked to; the text is one line that says what to do."""


@dataclass
class Session:
    """What every command starts from."""

    config_file: Path
    database_option: Path | None
    as_json: bool
    verbosity: int
    log_format: str

    @cached_property
    def config(self) -> Config:
        """feeds.yaml, read when it is first needed."""
        from aggregator.config import load_config

        return load_config(self.config_file)

    @cached_property
    def database(self) -> Path:
        """The database's file: --db, else AGGREGATOR_DB, else feeds.yaml."""
        return self.database_option or self.config.database

    @property
    def quiet(self) -> bool:
        """Whether only errors are to be shown."""
        return self.verbosity < 0

    @contextmanager
    def reader(self) -> Iterator[sqlite3.Connection]:
        """Open the database for reading."""
        from aggregator.store.connection import open_reader

        connection = open_reader(self.database)
        try:
            yield connection
        finally:
            connection.close()

    def say(self, message: str) -> None:
        """Tell a person something that is not data."""
        if not self.quiet:
            stderr().print(message, markup=False, soft_wrap=True)


def now() -> datetime:
    """Return the time of day; the one clock that the program reads."""
    return datetime.now(UTC)


Config_ = Annotated[
    Path,
    typer.Option("--config", envvar="AGGREGATOR_CONFIG", help="The feeds.yaml to go by.", metavar="FILE"),
]
Database_ = Annotated[
    Path | None,
    typer.Option(
        "--db", envvar="AGGREGATOR_DB", help="The database, instead of feeds.yaml's.", metavar="FILE"
    ),
]


@app.callback()
def frame(
    context: typer.Context,
    config: Config_ = Path("feeds.yaml"),
    db: Database_ = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print lists as JSON.")] = False,
    verbose: Annotated[int, typer.Option("-v", "--verbose", count=True, help="Log more; twice: all.")] = 0,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Show errors only.")] = False,
    log_format: Annotated[str, typer.Option(help="Form of log lines on stderr: text or json.")] = "text",
) -> None:
    """Follow news feeds, find the articles that cover the same report, keep it all in one SQLite file."""
    if log_format not in ("text", "json"):
        raise typer.BadParameter("it is text or json", param_hint="--log-format")
    verbosity = -1 if quiet else verbose
    context.obj = Session(config, db, as_json, verbosity, log_format)


_GLOBAL_FLAGS = {"--json", "-v", "-vv", "--verbose", "-q", "--quiet"}
_GLOBAL_OPTIONS = {"--config", "--db", "--log-format"}


def hoist(arguments: Sequence[str]) -> list[str]:
    """Move global options to the front, so that they may stand anywhere, before or after the command."""
    front: list[str] = []
    rest: list[str] = []
    queue = list(arguments)
    while queue:
        word = queue.pop(0)
        if word == "--":
            rest += [word, *queue]
            break
        if word in _GLOBAL_FLAGS or (word.partition("=")[0] in _GLOBAL_OPTIONS and "=" in word):
            front.append(word)
        elif word in _GLOBAL_OPTIONS and queue:
            front += [word, queue.pop(0)]
        else:
            rest.append(word)
    return front + rest


def main() -> None:
    """Run the command line; every expected failure is one line on stderr and an exit code."""
    try:
        app(hoist(sys.argv[1:]), standalone_mode=True)
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(OK)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        code = exit_code(error)
        if code is None:
            raise
        stderr().print(str(error), markup=False, soft_wrap=True, style="red")
        sys.exit(code)


def exit_code(error: Exception) -> int | None:
    """Return the exit code of an expected failure, or None for a defect."""
    from aggregator.config import ConfigError, EditError
    from aggregator.digest.window import WindowError
    from aggregator.store.connection import MissingError, StoreError
    from aggregator.store.lock import HeldError

    if isinstance(error, ConfigError | EditError | WindowError | UsageError | MissingError):
        return USAGE
    if isinstance(error, HeldError):
        return HELD
    return DAMAGED if isinstance(error, StoreError | sqlite3.DatabaseError) else None
