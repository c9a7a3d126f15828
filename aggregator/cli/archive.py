"""Articles in and out without polling: import, export."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from aggregator.cli import output
from aggregator.cli.app import FAILED, OK, command
from aggregator.cli.session import Session, UsageError

if TYPE_CHECKING:
    from aggregator.pipeline.archive import ImportCount

_SHOWN = 20
"""Bad lines that are told one by one; of more than that, the rest is counted."""


@command("import", "aggregator import archive.jsonl && aggregator cluster")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", exists=True, dir_okay=False)],
) -> None:
    """Put articles in without polling, from JSON lines.

    One object a line: url, title, text (may be empty), published, lang, outlet; other keys are ignored. A
    line that is no good is told and costs only itself; exit code 1 where there was one.
    """
    session: Session = context.obj
    session.start_log()
    new = known = bad = 0
    for count in _import(session, file):
        new, known = new + count.new, known + count.known
        for line in count.bad[: max(0, _SHOWN - bad)]:
            session.complain(f"{file}:{line.number}: {line.message}")
        bad += len(count.bad)
    if bad > _SHOWN:
        session.complain(f"{file}: {bad - _SHOWN} more lines like these")
    if session.as_json:
        output.print_json({"new": new, "known": known, "bad": bad})
    left = f", {output.several(bad, 'line')} could not be read" if bad else ""
    articles = output.several(new, "article")
    session.say(f"{articles} imported, {known} known already{left}; `aggregator cluster` groups them")
    raise typer.Exit(FAILED if bad else OK)


@command(
    "export",
    "aggregator export > articles.jsonl",
    "aggregator export --table coverage --format csv --output coverage.csv",
)
def export(
    context: typer.Context,
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="jsonl, csv or parquet.")] = "jsonl",
    table: Annotated[
        str,
        typer.Option(
            "--table", metavar="TABLE", help="articles, clusters, citations, coverage, reports or entries."
        ),
    ] = "articles",
    file: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Instead of standard output.", dir_okay=False),
    ] = None,
) -> None:
    """Write a table out, for notebooks and other programs.

    Articles have the keys of import, and id, cluster_id, copy_of and cites. In CSV a text that a spreadsheet
    would take for a formula (it begins with =, +, -, @, a tab or a carriage return) gets a ' in front.
    """
    from aggregator.pipeline.exporting import FORMS, ExportError, export_table
    from aggregator.store.tables import TABLES

    session: Session = context.obj
    if form not in FORMS:
        raise UsageError(f"--format {form}: it is one of {', '.join(FORMS)}")
    if table not in TABLES:
        raise UsageError(f"--table {table}: it is one of {', '.join(TABLES)}")
    if form == "parquet" and file is None:
        raise UsageError("--format parquet is not text: name a file with --output")
    with session.reader() as db:
        try:
            export_table(db, table, form, file)
        except ExportError as error:
            raise UsageError(str(error)) from error


def _import(session: Session, file: Path) -> list[ImportCount]:
    """Import a file; returns what each batch came to."""
    from aggregator.pipeline.archive import import_lines
    from aggregator.pipeline.services import extra_outlets
    from aggregator.reports.outlets import OutletList
    from aggregator.store.writer import Writer

    extra = extra_outlets(session.config) if session.config_file.exists() else ()
    with (
        Writer(session.database) as writer,
        file.open(encoding="utf-8-sig", errors="replace") as lines,
        output.progress(session.quiet, of_bytes=lines.seekable()) as bars,
    ):
        counts = import_lines(lines, writer, OutletList.load(extra), session.clock())
        return list(_watched(counts, lines, bars) if bars else counts)


def _watched(
    counts: Iterator[ImportCount], lines: TextIO, bars: output.ProgressBars
) -> Iterator[ImportCount]:
    """Move a bar on with each batch: by the bytes read of a file, by the lines that came from a pipe."""
    of_bytes = lines.seekable()
    bars.begin("import", os.fstat(lines.fileno()).st_size if of_bytes else None)
    done = 0
    for count in counts:
        reached = lines.buffer.tell() if of_bytes else done + count.lines
        bars.advance("import", reached - done)
        done = reached
        yield count
