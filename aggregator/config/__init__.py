"""feeds.yaml: what it may say, reading it, and editing it without losing a comment."""

from aggregator.config.document import Problem
from aggregator.config.edit import EditError, add_feeds, remove_feed
from aggregator.config.load import ConfigError, feed_key, load_config, parse_config
from aggregator.config.settings import Config, Feed, OutletEntry
from aggregator.config.settings import Digest as DigestSettings
from aggregator.config.settings import Mail as MailSettings
from aggregator.config.settings import WebSub as WebSubSettings

__all__ = [
    "Config",
    "ConfigError",
    "DigestSettings",
    "EditError",
    "Feed",
    "MailSettings",
    "OutletEntry",
    "Problem",
    "WebSubSettings",
    "add_feeds",
    "feed_key",
    "load_config",
    "parse_config",
    "remove_feed",
]
