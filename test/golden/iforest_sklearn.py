#!/usr/bin/python3
"""Makes test/data/golden/iforest_sklearn.txt.gz: a forest that scikit-learn
1.2.1 (Debian 12's python3-sklearn) fitted, and its scores.

    /usr/bin/python3 test/golden/iforest_sklearn.py

scikit-learn casts what it is given to float32, so the data is rounded to
float32 first, here and in the test. Lines:

    forest PSI TREES COLUMNS
    tree NODE ...       in pre-order; NODE is LEAF_ROWS or COLUMN:THRESHOLD
    score S             of each row of breast_cancer.csv.gz, -score_samples
"""

import csv
import gzip
import os

import numpy as np
import sklearn
from sklearn.ensemble import IsolationForest

assert sklearn.__version__ == "1.2.1"

here = os.path.dirname(os.path.abspath(__file__))
data = os.path.join(here, "..", "data")

with gzip.open(os.path.join(data, "breast_cancer.csv.gz"), "rt") as f:
    rows = list(csv.reader(f))[1:]
x = np.array([[float(v) for v in row[:-1]] for row in rows])
x = x.astype(np.float32).astype(np.float64)

forest = IsolationForest(n_estimators=25, max_samples=64, random_state=1).fit(x)

lines = [f"forest {forest.max_samples_} {len(forest.estimators_)} {x.shape[1]}"]
for estimator in forest.estimators_:
    tree = estimator.tree_
    words = []
    stack = [0]
    while stack:
        node = stack.pop()
        if tree.children_left[node] < 0:
            words.append(str(tree.n_node_samples[node]))
        else:
            words.append(f"{tree.feature[node]}:{tree.threshold[node]!r}")
            stack += [tree.children_right[node], tree.children_left[node]]
    lines.append("tree " + " ".join(words))
lines += [f"score {-s!r}" for s in forest.score_samples(x)]

with open(os.path.join(data, "golden", "iforest_sklearn.txt.gz"), "wb") as f:
    with gzip.GzipFile(fileobj=f, mode="wb", filename="", mtime=0) as z:
        z.write(("\n".join(lines) + "\n").encode())
