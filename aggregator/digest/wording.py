"""The phrases that all formats share: times, numbers, languages, who had it first, what was changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache

from babel import Locale
from babel.dates import format_date

from .model import Account, Digest, DigestQuery, Role, Section
from .window import local_day, whole_day, zone

TITLE = "News digest"
ABSENT = "its own article did not come in"
_HEADINGS = {Role.OWN: "Own accounts", Role.RELAY: "Relays", Role.COPY: "Copies"}
_TIMES = {1: "once", 2: "twice"}
_A_DAY = timedelta(hours=25)  # the longest that clocks make one
_IN_FULL = 8  # own accounts of a cluster that are shown with their titles
_IN_BRIEF = 12  # accounts of a role that are shown by their outlet's name


@dataclass(frozen=True, slots=True)
class Group:
    """The accounts of one role as they are laid out: some in full, some by name, the rest as a number."""

    heading: str
    in_full: Sequence[Account]
    in_brief: Sequence[Account]
    left_out: int


def groups(section: Section) -> list[Group]:
    """Return a section's accounts by role, own accounts first; roles that do not occur are left out."""
    return [_group(role, found) for role in Role if (found := section.of_role(role))]


def _group(role: Role, accounts: Sequence[Account]) -> Group:
    full = _IN_FULL if role is Role.OWN else 0
    rest = accounts[full:]
    return Group(_HEADINGS[role], accounts[:full], rest[:_IN_BRIEF], len(rest[_IN_BRIEF:]))


def plural(number: int, noun: str) -> str:
    """Return ``1 outlet``, ``1,204 entries``."""
    many = f"{noun[:-1]}ies" if noun.endswith("ry") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else many}"


@cache
def language_name(code: str | None) -> str:
    """Return the English name of a language code, the code itself where it has none."""
    return "unknown language" if code is None else Locale("en").languages.get(code) or code


def language_names(codes: Sequence[str]) -> str:
    """Return the English names of languages, in alphabetical order."""
    return ", ".join(sorted(map(language_name, codes)))


def moment(at: datetime, query: DigestQuery) -> str:
    """Return a time of day in the reader's time zone, with the date where it is not the window's last day."""
    local, last = at.astimezone(zone(query.timezone)), last_day(query)
    if local.date() == last:
        return f"{local:%H:%M}"
    pattern = "d MMM" if local.year == last.year else "d MMM y"
    return f"{format_date(local.date(), pattern, 'en')}, {local:%H:%M}"


def last_day(query: DigestQuery) -> date:
    """Return the day on which the window ends."""
    return local_day(query.window.until - timedelta(microseconds=1), query.timezone)


def span(query: DigestQuery) -> str:
    """Return what a digest is called: the day on which its window ends, or from which day to which."""
    window, last = query.window, last_day(query)
    if window.until - window.since <= _A_DAY:
        return format_date(last, "EEEE, d MMMM y", "en")
    first = local_day(window.since, query.timezone)
    pattern = "d MMMM y" if first.year != last.year else "d MMMM" if first.month != last.month else "d"
    return f"{format_date(first, pattern, 'en')} – {format_date(last, 'd MMMM y', 'en')}"


def times(query: DigestQuery) -> str:
    """Return from when until when, unless that is a calendar day, and whose clock goes."""
    zoned = f"Times in {query.timezone}."
    if whole_day(query.window, query.timezone) is not None:
        return zoned
    ends = (at.astimezone(zone(query.timezone)) for at in (query.window.since, query.window.until))
    since, until = (f"{format_date(end.date(), 'd MMM', 'en')}, {end:%H:%M}" for end in ends)
    return f"From {since} to {until}. {zoned}"


def duration(length: timedelta) -> str:
    """Return a length of time: ``4 h 28 min``, ``12 min``, ``3 d 2 h``."""
    minutes = round(length.total_seconds() / 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    units = [(days, "d"), (hours, "h"), (0 if days else minutes, "min")]
    return " ".join(f"{number} {unit}" for number, unit in units if number) or "0 min"


def glance(digest: Digest) -> str:
    """Return the day in one sentence: how many entries became how many articles became how many reports."""
    counts = digest.counts
    became = f"{plural(counts.entries, 'entry')} became {plural(counts.articles, 'article')}"
    return f"{became} about {plural(counts.reports, 'report')}."


def choice(digest: Digest) -> str:
    """Return which of the reports are shown and by what they were chosen."""
    query = digest.query
    chosen = [
        f"with an article in {language_name(query.lang)}" if query.lang else "",
        f"tagged “{query.tag}”" if query.tag else "",
        f"covered by {query.outlet}" if query.outlet else "",
        f"mentioning “{query.words}”" if query.words else "",
        f"of at least {plural(query.min_outlets, 'outlet')}" if query.min_outlets > 1 else "",
    ]
    of = "" if len(digest.sections) == digest.matching else f" of {digest.matching:,}"
    which = "".join(f", {part}" for part in chosen if part)
    noun = "report" if digest.matching == 1 else "reports"
    return f"Shown: {len(digest.sections):,}{of} {noun}{which}."


def first_by(section: Section) -> str:
    """Return how the name of who had it first is introduced."""
    return "Reported first by" if section.first.known else "Earliest account:"


def cited_by(section: Section) -> str:
    """Return how many of the other outlets cite the origin; empty where it is unknown or nobody does."""
    first = section.first
    return f"cited by {first.cited_by} of {first.others}" if first.known and first.cited_by else ""


def lead_line(section: Section, query: DigestQuery) -> str:
    """Return who had it first, when, and who cites them: "Reported first by A, 07:12, cited by 7 of 9"."""
    at = f" ({ABSENT})" if section.first.at is None else f", {moment(section.first.at, query)}"
    cited = f", {cited_by(section)}" if cited_by(section) else ""
    return f"{first_by(section)} {section.first.name}{at}{cited}"


def reach(section: Section) -> str:
    """Return how far a report went (outlets, independent ones, languages), and its number to ask by."""
    outlets = f"{plural(section.outlet_count, 'outlet')}, {section.independent_count} independent"
    languages = f"{language_names(section.languages)} · " if section.languages else ""
    return f"{outlets} · {languages}cluster {section.cluster_id}"


def note(account: Account) -> str:
    """Return what is to be said of one account: whose text it is, whether its title was changed."""
    copied = f"text of {account.copied_from}" if account.copied_from else ""
    return "; ".join(part for part in (copied, correction(account)) if part)


def correction(account: Account) -> str:
    """Return how often a title was changed, and what it was at first; empty where it was not."""
    if not account.revisions:
        return ""
    times = _TIMES.get(account.revisions, f"{account.revisions} times")
    former = f", first “{account.former_title}”" if account.former_title else ""
    return f"title changed {times}{former}"


def why(section: Section) -> str:
    """Return how a rank came about: "62.1 points: independence 35.6 (8 independent) + ..."."""
    parts = " + ".join(f"{part.name} {part.points:.1f} ({part.detail})" for part in section.parts)
    return f"{section.score:.1f} points: {parts}"
