#!/usr/bin/env python3
"""Derives every table and polynomial coefficient of the elementary functions; needs mpmath only.

    python3 coefficients.py [exp log trig pow erf erf_guess atan]      # prints Rust constants

A polynomial is a weighted least-squares fit at Chebyshev nodes in 90 digits, which is within a small factor of the
minimax one. Its coefficients are rounded to f64 one by one from
the lowest degree up, and the rest is fitted again each time, so that a later coefficient takes up the rounding of
an earlier one. The comment behind a polynomial is the error of the rounded one in exact arithmetic, as stated.
"""
import struct
import sys
from mpmath import atan, cos, erf, exp, expm1, floor, ldexp, log, log1p, lu_solve, matrix, mp, mpf, pi, sin, sqrt

mp.prec = 400


def to_f64(x):
    """x rounded to nearest f64, as mpf."""
    with mp.workprec(53):
        return +x


def chop(x, bits):
    """x with its significand cut to `bits` bits (to nearest)."""
    if x == 0:
        return mpf(0)
    e = int(floor(log(abs(x), 2)))
    return ldexp(mp.nint(ldexp(x, bits - 1 - e)), e - bits + 1)


def near_minimax(f, w, powers, lo, hi, nodes=160):
    """Coefficients c of sum c[j] x^powers[j]: least squares of w (f - p) at Chebyshev nodes of [lo, hi]."""
    xs = [(lo + hi) / 2 - (hi - lo) / 2 * cos(pi * (2 * i + 1) / (2 * nodes)) for i in range(nodes)]
    size = max(abs(lo), abs(hi))
    n = len(powers)
    rows = [([w(x) * (x / size) ** p for p in powers], w(x) * f(x)) for x in xs]
    a, b = matrix(n, n), matrix(n, 1)
    for row, y in rows:
        for i in range(n):
            b[i] += row[i] * y
            for j in range(n):
                a[i, j] += row[i] * row[j]
    c = lu_solve(a, b)
    return [c[j] / size ** powers[j] for j in range(n)]


def fit(f, w, powers, lo, hi):
    """Near-minimax coefficients, each an f64, and the largest weighted error."""
    fixed = []
    rest = list(powers)
    lo, hi = mpf(lo), mpf(hi)
    while rest:
        def remainder(x):
            return f(x) - sum(c * x ** p for p, c in fixed)
        c = near_minimax(remainder, w, rest, lo, hi)
        fixed.append((rest.pop(0), to_f64(c[0])))
    grid = [(lo + hi) / 2 - (hi - lo) / 2 * cos(pi * i / 1000) for i in range(1001)]
    worst = max(abs(w(x) * (f(x) - sum(c * x ** p for p, c in fixed))) for x in grid if x != 0)
    return [c for _, c in fixed], worst


def rust(name, doc, values):
    print(f"/// {doc}")
    body = ", ".join(f"{float(to_f64(mpf(v)))!r}" for v in values)
    kind = "static" if len(values) in (16, 128) else "const"
    print(f"{kind} {name}: [f64; {len(values)}] = [{body}];")


def scalar(name, doc, v):
    print(f"/// {doc}")
    print(f"const {name}: f64 = {float(to_f64(mpf(v)))!r};")


def size(e):
    return f"2^{float(log(e, 2)):.1f}"


def do_exp():
    ln2 = log(mpf(2))
    h = ln2 / 32
    f = lambda r: (expm1(r) - r) / r ** 2
    c, e = fit(f, lambda r: r * r / abs(r), [0, 1, 2, 3, 4, 5], -h * 1.001, h * 1.001)
    rust("EXP", f"(e^r - 1 - r) / r^2 on |r| <= ln 2 / 32; error of (e^r - 1) / r: {size(e)}.", c)
    h *= mpf("1.001")
    c, e = fit(f, lambda r: r * r, [0, 1, 2], -h, h)
    rust("EXP_SHORT", f"The coefficients of [`EXP`] for three; error of e^r: {size(e)}.", c)
    hi = chop(ln2, 37)
    scalar("LN2_HIGH", "ln 2 in 37 bits.", hi)
    scalar("LN2_LOW", "ln 2 - LN2_HIGH.", ln2 - hi)
    powers = [to_f64(mpf(2) ** (mpf(j) / 16)) for j in range(16)]
    rust("POWERS", "2^(j/16), rounded.", powers)
    rust("SHIFTS", "log(`POWERS[j]`) - j ln 2 / 16: what the rounding of `POWERS[j]` is worth in the exponent.",
         [log(t) - j * ln2 / 16 for j, t in enumerate(powers)])


