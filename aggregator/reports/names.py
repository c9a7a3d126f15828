"""Words that survive translation: names, numbers and telling words, each brought to one spelling.

A name is written differently in every language (Putin, Poutine, Путина; Selenskyj, Zelensky, Зеленский). Its
*skeleton* keeps what they share: the consonants after transliteration, those that languages swap made one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.resources import files

from anyascii import anyascii

_WORD = re.compile(r"[^\W_]+(?:[’'][^\W_]+)?")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_STOPLISTS = {
    "ar": "Arabic", "cs": "Czech", "da": "Danish", "de": "German", "en": "English", "es": "Spanish",
    "fi": "Finnish", "fr": "French", "hu": "Hungarian", "it": "Italian", "nl": "Dutch",
    "no": "Norwegian_Bokmal",
    "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sl": "Slovenian", "sv": "Swedish",
    "tr": "Turkish", "uk": "Ukrainian",
}  # fmt: skip
_STOP_RANK = 400  # the lists are sorted by frequency; beyond this rank they hold words that tell something

# Case endings that would leave consonants behind in a skeleton (Путиным, Зеленского, Putinem).
_CYRILLIC_ENDING = re.compile(r"(?:ого|его|ому|ему|ыми|ими|ами|ями|ых|их|ом|ем|ым|им|ов|ев|ах|ях|ам|ям)$")
_LATIN_ENDING = {
    "pl": re.compile(r"(?:owie|owi|iem|em|ów|ami|ach|ego|emu|ym|im)$"),
    "cs": re.compile(r"(?:ovi|em|ech|ého|ému)$"),
    "sl": re.compile(r"(?:om|em|ov|ih)$"),
    "tr": re.compile(r"(?:den|dan|ler|lar|nin|nın)$"),
}
# What one sound is written as in the languages that news comes in, longest first, and the sign that stands
# for it. Vowels, h and j stand for nothing: languages agree on them least.
_SOUND_OF = {
    "tsch": "s", "dsch": "", "shch": "s", "sch": "s", "tch": "s", "dzh": "", "tsh": "s", "dj": "", "cz": "s",
    "sz": "s", "sh": "s", "ch": "s", "zh": "s", "kh": "", "gh": "g", "ph": "f", "th": "t", "ts": "s",
    "tz": "s", "ng": "n", "ck": "k", "qu": "k", "ks": "ks", "x": "ks", "ce": "s", "ci": "s", "cy": "s",
    "c": "k", "q": "k", "w": "v",
    "z": "s", "a": "", "e": "", "i": "", "o": "", "u": "", "y": "", "h": "", "j": "",
}  # fmt: skip
_SOUND_IN = {
    "de": {"ch": ""},
    "nl": {"ch": ""},
    "pl": {"ch": ""},
    "cs": {"ch": ""},
    "it": {"ch": "k"},
}  # Kachowka is Каховка
_SOUNDS = re.compile("|".join([*_SOUND_OF, "[a-z]"]))
_CYRILLIC = frozenset({"ru", "uk", "be", "bg", "sr", "mk"})
_PERCENT = frozenset({"%", "pct", "proz", "prc", "yuzde"})
_KEEP = 5  # consonants: inflected forms lose one another in longer skeletons, strangers meet in shorter ones
_STEM = 6  # letters of a word that are kept

# Beginnings of the words for thousand, million ... after transliteration; the longest that fits counts.
_MAGNITUDE = {
    "tausend": 1e3, "tsd": 1e3, "thousand": 1e3, "mila": 1e3, "mille": 1e3, "duizend": 1e3, "tys": 1e3,
    "mil": 1e3, "bin": 1e3,
    "million": 1e6, "milion": 1e6, "miljo": 1e6, "millon": 1e6, "milhao": 1e6, "milhoes": 1e6, "milyon": 1e6,
    "mio": 1e6, "mln": 1e6, "mn": 1e6, "m": 1e6,
    "milliard": 1e9, "miliard": 1e9, "miljard": 1e9, "milyar": 1e9, "mil'yard": 1e9, "mrd": 1e9,
    "mld": 1e9, "mlrd": 1e9, "mlyard": 1e9, "bn": 1e9, "billion": 1e9, "bilh": 1e9, "milmillones": 1e9,
    "trillion": 1e12, "trilyon": 1e12, "tn": 1e12,
}  # fmt: skip
_LONG_SCALE = {
    "de": {"billion": 1e12},
    "es": {"billon": 1e12},
    "nl": {"biljoen": 1e12},
    "pl": {"bilion": 1e12},
}
_SHORT_WORDS = frozenset(
    {"m", "mn", "bn", "tn", "mil", "bin", "mio", "tsd", "mila", "mille"}
)  # whole words only
_NUMBER = re.compile(
    r"(?<![\w.,:])(\d{1,3}(?:[\u00a0\u202f .,’']\d{3})+(?!\d)|\d+)(?:[.,](\d{1,2})(?!\d))?"
    r"[\s-]?(%|(?:[^\W\d_]+\b\.?(?:\smillones)?))?"
)


@lru_cache(maxsize=100_000)
def skeleton(word: str, lang: str | None = None) -> str:
    """Return what a name's spellings have in common, e.g. ``ptn`` for Putin, Poutine, Путина, Putin's.

    A leading vowel (or h, j) is kept as ``@``. Empty for words without a sound.
    """
    word = _bare(word.lower(), lang)
    letters = "".join(c for c in anyascii(word).lower() if "a" <= c <= "z")
    if not letters:
        return ""
    if lang == "ar":
        letters = letters.replace("w", "")  # a long vowel as often as a consonant
    sound_of = _SOUND_OF | _SOUND_IN.get(lang or "", {})
    heard = [sound_of.get(sound, sound) for sound in _SOUNDS.findall(letters)]
    sounds = re.sub(r"(.)\1+", r"\1", "".join(heard))
    if len(sounds) > 3 and sounds.endswith("s"):
        sounds = sounds[:-1]
    return ("" if heard and heard[0] else "@") + sounds[:_KEEP]


def _bare(word: str, lang: str | None) -> str:
    """Take off a possessive and the case endings that hold consonants, where enough of the word remains."""
    word = (
        re.split("[’']", word)[0]
        if re.search("[’'](?:s|in|[iıuü]n|a|da|de|den|dan|e|i|ı|y[iıae])?$", word)
        else word
    )
    word = word.replace("'", "").replace("’", "")
    ending = _CYRILLIC_ENDING if lang in _CYRILLIC else _LATIN_ENDING.get(lang or "")
    if ending is not None and (found := ending.search(word)) and found.start() >= 4:
        return word[: found.start()]
    return word


def names(text: str, lang: str | None, *, headline: bool = False) -> Iterator[str]:
    """Yield the skeletons of the words that may be names, in order, with repetitions.

    Names are words with a capital letter that do not open a sentence; in scripts without capitals, all words.
    A headline that capitalises everything tells nothing by its capitals: all its words but stop words count.
    """
    stops = _stopwords(lang)
    for match in _WORD.finditer(text):
        word = match[0]
        if _CJK.search(word) or word.lower() in stops or not word[0].isalpha():
            continue
        caseless = not (word[0].isupper() or word[0].islower())
        opens = not headline and _opens_sentence(text, match.start())
        if (caseless or word[0].isupper()) and not opens and len(word) > 1:
            sign = skeleton(word.removeprefix("ال"), lang)
            if len(sign) > 1:
                yield sign


def _opens_sentence(text: str, start: int) -> bool:
    before = text[max(0, start - 3) : start].rstrip(" \t\"'„“”«»‘’()[]¿¡–—-")
    return not before or before[-1] in ".!?:\n"


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """Return the first letters of a word after transliteration, lower case: ``insolv`` for Insolvenz,
    insolvency.
    """
    letters = "".join(c for c in anyascii(word).lower() if c.isalnum())
    return letters[:_STEM]


def telling_words(text: str, lang: str | None) -> Iterator[str]:
    """Yield the stems of the words that are no stop words; for Chinese and Japanese, pairs of characters."""
    stops = _stopwords(lang)
    for match in _WORD.finditer(text):
        word = match[0].lower()
        if _CJK.search(word):
            yield from (word[i : i + 2] for i in range(len(word) - 1))
        elif len(word) > 3 and word not in stops and not word.isdigit():
            yield stem(word)


def numbers(text: str, lang: str | None) -> Iterator[str]:
    """Yield the numbers in one notation: ``1,5 Mrd.`` and ``1.5bn`` give ``1.5e+09``, ``30 Prozent`` gives
    ``30%``.

    Years and numbers up to two say too little and are left out.
    """
    for whole, part, unit in _NUMBER.findall(text):
        digits = re.sub(r"\D", "", whole)
        if len(digits) > 15:
            continue
        value = float(f"{digits}.{part or 0}")
        word = anyascii(unit).lower().rstrip(".").replace(" ", "")
        if word in _PERCENT or word.startswith(
            ("percent", "prozent", "procent", "protsent", "porcent", "vidsot")
        ):
            yield f"{value:g}%"
        elif (factor := _factor(word, lang)) != 1:
            yield f"{value * factor:g}"
        elif value > 2 and not (len(digits) == 4 and len(whole) == 4 and 1900 <= value <= 2100):
            yield f"{value:g}"


def _factor(word: str, lang: str | None) -> float:
    """Return what a word after a number multiplies it by."""
    if word in _SHORT_WORDS:
        return _MAGNITUDE[word]
    table = _MAGNITUDE | _LONG_SCALE.get(lang or "", {})
    fits = [stem for stem in table if stem not in _SHORT_WORDS and word.startswith(stem)]
    return table[max(fits, key=len)] if fits else 1.0


@cache
def _stopwords(lang: str | None) -> frozenset[str]:
    """Return a language's most frequent words (of jusText's lists, sorted by frequency in Wikipedia)."""
    if lang not in _STOPLISTS:
        return frozenset()
    path = files("justext") / "stoplists" / f"{_STOPLISTS[lang]}.txt"
    lines = path.read_text(encoding="utf-8").split("\n")[:_STOP_RANK]
    return frozenset(line.strip(".,\"'()").lower() for line in lines)


_WEEKDAYS = {
    "en": "monday tuesday wednesday thursday friday saturday sunday",
    "de": "montag dienstag mittwoch donnerstag freitag samstag|sonnabend sonntag",
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "es": "lunes martes miércoles jueves viernes sábado domingo",
    "it": "lunedì martedì mercoledì giovedì venerdì sabato domenica",
    "pt": "segunda terça quarta quinta sexta sábado domingo",
    "nl": "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag",
    "pl": "poniedział wtor środ|środ czwart piąt sobot niedziel",
    "ru": "понедельник вторник сред(?:а|у|ы)$ четверг пятниц суббот воскресень",
    "uk": "понеділ вівтор серед(?:а|у|и)$ четвер п.?ятниц субот неділ",
    "tr": "pazartesi salı çarşamba perşembe cuma$ cumartesi pazar$",
    "sv": "måndag tisdag onsdag torsdag fredag lördag söndag",
    "sl": "ponedelj torek|tork sred(?:a|o)$ četrt petek|petk sobot nedelj",
}


def weekdays(text: str, lang: str | None) -> Iterator[int]:
    """Yield the weekdays (0 = Monday) that a text names."""
    patterns = _weekday_patterns(lang)
    for match in _WORD.finditer(text.lower()):
        yield from (day for day, pattern in enumerate(patterns) if pattern.match(match[0]))


@cache
def _weekday_patterns(lang: str | None) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(stem) for stem in _WEEKDAYS.get(lang or "", "").split())
