"""The HTTP client: polite, bounded, and closed to everything that is not the public web.

It sends httpx requests through a transport of its own, without ``httpx.AsyncClient`` around it: that one
parses Location headers even when told not to follow them (and raises), keeps a cookie jar, logs whole URLs,
rewrites paths, and decodes without a limit. All of these would have to be undone here.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

import httpcore
import httpx

from aggregator.model import Fetched, FetchFailure, FetchProblem, Hop, Validators
from aggregator.web.answering import Answer, read_answer
from aggregator.web.asking import Ask, UnsendableHeaderError, build_headers, encode_headers, sendable
from aggregator.web.connect import GuardedBackend, Resolver, SystemResolver
from aggregator.web.failures import TooManyRedirectsError, explain
from aggregator.web.guard import AddressGuard
from aggregator.web.hosts import HostPausedError, Hosts, retry_after
from aggregator.web.robots import MAX_BYTES, MAX_REDIRECTS, RobotsCache
from aggregator.web.routes import Routes
from aggregator.web.settings import ClientSettings
from aggregator.web.transport import GuardedTransport
from aggregator.web.urls import Target, UnusableURLError, as_text, follow, masked, origin_url, parse

_DEFAULT_PAUSE = 60.0  # seconds, after a 429 that does not say how long (B12)


@dataclass(slots=True)
class _Journey:
    """A request on its way through redirects."""

    ask: Ask
    target: Target
    hops: list[Hop] = field(default_factory=list)
    seconds: float = 0.0

    def redirect(self, answer: Answer) -> None:
        location = answer.header("location") or b""
        self.hops.append(Hop(self.target.url, answer.status, masked(as_text(location))))
        self.target = follow(self.target, location)
        if self.ask.form is not None and self.target.scheme != self.ask.first.scheme == "https":
            raise UnusableURLError("The redirect would send the form on without TLS.")
        if any(hop.url == self.target.url for hop in self.hops):
            raise TooManyRedirectsError(f"{self.target.host} redirects in a circle.")
        if len(self.hops) > self.ask.max_redirects:
            raise TooManyRedirectsError(f"There are more than {self.ask.max_redirects} redirects.")

    def arrived(self, answer: Answer) -> Fetched:
        return Fetched(
            self.target.url, answer.status, answer.headers, answer.body, tuple(self.hops), self.seconds
        )

    def failed(self, problem: FetchProblem, detail: str, wait: float | None = None) -> FetchFailure:
        return FetchFailure(self.target.url, problem, detail, tuple(self.hops), self.seconds, wait)


class WebClient:
    """Gets what is on the public web. One per process; an async context manager.

    Args:
        settings: What it may do.
        resolver: Names to addresses; the operating system's by default.
        ssl_context: Whom to trust; certifi's list, or SSL_CERT_FILE's, by default.
        clock: Monotonic seconds, for spacing, pauses and durations.
        sleep: How to wait for a turn.
        now: The time of day in UTC, for Retry-After dates.

    Raises:
        ValueError: if the proxy's URL or the user agent cannot be used.
    """

    def __init__(
        self,
        settings: ClientSettings,
        *,
        resolver: Resolver | None = None,
        ssl_context: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._user_agent = sendable("User-Agent", settings.user_agent)
        self._clock, self._now = clock, now
        self._system_resolver = SystemResolver()
        self._guard = AddressGuard(settings.allow_private, settings.ports)
        self._routes = Routes(settings)
        context = ssl_context or httpx.create_ssl_context(trust_env=settings.trust_env)
        backend = GuardedBackend(self._guard, resolver or self._system_resolver)
        self._transport = GuardedTransport(context, backend, self._routes.proxies(), settings.per_host)
        self.hosts = Hosts(
            concurrency=settings.concurrency,
            per_host=settings.per_host,
            delay=settings.host_delay,
            clock=clock,
            sleep=sleep,
        )
        self._robots = RobotsCache(self._get_robots, settings.product_token, clock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.aclose()
        self._system_resolver.close()

    async def get(
        self,
        url: str,
        *,
        max_bytes: int,
        accept: str,
        validators: Validators | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        deadline: float | None = None,
        robots: bool = False,
        truncate: bool = False,
        spaced: bool = True,
        max_redirects: int | None = None,
    ) -> Fetched | FetchFailure:
        """Get a URL; whatever a server or a URL can do wrong comes back as a FetchFailure.

        Redirects are followed, from https to http too: ``hops`` tell, and secrets do not come along. All URLs
        in the result are without credentials and fragment. A 429, or a 503 with Retry-After, pauses the whole
        host.

        Args:
            url: http or https; user name and password in it go to its own origin only.
            max_bytes: Limit for the body, as received and as decoded.
            accept: The Accept header.
            validators: Sent byte for byte, if this very URL, or one redirected to, issued them.
            headers: Sent to the origin of ``url`` only, in place of ours where they have the same name.
            auth: User name and password for the origin of ``url``, instead of those in the URL.
            deadline: Seconds for the whole exchange, instead of the settings'.
            robots: Whether robots.txt is asked at every hop (for pages; a feed was given to us by a person).
            truncate: Whether a larger body is cut off at the limit instead of being refused.
            spaced: Whether the delay between two requests to a host applies.
            max_redirects: Instead of the settings'.
        """
        try:
            first = parse(url)
            ask = Ask(
                first=first,
                user_agent=self._user_agent,
                accept=sendable("Accept", accept),
                max_bytes=max_bytes,
                max_redirects=self._settings.max_redirects if max_redirects is None else max_redirects,
                deadline=self._settings.deadline if deadline is None else deadline,
                validators=validators,
                headers=encode_headers(headers or {}),
                auth=auth or first.auth,
                robots=robots and self._settings.obey_robots,
                truncate=truncate,
                spaced=spaced,
            )
        except (UnusableURLError, UnsendableHeaderError) as error:
            return FetchFailure(masked(url), *explain(error, ""))
        return await self._send(ask)

    async def post_form(
        self, url: str, fields: Mapping[str, str], *, max_bytes: int
    ) -> Fetched | FetchFailure:
        """Post a form (UTF-8) under the same guard, limits and politeness as ``get``.

        Only 307 and 308 are followed, with the same form: after the others a client may change to GET (RFC
        9110, 15.4), which is not what was to be said. The body of the answer is cut off at ``max_bytes``.
        """
        try:
            ask = Ask(
                first=parse(url),
                user_agent=self._user_agent,
                accept=b"*/*",
                max_bytes=max_bytes,
                max_redirects=self._settings.max_redirects,
                deadline=self._settings.deadline,
                form=urlencode(fields).encode("ascii"),
                truncate=True,
            )
        except UnusableURLError as error:
            return FetchFailure(masked(url), *explain(error, ""))
        return await self._send(ask)

    async def _send(self, ask: Ask) -> Fetched | FetchFailure:
        journey = _Journey(ask, ask.first)
        try:
            return await self._travel(journey)
        except Exception as error:  # the boundary: explain() logs what it does not know
            problem, detail = explain(error, journey.target.host)
            return journey.failed(
                problem, detail, error.seconds if isinstance(error, HostPausedError) else None
            )

    async def _travel(self, journey: _Journey) -> Fetched | FetchFailure:
        while True:
            self._vet(journey.target)
            if journey.ask.robots:
                refusal = await self._robots.refusal(journey.target)
                if refusal is not None:
                    return journey.failed(refusal.problem, refusal.detail, refusal.retry_after)
            answer = await self._in_turn(journey)
            if not answer.redirects or (journey.ask.form is not None and answer.status not in (307, 308)):
                return journey.arrived(answer)
            journey.redirect(answer)

    def _vet(self, target: Target) -> None:
        vet = self._guard.vet_proxied if self._routes.proxy_for(target) else self._guard.vet_literal
        vet(target.host, target.port)

    async def _in_turn(self, journey: _Journey) -> Answer:
        host = journey.target.host.rstrip(".")
        proxy = self._routes.proxy_for(journey.target)
        async with (
            self.hosts.turn(host, spaced=journey.ask.spaced and not journey.hops),
            self._transport.turn(proxy),
        ):
            started = self._clock()
            try:
                async with asyncio.timeout(journey.ask.deadline - journey.seconds):
                    answer = await self._exchange(journey.ask, journey.target, proxy)
            except (TimeoutError, httpcore.TimeoutException):
                self.hosts.fell_silent(host)
                raise
            finally:
                journey.seconds += self._clock() - started
        self.hosts.answered(host)
        self._heed_pause(host, answer)
        return answer

    def _heed_pause(self, host: str, answer: Answer) -> None:
        if answer.status not in (429, 503):
            return
        seconds = retry_after(answer.header("retry-after") or b"", self._now())
        if seconds is None and answer.status == 429:
            seconds = _DEFAULT_PAUSE
        self.hosts.pause(host, seconds or 0.0)

    async def _exchange(self, ask: Ask, target: Target, proxy: str | None) -> Answer:
        seconds = self._settings.timeout
        request = httpx.Request(
            "GET" if ask.form is None else "POST",
            origin_url(target),
            headers=build_headers(ask, target),
            content=ask.form,
            extensions={
                "timeout": {"connect": seconds, "read": seconds, "write": seconds},
                "target": target.path,
                "proxy": proxy,
            },
        )
        response = await self._transport.handle_async_request(request)
        try:
            return await read_answer(response, ask.max_bytes, truncate=ask.truncate)
        finally:
            await response.aclose()

    async def _get_robots(self, url: str) -> Fetched | FetchFailure:
        return await self.get(
            url,
            max_bytes=MAX_BYTES,
            accept="text/plain, */*;q=0.1",
            truncate=True,
            spaced=False,  # the page that it is asked for comes next, and waits its turn
            max_redirects=MAX_REDIRECTS,
        )
