"""The digest as an e-mail: what a mail program reads, with nothing in its headers that strangers wrote."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from lxml import html

from aggregator.digest.clean import shortened
from aggregator.digest.mail import digest_mail
from aggregator.digest.model import Digest
from aggregator.digest.render import render

DAY = date(2026, 11, 24)
AT = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)
HEADERS = [
    "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
]  # fmt: skip


def _mail(digest: Digest, **changes: Any) -> bytes:
    given = {"sender": "News <news@example.org>", "recipient": "me@example.com", "day": DAY, "at": AT}
    return digest_mail(digest, **(given | changes)).as_bytes()


def _read(mail: bytes) -> EmailMessage:
    message = message_from_bytes(mail, policy=default)
    assert isinstance(message, EmailMessage)
    assert message.defects == []
    return message


def test_it_is_the_text_and_the_same_as_a_page(newsroom: Any) -> None:
    message = _read(_mail(newsroom.digest()))
    assert message.get_content_type() == "multipart/alternative"
    text, page = message.iter_parts()
    assert text.get_content().replace("\r\n", "\n") == render(newsroom.digest(), "text")
    tree = html.fromstring(page.get_content())
    assert [heading.text_content() for heading in tree.iter("h2")] == [
        section.headline for section in newsroom.digest().sections
    ]
    assert tree.xpath("//a[@href='https://outlet3.example/news/3']")
    assert not tree.xpath("//style|//script|//svg|//img|//*[@src]")


def test_its_headers_say_who_when_and_what(newsroom: Any) -> None:
    message = _read(_mail(newsroom.digest()))
    assert list(message.keys()) == HEADERS
    assert (message["From"], message["To"]) == ("News <news@example.org>", "me@example.com")
    assert message["Subject"] == "News digest, Tuesday, 24 November 2026: Envoy held secret talks"
    assert message["Date"].datetime == AT
    assert message["Message-ID"] == "<digest.2026-11-24@example.org>"
    assert message["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    "headline",
    [
        "Müller – was nun? Das ist ein sehr langer Titel über äußerst viele Dinge",
        "Über — — Kölner viele Köln a 🚀 Müller Kölner 🚀 Köln",
        "Землетрясение в Турции: власти сообщают о многих погибших — «Коммерсантъ» пишет о сотнях",
        "🚀 🎉 👩‍👩‍👧 lands, 🇪🇺 cheers 🎊 and 🎉 again and 🎊 again",
        "Plain words only, but so many of them that the line has to be folded somewhere on its way",
    ],
)
def test_a_subject_reads_as_it_was_written_in_any_script(newsroom: Any, headline: str) -> None:
    """RFC 2047: blanks inside the encoded words, one before each further line, no line above 76 octets."""
    digest = newsroom.digest()
    section = replace(digest.sections[0], headline=headline)
    mail = _mail(replace(digest, sections=(section,)))
    lines = mail.partition(b"\r\nDate:")[0].partition(b"Subject: ")[2].split(b"\r\n")
    assert max(map(len, lines)) <= 78
    assert all(line[:1] == b" " and line[1:2] != b" " for line in lines[1:])
    subject = str(_read(mail)["Subject"])
    assert subject == shortened(f"News digest, Tuesday, 24 November 2026: {headline}", 120)
    assert str(make_header(decode_header(message_from_bytes(mail)["Subject"]))) == subject


def test_an_empty_day_is_a_mail_too(newsroom: Any) -> None:
    message = _read(_mail(replace(newsroom.digest(), sections=())))
    assert message["Subject"] == "News digest, Tuesday, 24 November 2026"
    _, page = message.iter_parts()
    assert "No report matches." in page.get_content()


def test_lines_end_as_rfc_5322_says_and_are_short_enough(newsroom: Any) -> None:
    lines = _mail(newsroom.digest()).split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert not any(b"\n" in line or b"\r" in line for line in lines)


def test_nothing_in_it_can_become_a_header_s44(hostile: Callable[..., Digest], payload: str) -> None:
    message = _read(_mail(hostile(f"{payload}\r\nBcc: all@evil.example\r\n\r\n<script>")))
    assert list(message.keys()) == HEADERS
    assert "\n" not in message["Subject"]
    _, page = message.iter_parts()
    assert not html.fromstring(page.get_content()).xpath("//script|//img|//iframe|//@onload|//@onerror")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "me",
        "me@example.org\r\nBcc: all@evil.example",
        "me@",
        "@example.org",
        "a@b@c",
        "a@b, c@d",
        "a b@c",
    ],
)
def test_what_is_no_address_is_refused(newsroom: Any, address: str) -> None:
    with pytest.raises(ValueError, match="is not an e-mail address"):
        _mail(newsroom.digest(), recipient=address)


def test_the_same_digest_gives_the_same_bytes_whatever_the_time_zone(newsroom: Any) -> None:
    mail = _mail(newsroom.digest())
    assert mail == _mail(newsroom.digest())
    code = (
        "from datetime import *; from aggregator.digest.mail import digest_mail;"
        " from aggregator.digest.model import *; import sys;"
        " at = datetime(2026, 11, 25, 6, tzinfo=UTC); window = Window(at - timedelta(days=1), at);"
        " digest = Digest(DigestQuery(window), DayCounts(0, 0, 0), 0, ());"
        " sys.stdout.buffer.write(digest_mail(digest, day=date(2026, 11, 24), sender='a@b.example',"
        " recipient='c@d.example', at=at).as_bytes())"
    )
    zones = ("Asia/Tokyo", "America/New_York")
    made = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, env={**os.environ, "TZ": zone}
        ).stdout
        for zone in zones
    }
    assert len(made) == 1
