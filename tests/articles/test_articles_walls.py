from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from aggregator.articles import extract_article
from aggregator.model import ArticleStatus, EntryText, Extraction

URL = "https://www.hainfelder-bote.de/a/neue-bruecke-fuer-hainfeld-4710.html"
LINK = "https://www.hainfelder-bote.de/rss/4710"
ENTRY = EntryText(
    title="Hainfeld baut neue Brücke", summary="Der Stadtrat hat am Abend für den Bau gestimmt."
)

Build = Callable[..., str]

CLOUDFLARE = """<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title>
<meta http-equiv="refresh" content="390"></head><body><div class="main-wrapper">
<h1>www.hainfelder-bote.de</h1>
<p>Checking if the site connection is secure</p><noscript>Enable JavaScript and cookies to
continue</noscript></div>
<script>(function(){window._cf_chl_opt={cvId:'3'};})();</script></body></html>"""
DATADOME = """<html><head><title>hainfelder-bote.de</title></head><body><p id="cmsg">Please enable JS</p>
<script>var dd={'host':'geo.captcha-delivery.com'}</script>
<iframe src="https://geo.captcha-delivery.com/captcha/?x=1"></iframe></body></html>"""
CONSENT = """<!doctype html><html lang="de"><head><title>Bevor Sie fortfahren</title></head><body><main>
<h1>Bevor Sie fortfahren</h1><form action="/consent/save" method="post"><p>Wir und unsere 214 Partner
verwenden
Technologien, um Angebote bereitzustellen und zu verbessern, Inhalte und Werbung zu personalisieren und deren
Leistung zu messen. Wenn Sie zustimmen, werden diese Angaben auch außerhalb des Angebots verwendet. Sie
können Ihre
Entscheidung jederzeit widerrufen. Die Verarbeitung erfolgt zu den genannten Zwecken, wozu auch das
Speichern von
Kennungen auf Ihrem Gerät gehört.</p><button>Alle akzeptieren</button></form></main></body></html>"""
FRAMED_CONSENT = """<html><head><title>Bote</title></head><body><iframe id="sp_message_iframe_1"
src="https://cdn.privacy-mgmt.com/index.html"></iframe></body></html>"""
LOGIN = """<html><head><title>Anmelden</title></head><body><main><p>Bitte melden Sie sich an, um diesen
Inhalt zu
lesen.</p><form action="/login"><input name="u"><input type="password" name="p"><button>Los</button>
</form></main></body></html>"""
REFRESH = """<html><head><meta http-equiv="Refresh" content="0; url=https://www.hainfelder-bote.de/x"></head><body>
<p>Sie werden weitergeleitet.</p></body></html>"""


def read(
    page: str, *, url: str = URL, headers: tuple[tuple[str, bytes], ...] = (), entry: EntryText = ENTRY
) -> Extraction:
    return extract_article(
        page.encode(), url=url, content_type="text/html", entry=entry, headers=headers, link=LINK
    )


@pytest.mark.parametrize(
    ("page", "status", "word"),
    [
        (CLOUDFLARE, ArticleStatus.BLOCKED, "challenge"),
        (DATADOME, ArticleStatus.BLOCKED, "challenge"),
        (CONSENT, ArticleStatus.BLOCKED, "consent"),
        (FRAMED_CONSENT, ArticleStatus.BLOCKED, "consent"),
        (REFRESH, ArticleStatus.BLOCKED, "refresh"),
        (LOGIN, ArticleStatus.TEASER, "log-in"),
    ],
)
def test_a_page_that_stands_before_the_article_is_not_stored_as_its_text(
    page: str, status: ArticleStatus, word: str
) -> None:
    got = read(page)
    assert (got.status, got.text, got.title, got.lang) == (status, ENTRY.summary, ENTRY.title, "de")
    assert word in (got.detail or "")
    assert got.url == LINK


def test_a_redirect_to_a_consent_host_keeps_the_articles_own_address(news_page: Build) -> None:
    got = read(news_page(), url="https://consent.hainfelder-bote.de/collect?continue=1")
    assert (got.status, got.url, got.text) == (ArticleStatus.BLOCKED, LINK, ENTRY.summary)


def test_the_header_of_a_challenge_is_believed_whatever_the_page_holds(news_page: Build) -> None:
    got = read(news_page(), headers=(("cf-mitigated", b"challenge"),))
    assert (got.status, got.text) == (ArticleStatus.BLOCKED, ENTRY.summary)


def test_an_article_with_cookie_banner_challenge_script_and_login_form_is_an_article(
    news_page: Build, paragraphs: dict[str, tuple[str, ...]]
) -> None:
    extras = (
        '<script src="/cdn-cgi/challenge-platform/scripts/jsd/main.js"></script><form '
        'action="/consent"><p>Cookies!</p><button>OK</button></form>'
        '<form action="/login"><input type="password"></form></body>'
    )
    body = "".join(f"<p>{p}</p>" for p in paragraphs["de"] * 2)
    got = read(news_page(body=body).replace("</body>", extras))
    assert (got.status, got.text) == (ArticleStatus.FULL, "\n".join(paragraphs["de"] * 2))


