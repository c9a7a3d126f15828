"""A cluster as something one wants to read: a timeline of who said what when."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from aggregator.cli.output import shown, span, stamp, stdout
from aggregator.digest.model import ArticleRow, ReportRow


def print_cluster(report: ReportRow, articles: Sequence[ArticleRow]) -> None:
    """Print a cluster: headline, who had it first, and each article by time."""
    console = stdout()
    console.print(f"[bold]{shown(report.title)}[/bold]")
    origin = report.origin_name or report.origin_outlet
    console.print(f"cluster {report.cluster_id} · {_reach(report)} · {' '.join(report.languages)}")
    if origin:
        cited = sum(
            any(cite.outlet == report.origin_outlet for cite in article.cites) for article in articles
        )
        console.print(
            f"reported first by [green]{shown(origin)}[/green], cited by {cited} of {len(articles)}"
        )
    console.print()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("published (UTC)", "after", "article", "outlet", "", "title"):
        table.add_column(name, overflow="fold")
    for article in sorted(articles, key=lambda row: (row.published_at, row.article_id)):
        lag = article.published_at - report.first_published_at
        table.add_row(
            stamp(article.published_at),
            span(lag) if lag else "first",
            str(article.article_id),
            shown(article.outlet),
            shown(article.lang),
            f"{shown(article.title)}{_note(article)}",
        )
    console.print(table)


def _reach(report: ReportRow) -> str:
    return (
        f"{_count(report.article_count, 'article')} by {_count(report.outlet_count, 'outlet')},"
        f" {report.independent_count} independent"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _note(article: ArticleRow) -> str:
    notes = []
    if article.copy_of:
        notes.append(f"copy of {article.copy_of}")
    if article.cites:
        notes.append("cites " + ", ".join(shown(cite.outlet or cite.name) for cite in article.cites))
    if article.status != "full":
        notes.append(article.status)
    return f"\n[dim]{'; '.join(notes)}[/dim]" if notes else ""
