# SPDX-License-Identifier: Apache-2.0
"""Whether two samples differ by more than chance, and how sure a share is: the statistics behind `hil history`.

Ranks only, no mean and no assumption of a shape: stop times come in steps of the firmware's own polling, with many
ties. The exact distribution is cheap for samples of the size a history has, so no library the size of SciPy is needed;
tests/rig/test_significance.py holds the figures against SciPy's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

EXACT_UP_TO = 2_000  # product of the two sizes; above it the normal distribution is as good


@dataclass(frozen=True)
class MannWhitney:
    """A two-sided Mann-Whitney U test of `a` against `b`."""

    u: float  # of `a`: pairs in which a's value is the greater, ties count half
    p: float  # how often chance alone gives a U as far from the middle
    superiority: (
        float  # U over the number of pairs: the chance that a value of `a` exceeds one of `b`; 0.5 is no effect
    )


def mann_whitney(a: Sequence[float], b: Sequence[float]) -> MannWhitney:
    """Ties are taken into account. Raises ValueError for an empty sample."""
    if not a or not b:
        raise ValueError("a sample is empty")
    ranks = doubled_ranks([*a, *b])
    rank_sum = sum(ranks[: len(a)])
    u = (rank_sum - len(a) * (len(a) + 1)) / 2
    exact = len(a) * len(b) <= EXACT_UP_TO
    p = _exact_p(ranks, len(a), rank_sum) if exact else _normal_p(ranks, len(a), u)
    return MannWhitney(u, min(p, 1.0), u / (len(a) * len(b)))


def doubled_ranks(values: Sequence[float]) -> list[int]:
    """Twice the mid-rank of each value, which is a whole number also for ties."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0] * len(values)
    first = 0
    while first < len(order):
        last = first
        while last + 1 < len(order) and values[order[last + 1]] == values[order[first]]:
            last += 1
        for position in order[first : last + 1]:
            ranks[position] = first + last + 2
        first = last + 1
    return ranks


def _exact_p(ranks: Sequence[int], size: int, rank_sum: int) -> float:
    """Over all ways to choose `size` of the ranks: the share whose sum is at least as far from the middle."""
    ways: list[dict[int, int]] = [{0: 1}, *({} for _ in range(size))]
    for rank in ranks:
        for chosen in range(size, 0, -1):
            into = ways[chosen]
            for total, count in ways[chosen - 1].items():
                into[total + rank] = into.get(total + rank, 0) + count
    middle = size * (len(ranks) + 1)  # of the doubled sum
    distance = abs(rank_sum - middle)
    return sum(count for total, count in ways[size].items() if abs(total - middle) >= distance) / sum(
        ways[size].values()
    )


def _normal_p(ranks: Sequence[int], size: int, u: float) -> float:
    """With the correction for ties and for continuity."""
    n, other = len(ranks), len(ranks) - size
    ties = sum(count**3 - count for rank in set(ranks) for count in [ranks.count(rank)])
    variance = size * other / 12 * (n + 1 - ties / (n * (n - 1)))
    if variance <= 0:
        return 1.0
    z = max(abs(u - size * other / 2) - 0.5, 0.0) / math.sqrt(variance)
    return math.erfc(z / math.sqrt(2))


def false_discovery(p_values: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's q of each: of all with q ≤ 0.05, at most 5 % are expected to be chance.

    Many tests times some figures are compared at once, so that some small p come by chance.
    """
    count = len(p_values)
    q_values = [1.0] * count
    least = 1.0
    for rank, index in sorted(enumerate(sorted(range(count), key=p_values.__getitem__), 1), reverse=True):
        least = min(least, p_values[index] * count / rank)
        q_values[index] = least
    return q_values


def wilson_lower(hits: int, trials: int, z: float = 1.96) -> float:
    """The lower end of Wilson's 95 % interval for a share: 1 of 2 is less alarming than 50 of 100."""
    if trials == 0:
        return 0.0
    share = hits / trials
    centre = share + z * z / (2 * trials)
    spread = z * math.sqrt((share * (1 - share) + z * z / (4 * trials)) / trials)
    return max(0.0, (centre - spread) / (1 + z * z / trials))
