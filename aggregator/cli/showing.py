"""The command show: a cluster as something one wants to read, who said what when and from whom."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.table import Table

from aggregator.cli import output
from aggregator.cli.app import command
from aggregator.cli.session import Session, UsageError

if TYPE_CHECKING:
    from rich.text import Text

    from aggregator.digest.model import ArticleRow, ReportRow
    from aggregator.store.showing import Quoted

    Citations = Mapping[int, Sequence[Quoted]]

_QUOTE_LENGTH = 240  # characters; a sentence that says more is cut


@command("show", "aggregator show 4", "aggregator --json show 4 | jq '.articles[].url'")
def show(
    context: typer.Context,
    cluster: Annotated[int, typer.Argument(metavar="CLUSTER", help="Number of a cluster, old or new.")],
) -> None:
    """Show a cluster: who reported what when, and from whom.

    Its articles by time, who had it first, who republishes whose text, and who cites whom in which words.
    """
    from aggregator.store.digests import cluster_rows
    from aggregator.store.showing import quoted_citations

    session: Session = context.obj
    with session.reader() as db:
        current = cluster_in_use(db, cluster)
        report, articles = cluster_rows(db, current)
        citations = quoted_citations(db, [article.article_id for article in articles])
    if report is None:  # pruned a moment ago
        raise _unknown(cluster)
    articles = sorted(articles, key=lambda row: (row.published_at, row.article_id))
    if session.as_json:
        output.print_json(
            asdict(report) | {"articles": [_fields(article, citations) for article in articles]}
        )
        return
    if current != cluster:
        session.say(f"cluster {cluster} is part of {current} now")
    output.show(*_heading(report, articles), output.text(""), _timeline(report, articles, citations))


def cluster_in_use(db: sqlite3.Connection, number: int) -> int:
    """Return the cluster that a number ever given out stands for now; raises UsageError."""
    from aggregator.store.clusters import resolve_cluster

    cluster = resolve_cluster(db, number)
    if cluster is None:
        raise _unknown(number)
    return cluster


def _unknown(number: int) -> UsageError:
    return UsageError(f"there is no cluster {number}; `aggregator digest` and `search` name them")


def _fields(article: ArticleRow, citations: Citations) -> dict[str, object]:
    cites = [asdict(citation) for citation in citations.get(article.article_id, ())]
    return asdict(article) | {"cites": cites}


def _heading(report: ReportRow, articles: Sequence[ArticleRow]) -> list[Text]:
    reach = output.several(report.article_count, "article")
    reach += f" by {output.several(report.outlet_count, 'outlet')} ({report.independent_count} independent)"
    first, last = report.first_published_at, report.last_published_at
    times = f"first {output.stamp(first)} UTC"
    if last > first:
        times += f", the last {output.span(last - first)} later"
    return [
        output.text(report.title, "bold"),
        output.text(f"cluster {report.cluster_id} · {reach} · {', '.join(report.languages)}"),
        output.text(times),
        *_origin(report, articles),
    ]


def _origin(report: ReportRow, articles: Sequence[ArticleRow]) -> list[Text]:
    if report.origin_outlet is None:
        return []
    citing = sum(any(cite.outlet == report.origin_outlet for cite in article.cites) for article in articles)
    line = output.text("reported first by ")
    line.append(output.clean(report.origin_name or report.origin_outlet), "bold green")
    if report.origin_article_id is None:
        from aggregator.digest.wording import ABSENT

        line.append(f" ({ABSENT})")
    if citing:
        line.append(f", cited by {citing} of {output.several(len(articles), 'article')}")
    return [line]


def _timeline(report: ReportRow, articles: Sequence[ArticleRow], citations: Citations) -> Table:
    """Return a row an article: when and how long after the first on the left, who and what on the right."""
    outlets = {article.article_id: article.outlet_name for article in articles}
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, justify="right")
    table.add_column(overflow="fold")
    before: datetime | None = None
    for article in articles:
        when = Group(
            _clock(article.published_at, before), _lag(article.published_at - report.first_published_at)
        )
        what = Group(*_account(report, article, outlets), *_cites(citations.get(article.article_id, ())), "")
        table.add_row(when, what)
        before = article.published_at
    return table


def _clock(at: datetime, before: datetime | None) -> Text:
    """Return a time; the day only where it is another than the one before."""
    same_day = before is not None and before.date() == at.date()
    return output.text(f"{at:%H:%M}" if same_day else f"{at:%a %d %b %H:%M}", "bold")


def _lag(lag: timedelta) -> Text:
    return output.text(f"+{output.span(lag)}", "dim") if lag else output.text("first", "green")


def _account(report: ReportRow, article: ArticleRow, outlets: Mapping[int, str]) -> list[Text]:
    name = output.text(
        article.outlet_name, "bold green" if article.outlet == report.origin_outlet else "bold"
    )
    facts = [article.lang, f"article {article.article_id}"]
    if article.copy_of:
        whose = outlets.get(article.copy_of)
        facts.append(f"copies {f'{whose} ({article.copy_of})' if whose else f'article {article.copy_of}'}")
    if article.status != "full":
        facts.append(article.status)
    name.append(" · " + " · ".join(output.clean(fact) for fact in facts if fact), "not bold dim")
    lines = [name, output.text(article.title)]
    if article.former_title:
        lines.append(output.text(f"headline at first: {article.former_title}", "dim"))
    return [*lines, output.text(article.url, "blue")]


def _cites(citations: Sequence[Quoted]) -> list[Text]:
    """Return a line for each outlet that an article names, with the first sentence that names it."""
    named: dict[str, Quoted] = {}
    for citation in citations:
        named.setdefault(citation.outlet_name or citation.name, citation)
    lines = []
    for name, citation in named.items():
        line = output.text(f"cites {name}: ", "yellow")
        lines.append(line.append(f"“{_shortened(output.clean(citation.quote))}”", "italic"))
    return lines


def _shortened(sentence: str) -> str:
    import textwrap

    return textwrap.shorten(sentence, _QUOTE_LENGTH, placeholder=" …")
