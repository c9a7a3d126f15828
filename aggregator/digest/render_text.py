"""A digest as plain text, 78 columns wide as terminals and mail count them; addresses are never broken."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len, chop_cells

from . import wording
from .model import Account, Digest, DigestQuery, Section

COLUMNS = 78


def render_text(digest: Digest) -> str:
    """Return the digest as text."""
    query = digest.query
    lines = [*wrap(f"{wording.TITLE.upper()}: {wording.span(query)}"), "=" * COLUMNS]
    lines += wrap(wording.glance(digest))
    lines += wrap(f"{wording.choice(digest)} {wording.times(query)}")
    for section in digest.sections:
        lines += ["", "", *_section(section, query)]
    return "\n".join(lines) + "\n"


def wrap(text: str, indent: str = "", hanging: str | None = None) -> list[str]:
    """Return ``text`` in lines of at most ``COLUMNS`` cells: wide signs take two, combining ones none."""
    hanging = indent if hanging is None else hanging
    lines, line = [], indent
    for word in _pieces(text, COLUMNS - max(cell_len(indent), cell_len(hanging))):
        gap = "" if line in {indent, hanging} else " "
        if gap and cell_len(line) + 1 + cell_len(word) > COLUMNS:
            lines.append(line)
            line, gap = hanging, ""
        line += gap + word
    return [*lines, line]


def _pieces(text: str, width: int) -> Iterator[str]:
    """Yield the words of ``text``; those that do not fit a line (scripts without spaces) in pieces."""
    for word in text.split():
        yield from [word] if cell_len(word) <= width else chop_cells(word, width)


def _section(section: Section, query: DigestQuery) -> Iterator[str]:
    yield from wrap(section.headline, f"{section.rank:>2}. ", "    ")
    yield from wrap(wording.lead_line(section, query), "    ")
    yield from wrap(wording.reach(section), "    ")
    if section.extract:
        yield ""
        yield from wrap(section.extract.text, "    ")
        yield from wrap(f"({section.extract.outlet_name})", "    ")
    for group in wording.groups(section):
        yield ""
        yield from _group(group, query)
    if query.why:
        yield ""
        yield from wrap(wording.why(section), "    ")


def _group(group: wording.Group, query: DigestQuery) -> Iterator[str]:
    yield f"    {group.heading}"
    for account in group.in_full:
        yield from wrap(_in_full(account, query), "    - ", "      ")
        if account.url:
            yield f"      {account.url}"
    if group.in_brief:
        yield from wrap(", ".join(map(_in_brief, group.in_brief)), "    - ", "      ")
    if group.left_out:
        yield f"    - and {group.left_out} more"


def _in_full(account: Account, query: DigestQuery) -> str:
    at = wording.moment(account.published_at, query)
    lang = f" [{account.lang}]" if account.lang else ""
    return f"{account.outlet_name}, {at}{lang}: {account.title or account.outlet}{_note(account)}"


def _in_brief(account: Account) -> str:
    return f"{account.outlet_name}{_note(account)}"


def _note(account: Account) -> str:
    return f" ({wording.note(account)})" if wording.note(account) else ""
