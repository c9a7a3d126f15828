"""What strangers write, from the poll to every place where it is shown (cases S13-S18, S28-S37, S42, S43)."""

from __future__ import annotations

import csv
import io
import json
import logging
import random
import re
from datetime import timedelta
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import pytest
import structlog
from lxml import etree
from markdown_it import MarkdownIt

from aggregator.cli import call

TEMPLATES = "{{7*7}} {0.__class__} %s%n%d ${7*7} #{7*7}"
SCHEMA = "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
PROSE = (
    "the bridge over river was opened by mayor after two years of work and council said that cost had risen"
    " to eighteen million while opposition called for inquiry into delays which engineers blamed on floods"
)
MARKDOWN = ("h1", "h2", "h3", "p", "strong", "em", "blockquote", "ul", "ol", "li", "a", "br", "hr")
CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


EVERY = pytest.mark.parametrize("every", [10, pytest.param(1, marks=pytest.mark.slow)])


class Shape(HTMLParser):
    """The elements and attributes of a page, and where its links go."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links |= {
            value or "" for name, value in attrs if name in ("href", "src", "action", "formaction")
        }


@pytest.fixture
def payloads(suite):
    names = {"xss_dompurify": "payload", "xss_h5sc": "payload", "sanitize_miniflux": "input"}
    found = [line[key] for name, key in names.items() for line in suite("security.zip", f"{name}.jsonl")]
    assert len(found) == 223 + 149 + 103
    return found


@pytest.fixture
def shown(site, daemon, reply, tmp_path, capsys):
    """Poll a feed that says the strings wherever it can; return what a command prints of it.

    ``page`` makes the page behind each entry of its string; without it no pages are asked for.
    """
    (tmp_path / "feeds.yaml").write_text("feeds: []\n", encoding="utf-8")

    def show(strings, page=None):
        settings = "compute: {kind: inline}\nnetwork: {allow_private: [127.0.0.0/8]}"
        for number, text in enumerate(strings if page else ()):
            body = page(number, text).encode("utf-8", "replace")
            site.on(f"paper{number}.example/{number}", reply(200, body, [("Content-Type", "text/html")]))
        items = [
            {
                "id": f"{number} {text}", "url": site.url(f"/{number}", f"paper{number}.example"),
                "title": text, "summary": text, "content_html": text, "authors": [{"name": text}],
                "external_url": text, "tags": [text], "image": text, "date_published": text,
                "language": text,
            }
            for number, text in enumerate(strings)
        ]  # fmt: skip
        items += [{"id": f"link {text}", "url": text, "title": "link"} for text in strings]
        for start in range(0, len(items), 900):
            document = {
                "version": "https://jsonfeed.org/version/1.1", "title": strings[0],
                "home_page_url": strings[0], "description": strings[-1], strings[1]: strings[1],
                "items": items[start : start + 900],
            }  # fmt: skip
            site.on(f"/feed{start}", reply(200, json.dumps(document).encode()))
        urls = [site.url(f"/feed{start}") for start in range(0, len(items), 900)]
        daemon.subscribe(*urls, **({"settings": settings} if page else {}))
        daemon.whole_cycle()
        capsys.readouterr()

        def run(*words):
            now = daemon.clock.now + timedelta(minutes=5)
            options = ["--quiet", "--config", str(tmp_path / "feeds.yaml"), "--db", str(daemon.database)]
            assert call([*options, *words], clock=lambda: now) in (0, 1)
            return capsys.readouterr().out

        return run

    return show


def _digest(run, form):
    return run("digest", "--format", form, "--limit", "1000", "--since", "24h")


def _page(number: int, text: str) -> str:
    """Return an article's page that says a string wherever a page can: as markup, escaped, and as data."""
    words = random.Random(number).choices(PROSE.split(), k=120)  # noqa: S311
    prose = [" ".join(words[at : at + 30]).capitalize() + "." for at in range(0, 120, 30)]
    data = json.dumps({"@type": "NewsArticle", "headline": text, "author": {"name": text}, "url": text})
    return (
        f"<!doctype html><html><head><title>{text}</title><meta name='author' content='{escape(text)}'>"
        f"<meta property='og:title' content='{escape(text)}'><link rel='canonical' href='{escape(text)}'>"
        f"<script type='application/ld+json'>{data}</script></head><body><article><h1>{escape(text)}</h1>"
        f"<p>{prose[0]}</p>{text}<p>{prose[1]} {text} {prose[2]}</p><p><a href='{escape(text)}'>{prose[3]}"
        f"</a> {escape(text)}</p></article></body></html>"
    )


