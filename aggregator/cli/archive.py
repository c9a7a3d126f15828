"""Articles in and out without polling: import, export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aggregator.cli import output
from aggregator.cli.app import FAILED, Session, UsageError, app, now

_SHOWN = 20


@app.command("import")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", exists=True, dir_okay=False)],
) -> None:
    """Put articles in without polling: one JSON object a line.

    Keys: url, title, text (may be empty), published, lang, outlet. `aggregator cluster` then groups them.
    """
    from aggregator.pipeline.archive import BadLine, import_lines
    from aggregator.pipeline.services import extra_outlets
    from aggregator.reports.outlets import OutletList
    from aggregator.store.writer import Writer

    session: Session = context.obj
    extra = extra_outlets(session.config) if session.config_file.exists() else ()
    bad: list[BadLine] = []
    new = known = 0
    with (
        Writer(session.database) as writer,
        output.progress(session.quiet) as bars,
        file.open(encoding="utf-8-sig", errors="replace") as lines,
    ):
        for count in import_lines(lines, writer, OutletList.load(extra), now()):
            new, known = new + count.new, known + count.known
            bad += count.bad
            if bars:
                bars.begin("import", count.new + count.known)
                bars.advance("import", count.new + count.known)
    for line in bad[:_SHOWN]:
        output.stderr().print(
            f"{file}:{line.number}: {line.message}", markup=False, soft_wrap=True, style="red"
        )
    left = f"; {len(bad)} lines could not be read" if bad else ""
    session.say(
        f"{new} articles imported, {known} were there already{left}; `aggregator cluster` groups them"
    )
    raise typer.Exit(FAILED if bad else 0)


@app.command()
def export(
    context: typer.Context,
    form: Annotated[str, typer.Option("--format", help="jsonl, csv or parquet.")] = "jsonl",
    table: Annotated[
        str, typer.Option(help="articles, clusters, citations, coverage, reports or entries.")
    ] = "articles",
    file: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Instead of standard output.", dir_okay=False),
    ] = None,
) -> None:
    """Write a table out, for notebooks, spreadsheets and other programs.

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
