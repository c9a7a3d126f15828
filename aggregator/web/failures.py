"""From whatever went wrong to a problem from the closed list and one sentence for people.

The sentences name the host, never path, query or credentials (S45).
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterator

import httpcore
import structlog

from aggregator.model import FetchProblem
from aggregator.web.answering import BadAnswerError
from aggregator.web.asking import UnsendableHeaderError
from aggregator.web.connect import NameNotResolvedError
from aggregator.web.decode import BodyTooLargeError, UndecodableBodyError
from aggregator.web.guard import AddressRefusedError
from aggregator.web.hosts import HostPausedError
from aggregator.web.urls import ForeignSchemeError, UnusableURLError

_log = structlog.get_logger(__name__)


class TooManyRedirectsError(Exception):
    """Redirects in a circle, or more than are followed. The message is one plain sentence."""


_BYTES = re.compile(r"(?:bytearray\()?b'([^']*)'\)?")  # as h11 quotes what it does not understand
_TLS_AT_WORK = (ssl.SSLWantReadError, ssl.SSLWantWriteError)  # no failures: how the ssl module asks for more

# The first row that fits counts, so derived classes come before their bases.
_KINDS: tuple[tuple[type[Exception], FetchProblem, str], ...] = (
    (AddressRefusedError, FetchProblem.REFUSED_ADDRESS, "{error}"),
    (ForeignSchemeError, FetchProblem.REFUSED_ADDRESS, "{error}"),
    (UnusableURLError, FetchProblem.PROTOCOL, "{error}"),
    (UnsendableHeaderError, FetchProblem.PROTOCOL, "{error}"),
    (BadAnswerError, FetchProblem.PROTOCOL, "{error}"),
    (UndecodableBodyError, FetchProblem.PROTOCOL, "{error}"),
    (TooManyRedirectsError, FetchProblem.TOO_MANY_REDIRECTS, "{error}"),
    (BodyTooLargeError, FetchProblem.TOO_LARGE, "The answer of {host} is larger than allowed."),
    (NameNotResolvedError, FetchProblem.DNS, "The name {host} cannot be resolved."),
    (HostPausedError, FetchProblem.PAUSED, "{host} {error}."),
    (TimeoutError, FetchProblem.TIMEOUT, "{host} took too long to answer completely."),
    (httpcore.ConnectTimeout, FetchProblem.TIMEOUT, "{host} cannot be connected to in time."),
    (httpcore.TimeoutException, FetchProblem.TIMEOUT, "{host} fell silent."),
    (httpcore.ConnectError, FetchProblem.CONNECT, "{host} cannot be connected to: {reason}."),
    (httpcore.ProxyError, FetchProblem.CONNECT, "The proxy refuses to connect to {host}: {reason}."),
    (httpcore.NetworkError, FetchProblem.CONNECT, "{host} broke off the connection."),
    (httpcore.ProtocolError, FetchProblem.PROTOCOL, "{host} does not speak proper HTTP: {reason}."),
)


def explain(error: Exception, host: str) -> tuple[FetchProblem, str]:
    """Say what an error means for the request, which was to ``host``."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, _TLS_AT_WORK):
            return FetchProblem.TLS, f"No secure connection to {host}: {_tls_reason(cause)}."
    for kind, problem, sentence in _KINDS:
        if isinstance(error, kind):
            return problem, sentence.format(host=host, error=error, reason=_reason(error))
    # The libraries below let a few errors of their own through (anyio's, socksio's, ValueError for hosts).
    # Whatever a server provokes must stay a matter of its own feed; the log keeps the traceback.
    _log.warning("unforeseen error while fetching", host=host, exc_info=error)
    return FetchProblem.PROTOCOL, f"The exchange with {host} failed ({type(error).__name__})."


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _tls_reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message.rstrip(".")
    return (getattr(error, "reason", None) or "handshake failed").replace("_", " ").lower()


def _reason(error: Exception) -> str:
    """The operating system's words, or else the library's, on one printable line."""
    numbers = (cause.errno for cause in _causes(error) if isinstance(cause, OSError) and cause.errno)
    text = next((os.strerror(number).lower() for number in numbers), str(error))
    text = _BYTES.sub(r"\1", text[:1].lower() + text[1:])
    words = "".join(char if char.isprintable() else " " for char in text)
    return words[:200].rstrip(" .") or "no reason given"
