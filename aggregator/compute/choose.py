"""The executor that feeds.yaml asks for."""

from __future__ import annotations

from concurrent.futures import Executor

from aggregator.compute.local import Inline, processes


def make_executor(
    kind: str, workers: int | str = "auto", scheduler: str | None = None, when_away: str = "local"
) -> Executor:
    """Return the executor of ``compute:`` in feeds.yaml.

    Args:
        kind: ``processes``, ``inline`` or ``dask``.
        workers: Processes on this machine, or ``auto``: one a core.
        scheduler: Where the Dask cluster is, for example ``tcp://host:8786``.
        when_away: What is done while the cluster cannot be had: compute here (``local``) or ``wait``.
    """
    if kind == "inline":
        return Inline()
    if kind == "dask" and scheduler:
        from aggregator.compute.dask import DaskPool  # the extra need not be installed

        return DaskPool(scheduler, lambda: processes(workers), waits=when_away == "wait")
    return processes(workers)
