"""Outlets: one row for every newsroom that a feed, an article or a citation belongs to."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable

from aggregator.model import Outlet


def save_outlets(db: sqlite3.Connection, outlets: Iterable[Outlet]) -> None:
    """Insert outlets, or correct what is stored of them."""
    db.executemany(
        "INSERT INTO outlets (domain, name, family, kind) VALUES (?, ?, ?, ?) ON CONFLICT (domain) DO UPDATE"
        " SET name = excluded.name, family = excluded.family, kind = excluded.kind"
        " WHERE (name, family, kind) IS NOT (excluded.name, excluded.family, excluded.kind)",
        [(outlet.domain, outlet.name, outlet.family, outlet.kind) for outlet in outlets],
    )


def name_outlets(db: sqlite3.Connection, known: Callable[[str], Outlet | None]) -> None:
    """Bring every row up to what the outlet list knows of it by now."""
    domains = [row["domain"] for row in db.execute("SELECT domain FROM outlets")]
    save_outlets(db, [outlet for domain in domains if (outlet := known(domain))])


def ensure_outlet(db: sqlite3.Connection, domain: str) -> None:
    """Make sure that a domain has a row; one that nothing is known of is called by its domain."""
    db.execute("INSERT INTO outlets (domain, name) VALUES (?, ?) ON CONFLICT DO NOTHING", (domain, domain))


def all_outlets(db: sqlite3.Connection) -> list[Outlet]:
    """Return every outlet that has a row, by domain."""
    rows = db.execute("SELECT domain, name, family, kind FROM outlets ORDER BY domain")
    return [Outlet(row["domain"], row["name"], row["family"], row["kind"]) for row in rows]
