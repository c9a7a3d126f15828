"""YAML text to plain values that remember their lines.

Read by PyYAML's composer, which never builds objects, and turned into values by the rules of YAML 1.2:
``no`` stays a language and ``07:00`` a time of day, which YAML 1.1 would read as false and 420.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import yaml

MAX_BYTES = 16_000_000
_MAX_NODES = 2_000_000
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NAMES: dict[str, object] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Path = tuple[str | int, ...]


def dotted(path: Path) -> str:
    """Write a path as people do: ``feeds[2].interval``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.lstrip(".") or "file"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a configuration file: the line (1-based), and what would be right."""

    line: int
    message: str


@dataclass(slots=True)
class Document:
    """A YAML document as plain values, the line of every path in it, and what is wrong with its form."""

    value: object = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line_of(self, path: Path) -> int:
        """Return the line of a path, or of the nearest thing around it that has one."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_document(text: str) -> Document:
    """Compose YAML into values; mistakes of form become problems, nothing is raised."""
    document = Document()
    if len(text) > MAX_BYTES:
        document.problems.append(Problem(1, f"the file is larger than {MAX_BYTES // 10**6} MB"))
        return document
    try:
        node = yaml.compose(text, Loader=_LOADER)
        document.value = _Builder(document).build(node, ()) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        document.problems.append(Problem(mark.line + 1 if mark else 1, f"this is not YAML: {error.problem}"))
    except yaml.YAMLError as error:
        document.problems.append(Problem(1, f"this is not YAML: {str(error).splitlines()[0]}"))
    except (_TooBigError, RecursionError):
        document.problems.append(Problem(1, "the file nests or repeats itself beyond reason (aliases?)"))
    return document


class _TooBigError(Exception):
    pass


class _Builder:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.nodes = 0

    def build(self, node: yaml.Node, path: Path) -> object:
        self.nodes += 1
        if self.nodes > _MAX_NODES:
            raise _TooBigError
        self.document.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, (*path, index)) for index, child in enumerate(node.value)]
        return _scalar(node) if isinstance(node, yaml.ScalarNode) else None

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        result: dict[str, object] = {}
        for key_node, value_node in node.value:
            key, line = str(key_node.value), key_node.start_mark.line + 1
            if key in result:
                self.document.problems.append(Problem(line, f"{key!r} is given twice; keep one"))
                continue
            self.document.lines[*path, key] = line
            result[key] = self.build(value_node, (*path, key))
        return result


def _scalar(node: yaml.ScalarNode) -> object:
    text = str(node.value)
    if node.style:  # quoted or a block
        return text
    if text in _NAMES:
        return _NAMES[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
