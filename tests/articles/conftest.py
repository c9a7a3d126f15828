"""Pages as outlets send them, written for these tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

PARAGRAPHS = {
    "de": (
        "Der Stadtrat von Hainfeld hat am Dienstagabend mit großer Mehrheit den Bau einer "
        "neuen Brücke über die "
        "Leine beschlossen, die bis zum Herbst übernächsten Jahres fertig werden soll.",
        "Bürgermeisterin Käthe Möller sprach nach der Abstimmung von einem wichtigen "
        "Schritt für die Pendler, die "
        "seit der Sperrung der alten Brücke täglich einen Umweg von zwölf Kilometern fahren müssen.",
        "Die Kosten werden auf rund achtzehn Millionen Euro geschätzt, von denen das Land "
        "zwei Drittel trägt, wie "
        "aus den Unterlagen hervorgeht. Die Opposition hält diese Rechnung für geschönt.",
    ),
    "ru": (
        "Городской совет Верхнереченска во вторник вечером подавляющим большинством "
        "голосов одобрил строительство "
        "нового моста через реку, который должен быть готов к осени следующего года.",
        "Мэр города Анна Соколова назвала решение важным шагом для жителей, которым после "
        "закрытия старого моста "
        "каждый день приходится делать крюк в двенадцать километров.",
        "Стоимость работ оценивается в несколько миллионов рублей, две трети из которых "
        "выделит область, говорится "
        "в документах. Оппозиция считает эти расчёты слишком оптимистичными.",
    ),
    "pl": (
        "Rada miasta Górzyce we wtorek wieczorem zdecydowaną większością głosów "
        "zatwierdziła budowę nowego mostu "
        "przez rzekę, który ma być gotowy jesienią przyszłego roku.",
        "Burmistrz Łucja Żak nazwała tę decyzję ważnym krokiem dla mieszkańców, którzy od "
        "zamknięcia starego mostu "
        "muszą codziennie nadkładać dwanaście kilometrów drogi.",
        "Koszty szacuje się na osiemnaście milionów złotych, z czego dwie trzecie pokryje "
        "województwo, jak wynika z "
        "dokumentów. Opozycja uważa te wyliczenia za zbyt optymistyczne.",
    ),
}


@pytest.fixture
def paragraphs() -> dict[str, tuple[str, ...]]:
    return PARAGRAPHS


@pytest.fixture
def news_page() -> Callable[..., str]:
    """Build a page with navigation, cookie notice, share bar, related articles, comments and footer."""

    def build(
        *,
        body: str | None = None,
        lang: str = "de",
        charset: str = "utf-8",
        title: str = "Hainfeld baut eine neue Brücke",
        head: str = "",
        outlet: str = "Hainfelder Bote",
    ) -> str:
        text = body if body is not None else "".join(f"<p>{p}</p>" for p in PARAGRAPHS[lang])
        return f"""<!doctype html><html lang="{lang}"><head><meta charset="{charset}">
<title>{title} | {outlet}</title><meta property="og:title" content="{title}">
<meta property="og:site_name" content="{outlet}">{head}</head><body>
<header><nav><ul><li><a href="/politik">Politik</a></li><li><a href="/sport">Sport</a></li></ul></nav>
</header>
<div id="cookie-banner" role="dialog"><p>Wir verwenden Cookies.</p><button>OK</button></div>
<main><article><h1>{title}</h1><p class="byline">Von Jan Ohm</p>
<div class="share"><a href="#">Facebook</a> <a href="#">X</a></div>
<div class="article-body">{text}</div></article>
<aside class="related"><h2>Mehr zum Thema</h2><ul><li><a href="/a/radweg-4711.html">Radweg gesperrt</a></li>
<li><a href="/a/hafen-4712.html">Hafen wird ausgebaut</a></li></ul></aside>
<section id="comments"><p class="comment">Endlich!</p></section></main>
<footer><p>Impressum Datenschutz Newsletter abonnieren</p></footer></body></html>"""

    return build
