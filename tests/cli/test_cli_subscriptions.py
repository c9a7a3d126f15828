"""feeds, add, remove, discover, import-opml, export-opml: feeds.yaml stays the truth."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from aggregator.config import load_config

FEED = b'<rss version="2.0"><channel><item><title>A</title><link>/a</link></item></channel></rss>'
LINK = '<link rel="alternate" type="application/rss+xml" title="{}" href="{}">'
PAGES = {
    "/feed": ("application/rss+xml", FEED),
    "/": ("text/html", f"<html><head>{LINK.format('News', '/feed')}</head></html>".encode()),
    "/two": (
        "text/html",
        f"<head>{LINK.format('One', '/feed')}{LINK.format('Two', '/other')}</head>".encode(),
    ),
    "/none": ("text/html", b"<html><body>Hello</body></html>"),
}
CONFIG = """\
# mine
network: {allow_private: [127.0.0.0/8], obey_robots: false}  # for tests
feeds:
  - http://old.example/feed  # the first one
"""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, body = PAGES.get(self.path, ("text/plain", b"no"))
            self.send_response(200 if self.path in PAGES else 404)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def mine(empty: Path) -> Path:
    (empty / "feeds.yaml").write_text(CONFIG)
    return empty / "feeds.yaml"


def urls(file: Path) -> list[str]:
    return [feed.url for feed in load_config(file).feeds]


def test_a_feed_is_added_and_every_comment_stays(run, mine: Path, site: str) -> None:
    ran = run(
        "add",
        f"{site}/feed",
        "--tag",
        "local",
        "--tag",
        "daily",
        "--outlet",
        "gazette.example",
        "--language",
        "en",
    )
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith(f"added {site}/feed")
    text = mine.read_text()
    assert text.startswith(CONFIG)
    feed = load_config(mine).feeds[1]
    assert (feed.url, feed.tags, feed.outlet, feed.language) == (
        f"{site}/feed",
        ("local", "daily"),
        "gazette.example",
        "en",
    )


def test_a_home_page_is_enough_to_add_its_feed(run, mine: Path, site: str) -> None:
    assert run("add", site).code == 0
    assert urls(mine) == ["http://old.example/feed", f"{site}/feed"]


def test_of_several_feeds_the_first_is_taken_and_that_is_said(run, mine: Path, site: str) -> None:
    ran = run("add", f"{site}/two")
    assert f"names 2 feeds; taking the first (`aggregator discover {site}/two`)" in ran.err
    assert urls(mine)[1:] == [f"{site}/feed"]


def test_a_page_without_a_feed_is_refused_and_nothing_is_written(run, mine: Path, site: str) -> None:
    ran = run("add", f"{site}/none")
    assert ran.code == 2
    assert "is not a feed and names none; --blind" in ran.complaint
    assert "404" in run("add", f"{site}/missing").complaint
    assert mine.read_text() == CONFIG


def test_a_server_that_is_not_there_is_one_line(run, mine: Path) -> None:
    ran = run("add", "http://127.0.0.1:1/feed")
    assert ran.code == 2
    assert ran.complaint.startswith("http://127.0.0.1:1/feed: ")


def test_an_address_is_added_blindly_on_request(run, mine: Path) -> None:
    assert run("add", "https://later.example/feed", "--blind").code == 0
    assert urls(mine)[1:] == ["https://later.example/feed"]


def test_adding_twice_says_so_and_changes_nothing(run, mine: Path) -> None:
    ran = run("add", "http://old.example/feed", "--blind")
    assert ran.code in (0, 2)
    assert "already" in ran.err
    assert mine.read_text() == CONFIG


def test_a_nonsense_address_does_not_spoil_the_file(run, mine: Path) -> None:
    ran = run("add", "ftp://other.example/feed", "--blind")
    assert ran.code == 2
    assert mine.read_text() == CONFIG


def test_the_first_feed_makes_the_file(run, empty: Path) -> None:
    assert run("add", "https://later.example/feed", "--blind").code == 0
    assert urls(empty / "feeds.yaml") == ["https://later.example/feed"]


def test_a_feed_is_removed_and_the_rest_stays(run, mine: Path) -> None:
    run("add", "https://later.example/feed", "--blind")
    assert run("remove", "https://later.example/feed").code == 0
    assert mine.read_text().strip() == CONFIG.strip()
    ran = run("remove", "https://later.example/feed")
    assert ran.code == 2
    assert "https://later.example/feed" in ran.complaint


def test_discover_lists_the_feeds_of_a_page(run, mine: Path, site: str) -> None:
    ran = run("discover", f"{site}/two")
    assert ran.code == 0
    assert f"{site}/feed" in ran.out
    found = run("--json", "discover", f"{site}/two").json
    assert [(link["url"], link["title"]) for link in found] == [
        (f"{site}/feed", "One"),
        (f"{site}/other", "Two"),
    ]


def test_discover_says_that_there_is_none_with_exit_code_1(run, mine: Path, site: str) -> None:
    ran = run("discover", f"{site}/none")
    assert (ran.code, ran.out) == (1, "")
    assert "names no feed" in ran.err
    assert run("--json", "discover", f"{site}/none").json == []


def test_opml_goes_out_and_comes_in_again(run, mine: Path, empty: Path) -> None:
    run("add", "https://a.example/feed", "--blind", "--tag", "world")
    opml = run("export-opml")
    assert opml.code == 0
    (empty / "feeds.opml").write_text(opml.out)
    again = empty / "again.yaml"
    again.write_text("feeds: []\n")
    ran = run("--config", "again.yaml", "import-opml", "feeds.opml")
    assert ran.err == "2 feeds added, 0 were there already\n"
    assert [(f.url, f.tags) for f in load_config(again).feeds] == [
        (f.url, f.tags) for f in load_config(mine).feeds
    ]
    assert run("import-opml", "feeds.opml").err == "0 feeds added, 2 were there already\n"


def test_opml_has_the_titles_that_the_feeds_give_themselves(run, home) -> None:
    assert 'title="Reuters' in run("export-opml").out


@pytest.mark.parametrize("text", ["", "hello", "<html></html>", "<opml></opml>"])
def test_a_file_that_is_not_opml_is_one_line(run, mine: Path, empty: Path, text: str) -> None:
    (empty / "feeds.opml").write_text(text)
    ran = run("import-opml", "feeds.opml")
    assert ran.code == 2
    assert ran.complaint.startswith("feeds.opml")


def test_the_feeds_are_listed_with_how_they_fare(run, home, query: Callable) -> None:
    ran = run("feeds")
    assert ran.code == 0
    assert len(ran.out.splitlines()) == 1 + query("SELECT count(*) FROM feeds")[0][0]
    assert "10 min ago" in ran.out
    listed = run("--json", "feeds").json
    assert {"id", "url", "state", "next_poll_at", "last_success_at", "failures", "last_error"} <= set(
        listed[0]
    )


def test_a_feed_that_was_not_polled_yet_is_listed_as_new(run, home) -> None:
    run("add", "https://later.example/feed", "--blind")
    assert "new" in next(line for line in run("feeds").out.splitlines() if "later.example" in line)
    last = run("--json", "feeds").json[-1]
    assert (last["url"], last["state"], last["next_poll_at"]) == ("https://later.example/feed", "new", None)


def test_before_the_first_poll_every_feed_is_new(run, mine: Path) -> None:
    ran = run("feeds")
    assert ran.code == 0
    assert "http://old.example/feed" in ran.out


def test_broken_feeds_are_listed_with_what_is_wrong(run, home, query: Callable) -> None:
    assert run("feeds", "--broken").err == "every feed can be polled\n"
    query(
        "UPDATE feeds SET state = 'failing', failures = 3, failing_since = '2026-03-01T03:00:00Z',"
        " last_error = 'The host does not answer.' WHERE id = 1"
    )
    query(
        "UPDATE feeds SET state = 'gone', last_error = 'The server answered 410.',"
        " failing_since = '2026-03-01T04:00:00Z' WHERE id = 2"
    )
    query("UPDATE feeds SET state = 'removed', next_poll_at = NULL WHERE id = 3")
    ran = run("feeds", "--broken")
    assert "Failed 3x since 2026-03-01 03:00: The host does not answer;" in ran.out
    assert "Gone since 2026-03-01 04:00: The server answered 410." in ran.out
    assert [feed["state"] for feed in run("--json", "feeds", "--broken").json] == ["failing", "gone"]
    assert len(run("feeds", "--all", "--db", "news.db").out.splitlines()) == 1 + len(
        run("feeds", "--db", "news.db").out.splitlines()
    )


def test_a_long_address_can_be_read_whole_in_eighty_columns(run, mine: Path) -> None:
    url = "https://feeds.example/" + "section/" * 20 + "rss.xml"
    run("add", url, "--blind")
    lines = run("feeds", columns=80).out.splitlines()
    assert max(map(len, lines)) <= 80
    joined = "".join(line[line.find("https") if "https" in line else 0 :].strip() for line in lines)
    assert url in joined


def test_in_a_pipe_a_feed_is_one_line(run, mine: Path) -> None:
    url = "https://feeds.example/" + "section/" * 40 + "rss.xml"
    run("add", url, "--blind")
    assert any(line.endswith(url) for line in run("feeds").out.splitlines())
