"""Reproducible randomness: every draw uses `random.Random.random`, whose sequence Python promises to keep."""

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Draws that depend only on the seed and the order of calls."""

    __slots__ = ("roll",)

    def __init__(self, *seed: object) -> None:
        self.roll = random.Random(":".join(str(part) for part in seed)).random

    def chance(self, share: float) -> bool:
        return self.roll() < share

    def below(self, limit: int) -> int:
        return int(self.roll() * limit)

    def between(self, low: int, high: int) -> int:
        """Return an integer from low to high, both included."""
        return low + int(self.roll() * (high - low + 1))

    def pick(self, options: Sequence[T]) -> T:
        return options[int(self.roll() * len(options))]

    def about(self, mean: float) -> int:
        """Return an integer with this mean: its floor, or one more."""
        floor = int(mean)
        return floor + (self.roll() < mean - floor)

    def object_id(self) -> str:
        """Return 24 hexadecimal digits, like the vendor's ids."""
        return f"{int(self.roll() * 2**48):012x}{int(self.roll() * 2**48):012x}"
