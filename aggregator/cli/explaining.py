"""The command explain: why two articles are, or are not, together."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from aggregator.cli import output
from aggregator.cli.app import command
from aggregator.cli.evidence import in_words, show_evidence
from aggregator.cli.session import Session, UsageError
from aggregator.cli.showing import cluster_in_use

if TYPE_CHECKING:
    from rich.text import Text

    from aggregator.model import Member
    from aggregator.reports.cluster import ClusterSettings
    from aggregator.reports.explain import Explanation, Part
    from aggregator.store.showing import Brief, Evidence

_WORTH_SAYING = 0.05  # of shared text, and of an effect
_BAR = 12  # characters of the strongest contribution's bar


@dataclass(frozen=True, slots=True)
class Case:
    """Two articles, and why they are together or not."""

    one: Brief
    other: Brief
    explanation: Explanation
    evidence: Evidence | None  # of the clustering that is in effect


@command(
    "explain",
    "aggregator explain 4            # how cluster 4 came together",
    "aggregator explain 12 31        # two articles",
    "aggregator explain c4 31        # cluster 4 and an article",
)
def explain(
    context: typer.Context,
    one: Annotated[
        str,
        typer.Argument(metavar="CLUSTER|ARTICLE", help="A cluster; or an article, before another one."),
    ],
    other: Annotated[
        int | None, typer.Argument(metavar="ARTICLE", help="The other article's number.")
    ] = None,
) -> None:
    """Say why articles are together, or are not.

    A cluster alone: which of its articles joined by which other. Two articles, or a cluster (c4) and an
    article: what speaks for and against, computed anew from what is stored; the cluster then stands for that
    of its articles which is most like the other one. Nothing is changed.
    """
    session: Session = context.obj
    settings = _settings(session)
    with session.reader() as db:
        if other is None:
            show_evidence(session, db, cluster_in_use(db, _number(one)), settings.encoder)
            return
        case = _case(db, one, other, settings)
    if session.as_json:
        articles = {"article": asdict(case.one), "other": asdict(case.other)}
        stored = asdict(case.evidence) if case.evidence else None
        output.print_json(articles | asdict(case.explanation) | {"stored": stored})
        return
    _print(case)


def _settings(session: Session) -> ClusterSettings:
    """Return how feeds.yaml has articles clustered; the defaults where only a database is given."""
    from aggregator.reports.cluster import ClusterSettings

    if session.database_option and not session.config_file.exists():
        return ClusterSettings()
    cluster = session.config.cluster
    return ClusterSettings(window=cluster.window, encoder=cluster.encoder)


def _case(db: sqlite3.Connection, one: str, other: int, settings: ClusterSettings) -> Case:
    from aggregator.reports.analyse import VERSION
    from aggregator.reports.explain import explain as compute
    from aggregator.reports.likeness import nearest
    from aggregator.store.clusters import constraints_among
    from aggregator.store.showing import brief_articles, evidence_between, waiting_for_analysis

    candidates = [article for article in _candidates(db, one) if article != other]
    if not candidates:
        raise UsageError("an article is always together with itself; name another one")
    briefs = brief_articles(db, [*candidates, other])
    for article in (other, *candidates):
        _must_be_comparable(briefs.get(article), article)
    members = _surroundings(db, briefs, (candidates, [other]), settings.window)
    if waiting := waiting_for_analysis(db, [member.article_id for member in members], VERSION):
        count = output.several(waiting, "article")
        raise UsageError(f"{count} near these wait to be analysed; `aggregator cluster` does so")
    chosen = nearest(other, candidates, members, settings) if len(candidates) > 1 else candidates[0]
    constraints = constraints_among(db, [member.article_id for member in members])
    explanation = compute(chosen, other, members, constraints, settings)
    return Case(briefs[chosen], briefs[other], explanation, evidence_between(db, chosen, other))


def _surroundings(
    db: sqlite3.Connection, briefs: Mapping[int, Brief], groups: Iterable[Sequence[int]], window: timedelta
) -> list[Member]:
    """Return all that is near in time to one of the groups, but not what lies between: it may be years."""
    from aggregator.store.clusters import members_around

    found: dict[int, Member] = {}
    for group in groups:
        times = [briefs[article].published_at for article in group]
        near = members_around(db, min(times) - window, max(times) + window)
        found |= {member.article_id: member for member in near}
    return list(found.values())


def _candidates(db: sqlite3.Connection, word: str) -> list[int]:
    """Return the articles that a word stands for: ``12`` is an article, ``c12`` a cluster's."""
    from aggregator.store.showing import articles_of_cluster

    number = _number(word)
    return [number] if word.isdecimal() else articles_of_cluster(db, cluster_in_use(db, number))


