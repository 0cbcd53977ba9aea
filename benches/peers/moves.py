"""NumPy's side of benches/src/bin/moves.rs: operations that move, order and count elements. A line of JSON for each.

  moves.py [--points 1000000] [--repeat 15]

NumPy sums from the left to the right and draws from another generator, so only times are compared.
"""

import argparse
import json
import statistics
import time

import numpy as np

PLACES = 1000


def cases(n: int) -> dict:
    """A call for each operation."""
    generator = np.random.Generator(np.random.Philox(7))
    x = generator.uniform(-1, 1, n)
    wide, few = (generator.integers(0, places, n) for places in (n, PLACES))
    a, b = (generator.integers(-(10**9), 10**9, n) for _ in range(2))
    side = int(n**0.5)
    windows = generator.uniform(-1, 1, (3, 3, side, side))

    def fold():
        y = np.zeros((side + 2, side + 2))
        for i in range(3):
            for j in range(3):
                y[i : i + side, j : j + side] += windows[i, j]
        return y[1:-1, 1:-1]

    return {
        "cumsum": lambda: np.cumsum(x),
        "cumsum_reverse": lambda: np.cumsum(x[::-1])[::-1],
        "gather": lambda: x[wide],
        "scatter_add": lambda: np.bincount(wide, x, n),
        "scatter_add_few": lambda: np.bincount(few, x, PLACES),
        "sort": lambda: np.sort(x, kind="stable"),
        "argsort": lambda: np.argsort(x, kind="stable"),
        "fold": fold,
        "random_bits": lambda: generator.integers(0, 2**64, n, dtype=np.uint64),
        "random_uniform": lambda: generator.random(n),
        "random_normal": lambda: generator.standard_normal(n),
        "add_i64": lambda: a + b,
        "xor_i64": lambda: a ^ b,
        "less_i64": lambda: a < b,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=15)
    arguments = parser.parse_args()
    for name, call in cases(arguments.points).items():
        times = []
        for _ in range(arguments.repeat + 1):
            start = time.perf_counter()
            call()
            times.append((time.perf_counter() - start) * 1e3)
        print(json.dumps({"impl": f"numpy {np.__version__}", "operation": name, "ms": round(statistics.median(times[1:]), 4)}))


if __name__ == "__main__":
    main()
