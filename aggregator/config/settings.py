"""What feeds.yaml may say. The names are a contract: additions are welcome, changes are not."""

from __future__ import annotations

import re
from datetime import timedelta
from email.errors import HeaderParseError
from email.headerregistry import Address
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cssselect import HTMLTranslator, SelectorError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from aggregator.config.units import Duration, Size
from aggregator.headers import check_name, is_value

_LANGUAGE = re.compile(r"[a-z]{2,3}")
_DOMAIN = re.compile(r"(?=.{1,253}$)([\w-]{1,63}\.)+[\w-]{2,63}")
_MAIL = re.compile(r"(?:[^<>@,;\x00-\x1f\x7f]*<)?([^@\s<>,;]+@[^@\s<>,;]+)>?")
_SCHEDULER = re.compile(r"(tcp|tls)://[^\s/]+:\d{1,5}")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
DigestFormat = Literal["html", "md", "json", "text", "atom"]


def _web_address(url: str) -> str:
    url = url.strip()
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is not a web address; it must begin with http:// or https://")
    if parts.username is not None:
        raise ValueError("the address holds a user name; write it as auth: {username: ..., password: ...}")
    return url  # as given: geturl() would drop an empty query (C03)


def _language(code: str) -> str:
    if not _LANGUAGE.fullmatch(code):
        raise ValueError(f"{code!r} is not a language code; write for example en, de or fr")
    return code


def _domain(name: str) -> str:
    name = name.strip().lower().removeprefix("www.")
    if not _DOMAIN.fullmatch(name):
        raise ValueError(f"{name!r} is not a domain; write for example wsj.com")
    return name


def _listening(address: str) -> str:
    host, colon, port = address.rpartition(":")
    if not colon or not host or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError(f"{address!r} is not an address to listen at; write for example 127.0.0.1:8090")
    return address


def _selector(text: str) -> str:
    """Check a CSS selector, for parts of pages that are to be left out."""
    try:
        HTMLTranslator().css_to_xpath(text)
    except SelectorError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{text!r} is not a CSS selector ({reason}); write for example .ad") from error
    return text


def _header_value(value: SecretStr) -> SecretStr:
    if not is_value(value.get_secret_value().encode("utf-8", "replace")):
        raise ValueError("the value is empty, has control characters, or blanks at an end")
    return value


HeaderName = Annotated[str, AfterValidator(check_name)]
HeaderValue = Annotated[SecretStr, AfterValidator(_header_value)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
Language = Annotated[str, AfterValidator(_language)]
Domain = Annotated[str, AfterValidator(_domain)]
Interval = Annotated[Duration, Field(ge=timedelta(minutes=1), le=timedelta(days=31))]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Defaults(_Section):
    """What holds for every feed that does not say otherwise."""

    interval: Interval = timedelta(hours=1)
    full_text: bool = True
    language: Language | None = None
    tags: tuple[str, ...] = ()


class Network(_Section):
    """How the network is used, and how little of it."""

    user_agent: Annotated[str, Field(min_length=1, pattern=r"^[\x20-\x7e]+$")] = (
        "aggregator/1.0 (+https://example.org/contact)"
    )
    proxy: SecretStr | None = None
    allow_private: tuple[str, ...] = ()
    timeout: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(minutes=10))] = timedelta(seconds=20)
    max_feed_size: Annotated[Size, Field(ge=1000)] = 15_000_000
    max_page_size: Annotated[Size, Field(ge=1000)] = 10_000_000
    concurrency: Annotated[int, Field(ge=1, le=1000)] = 64
    per_host: Annotated[int, Field(ge=1, le=16)] = 2
    obey_robots: bool = True

    @field_validator("proxy")
    @classmethod
    def _known_scheme(cls, proxy: SecretStr | None) -> SecretStr | None:
        if proxy and urlsplit(proxy.get_secret_value()).scheme not in ("http", "https", "socks5", "socks5h"):
            raise ValueError("a proxy begins with http://, https:// or socks5://")
        return proxy


class Cluster(_Section):
    """How articles are grouped."""

    window: Annotated[Duration, Field(ge=timedelta(hours=1), le=timedelta(days=31))] = timedelta(hours=72)
    encoder: str = "use-m3"

    @field_validator("encoder")
    @classmethod
    def _installed(cls, name: str) -> str:
        """Refuse at once what would fail in a worker; others than the default plug in by entry points."""
        found = {point.name: point for point in entry_points(group="aggregator.encoders")}
        if name != "use-m3" and name not in found:
            raise ValueError(f"no encoder {name!r} is installed; there are {', '.join(['use-m3', *found])}")
        try:
            if name in found:
                found[name].load()
        except ImportError as error:
            raise ValueError(str(error)) from error
        return name


