"""Values that stand outside feeds.yaml: in the environment or in files of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aggregator.config.document import Document, Problem, dotted

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SECRET_FILES = {("network", "proxy_file"), ("auth", "password_file"), ("mail", "password_file")}


class Secrets:
    """Fills ``${NAME}`` from the environment and ``*_file`` from files, before anything is checked."""

    def __init__(self, document: Document, folder: Path, environment: Mapping[str, str]) -> None:
        self.document, self.folder, self.environment = document, folder, environment

    def fill(self, value: Any, place: tuple[str | int, ...]) -> Any:
        """Return the value with all filled in; what cannot be had becomes a problem of the document."""
        if isinstance(value, dict):
            return dict(self._pair(key, inner, (*place, key)) for key, inner in value.items())
        if isinstance(value, list):
            return [self.fill(inner, (*place, index)) for index, inner in enumerate(value)]
        if isinstance(value, str) and "${" in value:
            return _VARIABLE.sub(lambda match: self._variable(match[1], place), value)
        return value

    def _pair(self, key: str, value: Any, place: tuple[str | int, ...]) -> tuple[str, Any]:
        if (place[-2] if len(place) > 1 else "", key) not in _SECRET_FILES or not isinstance(value, str):
            return key, self.fill(value, place)
        try:
            return key.removesuffix("_file"), (self.folder / value).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            self._complain(place, f"the file {value} cannot be read: {error}")
            return key.removesuffix("_file"), None

    def _variable(self, name: str, place: tuple[str | int, ...]) -> str:
        if name not in self.environment:
            self._complain(place, f"the environment variable {name} is not set")
        return self.environment.get(name, "")

    def _complain(self, place: tuple[str | int, ...], message: str) -> None:
        self.document.problems.append(Problem(self.document.line_of(place), f"{dotted(place)}: {message}"))
