#!/usr/bin/python3
"""Expected scores of the neighbour detectors, by scikit-learn 1.2.1.

Writes ../data/golden/neighbours.csv.gz: per row of breast_cancer and per
metric

    knn10_largest, knn10_mean, knn10_median, lof20   each row among the others
    knn5_new, lof20_new      rows of the second half, fitted on the first
    core, noise              DBSCAN with min_samples 10 and the file's eps

To each value sin(31 row + column) / 100000 is added first, both counted
from 0: chebyshev distances of the data as it is tie, and which of the tied
rows is a neighbour is anybody's choice.

Rows are standardised by the mean and population standard deviation of what
is fitted. Run with Debian's python3-sklearn:

    /usr/bin/python3 test/golden/neighbours.py
"""
import csv
import gzip
import io
import os

import numpy as np
from sklearn.cluster import DBSCAN
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "data")

with gzip.open(os.path.join(DATA, "breast_cancer.csv.gz"), "rt") as file:
    X = np.array([[float(v) for v in row[:-1]]
                  for row in list(csv.reader(file))[1:]])
HALF = len(X) // 2
at_row, at_column = np.indices(X.shape)
X += np.sin(31.0 * at_row + at_column) / 100000


def standardised(rows, of):
    return (rows - of.mean(axis=0)) / of.std(axis=0)


# trees, not brute force, which loses digits to a faster formula
METRICS = {
    "euclidean": dict(metric="euclidean", algorithm="ball_tree"),
    "manhattan": dict(metric="manhattan", algorithm="ball_tree"),
    "chebyshev": dict(metric="chebyshev", algorithm="ball_tree"),
    "minkowski": dict(metric="minkowski", p=3, algorithm="ball_tree"),
    "cosine": dict(metric="cosine", algorithm="brute"),
}

text = io.StringIO()
out = csv.writer(text, lineterminator="\n")
out.writerow("row metric knn10_largest knn10_mean knn10_median lof20 "
             "knn5_new lof20_new eps core noise".split())
Z = standardised(X, X)
first = standardised(X[:HALF], X[:HALF])
second = standardised(X[HALF:], X[:HALF])
for name, how in METRICS.items():
    d, _ = NearestNeighbors(n_neighbors=21, **how).fit(Z).kneighbors()
    assert np.all(np.diff(d) > 1e-9 * d[:, 1:])
    d = d[:, :10]
    lof = -LocalOutlierFactor(n_neighbors=20, **how).fit(Z) \
        .negative_outlier_factor_
    d_new, _ = NearestNeighbors(n_neighbors=5, **how).fit(first) \
        .kneighbors(second)
    lof_new = -LocalOutlierFactor(n_neighbors=20, novelty=True, **how) \
        .fit(first).score_samples(second)
    # between two distances, so that rounding decides nothing
    reach = np.sort(d[:, 8])
    at = int(0.9 * len(reach))
    eps = float(f"{(reach[at] + reach[at + 1]) / 2:.6g}")
    assert reach[at] < eps < reach[at + 1]
    fitted = DBSCAN(eps=eps, min_samples=10, **how).fit(Z)
    core = np.zeros(len(Z), dtype=int)
    core[fitted.core_sample_indices_] = 1
    for i in range(len(Z)):
        new = (f"{d_new[i - HALF, 4]:.13g}", f"{lof_new[i - HALF]:.13g}") \
            if i >= HALF else ("", "")
        out.writerow([i, name, f"{d[i, 9]:.13g}", f"{d[i].mean():.13g}",
                      f"{np.median(d[i]):.13g}", f"{lof[i]:.13g}", *new, eps,
                      core[i], int(fitted.labels_[i] == -1)])

os.makedirs(os.path.join(DATA, "golden"), exist_ok=True)
with open(os.path.join(DATA, "golden", "neighbours.csv.gz"), "wb") as raw, \
        gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") as file:
    file.write(text.getvalue().encode())
