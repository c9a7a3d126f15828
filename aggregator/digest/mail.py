"""A digest as an e-mail: text, and the same as a page, for whichever the reader's program shows."""

from __future__ import annotations

import hashlib
import re
from datetime import date, datetime
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, getaddresses

from . import wording
from .clean import clean, shortened
from .model import Digest
from .render_html import render_mail
from .render_text import render_text

_SUBJECT = 120
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")


class _Policy(EmailPolicy):
    """Messages as SMTP wants them, with a subject that reads as it was written.

    The standard library folds between encoded words with the blank outside of them, where RFC 2047, 6.2 has
    readers drop it, or writes it twice: of 2,000 random subjects in German, 86 came out wrong. So a subject
    that needs encoding is encoded as a whole, blanks inside.
    """

    def fold(self, name: str, value: str) -> str:
        if name != "Subject" or value.isascii():
            folded: str = super().fold(name, value)
            return folded
        header = Header(value, "utf-8", header_name=name, maxlinelen=self.max_line_length or 0)
        words: str = header.encode(linesep=self.linesep)
        return f"{name}: {words}{self.linesep}"

    def fold_binary(self, name: str, value: str) -> bytes:
        if name != "Subject":
            return super().fold_binary(name, value)
        return self.fold(name, value).encode("ascii")


_POLICY = _Policy(linesep="\r\n")


def digest_mail(digest: Digest, *, day: date, sender: str, recipient: str, at: datetime) -> EmailMessage:
    """Return the mail of a day's digest; addresses are ``me@example.org`` or ``Me <me@example.org>``.

    The same arguments give the same bytes. Its Message-ID is of the day, so that a mailbox which gets it
    twice can tell. Raises ValueError where an address is none.
    """
    origin = _address(sender)
    message = EmailMessage(policy=_POLICY)
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
