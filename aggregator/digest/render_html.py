"""A digest as a web page of its own, and as an Atom feed with one entry a report: jinja2 with autoescape.

The page needs nothing from elsewhere: styles and charts are inside, scripts there are none (its own
Content-Security-Policy says so). The feed follows RFC 4287; its ids are UUIDs of cluster ids (RFC 9562, 5.5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from functools import cache, partial
from itertools import groupby
from uuid import UUID, uuid5

from babel.dates import format_date
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from . import charts, wording
from .model import Digest
from .window import digest_name


def render_html(digest: Digest) -> str:
    """Return the digest as one HTML 5 page."""
    facts = {
        "span": wording.span(digest.query),
        "glance": wording.glance(digest),
        "bars": charts.bars(digest),
        "unit": charts.unit(digest.query),
        "height": charts.HEIGHT,
        "shares": charts.shares(digest),
        "marks": charts.marks,
        "named": partial(_named, digest),
    }
    return _environment().get_template("digest.html.j2").render(_phrases(digest) | facts)


def render_atom(digest: Digest) -> str:
    """Return the digest as an Atom feed; an entry is updated when its cluster grows or is corrected."""
    updated = max([section.updated_at for section in digest.sections], default=digest.query.window.since)
    query = digest.query
    filters = f"digest {query.lang} {query.tag} {query.outlet} {query.words} {query.min_outlets}"
    facts = {"identity": partial(_identity, query.namespace), "filters": filters, "updated": updated}
    return _environment().get_template("digest.atom.j2").render(_phrases(digest) | facts)


def render_mail(digest: Digest) -> str:
    """Return the digest as a page for mail programs: no style sheet, no charts, nothing that they strip."""
    facts = {"span": wording.span(digest.query), "glance": wording.glance(digest)}
    return _environment().get_template("mail.html.j2").render(_phrases(digest) | facts)


def render_index(dates: Iterable[date]) -> str:
    """Return the page that links the digests of ``dates`` (in any order), the latest first, by month."""
    days = sorted(set(dates), reverse=True)
    months = [
        (month, [(format_date(day, "EEEE, d MMMM", "en"), digest_name(day, "html")) for day in group])
        for month, group in groupby(days, key=lambda day: format_date(day, "MMMM y", "en"))
    ]
    template = _environment().get_template("index.html.j2")
    return template.render(months=months, number=len(days), title=wording.TITLE, plural=wording.plural)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("aggregator.digest"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _phrases(digest: Digest) -> dict[str, object]:
    """Return what the templates say things with."""
    query = digest.query
    shared: list[Callable[..., object]] = [
        wording.cited_by,
        wording.correction,
        wording.duration,
        wording.first_by,
        wording.groups,
        wording.language_name,
        wording.note,
        wording.plural,
        wording.reach,
        wording.why,
    ]
    return {
        **{phrase.__name__: phrase for phrase in shared},
        "title": wording.TITLE,
        "absent": wording.ABSENT,
        "digest": digest,
        "query": query,
        "choice": wording.choice(digest),
        "times": wording.times(query),
        "iso": _iso,
        "moment": partial(wording.moment, query=query),
        "lead_line": partial(wording.lead_line, query=query),
    }


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _identity(namespace: UUID, name: str) -> str:
    return uuid5(namespace, name).urn


def _named(digest: Digest, mark: charts.Mark) -> Markup:
    """Return the tooltip of a mark on a timeline: who, when."""
    at = wording.moment(mark.arrival.at, digest.query)
    return Markup("<title>{}, {}</title>").format(mark.arrival.outlet_name, at)
