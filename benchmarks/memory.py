"""Memory of a process with its children: the proportional set size, which counts shared pages once."""

from __future__ import annotations

import time
from pathlib import Path

_PROC = Path("/proc")


def peak_pss(pid: int, beat: float = 0.5) -> float:
    """Watch a process until it ends; returns the most that it and its descendants held, in MB.

    Where there is no /proc (macOS), 0.
    """
    peak = 0.0
    while (_PROC / str(pid)).exists():
        peak = max(peak, sum(map(_pss, _family(pid))))
        if _ended(pid):
            break
        time.sleep(beat)
    return peak


def _family(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        try:
            tasks = list((_PROC / str(one) / "task").iterdir())
            found += [int(child) for task in tasks for child in (task / "children").read_text().split()]
        except OSError:  # it ended meanwhile
            continue
    return found


def _pss(pid: int) -> float:
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000


def _ended(pid: int) -> bool:
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
