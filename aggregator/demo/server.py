"""Publish the bundled newsroom on loopback, as an HTTP forward proxy: every outlet keeps its own domain."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from aggregator.demo.newsroom import DemoArticle, load_articles
from aggregator.demo.outlets import OUTLETS, DemoOutlet
from aggregator.demo.pages import Document, render_feed, render_front_page, render_page

_ROBOTS = Document(b"User-agent: *\nDisallow: /private/\n", "text/plain")
_NO_OUTLET = Document(b"no such outlet\n", "text/plain")
_NO_PAGE = Document(b"no such page\n", "text/plain")


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the server got it, and the status that it answered with. Header names in lower case."""

    method: str
    host: str
    path: str
    headers: dict[str, str]
    status: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent: ``modified`` (UTC) dates the document, ``location`` is where a redirect leads."""

    status: int
    document: Document
    modified: datetime | None = None
    location: str | None = None

    @property
    def etag(self) -> str:
        """The entity tag of the document."""
        # Weak, since one tag stands for the plain and the compressed bytes (RFC 9110, section 8.8.1).
        return f'W/"{hashlib.sha256(self.document.body).hexdigest()[:16]}"'

    def fields(self) -> dict[str, str]:
        """Return the header fields that belong to the answer in whatever coding it is sent."""
        fields = {"Content-Type": self.document.content_type, "Vary": "Accept-Encoding"}
        if self.status == 200:
            fields["ETag"] = self.etag
        if self.modified:
            fields["Last-Modified"] = format_datetime(self.modified, usegmt=True)
        if self.location:
            fields["Location"] = self.location
        return fields


class NewsroomServer:
    """A context manager that serves the newsroom at an ephemeral port of 127.0.0.1.

    ``reveal`` (0..1) shows only that share of the articles, the earliest first; raise it between polls to see
    the days unfold. ``requests`` holds every request that was answered, in order.
    """

    def __init__(self, now: datetime, reveal: float = 1.0) -> None:
        self.articles = load_articles(now)
        self.reveal = reveal
        self.requests: list[Request] = []
        self._server = _Listener(self)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def proxy(self) -> str:
        """The address to give to a client as its HTTP proxy."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def feeds(self) -> tuple[tuple[str, str, str], ...]:
        """Return each feed's address, its outlet's domain and its language."""
        return tuple((outlet.feed_url, outlet.domain, outlet.language) for outlet in OUTLETS.values())

    def config_yaml(self, database: str) -> str:
        """Return a feeds.yaml that subscribes to every outlet through this server."""
        # JSON strings are YAML strings: no path needs another way of quoting.
        lines = [
            f"database: {json.dumps(database, ensure_ascii=False)}",
            "network:",
            f"  proxy: {self.proxy}",
            "feeds:",
        ]
        lines += [f"  - {{url: {json.dumps(u)}, outlet: {o}, language: {c}}}" for u, o, c in self.feeds()]
        return "\n".join(lines) + "\n"

    def visible(self, outlet: DemoOutlet) -> list[DemoArticle]:
        """Return the outlet's articles that are published so far, the newest first."""
        published = self.articles[: round(len(self.articles) * self.reveal)]
        return [article for article in reversed(published) if article.outlet == outlet]

    def answer(self, host: str, path: str) -> Answer:
        """Return what the outlet ``host`` answers for ``path`` (without query)."""
        outlet = OUTLETS.get(host)
        if outlet is None:
            return Answer(502, _NO_OUTLET)
        articles = self.visible(outlet)
        modified = articles[0].published if articles else None
        match path:
            case "/robots.txt":
                return Answer(200, _ROBOTS)
            case "/feed":
                return Answer(200, render_feed(outlet, articles), modified)
            case "/":
                return Answer(200, render_front_page(outlet, articles), modified)
        return next(_page_answers(articles, path), Answer(404, _NO_PAGE))


def _page_answers(articles: list[DemoArticle], path: str) -> Iterator[Answer]:
    for article in articles:
        if path == article.path:
            yield Answer(200, render_page(article, articles), article.published)
        if path == article.redirect_path:
            yield Answer(302, Document(b"", "text/html"), location=article.url)


def _unchanged(answer: Answer, headers: dict[str, str]) -> bool:
    """Tell whether the client holds this answer: a tag outranks a date (RFC 9110, section 13.1.3)."""
    if answer.status != 200:
        return False
    if tags := headers.get("if-none-match"):
        return answer.etag in (tag.strip() for tag in tags.split(","))
    since = headers.get("if-modified-since")
    return since is not None and answer.modified is not None and answer.modified <= _date(since)


def _date(text: str) -> datetime:
    """Return an HTTP date, which is always UTC (RFC 9110, section 5.6.7); an unreadable one is long ago."""
    try:
        return parsedate_to_datetime(text).replace(tzinfo=UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


class _Listener(ThreadingHTTPServer):
    # The default of 5 drops connections when a client opens 64 at once, and TCP waits before it tries again:
    # 123 requests took 1.5 to 14 s, and 0.4 s with this.
    request_queue_size = 128

    def __init__(self, newsroom: NewsroomServer) -> None:
        self.newsroom = newsroom
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Listener

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        host = (url.hostname or headers.get("host", "").partition(":")[0]).lower().removeprefix("www.")
        answer = self.server.newsroom.answer(host, url.path or "/")
        status = 304 if _unchanged(answer, headers) else answer.status
        path = f"{url.path}?{url.query}" if url.query else url.path
        self.server.newsroom.requests.append(Request(self.command, host, path, headers, status))
        self._send(answer, status, compress="gzip" in headers.get("accept-encoding", ""))

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

    def _send(self, answer: Answer, status: int, *, compress: bool) -> None:
        body, fields = answer.document.body, answer.fields()
        if compress and body:
            body = gzip.compress(body, compresslevel=3, mtime=0)
            fields["Content-Encoding"] = "gzip"
        fields["Content-Length"] = str(len(body))
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD" and status != 304:
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing: ``requests`` is the log."""
