"""The digest goes out by SMTP: to everybody, once a day, over TLS where a password is involved."""

from __future__ import annotations

import asyncio
import base64
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from aggregator.config import load_config
from aggregator.digest.model import DayCounts, Digest, DigestQuery, Window
from aggregator.pipeline.mail import Account, MailError, Sent, mail_digest
from aggregator.pipeline.publish import publish
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
            elif verb == "DATA":
                writer.write(b"354 go on\r\n")
                mail = await reader.readuntil(b"\r\n.\r\n")
                answer = "452 4.3.1 the disk is full" if self.full else answer
                self.mails += [] if self.full else [(recipient, mail)]
            elif verb == "QUIT":
                answer = "221 bye"
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


def _account(port: int, security: Any = "none", **changes: Any) -> Account:
    return Account("localhost", port, security, "news@example.org", **changes)


def test_everybody_gets_a_mail_of_their_own(postbox: Postbox, writer: Writer) -> None:
    to = ["one@example.com", "Two <two@example.com>", "one@example.com"]
    sent = mail_digest(_account(postbox.port()), to, DIGEST, DAY, writer, NOW)
    assert sent == Sent(("one@example.com", "Two <two@example.com>"))
    assert [recipient for recipient, _ in postbox.mails] == ["one@example.com", "two@example.com"]
    assert b"To: one@example.com\r\n" in postbox.mails[0][1]
    assert b"one@example.com" not in postbox.mails[1][1]


def test_a_digest_that_is_written_twice_is_sent_once(postbox: Postbox, writer: Writer) -> None:
    account = _account(postbox.port())
    mail_digest(account, ["one@example.com"], DIGEST, DAY, writer, NOW)
    later = NOW + timedelta(hours=1)
    both = ["one@example.com", "two@example.com"]
    assert mail_digest(account, both, DIGEST, DAY, writer, later) == Sent(("two@example.com",))
    assert mail_digest(account, both, DIGEST, DAY, writer, later) == Sent()
    assert mail_digest(account, both, DIGEST, DAY + timedelta(days=1), writer, later).to == tuple(both)
    assert len(postbox.mails) == 4


def test_nobody_is_connected_to_where_nothing_is_to_be_sent(writer: Writer) -> None:
    assert mail_digest(_account(1), [], DIGEST, DAY, writer, NOW) == Sent()


def test_one_refused_address_keeps_nobody_else_from_theirs(postbox: Postbox, writer: Writer) -> None:
    postbox.refused = {"gone@example.com"}
    to = ["gone@example.com", "here@example.com"]
    sent = mail_digest(_account(postbox.port()), to, DIGEST, DAY, writer, NOW)
    assert sent == Sent(("here@example.com",), (("gone@example.com", "550 5.1.1 nobody here"),))


def test_what_the_server_could_not_take_is_sent_the_next_time(postbox: Postbox, writer: Writer) -> None:
    postbox.full = True
    to = ["one@example.com", "two@example.com"]
    sent = mail_digest(_account(postbox.port()), to, DIGEST, DAY, writer, NOW)
    assert sent == Sent((), tuple((recipient, "452 4.3.1 the disk is full") for recipient in to))
    postbox.full = False
    assert mail_digest(_account(postbox.port()), to, DIGEST, DAY, writer, NOW) == Sent(tuple(to))


@pytest.mark.parametrize(("security", "tls"), [("starttls", False), ("tls", True)])
def test_a_password_goes_over_tls(postbox: Postbox, writer: Writer, security: str, tls: bool) -> None:
    account = _account(postbox.port(tls=tls), security, username="me", password="right")
    assert mail_digest(account, ["one@example.com"], DIGEST, DAY, writer, NOW).to
    assert postbox.logins == ["\0me\0right"]
    assert "right" not in repr(account)


def test_a_password_is_never_sent_without_tls(postbox: Postbox, writer: Writer) -> None:
    account = _account(postbox.port(), username="me", password="right")
    with pytest.raises(MailError, match="a password is not sent without TLS"):
        mail_digest(account, ["one@example.com"], DIGEST, DAY, writer, NOW)
    assert (postbox.logins, postbox.mails) == ([], [])


def test_a_wrong_password_is_said_in_the_servers_words(postbox: Postbox, writer: Writer) -> None:
    account = _account(postbox.port(tls=True), "tls", username="me", password="wrong")
    with pytest.raises(MailError, match=r"localhost: 535 5\.7\.8 wrong password"):
        mail_digest(account, ["one@example.com"], DIGEST, DAY, writer, NOW)


def test_a_certificate_that_nobody_vouches_for_is_refused(
    postbox: Postbox, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(MailError, match="certificate verify failed"):
        mail_digest(_account(postbox.port(), "starttls"), ["one@example.com"], DIGEST, DAY, writer, NOW)
    assert postbox.mails == []


def test_a_server_that_is_not_there_is_named(postbox: Postbox, writer: Writer) -> None:
    port = postbox.port()
    postbox._run(_closed(postbox.plain))
    with pytest.raises(MailError, match=r"localhost: .*refused"):
        mail_digest(_account(port), ["one@example.com"], DIGEST, DAY, writer, NOW)


def test_the_digest_of_the_day_is_written_and_mailed_once(
    postbox: Postbox, database: Path, tmp_path: Path
) -> None:
    text = (
        "digest: {directory: digests, formats: [md],"
        " mail: {to: [one@example.com], sender: news@example.org,"
        f" host: localhost, port: {postbox.port()}, security: none}}}}\n"
    )
    (tmp_path / "feeds.yaml").write_text(text)
    config = load_config(tmp_path / "feeds.yaml").model_copy(update={"database": database})
    with Writer(database) as writer:
        paths, sent = publish(config, writer, NOW)
        assert [path.name for path in paths] == ["2026-03-02.md"]
        assert sent.to == ("one@example.com",)
        assert publish(config, writer, NOW + timedelta(hours=1))[1] == Sent()
        quiet = config.model_copy(update={"digest": config.digest.model_copy(update={"mail": None})})
        assert publish(quiet, writer, NOW)[1] == Sent()
    assert len(postbox.mails) == 1
