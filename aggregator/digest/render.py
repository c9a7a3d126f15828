"""A digest in the format that is asked for. The same digest gives the same text: no clock, no locale."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from .model import Digest
from .render_html import render_atom, render_html, render_index
from .render_json import render_json
from .render_md import render_md
from .render_text import render_text

__all__ = ["FORMATS", "render", "render_index"]

_RENDERERS: Mapping[str, Callable[[Digest], str]] = MappingProxyType(
    {"html": render_html, "md": render_md, "json": render_json, "text": render_text, "atom": render_atom}
)
FORMATS = tuple(_RENDERERS)


def render(digest: Digest, form: str) -> str:
    """Return ``digest`` in one of ``FORMATS``; raises KeyError for any other."""
    return _RENDERERS[form](digest)
