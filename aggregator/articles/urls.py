"""Addresses: one spelling for each, and one identity for each page however many entries point to it."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from urllib.parse import SplitResult, quote, urljoin, urlsplit, urlunsplit

import idna
from publicsuffixlist import PublicSuffixList

from aggregator.articles.trackers import is_tracker

_DEFAULT_PORT = {"http": 80, "https": 443}
_UNRESERVED_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_SAFE_IN_PATH = "/%:@!$&'()*+,;=~-._"
_SAFE_IN_QUERY = _SAFE_IN_PATH + "?|[]"
_PLAIN = re.compile(r"[A-Za-z0-9/:@!$&'()*+,;=~._-]*")  # nothing to encode or decode in it
_NOT_IN_ADDRESS = re.compile(r"[\x00-\x20\x7f-\x9f]")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
# https://developers.google.com/amp/cache/overview#amp-cache-url-format
_AMP_CACHE = re.compile(r"(?:\.cdn\.ampproject\.org|\.bing-amp\.com)$")
_AMP_CACHE_PATH = re.compile(r"/[cvir]/(s/)?([^/]+\.[^/]+)(/.*)?")
_AMP_VIEWER_PATH = re.compile(r"/amp/(s/)?([^/]+\.[^/]+)(/.*)?")


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    """Load the public suffix list, once a process (30 ms)."""
    return PublicSuffixList()


def canonical_url(url: str) -> str:
    """Return the one spelling of an address under which everything is stored.

    Scheme and host in lower case, host in ASCII (IDNA), no user and password, no default port, dot segments
    resolved, percent-encoding normalised (RFC 3986 section 6.2.2), fragment dropped (kept where it begins
    with ``!`` and so selects the page), tracking parameters dropped, everything else as it was and in its
    order; AMP caches unwrapped. Idempotent. An http(s) address without a usable host gives ``""``, any
    other scheme the address trimmed (conformance L36).
    """
    text = url if url.isascii() else url.encode("utf-8", "replace").decode("utf-8")
    text = _NOT_IN_ADDRESS.sub("", text)
    try:
        parts = urlsplit(text)
    except ValueError:  # brackets that are no IPv6 address
        return ""
    if parts.scheme.lower() not in _DEFAULT_PORT:
        return text
    authority = _authority(parts)
    if not authority:
        return ""
    plain = _normalised(parts, authority)
    inner = _amp_target(urlsplit(plain))
    return canonical_url(inner) if inner else plain


def _normalised(parts: SplitResult, authority: str) -> str:
    path = _escaped(_without_dot_segments(parts.path or "/"), _SAFE_IN_PATH)
    host = authority.rsplit(":", 1)[0] if not authority.endswith("]") else authority
    kept = [p for p in parts.query.split("&") if p and not is_tracker(p, host=host)]
    fragment = parts.fragment if parts.fragment.startswith("!") else ""
    return urlunsplit(
        (
            parts.scheme.lower(),
            authority,
            path,
            _escaped("&".join(kept), _SAFE_IN_QUERY),
            _escaped(fragment, _SAFE_IN_QUERY),
        )
    )


def _authority(parts: SplitResult) -> str:
    """Return host and port, or an empty text where there is no host that could be asked."""
    try:
        host, port = normal_host(parts.hostname or ""), parts.port
    except ValueError:
        return ""
    if not host:
        return ""
    shown = f"[{host}]" if ":" in host else host
    return shown if port in (None, _DEFAULT_PORT[parts.scheme.lower()]) else f"{shown}:{port}"


@lru_cache(maxsize=4096)
def normal_host(host: str) -> str:
    """Return a host in lower case and ASCII, an IP address in its short form, ``""`` if it is no host."""
    host = host.strip("[]").rstrip(".").lower()
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        name = host if host.isascii() else _ascii_name(host)
    return name if len(name) <= 253 and _HOST.fullmatch(name) else ""


def _ascii_name(host: str) -> str:
    try:
        return idna.encode(host, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        return ""


def _escaped(text: str, safe: str) -> str:
    """Percent-encode what must be, decode what need not be, escapes in upper case (RFC 3986, 6.2.2)."""

    if _PLAIN.fullmatch(text):
        return text

    def plain(match: re.Match[str]) -> str:
        char = chr(int(match[1], 16))
        return char if char in _UNRESERVED else match[0].upper()

    stray = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", text)
    return quote(_UNRESERVED_ESCAPE.sub(plain, stray), safe=safe)


def _without_dot_segments(path: str) -> str:
    """RFC 3986 section 5.2.4, also for dots that were written as ``%2e``."""
    plain = re.sub(r"%2e", ".", path, flags=re.IGNORECASE) if "%" in path else path
    if "/." not in plain:
        return path
    kept: list[str] = []
    segments = plain.split("/")[1:]
    for segment in segments:
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
    return "/" + "/".join(kept) + ("/" if segments[-1] in (".", "..") and kept else "")


def _amp_target(parts: SplitResult) -> str | None:
    """Return the address inside an AMP cache's or Google's AMP viewer's address, or None."""
    host = parts.hostname or ""
    if _AMP_CACHE.search(host):
        match = _AMP_CACHE_PATH.fullmatch(parts.path)
    elif re.fullmatch(r"(www\.)?google(\.[a-z]{2,3}){1,2}", host):
        match = _AMP_VIEWER_PATH.fullmatch(parts.path)
    else:
        return None
    if not match:
        return None
    query = f"?{parts.query}" if parts.query else ""
    return f"{'https' if match[1] else 'http'}://{match[2]}{match[3] or '/'}{query}"


