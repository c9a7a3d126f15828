"""The pages parse as the HTML standard says, without a single error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from aggregator.digest.model import Digest
from aggregator.digest.render import render, render_index
from aggregator.digest.render_html import render_mail

html5lib = pytest.importorskip("html5lib", reason="html5lib is not installed")


def _errors(page: str) -> list[str]:
    parser = html5lib.HTMLParser()
    parser.parse(page)
    return [f"{place}: {code} {values}" for place, code, values in parser.errors]


def test_the_digest_its_index_and_its_mail_are_valid(newsroom: Any) -> None:
    digest = newsroom.digest(why=True)
    pages = [render(digest, "html"), render_mail(digest), render_index([digest.query.window.since.date()])]
    assert [_errors(page) for page in pages] == [[], [], []]
    assert _errors("<p></b>")


def test_they_stay_valid_whatever_strangers_write(hostile: Callable[..., Digest], payload: str) -> None:
    digest = hostile(payload)
    assert _errors(render(digest, "html")) == _errors(render_mail(digest)) == []
