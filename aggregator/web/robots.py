"""robots.txt by RFC 9309: what a site asks crawlers to leave alone.

Protego matches the paths. Choosing the group is done here, by the whole product token as RFC 9309, 2.2.1
says: Protego takes a group for ours if its name begins ours, and misses ``User-agent: Foo Bar``.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from protego import Protego

from aggregator.model import Fetched, FetchFailure, FetchProblem
from aggregator.web.urls import Target

Fetch: TypeAlias = Callable[[str], Awaitable[Fetched | FetchFailure]]
"""Get a robots.txt: at most five redirects followed, the body cut off at ``MAX_BYTES``."""

MAX_BYTES = 512_000
"""RFC 9309, 2.5: at least 500 KiB must be read."""

MAX_REDIRECTS = 5
KEEP_SECONDS = 86400.0
"""RFC 9309, 2.4: a copy is not used for longer than a day."""

KEEP_UNREACHABLE_SECONDS = 3600.0
_KEEP_ORIGINS = 2048

_GROUP_LINE = re.compile(r"([ \t]*user[ -]?agent(?:[ \t]*:|[ \t])[ \t]*)([^\s#]*).*", re.IGNORECASE)
_OURS, _OTHERS = "ours", "others"


class RobotRules:
    """The rules of one robots.txt for one product token."""

    def __init__(self, text: str, token: str) -> None:
        self._rules = Protego.parse("\n".join(_rename(line, token) for line in text.splitlines()))

    def allow(self, url: str) -> bool:
        """Whether the URL may be fetched."""
        return bool(self._rules.can_fetch(url, _OURS))


def _rename(line: str, token: str) -> str:
    """Give the groups' names in a user-agent line to those of which only one can be ours."""
    group = _GROUP_LINE.match(line)
    if group is None:
        return line
    name = group[2].split("/")[0].lower()
    kind = name if name == "*" else _OURS if name == token.lower() else _OTHERS
    return f"{group[1]}{kind}"


@dataclass(slots=True)
class _Copy:
    """What is known of an origin's robots.txt; the lock makes one request of many askers."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    expires: float = float("-inf")
    answer: RobotRules | FetchFailure | None = None  # None: everything is allowed


class RobotsCache:
    """The robots.txt of the origins seen lately, each fetched once a day at most."""

    def __init__(self, fetch: Fetch, token: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._token = token
        self._clock = clock
        self._copies: OrderedDict[str, _Copy] = OrderedDict()

    async def refusal(self, target: Target) -> FetchFailure | None:
        """Say why a page may not be fetched, or None if it may.

        ROBOTS without ``retry_after`` means that the rules forbid the page. Otherwise robots.txt could not be
        read: then the whole origin is left alone for an hour (RFC 9309, 2.3.1.4), the problem says why, and
        ``retry_after`` how long still.
        """
        copy = self._copy(f"{target.scheme}://{target.authority}")
        async with copy.lock:
            if copy.expires <= self._clock():
                await self._refresh(copy, f"{target.scheme}://{target.authority}/robots.txt")
        if isinstance(copy.answer, FetchFailure):
            return replace(copy.answer, retry_after=max(copy.expires - self._clock(), 0.0))
        # In a thread: 500 kB of hostile patterns take most of a second.
        if copy.answer is None or await asyncio.to_thread(copy.answer.allow, target.url):
            return None
        return FetchFailure(
            target.url, FetchProblem.ROBOTS, f"{target.host} asks robots to leave this page alone."
        )

    def _copy(self, origin: str) -> _Copy:
        copy = self._copies.setdefault(origin, _Copy())
        self._copies.move_to_end(origin)
        if len(self._copies) > _KEEP_ORIGINS:
            self._copies.popitem(last=False)
        return copy

    async def _refresh(self, copy: _Copy, url: str) -> None:
        fetched = await self._fetch(url)
        copy.answer = await asyncio.to_thread(judge, fetched, self._token)
        copy.expires = self._clock() + _keep_seconds(copy.answer)


def judge(fetched: Fetched | FetchFailure, token: str) -> RobotRules | FetchFailure | None:
    """What an answer to the request for robots.txt means (RFC 9309, 2.3.1).

    2xx: its rules. Other answers below 500, and too many redirects: everything is allowed. Server errors and
    no answer: everything is forbidden for a while.
    """
    if isinstance(fetched, FetchFailure):
        if fetched.problem is FetchProblem.TOO_MANY_REDIRECTS:
            return None
        return replace(fetched, detail=f"robots.txt cannot be read: {fetched.detail}")
    if fetched.status >= 500:
        detail = f"robots.txt cannot be read: the server answered {fetched.status}."
        return FetchFailure(fetched.url, FetchProblem.ROBOTS, detail)
    if fetched.status >= 300:
        return None
    return RobotRules(fetched.body.decode("utf-8-sig", "replace"), token)


def _keep_seconds(answer: RobotRules | FetchFailure | None) -> float:
    if not isinstance(answer, FetchFailure):
        return KEEP_SECONDS
    if answer.problem is FetchProblem.PAUSED:
        return answer.retry_after or 0.0
    return KEEP_UNREACHABLE_SECONDS