def do_log():
    h = mpf(1) / 32
    f = lambda r: (log1p(r) - r + r * r / 2) / r ** 3
    c, e = fit(f, lambda r: r * r, list(range(8)), -h, h * 1.001)
    rust("LOG1P", f"(log(1+r) - r + r^2/2) / r^3 on |r| <= 1/32; error of log(1+r) / r: {size(e)}.", c)
    f = lambda r: (log1p(r) - r) / r ** 2
    c, e = fit(f, abs, list(range(5)), -h, h * 1.001)
    rust("LOG1P_GUESS", f"(log(1+r) - r) / r^2 on |r| <= 1/32; error of log(1+r) / r: {size(e)}.", c)
    ln2 = log(mpf(2))
    hi = chop(ln2, 38)
    scalar("LN2_HIGH", "ln 2 in 38 bits.", hi)
    scalar("LN2_LOW", "ln 2 - LN2_HIGH.", ln2 - hi)
    # m in [0.671875, 1.34375): interval i starts at the number with the bits START + i 2^48.
    start = 0x3fe5800000000000
    val = lambda b: mpf(struct.unpack("<d", struct.pack("<Q", b))[0])
    inv, his, los = [], [], []
    worst = 0
    for i in range(16):
        a, b = val(start + (i << 48)), val(start + ((i + 1) << 48))
        if a < 1 < b:
            v = mpf(1)
        else:
            v = to_f64(chop(2 / (a + b), 20))
        worst = max(worst, abs(a * v - 1), abs(b * v - 1))
        l = -log(v)
        # a multiple of 2^-42, so that k ln2_high + it is exact
        h_ = ldexp(mp.nint(ldexp(l, 38 + 1)), -39)
        inv.append(v)
        his.append(h_)
        los.append(l - h_)
    # the table is indexed with bits 48..51 of (bits(x) - START)
    rust("INVERSE", f"About 1/m in 20 bits for the i-th sixteenth of [0.671875, 1.34375); |m INVERSE - 1| <= {float(worst):.5f}.", inv)
    rust("LOG_HIGH", "-log(`INVERSE[i]`), a multiple of 2^-39.", his)
    rust("LOG_LOW", "-log(`INVERSE[i]`) - `LOG_HIGH[i]`.", los)


def do_trig():
    q = pi / 2 * mpf("1.0001")
    f = lambda z: (sin(sqrt(z)) / sqrt(z) - 1) / z
    w = lambda z: z * sqrt(z) / sin(sqrt(z))
    c, e = fit(f, w, list(range(8)), mpf(10) ** -9, q * q)
    scalar("SIN_FIRST", "The first coefficient of (sin r - r) / r^3 in r^2 on |r| <= pi/2: -1/6, rounded.", c[0])
    scalar("SIN_SECOND", "The second: 1/120, nearly.", c[1])
    rust("SIN", f"The others; error of sin(r) / r with all: {size(e)}.", c[2:])
    c, e = fit(f, w, list(range(6)), mpf(10) ** -9, q * q)
    rust("SIN_GUESS", f"All coefficients of (sin r - r) / r^3 in r^2 for six; error of sin(r) / r: {size(e)}.", c)
    p1 = to_f64(pi)
    p2 = to_f64(pi - p1)
    p3 = to_f64(pi - p1 - p2)
    rust("PI", "pi as three f64.", [p1, p2, p3])
    with mp.workprec(1400):
        n = int(floor(ldexp(2 / +pi, 1280)))
    words = [0] + [(n >> (64 * (19 - i))) & (2**64 - 1) for i in range(20)]
    print("/// 64 zeros, then the first 1280 bits of 2/pi behind the point.")
    print("static TWO_OVER_PI_BITS: [u64; 21] = [" + ", ".join(f"0x{w:016x}" for w in words) + "];")


