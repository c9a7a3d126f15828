"""How near an article's nearest neighbour in each language is: what a translation twin has to beat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]

_ROWS = 500  # of the similarity matrix at a time, to bound memory


class Nearest:
    """Cosines of the nearest leads, computed for those articles that are asked for.

    Of 12,000 articles in a window, a batch of 1,000 new ones asks for a fifth.

    Args:
        leads: unit vectors, one row per article, in order of time.
        languages: the code of each article's language.
        hours: when each was published.
        span_hours: how far around an article its neighbours are sought.
    """

    def __init__(self, leads: Vectors, languages: Ints, hours: Floats, span_hours: float) -> None:
        self._leads, self._hours, self._span = leads, hours, span_hours
        self._by_language = [
            np.flatnonzero(languages == code) for code in range(languages.max(initial=-1) + 1)
        ]
        self._known = np.zeros(len(leads), bool)
        self._cosines = np.full((len(leads), len(self._by_language)), -1.0)

    def cosines(self, rows: Ints, languages: Ints) -> Floats:
        """Return the cosine of the nearest lead in each row's given language, -1 where there is none."""
        asked = np.zeros(len(self._known), bool)
        asked[rows] = True
        missing = np.flatnonzero(asked & ~self._known)
        for start in range(0, len(missing), _ROWS):
            self._find(missing[start : start + _ROWS])
        return self._cosines[rows, languages]

    def _find(self, rows: Ints) -> None:
        hours = self._hours[rows]
        for code, columns in enumerate(self._by_language):
            first, last = np.searchsorted(
                self._hours[columns], [hours[0] - self._span, np.nextafter(hours[-1] + self._span, np.inf)]
            )
            around = columns[first:last]
            cosine = self._leads[rows] @ self._leads[around].T
            cosine[np.abs(hours[:, None] - self._hours[around][None]) > self._span] = -1
            cosine[rows[:, None] == around[None]] = -1
            self._cosines[rows, code] = cosine.max(1, initial=-1)
        self._known[rows] = True