def _judge(run, harmless: Shape) -> None:
    """No digest of any format has an element, an attribute or an address that is a stranger's."""
    shape = Shape(_digest(run, "html"))
    assert shape.tags <= harmless.tags | {"a", "li", "ul", "ol", "details", "summary", "blockquote", "p"}
    assert not {
        name for name in shape.attributes - harmless.attributes if name not in ("href", "rel", "lang")
    }
    assert all(re.match(r"https?://|#", link) for link in shape.links)
    markdown = Shape(MarkdownIt("gfm-like", {"linkify": False}).render(_digest(run, "md")))
    assert markdown.tags <= set(MARKDOWN)
    assert all(re.match(r"https?://", link) for link in markdown.links)
    _judge_atom(etree.fromstring(_digest(run, "atom").encode()))
    json.loads(_digest(run, "json"))
    assert not CONTROLS.search(_digest(run, "text"))


def _judge_atom(atom) -> None:
    for element in atom.iter("{*}link"):
        assert re.match(r"https?://|tag:|urn:", element.get("href", ""))
    for element in atom.iter("{*}content", "{*}summary", "{*}title"):
        inner = Shape("".join(element.itertext())) if element.get("type") == "html" else Shape("")
        assert inner.tags <= {"p", "ul", "li", "a", "strong", "em", "blockquote", "h2", "h3", "br"}
        assert all(re.match(r"https?://", link) for link in inner.links)


@EVERY
def test_s28_s29_s31_no_payload_is_active_in_any_digest(payloads, shown, daemon, database, every):
    harmless = Shape(_digest(shown(["Harmless words", "that are five"]), "html"))
    daemon.database = database.with_name("hostile.db")
    _judge(shown(payloads[::every]), harmless)


@EVERY
def test_s28_s30_no_page_made_of_a_payload_is_active_in_any_digest(payloads, shown, daemon, database, every):
    harmless = Shape(_digest(shown(["Harmless words", "that are five"], _page), "html"))
    daemon.database = database.with_name("hostile.db")
    run = shown(payloads[::every], _page)
    (read,) = daemon.row("SELECT count(*) FROM articles WHERE status = 'full'")
    assert read > 0.8 * len(payloads[::every])
    _judge(run, harmless)
    for title, author, text in daemon.rows("SELECT title, author, text FROM articles"):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", f"{title}{author}{text}")


@EVERY
def test_s32_s35_pages_made_of_naughty_strings_pass_through_to_every_output(suite, shown, daemon, every):
    run = shown(suite("security.zip", "blns.json")[::every], _page)
    assert daemon.row("SELECT count(*) FROM articles WHERE status = 'full'")[0] > 0
    for form in ("html", "md", "atom", "text"):
        assert not CONTROLS.search(_digest(run, form)), form
    json.loads(_digest(run, "json"))


@EVERY
def test_s32_s33_s34_s35_naughty_strings_pass_through_poll_store_search_digest_and_export(
    suite, shown, daemon, every
):
    strings = suite("security.zip", "blns.json")
    assert len(strings) == 515
    run = shown([*strings[::every], "\ud800 lone", "nul\x00inside", "\x1b[31mred\x9b31m", "=1+1", "needle"])
    assert daemon.row("SELECT count(*) FROM articles")[0] >= len(strings[::every])
    assert not any("\0" in title for (title,) in daemon.rows("SELECT title FROM entries"))
    for form in ("html", "md", "atom", "text"):
        assert not CONTROLS.search(_digest(run, form)), form
    json.loads(_digest(run, "json"))
    for words in (["search", "needle"], ["feeds"], ["show", "1"], ["status"]):
        assert not CONTROLS.search(run(*words)), words
    for text in [*strings[::every], '"', "C++", "a-b", "NEAR(", "(" * 200, "col:x", "x' OR 1=1 --"]:
        run("search", "--", text or "x")
    lines = run("export").splitlines()
    assert len(lines) == daemon.row("SELECT count(*) FROM articles")[0]
    assert all(isinstance(json.loads(line), dict) for line in lines)
    rows = list(csv.DictReader(io.StringIO(run("export", "--format", "csv"), newline="")))
    assert len(rows) == len(lines)
    assert etree.fromstring(run("export-opml").encode()).tag == "opml"


