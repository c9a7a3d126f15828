from __future__ import annotations

import json
import pickle
import zipfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trafilatura import extract

from aggregator.articles import extract_article, from_entry
from aggregator.articles.body import MAX_LINKS, MAX_TEXT
from aggregator.articles.extract import MAX_TAGS
from aggregator.model import ArticleStatus, EntryText, Extraction

URL = "https://www.hainfelder-bote.de/a/neue-bruecke-fuer-hainfeld-4710.html"
ENTRY = EntryText(title="Hainfeld baut neue Brücke", summary="Der Stadtrat hat entschieden.")
BROKEN_NODE = {
    "@type": "NewsArticle",
    "author": [[]],
    "hasPart": [{"isAccessibleForFree": False, "cssSelector": [".a, #b", 3]}],
}
SHARED = Path(__file__).resolve().parents[3] / "shared"

Build = Callable[..., str]


def read(
    page: str | bytes,
    *,
    content_type: str | None = "text/html; charset=utf-8",
    entry: EntryText = ENTRY,
    **more: object,
) -> Extraction:
    body = page if isinstance(page, bytes) else page.encode("utf-8", "replace")
    return extract_article(body, **{"url": URL, "content_type": content_type, "entry": entry, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lang", "charset"), [("de", "utf-8"), ("de", "iso-8859-1"), ("ru", "windows-1251"), ("pl", "iso-8859-2")]
)
@pytest.mark.parametrize("labelled", [True, False])
def test_an_article_is_read_without_what_stands_around_it(
    news_page: Build, paragraphs: dict[str, tuple[str, ...]], lang: str, charset: str, labelled: bool
) -> None:
    page = news_page(lang=lang, charset=charset).encode(charset, "xmlcharrefreplace")
    got = read(page, content_type=f"text/html; charset={charset}" if labelled else "text/html")
    assert got.text == "\n".join(paragraphs[lang])
    assert (got.status, got.lang, got.url, got.detail) == (ArticleStatus.FULL, lang, URL, None)
    assert got.title == "Hainfeld baut eine neue Brücke"


def test_what_a_selector_names_is_taken_out_before_the_page_is_read(
    news_page: Build, paragraphs: dict[str, tuple[str, ...]]
) -> None:
    box = f'<aside class="Related box">{"Auch lesenswert ist dieser andere Artikel hier. " * 20}</aside>'
    for stripped in ((".box",), ("aside.Related",), ("p > em:first-child, aside",), (".ad", "aside[class]")):
        page = news_page(lang="de").replace("</article>", f"{box}</article>", 1)
        assert "Auch lesenswert" not in read(page, strip=stripped).text
        assert paragraphs["de"][-1] in read(page, strip=stripped).text


@pytest.mark.parametrize("selector", ["body", "*"])
def test_a_selector_that_takes_everything_leaves_what_the_feed_says(news_page: Build, selector: str) -> None:
    got = read(news_page(), strip=(selector,))
    assert (got.status, got.title) == (ArticleStatus.TEASER, ENTRY.title)


def test_what_the_page_says_of_itself_is_read(news_page: Build) -> None:
    node = {
        "@context": "https://schema.org",
        "@graph": [
            {"@type": "WebSite", "name": "Bote"},
            {
                "@type": ["Thing", "NewsArticle"],
                "headline": "Hainfeld baut &quot;neue&quot; Br\u00fccke",
                "datePublished": "2024-10-25T18:30:00+02:00",
                "author": [
                    {"@type": "Person", "name": "Jan Ohm"},
                    {"name": "By Eva Roth"},
                    "https://x.org/a",
                ],
                "publisher": {"name": "Hainfelder Bote"},
            },
        ],
    }
    head = (
        f'<script type="application/ld+json">{json.dumps(node)}</script><link '
        f'rel="canonical" href="/a/neue-bruecke-4710">'
    )
    got = read(news_page(head=head))
    assert got.author == "Jan Ohm, Eva Roth"
    assert got.published_at == datetime(2024, 10, 25, 16, 30, tzinfo=UTC)
    assert got.url == "https://www.hainfelder-bote.de/a/neue-bruecke-4710"


def test_the_entrys_date_comes_first_and_its_author_and_title_fill_gaps() -> None:
    when = datetime(2024, 10, 24, tzinfo=UTC)
    entry = EntryText(title="Ein Titel aus dem Feed", author="Feed Autor", published_at=when)
    head = '<meta property="article:published_time" content="2020-01-01T00:00:00Z">'
    text = "Viele Worte stehen hier. " * 40
    page = f"<html><head>{head}</head><body><article><p>{text}</p></article></body></html>"
    got = read(page, entry=entry)
    assert (got.title, got.author, got.published_at) == ("Ein Titel aus dem Feed", "Feed Autor", when)


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        (
            '<meta name="date" content="Fri, 25 Oct 2024 10:00:00 +0200">',
            datetime(2024, 10, 25, 8, tzinfo=UTC),
        ),
        ('<meta itemprop="datePublished" content="2024-10-25">', datetime(2024, 10, 25, tzinfo=UTC)),
        ('<meta name="date" content="yesterday">', None),
        ('<meta name="date" content="0001-01-01T00:00:00+14:00">', None),
        (
            "<script "
            'type="application/ld+json">{"@type":"NewsArticle","datePublished":"2024-10-25T08:00Z",}</script>',
            None,
        ),
        (f'<script type="application/ld+json">{"[" * 60000}</script>', None),
        ('<script type="application/ld+json">[1, "a", null, {"@type": 5}]</script>', None),
    ],
)
def test_dates_are_read_where_they_are_dates(
    news_page: Build, element: str, expected: datetime | None
) -> None:
    got = read(news_page(head=element))
    assert got.published_at == expected
    assert got.status is ArticleStatus.FULL


