"""Tables as files: the contract's lines, cells that no spreadsheet runs, files that are whole or absent."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.pipeline.exporting import (
    FORMS,
    ExportError,
    export_table,
    write_csv,
    write_json_lines,
    write_parquet,
)
from aggregator.store.connection import open_reader
from aggregator.store.tables import TABLES, Column, Table, read_table

IMPORTED = ["url", "title", "text", "published", "lang", "outlet"]
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.fixture
def db(demo: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_reader(demo)) as connection:
        yield connection


def test_a_line_of_articles_has_the_fields_of_import_and_what_was_found_out(
    db: sqlite3.Connection, tmp_path: Path
) -> None:
    export_table(db, "articles", "jsonl", tmp_path / "a.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 68
    assert all(sorted(line) == sorted([*IMPORTED, "id", "cluster_id", "copy_of", "cites"]) for line in lines)
    assert ["wsj.com"] in [line["cites"] for line in lines]
    assert "„WSJ”" in (tmp_path / "a.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", TABLES)
def test_csv_and_json_lines_hold_the_same_values(db: sqlite3.Connection, name: str, tmp_path: Path) -> None:
    export_table(db, name, "jsonl", tmp_path / "t.jsonl")
    export_table(db, name, "csv", tmp_path / "t.csv")
    objects = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text(encoding="utf-8").splitlines()]
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [{key: _as_cell(value) for key, value in line.items()} for line in objects]
    assert objects


def test_columns_that_serve_the_service_itself_are_left_out(db: sqlite3.Connection) -> None:
    names = {column.name for column in read_table(db, "entries").columns}
    assert "guid" in names
    assert not names & {"content", "alias", "place", "digest", "earlier"}


def test_a_number_is_told_from_a_text_where_only_a_view_computes_it(db: sqlite3.Connection) -> None:
    kinds = {column.name: column.kind for column in read_table(db, "coverage").columns}
    assert (kinds["lag_seconds"], kinds["published_at"], kinds["article_id"]) == (
        "INTEGER",
        "TEXT",
        "INTEGER",
    )


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_text_that_a_spreadsheet_would_run_gets_a_quote_in_front_s33(start: str) -> None:
    assert _csv_of(start + 'HYPERLINK("x")') == ["'" + start + 'HYPERLINK("x")']


@pytest.mark.parametrize("harmless", ["a=1", " =1", "'", "–5", ""])
def test_any_other_text_is_left_as_it_is(harmless: str) -> None:
    assert _csv_of(harmless) == [harmless]


def test_numbers_are_no_formulas_and_null_is_an_empty_cell() -> None:
    assert _csv_of(-5, None, 0.5, ["=a"]) == ["-5", "", "0.5", '["=a"]']


def test_csv_lines_end_as_rfc_4180_says_and_line_breaks_stand_in_quotes() -> None:
    file = io.StringIO(newline="")
    write_csv(_table('two\nlines, "quoted"'), file)
    assert file.getvalue() == 'a\r\n"two\nlines, ""quoted"""\r\n'


@given(TEXT, TEXT)
def test_csv_reads_back_and_no_cell_begins_as_a_formula(one: str, other: str) -> None:
    cells = _csv_of(one, other)
    assert [cell.removeprefix("'") for cell in cells] == [text.removeprefix("'") for text in (one, other)]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)


@given(TEXT)
def test_a_json_line_is_one_line(text: str) -> None:
    file = io.StringIO(newline="")
    write_json_lines(_table(text), file)
    line, rest = file.getvalue().split("\n")
    assert (json.loads(line), rest) == ({"a": text}, "")


def test_without_a_file_the_lines_go_to_standard_output(
    db: sqlite3.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    export_table(db, "reports", "jsonl", None)
    lines = capsys.readouterr().out.splitlines()
    assert {"Financial Times", "The Wall Street Journal"} <= {json.loads(line)["origin"] for line in lines}


@pytest.mark.parametrize("name", TABLES)
def test_parquet_holds_the_same_values_with_their_types(
    db: sqlite3.Connection, name: str, tmp_path: Path
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    export_table(db, name, "parquet", tmp_path / "t.parquet")
    read = parquet.read_table(tmp_path / "t.parquet").to_pylist()
    table = read_table(db, name)
    names = [column.name for column in table.columns]
    assert read == [dict(zip(names, row, strict=True)) for row in table.rows]


def test_parquet_without_pyarrow_says_how_to_get_it(
    db: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ExportError, match=r'pip install "aggregator\[parquet\]"'):
        write_parquet(read_table(db, "reports"), tmp_path / "x.parquet")


def test_a_failed_export_leaves_the_old_file_alone(db: sqlite3.Connection, tmp_path: Path) -> None:
    target = tmp_path / "reports.csv"
    target.write_text("old", encoding="utf-8")
    with pytest.raises(KeyError):
        export_table(db, "reports", "xml", target)
    assert [path.name for path in tmp_path.iterdir()] == ["reports.csv"]
    assert target.read_text(encoding="utf-8") == "old"


def test_a_file_that_cannot_be_written_is_named(db: sqlite3.Connection, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"missing/x\.csv: cannot be written"):
        export_table(db, "reports", "csv", tmp_path / "missing" / "x.csv")


def test_the_command_writes_utf_8_in_any_locale_and_survives_a_closed_pipe(demo: Path) -> None:
    command = [sys.executable, "-m", "aggregator", "--db", str(demo), "export", "--format", "csv"]
    latin = {"LC_ALL": "en_US.ISO-8859-1", "PYTHONIOENCODING": "latin-1", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, env=latin, check=True)
    assert "Путин".encode() in done.stdout
    assert done.stdout.startswith(b"id,url,title,text,published,lang,outlet,cluster_id,copy_of,cites\r\n")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=latin) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["--format", "xml"], f"--format xml: it is one of {', '.join(FORMS)}"),
        (["--table", "features"], f"--table features: it is one of {', '.join(TABLES)}"),
        (["--format", "parquet"], "--format parquet is not text: name a file with --output"),
    ],
)
def test_what_cannot_be_exported_is_refused_with_the_way_out(
    demo: Path, arguments: list[str], answer: str
) -> None:
    command = [sys.executable, "-m", "aggregator", "--db", str(demo), "export", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", answer + "\n")


def _table(*values: object) -> Table:
    columns = tuple(Column("abcd"[place], "TEXT") for place in range(len(values)))
    return Table(columns, iter([values]))


def _csv_of(*values: object) -> list[str]:
    file = io.StringIO(newline="")
    write_csv(_table(*values), file)
    file.seek(0)
    _, row = csv.reader(file)
    return row


def _as_cell(value: object) -> str:
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    quoted = isinstance(value, str) and value.startswith(("=", "+", "-", "@"))
    return "" if value is None else "'" * quoted + str(value)
