"""The service: the cycle on a schedule, supervised so that it can be left alone."""

from aggregator.daemon.supervise import serve

__all__ = ["serve"]
