"""The newsrooms of the world that we know by name: whose address is this, whose name is that.

The built-in list is ``data/outlets.tsv``: tab-separated with a header, one outlet a line. ``domain`` holds
the outlet's domain and, after blanks, other hosts of the same newsroom (``bbc.com bbc.co.uk``; a path makes
two papers of one host: ``cincodias.elpais.com elpais.com/cincodias``). ``family`` is a key shared by outlets
of one owner that are not independent of each other. ``languages`` are separated by commas, ``aliases`` by
semicolons; their marks are explained in ``outlet_names``. ``kind`` is one of agency, broadcaster, business,
government, magazine, newspaper, online, press-service (which sends out others' press releases), tabloid.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from importlib.resources import files
from urllib.parse import urlsplit

from aggregator.articles.urls import registrable_domain
from aggregator.model import Outlet
from aggregator.reports.outlet_names import Mention, NameIndex

_DEVICE_LABELS = ("www.", "m.", "amp.", "mobile.", "edition.")


class OutletList:
    """All known outlets. Immutable."""

    def __init__(self, outlets: Iterable[Outlet]) -> None:
        self._outlets = {outlet.domain: outlet for outlet in outlets}
        self._hosts = {host: outlet.domain for outlet in self._outlets.values() for host in outlet.hosts}
        self._hosts |= {domain: domain for domain in self._outlets}
        self._names = NameIndex(self._outlets.values())

    @classmethod
    def load(cls, extra: Iterable[Outlet] = ()) -> OutletList:
        """Return the built-in list, corrected and extended by ``extra`` (feeds.yaml, or learned from feeds).

        What an extra outlet says of a known one replaces that field (a name equal to its domain says
        nothing); its aliases are added. Where ``extra`` names but one of several hosts of a newsroom
        (``bbc.co.uk``), that host becomes the outlet's domain.
        """
        extra = tuple(extra)
        given = {outlet.domain for outlet in extra}
        listed = {host: outlet.domain for outlet in _built_in().values() for host in outlet.hosts}
        moved = {
            listed[outlet.domain]: outlet.domain
            for outlet in reversed(extra)
            if outlet.domain in listed and listed[outlet.domain] not in given
        }
        outlets = {
            moved.get(domain, domain): _at(outlet, moved.get(domain, domain))
            for domain, outlet in _built_in().items()
        }
        for outlet in extra:
            known = listed.get(outlet.domain, outlet.domain)
            domain = moved.get(known, known)
            old = outlets.get(domain)
            outlets[domain] = _merged(old, outlet) if old else _cautious(outlet)
        return cls(outlets.values())

    def __iter__(self) -> Iterator[Outlet]:
        return iter(self._outlets.values())

    def __len__(self) -> int:
        return len(self._outlets)

    def get(self, domain: str) -> Outlet | None:
        """Return the outlet of a domain, or None."""
        return self._outlets.get(domain)

    def family_of(self, domain: str) -> str:
        """Return the key under which outlets that are not independent of each other meet."""
        outlet = self._outlets.get(domain)
        return (outlet and outlet.family) or domain

    def of_url(self, url: str) -> str:
        """Return the outlet's domain of an address; "" where it has no host.

        The list decides where it knows the host, one above it, or the beginning of its path; else the
        registrable domain by the public suffix list, whose private section keeps the blogs of one host apart.
        Source: design.md 1.3.
        """
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        section = parts.path.lstrip("/").partition("/")[0]
        for label in _DEVICE_LABELS:
            if host.count(".") > 1:
                host = host.removeprefix(label)
        labels = host.split(".")
        for start in range(len(labels) - 1):
            parent = ".".join(labels[start:])
            known = self._hosts.get(f"{parent}/{section}") or self._hosts.get(parent)
            if known:
                return known
        return registrable_domain(host)

    def names_in(self, text: str, lang: str | None) -> list[Mention]:
        """Return every place of ``text`` where an outlet's name stands, whatever it does there."""
        return self._names.find(text, lang)


@cache
def load_outlets(extra: tuple[Outlet, ...]) -> OutletList:
    """Return the built-in list with corrections and additions; loaded once a process."""
    return OutletList.load(extra)


@cache
def _built_in() -> dict[str, Outlet]:
    lines = files("aggregator.reports").joinpath("data/outlets.tsv").read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    return {outlet.domain: outlet for outlet in map(_outlet, rows)}


def _outlet(row: dict[str, str]) -> Outlet:
    domain, *hosts = row["domain"].split()
    return Outlet(
        domain=domain,
        name=row["name"],
        family=row["family"] or None,
        kind=row["kind"] or None,
        aliases=tuple(alias.strip() for alias in row["aliases"].split(";") if alias.strip()),
        country=row["country"] or None,
        languages=tuple(row["languages"].split(",")),
        hosts=tuple(hosts),
    )


def _at(outlet: Outlet, domain: str) -> Outlet:
    """The same outlet under another of its hosts."""
    hosts = {outlet.domain, *outlet.hosts} - {domain}
    return replace(outlet, domain=domain, hosts=tuple(sorted(hosts)))


def _merged(old: Outlet, new: Outlet) -> Outlet:
    """Lay a correction over a known outlet."""
    return replace(
        old,
        name=old.name if new.name == new.domain else new.name,
        family=new.family or old.family,
        kind=new.kind or old.kind,
        aliases=tuple(dict.fromkeys((*old.aliases, *new.aliases))),
        country=new.country or old.country,
        languages=new.languages or old.languages,
        hosts=tuple(sorted({*old.hosts, *new.hosts} - {old.domain})),
    )


def _cautious(new: Outlet) -> Outlet:
    """An outlet that nobody has vetted: a name of one word may be any word, so it counts as ambiguous."""
    single = new.name != new.domain and len(new.name.split()) == 1
    return replace(new, aliases=(*new.aliases, f"~{new.name}")) if single else new
