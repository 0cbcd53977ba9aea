#!/usr/bin/env python3
"""The worst errors of the f64 functions, in units in the last place, by mpmath in 200 bits (1300 for huge arguments).

  cargo run --release -p tessera-core --example accuracy_f64 1000000 wrong.txt
  python3 accuracy_f64.py wrong.txt

Reads the arguments whose results are not correctly rounded; all others are off by at most half a unit.
"""
import struct
import sys
import mpmath
from mpmath import frexp, ldexp, mp, mpf


def true_value(name: str, x: float) -> mpf:
    mp.prec = 1300 if abs(x) > 1e10 else 200
    return 1 / (1 + mpmath.exp(-mpf(x))) if name == "sigmoid" else getattr(mpmath, name)(mpf(x))


def number(bits: str) -> float:
    return struct.unpack("<d", bytes.fromhex(bits)[::-1])[0]


def main() -> None:
    worst: dict[str, tuple[float, float, int]] = {}
    for line in open(sys.argv[1]):
        name, x, y = line.split()
        x, y = number(x), number(y)
        true = true_value(name, x)
        unit = ldexp(1, max(frexp(true)[1] - 53, -1074))
        error, (before, at, count) = float(abs(mpf(y) - true) / unit), worst.get(name, (0.0, 0.0, 0))
        worst[name] = (error, x, count + 1) if error > before else (before, at, count + 1)
    for name, (error, x, count) in sorted(worst.items()):
        print(f"| {name} | {error:.4f} | {x!r} = {x.hex()} | {count} |")


if __name__ == "__main__":
    main()