def test_a_time_element_counts_within_the_article_only(
    news_page: Build, paragraphs: dict[str, tuple[str, ...]]
) -> None:
    stamp = '<time datetime="2024-10-25T10:00:00Z">heute</time>'
    text = "".join(f"<p>{p}</p>" for p in paragraphs["de"])
    assert read(news_page(body=stamp + text)).published_at == datetime(2024, 10, 25, 10, tzinfo=UTC)
    assert read(news_page().replace("<footer>", f"<footer>{stamp}")).published_at is None


def test_links_within_sentences_are_kept_and_navigation_is_not(
    news_page: Build, paragraphs: dict[str, tuple[str, ...]]
) -> None:
    first, *rest = paragraphs["de"]
    body = (
        f'<p>{first} Das <a href="https://www.wsj.com/articles/x-1?mod=rss">schrieb</a> '
        f'eine <a href="/b/2.html?utm_source=a">Zeitung</a>, '
        '<a href="mailto:a@b.de">Mail</a>, <a href="https://[bad">kaputt</a>, <a name="x">Anker</a>.</p>'
        '<p><a href="/c/3.html">Lesen Sie auch: Hafen</a></p>' + "".join(f"<p>{p}</p>" for p in rest)
    )
    got = read(news_page(body=body))
    assert got.links == ("https://www.wsj.com/articles/x-1", "https://www.hainfelder-bote.de/b/2.html")
    assert "Lesen Sie auch" not in got.text


def test_relative_links_follow_the_base_element_and_their_number_is_limited(
    news_page: Build, paragraphs: dict[str, tuple[str, ...]]
) -> None:
    links = " ".join(f'<a href="{n}.html">Wort {n}</a> und' for n in range(MAX_LINKS + 20))
    body = f"<p>{paragraphs['de'][0]} {links} Schluss.</p>" + "".join(
        f"<p>{p}</p>" for p in paragraphs["de"][1:]
    )
    got = read(news_page(body=body, head='<base href="https://static.hainfelder-bote.de/x/">'))
    assert len(got.links) == MAX_LINKS
    assert got.links[0] == "https://static.hainfelder-bote.de/x/0.html"


def test_a_page_of_links_alone_keeps_them() -> None:
    rows = "".join(
        f'<p><a href="/{n}">Meldung Nummer {n} aus der Region, kurz zusammengefasst</a></p>'
        for n in range(12)
    )
    got = read(
        f"<html><head><title>Der Morgen</title></head><body><article><h1>Der "
        f"Morgen</h1>{rows}</article></body></html>"
    )
    assert got.text.count("Meldung Nummer") >= 10
    assert got.links == ()


