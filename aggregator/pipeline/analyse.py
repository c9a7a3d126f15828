"""Analyse: texts that are new or have changed get their features and citations."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from aggregator.compute import Crash, call
from aggregator.model import Text
from aggregator.pipeline.bounded import Upstream, for_each
from aggregator.pipeline.services import Services
from aggregator.reports.analyse import VERSION, analyse_texts
from aggregator.store.analysis import save_analyses, skip_analysis, texts_to_analyse

BATCH = 512
CHUNK = 16
"""Texts in one task: enough to make little of the way to a worker, few enough to spread."""


FEWEST_FAILURES = 3
"""If so many texts fail and not one succeeds, it is not the texts: the encoder cannot be loaded, say."""


class AnalysisError(Exception):
    """No text can be analysed."""


async def analyse_articles(services: Services, fetching: asyncio.Future[Any] | None = None) -> int:
    """Analyse every text that waits for it; returns how many there were.

    With ``fetching``, which reads texts meanwhile, it goes on until that is over and all of them are done.
    A text that fails alone is left out of clustering. Raises AnalysisError where all of them fail: they wait.
    """
    done, upstream = 0, Upstream(fetching)
    while True:
        over = upstream.over
        texts = await services.writer.write(texts_to_analyse, BATCH)
        if not texts and over:
            return done
        if not texts:
            await upstream.wait()
            continue
        services.progress.begin("analyse", len(texts))
        chunks = [texts[start : start + CHUNK] for start in range(0, len(texts), CHUNK)]
        failed = [
            one for part in await for_each(chunks, partial(_analyse, services), limit=8) for one in part
        ]
        if len(failed) == len(texts) >= FEWEST_FAILURES:
            raise AnalysisError(f"No text can be analysed: {failed[0][1]}")
        for article_id, reason in failed:
            await services.writer.write(skip_analysis, article_id, VERSION, reason)
        done += len(texts)


async def _analyse(services: Services, texts: Sequence[Text]) -> list[tuple[int, str]]:
    """Analyse some texts; returns the articles of those that cannot be, with the reason."""
    encoder = services.config.cluster.encoder
    result = await call(services.executor, analyse_texts, tuple(texts), encoder, services.extra_outlets)
    if not isinstance(result, Crash):
        await services.writer.write(save_analyses, texts, result, encoder=encoder, version=VERSION)
        services.progress.advance("analyse", len(texts))
        return []
    if len(texts) > 1:  # one of them is to blame: the others must not suffer for it
        return [failed for text in texts for failed in await _analyse(services, [text])]
    services.progress.advance("analyse")
    return [(texts[0].article_id, result.detail)]
