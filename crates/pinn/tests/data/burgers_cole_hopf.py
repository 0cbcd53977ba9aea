"""Writes burgers_cole_hopf.txt: the exact solution of Burgers' equation to 30 digits.

It shares nothing with the library but the transformation: the kernel is (x - y)/t, the quadrature is
mpmath's tanh-sinh rule on short intervals around where the integrand lives, the arithmetic has 50
digits. Arguments are f64 numbers, taken exactly. A second run with twice as many intervals must agree.

    python3 burgers_cole_hopf.py > burgers_cole_hopf.txt          (needs mpmath)
"""

import math

from mpmath import cos, exp, linspace, mp, mpf, pi, quad, sqrt

mp.dps = 50


def solution(viscosity, t, x, pieces):
    nu, t, x = mpf(viscosity), mpf(t), mpf(x)

    def exponent(y):
        return -((x - y) ** 2) / (4 * nu * t) - cos(pi * y) / (2 * pi * nu)

    reach = sqrt(4 * nu * t * (1 / (pi * nu) + 110))
    ends = linspace(x - reach, x + reach, pieces + 1)
    largest = max(exponent(y) for y in linspace(x - reach, x + reach, 40 * pieces + 1))
    # Pieces on which the integrand is below 1e-45 of its largest value add nothing in 40 digits.
    live = [
        (a, b)
        for a, b in zip(ends, ends[1:])
        if max(exponent(y) for y in linspace(a, b, 41)) > largest - 110
    ]
    weight = sum(quad(lambda y: exp(exponent(y) - largest), [a, b]) for a, b in live)
    mean = sum(quad(lambda y: (x - y) / t * exp(exponent(y) - largest), [a, b]) for a, b in live)
    return mean / weight


def main():
    nu = 0.01 / math.pi
    points = [
        (nu, t, x)
        for t in (1e-12, 1e-6, 1e-3, 0.05, 0.2, 1 / math.pi, 0.4, 1.6037 / math.pi, 0.75, 1.0)
        for x in (1e-9, 1e-4, 0.001, 0.003, 0.01, 0.1, 0.25, 0.5, 0.9, 0.999)
    ]
    points += [(v, t, x) for v in (1e-3, 0.1, 1.0) for t in (0.01, 0.5, 1.0) for x in (0.001, 0.2, 0.8)]
    print("# viscosity t x u; made by burgers_cole_hopf.py")
    for viscosity, t, x in points:
        once, twice = (solution(viscosity, t, x, pieces) for pieces in (24, 48))
        assert abs(once - twice) < mpf(10) ** -30, (viscosity, t, x, once, twice)
        print(repr(viscosity), repr(t), repr(x), mp.nstr(twice, 30))


main()
