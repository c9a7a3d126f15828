"""The page: what is in it, what can never be in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.digest import charts
from aggregator.digest.model import ArticleRow, DayCounts, Digest, Window
from aggregator.digest.render import render, render_index

_EVERYWHERE = {"class", "id", "dir", "lang", "aria-hidden", "aria-label", "aria-labelledby", "role"}
_ALLOWED: dict[str, set[str]] = {
    "html": set(), "head": set(), "body": set(), "title": set(), "style": set(),
    "meta": {"charset", "name", "content", "http-equiv"},
    "a": {"href", "rel"}, "time": {"datetime"}, "abbr": {"title"},
    "svg": {"height", "viewbox"}, "rect": {"x", "y", "width", "height", "rx"}, "circle": {"cx", "cy", "r"},
    "line": {"x1", "x2", "y1", "y2"}, "text": {"x", "y"}, "desc": set(),
    **{name: set() for name in (
        "div", "header", "footer", "main", "nav", "section", "article", "figure", "figcaption", "blockquote",
        "details", "summary", "h1", "h2", "h3", "p", "ul", "ol", "li", "dl", "dt", "dd", "span", "strong",
        "bdi",
    )},
}  # fmt: skip


class Page(HTMLParser):
    """A page as a parser sees it; anything unbalanced, unknown or doubled is an error."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert tag in _ALLOWED, f"<{tag}>"
        assert set(names) <= _ALLOWED[tag] | _EVERYWHERE, f"<{tag} {names}>"
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice"
        self.found.append((tag, {name: value or "" for name, value in attrs}))
        if tag != "meta":
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"line", "rect", "circle"}, f"<{tag}/> is not a thing in HTML"
        self.handle_starttag(tag, attrs)
        self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        for name in self._open[-1:]:
            self.texts.setdefault(name, []).append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.found if name == tag]


def assert_is_sound(page: Page) -> None:
    ids = [attrs["id"] for _, attrs in page.found if "id" in attrs]
    assert not [name for name, count in Counter(ids).items() if count > 1]
    for _, attrs in page.found:
        assert set(attrs.get("aria-labelledby", "").split()) <= set(ids)
        assert re.fullmatch(r"(?:[a-z]{2,3}(?:-\w+)*)?", attrs.get("lang", ""))
    for attrs in page.all("a"):
        assert re.match(r"https?://[^\s\"'<>]+$|#[\w-]+$", attrs["href"]), attrs["href"]
        assert attrs["href"].startswith("#") or attrs["rel"] == "noopener noreferrer"


def test_the_page_is_well_formed_and_holds_only_allowed_elements(newsroom: Any) -> None:
    assert_is_sound(Page(render(newsroom.digest(why=True), "html")))


def test_each_cluster_is_an_article_that_is_named_by_its_headline(newsroom: Any) -> None:
    digest = newsroom.digest()
    page = Page(render(digest, "html"))
    articles = page.all("article")
    assert [attrs["id"] for attrs in articles] == [
        f"report-{section.cluster_id}" for section in digest.sections
    ]
    assert len(page.all("h1")) == len(page.all("main")) == 1
    headings = [int(name[1]) for name, _ in page.found if re.fullmatch(r"h\d", name)]
    assert all(deeper - level <= 1 for level, deeper in pairwise(headings))


def test_the_page_says_who_was_first_who_cites_it_and_what_was_corrected(newsroom: Any) -> None:
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", render(newsroom.digest(), "html")))
    assert "1,204 entries became 812 articles about 240 reports." in text
    assert "Reported first by The Paper, 08:10, cited by 3 of 5" in text
    assert "title changed twice, first “Gesandter traf Moskau”" in text
    assert "(text of The Paper)" in text
    assert "Earliest account: Outlet 20" in text
    assert "Arabic, English, German, Russian" in text


def test_titles_carry_their_own_language_and_direction(newsroom: Any) -> None:
    links = {attrs["href"]: attrs for attrs in Page(render(newsroom.digest(), "html")).all("a")}
    arabic = links["https://outlet6.example/news/6"]
    assert (arabic["lang"], arabic["dir"]) == ("ar", "auto")


def test_a_timeline_has_a_mark_for_each_outlet_and_says_in_words_what_it_shows(newsroom: Any) -> None:
    html = render(newsroom.digest(), "html")
    figure = html[html.index('<figure class="timeline">') : html.index("</figure>")]
    assert figure.count("<circle") + figure.count('<rect class="copy mark"') == 6
    assert "The Paper at 08:10, Outlet 2 at 08:20," in figure


def test_nothing_is_loaded_from_anywhere(newsroom: Any) -> None:
    html = render(newsroom.digest(), "html")
    assert "default-src 'none'" in html
    assert not re.search(r"url\(|@import|src=|<link|<script", html)


