"""The grammar of attribution, one table a language (``data/grammar/xx.toml``).

A table speaks of sentences in a normal form (``slots``): lower case, no quotation marks, one blank between
words, ``@`` for the outlet in question, ``#`` for any other outlet, words like "newspaper" around ``@`` gone,
its article glued to it (``dem·@``). Its phrases are regular expressions in which ``{verbs}`` stands for the
table's own list of that name, and ``@`` also for the outlet with an article before it, a case ending or an
aside behind it; ``@=`` is the outlet without an ending.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

OUTLET = "@"
OTHER = "#"
RULES = ("according", "verb", "told", "report", "medium")  # in the order in which they are tried
GLUE = "·"
_ENDING = r"(?:'\w+)?"
_ARTICLE = rf"(?:\w+{GLUE})?"
_ASIDE = r"(?:(?:,? [(–-] ?[^()@]{1,60}[)–]|, [^,@]{3,140},)(?= ))?"
_CLASS_OR_SLOT = re.compile(r"\[\^?[^\]]+\]|@[ =]?")
_LIST = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Grammar:
    """How one language attributes. Patterns are compiled; see the module for the form of their input."""

    contractions: Mapping[str, str]
    contracted: re.Pattern[str] | None
    elisions: re.Pattern[str] | None
    keeps_endings: bool  # what hangs on a name by an apostrophe is grammar: Turkish cases
    noun_before: re.Pattern[str]
    article_before: re.Pattern[str]
    bare_before: re.Pattern[str]
    followers: re.Pattern[str] | None
    joiner: re.Pattern[str]
    abbreviations: frozenset[str]
    rules: Mapping[str, re.Pattern[str]]
    never: re.Pattern[str]
    unless: re.Pattern[str]
    cue: re.Pattern[str]
    near: re.Pattern[str]
    unknown: re.Pattern[str] | None


@cache
def grammar_of(lang: str) -> Grammar | None:
    """Return the grammar of a language (ISO 639-1), or None where there is no table for it."""
    path = files("aggregator.reports").joinpath(f"data/grammar/{lang}.toml")
    if not path.is_file():
        return None
    common = tomllib.loads(
        files("aggregator.reports").joinpath("data/grammar/common.toml").read_text(encoding="utf-8")
    )
    return _compiled(tomllib.loads(path.read_text(encoding="utf-8")), common)


@cache
def languages() -> tuple[str, ...]:
    """Return the languages that have a table."""
    names = (path.name for path in files("aggregator.reports").joinpath("data/grammar").iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if len(name) == len("xx.toml")))


def _compiled(table: dict[str, object], common: dict[str, object]) -> Grammar:
    lists = {name: value for name, value in table.items() if isinstance(value, list)}
    given = table.get("contractions")
    contractions = given if isinstance(given, dict) else {}
    shared = {name: value for name, value in common.items() if isinstance(value, list)}

    def phrases(name: str) -> re.Pattern[str]:
        return _phrases([*lists.get(name, ()), *shared.get(name, ())], lists)

    return Grammar(
        contractions=contractions,
        contracted=_words(contractions) if contractions else None,
        elisions=_elisions(lists.get("elisions", [])),
        keeps_endings=table.get("keeps_endings") is True,
        noun_before=_noun_before(lists),
        article_before=_article_before(lists),
        bare_before=_bare_before(lists),
        followers=_followers(lists),
        joiner=_joiner(lists),
        abbreviations=frozenset(lists.get("abbreviations", [])),
        rules={rule: phrases(rule) for rule in RULES},
        never=phrases("never"),
        unless=phrases("unless"),
        cue=phrases("cue"),
        near=_phrases([_near(phrase) for phrase in lists["cue"]], lists),
        unknown=_unknown(lists),
    )


def _near(cue: str) -> str:
    """A cue and the outlet within one clause; a cue is a word of its own ("cita", not "crescita")."""
    between = "[^.,;:!?–()@]{0,60}"
    return rf"(?:{cue})(?!\w){between}@|@{between}(?<!\w)(?:{cue})"


def _expanded(phrase: str, lists: Mapping[str, list[str]]) -> str:
    return _LIST.sub(lambda match: _any(lists[match[1]], lists) if match[1] in lists else match[0], phrase)


def _any(words: list[str], lists: Mapping[str, list[str]]) -> str:
    return "(?:" + "|".join(_expanded(word, lists) for word in words) + ")"


def _phrases(phrases: list[str], lists: Mapping[str, list[str]]) -> re.Pattern[str]:
    if not phrases:
        return re.compile(r"(?!)")
    expanded = (_around_slot(_expanded(phrase, lists)) for phrase in phrases)
    return re.compile(rf"(?<![\w@])(?:{'|'.join(expanded)})(?!\w)")


def _around_slot(phrase: str) -> str:
    """Let ``@`` take an article before it and an aside behind it, but not within a class like ``[^@]``."""

    def filled(match: re.Match[str]) -> str:
        if match[0][0] == "[":
            return match[0]
        glued = phrase[match.start() - 1 : match.start()] == GLUE
        ending = "" if match[0].endswith("=") else _ENDING
        aside = _ASIDE + " " if match[0].endswith(" ") else ""
        return ("" if glued else _ARTICLE) + OUTLET + ending + aside

    return _CLASS_OR_SLOT.sub(filled, phrase)


def _words(words: Mapping[str, str]) -> re.Pattern[str]:
    ordered = sorted(words, key=len, reverse=True)
    return re.compile(r"(?<![\w'])(?:" + "|".join(map(re.escape, ordered)) + r")(?!\w)")


def _elisions(words: list[str]) -> re.Pattern[str] | None:
    return re.compile(r"(?<!\w)(" + "|".join(words) + r")' ?") if words else None


def _noun_before(lists: Mapping[str, list[str]]) -> re.Pattern[str]:
    """A word like "newspaper", with adjectives behind it, at the end of what stands before a name."""
    behind = _any(lists.get("adjectives_behind", lists["adjectives"]), lists)
    return re.compile(rf"(?<![\w'-]){_any(lists['nouns'], lists)}(?: {behind}){{0,2}} ?$")


def _article_before(lists: Mapping[str, list[str]]) -> re.Pattern[str]:
    """The article and adjectives that belong to such a word."""
    article = _any(lists.get("articles", ["(?!)"]), lists)
    adjective = _any(lists["adjectives"], lists)
    other = _any(lists.get("stops", ["(?!)"]), lists)
    words = rf"(?:(?!(?:{article}|{other}) )[\w.'-]+ ){{0,3}}"
    return re.compile(rf"(?<![\w'])(?:(?P<article>{article}) {words}$|(?:{adjective} ){{1,3}}$)")


def _bare_before(lists: Mapping[str, list[str]]) -> re.Pattern[str]:
    """The article and adjectives right before a name: "the American CNN"."""
    article = _any(lists.get("articles", ["(?!)"]), lists)
    adjectives = rf"(?:{_any(lists['adjectives'], lists)} ){{1,2}}"
    return re.compile(rf"(?<![\w'])(?:(?P<article>{article}) (?:{adjectives})?|{adjectives})$")


def _followers(lists: Mapping[str, list[str]]) -> re.Pattern[str] | None:
    after = lists.get("nouns_after")
    return re.compile(rf"(?:-| (?:[\w-]+ )?){_any(after, lists)}(?!\w)") if after else None


def _joiner(lists: Mapping[str, list[str]]) -> re.Pattern[str]:
    words = _any(lists["and"], lists)
    article = _any(lists.get("articles", ["(?!)"]), lists)
    nouns = _any(lists["nouns"], lists)
    return re.compile(
        rf" ?(?:, ?|/|& ?|(?:, )?{words} )(?:{article} )?(?:(?:[\w-]+ ){{0,2}}{nouns} )?(?:{article} )? ?|-|/"
    )


def _unknown(lists: Mapping[str, list[str]]) -> re.Pattern[str] | None:
    """A name of no outlet we know, but which the sentence itself calls one: 'die Zeitung „Xyz"'."""
    named = lists.get("unknown_nouns")
    if not named:
        return None
    quoted = r"[„“\"«»‚'‘] ?(?P<quoted>[^\W\d_a-zа-яіїє][^„“”\"«»‘\n]{1,40}?) ?[“”\"»«’']"
    bare = r"(?P<bare>[A-ZÀ-ÖØ-Þ][\w-]+(?: [A-ZÀ-ÖØ-Þ][\w-]+){0,3})(?![\w'’])"
    return re.compile(rf"(?<!\w){_any(named, lists)}(?: (?!d[eio] )[a-zà-ÿ][\w-]+)? (?:{quoted}|{bare})")
