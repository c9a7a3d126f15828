"""The digest by mail: one SMTP connection, a message for each recipient, each of them once a day."""

from __future__ import annotations

import smtplib
import sqlite3
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from email.message import EmailMessage

from aggregator.config import Config, MailSettings
from aggregator.digest.mail import digest_mail
from aggregator.digest.model import Digest
from aggregator.digest.window import digest_day
from aggregator.pipeline.again import is_turn, next_attempt
from aggregator.pipeline.digest import read_daily_digest
from aggregator.store.deliveries import MAIL, begin_delivery, deliveries, record_delivery, record_failure
from aggregator.store.writer import Writer

TIMEOUT = 30.0  # seconds for each step of the conversation
_CLOSING = 421  # the server ends the conversation with it, whatever the command was (RFC 5321, 3.8)


@dataclass(frozen=True, slots=True)
class Unsent:
    """Who was not sent the digest, why, and when it is tried again: None where it was refused for good."""

    recipient: str
    reason: str
    again_at: datetime | None


@dataclass(frozen=True, slots=True)
class Sent:
    """Who was sent the digest now, and who was not."""

    to: tuple[str, ...] = ()
    unsent: tuple[Unsent, ...] = ()


def mail_daily_digest(config: Config, writer: Writer, due: datetime, now: datetime) -> Sent:
    """Mail the digest that was due then to everybody who has not had it and whose turn it is.

    May be called as often as one likes: whom it was sent to, and who is to wait, stands in the database.
    """
    mail, day = config.digest.mail, digest_day(due, config.digest.timezone)
    if mail is None or not (turns := writer.write_now(begin_mails, mail.to, day, now)):
        return Sent()
    return send_mails(mail, turns, read_daily_digest(config, due), day, writer, now)


def begin_mails(
    db: sqlite3.Connection, recipients: Sequence[str], day: date, now: datetime
) -> dict[str, datetime]:
    """Return whose turn it is, each with the time of the next attempt should nothing come of this one.

    It is noted before the first word with the server, so a full disk or a kill cannot make it mail again and
    again. A kill between sending and recording sends it twice, with the same Message-ID.
    """
    known, turns = deliveries(db, day, MAIL), {}
    for recipient in dict.fromkeys(recipients):
        earlier = known.get(recipient)
        if earlier and not is_turn(earlier, now):
            continue
        turns[recipient] = next_attempt(earlier, now)
        begin_delivery(db, day, MAIL, recipient, now, turns[recipient])
    return turns


def send_mails(
    mail: MailSettings,
    turns: Mapping[str, datetime],
    digest: Digest,
    day: date,
    writer: Writer,
    now: datetime,
) -> Sent:
    """Send the digest of a day to those whose turn it is, and record what came of it."""
    to: list[str] = []
    unsent: dict[str, Unsent] = {}
    try:
        with _connected(mail) as server:
            for recipient, again_at in turns.items():
                message = digest_mail(digest, day=day, sender=mail.sender, recipient=recipient, at=now)
                refusal = _hand_in(server, message)
                if refusal is None:
                    writer.write_now(record_delivery, day, MAIL, recipient, now)
                    to.append(recipient)
                else:
                    unsent[recipient] = Unsent(recipient, refusal.reason, None if refusal.final else again_at)
    except (smtplib.SMTPException, OSError) as error:
        reason = f"{mail.host}: {_reason(error)}"
        left = (recipient for recipient in turns if recipient not in {*to, *unsent})
        unsent |= {recipient: Unsent(recipient, reason, turns[recipient]) for recipient in left}
    for one in unsent.values():
        final = one.again_at is None
        writer.write_now(record_failure, day, MAIL, one.recipient, one.reason, for_good=final)
    return Sent(tuple(to), tuple(unsent.values()))


@contextmanager
def _connected(mail: MailSettings) -> Iterator[smtplib.SMTP]:
    with closing(_connect(mail)) as server:
        if mail.security == "starttls":
            server.starttls(context=ssl.create_default_context())
        if mail.username is not None and mail.password is not None:
            server.login(mail.username, mail.password.get_secret_value())
        yield server
        with suppress(smtplib.SMTPException, OSError):  # what was taken is taken, however it parts (RFC 5321,
            server.quit()  # 4.2.5); smtplib's own ``with`` would raise for any answer but 221


def _connect(mail: MailSettings) -> smtplib.SMTP:
    if mail.security == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(mail.host, mail.port, timeout=TIMEOUT, context=context)
    return smtplib.SMTP(mail.host, mail.port, timeout=TIMEOUT)


@dataclass(frozen=True, slots=True)
class _Refusal:
    reason: str
    final: bool  # a 5xx: the same message would be refused again (RFC 5321, 4.2.1)


def _hand_in(server: smtplib.SMTP, message: EmailMessage) -> _Refusal | None:
    """Return None where the server took the message, else what it says; raises where it ends the talk."""
    words: bytes | str
    try:
        server.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        [(code, words)] = error.recipients.values()
    except smtplib.SMTPDataError as error:
        code, words = error.smtp_code, error.smtp_error
    else:
        return None
    if code == _CLOSING:
        raise smtplib.SMTPResponseException(code, words)
    return _Refusal(_said(code, words), final=code >= 500)


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _said(error.smtp_code, error.smtp_error)
    return " ".join(str(error).split())


def _said(code: int, words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code} {' '.join(text.split())}"
