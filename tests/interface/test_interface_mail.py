"""The digest goes out by SMTP: to everybody, once a day, over TLS where a password is involved."""

from __future__ import annotations

import asyncio
import base64
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
import trustme
from pydantic import ValidationError

from aggregator.config import Config, MailSettings, load_config
from aggregator.daemon.control import Control
from aggregator.daemon.service import Service
from aggregator.daemon.trouble import Patience
from aggregator.digest.model import DayCounts, Digest, DigestQuery, Window
from aggregator.pipeline.again import FIRST_PAUSE
from aggregator.pipeline.mail import Sent, Unsent, begin_mails, mail_daily_digest, send_mails
from aggregator.pipeline.services import open_services
from aggregator.store.connection import open_reader
from aggregator.store.status import read_status
from aggregator.store.writer import Writer

NOW = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
DAY = date(2026, 3, 1)
DIGEST = Digest(DigestQuery(Window(NOW - timedelta(days=1), NOW)), DayCounts(0, 0, 0), 0, ())


class Postbox:
    """A mail server on loopback (RFC 5321), in a thread of its own: what it took, and what it refuses."""

    def __init__(self, certificate: trustme.LeafCert) -> None:
        self.mails: list[tuple[str, bytes]] = []
        self.logins: list[str] = []
        self.refused: set[str] = set()
        self.full = False
        self.parting = "221 bye"
        self.closing = False
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate.configure_cert(self.tls)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.plain, self.encrypted = (self._run(self._listen(tls)) for tls in (None, self.tls))

    def port(self, *, tls: bool = False) -> int:
        server = self.encrypted if tls else self.plain
        return int(server.sockets[0].getsockname()[1])

    def close(self) -> None:
        for server in (self.plain, self.encrypted):
            self._run(_closed(server))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self, tls: ssl.SSLContext | None) -> asyncio.Server:
        return await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=tls)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 postbox.example\r\n")
        recipient = ""
        while line := (await reader.readline()).decode().strip():
            verb, _, rest = line.partition(" ")
            answer, verb = "250 fine", verb.upper()
            if verb == "EHLO":
                answer = "250-postbox.example\r\n250-STARTTLS\r\n250 AUTH PLAIN"
            elif verb == "STARTTLS":
                writer.write(b"220 go on\r\n")
                await writer.start_tls(self.tls)
                continue
            elif verb == "AUTH":
                self.logins.append(base64.b64decode(rest.split()[1]).decode())
                answer = "235 welcome" if self.logins[-1].endswith("\0right") else "535 5.7.8 wrong password"
            elif verb == "RCPT":
                recipient = rest.partition("<")[2].rstrip(">")
                answer = "550 5.1.1 nobody here" if recipient in self.refused else answer
                answer = "421 4.3.2 going down" if self.closing else answer
            elif verb == "DATA":
                writer.write(b"354 go on\r\n")
                mail = await reader.readuntil(b"\r\n.\r\n")
                answer = "452 4.3.1 the disk is full" if self.full else answer
                self.mails += [] if self.full else [(recipient, mail)]
            elif verb == "QUIT":
                answer = self.parting
            writer.write(f"{answer}\r\n".encode())
            await writer.drain()
        writer.close()


async def _closed(server: asyncio.Server) -> None:
    server.close()
    await server.wait_closed()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def postbox(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Postbox]:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    box = Postbox(authority.issue_cert("localhost"))
    yield box
    box.close()


@pytest.fixture
def writer(database: Path) -> Iterator[Writer]:
    with Writer(database) as opened:
        yield opened


def _mail(port: int, *to: str, security: Any = "none", **changes: Any) -> MailSettings:
    to = to or ("one@example.com",)
    return MailSettings(
        to=to, sender="news@example.org", host="localhost", port=port, security=security, **changes
    )


def _send(mail: MailSettings, writer: Writer, now: datetime = NOW, day: date = DAY) -> Sent:
    turns = writer.write_now(begin_mails, mail.to, day, now)
    return send_mails(mail, turns, DIGEST, day, writer, now)


def _again(recipient: str, reason: str, *, after: timedelta = FIRST_PAUSE) -> Unsent:
    return Unsent(recipient, reason, NOW + after)


def _config(port: int, database: Path, tmp_path: Path) -> Config:
    text = (
        "digest: {directory: digests, formats: [md],"
        " mail: {to: [one@example.com], sender: news@example.org,"
        f" host: localhost, port: {port}, security: none}}}}\n"
    )
    (tmp_path / "feeds.yaml").write_text(text)
    return load_config(tmp_path / "feeds.yaml").model_copy(update={"database": database})


