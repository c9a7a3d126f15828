"""Writes docs/walk.md: what a newcomer types and sees, from the first command to the digest in the mail.

The newsroom that comes along stands for the internet, the clock stands where the page says, and the mail
server is one on loopback; all else is the program itself. Ports and times of the log are masked. ``--check``
walks again and says what has changed.
"""

from __future__ import annotations

import difflib
import email.policy
import json
import logging
import os
import random
import re
import shlex
import signal
import socketserver
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from email import message_from_bytes
from io import StringIO
from pathlib import Path

import structlog

from aggregator.cli import call
from aggregator.demo.server import NewsroomServer

PAGE = Path(__file__).parent.parent / "docs" / "walk.md"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MORNING = datetime(2026, 3, 2, 7, 0, 20, tzinfo=UTC)
SITES = ("wsj.com", "dpa.com", "n-tv.de", "spiegel.de", "meduza.io", "lemonde.fr", "reuters.com", "zeit.de")
MAIL = """digest:
  timezone: Europe/Berlin
  mail: {{to: [me@example.org], sender: news@example.org, host: 127.0.0.1, port: {port}, security: none}}
"""


class Postbox(socketserver.ThreadingTCPServer):
    """A mail server on loopback that keeps what it is sent (RFC 5321), then asks this process to end."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.mails: list[bytes] = []


class _Conversation(socketserver.StreamRequestHandler):
    server: Postbox

    def handle(self) -> None:
        self.wfile.write(b"220 postbox\r\n")
        while line := self.rfile.readline().strip():
            if line.upper() == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.mails.append(b"".join(lines))
            self.wfile.write(b"221 bye\r\n" if line.upper() == b"QUIT" else b"250 fine\r\n")
        if self.server.mails:
            os.kill(os.getpid(), signal.SIGTERM)


def main() -> int:
    """Walk, and write the page, or compare."""
    walked = page()
    if "--check" not in sys.argv:
        PAGE.write_text(walked, encoding="utf-8")
        return 0
    written = PAGE.read_text(encoding="utf-8").splitlines()
    changes = list(difflib.unified_diff(written, walked.splitlines(), lineterm="", n=0))
    print("\n".join(changes), file=sys.stderr)
    return 1 if changes else 0


def page() -> str:
    """Return the page that the walk gives now."""
    os.environ |= {"TERM": "dumb", "COLUMNS": "80"}
    random.seed(1)
    with (
        tempfile.TemporaryDirectory() as folder,
        chdir(folder),
        NewsroomServer(NOW) as newsroom,
        Postbox() as box,
    ):
        threading.Thread(target=box.serve_forever, args=(0.02,), daemon=True).start()
        try:
            return _masked("\n".join(_walk(newsroom, box)))
        finally:
            box.shutdown()


def _walk(newsroom: NewsroomServer, box: Postbox) -> Iterator[str]:
    yield _HEAD
    yield _ran("demo --directory data", shown="make run", most=8)
    yield _FOLLOW
    Path("news").mkdir()
    os.chdir("news")
    Path("feeds.yaml").write_text(
        f"compute: {{kind: inline}}\nnetwork: {{proxy: {newsroom.proxy}, concurrency: 1}}\n", encoding="utf-8"
    )
    yield _ran(f"add http://www.{SITES[0]}/")
    for site in SITES[1:]:
        _output(f"add http://www.{site}/")
    yield _MORE.format(sites=" ".join(SITES[1:]))
    yield _ran("poll")
    yield _ran("feeds", most=12)
    yield _BIGGEST
    yield _ran("digest --since 7d --min-outlets 3 --limit 1", most=30)
    report, one, other = _numbers()
    yield _ran(f"show {report}", most=24)
    yield _WHY
    yield _ran(f"explain {one} {other}")
    yield _CORRECT
    yield _ran(f"split {one} {other}")
    yield _ran("cluster")
    yield _ran(f"explain {one} {other}", most=6)
    yield _ran(f"join {one} {other}")
    yield _ran("cluster")
    yield _TOMORROW.format(mail=MAIL.format(port=25).rstrip())
    with Path("feeds.yaml").open("a", encoding="utf-8") as file:
        file.write(MAIL.format(port=box.server_address[1]))
    yield _ran("check")
    yield _ran("run", at=MORNING)
    yield _MAILED.format(
        mail=_mail(box.mails[0]), files=" ".join(sorted(p.name for p in Path("data/digests").iterdir()))
    )


def _numbers() -> tuple[int, int, int]:
    """Return the biggest report, and two of its articles: the first, and one in another language."""
    report = json.loads(_output("--json digest --since 7d --limit 1 --min-outlets 3")[0])["reports"][0]
    origin, *others = report["accounts"]
    foreign = next(row for row in others if row["lang"] not in (origin["lang"], "de"))
    return report["cluster_id"], origin["article_id"], foreign["article_id"]


def _output(words: str, at: datetime = NOW) -> tuple[str, str]:
    """Return what a command prints, on stdout and on stderr; raise where it fails."""
    out, err = StringIO(), StringIO()
    handlers, level, configured = logging.root.handlers[:], logging.root.level, structlog.get_config()
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = call(shlex.split(words), clock=lambda: at)
    finally:
        logging.root.handlers[:], _ = handlers, logging.root.setLevel(level)
        structlog.configure(**configured)
    if code:
        raise RuntimeError(f"aggregator {words}: {err.getvalue()}")
    return out.getvalue(), err.getvalue()


def _ran(words: str, *, at: datetime = NOW, shown: str = "", most: int = 40) -> str:
    out, err = _output(words, at)
    lines = out.splitlines()
    if len(lines) > most:
        lines = [*lines[:most], f"... and {len(lines) - most} lines more"]
    return "\n".join(
        ["```console", f"$ {shown or f'aggregator {words}'}", *lines, *err.splitlines(), "```\n"]
    )


def _mail(raw: bytes) -> str:
    """Return the head of a mail and the beginning of its text."""
    message = message_from_bytes(raw, policy=email.policy.default)
    names = ("From", "To", "Subject", "Message-ID", "Content-Type")
    head = [f"{name}: {' '.join(message[name].split())}" for name in names]
    text = message.get_body(("plain",)).get_content().splitlines()
    return "\n".join([*head, "", *text[:12], "..."]).replace(
        f'boundary="{message.get_boundary()}"', 'boundary="…"'
    )


def _masked(text: str) -> str:
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8080", text)
    text = re.sub(r"^ +\S*aggregator --db", "     .venv/bin/aggregator --db", text, flags=re.MULTILINE)
    return re.sub(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*", "07:00:20", text, flags=re.MULTILINE)


_HEAD = """# A first walk

