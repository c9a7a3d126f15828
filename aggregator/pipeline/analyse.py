"""Analyse: texts that are new or have changed get their features and citations."""

from __future__ import annotations

from collections.abc import Sequence

from aggregator.compute import Crash, call
from aggregator.model import Text
from aggregator.pipeline.bounded import for_each
from aggregator.pipeline.services import Services
from aggregator.reports.analyse import VERSION, analyse_texts
from aggregator.store.analysis import save_analyses, skip_analysis, texts_to_analyse

BATCH = 512
CHUNK = 16
"""Texts in one task: enough to make little of the way to a worker, few enough to spread."""


async def analyse_articles(services: Services) -> int:
    """Analyse every text that waits for it; returns how many there were."""
    done = 0
    while texts := await services.writer.write(texts_to_analyse, BATCH):
        services.progress.begin("analyse", len(texts))
        chunks = [texts[start : start + CHUNK] for start in range(0, len(texts), CHUNK)]
        await for_each(chunks, lambda chunk: _analyse(services, chunk), limit=8)
        done += len(texts)
    return done


async def _analyse(services: Services, texts: Sequence[Text]) -> None:
    encoder = services.config.cluster.encoder
    result = await call(services.executor, analyse_texts, tuple(texts), encoder, services.extra_outlets)
    if not isinstance(result, Crash):
        await services.writer.write(save_analyses, texts, result, encoder=encoder, version=VERSION)
        services.progress.advance("analyse", len(texts))
    elif len(texts) > 1:
        for text in texts:  # one of them is to blame: the others must not suffer for it
            await _analyse(services, [text])
    else:
        await services.writer.write(skip_analysis, texts[0].article_id, VERSION, result.detail)
        services.progress.advance("analyse")
