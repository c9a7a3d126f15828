"""The outlets of the bundled newsroom: how each one publishes.

The table is mixed on purpose, as real subscriptions are: four feed formats, four page layouts, clean links,
links with tracking parameters and links through a redirect, and pages in legacy encodings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FeedKind = Literal["rss2", "rss1", "atom", "json"]
LinkStyle = Literal["plain", "tracked", "redirected"]
Layout = Literal["gazette", "press", "portal", "wire"]


@dataclass(frozen=True, slots=True)
class DemoOutlet:
    """One outlet: its domain (without ``www.``), name, language (ISO 639-1) and publishing habits."""

    domain: str
    name: str
    language: str
    feed: FeedKind = "rss2"
    links: LinkStyle = "plain"
    layout: Layout = "gazette"
    encoding: str = "utf-8"
    paywalled: bool = False

    @property
    def home(self) -> str:
        """The address of the front page, with a final slash."""
        return f"http://www.{self.domain}/"

    @property
    def feed_url(self) -> str:
        """The address of the feed."""
        return f"{self.home}feed"


_OUTLETS = (
    DemoOutlet("aljazeera.com", "Al Jazeera", "en", "rss2", "plain", "gazette"),
    DemoOutlet("ansa.it", "ANSA", "it", "rss2", "plain", "wire"),
    DemoOutlet("apnews.com", "AP News", "en", "rss2", "tracked", "wire"),
    DemoOutlet("bbc.com", "BBC News", "en", "rss2", "tracked", "wire"),
    DemoOutlet("cnbc.com", "CNBC", "en", "rss2", "plain", "portal"),
    DemoOutlet("corriere.it", "Corriere della Sera", "it", "rss2", "redirected", "gazette"),
    DemoOutlet("dpa.com", "dpa", "de", "atom", "plain", "wire"),
    DemoOutlet("dw.com", "Deutsche Welle", "de", "rss1", "tracked", "gazette"),
    DemoOutlet("elmundo.es", "El Mundo", "es", "rss2", "plain", "portal", "iso-8859-15"),
    DemoOutlet("elpais.com", "El País", "es", "rss2", "tracked", "gazette"),
    DemoOutlet("expansion.com", "Expansión", "es", "rss2", "plain", "portal"),
    DemoOutlet("faz.net", "Frankfurter Allgemeine", "de", "rss2", "plain", "gazette"),
    DemoOutlet("france24.com", "France 24", "fr", "rss2", "redirected", "wire"),
    DemoOutlet("ft.com", "Financial Times", "en", "rss2", "plain", "gazette"),
    DemoOutlet("gazzetta.it", "La Gazzetta dello Sport", "it", "atom", "plain", "portal"),
    DemoOutlet("handelsblatt.com", "Handelsblatt", "de", "rss2", "redirected", "gazette"),
    DemoOutlet("heise.de", "heise online", "de", "atom", "tracked", "press"),
    DemoOutlet("ilsole24ore.com", "Il Sole 24 Ore", "it", "rss2", "tracked", "gazette"),
    DemoOutlet("interfax.ru", "Интерфакс", "ru", "rss2", "plain", "portal", "windows-1251"),
    DemoOutlet("kicker.de", "kicker", "de", "rss2", "plain", "portal"),
    DemoOutlet("kommersant.ru", "Коммерсантъ", "ru", "rss2", "plain", "portal", "windows-1251"),
    DemoOutlet("lemonde.fr", "Le Monde", "fr", "rss2", "plain", "gazette"),
    DemoOutlet("lesechos.fr", "Les Echos", "fr", "atom", "tracked", "gazette"),
    DemoOutlet("marca.com", "Marca", "es", "rss2", "plain", "press"),
    DemoOutlet("meduza.io", "Медуза", "ru", "json", "plain", "press"),
    DemoOutlet("n-tv.de", "n-tv", "de", "rss2", "redirected", "portal"),
    DemoOutlet("nos.nl", "NOS", "nl", "atom", "plain", "wire"),
    DemoOutlet("pravda.com.ua", "Українська правда", "uk", "rss2", "plain", "press"),
    DemoOutlet("publico.pt", "Público", "pt", "rss2", "tracked", "press"),
    DemoOutlet("rbc.ru", "РБК", "ru", "rss2", "plain", "gazette"),
    DemoOutlet("repubblica.it", "la Repubblica", "it", "rss1", "plain", "gazette"),
    DemoOutlet("reuters.com", "Reuters", "en", "json", "plain", "wire"),
    DemoOutlet("rferl.org", "Radio Free Europe/Radio Liberty", "en", "rss2", "tracked", "press"),
    DemoOutlet("rfi.fr", "RFI", "fr", "rss1", "plain", "press"),
    DemoOutlet("rnd.de", "RedaktionsNetzwerk Deutschland", "de", "rss2", "tracked", "gazette"),
    DemoOutlet("space.com", "Space.com", "en", "rss2", "redirected", "press"),
    DemoOutlet("spacenews.com", "SpaceNews", "en", "rss2", "plain", "press"),
    DemoOutlet("spiegel.de", "DER SPIEGEL", "de", "rss2", "redirected", "gazette"),
    DemoOutlet("stern.de", "stern", "de", "rss2", "tracked", "portal"),
    DemoOutlet("straitstimes.com", "The Straits Times", "en", "rss2", "plain", "press"),
    DemoOutlet("tagesschau.de", "tagesschau", "de", "rss1", "plain", "portal"),
    DemoOutlet("theguardian.com", "The Guardian", "en", "rss2", "plain", "gazette"),
    DemoOutlet("thetimes.com", "The Times", "en", "atom", "plain", "gazette", paywalled=True),
    DemoOutlet("wsj.com", "The Wall Street Journal", "en", "rss2", "tracked", "gazette"),
    DemoOutlet("wyborcza.pl", "Gazeta Wyborcza", "pl", "rss2", "plain", "portal", "iso-8859-2"),
    DemoOutlet("zeit.de", "ZEIT ONLINE", "de", "atom", "redirected", "gazette"),
)

OUTLETS = {outlet.domain: outlet for outlet in _OUTLETS}
