"""The page in a real browser: it fits its screen, it asks for nothing, and everybody can read it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from aggregator.cli import call
from aggregator.digest.render import render, render_index
from aggregator.digest.render_html import render_mail

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WIDTHS = (320, 390, 768, 1280)
_FOUND = Path(__file__).parents[2] / "build" / "npm" / "node_modules" / "axe-core" / "axe.min.js"
AXE = Path(os.environ.get("AXE_CORE", _FOUND))
# Frames have widths of their own and share the harness's address, so it may measure inside them.
_HARNESS = """<!doctype html><title>harness</title><body><script>
const report = [];
addEventListener("load", () => {
  for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentDocument, width = frame.clientWidth;
    const wide = [...page.querySelectorAll("body *")].filter(
      (e) => !e.closest(".skip") && e.getBoundingClientRect().right > width + 1);
    report.push({asked: frame.dataset.name, width, scrolls: page.documentElement.scrollWidth,
      wide: wide.map((e) => e.outerHTML.slice(0, 120)), heading: page.querySelector("h1").textContent});
  }
  document.body.innerHTML = "<pre></pre>";
  document.querySelector("pre").textContent = JSON.stringify(report);
});
</script>FRAMES</body>"""
# The page's own policy forbids scripts: it is taken out for the examination.
_POLICY = re.compile(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>")
_EXAMINE = """<script src="/axe.js"></script><script>
addEventListener("load", async () => {
  const found = await axe.run();
  const say = (v) => v.id + ": " + v.nodes.map((node) => node.html.slice(0, 120)).join(" ");
  parent.postMessage({asked: location.pathname + " " + innerWidth, passed: found.passes.length,
    violations: found.violations.map(say)}, "*");
});
</script></body>"""
_EXAMINED = """<!doctype html><title>harness</title><body>FRAMES<script>
const report = [], frames = document.querySelectorAll("iframe").length;
addEventListener("message", (event) => {
  if (report.push(event.data) < frames) return;
  document.body.innerHTML = "<pre></pre>";
  document.querySelector("pre").textContent = JSON.stringify(report);
});
</script></body>"""


class Site(ThreadingHTTPServer):
    """Serves pages from memory and remembers every path that was asked for."""

    def __init__(self, pages: dict[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages = pages
        self.asked: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        body = self.server.pages.get(self.path, "").encode()
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def demo_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page that `aggregator demo` leaves."""
    folder = tmp_path_factory.mktemp("demo")
    assert call(["--quiet", "demo", "--directory", str(folder)]) == 0
    return (folder / "demo-digest.html").read_text(encoding="utf-8")


@pytest.fixture
def site(newsroom: Any, new_article: Any, one_cluster: Any, demo_page: str) -> Iterator[Site]:
    changed = {"revisions": 1, "former_title": "F" * 200}
    endless = one_cluster(new_article(1, title="W" * 200, outlet_name="O" * 80, **changed))
    crowd = one_cluster(*[new_article(number) for number in range(1, 60)])
    pages = {
        "/demo.html": demo_page,
        "/digest.html": render(newsroom.digest(why=True), "html"),
        "/endless.html": render(endless, "html"),
        "/crowd.html": render(crowd, "html"),
        "/index.html": render_index([newsroom.digest().query.window.since.date()]),
    }
    with _served({**pages, "/": _HARNESS.replace("FRAMES", _frames(pages, WIDTHS))}) as server:
        yield server


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_pages_fit_their_screen_and_ask_for_nothing(site: Site, tmp_path: Path) -> None:
    measured = json.loads(_dump(f"http://127.0.0.1:{site.server_address[1]}/", tmp_path))
    assert len(measured) == 5 * len(WIDTHS)
    for frame in measured:
        assert frame["scrolls"] <= frame["width"], frame
        assert frame["wide"] == [], frame["asked"]
        assert frame["heading"]
    assert set(site.asked) - {"/favicon.ico"} == set(site.pages)


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.skipif(
    not AXE.is_file(),
    reason="axe-core is not installed: `npm install --no-save --prefix build/npm axe-core`, or set AXE_CORE",
)
def test_pages_can_be_read_by_everybody_in_light_and_dark(
    newsroom: Any, demo_page: str, tmp_path: Path
) -> None:
    plain = {
        "/demo.html": demo_page,
        "/digest.html": render(newsroom.digest(why=True), "html"),
        "/mail.html": render_mail(newsroom.digest()),
        "/index.html": render_index([newsroom.digest().query.window.since.date()]),
        "/unreadable.html": "<!doctype html><title>-</title><body><img src=x>no language</body>",
    }
    pages = {
        f"/{scheme}{path}": _POLICY.sub("", page)
        .replace("(prefers-color-scheme: dark)", media)
        .replace("</body>", _EXAMINE)
        for path, page in plain.items()
        for scheme, media in {"light": "not all", "dark": "all"}.items()
    }
    harness = _EXAMINED.replace("FRAMES", _frames(pages, WIDTHS[1:]))
    with _served({**pages, "/": harness, "/axe.js": AXE.read_text(encoding="utf-8")}) as server:
        found = json.loads(_dump(f"http://127.0.0.1:{server.server_address[1]}/", tmp_path))
    assert len(found) == len(pages) * 3
    for page in found:
        assert page["passed"], page["asked"]
        assert bool(page["violations"]) == ("unreadable" in page["asked"]), page


def _frames(paths: Iterable[str], widths: Iterable[int]) -> str:
    frame = '<iframe data-name="{0} {1}" src="{0}" style="width:{1}px;height:600px;border:0"></iframe>'
    return "".join(frame.format(path, width) for path in paths for width in widths)


@contextmanager
def _served(pages: dict[str, str]) -> Iterator[Site]:
    server = Site(pages)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def _dump(url: str, profile: Path) -> str:
    quiet = (
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
    )
    command = [
        str(CHROMIUM), "--headless", "--disable-gpu", "--disable-quic", *quiet, f"--user-data-dir={profile}",
        "--window-size=1400,900", "--virtual-time-budget=20000", "--dump-dom", url,
    ]  # fmt: skip
    if os.geteuid() == 0:  # Chromium's sandbox refuses to run for root
        command.insert(1, "--no-sandbox")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    found = re.search(r"<pre>(.*?)</pre>", done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    return unescape(found[1])
