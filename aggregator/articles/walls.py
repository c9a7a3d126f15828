"""Pages that stand before an article instead of being it: told by their structure, not by their wording.

A page that holds the text of an article is never a wall, whatever else is on it: every sign here counts
only where there is little text, or where the page itself says that the text is not all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from lxml.html import HtmlElement  # noqa: TC002

from aggregator.articles.metadata import PageMetadata
from aggregator.articles.plain import count_words
from aggregator.articles.titles import letters
from aggregator.model import ArticleStatus

# A text of fewer words may be a stub; a longer one is believed unless the page declares more.
STUB_WORDS = 150
# Walls of the large publishers run to 80-230 words, challenges and log-in pages to a few lines; both are
# looked for only on pages that do not call themselves an article.
_CONSENT_WORDS = 300
_GATE_WORDS = 60
_STRAY_WORDS = 20  # of a consent wall's text that may stand outside its form

_CHALLENGE = re.compile(
    r"_cf_chl_opt|/cdn-cgi/challenge-platform/|captcha-delivery\.com|px-captcha|perimeterx|_incapsula_resource|"
    r"awswaf|aws-waf-token|ak-challenge|sec-if-cpt|hcaptcha\.com|recaptcha/|challenges\.cloudflare\.com|"
    r"ddos-guard|sgcaptcha|geetest|friendlycaptcha|/_sec/cp_challenge",
    re.IGNORECASE,
)
_CONSENT = re.compile(
    r"consent|cookie|gdpr|dsgvo|privacy|\bcmp\b|\btcf|sp_message|usercentrics|didomi|onetrust|sourcepoint|guce|datenschutz",
    re.IGNORECASE,
)
_CONSENT_HOST = re.compile(
    r"^(?:consent|guce|cmp|zustimmung|myprivacy|privacygate|cookiewall)[.-]", re.IGNORECASE
)
_PAYWALL = re.compile(
    r"pay-?wall|reg-?wall|meter(?:ed)?-?(?:content|wall)|subscri(?:be|ption|ber)-?(?:wall|only|required|prompt)|"
    r"premium-?(?:wall|content|teaser)|tp-modal|piano|offer-?(?:page|wall)|article-?(?:locked|barrier|gate)",
    re.IGNORECASE,
)
_CONSENT_DETAIL = "the page asks for consent before it shows the article"
_SELECTOR = re.compile(r"(?P<tag>[a-zA-Z][\w-]*)?(?P<kind>[.#])(?P<name>[\w-]+)")
_CUT_OFF = re.compile(r"(?:…|\.\.\.|\[…\]|\[\.\.\.\])\s*$")


@dataclass(frozen=True, slots=True)
class Wall:
    """What stands before the article: the status it means and one plain sentence."""

    status: ArticleStatus
    detail: str
    shows_beginning: bool = False  # a paywall's stub; no other wall has a word of the article


def find_wall(
    tree: HtmlElement, text: str, page: PageMetadata, *, url: str, headers: Iterable[tuple[str, bytes]] = ()
) -> Wall | None:
    """Return the wall that a page is, or None if it is an article (or nothing that one could tell).

    ``text`` is what was extracted, ``url`` the address after redirects, ``headers`` those of the response.
    """
    words = count_words(text)
    if any(name.lower() == "cf-mitigated" and b"challenge" in value.lower() for name, value in headers):
        return Wall(ArticleStatus.BLOCKED, "the server asks for a browser check (cf-mitigated: challenge)")
    if _CONSENT_HOST.search(urlsplit(url).hostname or ""):
        return Wall(ArticleStatus.BLOCKED, _CONSENT_DETAIL)
    if not page.is_article and words < _CONSENT_WORDS and (wall := _gate(tree, text, words)):
        return wall
    return _paid_stub(tree, text, words, page)


def _gate(tree: HtmlElement, text: str, words: int) -> Wall | None:
    """Bot challenges, consent walls, log-in pages, and pages that only point on to another address."""
    if words < _GATE_WORDS and _has(tree, _CHALLENGE, ("script", "iframe", "form", "div", "meta")):
        return Wall(ArticleStatus.BLOCKED, "the page is a bot challenge")
    if _is_consent_wall(tree, text):
        return Wall(ArticleStatus.BLOCKED, _CONSENT_DETAIL)
    if words < _GATE_WORDS and tree.find('.//input[@type="password"]') is not None:
        return Wall(ArticleStatus.TEASER, "the page asks for a log-in before it shows the article")
    if words < _GATE_WORDS and any(e.get("http-equiv", "").lower() == "refresh" for e in tree.iter("meta")):
        return Wall(ArticleStatus.BLOCKED, "the page only points on to another address (meta refresh)")
    return None


def _is_consent_wall(tree: HtmlElement, text: str) -> bool:
    """Something asks for consent, and all of the text, or nearly, is what it says."""
    asking = [
        e for e in tree.iter("form", "iframe", "dialog", "div", "section") if _CONSENT.search(_identity(e))
    ]
    if not any(e.tag in ("form", "iframe") or e.find(".//button") is not None for e in asking):
        return False
    said = "\n".join(letters(e.text_content()) for e in asking)
    other = sum(count_words(line) for line in text.split("\n") if letters(line) not in said)
    return not other or other < min(_STRAY_WORDS, count_words(text) - other)


def _prose(element: HtmlElement) -> int:
    """Count the words of an element that stand outside links, buttons, scripts and menus."""
    return sum(
        count_words(text)
        for text in element.xpath(
            ".//text()[not(ancestor::a or ancestor::button or ancestor::script or ancestor::style"
            " or ancestor::nav or ancestor::noscript or ancestor::head or ancestor::option)]"
        )
    )


def _identity(element: HtmlElement) -> str:
    return " ".join(
        element.get(name) or "" for name in ("id", "class", "action", "src", "aria-label", "name")
    )


def _has(tree: HtmlElement, pattern: re.Pattern[str], tags: tuple[str, ...]) -> bool:
    return any(
        pattern.search(_identity(e)) or (e.tag == "script" and pattern.search(e.text or ""))
        for e in tree.iter(*tags)
    )


def _paid_stub(tree: HtmlElement, text: str, words: int, page: PageMetadata) -> Wall | None:
    """A text that the page itself says is not all of it.

    Many outlets declare isAccessibleForFree=false and send the full text (hidden, or counted by a script),
    so the declaration alone means nothing: the text must also be short, or fall short of the length that is
    declared, or the paid part must be missing.
    """
    if page.declared_words and words < STUB_WORDS * 4 and words * 2 < page.declared_words:
        return _stub(f"the page shows {words} of about {page.declared_words} words")
    if not page.paid:
        cut = any(_CUT_OFF.search(line) for line in text.splitlines()[-3:])
        fenced = cut and words < STUB_WORDS and _has(tree, _PAYWALL, ("div", "section", "aside"))
        return _stub("the text breaks off before a paywall") if fenced else None
    hidden = _paid_part_words(tree, page.paid_selectors)
    short = words < STUB_WORDS if hidden is None else hidden < STUB_WORDS / 3 and words < STUB_WORDS * 2
    return _stub("the article is for subscribers; the page shows its beginning") if short else None


def _stub(detail: str) -> Wall:
    return Wall(ArticleStatus.TEASER, detail, shows_beginning=True)


def _paid_part_words(tree: HtmlElement, selectors: tuple[str, ...]) -> int | None:
    """Count the words in the parts that the page names as paid; None if none can be looked up."""
    known = [m for s in selectors for one in s.split(",") if (m := _SELECTOR.fullmatch(one.strip()))]
    if not known:
        return None
    return sum(_prose(e) for m in known for e in _matching(tree, m))


def _matching(tree: HtmlElement, selector: re.Match[str]) -> list[HtmlElement]:
    attribute = "class" if selector["kind"] == "." else "id"
    elements = tree.iter(selector["tag"] or "*")
    return [e for e in elements if selector["name"] in (e.get(attribute) or "").split()]
