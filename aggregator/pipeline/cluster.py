"""Cluster: articles that are new or have changed are grouped with those of their time window."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from aggregator.model import Grouping, Member
from aggregator.pipeline.services import Services
from aggregator.reports.cluster import VERSION, ClusterSettings, group
from aggregator.reports.ids import IdPlan, reconcile
from aggregator.reports.summary import summarise
from aggregator.store.clusters import (
    NewArticle,
    articles_to_cluster,
    assign,
    constraints_among,
    new_cluster_ids,
    redirect_clusters,
    save_cluster,
    save_links,
    window_members,
)
from aggregator.store.reading import cluster_contents

BATCH = 1000


async def cluster_articles(services: Services) -> int:
    """Cluster every article that waits for it; returns how many there were.

    Batches go by time of publication, so that an archive of years is never in memory at once.
    """
    done = 0
    settings = ClusterSettings(window=services.config.cluster.window)
    while waiting := await services.writer.write(articles_to_cluster, BATCH):
        services.progress.begin("cluster", len(waiting))
        done += await _cluster_batch(services, waiting, settings)
        services.progress.advance("cluster", len(waiting))
    return done
