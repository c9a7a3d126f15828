"""Articles as clustering sees them, made by the real encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from aggregator.model import Member, Text
from aggregator.reports.encoder import Encoder, load_encoder
from aggregator.reports.features import make_features

START = datetime(2026, 2, 1, 8, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def encoder() -> Encoder:
    return load_encoder()


@pytest.fixture(scope="session")
def members_of(encoder: Encoder) -> Callable[..., list[Member]]:
    """Return a function: (outlet, lang, hours, title, text) rows to members with ids 1, 2, ..."""

    def make(rows: Sequence[tuple[str, str, float, str, str]]) -> list[Member]:
        texts = [
            Text(k, outlet, title, text, lang, START + timedelta(hours=hours))
            for k, (outlet, lang, hours, title, text) in enumerate(rows, 1)
        ]
        features = make_features(texts, encoder)
        return [
            Member(t.article_id, t.outlet, t.lang, t.published_at, blob, word_count=len(t.text.split()))
            for t, blob in zip(texts, features, strict=True)
        ]

    return make


DAM_EN = (
    "A dam above the town of Orlivka gave way early on Monday after three days of rain, sending"
    " water through the lower streets and forcing 4,200 people out of their homes. Mayor Danylo"
    " Hrytsenko said two people were missing. Engineers had warned of cracks in the wall since 2019,"
    " the regional paper reported. The water company Voda-Pivnich said the level would fall by"
    " Tuesday evening."
)
DAM_DE = (
    "Nach drei Tagen Regen ist am Montagmorgen oberhalb der Stadt Orliwka ein Staudamm gebrochen."
    " 4.200 Menschen mussten ihre Häuser verlassen, zwei werden vermisst, wie Bürgermeister Danylo"
    " Hryzenko sagte. Fachleute hatten seit 2019 vor Rissen in der Mauer gewarnt. Der Versorger"
    " Voda-Pivnich erwartet, dass das Wasser bis Dienstagabend sinkt."
)
BANK_EN = (
    "The Nordhavn Savings Bank will close 61 of its branches by the end of the year and cut 900"
    " jobs, chief executive Ingrid Falk told employees on Monday. Customers increasingly use the"
    " bank's app, she said. The union called the plan a breach of last year's agreement and"
    " announced a strike ballot."
)
BANK_FR = (
    "La caisse d'épargne Nordhavn fermera 61 agences d'ici à la fin de l'année et supprimera 900"
    " emplois, a annoncé lundi sa directrice générale Ingrid Falk. Les clients utilisent de plus en"
    " plus l'application. Le syndicat dénonce une rupture de l'accord de l'an dernier et annonce un"
    " vote sur la grève."
)
TENNIS_EN = (
    "Mirela Stoica won her first indoor title on Sunday, beating the top seed 6-4, 7-5 in Lyon. The"
    " 21-year-old Romanian saved four set points in the second set and thanked her new coach after"
    " the match. She will rise to 18th in the world ranking."
)


@pytest.fixture(scope="session")
def newsroom(members_of: Callable[..., list[Member]]) -> list[Member]:
    """Six articles about three reports: 1 and 2 (a dam), 3 and 4 (a bank), 5 (tennis), 6 (a copy of 1)."""
    copied = (
        DAM_EN.replace(" Engineers had warned of cracks in the wall since 2019,", "") + " Schools stay shut."
    )
    return members_of(
        [
            ("herald.example", "en", 0, "Dam bursts above Orlivka, thousands flee", DAM_EN),
            ("kurier.example", "de", 2, "Staudamm bei Orliwka gebrochen: Tausende müssen fliehen", DAM_DE),
            ("ledger.example", "en", 3, "Nordhavn bank to shut 61 branches and cut 900 jobs", BANK_EN),
            ("gazette.example", "fr", 5, "Nordhavn ferme 61 agences et supprime 900 emplois", BANK_FR),
            ("sport.example", "en", 6, "Stoica wins first indoor title in Lyon", TENNIS_EN),
            ("post.example", "en", 7, "Thousands leave homes as dam fails", copied),
        ]
    )


@pytest.fixture(scope="session")
def placed() -> Callable[[Sequence[Member], dict[int, int]], list[Member]]:
    """Return a function that puts members into clusters."""

    def place(members: Sequence[Member], cluster_of: dict[int, int]) -> list[Member]:
        return [replace(member, cluster_id=cluster_of.get(member.article_id)) for member in members]

    return place