@pytest.mark.parametrize("form", ["html", "md", "text"])
def test_s42_what_looks_like_a_template_is_shown_as_it_is(shown, form):
    page = _digest(shown([TEMPLATES, "Other words"]), form)
    assert TEMPLATES in re.sub(r"\\(?=[^a-zA-Z0-9\s])", "", page).replace("\n", " ")


def test_s15_a_body_that_is_a_path_opens_no_file(site, daemon, reply, rss, tmp_path):
    secret = tmp_path / "secret.xml"
    secret.write_bytes(rss("stolen"))
    site.on("/feed", reply(200, str(secret).encode()))
    daemon.subscribe(site.url())
    assert daemon.cycle().failed == 1
    assert daemon.row("SELECT count(*) FROM entries") == (0,)


def test_s14_s18_nothing_that_a_document_points_to_is_fetched_or_opened(site, daemon, reply):
    body = (
        f"<?xml version='1.0'?><?xml-stylesheet type='text/xsl' href='{site.url('/style.xsl')}'?>"
        f"<!DOCTYPE rss SYSTEM '{site.url('/evil.dtd')}' [<!ENTITY file SYSTEM 'file:///etc/hostname'>"
        f"<!ENTITY far SYSTEM '{site.url('/entity')}'><!ENTITY % par SYSTEM '{site.url('/par')}'> %par;]>"
        "<rss version='2.0'><channel><title>&file;</title><item><guid>1</guid><title>&far;&file;T</title>"
        "<description><![CDATA[<svg onload=alert(1)><script>alert(1)</script>]]></description></item>"
        "</channel></rss>"
    ).encode()
    site.on("/feed", reply(200, body))
    daemon.subscribe(site.url())
    daemon.cycle()
    assert {request.target for request in site.log} == {"/feed"}
    stored = " ".join(str(row) for row in daemon.rows("SELECT title, summary FROM entries"))
    assert Path("/etc/hostname").read_text().strip() not in stored or not Path("/etc/hostname").exists()


@pytest.mark.parametrize("bad", [b"&#x110000;", b"&#55296;", b"<![CDATA[", b"\x00\x01\x02"])
def test_s16_a_feed_that_breaks_the_parser_stops_no_other(site, daemon, reply, rss, bad):
    site.on("/bad", reply(200, rss("a").replace(b"<title>a", b"<title>" + bad)))
    site.on("/good", reply(200, rss("b")))
    daemon.subscribe(site.url("/bad"), site.url("/good"))
    daemon.cycle()
    assert ("b",) in daemon.rows("SELECT title FROM entries")


def test_s36_what_a_feed_names_never_becomes_a_column(site, daemon, reply):
    before = daemon.rows(SCHEMA)
    item = {"id": "1", "title": "T", 'a"); drop table entries;--': "x", "feed_id": 99, "article_id": 7}
    document = {"version": "https://jsonfeed.org/version/1.1", "title": "x", "items": [item]}
    site.on("/feed", reply(200, json.dumps(document).encode()))
    daemon.subscribe(site.url())
    assert daemon.cycle().new_entries == 1
    assert daemon.rows(SCHEMA) == before
    assert daemon.row("SELECT feed_id, article_id FROM entries") == (1, None)


@pytest.mark.parametrize("form", ["text", "json"])
def test_s43_a_log_record_is_one_line_without_control_characters(capsys, form):
    from aggregator.cli.logs import set_up_logging

    handlers = logging.root.handlers[:]
    try:
        set_up_logging(0, form)
        structlog.get_logger().warning(
            "poll", remark="a\r\n2026 ERROR forged\x1b[31m\x9b31m http://u:pw@x.example/"
        )
        lines = capsys.readouterr().err.splitlines()
    finally:
        logging.root.handlers[:] = handlers
        structlog.reset_defaults()
    assert len(lines) == 1
    assert not CONTROLS.search(lines[0])
    assert "pw" not in lines[0]


def test_s33_a_cell_that_a_spreadsheet_would_run_is_defused(shown):
    run = shown(["=1+1", "+1", "-1", "@x", "plain"])
    rows = list(csv.reader(io.StringIO(run("export", "--format", "csv"))))
    assert not [cell for row in rows for cell in row if re.match(r"[=+@\t\r]|-\D", cell)]