def test_a_brief_without_any_metadata_beside_a_cookie_form_and_a_login_is_an_article() -> None:
    brief = (
        "Hainfeld (AP) - Der Stadtrat von Hainfeld hat am Dienstagabend mit großer "
        "Mehrheit den Bau einer neuen Brücke "
        "über die Leine beschlossen. Sie soll bis zum Herbst fertig werden und achtzehn "
        "Millionen Euro kosten. Die "
        "Bürgermeisterin sprach nach der Abstimmung von einem wichtigen Schritt für alle "
        "Pendler aus dem Umland. Die "
        "Opposition hält die Rechnung für geschönt und will im Januar noch einmal darüber "
        "reden, wenn die neuen Zahlen da sind."
    )
    form = (
        '<form class="cookie-consent"><p>' + "Wir verwenden Cookies. " * 40 + "</p><button>OK</button></form>"
    )
    page = (
        f"<html><head><title>Brücke</title></head><body>{form}<form><input "
        f'type="password"></form><main><p>{brief}</p></main></body></html>'
    )
    got = read(page)
    assert (got.status, got.text) == (ArticleStatus.FULL, brief)


def test_a_short_agency_brief_is_complete(news_page: Build) -> None:
    brief = (
        "<p>Hainfeld (AP) - Der Stadtrat hat am Dienstag den Bau einer neuen Brücke "
        "beschlossen. Sie kostet 18 Millionen Euro.</p>"
    )
    assert read(news_page(body=brief)).status is ArticleStatus.FULL


def paid(**more: object) -> str:
    node = {
        "@type": "NewsArticle",
        "headline": "Hainfeld baut eine neue Brücke",
        "isAccessibleForFree": "False",
        **more,
    }
    return f'<script type="application/ld+json">{json.dumps(node)}</script>'


PART = {"@type": "WebPageElement", "isAccessibleForFree": False, "cssSelector": ".paywall"}


def test_a_stub_before_a_paywall_is_a_teaser(news_page: Build) -> None:
    stub = (
        "<p>Der Stadtrat von Hainfeld hat am Dienstagabend den Bau einer neuen Brücke "
        "über die Leine beschlossen, und viele...</p>"
    )
    for head, tail in (
        (paid(), ""),
        (paid(hasPart=PART), '<div class="paywall"></div>'),
        ("", '<div class="paywall-box">Jetzt Abo abschließen</div>'),
    ):
        got = read(news_page(body=stub + tail, head=head))
        assert got.status is ArticleStatus.TEASER, head
        assert got.text.startswith("Der Stadtrat von Hainfeld")
        assert got.url == URL


def test_the_entrys_longer_text_replaces_a_stub(
    news_page: Build, paragraphs: dict[str, tuple[str, ...]]
) -> None:
    entry = EntryText(title="t", content="".join(f"<p>{p}</p>" for p in paragraphs["de"]))
    got = read(
        news_page(
            body="<p>Der Stadtrat hat den Bau einer Brücke beschlossen, und zwar am Dienstagabend.</p>",
            head=paid(),
        ),
        entry=entry,
    )
    assert (got.status, got.text) == (ArticleStatus.TEASER, "\n".join(paragraphs["de"]))


@pytest.mark.parametrize("more", [{}, {"hasPart": PART}, {"hasPart": {**PART, "cssSelector": "div > .x[y]"}}])
def test_a_paid_article_that_is_there_in_full_is_full(
    news_page: Build, paragraphs: dict[str, tuple[str, ...]], more: dict[str, object]
) -> None:
    first, *rest = paragraphs["de"] * 3
    body = f"<p>{first}</p><div class='paywall'>" + "".join(f"<p>{p}</p>" for p in rest) + "</div>"
    assert read(news_page(body=body, head=paid(**more))).status is ArticleStatus.FULL


def test_a_text_far_below_the_declared_length_is_a_teaser(news_page: Build) -> None:
    got = read(news_page(head=paid(isAccessibleForFree=True, wordCount=900)))
    assert got.status is ArticleStatus.TEASER
    assert "of about 900 words" in (got.detail or "")


def test_a_locked_content_tier_counts_like_isaccessibleforfree(news_page: Build) -> None:
    head = (
        '<meta property="article:content_tier" content="locked"><meta property="og:type" content="article">'
    )
    assert (
        read(
            news_page(body="<p>Der Stadtrat hat am Dienstag den Bau der Brücke beschlossen.</p>", head=head)
        ).status
        is ArticleStatus.TEASER
    )


def test_a_page_that_says_it_is_an_article_but_shows_nothing_keeps_its_address(news_page: Build) -> None:
    head = f'{paid(isAccessibleForFree=True)}<link rel="canonical" href="/a/neue-bruecke-hainfeld-4710">'
    got = read(f"<html><head><title>Hainfeld baut</title>{head}</head><body><div id=app></div></body></html>")
    assert (got.status, got.text) == (ArticleStatus.TEASER, ENTRY.summary)
    assert got.url == "https://www.hainfelder-bote.de/a/neue-bruecke-hainfeld-4710"


def test_words_are_counted_in_scripts_without_blanks_too(news_page: Build) -> None:
    text = (
        "市议会周二晚间以压倒性多数批准在河上修建一座新桥，预计明年秋天完工，市长在投票后表示这是重要的一步。"
    )
    body = "".join(f"<p>第{n}段：{text}</p>" for n in range(8))
    assert read(news_page(body=body, head=paid())).status is ArticleStatus.FULL


def test_a_page_that_only_says_it_is_loading_is_not_an_article() -> None:
    got = read(
        "<html><head><title>Bote</title></head><body><div id=app><p>Wird geladen, bitte "
        "warten</p></div></body></html>"
    )
    assert (got.status, got.text) == (ArticleStatus.TEASER, ENTRY.summary)
