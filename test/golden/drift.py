#!/usr/bin/python3
"""Makes the golden files of ad_drift with numpy 1.24.2 and scipy 1.10.1
(Debian 12's python3-numpy and python3-scipy):

    /usr/bin/python3 test/golden/drift.py

test/data/golden/drift_rows.csv.gz     rows: set, side (r or c), position,
                                       number, integer, category
test/data/golden/drift_values.csv.gz   what each measure makes of a set

Kolmogorov-Smirnov is scipy.stats.ks_2samp, the Jensen-Shannon distance
scipy.spatial.distance.jensenshannon with base 2, the quantiles numpy's. The
population stability index is its definition, sum((q - p) ln(q / p)), with a
share of 0.0001 for an empty bin; what chance makes of it is Wilson and
Hilferty's chi-square quantile over scipy.stats.norm. Where the index is above
and a bin can expect fewer than 20 rows, or categories have none, it is the 0.999 quantile of as many
random splits of all rows as the answer takes, or of draws from Polya's urn if
the bins are quantiles of the reference: noise_low and noise_high, the 0.9
quantile and the greatest of 20000, bound it. Bins are
those documented in docs/monitor.md. "model" stands for a reference that
is a model: its bins are bounded by five quantiles, where KS is taken.
"""

import csv
import gzip
import io
import os
from collections import Counter

import numpy as np
import scipy
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp, norm

assert scipy.__version__ == "1.10.1"

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                      "..", "data", "golden")
rng = np.random.default_rng(20260401)
chance = np.random.default_rng(20261126)
MIN_SHARE = 0.0001
SPLITS = 20000


def sets():
    """name, then for either side: numbers (NaN: missing), integers, words"""
    def side(n, loc, scale, rate, words, probabilities, missing):
        x = rng.normal(loc, scale, n)
        x[rng.random(n) < missing] = np.nan
        return (x, rng.poisson(rate, n).astype(float),
                rng.choice(words, n, p=probabilities))

    abc = ["de", "fr", "nl", "be"]
    many = [f"shop {i:02}" for i in range(40)]
    zipf = 1 / np.arange(1, 41)
    zipf /= zipf.sum()
    yield ("same", side(1500, 0, 1, 2, abc, [.4, .3, .2, .1], .02),
           side(1200, 0, 1, 2, abc, [.4, .3, .2, .1], .02))
    yield ("shifted", side(900, 10, 3, 2, abc, [.4, .3, .2, .1], 0),
           side(1100, 11.5, 4, 3, abc, [.1, .3, .2, .4], .15))
    yield ("new and gone", side(700, 0, 1, .1, abc, [.4, .3, .3, 0], .5),
           side(300, 5, .1, 40, abc + ["us"], [.4, .3, 0, .1, .2], .1))
    yield ("many words", side(1000, -5, 1e6, 30, many, zipf, .01),
           side(1000, -5, 1e6, 33, many[::-1], zipf, .01))
    yield ("few rows", side(12, 0, 1, 2, abc, [.4, .3, .2, .1], 0),
           side(7, 0, 1, 2, abc, [.4, .3, .2, .1], 0))


def stability(p, q):
    """of the last axis"""
    a, b = np.maximum(p, MIN_SHARE), np.maximum(q, MIN_SHARE)
    return ((b - a) * np.log(b / a)).sum(axis=-1)


def urn(p, n, m):
    shares = chance.dirichlet(np.maximum(p * n, 1), SPLITS)
    return stability(p, chance.multinomial(m, shares) / m)


def splits(x, y, shares):
    """of the rows of both, anew; the stability of each"""
    everything, result = np.concatenate([x, y]), []
    for _ in range(SPLITS):
        chance.shuffle(everything)
        p, q = shares(everything[:len(x)], everything[len(x):])
        keep = (p > 0) | (q > 0)
        result.append(stability(p[keep], q[keep]))
    return np.array(result)


def measures(p, q, n, m, simulate=None, chosen=False):
    keep = (p > 0) | (q > 0)
    p, q = p[keep], q[keep]
    a, b = np.maximum(p, MIN_SHARE), np.maximum(q, MIN_SHARE)
    df = len(p) - 1
    c = 2 / (9 * df) if df else 0
    result = {"psi": ((b - a) * np.log(b / a)).sum(),
              "js": jensenshannon(p, q, base=2)}
    noise = df * (1 - c + norm.ppf(0.999) * np.sqrt(c)) ** 3 * (1 / n + 1 / m)
    rare = min((p * n + q * m) / (n + m) * min(n, m)) < 20
    if result["psi"] > noise and (rare or chosen):
        by_chance = simulate() if simulate else urn(p, n, m)
        result["noise_low"] = max(noise, np.quantile(by_chance, 0.9))
        result["noise_high"] = max(noise, by_chance.max())
    else:
        result["psi_noise"] = noise
    return result


