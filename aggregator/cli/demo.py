"""The demo: a small newsroom on loopback, polled, clustered and summed up before one's eyes."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from aggregator.cli import output
from aggregator.cli.service import run_cycle_of
from aggregator.cli.session import Session, UsageError
from aggregator.demo.server import NewsroomServer
from aggregator.digest.model import DigestQuery
from aggregator.digest.render import render
from aggregator.digest.window import parse_window
from aggregator.files import write_whole
from aggregator.pipeline.cycle import Scope
from aggregator.pipeline.digest import read_digest
from aggregator.store.about import is_demo, mark_as_demo
from aggregator.store.connection import open_reader, open_writer

PROGRAM = "aggregator"
SPAN = "7d"
QUESTION = "select * from reports order by outlets desc limit 5"
SHOWN = 6
DATABASE, CONFIG, PAGE = "aggregator.db", "demo-feeds.yaml", "demo-digest.html"

# So few pages are read sooner than worker processes start.
_SETTINGS = "compute: {kind: inline}\n"


def run_demo(session: Session, directory: Path) -> None:
    """Serve the bundled newsroom, poll it, print the digest, and say where everything lies."""
    _start_afresh(directory)
    with NewsroomServer(session.clock()) as newsroom:
        write_whole(directory / CONFIG, _SETTINGS + newsroom.config_yaml(DATABASE))
        outlets, articles = len(newsroom.feeds()), len(newsroom.articles)
        session.say(f"a newsroom of {outlets} outlets and {articles} articles is served on {newsroom.proxy}")
        demo = replace(session, config_file=directory / CONFIG, database_option=None)
        count = run_cycle_of(demo, demo.config, Scope())
        session.say(f"polled {count.polled} feeds: {count.new_entries} entries, {count.articles} articles")
    _print_digest(session, demo.database, directory)


def _start_afresh(directory: Path) -> None:
    """Begin with an empty database, marked as the demo's; one that holds real news is left alone."""
    database = directory / DATABASE
    if database.exists() and not is_demo(database):
        raise UsageError(f"{database} holds real news; name another folder with --directory")
    for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"):
        (directory / name).unlink(missing_ok=True)
    with closing(open_writer(database)) as db:
        mark_as_demo(db)


def _print_digest(session: Session, database: Path, directory: Path) -> None:
    window = parse_window(now=session.clock(), timezone="UTC", since=SPAN)
    with closing(open_reader(database)) as db:
        shown = read_digest(db, DigestQuery(window=window, limit=SHOWN))
        whole = read_digest(db, DigestQuery(window=window))
    output.print_document(render(shown, "text"))
    page = directory / PAGE
    write_whole(page, render(whole, "html"))
    session.say(f"the database: {database}")
    session.say(f"the digest:   {page}")
    session.say(f'try: sqlite3 {database} "{QUESTION}"')
    session.say(f"     {_program()} --db {database} search starlink")


def _program() -> str:
    """Return how this program is called from here."""
    return PROGRAM if shutil.which(PROGRAM) else os.path.relpath(Path(sys.executable).with_name(PROGRAM))
