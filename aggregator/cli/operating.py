"""Commands that look after the database: backup, prune, doctor."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aggregator.cli import output
from aggregator.cli.app import FAILED, command
from aggregator.cli.session import Session, UsageError

if TYPE_CHECKING:
    from aggregator.store.doctor import Finding
    from aggregator.store.prune import Pruned
    from aggregator.web import WebClient

PROBES = 3
PROBE_SECONDS = 10.0


@command("backup", "aggregator backup backups/$(date +%F).db")
def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, help="Where the copy goes.")],
    force: Annotated[bool, typer.Option("--force", metavar="", help="Replace a file that is there.")] = False,
) -> None:
    """Copy the database into one file, checked.

    Safe while the service runs.
    """
    from aggregator.store.backup import back_up

    session: Session = context.obj
    try:
        counts = back_up(session.database, file, replace=force)
    except FileExistsError as error:
        hint = "" if force else "; --force replaces it"
        raise UsageError(f"{error}{hint}") from error
    except NotADirectoryError as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        raise UsageError(f"{file}: cannot be written: {error.strerror}") from error
    if session.as_json:
        output.print_json({"file": str(file), "bytes": file.stat().st_size, "rows": counts})
        return
    session.say(
        f"{file}: {output.size(file.stat().st_size)}, checked; {counts['articles']} articles,"
        f" {counts['entries']} entries, {counts['clusters']} clusters"
    )


@command("prune", "aggregator prune --dry-run", "aggregator prune")
def prune(
    context: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar="", help="Only say what would be removed.")
    ] = False,
) -> None:
    """Remove what is older than `retention` in feeds.yaml.

    The service does so daily by itself. A report goes as a whole, once its last article was first seen longer
    ago than that. What was removed does not come back at the next poll.
    """
    session: Session = context.obj
    pruned = _prune(session, dry_run=dry_run)
    if session.as_json:
        output.print_json(pruned.as_dict() | {"dry_run": dry_run})
        return
    counts = ", ".join(f"{count} {name}" for name, count in pruned.as_dict().items() if count)
    session.say(f"{'would remove' if dry_run else 'removed'}: {counts or 'nothing'}")


@command("doctor", "aggregator doctor", "aggregator doctor --network")
def doctor(
    context: typer.Context,
    network: Annotated[
        bool, typer.Option("--network", metavar="", help="Ask the first few feeds as well.")
    ] = False,
) -> None:
    """Examine the database and the installation.

    Changes nothing. Exit code 1 when something is wrong.
    """
    from aggregator.store.doctor import examine

    session: Session = context.obj
    findings = list(examine(session.database, session.clock()))
    if network:
        import asyncio

        session.start_log()
        findings += asyncio.run(_probe(session))
    failed = any(finding.state == "fail" for finding in findings)
    if session.as_json:
        output.print_json({"healthy": not failed, "checks": [asdict(finding) for finding in findings]})
    else:
        output.print_table(("check", "state", "detail"), [(f.check, f.state, f.detail) for f in findings])
    raise typer.Exit(FAILED if failed else 0)


def _prune(session: Session, *, dry_run: bool) -> Pruned:
    from aggregator.store.prune import Cutoffs, Pruned, count_prunable
    from aggregator.store.prune import prune as step
    from aggregator.store.writer import Writer

    retention = session.config.retention
    cutoffs = Cutoffs.at(session.clock(), retention.polls, retention.articles)
    if dry_run:
        with session.reader() as db:
            return count_prunable(db, cutoffs)
    if not session.database.exists():
        raise UsageError(f"{session.database}: there is no database yet")
    total = Pruned()
    with Writer(session.database) as writer:
        while (some := writer.write_now(step, cutoffs)).rows:
            total += some
    return total


async def _probe(session: Session) -> list[Finding]:
    """Ask the first few feeds, as the service would; the database is not told."""
    import asyncio

    from aggregator.pipeline.services import client_settings
    from aggregator.web import WebClient

    feeds = session.config.feeds[:PROBES]
    async with WebClient(client_settings(session.config)) as web:
        return list(await asyncio.gather(*(_ask(web, feed.url) for feed in feeds)))


async def _ask(web: WebClient, url: str) -> Finding:
    from aggregator.model import FetchFailure
    from aggregator.store.doctor import Finding
    from aggregator.web import masked

    answer = await web.get(url, max_bytes=15_000_000, accept="*/*", deadline=PROBE_SECONDS)
    if isinstance(answer, FetchFailure):
        return Finding("network", "fail", f"{masked(url)}: {answer.detail}")
    return Finding(
        "network", "ok" if answer.status < 400 else "warn", f"{masked(url)} answered {answer.status}"
    )
