"""Golden scores of the one-class support vector machine.

Run with Debian's python3-sklearn: /usr/bin/python3 test/golden/other.py
Writes test/data/golden/ocsvm.csv.gz: -decision_function of scikit-learn's
OneClassSVM, solved to a tolerance of 1e-9, for every row of two of the sets
in test/data, standardised with the population standard deviation.
"""
import gzip
import os

import numpy as np
from sklearn.svm import OneClassSVM

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")
COLUMNS = {
    "rbf_05": dict(nu=0.5, gamma="scale"),
    "rbf_01": dict(nu=0.1, gamma="scale"),
    "rbf_gamma": dict(nu=0.2, gamma=0.5),
    "linear": dict(nu=0.5, kernel="linear"),
}


def features(name):
    with gzip.open(os.path.join(DATA, name + ".csv.gz"), "rt") as file:
        lines = file.read().splitlines()[1:]
    return np.array([[float(v) for v in line.split(",")[:-1]]
                     for line in lines])


def main():
    rows = ["dataset,row," + ",".join(COLUMNS)]
    for name in ("glass", "ionosphere"):
        raw = features(name)
        spread = raw.std(axis=0)
        standard = (raw - raw.mean(axis=0)) / np.where(spread > 0, spread, 1)
        scores = []
        for column, options in COLUMNS.items():
            # a linear machine says nothing about centred columns
            data = raw if column == "linear" else standard
            machine = OneClassSVM(tol=1e-9, shrinking=False, **options)
            scores.append(-machine.fit(data).decision_function(data))
        for i, values in enumerate(zip(*scores)):
            rows.append(f"{name},{i}," + ",".join(f"{v:.10g}" for v in values))
    text = "\n".join(rows) + "\n"
    os.makedirs(os.path.join(DATA, "golden"), exist_ok=True)
    with open(os.path.join(DATA, "golden", "ocsvm.csv.gz"), "wb") as file:
        with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed:
            packed.write(text.encode())


main()
