"""Which hashes two articles share: the innermost loop of clustering."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Codes = NDArray[np.uint64]

_SLOTS = 4  # of the filter for each code: one in four to eight that are not there gets past it
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing: Knuth, The Art of Computer Programming 3, 6.4
_LOW = np.uint64(0xFFFFFFFF)
_HIGH = np.uint64(32)


@dataclass(frozen=True, slots=True)
class Lookup:
    """The hashes of many articles, to be asked for by article and hash.

    Nine of ten hashes of one article are not in the other. A filter (a Bloom filter with one hash function)
    says so for a fraction of what a binary search takes.
    """

    codes: Codes  # owner << 32 | hash, sorted
    starts: Ints  # codes[starts[i] : starts[i + 1]] are article i's
    seen: NDArray[np.bool_]

    @classmethod
    def of(cls, codes: Codes, starts: Ints) -> Lookup:
        """Make ready sorted codes."""
        bits = max(len(codes) * _SLOTS, 2).bit_length()
        seen = np.zeros(1 << bits, bool)
        seen[_slots(codes, bits)] = True
        return cls(codes, starts, seen)

    def hashes_at(self, places: Ints) -> Codes:
        """Return the hashes alone that stand at these places of ``codes``."""
        return self.codes[places] & _LOW

    def meet(self, left: Ints, right: Ints) -> tuple[Ints, Ints, Ints]:
        """Return (pair, place in left, place in right) of every hash that both articles of a pair have.

        Pair k is (left[k], right[k]); places are those of ``codes``.
        """
        counts = self.starts[left + 1] - self.starts[left]
        pair = np.repeat(np.arange(len(left)), counts)
        here = np.arange(len(pair)) + np.repeat(self.starts[left] - (np.cumsum(counts) - counts), counts)
        owners = right.astype(np.uint64) << _HIGH
        wanted = np.repeat(owners, counts) | self.hashes_at(here)
        likely = np.flatnonzero(self.seen[_slots(wanted, len(self.seen).bit_length() - 1)])
        pair, here, wanted = pair[likely], here[likely], wanted[likely]
        there = np.searchsorted(self.codes, wanted)
        hit = np.append(self.codes, ~np.uint64(0))[there] == wanted
        return pair[hit], here[hit], there[hit]

    def count_up_to(self, owners: Ints, bounds: Codes) -> Ints:
        """Return how many hashes of each article are at most its bound."""
        ends = np.searchsorted(self.codes, owners.astype(np.uint64) << _HIGH | bounds, "right")
        count: Ints = ends - self.starts[owners]
        return count


def _slots(codes: Codes, bits: int) -> Codes:
    return (codes * _SPREAD) >> np.uint64(64 - bits)