def test_a_string_of_strangers_never_becomes_markup(payload: str, hostile: Callable[[str], Digest]) -> None:
    digest = hostile(payload)
    assert len(digest.sections) == 1
    assert_is_sound(Page(render(digest, "html")))


@settings(max_examples=60)
@given(text=st.text())
def test_no_string_at_all_becomes_markup(hostile: Callable[[str], Digest], text: str) -> None:
    assert_is_sound(Page(render(hostile(text), "html")))


def test_thirty_clusters_of_forty_outlets_stay_below_300_kb(
    new_article: Any, new_report: Any, newsroom: Any
) -> None:
    def row(number: int, at: int) -> ArticleRow:
        title = f"A headline of ordinary length, as newspapers have it, {at}"
        url = f"https://www.outlet{at}.example/world/2026/11/a-headline-of-ordinary-length-{number}-{at}.html"
        return new_article(100 * number + at, number, title=title, url=url)

    rows = {number: [row(number, at) for at in range(40)] for number in range(1, 31)}
    full = replace(
        newsroom,
        reports=[new_report(articles) for articles in rows.values()],
        articles=[row for articles in rows.values() for row in articles],
    )
    digest = full.digest()
    assert len(digest.sections) == 30
    assert len(render(digest, "html").encode()) < 300_000


def test_more_accounts_than_are_shown_are_counted(new_article: Any, one_cluster: Any) -> None:
    digest = one_cluster(*[new_article(number) for number in range(1, 60)])
    assert "and 39 more" in render(digest, "html")
    assert "and 39 more" in render(digest, "md")
    assert "and 39 more" in render(digest, "text")
    assert "and 39 more" in render(digest, "atom")


def test_a_digest_without_reports_says_so(newsroom: Any) -> None:
    html = render(newsroom.digest(words="nothing of the kind"), "html")
    assert_is_sound(Page(html))
    assert "No report matches." in html
    assert "Shown: 0 reports, mentioning “nothing of the kind”." in html


def test_a_day_without_articles_still_has_a_page(newsroom: Any) -> None:
    html = render(replace(newsroom, reports=[], articles=[], counts=DayCounts(0, 0, 0)).digest(), "html")
    assert_is_sound(Page(html))
    assert "0 entries became 0 articles about 0 reports." in html


@pytest.mark.parametrize(("days", "bars"), [(1, 24), (7, 7), (365, 12)])
def test_the_chart_over_time_is_by_hour_by_day_or_by_month(newsroom: Any, days: int, bars: int) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    digest = newsroom.digest(timezone="UTC", window=Window(since, since + timedelta(days=days)))
    drawn = charts.bars(digest)
    assert len(drawn) == bars
    assert drawn[0].label
    assert sum(1 for bar in drawn if bar.label) <= 7


def test_an_hour_that_clocks_repeat_has_two_bars(newsroom: Any) -> None:
    window = Window(datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC))
    names = [bar.name for bar in charts.bars(newsroom.digest(window=window))]
    assert names[1:5] == [
        "01:00",
        "02:00",
        "02:00",
        "03:00",
    ]


def test_rare_languages_are_counted_together(newsroom: Any) -> None:
    codes = tuple(
        (code, 10 - at) for at, code in enumerate(["en", "de", "fr", "es", "it", "pt", "ru", "ja", "tr"])
    )
    digest = replace(newsroom, counts=DayCounts(0, 0, 0, (), codes)).digest()
    assert [(share.name, share.count) for share in charts.shares(digest)][-2:] == [
        ("Russian", 4),
        ("others", 5),
    ]


def test_colours_have_the_contrast_of_wcag_aa_in_both_themes(newsroom: Any) -> None:
    themes = re.findall(r":root \{(.*?)\}", render(newsroom.digest(), "html"), re.DOTALL)[:2]
    for theme in themes:
        colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", theme))
        for name in ("ink", "soft", "accent", "flag"):
            assert _contrast(colours[name], colours["paper"]) >= 4.5, name
        assert _contrast(colours["bar"], colours["paper"]) >= 3.0


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_index_links_each_day_once_the_latest_first() -> None:
    html = render_index([date(2026, 11, 1), date(2026, 10, 31), date(2026, 11, 2), date(2026, 11, 1)])
    assert re.findall(r'href="([^"]+)"', html) == ["2026-11-02.html", "2026-11-01.html", "2026-10-31.html"]
    assert "Monday, 2 November" in html
    assert "3 days" in html
    assert html.count("<h2") == 2


def test_an_index_without_days_says_so() -> None:
    assert "There is none yet." in render_index([])
