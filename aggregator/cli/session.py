"""What every command starts from: the global options, the clock, and a way to say things to a person."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from aggregator.cli import output

if TYPE_CHECKING:
    from aggregator.config import Config

Clock = Callable[[], datetime]


class UsageError(Exception):
    """A command cannot do what it was asked to; the text is one line that says what to do."""


def utc_now() -> datetime:
    """Return the time of day; the one clock that the program reads."""
    return datetime.now(UTC)


def typed(words: str) -> str:
    """Return words of the command line as they were typed, also where the locale is not UTF-8."""
    return os.fsencode(words).decode("utf-8", "replace")


@dataclass
class Session:
    """The global options of one call, and the clock that it goes by."""

    clock: Clock = utc_now
    config_file: Path = Path("feeds.yaml")
    database_option: Path | None = None
    as_json: bool = False
    verbosity: int = 0
    log_format: str = "text"

    @cached_property
    def config(self) -> Config:
        """feeds.yaml, read when it is first needed; raises ConfigError."""
        from aggregator.config import load_config

        return load_config(self.config_file)

    @property
    def database(self) -> Path:
        """The database's file: --db, else AGGREGATOR_DB, else feeds.yaml, which is read only then."""
        return self.database_option or self.config.database

    @property
    def quiet(self) -> bool:
        """Whether only errors are to be shown."""
        return self.verbosity < 0

    @contextmanager
    def reader(self) -> Iterator[sqlite3.Connection]:
        """Open the database for reading; raises StoreError."""
        from aggregator.store.connection import open_reader

        connection = open_reader(self.database)
        try:
            yield connection
        finally:
            connection.close()

    def say(self, message: str) -> None:
        """Tell a person something that is not data."""
        if not self.quiet:
            self._tell(message, "info")

    def complain(self, message: str) -> None:
        """Tell what went wrong, a line each; said even when quiet."""
        for line in message.splitlines():
            self._tell(line, "error")

    def start_log(self, *, least: int = 0) -> None:
        """Send log lines to stderr, as much as -v and -q ask for; ``least`` is what no -v stands for."""
        from aggregator.cli.logs import set_up_logging

        set_up_logging(self.verbosity or least, self.log_format)

    def _tell(self, message: str, level: str) -> None:
        if self.log_format == "json":
            output.log_line(message, level, self.clock())
        else:
            output.note(message, error=level == "error")