def test_everybody_gets_a_mail_of_their_own(postbox: Postbox, writer: Writer) -> None:
    to = ["one@example.com", "Two <two@example.com>", "one@example.com"]
    assert _send(_mail(postbox.port(), *to), writer) == Sent(("one@example.com", "Two <two@example.com>"))
    assert [recipient for recipient, _ in postbox.mails] == ["one@example.com", "two@example.com"]
    assert b"To: one@example.com\r\n" in postbox.mails[0][1]
    assert b"one@example.com" not in postbox.mails[1][1]


def test_each_digest_is_sent_once_to_each_recipient(postbox: Postbox, writer: Writer) -> None:
    _send(_mail(postbox.port()), writer)
    later = NOW + timedelta(hours=1)
    both = _mail(postbox.port(), "one@example.com", "two@example.com")
    assert _send(both, writer, later) == Sent(("two@example.com",))
    assert writer.write_now(begin_mails, both.to, DAY, later) == {}
    assert _send(both, writer, later, DAY + timedelta(days=1)).to == both.to
    assert len(postbox.mails) == 4


def test_one_refused_address_keeps_nobody_else_from_theirs_and_is_not_tried_again(
    postbox: Postbox, writer: Writer
) -> None:
    postbox.refused = {"gone@example.com"}
    mail = _mail(postbox.port(), "gone@example.com", "here@example.com")
    refused = Unsent("gone@example.com", "550 5.1.1 nobody here", None)
    assert _send(mail, writer) == Sent(("here@example.com",), (refused,))
    assert writer.write_now(begin_mails, mail.to, DAY, NOW + timedelta(hours=9)) == {}
    assert writer.write_now(begin_mails, mail.to, DAY + timedelta(days=1), NOW).keys() == {*mail.to}


@pytest.mark.parametrize(
    "address", ["jörg@example.com", "me@exämple.org", "a..b@example.org", "Me <a@b.org", "a@b.org>"]
)
def test_an_address_that_cannot_be_mailed_to_is_refused_with_the_configuration(address: str) -> None:
    with pytest.raises(ValidationError, match="is not an e-mail address"):
        _mail(1, address)


def test_what_the_server_could_not_take_is_sent_later(postbox: Postbox, writer: Writer) -> None:
    postbox.full = True
    mail = _mail(postbox.port(), "one@example.com", "two@example.com")
    assert _send(mail, writer) == Sent((), tuple(_again(to, "452 4.3.1 the disk is full") for to in mail.to))
    postbox.full = False
    early = NOW + FIRST_PAUSE - timedelta(seconds=1)
    assert writer.write_now(begin_mails, mail.to, DAY, early) == {}
    assert _send(mail, writer, NOW + FIRST_PAUSE) == Sent(mail.to)


@pytest.mark.parametrize("parting", ["250 fine", "421 4.4.2 too late", "500 what", "nonsense"])
def test_what_was_taken_is_sent_whatever_the_server_says_in_parting(
    postbox: Postbox, writer: Writer, parting: str
) -> None:
    postbox.parting = parting
    assert _send(_mail(postbox.port()), writer) == Sent(("one@example.com",))
    assert writer.write_now(begin_mails, ["one@example.com"], DAY, NOW + timedelta(hours=9)) == {}


def test_a_server_that_goes_down_amid_the_talk_is_asked_again_for_all_that_are_left(
    postbox: Postbox, writer: Writer
) -> None:
    postbox.closing = True
    mail = _mail(postbox.port(), "one@example.com", "two@example.com")
    reason = "localhost: 421 4.3.2 going down"
    assert _send(mail, writer) == Sent((), tuple(_again(to, reason) for to in mail.to))


