"""The labelled articles are what their labels say."""

import json
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from itertools import combinations

import py3langid

from aggregator.demo.newsroom import CLOCK, DemoArticle, load_articles
from aggregator.demo.outlets import OUTLETS

# How each cited outlet is written in the ten languages.
NAMES = {
    "wsj.com": r"Wall Street Journal|\bWSJ\b|\bthe Journal\b",
    "reuters.com": r"Reuters",
    "semafor.com": r"Semafor",
    "ft.com": r"Financial Times|\bFT\b",
    "bloomberg.com": r"Bloomberg",
    "dpa.com": r"Deutschen Presse-Agentur",
    "pravda.com.ua": r"Ukrajinska Prawda",
}

FIELDS = [
    "id",
    "story",
    "outlet",
    "lang",
    "published",
    "headline",
    "summary",
    "paragraphs",
    "author",
    "cites",
]
FIELDS += ["origin", "copy_of", "note"]

Articles = tuple[DemoArticle, ...]


def by_report(articles: Articles) -> dict[str, list[DemoArticle]]:
    groups = defaultdict(list)
    for article in articles:
        groups[article.report].append(article)
    return groups


def shingles(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return set(zip(*(words[i:] for i in range(4)), strict=False))


def shared(one: DemoArticle, other: DemoArticle) -> float:
    a, b = shingles(one.text), shingles(other.text)
    return len(a & b) / min(len(a), len(b))


def word_count(article: DemoArticle) -> int:
    return len(article.text.split())


def test_the_newsroom_is_as_large_and_as_mixed_as_promised(articles: Articles) -> None:
    languages = Counter(article.lang for article in articles)
    assert len(articles) >= 60
    assert len({article.outlet.domain for article in articles}) == len(OUTLETS) >= 40
    assert {"en", "de", "fr", "es", "ru", "it", "nl", "pl", "pt", "uk"} == set(languages)
    assert min(languages[lang] for lang in ("en", "de", "fr", "es", "ru", "it")) >= 5
    reports = by_report(articles)
    assert sum(len(group) > 1 for group in reports.values()) >= 10
    assert sum(len(group) == 1 for group in reports.values()) >= 6


def test_every_line_has_exactly_the_fields_of_a_labelled_article() -> None:
    lines = files("aggregator.demo").joinpath("newsroom.jsonl").read_text(encoding="utf-8").splitlines()
    assert all(list(json.loads(line)) == FIELDS for line in lines)
    assert len({json.loads(line)["id"] for line in lines}) == len(lines)


def test_articles_have_real_length_except_for_one_stub(articles: Articles) -> None:
    lengths = {article.id: word_count(article) for article in articles}
    assert [name for name, length in lengths.items() if length < 140] == ["mp-19"]
    assert 35 <= lengths["mp-19"] <= 45
    assert sum(length >= 400 for length in lengths.values()) >= 4
    assert all(article.headline and article.summary for article in articles)


def test_every_text_is_in_the_language_of_its_label_and_of_its_outlet(articles: Articles) -> None:
    for article in articles:
        assert py3langid.classify(article.text)[0] == article.lang, article.id
        assert article.outlet.language == article.lang


def test_texts_are_set_with_typographic_quotes(articles: Articles) -> None:
    straight = [article.id for article in articles if '"' in article.text]
    assert straight == ["mp-06"], "only the copy whose quotes were retyped"
    french = [article for article in articles if article.lang == "fr"]
    assert all("« " not in article.text and " »" not in article.text for article in french)
    assert sum("«\N{NO-BREAK SPACE}" in article.text for article in french) >= 5


def test_copies_share_their_text_with_an_earlier_original(articles: Articles) -> None:
    known = {article.id: article for article in articles}
    copies = [article for article in articles if article.copy_of]
    assert len(copies) >= 4
    for copy in copies:
        original = known[str(copy.copy_of)]
        assert original.copy_of is None
        assert (original.report, original.lang) == (copy.report, copy.lang)
        assert original.outlet != copy.outlet
        assert original.published < copy.published
        assert original.headline != copy.headline
        assert original.text != copy.text
        assert shared(copy, original) > 0.8


def test_independent_accounts_share_hardly_a_phrase(articles: Articles) -> None:
    def root(article: DemoArticle) -> str:
        return article.copy_of or article.id

    for one, other in combinations(articles, 2):
        if one.lang == other.lang and root(one) != root(other):
            assert shared(one, other) < 0.2, (one.id, other.id, shared(one, other))


def test_every_cited_outlet_is_named_in_the_text(articles: Articles) -> None:
    for article in articles:
        for domain in article.cites:
            assert re.search(NAMES[domain], article.text), (article.id, domain)
            assert domain != article.outlet.domain


def test_a_name_in_the_text_without_a_citation_is_explained(articles: Articles) -> None:
    for article in articles:
        if article.note.startswith("long original") or article.copy_of:
            continue
        for domain, name in NAMES.items():
            named = re.search(name, re.sub(r"^.*?\(Reuters\) -", "", article.text))
            if named and domain not in article.cites and domain != article.outlet.domain:
                assert f"background: {domain}" in article.note, (article.id, domain)


def test_an_origin_is_the_earliest_of_its_report_and_the_most_cited(articles: Articles) -> None:
    origins = [article for article in articles if article.origin]
    assert {article.outlet.domain for article in origins} == {"wsj.com", "ft.com", "reuters.com"}
    for origin in origins:
        group = by_report(articles)[origin.report]
        assert min(group, key=lambda article: article.published) == origin
        votes = Counter(domain for article in group for domain in article.cites)
        assert votes.most_common(1)[0][0] == origin.outlet.domain


def test_the_central_report_is_told_in_ten_languages_and_denied_within_a_day(articles: Articles) -> None:
    group = by_report(articles)["musk-putin"]
    assert len({article.lang for article in group}) == 10
    first = min(article.published for article in group)
    assert all(article.published - first < timedelta(hours=36) for article in group)
    assert {"interfax.ru", "reuters.com"} <= {article.outlet.domain for article in group}


def test_loading_moves_every_date_by_the_same_distance() -> None:
    now = datetime(2031, 5, 6, 7, 8, 9, 10, tzinfo=UTC)
    written, moved = load_articles(CLOCK), load_articles(now)
    assert [article.id for article in written] == [article.id for article in moved]
    distances = {new.published - old.published for old, new in zip(written, moved, strict=True)}
    assert distances == {now.replace(microsecond=0) - CLOCK}
    assert all(now - timedelta(hours=48) < article.published < now for article in moved)


def test_addresses_are_unique_and_do_not_change_with_the_time(articles: Articles) -> None:
    assert len({article.url for article in articles}) == len(articles)
    assert {article.url for article in articles} == {article.url for article in load_articles(CLOCK)}
    assert all(re.fullmatch(r"[a-z0-9/-]+-\d{1,7}\.html", article.path) for article in articles)