class Compute(_Section):
    """Where pages are read and texts compared: in worker processes, in this process, or on a Dask cluster."""

    kind: Literal["processes", "inline", "dask"] = "processes"
    workers: Literal["auto"] | int = "auto"  # on this machine
    scheduler: str | None = None  # of Dask
    when_away: Literal["local", "wait"] = "local"  # what is done while the cluster cannot be had

    @field_validator("workers", mode="before")
    @classmethod
    def _auto_or_count(cls, workers: object) -> object:
        if workers == "auto" or (type(workers) is int and 1 <= workers <= 256):
            return workers
        raise ValueError(f"{workers!r} is not a number of workers; write auto, or 1 to 256")

    @field_validator("scheduler")
    @classmethod
    def _scheduler_address(cls, address: str | None) -> str | None:
        if address is None or _SCHEDULER.fullmatch(address):
            return address
        raise ValueError(f"{address!r} is not a scheduler's address; write for example tcp://host:8786")

    @model_validator(mode="after")
    def _scheduler_for_dask(self) -> Compute:
        if (self.kind == "dask") != (self.scheduler is not None):
            raise ValueError("kind: dask and scheduler: tcp://host:8786 belong together")
        if self.kind == "dask" and find_spec("distributed") is None:
            raise ValueError("kind: dask needs the extra; install it by: pip install 'aggregator[dask]'")
        return self


def _mail_address(text: str) -> str:
    """Check an address as it is written or as ``Me <me@example.org>``; mail is for ASCII addresses only."""
    found = _MAIL.fullmatch(text)
    try:
        if not found or ("<" in text) != (">" in text) or not found[1].isascii():
            raise ValueError
        Address(addr_spec=found[1])
    except (ValueError, HeaderParseError) as error:
        raise ValueError(f"{text!r} is not an e-mail address; write for example me@example.org") from error
    return text


MailAddress = Annotated[str, AfterValidator(_mail_address)]


class Mail(_Section):
    """Where the daily digest is sent, and how."""

    to: Annotated[tuple[MailAddress, ...], Field(min_length=1)]
    sender: MailAddress
    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: SecretStr | None = None

    @model_validator(mode="after")
    def _password_over_tls(self) -> Mail:
        if self.password is not None and self.security == "none":
            raise ValueError("a password is not sent without TLS: security must be starttls or tls")
        return self


class Digest(_Section):
    """The daily digest."""

    at: str = "07:00"
    timezone: str = "UTC"
    formats: tuple[DigestFormat, ...] = ("html", "md")
    directory: Path = Path("data/digests")
    min_outlets: Annotated[int, Field(ge=1)] = 1
    limit: Annotated[int, Field(ge=1, le=1000)] = 30
    mail: Mail | None = None

    @field_validator("at")
    @classmethod
    def _time_of_day(cls, at: str) -> str:
        if not _CLOCK.fullmatch(at):
            raise ValueError(f"{at!r} is not a time of day; write for example 07:00")
        return at

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{name!r} is not a time zone; write for example Europe/Berlin") from error
        return name


class Retention(_Section):
    """How long things are kept; null keeps them for ever."""

    articles: Duration | None = None
    polls: Duration | None = timedelta(days=30)


class OutletEntry(_Section):
    """A correction of, or an addition to, the built-in list of outlets."""

    domain: Domain
    name: str
    family: str | None = None
    kind: str | None = None
    aliases: tuple[str, ...] = ()


class Login(_Section):
    """HTTP basic authentication for one feed."""

    username: str
    password: SecretStr


class Feed(_Section):
    """A subscription. A bare URL is enough."""

    url: WebAddress
    outlet: Domain | None = None
    tags: tuple[str, ...] = ()
    language: Language | None = None
    interval: Interval | None = None
    full_text: bool | None = None
    user_agent: Annotated[str, Field(pattern=r"^[\x20-\x7e]+$")] | None = None
    headers: dict[HeaderName, HeaderValue] = {}
    auth: Login | None = None
    strip: tuple[Annotated[str, AfterValidator(_selector)], ...] = ()


class WebSub(_Section):
    """Where hubs reach us, and where we listen for them (behind a proxy). Without it nothing listens."""

    callback: WebAddress
    listen: Annotated[str, AfterValidator(_listening)] = "127.0.0.1:8090"

    @field_validator("callback")
    @classmethod
    def _bare(cls, callback: str) -> str:
        if "?" in callback or "#" in callback:
            raise ValueError("the callback is completed with a path of our own: it ends without ? and #")
        return callback.rstrip("/")


class Config(_Section):
    """A whole feeds.yaml. Paths are resolved against the folder of the file."""

    database: Path = Path("data/aggregator.db")
    defaults: Defaults = Defaults()
    network: Network = Network()
    cluster: Cluster = Cluster()
    compute: Compute = Compute()
    digest: Digest = Digest()
    retention: Retention = Retention()
    websub: WebSub | None = None
    metrics: Annotated[str, AfterValidator(_listening)] | None = None
    outlets: tuple[OutletEntry, ...] = ()
    feeds: tuple[Feed, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _bare_urls(cls, data: object) -> object:
        if isinstance(data, dict) and isinstance(data.get("feeds"), list):
            return data | {"feeds": [{"url": f} if isinstance(f, str) else f for f in data["feeds"]]}
        return data

    def interval_of(self, feed: Feed) -> timedelta:
        """Return how often a feed is asked at most."""
        return feed.interval or self.defaults.interval
