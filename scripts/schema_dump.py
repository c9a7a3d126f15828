"""Writes tests/operations/data/schema-N.sql: a small database of this schema version, as SQL text.

The tests bring that database forward. Until a version is released, ``--renew`` writes its file anew after
every change of the schema; from then on it is never written again.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from aggregator.store.connection import open_writer, transaction
from aggregator.store.schema import APPLICATION_ID, SCHEMA_VERSION

DATA = Path(__file__).parent.parent / "tests" / "operations" / "data"
EARLIER = DATA / f"schema-{SCHEMA_VERSION - 1}.sql"
TARGET = DATA / f"schema-{SCHEMA_VERSION}.sql"

ROWS = """
INSERT INTO outlets VALUES ('paper.org', 'The Paper', NULL, 'newspaper');
INSERT INTO outlets VALUES ('agency.org', 'Agency', NULL, 'agency');
INSERT INTO feeds (url, title, outlet, added_at, etag, last_polled_at, last_success_at, next_poll_at)
  VALUES ('http://paper.org/feed', 'The Paper', 'paper.org', '2026-02-01T00:00:00Z', x'2231220a',
  '2026-02-28T09:00:00Z', '2026-02-28T09:00:00Z', '2026-02-28T10:00:00Z');
INSERT INTO clusters VALUES (1, 'Bridge opened', '2026-02-28T08:00:00Z', '2026-02-28T08:00:00Z', 1, 1, 1,
  '["en"]', NULL, 'agency.org', '2026-02-28T09:01:00Z', '2026-02-28T09:01:00Z');
INSERT INTO articles (url, outlet, title, text, lang, published_at, first_seen_at, status, word_count,
  fetched_at, fetch_url, analysed_by, cluster_id) VALUES ('http://paper.org/bridge', 'paper.org',
  'Bridge opened', 'The mayor opened the bridge, Agency reported.', 'en', '2026-02-28T08:00:00Z',
  '2026-02-28T09:00:00Z', 'full', 7, '2026-02-28T09:00:05Z', 'http://paper.org/bridge', '1', 1);
INSERT INTO article_urls VALUES ('http://paper.org/bridge', 1);
INSERT INTO article_revisions (article_id, title, text, seen_at)
  VALUES (1, 'Bridge to open', 'The mayor will open the bridge.', '2026-02-28T09:30:00Z');
INSERT INTO cluster_redirects VALUES (2, 1, '2026-02-28T09:02:00Z', 'merged');
INSERT INTO entries (feed_id, guid, url, title, summary, first_seen_at, article_id, alias, place, digest)
  VALUES (1, 'http://paper.org/bridge', 'http://paper.org/bridge', 'Bridge opened', 'The bridge.',
  '2026-02-28T09:00:00Z', 1, '//paper.org/bridge', '//paper.org/bridge', 'd1');
INSERT INTO citations (article_id, outlet, name, quote, confidence, rule) VALUES (1, 'agency.org', 'Agency',
  'The mayor opened the bridge, Agency reported.', 0.9, 'said');
INSERT INTO features VALUES (1, 'use-m3', x'00');
INSERT INTO polls (feed_id, at, outcome, status, bytes, duration, new_entries)
  VALUES (1, '2026-02-28T09:00:00Z', 'ok', 200, 900, 0.2, 1);
INSERT INTO cycles (started_at, finished_at, polled)
  VALUES ('2026-02-28T09:00:00Z', '2026-02-28T09:01:00Z', 1);
"""
"""One row of each kind, as version 1 holds them; later versions start from the dump before them."""

_OBJECTS = """
SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'
AND name NOT LIKE 'articles_fts\\_%' ESCAPE '\\' OR type = 'trigger' ORDER BY rowid
"""
_TABLES = """
SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'articles_fts%'
AND name NOT LIKE 'sqlite_%' ORDER BY name = 'articles', rowid
"""


def dump(db: sqlite3.Connection) -> str:
    """Return a database as SQL; the full-text index fills itself by its triggers."""
    lines = [f"PRAGMA application_id = {APPLICATION_ID};", f"PRAGMA user_version = {SCHEMA_VERSION};"]
    lines += [f"{row['sql']};" for row in db.execute(_OBJECTS)]
    for table in [row["name"] for row in db.execute(_TABLES)]:
        names = [row["name"] for row in db.execute(f"PRAGMA table_info({table})")]
        values = " || ', ' || ".join(f"quote({name})" for name in names)
        rows = db.execute(f"SELECT {values} AS row FROM {table}")
        lines += [f"INSERT INTO {table} ({', '.join(names)}) VALUES ({row['row']});" for row in rows]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the dump of this version, unless it is there."""
    if TARGET.exists() and "--renew" not in sys.argv:
        print(f"{TARGET.name} is there already; a released version does not change", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dump.db"
        if EARLIER.exists():
            with closing(sqlite3.connect(path)) as db:
                db.executescript(EARLIER.read_text(encoding="utf-8"))
        with closing(open_writer(path)) as db:
            if not EARLIER.exists():
                with transaction(db):
                    for statement in ROWS.strip().split(";\n"):
                        db.execute(statement)
            TARGET.write_text(dump(db), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
