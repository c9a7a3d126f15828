"""Builders of rows: a small invented newsroom that the digest's tests share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from aggregator.digest.model import ArticleRow, Cite, DayCounts, Digest, DigestQuery, ReportRow
from aggregator.digest.select import make_digest
from aggregator.digest.window import day_window

MORNING = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
QUERY = DigestQuery(day_window(date(2026, 11, 24), "Europe/Berlin"), "Europe/Berlin")
ENGLISH = (
    "LONDON (Northwire) - The envoy met officials in Moscow for months, three people said. The talks began "
    "in March at an airport hotel. Read also: everything on the summit. The foreign office did not comment "
    "on the talks in Moscow. A flight log gave the envoy away last week."
)
GERMAN = (
    "Berlin (nwa) - Der Gesandte traf sich monatelang mit Vertretern Moskaus. Die Gespräche begannen am "
    "3. März in einem Hotel am Flughafen. Das Außenministerium wollte sich dazu nicht äußern."
)
RUSSIAN = (
    "Посланник месяцами встречался с представителями Москвы. Переговоры начались в марте в гостинице у "
    "аэропорта. В министерстве отказались от комментариев по этому поводу."
)


def article(article_id: int, cluster_id: int = 1, **changes: Any) -> ArticleRow:
    row = ArticleRow(
        article_id=article_id,
        cluster_id=cluster_id,
        outlet=f"outlet{article_id}.example",
        outlet_name=f"Outlet {article_id}",
        family=None,
        kind="newspaper",
        lang="en",
        title=f"Envoy held months of talks, version {article_id}",
        url=f"https://outlet{article_id}.example/news/{article_id}",
        text=ENGLISH,
        published_at=MORNING + timedelta(minutes=10 * article_id),
        first_seen_at=MORNING + timedelta(minutes=10 * article_id + 5),
        word_count=600,
    )
    return replace(row, **changes)


def report(articles: list[ArticleRow], **changes: Any) -> ReportRow:
    outlets = {row.outlet for row in articles}
    row = ReportRow(
        cluster_id=articles[0].cluster_id,
        title=articles[0].title,
        first_published_at=min(row.published_at for row in articles),
        last_published_at=max(row.published_at for row in articles),
        article_count=len(articles),
        outlet_count=len(outlets),
        independent_count=len(outlets),
        languages=tuple(sorted({row.lang for row in articles if row.lang})),
        origin_article_id=None,
        origin_outlet=None,
    )
    return replace(row, **changes)


@dataclass(frozen=True)
class Newsroom:
    """The rows of a day and how to make digests of them."""

    reports: list[ReportRow]
    articles: list[ArticleRow]
    counts: DayCounts

    def digest(self, **asked: Any) -> Digest:
        return make_digest(self.reports, self.articles, self.counts, replace(QUERY, **asked))


def _newsroom() -> Newsroom:
    paper = Cite("paper.example", "The Paper")
    first = {"outlet": "paper.example", "outlet_name": "The Paper", "tags": ("world",)}
    german = {"lang": "de", "text": GERMAN, "revisions": 2, "former_title": "Gesandter traf Moskau"}
    arabic = {"lang": "ar", "text": "أجرى المبعوث محادثات سرية في موسكو على مدى أشهر."}
    envoy = [
        article(1, title="Envoy held secret talks", **first),
        article(2, title="Gesandter sprach mit Moskau", cites=(paper,), **german),
        article(3, title="Посланник вёл переговоры", cites=(paper,), lang="ru", text=RUSSIAN),
        article(4, title="Envoy in talks, paper says", cites=(paper,), word_count=90),
        article(5, title="Envoy held secret talks", copy_of=1),
        article(6, title="مبعوث أجرى محادثات سرية", **arabic),
    ]
    open_again = "The harbour bridge reopened to traffic on Tuesday."
    bridge = [
        article(20, 2, title="Harbour bridge reopens", text=open_again, tags=("local",)),
        article(
            21, 2, title="Bridge open again", text="The bridge in the harbour is open again to all traffic."
        ),
    ]
    alone = [article(30, 3, title="Lost cat found", text="A cat was found.", lang=None, tags=("local",))]
    origin = {"origin_outlet": "paper.example", "origin_name": "The Paper", "origin_article_id": 1}
    reports = [report(envoy, independent_count=4, **origin), report(bridge), report(alone)]
    hours = tuple((MORNING + timedelta(hours=n), 3 + n) for n in range(5))
    counts = DayCounts(1204, 812, 240, hours, (("en", 500), ("de", 200), (None, 12)))
    return Newsroom(reports, [*envoy, *bridge, *alone], counts)


@pytest.fixture(scope="session")
def newsroom() -> Newsroom:
    return _newsroom()


@pytest.fixture(scope="session")
def new_article() -> Callable[..., ArticleRow]:
    return article


@pytest.fixture(scope="session")
def new_report() -> Callable[..., ReportRow]:
    return report


@pytest.fixture(scope="session")
def query() -> DigestQuery:
    return QUERY


@pytest.fixture(scope="session")
def one_cluster(new_article: Callable[..., ArticleRow]) -> Callable[..., Digest]:
    """Return what makes a digest of one cluster from its articles and changes to its report and query."""

    def make(*articles: ArticleRow, asked: dict[str, Any] | None = None, **changes: Any) -> Digest:
        rows = list(articles)
        return make_digest(
            [report(rows, **changes)], rows, DayCounts(0, 0, 0), replace(QUERY, **(asked or {}))
        )

    return make


PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><svg onload=alert(1)>",
    "</title></head><body onload=alert(1)>",
    "--><iframe src=javascript:alert(1)></iframe>",
    "{{ 7 * 7 }}{% raw %}",
    "[x](javascript:alert(1))",
    "![x](https://evil.example/pixel.png)",
    "[x]: javascript:alert(1)",
    "<javascript:alert(1)>",
    "`code` ``more`` | cell | # heading",
    "# heading",
    "- list",
    "1. list",
    "=====",
    "```fence",
    "~~~fence",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#x3c;script&#x3e;",
    "]]><script>alert(1)</script>",
    "\x1b]0;owned\x07\x1b[31mred\x9b32m",
    "safe\u202egnp.exe",
    "line\u2028separator\nnext\r\n# heading",
    "nul\x00 and \ud800 lone surrogate",
    "javascript:alert(1)",
    "java\nscript:alert(1)",
    " JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    'https://ok.example/"onmouseover="alert(1)',
    "https://ok.example/)<script>alert(1)</script>",
    "https://[::1",
    "//evil.example",
    "https://",
)  # fmt: skip


@pytest.fixture(params=PAYLOADS)
def payload(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def hostile() -> Callable[..., Digest]:
    """Return what makes a digest, a cluster for each string, with it wherever a stranger can put it."""

    def make(*texts: str) -> Digest:
        clusters = [_written_by(text, number) for number, text in enumerate(texts, start=1)]
        reports = [
            report(rows, title=text, origin_outlet=text, origin_name=text)
            for rows, text in zip(clusters, texts, strict=True)
        ]
        counts = DayCounts(1, 1, 1, ((MORNING, 1),), tuple((text, 1) for text in texts))
        asked = {"tag": texts[0], "outlet": texts[0]} if len(texts) == 1 else {}
        rows = [row for cluster in clusters for row in cluster]
        return make_digest(reports, rows, counts, replace(QUERY, why=True, limit=None, **asked))

    return make


def _written_by(text: str, cluster: int) -> list[ArticleRow]:
    names = dict.fromkeys(("outlet", "outlet_name", "family", "kind", "lang", "title", "url", "status"), text)
    words = {"text": f"{text}\n{text} and four more words here.", "former_title": text, "revisions": 1}
    own = article(
        cluster * 10, cluster, cites=(Cite(text, text), Cite(None, text)), tags=(text,), **names, **words
    )
    safe = {"outlet": "other.example", "outlet_name": "Other", "url": "https://other.example/2"}
    relay, copy = {"word_count": 90}, {"copy_of": cluster * 10}
    others = (safe, relay, copy)
    return [
        own,
        *(replace(own, article_id=own.article_id + n, **kind) for n, kind in enumerate(others, start=1)),
    ]
