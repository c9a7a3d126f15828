from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.articles import canonical_url, page_url, registrable_domain
from aggregator.articles.urls import is_front

SECURITY = Path(__file__).resolve().parents[3] / "shared" / "suites" / "security.zip"
PAGE = "https://www.example.com/news/2024/10/25/bridge-over-the-river-48211.html"

# Where we differ from Miniflux's table, and why.
OTHERWISE = {
    "URL with tracking parameters and fragments": "https://example.com/page?id=123",  # a place within a page
    "URL with only tracking parameters and fragments": "https://example.com/page",
    "URL with encoded characters": "https://example.com/page?name=John%20Doe",  # left as the outlet wrote it
    "ref parameter for feed url": "https://example.com/page?ref=feed.com",  # it knows of no feeds
}


@pytest.mark.parametrize(
    ("given_url", "expected"),
    [
        ("HTTPS://WWW.Example.COM:443/Path", "https://www.example.com/Path"),
        ("http://example.com:80", "http://example.com/"),
        ("http://example.com:8080/a", "http://example.com:8080/a"),
        ("https://example.com./a", "https://example.com/a"),
        ("https://user:secret@example.com/a", "https://example.com/a"),
        ("https://example.com/a/./b/../c", "https://example.com/a/c"),
        ("https://example.com/a/b/..", "https://example.com/a/"),
        ("https://example.com/%7euser/%c3%a4", "https://example.com/~user/%C3%A4"),
        ("https://example.com/ä b", "https://example.com/%C3%A4b"),
        ("https://example.com/100%", "https://example.com/100%25"),
        ("https://пример.рф/а", "https://xn--e1afmkfd.xn--p1ai/%D0%B0"),
        ("https://example.com/app#!/article/7", "https://example.com/app#!/article/7"),
        ("https://example.com/a#comments", "https://example.com/a"),
        ("https://[::1]:8080/a", "https://[::1]:8080/a"),
        ("https://example.com/a?b=2&a=1&&c", "https://example.com/a?b=2&a=1&c"),
        ("https://example.com/a;v=1?x=a|b", "https://example.com/a;v=1?x=a|b"),
        ("  https://example.com/a\n", "https://example.com/a"),
        ("mailto:redaktion@example.org", "mailto:redaktion@example.org"),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("https://", ""),
        ("https://exa mple|org/", ""),
        ("https://example.com:99999/", ""),
        ("http://[::1", ""),
        ("https://xn--/\ud800", ""),
        ("https://a..b/", ""),
        ("https://ä\u2488.de/", ""),
        ("", ""),
    ],
)
def test_an_address_is_spelled_in_one_way(given_url: str, expected: str) -> None:
    assert canonical_url(given_url) == expected


@pytest.mark.parametrize(
    "parameters",
    [
        "utm_source=rss&utm_medium=feed",
        "UTM_Campaign=x&fbclid=1&gclid=2&msclkid=3",
        "at_medium=RSS&at_campaign=KARANGA",
        "xtor=RSS-16&ns_mchannel=rss&ns_campaign=1490&ns_source=public",
        "wt_mc=rss.red.ho&wt_zmc=fix&maca=de-rss-de-all-1119-rdf",
        "CMP=share_btn&mc_cid=1&mc_eid=2&cmpid=RSS",
        "ref=www.example.com",
        "PHPSESSID=0a1b2c",
        "ocid=socialflow&traffic_source=rss&sara_ecid=soc&mtm_kwd=a",
    ],
)
def test_what_only_tracks_is_dropped_and_what_selects_the_article_stays(parameters: str) -> None:
    assert (
        canonical_url(f"https://www.example.com/a?id=7&{parameters}&page=2")
        == "https://www.example.com/a?id=7&page=2"
    )


@pytest.mark.parametrize(
    "query",
    [
        "id=1",
        "p=123",
        "article=5",
        "newsid=8",
        "cid=4",
        "ref=42",
        "source=7",
        "mod=article",
        "s=1",
        "a_id=3",
        "keyword=x",
    ],
)
def test_parameters_that_may_select_an_article_are_kept(query: str) -> None:
    assert canonical_url(f"https://example.com/a?{query}") == f"https://example.com/a?{query}"


def test_one_outlets_tracking_parameter_is_dropped_there_only() -> None:
    assert canonical_url("https://www.wsj.com/a?mod=rss_markets") == "https://www.wsj.com/a"
    assert canonical_url("https://notwsj.com/a?mod=rss_markets") == "https://notwsj.com/a?mod=rss_markets"


@pytest.mark.parametrize(
    ("cached", "inner"),
    [
        (
            "https://www-example-com.cdn.ampproject.org/c/s/www.example.com/a/b.html?x=1",
            "https://www.example.com/a/b.html?x=1",
        ),
        ("https://example-com.cdn.ampproject.org/v/example.com/a?usqp=mq331AQ", "http://example.com/a"),
        ("https://www.google.com/amp/s/www.example.com/amp/a", "https://www.example.com/amp/a"),
    ],
)
def test_amp_caches_are_unwrapped(cached: str, inner: str) -> None:
    assert canonical_url(cached) == inner


def test_amp_hosts_without_an_address_inside_stay_as_they_are() -> None:
    for url in ("https://example-com.cdn.ampproject.org/x", "https://www.google.com/search?q=amp"):
        assert canonical_url(url) == url


