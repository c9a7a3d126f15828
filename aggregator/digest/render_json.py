"""A digest as JSON. The models below are its schema, which ``json_schema`` writes down for others to rely on.

Within ``aggregator.digest/1`` fields are only added.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from .model import Digest, Role

Time = Annotated[
    datetime,
    PlainSerializer(lambda at: at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), return_type=str),
    Field(description="UTC, to the second: 2026-01-02T03:04:05Z"),
]
Seconds = Annotated[
    timedelta,
    PlainSerializer(lambda lag: round(lag.total_seconds()), return_type=int),
    Field(description="seconds"),
]
Language = Annotated[str | None, Field(description="ISO 639-1; null where it is not known")]


class _Document(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)


class WindowDocument(_Document):
    """From since up to, not including, until."""

    since: Time
    until: Time
    as_of: Time | None = Field(description="the digest says what was known then; null: now")


class QueryDocument(_Document):
    """What was asked for."""

    window: WindowDocument
    timezone: str = Field(description="IANA name; the other formats show times in it")
    lang: Language
    tag: str | None
    outlet: str | None = Field(description="domain")
    words: str | None
    min_outlets: int
    limit: int | None = Field(description="null: no limit")


class CountsDocument(_Document):
    """What came in during the window, before any filter."""

    entries: int
    articles: int
    reports: int
    by_hour: list[tuple[Time, int]] = Field(
        description="start of the hour, articles; empty hours may be left out"
    )
    by_language: list[tuple[Language, int]] = Field(description="language, articles")


class FirstDocument(_Document):
    """Who reported it first."""

    name: str
    known: bool = Field(description="false: only the earliest article among the feeds")
    at: Time | None = Field(description="null where the origin's own article did not come in")
    url: str | None
    cited_by: int = Field(description="other outlets of the cluster that cite it")
    others: int = Field(description="other outlets of the cluster")


class ExtractDocument(_Document):
    """Two or three sentences of one of the articles."""

    text: str
    lang: Language
    article_id: int
    outlet_name: str


class AccountDocument(_Document):
    """One article of a cluster."""

    article_id: int
    role: Role
    outlet: str = Field(description="domain")
    outlet_name: str
    lang: Language
    title: str
    url: str | None = Field(description="http or https; null where the address is anything else")
    published_at: Time
    lag: Seconds = Field(description="seconds behind the first article of the cluster")
    copied_from: str | None = Field(
        description="name of the outlet whose text it is, where that is in the cluster"
    )
    cites: list[str] = Field(description="whom it names as its source, as written")
    revisions: int = Field(description="how often its title was changed")
    former_title: str | None


class PartDocument(_Document):
    """What one part contributes to a rank."""

    name: str
    value: float
    weight: float
    points: float = Field(description="100 * weight * value")
    detail: str


class ReportDocument(_Document):
    """One cluster: the articles that tell the same report."""

    rank: int
    cluster_id: int = Field(description="stable: an id that was merged away is found in cluster_redirects")
    headline: str
    headline_lang: Language
    first_published_at: Time
    last_published_at: Time
    updated_at: Time = Field(description="when an article came in, or was corrected, last")
    article_count: int
    outlet_count: int
    independent_count: int
    languages: list[str]
    tags: list[str]
    first: FirstDocument
    extract: ExtractDocument | None
    accounts: list[AccountDocument] = Field(description="by time")
    score: float = Field(description="0..100: the sum of the parts' points")
    parts: list[PartDocument]


class DigestDocument(_Document):
    """A digest: the reports of a window, ranked."""

    version: Literal["aggregator.digest/1"] = Field("aggregator.digest/1", serialization_alias="schema")
    query: QueryDocument
    counts: CountsDocument
    matching: int = Field(description="reports that passed the filters; the first of them are given")
    reports: list[ReportDocument] = Field(validation_alias="sections")


def render_json(digest: Digest) -> str:
    """Return the digest as a document of ``json_schema``, indented, ending with a newline."""
    return DigestDocument.model_validate(digest).model_dump_json(indent=2, by_alias=True) + "\n"


def json_schema() -> str:
    """Return the JSON Schema (2020-12) of what ``render_json`` writes: ``docs/digest.schema.json``."""
    schema = DigestDocument.model_json_schema(mode="serialization")
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(dialect | schema, indent=2, ensure_ascii=False) + "\n"
