"""The command line. Commands are thin: they read arguments, call the pipeline or the store, and print."""

from aggregator.cli import archive, checking, deciding, operating, reading, service, subscriptions
from aggregator.cli.app import main

__all__ = ["archive", "checking", "deciding", "main", "operating", "reading", "service", "subscriptions"]
