"""What the HTTP client may do, as one value."""

from __future__ import annotations

import re
from dataclasses import dataclass

WEB_PORTS = frozenset({80, 443, 8000, 8008, 8080, 8081, 8088, 8443, 8888})
"""Ports on which public hosts serve the web. A feed must not make us knock at SSH, SMTP or Redis (S10)."""


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """How the client presents itself, what it may reach, and how hard it may knock.

    Args:
        user_agent: Product, version and a contact URL, sent unchanged with every request (C04).
        proxy: ``http``, ``https``, ``socks5`` or ``socks5h`` URL; None takes the environment's, where
            ``trust_env`` says so. The proxy itself may stand on a private address.
        allow_private: Hosts (``intranet.example``; ``.example`` for a whole domain) and networks
            (``127.0.0.0/8``) that may be reached although they are not public, on any port.
        timeout: Seconds for connecting, and for each read or write.
        deadline: Seconds for a whole request with its redirects; waiting for a turn does not count.
        concurrency: Requests open at once, all hosts together.
        per_host: Requests open at once to one host (B15).
        host_delay: Seconds between the starts of two requests to one host; 0 switches it off.
        obey_robots: Whether requests made with ``robots=True`` ask robots.txt first.
        max_redirects: Redirects that are followed (D07).
        ports: Ports that may be reached on public hosts.
        trust_env: Whether HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY and SSL_CERT_FILE are honoured.
    """

    user_agent: str
    proxy: str | None = None
    allow_private: tuple[str, ...] = ()
    timeout: float = 20.0
    deadline: float = 60.0
    concurrency: int = 64
    per_host: int = 2
    host_delay: float = 0.5
    obey_robots: bool = True
    max_redirects: int = 10
    ports: frozenset[int] = WEB_PORTS
    trust_env: bool = True

    @property
    def product_token(self) -> str:
        """Our name in robots.txt: the user agent up to the first slash or blank (RFC 9309, 2.2.1)."""
        return re.split(r"[/\s]", self.user_agent, maxsplit=1)[0]
