"""``make run``: the main job with feeds.yaml; where the internet cannot be reached, the demo."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from aggregator.config import Config, load_config
from aggregator.model import Fetched
from aggregator.pipeline.services import client_settings
from aggregator.web import WebClient

PROBES = 3
PROBE_SECONDS = 8.0


async def reachable(config: Config) -> bool:
    """Say whether any of the first few feeds' hosts answers at all."""
    async with WebClient(client_settings(config)) as web:
        answers = await asyncio.gather(
            *(
                web.get(feed.url, max_bytes=5_000_000, accept="*/*", deadline=PROBE_SECONDS)
                for feed in config.feeds[:PROBES]
            )
        )
    return any(isinstance(answer, Fetched) for answer in answers)


def aggregator(*arguments: str) -> int:
    """Run a command of the program as a person would."""
    return subprocess.run([sys.executable, "-m", "aggregator", *arguments], check=False).returncode


def main() -> int:
    """Poll and print the digest, or run the demo."""
    if code := aggregator("--quiet", "check"):
        return code
    config = load_config(Path("feeds.yaml"))
    if not asyncio.run(reachable(config)):
        print("No feed of feeds.yaml can be reached from here: running the demo instead.", file=sys.stderr)
        return aggregator("demo", "--directory", str(config.database.parent))
    failed = aggregator("poll")
    if failed > 1:
        return failed
    aggregator("digest", "--limit", "10")
    print(f"\nThe database is {config.database}; `aggregator run` keeps it up to date.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
