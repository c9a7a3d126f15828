from __future__ import annotations

import asyncio
import contextlib
import ssl
from datetime import UTC, datetime

import pytest
import trustme

from aggregator.model import FetchProblem

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def _server_side(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def _client_side(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def _loopback(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


async def test_tls_checks_the_name_while_the_guard_connects_to_the_address(web, serve, get, reply, authority):
    server = await serve(
        {"/": reply(body=b"safe")}, tls=_server_side(authority.issue_cert("news.example", "127.0.0.1"))
    )
    client = web(parts={"ssl_context": _client_side(authority), "resolver": _loopback})
    assert (await get(client, f"https://news.example:{server.port}/")).body == b"safe"
    assert (await get(client, f"https://127.0.0.1:{server.port}/")).body == b"safe"
    wrong = await get(client, f"https://other.example:{server.port}/")
    assert wrong.problem is FetchProblem.TLS
    assert "ostname mismatch" in wrong.detail


@pytest.mark.parametrize("kind", ["unknown", "expired"])
async def test_certificates_that_cannot_be_trusted_are_refused_without_fallback(
    web, serve, get, authority, kind
):
    """S26."""
    issuer = trustme.CA() if kind == "unknown" else authority
    until = datetime(2020, 1, 1, tzinfo=UTC) if kind == "expired" else None
    server = await serve(tls=_server_side(issuer.issue_cert("127.0.0.1", not_after=until)))
    failure = await get(web(parts={"ssl_context": _client_side(authority)}), server.url())
    assert failure.problem is FetchProblem.TLS
    assert ("expired" if kind == "expired" else "issuer") in failure.detail
    assert server.requests == []


async def test_the_default_trust_is_that_of_the_public_web(web, serve, get, authority):
    server = await serve(tls=_server_side(authority.issue_cert("127.0.0.1")))
    assert (await get(web(), server.url())).problem is FetchProblem.TLS


async def _plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        await reader.read()
    writer.transport.abort()


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.transport.abort()


@pytest.mark.parametrize(("server", "problem"), [(_plain, FetchProblem.TLS), (_silent, FetchProblem.TIMEOUT)])
async def test_a_server_that_does_not_shake_hands_is_a_failure(web, get, server, problem):
    async with await asyncio.start_server(server, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        failure = await get(web(timeout=0.2), f"https://127.0.0.1:{port}/")
    assert failure.problem is problem


async def test_a_redirect_from_https_to_http_is_followed_flagged_and_loses_the_secrets(
    web, serve, get, reply, authority
):
    """D06."""
    plain = await serve({"/": reply(body=b"plain")})
    server = await serve(
        {"/": reply(301, [("Location", plain.url())])}, tls=_server_side(authority.issue_cert("127.0.0.1"))
    )
    client = web(parts={"ssl_context": _client_side(authority)})
    fetched = await get(client, server.url(), headers={"X-Key": "1"}, auth=("u", "p"))
    assert fetched.body == b"plain"
    assert [hop.url for hop in fetched.hops] == [server.url()]
    assert plain.requests[0].header("x-key") is None
    assert plain.requests[0].header("authorization") is None