def between(cumulative):
    return np.diff(np.concatenate([[0], cumulative, [1]]))


def at_most(x, edges):
    return np.searchsorted(np.sort(x), edges, side="right") / len(x)


def shares_of_numbers(x, y):
    edges = np.unique(x)
    if len(edges) > 10:
        edges = np.unique(np.quantile(x, np.arange(1, 10) / 10))
    else:               # a bin for each, and those between
        edges = np.sort(np.append(edges, np.nextafter(edges, -np.inf)))
    return between(at_most(x, edges)), between(at_most(y, edges))


def numbers(x, y):
    x, y = x[~np.isnan(x)], y[~np.isnan(y)]
    few = len(np.unique(x)) <= 10
    result = measures(*shares_of_numbers(x, y), len(x), len(y),
                      (lambda: splits(x, y, shares_of_numbers)) if few
                      else None)
    result["ks"] = ks_2samp(x, y).statistic
    return result


def model(x, y):
    total = len(x)
    x, y = x[~np.isnan(x)], y[~np.isnan(y)]
    levels = np.array([.05, .25, .5, .75, .95])
    edges, first, times = np.unique(np.quantile(x, levels), return_index=True,
                                    return_counts=True)
    p, q, distance = [], [], []
    for edge, level, n in zip(edges, levels[first], times):
        share, share_now = np.mean(x <= edge), np.mean(y <= edge)
        if n > 1:       # frequent: what is below is its level at most
            before, before_now = (p[-1], q[-1]) if p else (0, 0)
            q.append(np.mean(y < edge))
            most = max(before, min(level, share))
            distance.append(max(before, min(q[-1], most)) - q[-1])
            p.append(min(before + (share - before) * (q[-1] - before_now) /
                         (share_now - before_now), most)
                     if share_now > before_now else before)
        p.append(share)
        q.append(share_now)
        distance.append(share - share_now)
    p, q = np.array(p), np.array(q)
    result = measures(between(p), between(q), len(x), len(y))
    result["ks"] = np.abs(distance).max()
    return result


def shares_of_words(x, y):
    r, c = Counter(x), Counter(y)
    top = sorted(r, key=lambda w: (-r[w], w))[:20]
    p = np.array([r[w] / len(x) for w in top])
    q = np.array([c[w] / len(y) for w in top])
    if any(w not in top for w in list(r) + list(c)):
        p = np.append(p, 1 - p.sum())
        q = np.append(q, 1 - q.sum())
    p[p < 1e-12] = 0
    q[q < 1e-12] = 0
    return p, q


def words(x, y):
    result = measures(*shares_of_words(x, y), len(x), len(y),
                      lambda: splits(x, y, shares_of_words),
                      len(set(x)) > 20)
    result["new_share"] = np.mean([w not in set(x) for w in y])
    return result


def write(name, rows):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    with open(os.path.join(GOLDEN, name), "wb") as out, \
            gzip.GzipFile(filename="", mode="wb", fileobj=out, mtime=0) as gz:
        gz.write(text.getvalue().encode())


rows, values = [], []
for name, r, c in sets():
    for side, (x, k, w) in (("r", r), ("c", c)):
        for i in range(len(x)):
            rows.append([name, side, i + 1,
                         "" if np.isnan(x[i]) else repr(float(x[i])),
                         int(k[i]), w[i]])
    for reference, of in (("sketch", numbers), ("model", model)):
        for position, result in ((1, of(r[0], c[0])), (2, of(r[1], c[1])),
                                 (3, words(r[2], c[2]))):
            missing = [np.isnan(s[0]).mean() if position == 1 else 0
                       for s in (r, c)]
            result["missing_reference"], result["missing_current"] = missing
            result["missing_change"] = missing[1] - missing[0]
            for measure, value in sorted(result.items()):
                values.append([name, reference, position, measure,
                               repr(float(value))])
write("drift_rows.csv.gz", rows)
write("drift_values.csv.gz", values)
