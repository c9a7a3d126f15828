"""The command line. Commands are thin: they read arguments, call the pipeline or the store, and print."""

from aggregator.cli import (
    archive,
    deciding,
    explaining,
    feedlist,
    health,
    operating,
    reading,
    service,
    showing,
    subscriptions,
)
from aggregator.cli.app import call, main

__all__ = [
    "archive", "call", "deciding", "explaining", "feedlist", "health", "main", "operating", "reading",
    "service", "showing", "subscriptions",
]  # fmt: skip
