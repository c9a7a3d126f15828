"""The demo: a small newsroom on loopback, polled, clustered and summed up before one's eyes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from aggregator.cli import output
from aggregator.cli.app import Session, now
from aggregator.cli.service import run_cycle_of
from aggregator.demo.server import NewsroomServer
from aggregator.digest.model import DigestQuery
from aggregator.digest.render import render
from aggregator.digest.window import parse_window
from aggregator.files import write_whole
from aggregator.pipeline.cycle import Scope
from aggregator.pipeline.digest import read_digest
from aggregator.store.connection import open_reader

SPAN = "7d"
SHOWN = 8


def run_demo(session: Session, directory: Path) -> None:
    """Serve the bundled newsroom, poll it twice, print the digest, and say where everything lies."""
    moment = now()
    _start_afresh(directory)
    with NewsroomServer(moment) as newsroom:
        config_file = directory / "feeds.yaml"
        write_whole(config_file, newsroom.config_yaml("demo.db"))
        outlets, articles = len(newsroom.feeds()), len(newsroom.articles)
        session.say(f"a newsroom of {outlets} outlets and {articles} articles is served on {newsroom.proxy}")
        demo = Session(config_file, None, session.as_json, session.verbosity, session.log_format)
        count = run_cycle_of(demo, demo.config, Scope())
        session.say(f"polled {count.polled} feeds: {count.new_entries} entries, {count.articles} articles")
    _print_digest(session, demo, directory)


def _start_afresh(directory: Path) -> None:
    """Remove what an earlier demo left, and nothing else."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("demo.db", "demo.db-wal", "demo.db-shm", "demo.db.lock", "digest.html", "feeds.yaml"):
        (directory / name).unlink(missing_ok=True)


def _print_digest(session: Session, demo: Session, directory: Path) -> None:
    window = parse_window(now=now() + timedelta(seconds=1), timezone="UTC", since=SPAN)
    db = open_reader(demo.database)
    try:
        shown = read_digest(db, DigestQuery(window=window, limit=SHOWN))
        whole = read_digest(db, DigestQuery(window=window))
    finally:
        db.close()
    output.print_text(render(shown, "text"))
    page = directory / "digest.html"
    write_whole(page, render(whole, "html"))
    session.say(f"the database: {demo.database}")
    session.say(f"the digest:   {page}")
    session.say(f'try: sqlite3 {demo.database} "SELECT * FROM reports ORDER BY outlets DESC LIMIT 5"')
    session.say(f"     aggregator --db {demo.database} search starlink")
