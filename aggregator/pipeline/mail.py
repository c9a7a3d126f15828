"""The digest by mail: one SMTP connection, a message for each recipient, each of them once a day."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from aggregator.digest.mail import digest_mail
from aggregator.digest.model import Digest
from aggregator.store.deliveries import delivered, record_delivery
from aggregator.store.writer import Writer

KIND = "mail"
TIMEOUT = 30.0  # seconds for each step of the conversation


class MailError(Exception):
    """The mail server cannot be used. The text is one line that names it."""


@dataclass(frozen=True, slots=True)
class Account:
    """Where mail is handed in, and by whom. A password goes over TLS only."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    sender: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """Who was sent the digest now, and to whom the server would not take it, with its words."""

    to: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()


def mail_digest(
    account: Account, recipients: Sequence[str], digest: Digest, day: date, writer: Writer, now: datetime
) -> Sent:
    """Send the digest of a day to everybody who has not had it; raises MailError, and may be called again.

    What was sent is written down at once, what was refused is tried again at the next call. A kill between
    sending and writing sends it again, with the same Message-ID.
    """
    had = writer.write_now(delivered, day, KIND)
    waiting = [recipient for recipient in dict.fromkeys(recipients) if recipient not in had]
    if not waiting:
        return Sent()
    to, refused = [], []
    with _connected(account) as server:
        for recipient in waiting:
            message = digest_mail(digest, day=day, sender=account.sender, recipient=recipient, at=now)
            try:
                server.send_message(message)
            except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError) as error:
                refused.append((recipient, _refusal(error)))
            else:
                writer.write_now(record_delivery, day, KIND, recipient, now)
                to.append(recipient)
    return Sent(tuple(to), tuple(refused))


@contextmanager
def _connected(account: Account) -> Iterator[smtplib.SMTP]:
    try:
        with _connect(account) as server:
            if account.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if account.username is not None and account.password is not None:
                if account.security == "none":
                    raise MailError(f"{account.host}: a password is not sent without TLS")
                server.login(account.username, account.password)
            yield server
    except smtplib.SMTPResponseException as error:
        raise MailError(f"{account.host}: {_said(error.smtp_code, error.smtp_error)}") from error
    except (smtplib.SMTPException, OSError) as error:
        raise MailError(f"{account.host}: {error}") from error


def _connect(account: Account) -> smtplib.SMTP:
    if account.security == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(account.host, account.port, timeout=TIMEOUT, context=context)
    return smtplib.SMTP(account.host, account.port, timeout=TIMEOUT)


def _refusal(error: smtplib.SMTPRecipientsRefused | smtplib.SMTPDataError) -> str:
    if isinstance(error, smtplib.SMTPDataError):
        return _said(error.smtp_code, error.smtp_error)
    [(code, words)] = error.recipients.values()
    return _said(code, words)


def _said(code: int, words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code} {' '.join(text.split())}"
