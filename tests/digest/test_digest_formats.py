"""Markdown, text, JSON and Atom; and that the same digest is always the same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid5

import feedparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from markdown_it import MarkdownIt
from rich.cells import cell_len

from aggregator.digest.model import Cite, Digest
from aggregator.digest.render import FORMATS, render
from aggregator.digest.render_json import json_schema
from aggregator.digest.render_md import escape, link

ROOT = Path(__file__).parents[2]
ATOM = "{http://www.w3.org/2005/Atom}"
_ATOM_ELEMENTS = {
    *("feed", "id", "title", "subtitle", "updated", "author", "name", "generator"),
    *("entry", "published", "link", "category", "content"),
}
FEW = settings(max_examples=60)


def parsed(atom: str) -> Any:
    return etree.fromstring(atom.encode())


def markdown(text: str) -> str:
    return str(MarkdownIt("gfm-like", {"linkify": False}).render(text))


# --- Markdown --------------------------------------------------------------------------------------


def test_markdown_has_a_heading_a_cluster_and_links_to_all_accounts(newsroom: Any) -> None:
    html = markdown(render(newsroom.digest(), "md"))
    assert re.findall(r"<h1>(.*?)</h1>", html) == ["News digest: Tuesday, 24 November 2026"]
    headings = re.findall(r"<h2>(.*?)</h2>", html)
    assert headings == ["1. Envoy held secret talks", "2. Harbour bridge reopens", "3. Lost cat found"]
    assert html.count("<a href=") == 9
    assert "title changed twice, first “Gesandter traf Moskau”" in html


def test_strangers_cannot_put_anything_but_text_into_markdown(
    payload: str, hostile: Callable[[str], Digest]
) -> None:
    html = markdown(render(hostile(payload), "md"))
    assert set(re.findall(r"</?([a-z]\w*)", html)) <= {
        "h1",
        "h2",
        "p",
        "strong",
        "blockquote",
        "ul",
        "li",
        "a",
    }
    assert html.count("<h1>") == html.count("<h2>") == 1
    assert all(re.match(r"https?://", href) for href in re.findall(r'href="([^"]*)"', html))


@FEW
@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Zs"]), min_size=1))
def test_escaped_text_is_shown_as_it_is(text: str) -> None:
    html = markdown(escape(text))
    shown = re.sub(r"^<p>(.*)</p>\n$", r"\1", html, flags=re.DOTALL)
    for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        shown = shown.replace(entity, char)
    assert shown == text


def test_a_link_survives_brackets_and_entities() -> None:
    html = markdown(link("a](b", "https://a.example/(x)?a=1&copy;=2"))
    assert html == '<p><a href="https://a.example/%28x%29?a=1&amp;copy;=2">a](b</a></p>\n'
    assert link("plain", None) == "plain"


# --- text ------------------------------------------------------------------------------------------


def test_text_is_78_columns_wide_but_for_addresses(newsroom: Any) -> None:
    for line in render(newsroom.digest(why=True), "text").splitlines():
        assert cell_len(line) <= 78 or line.strip().startswith("https://")


@FEW
@given(text=st.text())
def test_text_is_free_of_control_characters_whatever_comes_in(
    hostile: Callable[[str], Digest], text: str
) -> None:
    rendered = render(hostile(text), "text")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", rendered)
    assert all(cell_len(line) <= 78 or "://" in line for line in rendered.splitlines())


def test_wide_signs_are_broken_where_the_line_ends(new_article: Any, one_cluster: Any) -> None:
    digest = one_cluster(new_article(1, title="特使" * 60))
    lines = render(digest, "text").splitlines()
    assert max(map(cell_len, lines)) <= 78
    assert "".join(line.strip() for line in lines if "特使" in line).count("特使") >= 120


# --- JSON ------------------------------------------------------------------------------------------


_KINDS: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def problems(value: Any, schema: dict[str, Any], defs: dict[str, Any], path: str = "$") -> Iterator[str]:
    """Yield where ``value`` does not follow the part of JSON Schema that ours uses."""
    if "$ref" in schema:
        schema = defs[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        if all(any(problems(value, choice, defs, path)) for choice in schema["anyOf"]):
            yield f"{path}: none of the choices"
        return
    if not isinstance(value, _KINDS[schema["type"]]):
        yield f"{path}: not of type {schema['type']}"
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        yield f"{path}: {value!r} is not in the list"
    if isinstance(value, dict):
        yield from (f"{path}.{name}: missing" for name in schema["required"] if name not in value)
        yield from (f"{path}.{name}: unknown" for name in value if name not in schema["properties"])
        for name in value.keys() & schema["properties"].keys():
            yield from problems(value[name], schema["properties"][name], defs, f"{path}.{name}")
    if isinstance(value, list):
        for at, part in enumerate(value):
            inner = schema["prefixItems"][at] if "prefixItems" in schema else schema["items"]
            yield from problems(part, inner, defs, f"{path}[{at}]")


def test_json_follows_its_schema(newsroom: Any) -> None:
    schema = json.loads(json_schema())
    document = json.loads(render(newsroom.digest(lang="de"), "json"))
    assert list(problems(document, schema, schema["$defs"])) == []
    assert document["schema"] == "aggregator.digest/1"
    report = document["reports"][0]
    assert report["accounts"][1]["lag"] == 600
    assert report["first_published_at"] == "2026-11-24T07:10:00Z"


def test_the_schema_check_finds_what_is_wrong(newsroom: Any) -> None:
    schema = json.loads(json_schema())
    document = json.loads(render(newsroom.digest(), "json"))
    document["matching"] = "three"
    document["reports"][0]["accounts"][0]["role"] = "leader"
    del document["counts"]["entries"]
    assert len(list(problems(document, schema, schema["$defs"]))) == 3


def test_the_schema_in_the_documentation_is_the_codes() -> None:
    assert (ROOT / "docs" / "digest.schema.json").read_text(encoding="utf-8") == json_schema()


@FEW
@given(text=st.text())
def test_json_is_valid_whatever_comes_in(hostile: Callable[[str], Digest], text: str) -> None:
    rendered = render(hostile(text), "json")
    rendered.encode()
    assert len(json.loads(rendered)["reports"]) == 1


# --- Atom ------------------------------------------------------------------------------------------


def test_atom_is_read_with_one_entry_a_report(newsroom: Any) -> None:
    digest = newsroom.digest()
    read = feedparser.parse(io.BytesIO(render(digest, "atom").encode()))
    assert (read.bozo, read.version) == (False, "atom10")
    assert [entry.title for entry in read.entries] == [section.headline for section in digest.sections]
    assert read.entries[0].id == uuid5(digest.query.namespace, "report 1").urn
    assert read.entries[0].link == "https://outlet1.example/news/1"
    assert read.entries[0].published == "2026-11-24T07:10:00Z"
    assert [tag.term for tag in read.entries[0].tags] == ["world"]
    assert "Reported first by The Paper" in read.entries[0].content[0].value


def test_atom_has_what_rfc_4287_requires(newsroom: Any) -> None:
    feed = parsed(render(newsroom.digest(), "atom"))
    assert all(len(feed.findall(ATOM + name)) == 1 for name in ("id", "title", "updated", "author"))
    ids = [entry.findtext(ATOM + "id") for entry in feed.findall(ATOM + "entry")]
    assert len(set(ids)) == 3
    for entry in feed.findall(ATOM + "entry"):
        assert all(len(entry.findall(ATOM + name)) == 1 for name in ("id", "title", "updated", "published"))
        assert len(entry.findall(ATOM + "link")) == len(entry.findall(ATOM + "content")) == 1
    newest = max(entry.findtext(ATOM + "updated") or "" for entry in feed.findall(ATOM + "entry"))
    assert feed.findtext(ATOM + "updated") == newest


def test_an_entry_is_updated_when_its_cluster_grows_and_keeps_its_id(
    new_article: Any, one_cluster: Any
) -> None:
    feeds = [
        feedparser.parse(io.BytesIO(render(one_cluster(*rows), "atom").encode())).entries[0]
        for rows in ([new_article(1)], [new_article(1), new_article(2)])
    ]
    assert feeds[0].id == feeds[1].id
    assert feeds[0].updated < feeds[1].updated


def test_an_atom_entry_without_a_safe_address_has_no_link(new_article: Any, one_cluster: Any) -> None:
    atom = render(one_cluster(new_article(1, url="javascript:alert(1)")), "atom")
    assert "<link" not in atom
    assert "javascript" not in atom


def test_strangers_cannot_put_anything_but_text_into_atom(
    payload: str, hostile: Callable[[str], Digest]
) -> None:
    feed = parsed(render(hostile(payload), "atom"))
    assert {element.tag.removeprefix(ATOM) for element in feed.iter()} <= _ATOM_ELEMENTS
    content = feed.findtext(f"{ATOM}entry/{ATOM}content") or ""
    assert set(re.findall(r"</?([a-z]\w*)", content)) <= {"p", "br", "blockquote", "ul", "li", "a", "bdi"}


@FEW
@given(text=st.text())
def test_atom_is_well_formed_whatever_comes_in(hostile: Callable[[str], Digest], text: str) -> None:
    assert len(parsed(render(hostile(text), "atom")).findall(ATOM + "entry")) == 1


def test_an_empty_feed_is_a_feed(newsroom: Any) -> None:
    read = feedparser.parse(io.BytesIO(render(newsroom.digest(tag="none"), "atom").encode()))
    assert (read.bozo, read.entries) == (False, [])


# --- words -----------------------------------------------------------------------------------------


def test_times_are_of_the_readers_zone_and_name_the_day_where_it_is_not_the_windows(
    new_article: Any, one_cluster: Any, query: Any
) -> None:
    before = query.window.since - timedelta(hours=2)
    digest = one_cluster(new_article(1, published_at=before), asked={"timezone": "Asia/Tokyo"})
    text = render(digest, "text")
    assert "Earliest account: Outlet 1, 24 Nov, 06:00" in text
    assert "23 Nov 2026" not in text


def test_a_time_of_another_year_names_the_year(new_article: Any, one_cluster: Any, query: Any) -> None:
    digest = one_cluster(new_article(1, published_at=query.window.since - timedelta(days=365)))
    assert "24 Nov 2025, 00:00" in render(digest, "md")


def test_a_window_that_is_no_day_is_told_by_its_ends(newsroom: Any) -> None:
    tokyo = render(newsroom.digest(timezone="Asia/Tokyo"), "text")
    assert tokyo.startswith("NEWS DIGEST: Wednesday, 25 November 2026\n")
    assert "From 24 Nov, 08:00 to 25 Nov, 08:00. Times in Asia/Tokyo." in " ".join(tokyo.split())


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (1, "Tuesday, 24 November 2026"),
        (3, "22 – 24 November 2026"),
        (30, "26 October – 24 November 2026"),
        (365, "25 November 2025 – 24 November 2026"),
    ],
)
def test_a_digest_is_called_by_its_days(newsroom: Any, query: Any, days: int, told: str) -> None:
    window = replace(query.window, since=query.window.until - timedelta(days=days))
    assert f"# News digest: {told}\n" in render(newsroom.digest(window=window), "md")


def test_the_filters_are_told(newsroom: Any) -> None:
    text = render(newsroom.digest(lang="de", tag="world", outlet="paper.example", min_outlets=2), "text")
    chosen = "with an article in German, tagged “world”, covered by paper.example, of at least 2 outlets."
    assert f"Shown: 1 report, {chosen}" in re.sub(r"\s+", " ", text)


def test_a_digest_that_was_cut_says_of_how_many(newsroom: Any) -> None:
    assert "Shown: 1 of 3 reports." in render(newsroom.digest(limit=1), "text")


@pytest.mark.parametrize(("revisions", "told"), [(1, "once"), (2, "twice"), (3, "3 times")])
def test_corrections_are_counted(new_article: Any, one_cluster: Any, revisions: int, told: str) -> None:
    for changes in ({}, {"word_count": 50, "cites": (Cite(None, "x"),)}):
        digest = one_cluster(new_article(1, revisions=revisions, **changes))
        assert all(f"title changed {told}" in render(digest, form) for form in ("html", "md", "atom"))
        assert f"title changed {told}" in re.sub(r"\s+", " ", render(digest, "text"))


def test_long_ways_are_told_in_days(new_article: Any, one_cluster: Any) -> None:
    late = new_article(1).published_at + timedelta(days=2, hours=3, minutes=5)
    digest = one_cluster(new_article(1), new_article(2, published_at=late))
    assert "2 outlets in 2 d 3 h" in render(digest, "html")


# --- determinism -----------------------------------------------------------------------------------

_SCRIPT = """
import hashlib, pickle, sys
from aggregator.digest.render import FORMATS, render
from aggregator.digest.select import make_digest
given = pickle.loads(open(sys.argv[1], "rb").read())
print(hashlib.sha256("".join(render(make_digest(*given), form) for form in FORMATS).encode()).hexdigest())
"""


def test_same_rows_and_query_give_the_same_bytes_in_any_process_zone_and_locale(
    newsroom: Any, query: Any, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.pickle"
    rows.write_bytes(pickle.dumps((newsroom.reports, newsroom.articles, newsroom.counts, query)))
    here = "".join(render(newsroom.digest(), form) for form in FORMATS)
    found = {hashlib.sha256(here.encode()).hexdigest()}
    for seed, local in (
        ("1", {"TZ": "Asia/Tokyo", "LC_ALL": "C"}),
        ("2", {"TZ": "America/Lima", "LANG": "de_DE"}),
    ):
        world = os.environ | local | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", _SCRIPT, str(rows)]
        found.add(
            subprocess.run(command, env=world, capture_output=True, text=True, check=True).stdout.strip()
        )
    assert len(found) == 1


def test_a_format_that_is_none_is_refused(newsroom: Any) -> None:
    with pytest.raises(KeyError):
        render(newsroom.digest(), "pdf")
