#!/usr/bin/env python3
"""Figures of Benford's law for sql/evaluate_benford.sql: benford.py > test/data/golden/benford.csv

Digits of whole numbers of any length, shares, chi-square, its p-value and the
mean absolute deviation in decimal arithmetic of 60 digits. The p-value is one
less the series of the lower incomplete gamma function. Rows: set, test,
figure, value; of digits the figure is the digit, the value its z.
"""
from decimal import Decimal as D, getcontext

getcontext().prec = 60
PI = D("3.14159265358979323846264338327950288419716939937510582097494")


def gamma_half(k):
    """Gamma(k / 2)."""
    value, a = (D(1), 2) if k % 2 == 0 else (PI.sqrt(), 1)
    while a < k:
        value *= D(a) / 2
        a += 2
    return value


def tail(x, k):
    """Probability of more than x, chi-square with k degrees of freedom."""
    if x > 600:
        return D(0)
    a, y = D(k) / 2, x / 2
    term = total = 1 / a
    n = 0
    while term > total * D("1e-50"):
        n += 1
        term *= y / (a + n)
        total += term
    return 1 - total * (a * y.ln()).exp() * (-y).exp() / gamma_half(k)


def tests(numbers):
    texts = [str(v) + "0" for v in numbers]
    for name, digits, part in (("first", range(1, 10), slice(0, 1)), ("second", range(0, 10), slice(1, 2)),
                               ("first two", range(10, 100), slice(0, 2))):
        def share(d):
            if name == "second":
                return sum((1 + 1 / D(10 * k + d)).log10() for k in range(1, 10))
            return (1 + 1 / D(d)).log10()
        n = D(len(texts))
        seen = {d: 0 for d in digits}
        for t in texts:
            seen[int(t[part])] += 1
        chi = sum((seen[d] - n * share(d)) ** 2 / (n * share(d)) for d in digits)
        mad = sum(abs(seen[d] / n - share(d)) for d in digits) / len(digits)
        yield name, "chi_square", chi
        yield name, "p_value", tail(chi, len(digits) - 1)
        yield name, "mad", mad
        for d in digits:
            off = abs(seen[d] / n - share(d))
            half = 1 / (2 * n)
            yield name, d, (off - half if half < off else off) / (share(d) * (1 - share(d)) / n).sqrt()


def fibonacci(n):
    a, b, out = 1, 1, []
    while len(out) < n:
        out.append(a)
        a, b = b, a + b
    return out


SETS = {"fibonacci": fibonacci(500), "powers of 2": [2 ** i for i in range(1, 1001)], "one to 5000": list(range(1, 5001))}

for name, numbers in SETS.items():
    for test, figure, value in tests(numbers):
        print(f"{name},{test},{figure},{value:.20E}")
