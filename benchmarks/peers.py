"""The programs that people use today, set for speed, and asking conditionally where they can.

reader comes from pip, into an environment of its own; newsboat, sfeed and rss2email from the system's
packages (``apt-get install newsboat sfeed rss2email``). One that is absent is left out, and said to be.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import tempfile
import time
import venv
from pathlib import Path

THREADS = 16  # requests at once, of the programs that can

_READER = """
import sys, time
from reader import make_reader
reader = make_reader(sys.argv[1], feed_root="")
if sys.argv[2] == "subscribe":
    for url in sys.stdin.read().split():
        reader.add_feed(url)
elif sys.argv[2] == "poll":  # scheduled=False: without it, feeds asked within the hour are not asked again
    start = time.perf_counter()
    reader.update_feeds(workers=int(sys.argv[3]), scheduled=False)
    print(time.perf_counter() - start)
else:
    print(reader.get_entry_counts().total)
"""


class Reader:
    """lemon24/reader: feeds over one SQLite file, in Python; the time of its update_feeds()."""

    name = "reader"
    reads_json = True

    def __init__(self, folder: Path) -> None:
        self.database = folder / "reader.db"
        self.python = Path(tempfile.gettempdir()) / "aggregator-bench-peers" / "bin" / "python"

    def available(self) -> bool:
        if not self.python.exists():
            venv.create(self.python.parents[1], with_pip=True)
        packages = ["reader", "sgmllib3k"]  # it vendors feedparser, which imports sgmllib
        install = [str(self.python), "-m", "pip", "install", "--quiet", *packages]
        return subprocess.run(install, check=False, capture_output=True).returncode == 0

    def subscribe(self, urls: list[str]) -> None:
        self._run("subscribe", "\n".join(urls))

    def poll(self) -> float:
        return float(self._run("poll"))

    def entries(self) -> int:
        return int(self._run("count"))

    def _run(self, what: str, given: str = "") -> str:
        command = [str(self.python), "-W", "ignore", "-c", _READER, str(self.database), what, str(THREADS)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, input=given)
        return done.stdout.strip()


class Command:
    """A program of the system's packages: the wall time of its whole run."""

    name = program = ""
    reads_json = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder / self.name
        self.folder.mkdir(exist_ok=True)

    def available(self) -> bool:
        return shutil.which(self.program) is not None

    def command(self) -> list[str]:
        raise NotImplementedError

    def poll(self) -> float:
        start = time.perf_counter()
        with (self.folder / "output").open("wb") as output:
            environment = {"HOME": str(self.folder), "PATH": "/usr/local/bin:/usr/bin:/bin"}
            subprocess.run(self.command(), check=False, stdout=output, stderr=output, env=environment)
        return time.perf_counter() - start


class Newsboat(Command):
    """newsboat: a terminal reader in C++ and Rust, over SQLite."""

    name = program = "newsboat"

    def subscribe(self, urls: list[str]) -> None:
        (self.folder / "urls").write_text("\n".join(urls) + "\n")
        (self.folder / "config").write_text(f"reload-threads {THREADS}\nauto-reload no\n")

    def command(self) -> list[str]:
        files = {"-u": "urls", "-C": "config", "-c": "cache.db"}
        options = [part for flag, file in files.items() for part in (flag, str(self.folder / file))]
        return [self.program, *options, "-x", "reload"]

    def entries(self) -> int:
        with sqlite3.connect(self.folder / "cache.db") as db:
            count: int = db.execute("SELECT count(*) FROM rss_item").fetchone()[0]
            return count


class Sfeed(Command):
    """sfeed: shell and C over flat files; conditional by the recipe of its README."""

    name, program = "sfeed", "sfeed_update"

    def subscribe(self, urls: list[str]) -> None:
        (self.folder / "feeds").mkdir(exist_ok=True)
        (self.folder / "etags").mkdir(exist_ok=True)
        tags = f'"{self.folder}/etags/$1"'
        feeds = "".join(f'\tfeed "{n}" "{url}"\n' for n, url in enumerate(urls))
        (self.folder / "sfeedrc").write_text(
            f'sfeedpath="{self.folder}/feeds"\nmaxjobs={THREADS}\n'
            f"fetch() {{\n\tcurl -L --max-redirs 0 -f -s -m 15 --etag-save {tags} --etag-compare {tags}"
            f' "$2"\n}}\nfeeds() {{\n{feeds}}}\n'
        )

    def command(self) -> list[str]:
        return [self.program, str(self.folder / "sfeedrc")]

    def entries(self) -> int:
        return sum(file.read_bytes().count(b"\n") for file in (self.folder / "feeds").iterdir())


class Rss2email(Command):
    """rss2email: feedparser, one feed after the other, over a JSON file; mail is not sent."""

    name, program = "rss2email", "r2e"

    def subscribe(self, urls: list[str]) -> None:
        feeds = "".join(f"[feed.f{n}]\nurl = {url}\n" for n, url in enumerate(urls))
        (self.folder / "config").write_text(f"[DEFAULT]\nto = me@example.org\n{feeds}")

    def command(self) -> list[str]:
        files = ["-c", str(self.folder / "config"), "-d", str(self.folder / "data.json")]
        return [self.program, *files, "run", "--no-send"]

    def entries(self) -> int:
        data = json.loads((self.folder / "data.json").read_text())
        return sum(len(feed["seen"]) for feed in data["feeds"])


PEERS = (Reader, Newsboat, Sfeed, Rss2email)
MOST_FEEDS = {"rss2email": 200}  # it is slow; its cost a feed does not depend on their number
