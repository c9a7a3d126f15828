"""The address guard: which addresses may be reached, as pure rules (S01-S04, S10).

``connect.py`` applies them at the moment of connecting.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

# IANA's special-purpose registry (RFC 6890 and its updates), multicast (RFC 5771) and the withdrawn 6to4
# relays (RFC 7526). ``ipaddress.is_global`` is not enough: it lets multicast, 6to4 and NAT64 through, and
# differs between Python releases (S02).
_CLOSED_V4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
# Within the one block that is handed out for global unicast: protocol assignments (Teredo and ORCHID among
# them), documentation, 6to4.
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_CLOSED_V6 = tuple(
    ipaddress.IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")


class AddressRefusedError(Exception):
    """The guard forbids the connection. The message is one plain sentence."""


@lru_cache(maxsize=4096)
def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet: global unicast, and nothing else in disguise.

    IPv6 addresses that stand for an IPv4 one (mapped, NAT64) are judged by it (RFC 4291, 2.5.5.2; RFC 6052).
    """
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _CLOSED_V4)
    embedded = _embedded_v4(address)
    if embedded is not None:
        return is_public(embedded)
    return address in _GLOBAL_V6 and not any(address in network for network in _CLOSED_V6)


def _embedded_v4(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    packed = address.packed
    if address in _NAT64:
        return ipaddress.IPv4Address(packed[12:])
    # RFC 6052, 2.2: in a /48 the IPv4 address straddles the zero octet 8, and only zeros follow it.
    if address in _NAT64_LOCAL and not packed[8] and not any(packed[11:]):
        return ipaddress.IPv4Address(packed[6:8] + packed[9:11])
    return None


@lru_cache(maxsize=4096)  # asked several times for each request
def literal_address(host: str) -> Address | None:
    """The address that a host name spells, in any notation that the C library reads (S03), or None for names.

    ``localhost`` and all below it count as 127.0.0.1 (RFC 6761, 6.3).
    """
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return ipaddress.IPv4Address("127.0.0.1")
    with suppress(ValueError):
        return ipaddress.ip_address(name)
    try:
        return ipaddress.IPv4Address(socket.inet_aton(name))
    except OSError:
        return None


class HostList:
    """A list of hosts and networks, as ``allow_private`` and NO_PROXY hold them.

    ``intranet.example`` is that host, ``.example`` every host below it, ``10.0.0.0/8`` and ``::1`` addresses.
    """

    def __init__(self, items: Iterable[str]) -> None:
        self._names: set[str] = set()
        self._networks: list[Network] = []
        for item in items:
            try:
                self._networks.append(ipaddress.ip_network(item.strip("[] "), strict=False))
            except ValueError:
                self._names.add(item.strip().lower())

    def has_name(self, host: str) -> bool:
        """Whether the host is listed by its name, or lies below a listed domain."""
        if not self._names:
            return False
        name = host.rstrip(".").lower()
        labels = name.split(".")
        return name in self._names or any(
            "." + ".".join(labels[depth:]) in self._names for depth in range(1, len(labels))
        )

    def has_address(self, address: Address) -> bool:
        """Whether the address lies in a listed network."""
        return any(address in network for network in self._networks)


class AddressGuard:
    """The rule: public addresses on web ports, and whatever ``allow_private`` opens, on any port."""

    def __init__(self, allow_private: Iterable[str], ports: frozenset[int]) -> None:
        self._open = HostList(allow_private)
        self._ports = ports

    def vet_literal(self, host: str, port: int) -> None:
        """Judge a host that spells an address; names pass, they are judged by what they resolve to.

        Raises:
            AddressRefusedError: if the address may not be reached.
        """
        address = literal_address(host)
        if address is not None:
            self.vet_addresses(host, port, (address,))

    def vet_proxied(self, host: str, port: int) -> None:
        """Judge what can be judged where a proxy resolves names: literal addresses, and the port.

        Raises:
            AddressRefusedError: if the proxy may not be asked for this host.
        """
        self.vet_literal(host, port)
        if literal_address(host) is None and port not in self._ports and not self._open.has_name(host):
            raise AddressRefusedError(_closed_port(host, port))

    def vet_addresses(self, host: str, port: int, addresses: Iterable[Address]) -> None:
        """Judge all addresses that a host has; a single bad one refuses the host (S04).

        Raises:
            AddressRefusedError: if the host may not be reached.
        """
        if self._open.has_name(host):
            return
        for address in addresses:
            if self._open.has_address(address):
                continue
            if not is_public(address):
                raise AddressRefusedError(_not_public(host, address))
            if port not in self._ports:
                raise AddressRefusedError(_closed_port(host, port))


def _not_public(host: str, address: Address) -> str:
    if host == str(address):
        return f"{host} is not a public address."
    return f"{host} stands for {address}, which is not a public address."


def _closed_port(host: str, port: int) -> str:
    return f"Port {port} of {host} is not one on which public web servers listen."