def test_a_feed_that_carries_the_whole_article_beats_a_page_that_lost_it(news_page: Build) -> None:
    whole = "".join(
        f"<p>Absatz {n} mit einigen weiteren Wörtern, die nur im Feed stehen.</p>" for n in range(40)
    )
    got = read(
        news_page(body="<p>Kurz gesagt: Es wird gebaut, und zwar schon bald.</p>"),
        entry=EntryText(title="x", content=whole),
    )
    assert got.text.startswith("Absatz 0 mit")
    assert got.status is ArticleStatus.FULL


def test_an_amp_page_is_known_by_the_article_it_belongs_to(news_page: Build) -> None:
    page = news_page(head=f'<link rel="canonical" href="{URL}">').replace("<html ", "<html amp ")
    assert (
        read(page, url="https://amp.hainfelder-bote.de/a/neue-bruecke-fuer-hainfeld-4710.amp.html").url == URL
    )


def test_a_live_ticker_is_read_with_all_its_updates(
    news_page: Build, paragraphs: dict[str, tuple[str, ...]]
) -> None:
    updates = "".join(
        f'<section class="update"><h3>1{n}:00 Uhr: Meldung {n}</h3><p>{p}</p></section>'
        for n, p in enumerate(paragraphs["de"])
    )
    head = '<script type="application/ld+json">{"@type": "LiveBlogPosting", "headline": "Ticker"}</script>'
    got = read(news_page(body=updates, head=head))
    assert got.status is ArticleStatus.FULL
    assert all(p in got.text for p in paragraphs["de"])


@pytest.mark.parametrize(
    "content_type", ["application/pdf", "video/mp4", "application/json; charset=utf-8", "image/png"]
)
def test_what_is_not_html_falls_back_to_the_entry(content_type: str) -> None:
    got = read(b"%PDF-1.7 ...", content_type=content_type)
    assert (got.status, got.text, got.title) == (ArticleStatus.TEASER, ENTRY.summary, ENTRY.title)
    assert content_type in (got.detail or "")


def test_html_without_or_with_a_vague_type_is_told_by_its_beginning(news_page: Build) -> None:
    for content_type in (None, "", "text/plain", "application/octet-stream", "*/*"):
        assert read(news_page(), content_type=content_type).status is ArticleStatus.FULL
    assert read(b"\x89PNG\r\n", content_type=None).status is ArticleStatus.TEASER


@pytest.mark.parametrize(
    "page",
    ["", "<html></html>", "\0\0\0", "<html><body><div id=root></div><script>x()</script></body></html>"],
)
def test_an_empty_page_falls_back_to_the_entry(page: str) -> None:
    got = read(page, link="https://www.hainfelder-bote.de/r/1")
    assert (got.status, got.text) == (ArticleStatus.TEASER, ENTRY.summary)
    assert got.url == "https://www.hainfelder-bote.de/r/1"
    assert got.detail


