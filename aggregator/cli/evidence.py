"""How a cluster came together: which article joined by which other, and what spoke for it most."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import asdict
from math import prod
from typing import TYPE_CHECKING

from aggregator.cli import output
from aggregator.cli.session import Session

if TYPE_CHECKING:
    from rich.text import Text

    from aggregator.store.showing import Brief, Evidence

_SIGNALS = {
    "headlines": "headlines mean the same",
    "leads": "headline and lead mean the same",
    "bodies": "texts mean the same",
    "rare_name": "a rare name in both",
    "words": "telling words in both",
    "headline_words": "headline's words in the other",
    "numbers": "numbers in both",
    "numbers_differ": "numbers that differ",
    "weekdays": "same weekday named",
    "cited": "same outlet cited",
    "links": "link to the same page",
    "language_gap": "something nearer in that language",
    "days_apart": "days between them",
    "other_language": "other language",
    "same_outlet": "same outlet",
    "bare": "one is a headline only",
    "both_bare": "both are headlines only",
}
_TOLD = 3  # signals that are named for each article


def in_words(term: str) -> str:
    """Return a term of the score in words; one of two signals is their product."""
    return " × ".join(_SIGNALS.get(signal, signal.replace("_", " ")) for signal in term.split("*"))


def show_evidence(session: Session, db: sqlite3.Connection, cluster: int, encoder: str) -> None:
    """Print the stored evidence of a cluster; ``encoder`` says which weights its scores were made with."""
    from aggregator.store.clusters import constraints_among
    from aggregator.store.showing import articles_of_cluster, brief_articles, evidence_of_cluster

    ids = articles_of_cluster(db, cluster)
    briefs, links = brief_articles(db, ids), evidence_of_cluster(db, cluster)
    decisions = [pair for pair in constraints_among(db, ids) if {pair.article_id, pair.other_id} <= set(ids)]
    if session.as_json:
        articles = [asdict(briefs[article]) for article in ids]
        facts = {"links": [asdict(link) for link in links], "decisions": [asdict(pair) for pair in decisions]}
        output.print_json({"cluster_id": cluster, "articles": articles, **facts})
        return
    joined = {link.article_id: link for link in links}
    heading = f"cluster {cluster} · {output.several(len(ids), 'article')}"
    if links:
        heading += f", each with the one by which it joined ({links[0].threshold:.0%} are asked for)"
    output.show(output.text(heading, "bold"))
    for article in ids:
        output.show(*_lines(briefs[article], joined.get(article), briefs, encoder))
    for pair in decisions:
        output.show(output.text(f"A person decided on {pair.article_id} and {pair.other_id}.", "yellow"))
    if len(ids) > 1:
        session.say(f"`aggregator explain {ids[0]} {ids[-1]}` compares two of them in full")


def _lines(brief: Brief, link: Evidence | None, briefs: Mapping[int, Brief], encoder: str) -> list[Text]:
    """Return an article, and by which other it joined."""
    head = output.text(brief.outlet_name, "bold")
    head.append(f" · {brief.lang or '?'} · article {brief.article_id}", "not bold dim")
    return [output.text(""), head, output.text(brief.title), _joining(link, briefs, encoder)]


def _joining(link: Evidence | None, briefs: Mapping[int, Brief], encoder: str) -> Text:
    if link is None or link.other_id not in briefs:
        return output.text("the others joined it" if len(briefs) > 1 else "it stands alone", "dim")
    why = ", ".join(_strongest(link, encoder))
    other = f"{briefs[link.other_id].outlet_name} ({link.other_id})"
    return output.text(f"joined by {other} with {link.score:.0%}: {why}", "green")


def _strongest(link: Evidence, encoder: str) -> list[str]:
    """Return what spoke for a link most, by today's weights, in words."""
    from aggregator.reports.score import load_weights

    effects = {
        term: weight * prod(link.signals.get(name, 0.0) for name in term.split("*"))
        for term, weight in load_weights(encoder).terms.items()
    }
    best = sorted((term for term in effects if effects[term] > 0), key=lambda term: -effects[term])
    return [in_words(term) for term in best[:_TOLD]]
