from __future__ import annotations

import ipaddress
import json
import zipfile
from pathlib import Path

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import FetchFailure, FetchProblem
from aggregator.web import ClientSettings, WebClient, is_public
from aggregator.web.connect import GuardedBackend
from aggregator.web.guard import AddressGuard, AddressRefusedError, HostList, literal_address
from aggregator.web.streams import SocketBackend

pytestmark = pytest.mark.anyio

SUITE = Path(__file__).parents[2].parent / "shared" / "suites" / "security.zip"
CLOSED_NAMES = {"7f000001.nip.io": "127.0.0.1", "metadata.google.internal": "169.254.169.254"}


def _vectors(kind: str) -> list[dict[str, str]]:
    if not SUITE.exists():
        pytest.skip(f"the security suite is not beside the repository ({SUITE.name})")
    with zipfile.ZipFile(SUITE) as suite:
        rows = [json.loads(line) for line in suite.read("ssrf_vectors.jsonl").splitlines()]
    return [row for row in rows if row["kind"] == kind]


class Names:
    """A resolver that answers from a table and counts; unlisted names are public."""

    def __init__(self, table: dict[str, list[list[str]]]) -> None:
        self.table = table
        self.asked: list[str] = []

    async def __call__(self, host: str, _port: int) -> list[str]:
        self.asked.append(host)
        answers = self.table.get(host, [[str(literal_address(host) or "93.184.216.34")]])
        return answers.pop(0) if len(answers) > 1 else answers[0]


def _pin(address: str) -> bool:
    return is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.31.255.255",
        "192.0.0.9",
        "192.88.99.1",
        "192.168.0.1",
        "198.19.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::10.0.0.1",
        "::8.8.8.8",
        "::ffff:127.0.0.1",
        "64:ff9b::192.168.2.1",
        "64:ff9b:1::192.168.2.1",
        "64:ff9b:1:a00:0:100::",
        "64:ff9b:1:808:8:800:c0a8:101",
        "100::1",
        "2001::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:c0a8:1::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_addresses_that_are_not_public_are_known(address):
    """S02."""
    assert not _pin(address)


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.128.0.1",
        "128.0.0.1",
        "172.32.0.1",
        "192.0.1.1",
        "223.255.255.255",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "64:ff9b:1:808:8:800::",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2606:4700::1111",
        "2a00::1",
    ],
)
def test_public_addresses_are_public(address):
    assert _pin(address)


@given(st.ip_addresses())
def test_whatever_we_call_public_the_standard_library_calls_global_too(address):
    translated = isinstance(address, ipaddress.IPv6Address) and str(address).startswith("64:ff9b:")
    assert not is_public(address) or address.is_global or address.ipv4_mapped or translated


