"""Which cluster comes first, and why.

    score = 35 independence + 25 freshness + 15 reach + 10 origin + 10 languages + 5 owners

each of them 0..1: how many outlets tell it on their own account (logarithmic: the second counts more than
the twentieth), how young it is at the window's end (half of it gone every half window, so 12 hours in a day's
digest, and a week's does not forget its beginning), how many outlets carry it at all, relays included
(logarithmic too: that forty newsrooms pass a report on says something), whether it is known who had it
first, in how many languages it is told, and how many of its outlets belong to different owners.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from .model import Covers, Part, ReportRow, Window

WEIGHTS = {
    "independence": 0.35,
    "freshness": 0.25,
    "reach": 0.15,
    "origin": 0.10,
    "languages": 0.10,
    "owners": 0.05,
}
_MANY = 20  # outlets from which on more of them count no further


def parts(report: ReportRow, articles: Sequence[Covers], window: Window) -> tuple[Part, ...]:
    """Return what each part contributes to a report's rank in a window, in the order of ``WEIGHTS``."""
    owners = len({article.family or article.outlet for article in articles})
    outlets = len({article.outlet for article in articles})
    values = {
        "independence": _many(report.independent_count, "independent"),
        "freshness": _freshness(report, window),
        "reach": _many(outlets, "in all"),
        "origin": (float(_origin_known(report)), "known" if _origin_known(report) else "unknown"),
        "languages": (1 - 1 / max(1, len(report.languages)), f"{len(report.languages)}"),
        "owners": _owners(owners, outlets),
    }
    return tuple(Part(name, values[name][0], weight, values[name][1]) for name, weight in WEIGHTS.items())


def _many(outlets: int, what: str) -> tuple[float, str]:
    return min(1.0, math.log2(1 + outlets) / math.log2(1 + _MANY)), f"{outlets} {what}"


def _freshness(report: ReportRow, window: Window) -> tuple[float, str]:
    age = max(0.0, (window.until - report.first_published_at).total_seconds())
    half_life = (window.until - window.since).total_seconds() / 2
    return 0.5 ** (age / half_life), f"{age / 3600:.1f} h old"


def _owners(owners: int, outlets: int) -> tuple[float, str]:
    return ((owners - 1) / (outlets - 1) if outlets > 1 else 0.0), f"{owners} of {outlets} outlets"


def _origin_known(report: ReportRow) -> bool:
    return report.origin_outlet is not None or report.origin_name is not None
