from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from aggregator.store.connection import open_writer


@pytest.fixture
def db(database: Path) -> Iterator[sqlite3.Connection]:
    connection = open_writer(database)
    yield connection
    connection.close()
