"""A digest as an e-mail: text, and the same as a page, for whichever the reader's program shows."""

from __future__ import annotations

import hashlib
import re
from datetime import date, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses

from . import wording
from .clean import clean, shortened
from .model import Digest
from .render_html import render_mail
from .render_text import render_text

_SUBJECT = 120
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")


def digest_mail(digest: Digest, *, day: date, sender: str, recipient: str, at: datetime) -> EmailMessage:
    """Return the mail of a day's digest; addresses are ``me@example.org`` or ``Me <me@example.org>``.

    The same arguments give the same bytes. Its Message-ID is of the day, so that a mailbox which gets it
    twice can tell. Raises ValueError where an address is none.
    """
    origin = _address(sender)
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"] = origin, _address(recipient)
    message["Subject"] = _subject(digest)
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<digest.{day.isoformat()}@{origin.domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office notes in return
    message.set_content(render_text(digest))
    message.add_alternative(render_mail(digest), subtype="html")
    message.set_boundary(hashlib.sha256(message["Message-ID"].encode()).hexdigest()[:32])
    return message


def _subject(digest: Digest) -> str:
    """Return the day and the first headline, which strangers wrote: one line, whatever they put in (S44)."""
    headline = f": {digest.sections[0].headline}" if digest.sections else ""
    return shortened(clean(f"{wording.TITLE}, {wording.span(digest.query)}{headline}"), _SUBJECT)


def _address(text: str) -> Address:
    found = getaddresses([text])
    if clean(text) != text or len(found) != 1 or not _ADDRESS.fullmatch(found[0][1]):
        raise ValueError(f"{text!r} is not an e-mail address; write for example me@example.org")
    name, address = found[0]
    return Address(display_name=name, addr_spec=address)
