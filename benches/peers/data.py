"""Inputs that any language can make again bit for bit; `benches/README.md` defines them.

NumPy is imported where it is used: it reads how many threads it may have when it is, which is after `measure.confine`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

DTYPES = {"f32": "float32", "f64": "float64"}


def unit(seed: int, count: int) -> np.ndarray:
    """`count` doubles in [0, 1): the splitmix64 stream of `seed`, its top 53 bits times 2^-53."""
    import numpy as np

    z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def between(low: float, high: float, seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """Doubles in [low, high), row-major from one stream."""
    return (low + (high - low) * unit(seed, math.prod(shape))).reshape(shape)


def layers(widths: list[int], dtype: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights (in × out) and bias (out) of every layer: Glorot-uniform, and uniform in [-0.1, 0.1)."""
    network = []
    for k, (fan_in, fan_out) in enumerate(zip(widths, widths[1:])):
        bound = math.sqrt(6.0 / (fan_in + fan_out))
        weight = between(-bound, bound, 1000 + 2 * k, (fan_in, fan_out))
        bias = between(-0.1, 0.1, 1001 + 2 * k, (fan_out,))
        network.append((weight.astype(DTYPES[dtype]), bias.astype(DTYPES[dtype])))
    return network


def space_time_points(count: int, dtype: str) -> np.ndarray:
    """Points (t, x), count × 2, with t in [0, 1) and x in [-1, 1)."""
    points = between(-1.0, 1.0, 42, (count, 2))
    points[:, 0] = 0.5 * (points[:, 0] + 1.0)
    return points.astype(DTYPES[dtype])


def cube_points(count: int, dtype: str, dimensions: int = 2) -> np.ndarray:
    """Points, count × dimensions, in [-1, 1)^dimensions."""
    return between(-1.0, 1.0, 42, (count, dimensions)).astype(DTYPES[dtype])


def answer(loss, gradients) -> dict[str, float]:
    """Three numbers by which implementations are held against each other: loss, |g| and g · (fixed vector)."""
    import numpy as np

    g = np.concatenate([np.asarray(part, dtype=np.float64).ravel() for part in gradients])
    direction = unit(777, g.size) - 0.5
    return {"loss": float(loss), "gnorm": float(np.sqrt(np.sum(g * g))), "gdot": float(np.sum(g * direction))}
