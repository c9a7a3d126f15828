"""What Datasette shows: a sentence for every table and column, facets, the cookbook's questions as forms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml
from cookbook import questions

if TYPE_CHECKING:
    from live_schema import Relation

_HEAD = """\
# For `make browse`. Generated (`make docs`) from the schema and docs/cookbook.md: edit those.
"""
_TABLES: dict[str, dict[str, object]] = {
    "about": {"hidden": True},
    "arrivals": {"sort": "place"},
    "article_moves": {"description": "Where articles stood before they were put into another cluster."},
    "article_revisions": {"description": "Earlier titles and texts of articles.", "sort_desc": "id"},
    "article_urls": {"description": "Every address under which an article was found."},
    "articles": {
        "description": "The pages behind the links: one row a page, with its text.",
        "facets": ["lang", "status", "outlet"],
        "label_column": "title",
        "sort_desc": "id",
    },
    "citations": {
        "description": "Articles that name another outlet as their source, with the sentence.",
        "facets": ["outlet", "rule"],
    },
    "cluster_constraints": {"description": "What people decided: together, or apart."},
    "cluster_links": {"description": "Why each article is in its cluster: the evidence."},
    "cluster_redirects": {"description": "Where numbers of clusters that are no longer in use lead."},
    "clusters": {
        "description": "Reports: the articles that tell the same thing are in one cluster.",
        "facets": ["origin_outlet"],
        "label_column": "title",
        "sort_desc": "last_published_at",
    },
    "cycles": {
        "description": "Each round of the service: what it polled, read and grouped.",
        "sort_desc": "id",
    },
    "deliveries": {"description": "What became of each digest: its files and its mails."},
    "entries": {
        "description": "What stands in the feeds: one row a feed's mention.",
        "facets": ["feed_id"],
        "label_column": "title",
        "sort_desc": "id",
    },
    "features": {"hidden": True},
    "feeds": {
        "description": "The subscriptions.",
        "facets": ["state", "language"],
        "facet_size": 10,
        "label_column": "title",
    },
    "host_pauses": {"hidden": True},
    "websub": {"hidden": True},
    "outlets": {
        "description": "The newsrooms behind feeds and articles.",
        "facets": ["kind", "family"],
        "label_column": "name",
    },
    "polls": {
        "description": "Each time a feed was asked.",
        "facets": ["outcome", "status"],
        "sort_desc": "id",
    },
    "coverage": {"facets": ["lang", "outlet_name", "status"], "sort_desc": "published_at"},
    "feed_health": {"facets": ["state"], "sort_desc": "failures"},
    "reports": {"facets": ["origin"], "sort_desc": "last_published_at"},
}


def datasette_yaml(schema: list[Relation]) -> str:
    """Return the file; raises KeyError for a table that nothing is said about."""
    metadata = {
        "title": "aggregator",
        "description": "News, grouped by report: who had it first, who cites whom, in which languages.",
        "databases": {
            "aggregator": {
                "description": "One row of the view reports is a report; coverage has its articles.",
                "tables": {r.name: _table(r) for r in schema if r.type != "index"},
                "queries": {
                    question.slug: {
                        "title": question.title,
                        "description": " ".join(question.prose.split()),
                        "sql": question.form,
                    }
                    for question in questions()
                },
            }
        },
    }
    return _HEAD + yaml.dump(metadata, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110)


def _table(relation: Relation) -> dict[str, object]:
    columns = {column.name: column.meaning for column in relation.columns}
    said = {"description": relation.sentence} if relation.sentence else {}
    return {**said, **_TABLES[relation.name], "columns": columns}


class _Dumper(yaml.SafeDumper):
    """Writes a text of several lines as such."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
