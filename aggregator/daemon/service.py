"""One run of the service with one configuration: the jobs, and an orderly end.

When a feed is due is a column of the database, so the schedule only looks, again and again, whether anything
is: a restart, a suspend or a changed clock costs nothing and floods nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from aggregator.config import Config, DigestSettings
from aggregator.daemon.callback import hearing_hubs
from aggregator.daemon.control import Control
from aggregator.daemon.notify import notify
from aggregator.daemon.trouble import Patience
from aggregator.digest.window import digest_day, digest_name
from aggregator.pipeline.cycle import Scope, run_cycle
from aggregator.pipeline.digest import Filed, file_again, file_daily_digest
from aggregator.pipeline.mail import Sent, mail_daily_digest
from aggregator.pipeline.services import Services
from aggregator.store.prune import Cutoffs, Pruned, prune
from aggregator.store.status import work_waits
from aggregator.store.times import to_text
from aggregator.store.wal import fold_log, log_size
from aggregator.store.writer import Writer

log = structlog.get_logger()

LOOK_SECONDS = 30
FOLD_ABOVE = 16_000_000
"""Bytes of write-ahead log above which an idle service folds it back. SQLite does so by itself every 4 MB,
but leaves the file as long as it ever was."""


class Service:
    """The jobs of a running service. A cycle that fails ends ``run`` with its exception."""

    def __init__(
        self, services: Services, control: Control, patience: Patience, *, prune_after: float
    ) -> None:
        self._services, self._control, self._patience = services, control, patience
        self._prune_after = prune_after
        self._work: asyncio.Task[None] | None = None
        self._failure: Exception | None = None
        self._prune_waits = False
        self._caught_up = False
        self._scheduler = AsyncIOScheduler(
            timezone=services.config.digest.timezone,
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    async def run(self) -> None:
        """Work until told to come down or a cycle fails; then give work under way a moment to end.

        What is cut off was not stored, and is taken up at the next start. Raises what made the cycle fail.
        """
        async with hearing_hubs(self._services, self.look) as self._services:
            self._plan()
            self._scheduler.start()
            await self.look()
            await self._control.wake.wait()
            self._scheduler.pause()
            await self._drain()
            self._scheduler.shutdown(wait=False)
        if self._failure:
            raise self._failure

    async def look(self) -> None:
        """Start a cycle, unless one is under way or the service comes down.

        Async, or APScheduler would call it in a thread.
        """
        if not self._control.wake.is_set() and (self._work is None or self._work.done()):
            self._work = asyncio.create_task(self._guarded())

    async def digest_missed(self) -> None:
        """Write the latest digest that was due, unless it is there: the service may have been down."""
        settings = self._services.config.digest
        day = digest_day(self._due(), settings.timezone)
        if not _is_there(settings.directory / digest_name(day, settings.formats[0])):
            await self.digest()

    async def digest(self) -> None:
        """Write the digest that was due last, and mail it where feeds.yaml asks for it."""
        await self._file(file_daily_digest)
        await self.mail()

    async def mail(self) -> None:
        """Mail the digest that was due last to everybody who has not had it and whose turn it is."""
        services = self._services
        try:
            sent = await asyncio.to_thread(
                mail_daily_digest, services.config, services.writer, self._due(), services.clock()
            )
        except Exception:  # nor must mail
            log.exception("the digest could not be mailed")
        else:
            _log_mail(sent)

    async def digest_again(self) -> None:
        """Write and mail what is still to be, once the service is no longer behind with the news."""
        if self._caught_up:
            await self._file(file_again)
            await self.mail()

    async def ask_for_pruning(self) -> None:
        """Have old rows removed once no cycle is under way."""
        self._prune_waits = True
        await self.look()

    async def _file(self, write: Callable[[Config, Writer, datetime, datetime], Filed | None]) -> None:
        services = self._services
        try:
            filed = await asyncio.to_thread(
                write, services.config, services.writer, self._due(), services.clock()
            )
        except Exception:  # a digest that cannot be made must not stop the polls
            log.exception("the digest could not be written")
        else:
            _log_files(filed)

    def _due(self) -> datetime:
        return latest_due(self._services.config.digest, self._services.clock())

    def _plan(self) -> None:
        digest = self._services.config.digest
        hour, minute = digest.at.split(":")
        soon = datetime.now(self._scheduler.timezone) + timedelta(seconds=self._prune_after)
        add = self._scheduler.add_job
        add(self.look, IntervalTrigger(seconds=LOOK_SECONDS))
        add(self.digest_again, IntervalTrigger(seconds=LOOK_SECONDS))
        add(self.digest, CronTrigger(hour=hour, minute=minute, timezone=digest.timezone))
        add(self.ask_for_pruning, IntervalTrigger(days=1), next_run_time=soon)

    async def _guarded(self) -> None:
        try:
            await self._cycle()
        except Exception as error:  # the supervisor decides what it means
            self._failure = error
            self._control.renew()

    async def _cycle(self) -> None:
        services = self._services
        if await services.writer.write(work_waits, services.clock()):
            notify("STATUS=working")
            count = await run_cycle(services, Scope())
            notify(f"STATUS=idle; last cycle: {count.polled} feeds polled, {count.new_entries} new entries")
        self._patience.succeeded()
        if self._prune_waits:
            self._prune_waits = False
            await self._prune()
        if log_size(services.config.database) > FOLD_ABOVE:
            await asyncio.wrap_future(services.writer.submit_upkeep(fold_log))
        if not self._caught_up:
            await self.digest_missed()
            self._caught_up = True

    async def _prune(self) -> None:
        kept, now = self._services.config.retention, self._services.clock()
        cutoffs, total = Cutoffs.at(now, kept.polls, kept.articles), Pruned()
        while (some := await self._services.writer.write(prune, cutoffs)).rows:
            total += some
        log.info("pruned", **total.as_dict())

    async def _drain(self) -> None:
        if self._work is None:
            return
        hurry = asyncio.create_task(self._control.hurry.wait())
        await asyncio.wait([self._work, hurry], return_when=asyncio.FIRST_COMPLETED)
        for task in (hurry, self._work):
            task.cancel()
        await asyncio.gather(hurry, self._work, return_exceptions=True)


def latest_due(settings: DigestSettings, now: datetime) -> datetime:
    """Return the last time at which a digest was due, up to now."""
    hour, minute = map(int, settings.at.split(":"))
    local = now.astimezone(ZoneInfo(settings.timezone))
    due = local.replace(hour=hour, minute=minute, second=0, microsecond=0, fold=0)
    if due.astimezone(UTC) > now:  # in UTC: by the clock on the wall, 02:30 may come twice or never
        due -= timedelta(days=1)
    return due.astimezone(UTC)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a folder that cannot be looked into: writing will say so
        return False


def _log_files(filed: Filed | None) -> None:
    if filed and filed.again_at:
        log.warning(
            "the digest could not be written",
            reason=filed.reason,
            next=f"tried again at {to_text(filed.again_at)}",
        )
    elif filed:
        log.info("digest written", files=[str(path) for path in filed.paths])


def _log_mail(sent: Sent) -> None:
    if sent.to:
        log.info("digest mailed", recipients=len(sent.to))
    fates: dict[tuple[str, datetime | None], list[str]] = {}
    for one in sent.unsent:
        fates.setdefault((one.reason, one.again_at), []).append(one.recipient)
    for (reason, again_at), recipients in fates.items():
        after = f"tried again at {to_text(again_at)}" if again_at else "refused for good; not tried again"
        log.warning(
            "the digest could not be mailed; its files are not affected",
            to=recipients, reason=reason, next=after,
        )  # fmt: skip
