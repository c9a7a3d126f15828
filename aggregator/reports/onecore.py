"""Arithmetic on one core: where two are busy, numpy's two threads wait for each other.

With ten processes on two cores, 10 s in place of 0.2 s were seen for one window.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

P = ParamSpec("P")
R = TypeVar("R")


def one_core(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function use one thread for linear algebra, whatever the environment says."""

    @wraps(function)
    def limited(*args: P.args, **kwargs: P.kwargs) -> R:
        with threadpool_limits(limits=1, user_api="blas"):
            return function(*args, **kwargs)

    return limited
