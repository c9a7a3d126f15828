"""The service: the cycle on a schedule, supervised so that it can be left alone."""

from aggregator.daemon.metrics import AddressError
from aggregator.daemon.supervise import serve

__all__ = ["AddressError", "serve"]
