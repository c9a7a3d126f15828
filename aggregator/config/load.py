"""feeds.yaml to a ``Config``, or every mistake at once, each with its line and what would be right."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from aggregator.config.document import Document, Problem, dotted, read_document
from aggregator.config.secrets import Secrets
from aggregator.config.settings import Config

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_PLAIN = {
    "missing": "is missing",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "string_type": "must be text; put it in quotes",
    "tuple_type": "must be a list; write for example [one, two]",
    "dict_type": "must be a mapping of names to values",
    "model_type": "must be a mapping of names to values",
}


class ConfigError(Exception):
    """A configuration that cannot be used: ``problems`` holds every mistake, str() a line for each."""

    def __init__(self, file: Path, problems: list[Problem]) -> None:
        self.file = file
        self.problems = sorted(problems, key=lambda problem: (problem.line, problem.message))
        super().__init__("\n".join(f"{file}:{p.line}: {p.message}" for p in self.problems))


def load_config(file: Path, environment: Mapping[str, str] | None = None) -> Config:
    """Read and check a feeds.yaml; raises ConfigError.

    ``${NAME}`` in a value is taken from the environment, ``password_file`` and ``proxy_file`` from a file,
    so that secrets need not stand in feeds.yaml. Relative paths are resolved against the folder of the file.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        message = "there is no such file; `aggregator init` writes one, --config FILE names another"
        raise ConfigError(file, [Problem(1, message)]) from error
    except UnicodeDecodeError as error:
        raise ConfigError(file, [Problem(1, f"the file is not UTF-8 text (byte {error.start})")]) from error
    except OSError as error:
        raise ConfigError(file, [Problem(1, f"the file cannot be read: {error.strerror}")]) from error
    config = parse_config(text, file, os.environ if environment is None else environment)
    return _anchored(config, file.parent)


def parse_config(text: str, file: Path, environment: Mapping[str, str]) -> Config:
    """Check the text of a feeds.yaml; raises ConfigError. ``file`` names it and anchors secret files."""
    document = read_document(text)
    value = document.value if document.value is not None else {}
    if not isinstance(value, dict) and not document.problems:
        document.problems.append(Problem(1, "the file must be a mapping: database:, network:, feeds: ..."))
    if document.problems:
        raise ConfigError(file, document.problems)
    filled = Secrets(document, file.parent, environment).fill(value, ())
    config, problems = _validate(filled, document)
    problems += document.problems
    if problems or config is None:
        raise ConfigError(file, problems)
    return config


def _validate(value: Any, document: Document) -> tuple[Config | None, list[Problem]]:
    config, problems = None, []
    try:
        config = Config.model_validate(value)
    except ValidationError as error:
        problems = [_problem(detail, document) for detail in _one_per_place(error.errors())]
    return config, problems + list(_duplicate_feeds(value.get("feeds"), document))


def _one_per_place(details: list[ErrorDetails]) -> Iterator[ErrorDetails]:
    """A value that fits none of several types gives an error for each type: one is enough."""
    seen: set[tuple[int | str, ...]] = set()
    for detail in details:
        place = tuple(part for part in detail["loc"] if not _is_branch(part))
        if place not in seen:
            seen.add(place)
            yield {**detail, "loc": place}


def _is_branch(part: int | str) -> bool:
    return isinstance(part, str) and bool(re.search(r"[\[(]|^(int|str|literal)$", part))


def _problem(detail: ErrorDetails, document: Document) -> Problem:
    place = detail["loc"]
    return Problem(document.line_of(place), f"{dotted(place)}: {_say(detail, place)}")


def _say(detail: ErrorDetails, place: tuple[int | str, ...]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(place)
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return f"must be {context['expected']}"
    return _PLAIN.get(kind) or detail["msg"].replace("Input should be", "must be").replace(
        "Value error, ", ""
    )


def _unknown_key(place: tuple[int | str, ...]) -> str:
    known = sorted(_model_at(place[:-1]).model_fields)
    close = difflib.get_close_matches(str(place[-1]), known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
    return f"unknown key; {hint}"


def _model_at(place: tuple[int | str, ...]) -> type[BaseModel]:
    model: type[BaseModel] = Config
    for part in place:
        if isinstance(part, str):
            annotation = model.model_fields[part].annotation
            model = next(inner for inner in _inner_types(annotation) if issubclass(inner, BaseModel))
    return model


def _inner_types(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type):
        yield annotation
    for inner in get_args(annotation):
        yield from _inner_types(inner)


def feed_key(url: str) -> str:
    """Return what makes two subscriptions the same: the URL less scheme, case of the host and end slash."""
    parts = urlsplit(url.strip())
    tail = f"?{parts.query}" if parts.query else ""
    return f"{(parts.hostname or '').lower()}:{parts.port or ''}{parts.path.rstrip('/')}{tail}"


def _duplicate_feeds(feeds: object, document: Document) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, feed in enumerate(feeds if isinstance(feeds, list) else []):
        url = feed.get("url") if isinstance(feed, dict) else feed
        line = document.line_of(("feeds", index))
        if isinstance(url, str) and first.setdefault(feed_key(url), line) != line:
            where = first[feed_key(url)]
            yield Problem(line, f"feeds[{index}]: {url} is already on line {where}; remove one of the two")


def _anchored(config: Config, folder: Path) -> Config:
    digest = config.digest.model_copy(update={"directory": folder / config.digest.directory})
    return config.model_copy(update={"database": folder / config.database, "digest": digest})