def do_pow():
    val = lambda b: mpf(struct.unpack("<d", struct.pack("<Q", b))[0])
    h = mpf("0.00392")
    f = lambda r: (log1p(r) - r + r * r / 2) / r ** 3
    c, e = fit(f, lambda r: r * r, list(range(7)), -h, h)
    rust("LOG1P", f"(log(1+r) - r + r^2/2) / r^3 on |r| <= 0.0039; error of log(1+r) / r: {size(e)}.", c)
    # Interval i of m starts at the number with the bits START + i 2^45; 1 is inside one.
    start = 0x3fe5900000000000
    inv, his, los, worst = [], [], [], 0
    for i in range(128):
        a, b = val(start + (i << 45)), val(start + ((i + 1) << 45))
        v = mpf(1) if a < 1 < b else to_f64(2 / (a + b))
        worst = max(worst, abs(a * v - 1), abs(b * v - 1))
        l = -log(v)
        hi = ldexp(mp.nint(ldexp(l, 39)), -39)
        inv.append(v)
        his.append(hi)
        los.append(l - hi)
    rust("INVERSE", f"About 1/m for the i-th interval of [0.673828125, 1.34765625); |m INVERSE - 1| <= {float(worst):.5f}.", inv)
    rust("LOG_HIGH", "-log(`INVERSE[i]`), a multiple of 2^-39.", his)
    rust("LOG_LOW", "-log(`INVERSE[i]`) - `LOG_HIGH[i]`.", los)


def do_erf():
    w = mpf(49) / 128
    count = 12
    value, value_low, slope, slope_low, rows, worst = [], [], [], [], [], 0
    for i in range(16):
        c = i * w
        v, s = erf(c), 2 / sqrt(pi) * exp(-c * c)
        value.append(to_f64(v))
        value_low.append(v - to_f64(v))
        slope.append(to_f64(s))
        slope_low.append(s - to_f64(s))
        lo, hi = (mpf(10) ** -6, w / 2 * mpf("1.0001")) if i == 0 else (-w / 2 * mpf("1.0001"), w / 2 * mpf("1.0001"))
        f = lambda h: (erf(c + h) - v - h * s) / h ** 2
        p, e = fit(f, lambda h: h * h / erf(c + h), list(range(count)), lo, hi)
        worst = max(worst, e)
        rows.append(p)
    rust("VALUE", "erf(c), c = 49 i / 128.", value)
    rust("VALUE_LOW", "erf(c) - `VALUE[i]`.", value_low)
    rust("SLOPE", "erf'(c) = 2/sqrt(pi) e^(-c^2).", slope)
    rust("SLOPE_LOW", "erf'(c) - `SLOPE[i]`.", slope_low)
    print(f"/// Coefficients of (erf(c+h) - erf(c) - h erf'(c)) / h^2 in h, one row a power; error of erf(c+h): {size(worst)}.")
    print(f"static TAYLOR: [[f64; 16]; {count}] = [")
    for j in range(count):
        print("    [" + ", ".join(repr(float(rows[i][j])) for i in range(16)) + "],")
    print("];")
    do_erf_guess()


def do_erf_guess():
    w = mpf(33) / 128
    rows, worst = [], 0
    for i in range(16):
        c = i * w
        hi = w / 2 * mpf("1.0001")
        f = lambda h: (erf(c + h) - erf(c)) / h
        p, e = fit(f, lambda h: abs(h) / erf(c + h), list(range(8)), mpf(10) ** -6 if i == 0 else -hi, hi)
        worst = max(worst, e)
        rows.append([erf(c)] + p)
    print(f"/// Coefficients of erf(c+h) in h, c = 33 i / 128, one row a power; error of erf(c+h): {size(worst)}.")
    print("static GUESS: [[f64; 16]; 9] = [")
    for j in range(9):
        print("    [" + ", ".join(repr(float(rows[i][j])) for i in range(16)) + "],")
    print("];")


def do_atan():
    nodes = [atan(mpf(j) / 8) for j in range(9)]
    high = [to_f64(x) for x in nodes]
    rust("ATAN", "atan(j/8), rounded; what follows is never looked up.", high + [0] * 7)
    rust("ATAN_LOW", "atan(j/8) - `ATAN[j]`.", [to_f64(x - h) for x, h in zip(nodes, high)] + [0] * 7)


if __name__ == "__main__":
    names = sys.argv[1:] or [n[3:] for n in list(globals()) if n.startswith("do_")]
    for n in names:
        print(f"// {n}")
        globals()[f"do_{n}"]()