def is_web_address(url: str) -> bool:
    """Tell whether a canonical address is http(s)."""
    return url.startswith(("http://", "https://"))


@lru_cache(maxsize=4096)
def registrable_domain(host: str) -> str:
    """Return the domain that somebody registered: ``news.bbc.co.uk`` -> ``bbc.co.uk`` (public suffix list).

    International names come back in ASCII. IP addresses, single labels and public suffixes are their own
    domain; what is no host gives ``""``.
    """
    name = normal_host(host)
    if not name or ":" in name or re.fullmatch(r"[\d.]+", name):
        return name
    return _suffixes().privatesuffix(name) or name


# --- the identity of a page --------------------------------------------------------------------

_INDEX = re.compile(r"(?:index|default|home|start(?:seite)?)(?:\.\w{2,5})?", re.IGNORECASE)
_TOKEN = re.compile(r"[^\W_]+")
_NO_NAME = re.compile(r"(?:19|20)\d\d|amp|html?|php|aspx?")


def page_url(final_url: str, rel_canonical: str | None, og_url: str | None) -> str:
    """Return the identity of a page: its rel=canonical, else its og:url, else the address after redirects.

    What a page says of itself counts only if it is http(s), within the same registrable domain, not a home
    page or section front for a page that is neither, and not plainly another article's address (all of
    these are common mistakes of content management systems). http is lifted to https where the page came by
    https.
    """
    own = canonical_url(final_url)
    for claim in (rel_canonical, og_url):
        claimed = _resolved(final_url, claim)
        if claimed and _may_stand_for(claimed, own):
            scheme, _, rest = claimed.partition(":")
            _, _, own_rest = own.partition(":")
            return f"{scheme}:{own_rest}" if rest.lower() == own_rest.lower() else claimed
    return own


def _resolved(base: str, claim: str | None) -> str | None:
    if not claim or not claim.strip():
        return None
    try:
        url = canonical_url(urljoin(base, claim.strip()))
    except ValueError:
        return None
    same_scheme = base.lower().startswith("https:") and url.startswith("http:")
    return f"https:{url[5:]}" if same_scheme else url


def _may_stand_for(claimed: str, own: str) -> bool:
    if not is_web_address(claimed) or not is_web_address(own):
        return False
    there, here = urlsplit(claimed), urlsplit(own)
    if registrable_domain(there.hostname or "") != registrable_domain(here.hostname or ""):
        return False
    if is_front(claimed) and not is_front(own):
        return False
    return not _another_article(there, here)


def is_front(url: str) -> bool:
    """Tell whether an address looks like a home page or a section front rather than one article.

    At most two path segments, each a plain name (no digits, no file, at most one hyphen), and no query.
    """
    parts = urlsplit(url)
    segments = [s for s in parts.path.split("/") if s and not _INDEX.fullmatch(s)]
    if parts.query or parts.fragment or len(segments) > 2:
        return False
    return all(len(s) <= 25 and s.count("-") <= 1 and not re.search(r"[\d._%]", s) for s in segments)


def _another_article(there: SplitResult, here: SplitResult) -> bool:
    """Two addresses name different articles if both have a slug, or both only a number, and share nothing.

    A shared number does not save two slugs without a common word: that is a translation, or a topic's
    address.
    """
    words, numbers = _name(there)
    own_words, own_numbers = _name(here)
    if len(words) >= 2 and len(own_words) >= 2:
        return not words & own_words
    return bool(numbers and own_numbers and not words and not own_words and not numbers & own_numbers)


def _name(parts: SplitResult) -> tuple[set[str], set[str]]:
    """Return the words and the numbers by which an address names its article: its longest segment."""
    longest = max(parts.path.split("/"), key=len)
    tokens = {t for t in _TOKEN.findall(f"{longest} {parts.query}".lower()) if not _NO_NAME.fullmatch(t)}
    return {t for t in tokens if t.isalpha() and len(t) > 2}, {
        t for t in tokens if t.isdigit() and len(t) > 3
    }