def test_s25_pages_beyond_every_measure_are_read_up_to_the_limits() -> None:
    many = (
        "<html><body><article>"
        + "".join(f"<p>{f'Wort{n} ' * 30}</p>" for n in range(MAX_TAGS // 8))
        + "<i>" * (MAX_TAGS * 2)
    )
    got = read(many)
    assert got.status is ArticleStatus.FULL
    assert 0 < len(got.text) <= MAX_TEXT


def test_a_failure_while_reading_is_a_value_too(news_page: Build) -> None:
    got = read(news_page(), headers=(("cf-mitigated", None),))
    assert (got.status, got.text) == (ArticleStatus.TEASER, ENTRY.summary)
    assert got.detail == "the page could not be read (AttributeError)"


def test_s24_deep_nesting_is_survived() -> None:
    assert (
        read("<html><body>" + "<div><b>" * 20000 + "Text" + "</b></div>" * 20000).status
        is ArticleStatus.TEASER
    )


def test_s30_s35_texts_hold_no_control_characters_and_titles_no_markup(news_page: Build) -> None:
    body = (
        "<p>Ein Satz mit Zeichen\x00\x0b\x9b drin und noch sehr viel mehr Worten dahinter, "
        "damit es reicht.</p>" * 8
    )
    got = read(
        news_page(title="Ein &lt;script&gt;alert(1)&lt;/script&gt; T\x00itel", body=body),
        entry=EntryText(title="\ud800Titel"),
    )
    assert not any(ord(c) < 32 and c != "\n" for c in got.text + got.title)
    assert "<script>" not in got.title
    (got.title + got.text).encode()


def test_results_and_arguments_cross_processes(news_page: Build) -> None:
    got = read(news_page())
    assert pickle.loads(pickle.dumps(got)) == got  # noqa: S301
    assert pickle.loads(pickle.dumps(extract_article)) is extract_article  # noqa: S301


@given(
    st.binary(max_size=400),
    st.none() | st.sampled_from(["text/html", "application/pdf", "text/html; charset=utf-16"]),
)
def test_extraction_never_raises(page: bytes, content_type: str | None) -> None:
    assert isinstance(read(page, content_type=content_type), Extraction)


@given(
    st.lists(
        st.sampled_from(
            [
                "<p>",
                "</p>",
                "<a href='//'>",
                "<h1>",
                "<base href='http://['>",
                "<meta charset=hex>",
                "<table><td>",
                f"<script type='application/ld+json'>{json.dumps(BROKEN_NODE)}</script>",
                "Worte und Worte. " * 20,
                "<form action=consent><button>",
                "\ud83d",
                "<svg><![CDATA[",
                "<link rel=canonical href='http://[x'>",
            ]
        ),
        max_size=25,
    )
)
def test_extraction_never_raises_on_broken_markup(pieces: list[str]) -> None:
    assert isinstance(read("<html>" + "".join(pieces)), Extraction)


def test_an_entry_alone_makes_an_article() -> None:
    when = datetime(2024, 10, 24, tzinfo=UTC)
    entry = EntryText(
        title=" Ein <b>Titel</b> &amp; mehr ",
        summary="Kurz",
        author="Eva",
        published_at=when,
        language="de",
        content="<p>Erster Absatz.</p><script>x()</script><p>Zweiter<br>Absatz &amp; "
        "Ende.</p><form><p>Weg</p></form>",
    )
    got = from_entry(
        entry, url="HTTPS://a.de/x?utm_source=rss", status=ArticleStatus.GONE, detail="the server says 404"
    )
    assert got == Extraction(
        url="https://a.de/x",
        status=ArticleStatus.GONE,
        title="Ein Titel & mehr",
        lang="de",
        author="Eva",
        published_at=when,
        text="Erster Absatz.\nZweiter\nAbsatz & Ende.",
        detail="the server says 404",
    )


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", "Kurz gesagt"),
        ("<p></p>", "Kurz gesagt"),
        ("<", "Kurz gesagt"),
        ("Nur Text &amp; sonst nichts", "Nur Text & sonst nichts"),
    ],
)
def test_the_longer_of_content_and_summary_is_the_entrys_text(content: str, text: str) -> None:
    entry = EntryText(title="t", summary="Kurz gesagt", content=content)
    assert from_entry(entry, url="https://a.de/", status=ArticleStatus.FAILED, detail="d").text == text


def word_f1(gold: str, got: str) -> float:
    import re

    a, b = (Counter(re.findall(r"\w+", t.lower())) for t in (gold, got))
    return 2 * sum((a & b).values()) / max(1, sum(a.values()) + sum(b.values()))


def test_stored_texts_of_real_pages_are_no_worse_than_trafilaturas() -> None:
    suite = SHARED / "suites" / "pages-news.zip"
    if not suite.exists():
        pytest.skip("the shared suites are not beside the repository")
    with zipfile.ZipFile(suite) as archive:
        rows = [json.loads(line) for line in archive.read("gold.jsonl").decode().splitlines()][::6]
        pages = [(row["url"], archive.read(row["html"]), row["text"]) for row in rows]
    ours = sum(
        word_f1(text, read(page, url=url, content_type="text/html", entry=EntryText(title="")).text)
        for url, page, text in pages
    )
    theirs = sum(word_f1(text, extract(page, include_comments=False) or "") for _, page, text in pages)
    assert ours / len(pages) >= theirs / len(pages) - 0.002
