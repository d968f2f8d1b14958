"""The figures of `bench.feed`: ratios within rounds, and slopes."""

from __future__ import annotations

import pytest

from bench.figures import paired_ratio, slope


@pytest.mark.parametrize(
    ("mine", "others", "value", "low", "high"),
    [
        pytest.param([50, 100, 200], [100, 200, 400], 0.5, 0.5, 0.5, id="what-all-rounds-share-falls-out"),
        pytest.param([100, 100], [100, 100], 1.0, 1.0, 1.0, id="no-difference"),
        pytest.param([90, 110, 100], [100, 100, 100], 0.997, 0.777, 1.279, id="rounds-that-differ-leave-it-open"),
    ],
)
def test_a_ratio_is_of_pairs(mine: list[float], others: list[float], value: float, low: float, high: float) -> None:
    assert paired_ratio(mine, others) == pytest.approx((value, low, high), abs=0.001)


def test_one_round_tells_no_uncertainty() -> None:
    with pytest.raises(ValueError, match="at least two"):
        paired_ratio([1.0], [2.0])


@pytest.mark.parametrize(
    ("values", "value", "certain"),
    [
        pytest.param([400 + 3 * x for x in range(60)], 3.0, True, id="what-grows"),
        pytest.param([400 + (x % 2) for x in range(60)], 0.0, True, id="what-is-flat-but-for-noise"),
        pytest.param([400.0 + 50 * (x // 30) for x in range(60)], 1.25, False, id="one-step-is-less-certain"),
    ],
)
def test_a_slope_comes_with_its_uncertainty(values: list[float], value: float, certain: bool) -> None:
    found = slope(list(enumerate(values)))

    assert found.value == pytest.approx(value, abs=0.03)
    assert found.low <= found.value <= found.high
    assert (found.high - found.low < 0.1) is certain
