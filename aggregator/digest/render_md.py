"""A digest as Markdown (CommonMark): what strangers wrote is text, or the target of an http(s) link."""

from __future__ import annotations

import re
from collections.abc import Iterator

from . import wording
from .model import Account, Digest, DigestQuery, Section

_SPECIAL = re.compile(r"[\\`*_\[\]<>|~&$]")
# What means something only at the start of a line (headings, lists, rules, fences, setext underlines) ...
_LEADING = re.compile(r"^(?=[#+\-=])|^(\d{1,9})(?=[.)])")
# ... and what GitHub turns into links and mentions where it stands.
_AUTOLINK = re.compile(r"(?<=\w)(?=://)|(?<=\bwww)(?=\.)|(?=@)", re.IGNORECASE)
_IN_TARGET = str.maketrans({"(": "%28", ")": "%29", "&": "&amp;"})


def render_md(digest: Digest) -> str:
    """Return the digest as a Markdown document."""
    query = digest.query
    lines = [f"# {escape(wording.TITLE)}: {escape(wording.span(query))}", "", wording.glance(digest), ""]
    lines += [escape(f"{wording.choice(digest)} {wording.times(query)}"), ""]
    for section in digest.sections:
        lines += _section(section, query)
    return "\n".join(lines).rstrip() + "\n"


def escape(text: str) -> str:
    """Return ``text`` so that Markdown shows it as it is, at the start of a line or within one (S31)."""
    escaped = _SPECIAL.sub(r"\\\g<0>", text)
    escaped = _AUTOLINK.sub(r"\\", escaped)
    return _LEADING.sub(r"\1\\", escaped, count=1)


def link(text: str, url: str | None) -> str:
    """Return a Markdown link, or only the text where there is no address to link to."""
    return f"[{escape(text)}]({url.translate(_IN_TARGET)})" if url else escape(text)


def _section(section: Section, query: DigestQuery) -> Iterator[str]:
    yield f"## {section.rank}. {escape(section.headline)}"
    yield ""
    yield f"**{escape(wording.lead_line(section, query))}**"
    yield ""
    yield escape(wording.reach(section))
    yield ""
    if section.extract:
        yield f"> {escape(section.extract.text)}"
        yield ">"
        yield f"> — {escape(section.extract.outlet_name)}"
        yield ""
    for group in wording.groups(section):
        yield from _group(group, query)
    if query.why:
        yield escape(wording.why(section))
        yield ""


def _group(group: wording.Group, query: DigestQuery) -> Iterator[str]:
    yield f"{group.heading}:"
    yield ""
    yield from (f"- {_in_full(account, query)}" for account in group.in_full)
    if group.in_brief:
        yield f"- {', '.join(map(_in_brief, group.in_brief))}"
    if group.left_out:
        yield f"- and {group.left_out} more"
    yield ""


def _in_full(account: Account, query: DigestQuery) -> str:
    at = wording.moment(account.published_at, query)
    told = f"{link(account.title or account.outlet, account.url)} — {escape(account.outlet_name)}, {at}"
    lang = f", {wording.language_name(account.lang)}" if account.lang else ""
    return f"{told}{escape(lang)}{_note(account)}"


def _in_brief(account: Account) -> str:
    return f"{link(account.outlet_name, account.url)}{_note(account)}"


def _note(account: Account) -> str:
    return f" ({escape(wording.note(account))})" if wording.note(account) else ""