def test_attempts_become_rarer_down_to_one_an_hour_and_survive_a_restart(database: Path) -> None:
    now, pauses = NOW, []
    for _ in range(7):
        with Writer(database) as writer:
            [again_at] = writer.write_now(begin_mails, ["one@example.com"], DAY, now).values()
            assert writer.write_now(begin_mails, ["one@example.com"], DAY, now) == {}
        pauses.append((again_at - now) // timedelta(minutes=1))
        now = again_at
    assert pauses == [5, 10, 20, 40, 60, 60, 60]


def test_a_clock_that_was_set_back_delays_no_mail(writer: Writer) -> None:
    writer.write_now(begin_mails, ["one@example.com"], DAY, NOW + timedelta(days=300))
    assert writer.write_now(begin_mails, ["one@example.com"], DAY, NOW)


@pytest.mark.parametrize(("security", "tls"), [("starttls", False), ("tls", True)])
def test_a_password_goes_over_tls(postbox: Postbox, writer: Writer, security: str, tls: bool) -> None:
    mail = _mail(postbox.port(tls=tls), security=security, username="me", password="right")
    assert _send(mail, writer).to
    assert postbox.logins == ["\0me\0right"]
    assert "right" not in repr(mail)


def test_a_wrong_password_is_said_in_the_servers_words(postbox: Postbox, writer: Writer) -> None:
    mail = _mail(postbox.port(tls=True), security="tls", username="me", password="wrong")
    assert _send(mail, writer).unsent == (_again("one@example.com", "localhost: 535 5.7.8 wrong password"),)


def test_a_certificate_that_nobody_vouches_for_is_refused(
    postbox: Postbox, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    [failed] = _send(_mail(postbox.port(), security="starttls"), writer).unsent
    assert "certificate verify failed" in failed.reason
    assert postbox.mails == []


def test_a_server_that_is_not_there_is_named(postbox: Postbox, writer: Writer) -> None:
    port = postbox.port()
    postbox._run(_closed(postbox.plain))
    [failed] = _send(_mail(port), writer).unsent
    assert failed.reason.startswith("localhost: ")
    assert failed.reason.endswith("refused")
    [row] = writer.write_now(lambda db: db.execute("SELECT * FROM deliveries").fetchall())
    assert (row["sent_at"], row["attempts"], row["last_error"]) == (None, 1, failed.reason)


def test_the_digest_of_the_day_is_mailed_once_and_not_where_nobody_asked_for_it(
    postbox: Postbox, database: Path, tmp_path: Path
) -> None:
    config = _config(postbox.port(), database, tmp_path)
    quiet = config.model_copy(update={"digest": config.digest.model_copy(update={"mail": None})})
    with Writer(database) as writer:
        assert mail_daily_digest(quiet, writer, NOW, NOW) == Sent()
        assert mail_daily_digest(config, writer, NOW, NOW) == Sent(("one@example.com",))
        assert mail_daily_digest(config, writer, NOW, NOW + timedelta(hours=1)) == Sent()
    assert len(postbox.mails) == 1


def test_the_service_says_in_a_line_that_mail_failed_and_sends_it_by_itself_later(
    postbox: Postbox, database: Path, tmp_path: Path
) -> None:
    config = _config(postbox.port(), database, tmp_path)
    config = config.model_copy(update={"compute": config.compute.model_copy(update={"kind": "inline"})})
    now = NOW + timedelta(minutes=3)

    async def story() -> None:
        nonlocal now
        async with open_services(config, writer, clock=lambda: now, jitter=lambda: 0.0) as services:
            service = Service(services, Control(), Patience(database), prune_after=1e6)
            await service.digest_again()  # nothing before the news that were missed have come in
            assert logs == []
            await service.look()
            await service._work
            postbox.full = False
            now += timedelta(minutes=4)
            await service.digest_again()
            now += timedelta(minutes=1)
            await service.digest_again()
            await service.digest_again()

    postbox.full = True
    with Writer(database) as writer, structlog.testing.capture_logs() as logs:
        asyncio.run(story())
    written, failed, mailed = (line for line in logs if "digest" in line["event"])
    assert written["files"] == [str(tmp_path / "digests" / "2026-03-02.md")]
    assert failed == {
        "event": "the digest could not be mailed; its files are not affected",
        "log_level": "warning",
        "to": ["one@example.com"],
        "reason": "452 4.3.1 the disk is full",
        "next": "tried again at 2026-03-02T07:08:00Z",
    }
    assert mailed["recipients"] == len(postbox.mails) == 1


def test_status_names_mail_that_failed_until_it_was_sent(
    postbox: Postbox, writer: Writer, database: Path
) -> None:
    """What, to whom, since when, why, and when it is tried again."""
    postbox.full, postbox.refused = True, {"gone@example.com"}
    mail = _mail(postbox.port(), "gone@example.com", "one@example.com")
    later = NOW + FIRST_PAUSE
    _send(mail, writer, NOW, NOW.date())
    _send(mail, writer, later, NOW.date())
    assert _troubles(database, later) == [
        "The digest of 2026-03-02 could not be mailed to gone@example.com since 2026-03-02T07:00:00Z"
        " (550 5.1.1 nobody here); not tried again.",
        "The digest of 2026-03-02 could not be mailed to one@example.com since 2026-03-02T07:00:00Z"
        " (452 4.3.1 the disk is full); tried again at 2026-03-02T07:15:00Z.",
    ]
    assert len(_troubles(database, later + timedelta(days=2))) == 2
    assert _troubles(database, later + timedelta(days=3)) == []  # mail is asked for no longer
    postbox.full, postbox.refused = False, set()
    _send(mail, writer, later + timedelta(days=1), NOW.date() + timedelta(days=1))
    assert _troubles(database, later + timedelta(days=1)) == []


def _troubles(database: Path, now: datetime) -> list[str]:
    with closing(open_reader(database)) as db:
        return read_status(db, database, now).problems(now)
