from __future__ import annotations

import ssl

import httpcore
import pytest

from aggregator.model import FetchProblem
from aggregator.web.failures import explain


def test_an_error_nobody_foresaw_is_a_failure_and_not_a_crash(capsys):
    problem, detail = explain(LookupError("with a secret"), "example.org")
    assert problem is FetchProblem.PROTOCOL
    assert detail == "The exchange with example.org failed (LookupError)."


@pytest.mark.parametrize(
    ("cause", "problem"),
    [
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), FetchProblem.TLS),
        (ssl.SSLWantReadError(), FetchProblem.CONNECT),
    ],
)
def test_tls_trouble_is_told_from_tls_at_work(cause, problem):
    error = httpcore.ReadError()
    error.__context__ = cause
    assert explain(error, "example.org")[0] is problem


def test_words_of_a_server_come_out_as_one_printable_line():
    """S43."""
    error = httpcore.RemoteProtocolError("bad\r\nline \x1b[31m" + "x" * 1000)
    detail = explain(error, "example.org")[1]
    assert detail.isprintable()
    assert len(detail) < 300