What somebody types who has read only the README, and what comes back. The page is made
by `scripts/walk.py`, and the tests walk again and compare. There is no internet on this walk: the
newsroom that comes with the program stands for it, behind a proxy on loopback (`network: {proxy:
http://127.0.0.1:8080}` in `feeds.yaml` sees to that), and it is noon on 1 March 2026.

## 1. See what it is

In a fresh clone, one command sets everything up (a minute) and shows it. Where public feeds can be
reached it polls those of `feeds.yaml`; here it says that it cannot, and shows the bundled newsroom
instead.
"""
_FOLLOW = """`aggregator` below is `.venv/bin/aggregator`: put `.venv/bin` into your `PATH`, or `.
.venv/bin/activate`.

## 2. Follow something

Your own news go into a folder of their own (`mkdir news; cd news`); feeds.yaml is made with the
first feed. A home page is enough: the feed that it names is added.
"""
_MORE = """```console
$ for site in {sites}; do aggregator add http://www.$site/; done
```

`poll` runs one cycle: whatever is due is polled, its articles are fetched, read and grouped.
(`aggregator run` does so for ever.)
"""
_BIGGEST = """## 3. Find the biggest report

The digest is ranked (`--why` says how), and names each report's number, by which `show` tells it in
full.
"""
_WHY = """## 4. Ask why two articles are together

One is the origin's, the other is in another language. The numbers of articles stand in the list
above.
"""
_CORRECT = """## 5. Correct it

Suppose they did not belong together. What a person decides holds against anything that clustering
finds later.
"""
_TOMORROW = """They did belong together, so this was taken back; the later decision holds.

## 6. Get tomorrow's digest by mail

The service writes it every morning at seven, into `data/digests`. For mail, this goes into
`feeds.yaml` (a real server wants `username` and `password_file`, and TLS, which is the default):

```yaml
{mail}
```
"""
_MAILED = """The next morning, in the mailbox:

```
{mail}
```

and in `data/digests`: `{files}`. A restart at 7:05 sends nothing again: who has had a day's digest
is written down.

## What next

* What the digest tells, and how it ranks: [digest](digest.md).
* Questions to the file: [cookbook](cookbook.md).
* What each command prints: [screens](screens.md).
* Leave it running: [operating](operating.md).
"""


if __name__ == "__main__":
    sys.exit(main())
