"""Cluster: articles that are new or have changed are grouped with those of their time window."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from aggregator.model import Constraint, Grouping
from aggregator.pipeline.services import Services
from aggregator.reports.analyse import VERSION
from aggregator.reports.cluster import ClusterSettings, group
from aggregator.reports.ids import reconcile
from aggregator.reports.outlets import OutletList
from aggregator.reports.summary import summarise
from aggregator.store.clusters import (
    NewArticle,
    all_there,
    articles_to_cluster,
    assign,
    cluster_contents,
    constraints_among,
    current_clusters,
    end_waiting,
    members_around,
    new_cluster_ids,
    redirect_clusters,
    save_cluster,
    save_links,
)

BATCH = 1000


async def cluster_articles(services: Services) -> int:
    """Cluster every article that waits for it; returns how many there were.

    Batches go by time of publication, so that an archive of years is never in memory at once.
    """
    done = 0
    cluster = services.config.cluster
    settings = ClusterSettings(window=cluster.window, encoder=cluster.encoder)
    while waiting := await services.writer.write(articles_to_cluster, BATCH):
        services.progress.begin("cluster", len(waiting))
        for stretch in stretches(waiting, settings.window):
            if await _cluster_stretch(services, stretch, settings):
                services.progress.advance("cluster", len(stretch))
                done += len(stretch)
    return done


def stretches(waiting: Sequence[NewArticle], window: timedelta) -> list[list[NewArticle]]:
    """Part articles, ordered by time, where nothing can reach across: one old article among today's must not
    bring all the years between them into memory."""
    parts: list[list[NewArticle]] = []
    for article in waiting:
        if parts and article.at - parts[-1][-1].at <= 2 * window:
            parts[-1].append(article)
        else:
            parts.append([article])
    return parts


async def _cluster_stretch(
    services: Services, waiting: Sequence[NewArticle], settings: ClusterSettings
) -> bool:
    """Group in a thread: numpy lets go of the interpreter, and the service stays responsive."""
    new = frozenset(article.article_id for article in waiting)
    since = _before(waiting[0].at, settings.window)
    members = await services.writer.write(members_around, since, waiting[-1].at + settings.window)
    ids = [member.article_id for member in members]
    constraints = await services.writer.write(constraints_among, ids)
    grouping = await asyncio.to_thread(group, members, new, constraints, settings)
    return await services.writer.write(_record, grouping, new, ids, constraints, services)


def _before(moment: datetime, span: timedelta) -> datetime:
    """Subtract; many feeds date what has no date to the year 1, and time has no room before it."""
    earliest = datetime.min.replace(tzinfo=UTC)
    return moment - span if moment - earliest > span else earliest


def _record(
    db: sqlite3.Connection,
    grouping: Grouping,
    new: frozenset[int],
    ids: Sequence[int],
    constraints: Sequence[Constraint],
    services: Services,
) -> bool:
    """Write the outcome down; where other processes decided or pruned something meanwhile, do it over."""
    if constraints_among(db, ids) != constraints or not all_there(db, ids):
        return False
    record_grouping(db, grouping, services.outlets, services.clock())
    end_waiting(db, new)
    return True


def record_grouping(db: sqlite3.Connection, grouping: Grouping, outlets: OutletList, now: datetime) -> None:
    """Write down, in one transaction, who is together now: readers never see half of it."""
    current = current_clusters(db, [article for group_ in grouping.groups for article in group_])
    plan = reconcile(grouping.groups, current)
    fresh = iter(new_cluster_ids(db, sum(kept is None for kept in plan.ids), now))
    ids = [next(fresh) if kept is None else kept for kept in plan.ids]
    cluster_of = {
        article: cluster
        for cluster, articles in zip(ids, grouping.groups, strict=True)
        for article in articles
    }
    assign(db, cluster_of, grouping.copy_of, now)
    redirect_clusters(db, plan.redirects, now)
    save_links(db, grouping.links, cluster_of, version=VERSION, at=now)
    _summarise(db, ids, outlets, now)


def _summarise(db: sqlite3.Connection, ids: Sequence[int], outlets: OutletList, now: datetime) -> None:
    agencies = frozenset(outlet.domain for outlet in outlets if outlet.kind == "agency")
    for cluster, articles in cluster_contents(db, ids, outlets.family_of).items():
        save_cluster(db, cluster, summarise(articles, agencies), now)
