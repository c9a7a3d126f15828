"""Tables as files for other programs: JSON lines, CSV and Parquet, row by row, never whole in memory."""

from __future__ import annotations

import csv
import json
import sqlite3
import sys
from collections.abc import Callable, Mapping
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import TextIO

from aggregator.files import whole_file
from aggregator.store.tables import Table, read_table

FORMS = ("jsonl", "csv", "parquet")

GROUP = 2000
"""Rows of a Parquet row group. 105,000 articles of 4 kB: 4.2 s and 186 MB; with 5,000 as long, and 295 MB."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class ExportError(Exception):
    """A table cannot be written. The text is one line that says what to do."""


def export_table(db: sqlite3.Connection, name: str, form: str, path: Path | None) -> None:
    """Write one of ``TABLES`` in one of ``FORMS``, to a file or to standard output (Parquet: to a file only).

    The file appears when it is whole. Raises ExportError.
    """
    table = read_table(db, name)
    if path is None:
        _WRITERS[form](table, _standard_output())
        return
    try:
        with whole_file(path) as draft:
            if form == "parquet":
                write_parquet(table, draft)
                return
            with draft.open("w", encoding="utf-8", newline="") as file:
                _WRITERS[form](table, file)
    except OSError as error:
        raise ExportError(f"{path}: cannot be written: {error.strerror or error}") from error


def write_json_lines(table: Table, file: TextIO) -> None:
    """Write one JSON object a line."""
    names = [column.name for column in table.columns]
    for row in table.rows:
        file.write(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n")


def write_csv(table: Table, file: TextIO) -> None:
    """Write RFC 4180: a line of names, CRLF, quotes where needed; ``file`` must not translate line ends.

    A text that a spreadsheet would take for a formula gets ``'`` in front (S33): it begins with ``=``, ``+``,
    ``-``, ``@``, a tab or a carriage return. Lists are JSON text, NULL is an empty cell.
    """
    lines = csv.writer(file, lineterminator="\r\n")
    lines.writerow(column.name for column in table.columns)
    lines.writerows(map(_cell, row) for row in table.rows)


def write_parquet(table: Table, path: Path) -> None:
    """Write a Parquet file of zstd-compressed row groups; raises ExportError."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise ExportError('Parquet needs pyarrow: pip install "aggregator[parquet]"') from error
    kinds = {
        "INTEGER": pyarrow.int64(),
        "REAL": pyarrow.float64(),
        "TEXT": pyarrow.string(),
        "LIST": pyarrow.list_(pyarrow.string()),
    }
    schema = pyarrow.schema([(column.name, kinds[column.kind]) for column in table.columns])
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        while rows := list(islice(table.rows, GROUP)):
            arrays = map(pyarrow.array, zip(*rows, strict=True), schema.types)
            writer.write_batch(pyarrow.record_batch(list(arrays), schema=schema))


def _cell(value: object) -> object:
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _standard_output() -> TextIO:
    """Return standard output, made UTF-8 whatever the locale is, its line ends left alone."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="")
    return sys.stdout


_WRITERS: Mapping[str, Callable[[Table, TextIO], None]] = MappingProxyType(
    {"jsonl": write_json_lines, "csv": write_csv}
)
