#!/usr/bin/python3
"""Makes test/data/golden/univariate.csv.gz: scores of the univariate and
histogram detectors on glass and ionosphere, from their definitions in numpy
1.24 and scipy 1.10 (Debian 12), none of our code.

    /usr/bin/python3 test/golden/univariate.py

One line a row of the data: dataset, row (from 1), then a column a detector.
Columns ending in _half are fitted on the first half of the rows.
"""

import csv
import gzip
import os

import numpy as np
from scipy.stats import skew

here = os.path.dirname(os.path.abspath(__file__))
data = os.path.join(here, "..", "data")


def read(name):
    with gzip.open(os.path.join(data, name + ".csv.gz"), "rt") as f:
        rows = list(csv.reader(f))[1:]
    return np.array([[float(v) for v in row[:-1]] for row in rows])


def varying(x):
    return x[:, x.min(0) < x.max(0)]


def zscores(x):
    z = np.zeros(x.shape)           # a constant column deviates nowhere
    v = x.min(0) < x.max(0)
    z[:, v] = np.abs(x - x.mean(0))[:, v] / x[:, v].std(0, ddof=1)
    return z


def mad(x, mean_instead=False):
    d = np.abs(varying(x) - np.median(varying(x), 0))
    unit = np.median(d, 0)
    if mean_instead:
        unit = np.where(unit > 0, unit, 0.6745 * 1.253314 * d.mean(0))
    return (0.6745 * d[:, unit > 0] / unit[unit > 0]).max(1)


def iqr(x, mean_instead=False):
    x = varying(x)
    q1, q3 = np.percentile(x, [25, 75], axis=0)
    unit = q3 - q1
    if mean_instead:
        unit = np.where(unit > 0, unit,
                        1.349 * 1.253314 * np.abs(x - q1).mean(0))
    use = unit > 0
    d = np.maximum(np.maximum(q1 - x, x - q3), 0)
    return (d[:, use] / unit[use]).max(1)


def best_bins(column):
    n = len(column)
    best = []
    for bins in range(1, int(np.sqrt(n))):
        count, _ = np.histogram(column, bins)
        best.append(np.sum(count * np.log(bins * count / n + 1) -
                           (bins - 1 + np.log(bins) ** 2.5)))
    return int(np.argmax(best)) + 1


def hbos(fit, x, bins=10, alpha=0.1, tol=0.5, left_open=False):
    """left_open: look up in bins without their left edge, as PyOD does."""
    total = np.zeros(len(x))
    for j in range(x.shape[1]):
        b = bins or best_bins(fit[:, j])
        h, edges = np.histogram(fit[:, j], b, density=True)
        s = -np.log2(h + alpha)
        at = np.digitize(x[:, j], edges, right=left_open)
        if not left_open:
            at[x[:, j] == edges[-1]] = b
        else:
            at[x[:, j] == edges[0]] = 1
        width = edges[1] - edges[0]
        near_low = (at == 0) & (edges[0] - x[:, j] <= tol * width)
        width = edges[-1] - edges[-2]
        near_high = (at == b + 1) & (x[:, j] - edges[-1] <= tol * width)
        score = np.where((at >= 1) & (at <= b), s[np.clip(at, 1, b) - 1],
                         s.max())
        score[near_low] = s[0]
        score[near_high] = s[-1]
        total += score
    return total


def tails(fit, x):
    """Counts from the definition, half a row where there are none."""
    n = len(fit)
    left = (fit[None, :, :] <= x[:, None, :]).sum(1)
    right = (fit[None, :, :] >= x[:, None, :]).sum(1)
    left = -np.log(np.where(left > 0, left, 0.5) / n)
    right = -np.log(np.where(right > 0, right, 0.5) / n)
    sign = np.sign(skew(fit, axis=0))
    skewed = np.where(sign > 0, right, np.where(sign < 0, left, left + right))
    return left, right, skewed


def ecod(fit, x):
    left, right, skewed = tails(fit, x)
    return np.maximum(skewed, np.maximum(left, right)).sum(1)


def copod(fit, x):
    left, right, skewed = tails(fit, x)
    return np.maximum(skewed, (left + right) / 2).sum(1)


def paper(fit, x):
    left, right, skewed = (t.sum(1) for t in tails(fit, x))
    return np.maximum(skewed, np.maximum(left, right))


def columns(x):
    half = x[:len(x) // 2]
    yield "zscore_max", zscores(x).max(1)
    yield "zscore_mean", zscores(x).mean(1)
    yield "mad", mad(x)
    yield "mad_mean", mad(x, True)
    yield "iqr", iqr(x)
    yield "iqr_mean", iqr(x, True)
    yield "hbos", hbos(x, x)
    yield "hbos_pyod", hbos(x, x, left_open=True)
    yield "hbos_auto", hbos(x, x, None)
    yield "hbos_half", hbos(half, x)
    yield "hbos_pyod_half", hbos(half, x, 7, 0.5, 0.1, True)
    yield "ecod", ecod(x, x)
    yield "ecod_half", ecod(half, x)
    yield "copod", copod(x, x)
    yield "copod_half", copod(half, x)
    yield "paper", paper(x, x)
    yield "paper_half", paper(half, x)


lines = []
for name in "glass", "ionosphere":
    made = list(columns(read(name)))
    if not lines:
        lines.append(",".join(["dataset", "row"] + [c for c, _ in made]))
    for i, scores in enumerate(zip(*(s for _, s in made))):
        lines.append(",".join([name, str(i + 1)] +
                              ["%.13g" % s for s in scores]))

with open(os.path.join(data, "golden", "univariate.csv.gz"), "wb") as f:
    with gzip.GzipFile(fileobj=f, mode="wb", filename="", mtime=0) as z:
        z.write(("\n".join(lines) + "\n").encode())
