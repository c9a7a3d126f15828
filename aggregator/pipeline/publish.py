"""The daily digest goes out: into its folder, and by mail where feeds.yaml asks for it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from aggregator.config import Config, MailSettings
from aggregator.pipeline.digest import write_daily_digest
from aggregator.pipeline.mail import Account, Sent, mail_digest
from aggregator.store.writer import Writer


def publish(config: Config, writer: Writer, now: datetime) -> tuple[tuple[Path, ...], Sent]:
    """Write the digest of the day that ends now, then mail it to everybody who has not had it.

    Raises MailError where the mail server cannot be used; the files are written by then.
    """
    daily = write_daily_digest(config, now)
    mail = config.digest.mail
    if mail is None:
        return daily.paths, Sent()
    return daily.paths, mail_digest(_account(mail), mail.to, daily.digest, daily.day, writer, now)


def _account(mail: MailSettings) -> Account:
    password = mail.password.get_secret_value() if mail.password else None
    return Account(mail.host, mail.port, mail.security, mail.sender, mail.username, password)