def _number(word: str) -> int:
    number = word.lower().removeprefix("c")
    if not (number.isascii() and number.isdecimal()):
        raise UsageError(f"{word}: write an article's number (12), or a cluster's with a c before it (c4)")
    return int(number)


def _must_be_comparable(brief: Brief | None, article: int) -> None:
    if brief is None:
        raise UsageError(f"there is no article {article}; `aggregator search` finds articles")
    if not brief.analysed:
        raise UsageError(f"article {article} was not analysed yet; `aggregator cluster` does so")


def _print(case: Case) -> None:
    explanation = case.explanation
    verdict = (
        output.text("Together: one report.", "bold green")
        if explanation.together
        else output.text("Apart: two reports.", "bold red")
    )
    output.show(verdict, output.text(_reason(explanation)), output.text(""))
    output.show(*_article(case.one), *_article(case.other), output.text(""))
    output.show(output.text(_facts(explanation)), output.text(""))
    output.print_table(("what was compared", "value", "for (+) or against (-)"), _rows(explanation.parts))
    output.show(output.text(""), *(output.text(line, "dim") for line in _footnotes(case)))


def _reason(explanation: Explanation) -> str:
    """Return what decided, in words."""
    score, threshold = f"{explanation.score:.0%}", f"{explanation.threshold:.0%}"
    return {
        "person": "A person decided so (`aggregator join` and `split`).",
        "too_far_apart": "They are further apart in time than articles are compared.",
        "roundup": "One of them is a round-up or live ticker: these stand alone.",
        "copy": f"One republishes the other's text: {explanation.copied_share:.0%} of the shorter one.",
        "score": f"The two by themselves: {score} likely to tell one report; {threshold} are asked for.",
        "groups": f"By themselves {score} likely to tell one report ({threshold} are asked for), but the mean"
        " over all articles of both groups decided otherwise.",
    }[explanation.decision]


def _article(brief: Brief) -> list[Text]:
    line = output.text(brief.outlet_name, "bold")
    place = f"cluster {brief.cluster_id}" if brief.cluster_id else "not clustered yet"
    facts = [f"{output.stamp(brief.published_at)}", brief.lang, f"article {brief.article_id}", place]
    line.append(" · " + " · ".join(output.clean(fact) for fact in facts if fact), "not bold dim")
    return [line, output.text(brief.title)]


def _facts(explanation: Explanation) -> str:
    apart = output.span(timedelta(hours=explanation.hours_apart))
    share = f"; {explanation.copied_share:.0%} of the shorter text stand in the longer"
    return f"Published {apart} apart{share if explanation.copied_share >= _WORTH_SAYING else ''}."


def _rows(parts: tuple[Part, ...]) -> list[tuple[object, ...]]:
    """Return the parts that counted, strongest first, each with a bar for how much."""
    counted = [part for part in parts if abs(part.contribution) >= _WORTH_SAYING]
    strongest = max((abs(part.contribution) for part in counted), default=1.0)
    rows: list[tuple[object, ...]] = []
    for part in counted:
        sign, style = ("+", "green") if part.contribution > 0 else ("-", "red")
        bar = sign * max(1, round(_BAR * abs(part.contribution) / strongest))
        effect = output.text(f"{part.contribution:+.1f} ", style).append(bar)
        rows.append((in_words(part.term), f"{part.value:.2f}", effect))
    return rows


def _footnotes(case: Case) -> list[str]:
    explanation, stored = case.explanation, case.evidence
    lines = [
        f"The effects, and {explanation.intercept:+.1f} for any two articles, are log-odds: together"
        f" {explanation.score:.0%}."
    ]
    if stored:
        lines.append(
            f"Stored evidence: {stored.article_id} joined by {stored.other_id} with {stored.score:.0%}"
            f" on {output.stamp(stored.at)} ({stored.version})."
        )
    return [*lines, _way_out(case)]


def _way_out(case: Case) -> str:
    word = "split" if case.explanation.together else "join"
    return f"Wrong? `aggregator {word} {case.one.article_id} {case.other.article_id}` corrects it for good."
