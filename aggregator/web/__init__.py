"""The HTTP client: conditional GET, limits, politeness, address guard, robots.txt."""

from aggregator.web.client import WebClient
from aggregator.web.connect import Resolver
from aggregator.web.guard import is_public
from aggregator.web.hosts import Hosts
from aggregator.web.robots import RobotRules
from aggregator.web.settings import WEB_PORTS, ClientSettings
from aggregator.web.urls import masked

__all__ = [
    "WEB_PORTS",
    "ClientSettings",
    "Hosts",
    "Resolver",
    "RobotRules",
    "WebClient",
    "is_public",
    "masked",
]
