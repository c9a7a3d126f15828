"""Telling systemd how the service fares: the sd_notify protocol, one datagram a message.

Source: sd_notify(3). Without systemd there is no socket, and nothing is said.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def notify(*assignments: str) -> None:
    """Send assignments such as ``READY=1``. A service manager that does not listen is no reason to fail."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # the abstract namespace
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        sender.sendto("\n".join(assignments).encode(), address)


def watchdog_seconds() -> float | None:
    """Return how often the service manager wants to hear from this process at the latest, None for never."""
    text, process = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID")
    if not text.isdigit() or process not in (None, str(os.getpid())):
        return None
    return int(text) / 1e6
