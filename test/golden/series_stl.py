"""Reference robust decompositions at even n by statsmodels' STL, as CSV.

The series come from R's datasets, read from the output of series_stl.R on
standard input.  See series_stl.R for how the files are made.
"""
import csv
import sys

import numpy as np
from statsmodels.tsa.seasonal import STL

series = {}
for name, case, n, i, y, *_ in csv.reader(sys.stdin):
    if case == "A" and int(n) % 2 == 0:
        series.setdefault(name, []).append(float(y))


def out(name, case, y, seasonal, trend, weight):
    for i in range(len(y)):
        print(",".join([name, case, str(len(y)), str(i)] + [
            "%.17g" % v for v in (y[i], seasonal[i], trend[i],
                                  y[i] - seasonal[i] - trend[i], weight[i])]))


for name, y in series.items():
    y = np.array(y)
    n = len(y)
    base = dict(period=12, low_pass=13, trend_deg=1, low_pass_deg=1, robust=True)
    cases = {
        "C": (dict(seasonal=7, seasonal_deg=0, trend=23, seasonal_jump=1,
                   trend_jump=3, low_pass_jump=2), 1, 15),
        "E": (dict(seasonal=13, seasonal_deg=1, trend=21, seasonal_jump=1,
                   trend_jump=1, low_pass_jump=1), 2, 15),
        "F": (dict(seasonal=35, seasonal_deg=1, trend=19, seasonal_jump=4,
                   trend_jump=2, low_pass_jump=2), 1, 6),
        "G": (dict(seasonal=10 * n + 1, seasonal_deg=0, trend=19,
                   seasonal_jump=n + 1, trend_jump=2, low_pass_jump=2), 1, 15),
    }
    for case, (kw, inner, outer) in cases.items():
        f = STL(y, **base, **kw).fit(inner_iter=inner, outer_iter=outer)
        seasonal = np.asarray(f.seasonal)
        if case == "G":
            # periodic: each phase's mean; the trend stays
            means = [seasonal[p::12].mean() for p in range(12)]
            seasonal = np.array([means[i % 12] for i in range(n)])
        out(name, case, y, seasonal, np.asarray(f.trend), np.asarray(f.weights))
