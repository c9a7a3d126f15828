from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from aggregator.config import Config
from aggregator.config.settings import Retention
from aggregator.daemon import service, supervise
from aggregator.daemon.control import Control
from aggregator.daemon.supervise import Supervisor
from aggregator.daemon.trouble import Patience
from aggregator.store import connection
from aggregator.store.connection import StoreError, open_reader
from aggregator.store.feeds import Subscription, sync_feeds
from aggregator.store.lock import hold
from aggregator.store.status import read_status
from aggregator.store.writer import Writer

Story = Callable[[Supervisor, Control], Awaitable[None]]


class Ship:
    """A supervised service in this process, with a clock and a monotonic time to be set."""

    def __init__(self, world, tmp_path: Path) -> None:
        self.world, self.ticks = world, 0.0
        self.config_file = tmp_path / "feeds.yaml"
        self.config_file.write_text(f"compute: {{kind: inline}}\n{self.lines(world.config)}")
        self.logs: list[dict[str, object]] = []

    def lines(self, config: Config) -> str:
        urls = "".join(f"  - {feed.url}\n" for feed in config.feeds)
        proxy = config.network.proxy.get_secret_value() if config.network.proxy else ""
        return f"network: {{proxy: '{proxy}', obey_robots: false}}\nfeeds:\n{urls}"

    def sail(
        self,
        story: Story,
        prepare: Callable[[sqlite3.Connection], object] | None = None,
        look: float = service.LOOK_SECONDS,
    ) -> None:
        """Run the service, and beside it the story; the service ends with the story."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(service, "LOOK_SECONDS", look)
            asyncio.run(self._sail(story, prepare))

    async def _sail(self, story: Story, prepare) -> None:
        database = self.world.database
        digest = self.world.config.digest.model_copy(update={"directory": database.parent / "digests"})
        config = self.world.config.model_copy(update={"digest": digest})
        with hold(database), Writer(database) as self.writer, structlog.testing.capture_logs() as self.logs:
            if prepare:
                await self.writer.write(prepare)
            control = Control()
            supervisor = Supervisor(
                config, self.config_file, self.writer, control, clock=lambda: self.world.now,
                jitter=lambda: 0.0, monotonic=lambda: self.ticks, patience=Patience(database, 0.0, 0.0),
            )  # fmt: skip
            running = asyncio.create_task(supervisor.run())
            telling = asyncio.create_task(story(supervisor, control))
            async with asyncio.timeout(120):  # a story that waits in vain must not wait for ever
                await asyncio.wait([running, telling], return_when=asyncio.FIRST_COMPLETED)
            control.end()
            await running
            await telling

    async def until_said(self, event: str, times: int = 1) -> dict[str, object]:
        await self.until(lambda: len(self.said(event)) >= times)
        return self.said(event)[-1]

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():  # noqa: ASYNC110 - logs and the control have no event for every condition
            await asyncio.sleep(0.01)

    def said(self, event: str) -> list[dict[str, object]]:
        return [line for line in self.logs if line["event"] == event]


@pytest.fixture
def ship(world, tmp_path: Path, monkeypatch) -> Ship:
    monkeypatch.setattr(supervise, "BEAT_SECONDS", 1e6)  # the story feels the pulse
    return Ship(world, tmp_path)


def test_a_service_polls_at_once_and_catches_up_on_the_digest(ship: Ship) -> None:
    async def story(_supervisor: Supervisor, _control: Control) -> None:
        cycle = await ship.until_said("cycle")
        assert (cycle["polled"], cycle["failed"], cycle["articles"]) == (3, 0, 3)
        await ship.until_said("digest written")

    ship.sail(story)
    names = sorted(path.name for path in (ship.world.database.parent / "digests").iterdir())
    assert names == ["2026-03-01.html", "2026-03-01.md", "index.html"]


def test_the_service_looks_again_and_again_and_polls_what_has_become_due(ship: Ship) -> None:
    async def story(_supervisor: Supervisor, _control: Control) -> None:
        await ship.until_said("cycle")
        ship.world.now += timedelta(days=2)
        ship.world.step[0] = 1
        assert (await ship.until_said("cycle", times=2))["new_entries"] == 3

    ship.sail(story, look=0.05)


def test_b03_a_restart_asks_nobody_who_is_not_due(ship: Ship) -> None:
    async def story(_supervisor: Supervisor, _control: Control) -> None:
        await ship.until_said("digest written")

    async def restart(_supervisor: Supervisor, control: Control) -> None:
        await ship.until(lambda: not control.wake.is_set())

    ship.sail(story)
    asked = len(ship.world.asked)
    for _ in range(3):
        ship.sail(restart)
    assert len(ship.world.asked) == asked


def test_a_new_feed_in_feeds_yaml_is_noticed_and_polled(ship: Ship) -> None:
    async def story(supervisor: Supervisor, _control: Control) -> None:
        await ship.until_said("cycle")
        ship.config_file.write_text(ship.config_file.read_text() + "  - http://feeds.paper1.org/feed?again\n")
        supervisor.pulse()
        supervisor.pulse()
        assert (await ship.until_said("feeds.yaml read anew"))["feeds"] == 4
        await ship.until_said("cycle", times=2)

    ship.sail(story)
    assert ship.world.rows("SELECT count(*) FROM feeds WHERE last_success_at NOT NULL") == [(4,)]


def test_a_broken_feeds_yaml_is_refused_and_the_old_one_kept(ship: Ship) -> None:
    async def story(supervisor: Supervisor, control: Control) -> None:
        await ship.until_said("cycle")
        ship.config_file.write_text("feeds: [oops")
        supervisor.reload()
        assert not control.wake.is_set()

    ship.sail(story)
    (line,) = ship.said("feeds.yaml is broken; going on with the old one")
    assert "feeds.yaml:2" in str(line["problems"])
    assert ship.world.rows("SELECT count(*) FROM feeds WHERE state = 'active'") == [(3,)]


def test_a_feeds_yaml_that_says_the_same_interrupts_nothing(ship: Ship) -> None:
    async def story(supervisor: Supervisor, control: Control) -> None:
        await ship.until_said("cycle")
        supervisor.reload()  # the digest's folder differs from the test's
        await ship.until(lambda: not control.wake.is_set())
        ship.config_file.write_text("# a comment\n" + ship.config_file.read_text())
        supervisor.reload()
        assert not control.wake.is_set()

    ship.sail(story)


@pytest.mark.parametrize("days", [365, -365, 3, -20000])
def test_l19_after_a_jump_of_the_clock_feeds_are_polled_once_and_no_storm_breaks_out(
    ship: Ship, days: int
) -> None:
    async def story(supervisor: Supervisor, _control: Control) -> None:
        await ship.until_said("cycle")
        ship.world.now += timedelta(days=days)
        supervisor.pulse()
        await ship.until_said("the clock has jumped; the schedule is made anew")
        await ship.until_said("cycle", times=2)
        supervisor.pulse()

    ship.sail(story)
    feeds = [url for url in ship.world.asked if url.endswith("/feed")]
    assert len(feeds) == 6
    assert len(ship.said("cycle")) == 2


def test_a_database_that_is_moved_away_ends_the_service(ship: Ship) -> None:
    async def story(supervisor: Supervisor, _control: Control) -> None:
        await ship.until_said("cycle")
        ship.world.database.rename(ship.world.database.with_name("moved.db"))
        supervisor.pulse()

    with pytest.raises(StoreError, match="moved, deleted or replaced"):
        ship.sail(story)


def hidden_entries(db: sqlite3.Connection) -> int:
    """Count the feeds whose validators are stored and whose entries are not (case L03)."""
    query = "SELECT count(*) FROM feeds WHERE etag NOT NULL AND id NOT IN (SELECT feed_id FROM entries)"
    return int(db.execute(query).fetchone()[0])


def test_l05_a_full_disk_is_said_once_and_work_goes_on_when_there_is_room(ship: Ship) -> None:
    def fill(db: sqlite3.Connection) -> None:
        db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0] + 1}")

    async def story(_supervisor: Supervisor, _control: Control) -> None:
        await ship.until_said("the database cannot be written; work rests until it can")
        await ship.until_said("still failing")
        assert await ship.writer.write(hidden_entries) == 0
        await ship.writer.write(lambda db: db.execute("PRAGMA max_page_count = 1000000"))
        await ship.until_said("going on after failures")

    ship.sail(story, prepare=fill)
    assert len(ship.said("the database cannot be written; work rests until it can")) == 1
    assert ship.world.rows("SELECT count(*), count(DISTINCT guid) FROM entries") == [(3, 3)]
    assert ship.world.rows("SELECT count(*) FROM articles WHERE status = 'full'") == [(3,)]


def break_(db: sqlite3.Connection) -> None:
    db.execute(
        "CREATE TRIGGER broken BEFORE UPDATE OF finished_at ON cycles"
        " BEGIN SELECT raise(ABORT, 'broken'); END"
    )


def test_l46_a_cycle_that_fails_is_tried_again_by_itself(ship: Ship) -> None:
    async def story(_supervisor: Supervisor, _control: Control) -> None:
        line = await ship.until_said("the cycle failed; it is tried again")
        assert "broken" in str(line["problem"])
        await ship.writer.write(lambda db: db.execute("DROP TRIGGER broken"))
        await ship.until_said("going on after failures")

    ship.sail(story, prepare=break_)
    assert ship.world.rows("SELECT count(*) FROM articles WHERE cluster_id NOT NULL") == [(3,)]


def test_l13_a_failure_over_a_database_that_was_moved_is_not_taken_for_another(ship: Ship) -> None:
    async def story(_supervisor: Supervisor, control: Control) -> None:
        await ship.until_said("the cycle failed; it is tried again")
        ship.world.database.rename(ship.world.database.with_name("moved.db"))
        await ship.until(lambda: control.ended)

    def break_for_good(db: sqlite3.Connection) -> None:
        db.execute("CREATE TRIGGER broken BEFORE INSERT ON cycles BEGIN SELECT raise(ABORT, 'broken'); END")

    with pytest.raises(StoreError, match="moved, deleted or replaced"):
        ship.sail(story, prepare=break_for_good)


def test_after_a_leap_of_the_clock_nothing_is_pruned_for_a_day(ship: Ship, monkeypatch) -> None:
    """By a clock that is wrong by a year, every article would be too old."""
    monkeypatch.setattr(supervise, "PRUNE_AFTER", 0.0)
    ship.world.config = ship.world.config.model_copy(
        update={"retention": Retention(articles=timedelta(days=90))}
    )

    async def story(supervisor: Supervisor, _control: Control) -> None:
        await ship.until_said("cycle")
        ship.world.now += timedelta(days=400)
        supervisor.pulse()
        await ship.until_said("cycle", times=2)

    ship.sail(story)
    assert ship.world.rows("SELECT count(*) FROM articles") == [(3,)]


def old_polls(db: sqlite3.Connection) -> None:
    sync_feeds(db, [Subscription("http://feeds.paper0.org/feed")], datetime(2020, 1, 1, tzinfo=UTC))
    for _ in range(3):
        db.execute("INSERT INTO polls (feed_id, at, outcome) VALUES (1, '2020-01-01T00:00:00Z', 'ok')")


def test_the_service_prunes_by_itself(ship: Ship, monkeypatch) -> None:
    monkeypatch.setattr(supervise, "PRUNE_AFTER", 0.0)
    with Writer(ship.world.database) as writer:
        writer.write_now(old_polls)

    async def story(_supervisor: Supervisor, _control: Control) -> None:
        assert (await ship.until_said("pruned"))["polls"] == 3

    ship.sail(story)


def test_l46_a_feed_that_no_code_of_ours_can_store_fails_alone_and_is_not_asked_again_at_once(
    ship: Ship,
) -> None:
    def refuse_one(db: sqlite3.Connection) -> None:
        db.execute(
            "CREATE TRIGGER broken BEFORE INSERT ON entries WHEN new.feed_id = 1"
            " BEGIN SELECT raise(ABORT, 'a defect'); END"
        )

    async def story(_supervisor: Supervisor, _control: Control) -> None:
        cycle = await ship.until_said("cycle")
        assert (cycle["polled"], cycle["failed"], cycle["new_entries"]) == (3, 1, 2)

    ship.sail(story, prepare=refuse_one)
    ((error, failures, due),) = ship.world.rows(
        "SELECT last_error, failures, next_poll_at > last_polled_at FROM feeds WHERE id = 1"
    )
    assert "a defect" in str(error)
    assert (failures, due) == (1, 1)


def test_l03_where_validators_cannot_be_stored_the_entries_are_not_either_and_all_is_asked_again(
    ship: Ship,
) -> None:
    def refuse_validators(db: sqlite3.Connection) -> None:
        db.execute(
            "CREATE TRIGGER broken BEFORE UPDATE OF etag ON feeds WHEN new.id = 1 AND new.etag NOT NULL"
            " BEGIN SELECT raise(ABORT, 'a defect'); END"
        )

    async def story(_supervisor: Supervisor, _control: Control) -> None:
        await ship.until_said("cycle")
        assert await ship.writer.write(lambda db: list(db.execute(FIRST_FEED).fetchone())) == [None, 0]
        await ship.writer.write(lambda db: db.execute("DROP TRIGGER broken"))
        ship.world.now += timedelta(days=1)
        await ship.until_said("cycle", times=2)

    ship.sail(story, prepare=refuse_validators, look=0.05)
    ((etag, entries),) = ship.world.rows(FIRST_FEED)
    assert etag is not None
    assert entries == 1


FIRST_FEED = "SELECT etag, (SELECT count(*) FROM entries WHERE feed_id = 1) FROM feeds WHERE id = 1"


def test_l08_work_rests_while_another_program_holds_the_database_and_then_goes_on(
    ship: Ship, monkeypatch
) -> None:
    monkeypatch.setattr(connection, "_BUSY_MILLISECONDS", 50)  # thirty seconds against sixty, scaled down

    async def story(_supervisor: Supervisor, _control: Control) -> None:
        await ship.until_said("cycle")
        ship.world.now += timedelta(days=2)
        ship.world.step[0] = 1
        with closing(sqlite3.connect(ship.world.database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await ship.until_said("the database cannot be written; work rests until it can")
            other.execute("INSERT INTO outlets (domain, name) VALUES ('other.org', 'Other')")
            other.execute("COMMIT")
        await ship.until_said("going on after failures")
        await ship.until(lambda: sum(int(str(line["new_entries"])) for line in ship.said("cycle")) == 6)

    ship.sail(story, look=0.05)
    assert ship.world.rows("SELECT count(*), count(DISTINCT guid) FROM entries") == [(6, 6)]
    assert ship.world.rows("SELECT name FROM outlets WHERE domain = 'other.org'") == [("Other",)]


@pytest.mark.parametrize("statement", ["INSERT ON clusters", "UPDATE OF cluster_id ON articles"])
def test_l41_while_clustering_fails_entries_and_articles_are_stored_and_it_catches_up(
    ship: Ship, statement: str
) -> None:
    def refuse_clusters(db: sqlite3.Connection) -> None:
        db.execute(f"CREATE TRIGGER broken BEFORE {statement} BEGIN SELECT raise(ABORT, 'broken'); END")

    async def story(_supervisor: Supervisor, _control: Control) -> None:
        await ship.until_said("the cycle failed; it is tried again")
        counts = await ship.writer.write(lambda db: [db.execute(query).fetchone()[0] for query in STORED])
        assert counts == [3, 3, 0, 0]
        await ship.writer.write(lambda db: db.execute("DROP TRIGGER broken"))
        await ship.until_said("going on after failures")

    ship.sail(story, prepare=refuse_clusters)
    assert ship.world.rows("SELECT count(*) FROM articles WHERE cluster_id NOT NULL") == [(3,)]
    assert len(ship.world.asked) == 6  # nothing was fetched twice for it


STORED = (
    "SELECT count(*) FROM entries",
    "SELECT count(*) FROM articles WHERE status = 'full' AND analysed_by NOT NULL",
    "SELECT count(*) FROM clusters",
    "SELECT count(*) FROM articles WHERE cluster_id NOT NULL",
)


def test_l47_a_cycle_longer_than_the_interval_goes_on_alone_and_status_shows_it(
    ship: Ship, monkeypatch
) -> None:
    looks, reached, answer = [], threading.Event(), threading.Event()
    look = service.Service.look

    async def counted(self: service.Service) -> None:
        looks.append(ship.world.now)
        await look(self)

    monkeypatch.setattr(service.Service, "look", counted)
    ship.world.before = lambda path: path.endswith("r0-0") and (reached.set() or answer.wait())

    async def story(_supervisor: Supervisor, _control: Control) -> None:
        await ship.until(reached.is_set)
        before = len(looks)
        await ship.until(lambda: len(looks) >= before + 5)
        ship.world.now += timedelta(hours=3)
        with closing(open_reader(ship.world.database)) as db:
            status = read_status(db, ship.world.database, ship.world.now)
        assert status.cycle is not None
        assert status.cycle.finished_at is None
        assert any("the last cycle began at" in problem for problem in status.problems(ship.world.now))
        answer.set()
        await ship.until_said("cycle")

    ship.sail(story, look=0.05)
    assert sorted(ship.world.asked) == sorted(set(ship.world.asked))


def test_l19_a_service_that_starts_in_1970_polls_and_does_so_once_when_the_clock_is_set(ship: Ship) -> None:
    real, ship.world.now = ship.world.now, datetime(1970, 1, 1, 0, 0, 20, tzinfo=UTC)

    async def story(supervisor: Supervisor, _control: Control) -> None:
        assert (await ship.until_said("cycle"))["new_entries"] == 3
        ship.world.now = real
        supervisor.pulse()
        await ship.until_said("cycle", times=2)

    ship.sail(story)
    assert len([url for url in ship.world.asked if url.endswith("/feed")]) == 6
    assert ship.world.rows("SELECT count(*) FROM entries WHERE published_at > first_seen_at") == [(0,)]
    assert ship.world.rows("SELECT DISTINCT last_polled_at FROM feeds") == [("2026-03-01T12:00:00Z",)]
