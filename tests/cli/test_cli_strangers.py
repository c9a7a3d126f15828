"""What feeds say is written by strangers: nothing of it drives the reader's terminal (security case S32)."""

from __future__ import annotations

import json
import sqlite3
import unicodedata
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

SUITE = Path(__file__).parents[2].parent / "shared" / "suites" / "security.zip"
HOSTILE = "a\x1b[31mb\x1b]0;t\x07c\x9b31md\u202ee\rf\u200bg [bold]h[/bold] [/] needle"


def infect(home: Path, strings: list[str]) -> None:
    """Write strings wherever what strangers wrote is stored."""
    with closing(sqlite3.connect(home / "news.db")) as db, db:
        articles = [row[0] for row in db.execute("SELECT id FROM articles ORDER BY id")]
        pairs = [(text, articles[index % len(articles)]) for index, text in enumerate(strings)]
        db.executemany("UPDATE articles SET title = ?, text = text || ' needle' WHERE id = ?", pairs)
        db.executemany("UPDATE citations SET (name, quote) = (?1, ?1) WHERE article_id = ?2", pairs)
        db.execute("UPDATE outlets SET name = ?", strings[:1])
        db.execute("UPDATE clusters SET title = ?", strings[:1])
        db.execute("UPDATE feeds SET (title, last_error, state) = (?1, ?1, 'failing')", strings[:1])


def harmless(text: str) -> bool:
    return not {unicodedata.category(c) for c in text if c != "\n"} & {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}


def test_s32_nothing_that_strangers_wrote_drives_the_terminal(run, home, musk: int) -> None:
    infect(home, [HOSTILE] * 100)
    for command in (
        ["search", "needle"],
        ["show", musk],
        ["feeds"],
        ["feeds", "--broken"],
        ["status"],
        ["explain", musk],
    ):
        for form in ([], ["--json"]):
            ran = run(*form, *command)
            assert ran.code in (0, 1)
            assert harmless(ran.out + ran.err), (command, form)
    assert "[bold]h[/bold] [/] needle" in run("search", "needle").out


def test_naughty_strings_go_through_every_list(run, home, musk: int) -> None:
    if not SUITE.exists():
        pytest.skip("third-party material security.zip is not beside the repository (../shared/suites)")
    with zipfile.ZipFile(SUITE) as files:
        name = next(name for name in files.namelist() if name.endswith("blns.json"))
        strings = [text.encode("utf-8", "ignore").decode() for text in json.loads(files.read(name))]
    infect(home, strings)
    for command in (
        ["search", "needle", "--limit", "1000"],
        ["show", musk],
        ["feeds"],
        ["feeds", "--broken"],
    ):
        ran = run(*command)
        assert ran.code == 0
        assert ran.out
        assert harmless(ran.out)
    for words in strings[::8]:  # all of them take a minute
        assert run("search", "--json", "--", words).code == 0
