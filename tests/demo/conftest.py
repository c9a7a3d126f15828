from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from aggregator.demo.newsroom import DemoArticle, load_articles
from aggregator.demo.server import NewsroomServer

NOW = datetime(2030, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def articles() -> tuple[DemoArticle, ...]:
    return load_articles(NOW)


@pytest.fixture
def newsroom() -> Iterator[NewsroomServer]:
    with NewsroomServer(NOW) as server:
        yield server


@pytest.fixture
def client(newsroom: NewsroomServer) -> Iterator[httpx.Client]:
    with httpx.Client(proxy=newsroom.proxy, trust_env=False) as client:
        yield client
