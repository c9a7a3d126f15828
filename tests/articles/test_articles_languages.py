from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.articles import detect_language
from aggregator.articles.languages import language_code

STUBS = {
    "uk": "Міська рада у вівторок увечері переважною більшістю голосів схвалила "
    "будівництво нового мосту через річку.",
    "ru": "Городской совет во вторник вечером подавляющим большинством голосов одобрил "
    "строительство нового моста.",
    "pt": "A câmara municipal aprovou na terça-feira à noite a construção de uma nova "
    "ponte sobre o rio, disse a autarca.",
    "es": "El ayuntamiento aprobó el martes por la noche la construcción de un nuevo "
    "puente sobre el río, dijo la alcaldesa.",
    "no": "Kommunestyret vedtok tirsdag kveld å bygge en ny bru over elva, og ordføreren "
    "sier at den blir ferdig neste høst.",
    "da": "Byrådet besluttede tirsdag aften at bygge en ny bro over åen, og borgmesteren "
    "siger, at den står færdig til efteråret.",
    "sv": "Kommunfullmäktige beslutade på tisdagskvällen att bygga en ny bro över ån, och "
    "den blir klar nästa höst.",
    "nl": "De gemeenteraad heeft dinsdagavond besloten een nieuwe brug over de rivier te "
    "bouwen, zei de burgemeester.",
    "de": "Der Stadtrat hat am Dienstagabend mit großer Mehrheit den Bau einer neuen Brücke beschlossen.",
    "tr": "Belediye meclisi salı akşamı nehrin üzerine yeni bir köprü yapılmasını büyük çoğunlukla onayladı.",
    "ar": "وافق مجلس المدينة مساء الثلاثاء بأغلبية كبيرة على بناء جسر جديد فوق النهر",
    "zh": "市议会周二晚间以压倒性多数批准在河上修建一座新桥，预计明年秋天完工。",
    "ja": "市議会は火曜日の夜、川に新しい橋を架ける計画を賛成多数で可決した。",
}


@pytest.mark.parametrize(("language", "text"), STUBS.items())
def test_a_sentence_is_enough_whatever_the_hint_says(language: str, text: str) -> None:
    assert detect_language(text) == language
    assert detect_language(text, "en") == language
    assert detect_language(text, language) == language


def test_a_hint_decides_where_a_headline_could_be_either() -> None:
    headline = "Signa Holding meldet Insolvenz an"
    assert detect_language(headline, "de-AT") == "de"


@pytest.mark.parametrize("text", ["", "  ", "12:30 2024 !!!", "https://example.com/a @user #tag"])
def test_without_words_only_the_hint_is_left(text: str) -> None:
    assert detect_language(text, "pt-BR") == "pt"
    assert detect_language(text) is None


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("de_CH", "de"),
        ("EN", "en"),
        ("nb-NO", "no"),
        ("iw", "he"),
        ("english", None),
        ("", None),
        (None, None),
        ("x-a", None),
    ],
)
def test_language_tags_are_reduced_to_iso_639_1(tag: str | None, code: str | None) -> None:
    assert language_code(tag) == code


@given(st.text(), st.none() | st.text(max_size=8))
def test_detection_never_raises_and_gives_two_letters_or_none(text: str, hint: str | None) -> None:
    got = detect_language(text, hint)
    assert got is None or (len(got) == 2 and got.isalpha())
