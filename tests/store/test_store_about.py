from __future__ import annotations

from contextlib import closing
from pathlib import Path

from aggregator.store.about import is_demo, mark_as_demo, set_demo_aside
from aggregator.store.connection import open_writer


def test_a_database_of_real_news_is_never_set_aside(database: Path) -> None:
    assert set_demo_aside(database) is None
    open_writer(database).close()
    assert set_demo_aside(database) is None
    assert database.exists()


def test_the_demos_database_is_set_aside_with_all_that_belongs_to_it(database: Path) -> None:
    for _ in range(2):  # an earlier demo that was set aside is replaced
        with closing(open_writer(database)) as db:
            mark_as_demo(db)
            mark_as_demo(db)
        assert is_demo(database)
        aside = set_demo_aside(database)
        assert aside == database.with_name("news.demo.db")
        assert is_demo(aside)
        assert not database.exists()
