"""Percentile bootstrap intervals over images, for any metrics that are functions of the images' weights.

A resample is a row of counts, how often each image was drawn, so that hundreds of resamples are one matrix product.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, dataclass

import numpy as np

from mien.errors import ConfigError
from mien.evaluation.metrics import DoubleArray

#: Resamples behind an interval.
RESAMPLES = 1000
#: Share of the resampled values inside an interval.
CONFIDENCE = 0.95
#: Weights in memory at once: 16 MiB of float64.
_BLOCK_VALUES = 2**21


@dataclass(frozen=True, slots=True)
class Interval:
    """The range of the middle 95 % (or another share) of a metric's resampled values."""

    low: float
    high: float

    def to_list(self) -> list[float]:
        return list(astuple(self))


def intervals(
    metrics: Callable[[DoubleArray], Mapping[str, DoubleArray]],
    n: int,
    *,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> dict[str, Interval]:
    """An interval for each of the ``metrics``.

    Args:
        metrics: From weights (b, n) to values (b,) by name.
        n: Number of images.
        resamples: How many; 0 gives no intervals.
        confidence: Share of the resamples inside, in (0, 1).
        seed: Of the resampling; the same seed gives the same intervals.

    Returns:
        Name to interval; empty without images.

    Raises:
        ConfigError: ``resamples`` is negative or ``confidence`` out of range.
    """
    if resamples < 0 or not 0 < confidence < 1:
        raise ConfigError(
            f"bootstrap needs resamples >= 0 and confidence in (0, 1), got {resamples} and {confidence}",
            hint=f"{RESAMPLES} resamples and {CONFIDENCE} are usual",
        )
    if resamples == 0 or n == 0:
        return {}
    # each block gives (b,) values of every metric
    blocks = [metrics(weights) for weights in resample_weights(n, resamples=resamples, seed=seed)]
    tail = (1 - confidence) / 2
    found = {}
    for name in blocks[0]:
        low, high = np.quantile(np.concatenate([block[name] for block in blocks]), (tail, 1 - tail))
        found[name] = Interval(float(low), float(high))
    return found


def resample_weights(n: int, *, resamples: int, seed: int) -> Iterator[DoubleArray]:
    """Yield blocks (b, n) of counts that sum to ``n`` in each row, ``resamples`` rows in all."""
    # one generator for all metrics of a call: every metric sees the same resamples, so that their intervals compare
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK_VALUES // n)  # rows; the numbers drawn do not depend on it
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        # Row r uses the numbers r · n … (r + 1) · n - 1, so that one bincount counts all rows.
        draws = rng.integers(0, n, size=(rows, n)) + n * np.arange(rows)[:, None]  # (rows, n)
        yield np.bincount(draws.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)
