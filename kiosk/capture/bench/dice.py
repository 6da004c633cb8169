"""Seeded chance for the generator: one stream per (seed, kind, index), the same on every machine."""

import zlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")


class Dice:
    """Draws in a fixed order from PCG64; who adds a draw in the middle makes another set."""

    def __init__(self, kind: str, *numbers: int) -> None:
        self.source = np.random.Generator(np.random.PCG64([zlib.crc32(kind.encode()), *numbers]))

    def chance(self, share: float) -> bool:
        return bool(self.source.random() < share)

    def between(self, low: float, high: float) -> float:
        return float(self.source.uniform(low, high))

    def around(self, spread: float) -> float:
        """Between -spread and +spread."""
        return self.between(-spread, spread)

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return int(self.source.integers(low, high + 1))

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.whole(0, len(choices) - 1)]

    def some(self, choices: Sequence[T], count: int) -> list[T]:
        """`count` different ones, in order of drawing."""
        return [choices[int(i)] for i in self.source.permutation(len(choices))[:count]]

    def weighted(self, choices: Sequence[tuple[T, float]]) -> T:
        point = self.between(0.0, sum(weight for _, weight in choices))
        for choice, weight in choices:
            point -= weight
            if point < 0:
                return choice
        return choices[-1][0]

    def letters(self, alphabet: str, count: int) -> str:
        return "".join(self.pick(alphabet) for _ in range(count))

    def field(self, shape: tuple[int, ...], spread: float) -> NDArray[np.float32]:
        """Normal noise of that shape."""
        noise: NDArray[np.float32] = self.source.standard_normal(shape, dtype=np.float32) * np.float32(spread)
        return noise
