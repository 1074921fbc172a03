# SPDX-License-Identifier: Apache-2.0
"""The statistics of `hil history` against figures that SciPy 1.17.1 gave for the same samples."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_hil.results import significance
from pytest_hil.results.significance import false_discovery, mann_whitney, wilson_lower

# Samples, U, p. Without ties from mannwhitneyu(method="exact"); with ties over all permutations of rankdata.
EXACT = [
    ([1.1, 2.2, 3.3, 4.4, 5.5], [6.1, 7.2, 8.3, 9.4, 10.5, 11.6], 0, 0.004329004329004329),
    ([3, 1, 2], [2, 3, 4, 5], 2, 0.22857142857142856),
    ([108, 108, 128, 108, 104], [128, 128, 131, 127, 129, 128, 108, 140], 5, 0.027972027972027972),
    ([341, 352, 338, 347, 350], list(range(104, 134)), 150, 6.160822100101037e-06),
]
LARGE_A = [
    100,
    103,
    98,
    92,
    96,
    91,
    101,
    112,
    96,
    94,
    104,
    103,
    101,
    92,
    100,
    106,
    88,
    96,
    83,
    88,
    83,
    98,
    89,
    102,
    101,
]
LARGE_A += [98, 77, 95, 100, 101, 86, 96, 91, 93, 110, 93, 100, 108, 95, 99, 101, 101, 89, 101, 112, 86, 108, 101, 94]
LARGE_A += [118, 107, 89, 101, 105, 98, 106, 99, 106, 113, 94]
LARGE_B = [106, 100, 105, 93, 99, 102, 112, 114, 92, 97, 110, 86, 100, 103, 115, 110, 101, 101, 102, 118, 100, 101, 107]
LARGE_B += [103, 102, 94, 104, 100, 114, 110, 104, 110, 101, 113, 104, 109, 92, 107, 89, 86, 101, 96, 105, 124, 97, 98]
LARGE_B += [106, 108, 102, 102]


@pytest.mark.parametrize(("a", "b", "u", "p"), EXACT)
def test_small_samples_are_exact(a: list[float], b: list[float], u: float, p: float) -> None:
    found = mann_whitney(a, b)
    assert (found.u, found.superiority) == (u, u / len(a) / len(b))
    assert found.p == pytest.approx(p, rel=1e-9)


def test_large_samples_follow_the_normal_distribution() -> None:
    found = mann_whitney(LARGE_A, LARGE_B)
    assert found.u == 962.5
    assert found.p == pytest.approx(0.0012420361632377635, rel=1e-9)


def test_where_the_two_ways_meet_they_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = LARGE_A[:30], LARGE_B[:30]
    exact = mann_whitney(a, b).p
    monkeypatch.setattr(significance, "EXACT_UP_TO", 0)
    assert mann_whitney(a, b).p == pytest.approx(exact, abs=0.001)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=8), st.lists(st.integers(0, 9), min_size=1, max_size=12))
def test_both_directions_are_one_test(a: list[int], b: list[int]) -> None:
    one, other = mann_whitney(a, b), mann_whitney(b, a)
    assert one.u + other.u == len(a) * len(b)
    assert one.p == pytest.approx(other.p)
    assert 0 < one.p <= 1


def test_equal_values_are_no_difference() -> None:
    assert mann_whitney([5] * 5, [5] * 9).p == 1
    assert mann_whitney([5] * 60, [5] * 60).p == 1
    with pytest.raises(ValueError, match="empty"):
        mann_whitney([], [1])


def test_false_discovery_rate() -> None:
    p_values = [0.205, 0.001, 0.042, 0.06, 0.008, 0.039, 0.041, 0.074, 0.212, 0.216]
    q_values = [0.216, 0.01, 0.084, 0.1, 0.04, 0.084, 0.084, 0.10571429, 0.216, 0.216]
    assert false_discovery(p_values) == pytest.approx(q_values)


def test_wilson() -> None:
    assert wilson_lower(1, 2) == pytest.approx(0.0945312, abs=1e-4)
    assert wilson_lower(50, 100) == pytest.approx(0.4038315, abs=1e-4)
    assert wilson_lower(0, 10) == 0
    assert wilson_lower(0, 0) == 0
