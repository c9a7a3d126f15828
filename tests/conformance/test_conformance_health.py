"""Feed health as data: every kind of failure is a plain sentence, with the time since when."""

from __future__ import annotations

import re
from datetime import timedelta

SETTINGS = (
    "compute: {kind: inline}\nnetwork: {allow_private: [127.0.0.0/8], timeout: 200ms, max_feed_size: 2kB}"
)


def test_each_failing_feed_says_in_a_sentence_what_is_wrong_and_since_when(
    site, daemon, names, reply, rss, hang, now
):
    site.listen("https", "someone.else.example")
    names.addresses["nowhere.example"] = [[]]
    answers = {
        "/404": reply(404), "/500": reply(500), "/429": reply(429), "/410": reply(410), "/304": reply(304),
        "/html": reply(200, b"<!doctype html><html>x</html>"), "/empty": reply(200),
        "/text": reply(200, b"hello"),
        "/json": reply(200, b"[1]"), "/xml": reply(200, b"<a/>"), "/silent": hang, "/reset": b"",
        "/large": reply(200, b"x" * 5000), "/circle": reply(302, b"", [("Location", "/circle")]),
        "/inwards": reply(302, b"", [("Location", "http://10.0.0.1/")]), "/smtp": b"220 mail\r\n\r\n",
    }  # fmt: skip
    for path, answer in answers.items():
        site.on(path, answer)
    others = [
        site.url("/tls", scheme="https"),
        site.url("/x", "nowhere.example"),
        "http://127.0.0.1:9/closed",
    ]
    feeds = [*(site.url(path, f"a{path[1:]}.example") for path in answers), *others]
    daemon.subscribe(*feeds, settings=SETTINGS)
    assert daemon.cycle().failed == len(feeds) == 19
    daemon.cycle(after=timedelta(hours=30))
    rows = daemon.rows("SELECT url, state, last_error, failing_since FROM feed_health")
    assert {state for _, state, _, _ in rows} == {"failing", "gone"}
    for url, _, sentence, since in rows:
        assert re.fullmatch(r"(?:[A-Z]|[a-z0-9.]+ )[ -~]*\.", sentence), (url, sentence)
        assert not re.search(r"None|Error:|Exception|bytearray|\bat 0x|/", sentence), (url, sentence)
        assert since == now.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert len({sentence for _, _, sentence, _ in rows}) >= 15
