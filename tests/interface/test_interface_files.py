"""A digest that could not be written is written within the day, and is a trouble until then."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from aggregator.config import Config, load_config
from aggregator.daemon.control import Control
from aggregator.daemon.service import Service
from aggregator.daemon.trouble import Patience
from aggregator.pipeline.digest import file_again, file_daily_digest
from aggregator.pipeline.services import open_services
from aggregator.store.connection import open_reader
from aggregator.store.doctor import examine
from aggregator.store.status import read_status
from aggregator.store.writer import Writer

DUE = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def config(database: Path, tmp_path: Path) -> Config:
    text = "compute: {kind: inline}\ndigest: {directory: digests, formats: [html, md]}\n"
    (tmp_path / "feeds.yaml").write_text(text)
    return load_config(tmp_path / "feeds.yaml").model_copy(update={"database": database})


@pytest.fixture
def writer(database: Path) -> Iterator[Writer]:
    with Writer(database) as opened:
        yield opened


def _troubles(config: Config, now: datetime) -> list[str]:
    with closing(open_reader(config.database)) as db:
        return read_status(db, config.database, now).problems(now)


def test_attempts_become_rarer_down_to_one_an_hour_until_the_folder_takes_the_files(
    config: Config, writer: Writer
) -> None:
    config.digest.directory.write_text("in the way")
    filed, now, pauses = file_daily_digest(config, writer, DUE, DUE), DUE, []
    while filed and filed.again_at and len(pauses) < 6:
        pauses.append((filed.again_at - now) // MINUTE)
        assert file_again(config, writer, DUE, filed.again_at - MINUTE) is None
        now = filed.again_at
        filed = file_again(config, writer, DUE, now)
    assert pauses == [5, 10, 20, 40, 60, 60]
    config.digest.directory.unlink()
    filed = file_again(config, writer, DUE, filed.again_at)
    assert [path.name for path in filed.paths] == ["2026-03-02.html", "2026-03-02.md"]
    assert file_again(config, writer, DUE, now + timedelta(hours=9)) is None


def test_status_and_doctor_name_a_digest_that_could_not_be_written(config: Config, writer: Writer) -> None:
    config.digest.directory.write_text("in the way")
    file_daily_digest(config, writer, DUE, DUE)
    said = (
        "The digest of 2026-03-02 could not be written since 2026-03-02T07:00:00Z"
        f" ({config.digest.directory}: File exists); tried again at 2026-03-02T07:05:00Z."
    )
    assert _troubles(config, DUE) == [said]
    assert [(one.state, one.detail) for one in examine(config.database, DUE) if one.check == "digest"] == [
        ("fail", said)
    ]
    config.digest.directory.unlink()
    file_again(config, writer, DUE, DUE + 5 * MINUTE)
    assert _troubles(config, DUE) == []
    assert all(one.state != "fail" for one in examine(config.database, DUE) if one.check == "digest")


def test_the_next_digest_that_is_written_ends_the_trouble(config: Config, writer: Writer) -> None:
    config.digest.directory.write_text("in the way")
    file_daily_digest(config, writer, DUE, DUE)
    config.digest.directory.unlink()
    tomorrow = DUE + timedelta(days=1)
    assert file_daily_digest(config, writer, tomorrow, tomorrow).paths
    assert _troubles(config, tomorrow) == []


def test_the_service_says_in_a_line_that_a_digest_was_not_written_and_writes_it_later(
    config: Config, writer: Writer
) -> None:
    now = DUE + 3 * MINUTE

    async def story() -> None:
        nonlocal now
        async with open_services(config, writer, clock=lambda: now, jitter=lambda: 0.0) as services:
            service = Service(services, Control(), Patience(config.database), prune_after=1e6)
            await service.look()
            await service._work
            config.digest.directory.unlink()
            now += 4 * MINUTE
            await service.digest_again()
            now += MINUTE
            await service.digest_again()
            await service.digest_again()

    config.digest.directory.write_text("in the way")
    with structlog.testing.capture_logs() as logs:
        asyncio.run(story())
    failed, written = (line for line in logs if "digest" in line["event"])
    assert failed == {
        "event": "the digest could not be written",
        "log_level": "warning",
        "reason": f"{config.digest.directory}: File exists",
        "next": "tried again at 2026-03-02T07:08:00Z",
    }
    assert [Path(name).name for name in written["files"]] == ["2026-03-02.html", "2026-03-02.md"]