@given(st.text(max_size=80) | st.text(max_size=60).map("https://example.com/".__add__))
def test_canonical_url_is_idempotent_and_never_raises(text: str) -> None:
    once = canonical_url(text)
    assert canonical_url(once) == once


@given(
    st.from_regex(
        r"https?://[a-zA-ZäÖ.0-9-]{1,20}(:\d{1,5})?(/[!-~ä]{0,8}){0,4}(\?[!-~]{0,20})?(#[!-~]{0,8})?",
        fullmatch=True,
    )
)
def test_canonical_url_is_idempotent_on_what_looks_like_an_address(url: str) -> None:
    once = canonical_url(url)
    assert canonical_url(once) == once


def test_l36_minifluxs_url_cleaner_table_holds_with_four_stated_differences() -> None:
    if not SECURITY.exists():
        pytest.skip("the shared suites are not beside the repository")
    with zipfile.ZipFile(SECURITY) as archive:
        rows = [json.loads(line) for line in archive.read("urlcleaner_miniflux.jsonl").decode().splitlines()]
    assert len(rows) == 18
    wrong = {r["name"]: canonical_url(r["input"]) for r in rows if canonical_url(r["input"]) != r["expected"]}
    assert wrong == OTHERWISE


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("news.bbc.co.uk", "bbc.co.uk"),
        ("WWW.Example.COM.", "example.com"),
        ("zeitung.blogspot.com", "zeitung.blogspot.com"),
        ("www.пример.рф", "xn--e1afmkfd.xn--p1ai"),
        ("127.0.0.1", "127.0.0.1"),
        ("[2001:DB8::1]", "2001:db8::1"),
        ("localhost", "localhost"),
        ("co.uk", "co.uk"),
        ("", ""),
        ("not a host", ""),
    ],
)
def test_the_registrable_domain_follows_the_public_suffix_list(host: str, domain: str) -> None:
    assert registrable_domain(host) == domain


@pytest.mark.parametrize(
    ("canonical", "og", "expected"),
    [
        (None, None, PAGE),
        ("", "  ", PAGE),
        ("/news/2024/10/25/bridge-over-the-river-48211.html", None, PAGE),
        (
            "https://example.com/2024/bridge-over-the-river",
            None,
            "https://example.com/2024/bridge-over-the-river",
        ),
        ("http://www.example.com/a/new-bridge-48211", None, "https://www.example.com/a/new-bridge-48211"),
        ("https://other.org/bridge-over-the-river", None, PAGE),
        (
            "https://other.org/x",
            "https://m.example.com/bridge-over-river",
            "https://m.example.com/bridge-over-river",
        ),
        ("https://www.example.com/", None, PAGE),
        ("https://www.example.com/index.html", None, PAGE),
        ("https://www.example.com/news/uk-politics", None, PAGE),
        ("https://www.example.com/news/2024/10/24/storm-hits-coast-48102.html", None, PAGE),
        ("https://www.example.com/en/nueva-puente-sobre-el-rio-48211.html", None, PAGE),
        ("javascript:alert(1)", None, PAGE),
        ("http://[broken", None, PAGE),
        (f"{PAGE.upper().replace('HTTPS://WWW.EXAMPLE.COM', 'https://www.example.com')}", None, PAGE),
        (f"{PAGE}?utm_source=canonical", None, PAGE),
    ],
)
def test_a_page_is_known_by_its_canonical_address_unless_that_is_broken(
    canonical: str | None, og: str | None, expected: str
) -> None:
    assert page_url(f"{PAGE}?utm_source=rss", canonical, og) == expected


@pytest.mark.parametrize(
    ("final", "canonical", "expected"),
    [
        (
            "https://example.com/?p=4711",
            "https://example.com/a/the-new-bridge",
            "https://example.com/a/the-new-bridge",
        ),
        (
            "https://example.com/amp/48211",
            "https://example.com/bridge-over-48211",
            "https://example.com/bridge-over-48211",
        ),
        ("https://example.com/a/481234", "https://example.com/a/481235", "https://example.com/a/481234"),
        (
            "https://example.com/a/bridge-over-river/amp",
            "https://example.com/a/bridge-over-river",
            "https://example.com/a/bridge-over-river",
        ),
        ("https://example.com/", "https://example.com/", "https://example.com/"),
        ("ftp://example.com/a", "https://example.com/b", "ftp://example.com/a"),
    ],
)
def test_a_canonical_address_is_believed_where_it_can_be_the_same_article(
    final: str, canonical: str, expected: str
) -> None:
    assert page_url(final, canonical, None) == expected


def test_a_canonical_address_that_differs_in_case_and_scheme_only_gives_the_scheme() -> None:
    found = page_url("http://a.example/news/bridge-opened-1", "https://a.example/News/bridge-opened-1", None)
    assert found == "https://a.example/news/bridge-opened-1"


def test_fronts_are_told_from_articles() -> None:
    assert all(
        map(is_front, ("https://a.org/", "https://a.org/news", "https://a.org/news/uk-politics/index.html"))
    )
    articles = (
        "https://a.org/?p=1",
        "https://a.org/news/2024",
        "https://a.org/a-b-c",
        "https://a.org/x/y/z",
        "https://a.org/a.html",
    )
    assert not any(map(is_front, articles))


@given(st.text(max_size=60), st.none() | st.text(max_size=60), st.none() | st.text(max_size=60))
def test_page_url_never_raises(final: str, canonical: str | None, og: str | None) -> None:
    assert isinstance(page_url(final, canonical, og), str)
