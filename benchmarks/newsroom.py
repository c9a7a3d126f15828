"""Labelled newsrooms through the very functions that the service runs, without feeds and database."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zlib import crc32

from aggregator.config import Config
from aggregator.model import Analysis, Member, Text
from aggregator.reports.analyse import analyse_texts
from aggregator.reports.cluster import ClusterSettings, group
from aggregator.reports.origin import OriginArticle
from aggregator.reports.outlets import OutletList
from aggregator.reports.summary import ClusterArticle, summarise
from benchmarks.scoring import Score, bcubed, groups, pairs, prf, sets

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
OWN = sorted((ROOT / "tests" / "quality" / "newsroom").glob("part-*.jsonl"))
DEMO = ROOT / "aggregator" / "demo" / "newsroom.jsonl"
_NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
_BACKGROUND = re.compile(r"background: *([\w.,-]+)")


@dataclass(frozen=True, slots=True)
class Labelled:
    """An article with its labels; ``published`` is moved so that all stories fall into three days."""

    id: str
    story: str
    outlet: str
    lang: str
    headline: str
    text: str
    published: datetime
    cites: frozenset[str]
    background: frozenset[str]  # sources that count neither way
    origin: bool
    copy_of: str | None


def read(files: Iterable[Path]) -> list[Labelled]:
    """Read labelled articles; each story is moved into the 72 hours before a fixed now."""
    rows = [
        json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines() if line
    ]
    first: dict[str, datetime] = {}
    for row in rows:
        at = datetime.fromisoformat(row["published"]).astimezone(UTC)
        first[row["story"]] = min(at, first.get(row["story"], at))
    return [_labelled(row, first[row["story"]]) for row in rows]


def _labelled(row: dict[str, object], first: datetime) -> Labelled:
    story, note = str(row["story"]), str(row.get("note") or "")
    lag = datetime.fromisoformat(str(row["published"])).astimezone(UTC) - first
    start = _NOW - timedelta(hours=73) + timedelta(hours=crc32(story.encode()) % 36)
    named = [domain for found in _BACKGROUND.findall(note) for domain in found.split(",")]
    return Labelled(
        id=str(row["id"]),
        story=story,
        outlet=str(row["outlet"]).removeprefix("www."),
        lang=str(row["lang"]),
        headline=str(row["headline"]),
        text="\n".join(row["paragraphs"]),  # type: ignore[call-overload]
        published=start + min(lag, timedelta(hours=36)),
        cites=frozenset(map(str.lower, row["cites"])),  # type: ignore[call-overload]
        background=frozenset(map(str.lower, named)),
        origin=bool(row["origin"]),
        copy_of=row["copy_of"],  # type: ignore[arg-type]
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the service's functions make of a newsroom."""

    cluster: dict[str, Hashable]
    copy_of: dict[str, str | None]
    cites: dict[str, set[str]]
    origin: dict[Hashable, str | None]  # by cluster


def run(articles: list[Labelled]) -> Outcome:
    """Analyse and cluster a newsroom in one batch."""
    config = Config()
    outlets = OutletList.load()
    texts = tuple(
        Text(number, article.outlet, article.headline, article.text, article.lang, article.published)
        for number, article in enumerate(articles)
    )
    analyses = analyse_texts(texts, config.cluster.encoder, ())
    members = [_member(text, analysis) for text, analysis in zip(texts, analyses, strict=True)]
    settings = ClusterSettings(window=config.cluster.window, encoder=config.cluster.encoder)
    grouping = group(members, frozenset(range(len(articles))), (), settings)
    cluster = {number: label for label, numbers in enumerate(grouping.groups) for number in numbers}
    origins = {
        label: _origin(numbers, members, analyses, grouping.copy_of, outlets)
        for label, numbers in enumerate(grouping.groups)
    }
    ids = [article.id for article in articles]
    copies = {ids[n]: None if (of := grouping.copy_of.get(n)) is None else ids[of] for n in range(len(ids))}
    cited = {ids[n]: {c.outlet for c in analyses[n].citations if c.outlet} for n in range(len(ids))}
    return Outcome({ids[n]: label for n, label in cluster.items()}, copies, cited, origins)


def _member(text: Text, analysis: Analysis) -> Member:
    cited = tuple(sorted({c.outlet for c in analysis.citations if c.outlet}))
    return Member(
        text.article_id,
        text.outlet,
        text.lang,
        text.published_at,
        analysis.features,
        cited=cited,
        word_count=len(text.text.split()),
    )


def _origin(
    numbers: Iterable[int],
    members: list[Member],
    analyses: tuple[Analysis, ...],
    copy_of: dict[int, int | None] | object,
    outlets: OutletList,
) -> str | None:
    agencies = frozenset(outlet.domain for outlet in outlets if outlet.kind == "agency")
    articles = []
    for number in numbers:
        member = members[number]
        cited = {c.outlet: c.confidence for c in analyses[number].citations if c.outlet}
        account = OriginArticle(
            number,
            member.outlet,
            outlets.family_of(member.outlet),
            member.published_at,
            copy_of.get(number),  # type: ignore[attr-defined]
            cited,
        )
        articles.append(ClusterArticle(account, "", member.lang))
    return summarise(articles, agencies).origin_outlet


def score(articles: list[Labelled], outcome: Outcome) -> dict[str, Score]:
    """Score a newsroom as it is judged: clusters, pairs, citations, copies, origins."""
    gold = {article.id: article.story for article in articles}
    lang = {article.id: article.lang for article in articles}
    wanted = {article.id: set(article.cites) for article in articles}
    found = {a.id: outcome.cites[a.id] - (a.background - a.cites) for a in articles}
    return {
        "bcubed": bcubed(gold, outcome.cluster),
        "pairs": pairs(gold, outcome.cluster),
        "pairs across languages": pairs(gold, outcome.cluster, lambda a, b: lang[a] != lang[b]),
        "citations": sets(wanted, found),
        "copies": _copies(articles, outcome),
        "origin": _origins(articles, outcome, gold),
    }


def _copies(articles: list[Labelled], outcome: Outcome) -> Score:
    copied = {article.id: article.copy_of for article in articles}

    def root(article: str) -> str:
        while (source := copied[article]) is not None:
            article = source
        return article

    claimed = [(article, source) for article, source in outcome.copy_of.items() if source is not None]
    right = sum(root(article) == root(source) for article, source in claimed)
    return prf(right, len(claimed), sum(source is not None for source in copied.values()))


def _origins(articles: list[Labelled], outcome: Outcome, gold: dict[str, str]) -> Score:
    """Accuracy over the stories of two or more articles that have an origin, or cite somebody."""
    by_id = {article.id: article for article in articles}
    right = total = 0
    for ids in groups(gold).values():
        origin = next((by_id[a].outlet for a in ids if by_id[a].origin), None)
        votes = Counter(cited for a in ids for cited in sorted(by_id[a].cites))
        if len(ids) < 2 or (origin is None and not votes):
            continue
        total += 1
        cluster = Counter(outcome.cluster[a] for a in ids).most_common(1)[0][0]
        right += outcome.origin[cluster] == (origin or votes.most_common(1)[0][0])
    return {"accuracy": right / total if total else 1.0}
