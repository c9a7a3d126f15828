"""The command line's frame: global options, the list of commands, their help, errors and exit codes."""

from __future__ import annotations

import inspect
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperGroup

from aggregator.cli.session import Clock, Session, utc_now

OK, FAILED, USAGE, HELD, DAMAGED, INTERRUPTED = 0, 1, 2, 3, 4, 130
"""Exit codes: fine; something in it failed; usage or configuration; database held; database unusable; ^C."""

PANELS = {
    "Service": ("init", "poll", "run", "cluster", "demo"),
    "Reading": ("digest", "search", "show", "status"),
    "Subscriptions": ("feeds", "add", "remove", "discover", "import-opml", "export-opml"),
    "Archive": ("import", "export", "backup", "prune"),
    "Corrections": ("explain", "join", "split"),
    "Checking": ("check", "doctor"),
}
_PANEL_OF = {name: panel for panel, names in PANELS.items() for name in names}
_EPILOG = (
    "[bold]Exit codes:[/bold] 0 fine · 1 it ran, but something failed (a feed, say) · 2 usage or feeds.yaml"
    " · 3 another instance holds the database · 4 the database is damaged, full or from a newer version\n\n"
    "[bold]First steps:[/bold] aggregator init · aggregator add https://www.tagesschau.de/ · aggregator poll"
    " · aggregator digest"
)

_Command = TypeVar("_Command", bound=Callable[..., Any])


class _Ordered(TyperGroup):
    """Lists the commands in the order of ``PANELS``."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the name that typer calls
        return list(_PANEL_OF)


app = typer.Typer(
    name="aggregator",
    cls=_Ordered,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EPILOG,
)


def command(name: str, *examples: str) -> Callable[[_Command], _Command]:
    """Register a command; its help is the docstring and the examples, each on a line of its own."""

    def register(function: _Command) -> _Command:
        text = _help_text(inspect.getdoc(function) or "", examples)
        app.command(name, rich_help_panel=_PANEL_OF[name], help=text)(function)
        return function

    return register


def _help_text(doc: str, examples: Sequence[str]) -> str:
    paragraphs = [" ".join(paragraph.split()).replace("[", r"\[") for paragraph in doc.split("\n\n")]
    lines = [f"[dim]$[/dim] [cyan]{example.replace('[', chr(92) + '[')}[/cyan]" for example in examples]
    return "\n\n".join([*paragraphs, "\n".join(lines)] if lines else paragraphs)


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
Json_ = Annotated[bool, typer.Option("--json", metavar="", help="Print lists and states as JSON.")]
Verbose_ = Annotated[
    int,
    typer.Option(
        "--verbose", "-v", count=True, metavar="", show_default=False, help="Log what happens; twice: all."
    ),
]
Quiet_ = Annotated[bool, typer.Option("--quiet", "-q", metavar="", help="Say nothing but data and errors.")]
LogFormat_ = Annotated[
    str, typer.Option("--log-format", metavar="text|json", help="Form of what goes to stderr.")
]


@app.callback()
def frame(
    context: typer.Context,
    config: Config_ = Path("feeds.yaml"),
    db: Database_ = None,
    as_json: Json_ = False,
    verbose: Verbose_ = 0,
    quiet: Quiet_ = False,
    log_format: LogFormat_ = "text",
) -> None:
    """Follow news feeds, find the articles that cover the same report, keep it all in one SQLite file.

    Global options may stand before or after the command. Data goes to stdout, everything else to stderr.
    """
    if log_format not in ("text", "json"):
        raise typer.BadParameter("it is text or json", param_hint="--log-format")
    session: Session = context.obj
    session.config_file, session.database_option, session.as_json = config, db, as_json
    session.verbosity, session.log_format = -1 if quiet else verbose, log_format


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
    """Run the command line, as the shell calls it."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # it was closed by whoever called us
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115 - for as long as the process lives
        elif isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a character gets ? for it
            stream.reconfigure(errors="replace")
    sys.exit(call(sys.argv[1:]))


def call(arguments: Sequence[str], *, clock: Clock = utc_now) -> int:
    """Run one command and return its exit code; every expected failure is one line on stderr."""
    session = Session(clock=clock)
    try:
        code = _run(hoist(arguments), session)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads our output has seen enough
        _forget_stdout()
        return OK
    except Exception as error:
        from aggregator.cli.failing import verdict

        found = verdict(error, session)
        if found is None:
            raise
        session.complain(found.message)
        return found.code
    return code


def _run(arguments: Sequence[str], session: Session) -> int:
    try:
        app(arguments, prog_name="aggregator", obj=session)
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # typer and rich call a reader who left a failure
            raise end.__context__ from None
        return end.code if isinstance(end.code, int) else FAILED
    raise AssertionError("typer ends by SystemExit")


def _forget_stdout() -> None:
    """Have what is left in the buffer go nowhere, so that the interpreter does not stumble at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
