from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aggregator.store.lock import HeldError, hold

HOLDER = """
import sys, time
from pathlib import Path
from aggregator.store.lock import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def start_holder(database: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_refused_and_told_which_is_the_first(database: Path) -> None:
    with start_holder(database) as holder:
        with (
            pytest.raises(HeldError, match=rf"in use by another aggregator \(process {holder.pid}\)"),
            hold(database),
        ):
            pytest.fail("two held it")
        holder.kill()


def test_a_process_that_was_killed_holds_nothing(database: Path) -> None:
    with start_holder(database) as holder:
        os.kill(holder.pid, signal.SIGKILL)
    with hold(database):
        assert database.with_name("news.db.lock").read_text().strip() == str(os.getpid())


def test_the_lock_can_be_taken_again_after_it_was_given_back(database: Path) -> None:
    for _ in range(2):
        with hold(database):
            assert database.with_name("news.db.lock").exists()
