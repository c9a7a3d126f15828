"""Which outlets and agencies a text names as the source of what it reports."""

from __future__ import annotations

from aggregator.reports.citations.find import find_citations

__all__ = ["find_citations"]
