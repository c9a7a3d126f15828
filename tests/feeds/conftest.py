from __future__ import annotations

import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

SUITES = Path(__file__).parents[2].parent / "shared" / "suites"


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 11, 3, 12, 0, tzinfo=UTC)  # a Tuesday


@pytest.fixture
def suite() -> Callable[[str], zipfile.ZipFile]:
    """Open an archive of third-party test material that lies beside the repository, where there is one."""

    def open_suite(name: str) -> zipfile.ZipFile:
        if not (SUITES / name).is_file():
            pytest.skip(f"third-party suite {name} is not beside the repository (../shared/suites)")
        return zipfile.ZipFile(SUITES / name)

    return open_suite