def test_the_networks_of_the_suite_are_closed_from_end_to_end():
    """Within 64:ff9b:1::/48 (local NAT64) lie stand-ins of public addresses; the suite allows one."""
    for row in _vectors("netblock"):
        network = ipaddress.ip_network(row["value"])
        middle = network[0 if row["value"] == "64:ff9b:1::/48" else network.num_addresses // 2]
        assert not any(map(is_public, (network[0], middle, network[-1]))), row
    for row in _vectors("ip"):
        assert _pin(row["value"]) == (row["must"] == "allow"), row


@pytest.mark.parametrize("proxy", [None, "http://127.0.0.1:9"])
async def test_no_url_of_the_suite_gets_a_connection(web, get, monkeypatch, proxy):
    """S01, S03: through a proxy too, but for names, which are the proxy's business."""
    connected = _count_connections(monkeypatch)
    names = Names({name: [[address]] for name, address in CLOSED_NAMES.items()})
    client = web(parts={"resolver": names}, allow_private=(), proxy=proxy)
    for row in _vectors("url"):
        failure = await get(client, row["value"])
        assert isinstance(failure, FetchFailure)
        if proxy and any(name in row["value"] for name in CLOSED_NAMES):
            assert failure.problem is FetchProblem.CONNECT
        else:
            assert failure.problem in (FetchProblem.REFUSED_ADDRESS, FetchProblem.PROTOCOL), row
    assert connected == (["127.0.0.1"] * 2 if proxy else [])


async def test_the_schemes_and_tricks_of_the_suite_are_refused_or_read_as_documented(web, get, monkeypatch):
    """S09-S11. feed: is refused; what follows a # is a fragment; port 22 and 6379 are no web ports."""
    connected = _count_connections(monkeypatch)
    client = web(parts={"resolver": Names({})}, allow_private=())
    for row in _vectors("scheme_or_parse"):
        assert isinstance(await get(client, row["value"]), FetchFailure), row
    assert connected == ["93.184.216.34"]  # http://example.com#@127.0.0.1/


def _count_connections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record what the network is asked to connect to, and refuse it."""
    connected: list[str] = []

    async def connect(self, host, port, *rest, **more):
        connected.append(host)
        raise httpcore.ConnectError("refused by the test")

    for backend in (SocketBackend, httpcore.AnyIOBackend):  # directly, and to proxies
        monkeypatch.setattr(backend, "connect_tcp", connect)
    return connected


async def test_a_name_is_resolved_once_and_its_vetted_address_is_connected_to(monkeypatch):
    """S05: the second answer would be loopback."""
    connected = _count_connections(monkeypatch)
    names = Names({"rebind.example": [["93.184.216.34"], ["127.0.0.1"]]})
    backend = GuardedBackend(AddressGuard((), frozenset({80})), names)
    with pytest.raises(httpcore.ConnectError):
        await backend.connect_tcp("rebind.example", 80)
    assert (names.asked, connected) == (["rebind.example"], ["93.184.216.34"])
    with pytest.raises(AddressRefusedError, match=r"stands for 127\.0\.0\.1"):
        await backend.connect_tcp("rebind.example", 80)
    assert connected == ["93.184.216.34"]


@pytest.mark.parametrize("answers", [["93.184.216.34", "10.0.0.1"], ["fc00::1", "93.184.216.34"], ["::1"]])
async def test_one_bad_address_refuses_the_name(web, get, monkeypatch, answers):
    """S04."""
    connected = _count_connections(monkeypatch)
    failure = await get(web(parts={"resolver": Names({"two.example": [answers]})}), "http://two.example/")
    assert failure.problem is FetchProblem.REFUSED_ADDRESS
    assert connected == []


@pytest.mark.parametrize("answers", [[], ["nonsense"]])
async def test_a_name_without_addresses_is_a_dns_failure(web, get, answers):
    failure = await get(web(parts={"resolver": Names({"no.example": [answers]})}), "http://no.example/")
    assert (failure.problem, failure.detail) == (FetchProblem.DNS, "The name no.example cannot be resolved.")


async def test_the_next_address_is_tried_where_the_first_does_not_answer(web, serve, get, reply):
    server = await serve({"/": reply(body=b"x")})
    names = Names({"two.example": [["127.0.0.2", "127.0.0.1"]]})
    client = web(parts={"resolver": names})
    assert (await get(client, f"http://two.example:{server.port}/")).body == b"x"
    assert server.requests[0].header("host") == f"two.example:{server.port}".encode()


async def test_a_kept_connection_stays_with_its_vetted_address(web, serve, get, reply):
    """S06."""
    server = await serve({"/": reply(body=b"x")})
    names = Names({"moves.example": [["127.0.0.1"], ["10.0.0.1"]]})
    client = web(parts={"resolver": names})
    for _ in range(2):
        assert (await get(client, f"http://moves.example:{server.port}/")).body == b"x"
    assert len(names.asked) == 1


@pytest.mark.parametrize("opened", ["127.0.0.1", "127.0.0.0/8"])
async def test_only_what_is_opened_can_be_reached(web, serve, get, reply, opened):
    """S01: off by default, against 127.0.0.2 as well."""
    server = await serve({"/": reply(body=b"x")})
    assert (await get(web(allow_private=()), server.url())).problem is FetchProblem.REFUSED_ADDRESS
    assert (
        await get(web(allow_private=("127.0.0.2",)), server.url())
    ).problem is FetchProblem.REFUSED_ADDRESS
    assert (await get(web(allow_private=(opened,)), server.url())).body == b"x"


async def test_an_opened_name_may_have_any_address_and_port(web, serve, get, reply):
    server = await serve({"/": reply(body=b"x")})
    names = Names({"a.intranet.example": [["127.0.0.1"]]})
    client = web(parts={"resolver": names}, allow_private=("localhost", ".intranet.example"))
    assert (await get(client, f"http://a.intranet.example:{server.port}/")).body == b"x"
    assert (await get(client, f"http://127.0.0.1:{server.port}/")).problem is FetchProblem.REFUSED_ADDRESS


async def test_public_hosts_are_reached_on_web_ports_only(web, get, monkeypatch):
    """S10."""
    connected = _count_connections(monkeypatch)
    client = web(parts={"resolver": Names({})})
    for port in (22, 25, 6379, 11211):
        failure = await get(client, f"http://example.com:{port}/")
        assert failure.problem is FetchProblem.REFUSED_ADDRESS
        assert str(port) in failure.detail
    assert connected == []
    for port in (80, 443, 8080):
        assert (await get(client, f"http://example.com:{port}/")).problem is FetchProblem.CONNECT


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("0x7f000001", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("0", "0.0.0.0"),
        ("127.0.0.1.", "127.0.0.1"),
        ("LOCALHOST", "127.0.0.1"),
        ("a.localhost.", "127.0.0.1"),
        ("::1", "::1"),
        ("example.com", None),
        ("1.2.3.4.5", None),
    ],
)
def test_every_spelling_of_an_address_is_read(host, address):
    assert str(literal_address(host)) == str(address)


def test_a_host_list_knows_names_domains_and_networks():
    hosts = HostList(["Intranet.example", ".corp.example", "10.0.0.0/8", "[::1]"])
    assert hosts.has_name("intranet.EXAMPLE.")
    assert hosts.has_name("a.b.corp.example")
    assert not hosts.has_name("corp.example")
    assert not hosts.has_name("x.intranet.example")
    assert hosts.has_address(ipaddress.ip_address("10.9.9.9"))
    assert hosts.has_address(ipaddress.ip_address("::1"))
    assert not hosts.has_address(ipaddress.ip_address("11.0.0.1"))


async def test_the_system_resolver_finds_localhost():
    async with WebClient(ClientSettings("a/1", allow_private=("localhost",), trust_env=False)) as client:
        failure = await client.get("http://localhost:1/", max_bytes=1, accept="*/*")
    assert failure.problem is FetchProblem.CONNECT
