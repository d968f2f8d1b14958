"""What measurements that were repeated say together: ratios and slopes with their uncertainty. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, linear_regression, stdev
from typing import Final, NamedTuple

_STUDENT: Final = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23)
"""For 95 %, by degrees of freedom; more of them than these are taken for as many."""
STRETCHES: Final = 10
"""That a slope is told from: neighbouring samples are alike, and each by itself would pretend to know more."""


class Estimate(NamedTuple):
    """A value, and between which it lies in 95 of 100 cases."""

    value: float
    low: float
    high: float


def paired_ratio(mine: Sequence[float], others: Sequence[float]) -> Estimate:
    """Of what was measured side by side in two rounds or more: what all rounds have in common falls out."""
    logs = [math.log(one / other) for one, other in zip(mine, others, strict=True)]
    middle = fmean(logs)
    around = _student(len(logs) - 1) * stdev(logs) / math.sqrt(len(logs))
    return Estimate(math.exp(middle), math.exp(middle - around), math.exp(middle + around))


def slope(points: Sequence[tuple[float, float]]) -> Estimate:
    """How much the second grows for one of the first. Wants `STRETCHES` points or more, in order."""
    edges = [len(points) * stretch // STRETCHES for stretch in range(STRETCHES + 1)]
    means = [_mean(points[begin:end]) for begin, end in pairwise(edges)]
    xs, ys = zip(*means, strict=True)
    found = linear_regression(xs, ys)
    left = sum((y - found.intercept - found.slope * x) ** 2 for x, y in means)
    middle = fmean(xs)
    error = math.sqrt(left / (STRETCHES - 2) / sum((x - middle) ** 2 for x in xs))
    around = _student(STRETCHES - 2) * error
    return Estimate(found.slope, found.slope - around, found.slope + around)


def _mean(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    xs, ys = zip(*points, strict=True)
    return fmean(xs), fmean(ys)


def _student(freedom: int) -> float:
    return _STUDENT[min(freedom, len(_STUDENT)) - 1]
