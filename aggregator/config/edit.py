"""Edits of feeds.yaml that keep its comments, order and layout (ruamel.yaml's round trip)."""

from __future__ import annotations

import io
from collections.abc import Sequence

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from aggregator.config.load import feed_key


class EditError(Exception):
    """The file cannot be edited: it is not YAML, or the feed is not in it."""


def add_feeds(text: str, feeds: Sequence[dict[str, object]]) -> str:
    """Return feeds.yaml with subscriptions appended; those already in it are left as they are."""
    editor, document = _open(text)
    present = document.get("feeds")
    if not isinstance(present, CommentedSeq) or not present:
        document["feeds"] = present = CommentedSeq()
    known = {feed_key(_url_of(feed)) for feed in present}
    for feed in feeds:
        if feed_key(str(feed["url"])) not in known:
            known.add(feed_key(str(feed["url"])))
            present.append(_entry(feed))
    return _close(editor, document)


def remove_feed(text: str, url: str) -> str:
    """Return feeds.yaml without a subscription; raises EditError where it has none of that URL."""
    editor, document = _open(text)
    feeds = document.get("feeds") or CommentedSeq()
    index = next((i for i, feed in enumerate(feeds) if feed_key(_url_of(feed)) == feed_key(url)), None)
    if index is None:
        raise EditError(f"{url} is not among the feeds; `aggregator feeds` lists them")
    del feeds[index]
    return _close(editor, document)


def _open(text: str) -> tuple[YAML, CommentedMap]:
    editor = YAML(typ="rt")
    editor.preserve_quotes = True
    editor.width = 4096
    editor.indent(mapping=2, sequence=4, offset=2)
    try:
        document = editor.load(text)
    except YAMLError as error:
        raise EditError(f"the file is not YAML: {error}") from error
    if document is None:
        document = CommentedMap()
    if not isinstance(document, CommentedMap):
        raise EditError("the file must be a mapping: database:, network:, feeds: ...")
    return editor, document


def _close(editor: YAML, document: CommentedMap) -> str:
    buffer = io.StringIO()
    editor.dump(document, buffer)
    return buffer.getvalue()


def _url_of(feed: object) -> str:
    return str(feed.get("url", "")) if isinstance(feed, CommentedMap) else str(feed)


def _entry(feed: dict[str, object]) -> object:
    if set(feed) == {"url"}:
        return feed["url"]
    entry = CommentedMap(feed)
    entry.fa.set_flow_style()
    return entry
