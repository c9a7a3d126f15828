"""Where CPU work is done: worker processes that can be killed, this process, or a Dask cluster.

The seam is ``concurrent.futures.Executor``: the same line runs inline in tests, on a pool here, and on any
engine that offers an executor.
"""

from aggregator.compute.call import Crash, call
from aggregator.compute.choose import make_executor
from aggregator.compute.local import Inline, WorkerPool

__all__ = ["Crash", "Inline", "WorkerPool", "call", "make_executor"]
