#!/usr/bin/python3
"""Makes the golden files of the metrics with scikit-learn 1.2.1 (Debian 12's
python3-sklearn):

    /usr/bin/python3 test/golden/metrics.py

test/data/golden/metrics_rows.csv.gz     labelled scores, in sets by name
test/data/golden/metrics_values.csv.gz   what each metric makes of a set
test/data/golden/metrics_roc.csv.gz      roc_curve
test/data/golden/metrics_pr.csv.gz       precision_recall_curve

The first threshold of a ROC curve is written as Infinity, as scikit-learn has
it since 1.3; 1.2 has the highest score plus one. Precision at k is not in
scikit-learn: here it is the mean label of the first k rows, and of those tied
at the last place the mean of their labels.
"""

import csv
import gzip
import io
import os

import numpy as np
import sklearn
from sklearn import metrics

assert sklearn.__version__ == "1.2.1"

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                      "..", "data", "golden")
rng = np.random.default_rng(20260101)


def labelled(n, share, shift):
    label = rng.random(n) < share
    label[:2] = True, False
    return rng.normal(0, 1, n) + shift * label, label


def sets():
    yield "distinct", *labelled(1200, 0.1, 1.5)
    score, label = labelled(1200, 0.1, 1.5)
    yield "ties", score.round(1), label
    score, label = labelled(1000, 0.3, 1)
    yield "three values", np.clip(score.round(), 0, 2), label
    yield "all tied", np.full(50, 0.25), labelled(50, 0.3, 0)[1]
    score, label = labelled(500, 0.2, 0)
    yield "perfect", score + 100 * label, label
    yield "inverted", score - 100 * label, label
    yield "rare", *labelled(1500, 0.005, 2)
    yield "half", *labelled(1500, 0.5, 0.3)
    score, label = labelled(600, 0.2, 1)
    yield "exponents", np.sign(score) * 10.0 ** (300 * np.tanh(score)), label
    # neighbouring doubles, subnormal ones and both zeros
    steps = rng.integers(-3, 4, 300)
    yield "neighbours", 1 + steps * 2.0 ** -52, rng.random(300) < 0.4
    yield "subnormal", steps * 5e-324, rng.random(300) < 0.4
    yield "zeros", np.where(steps > 0, 0.0, -0.0), rng.random(300) < 0.4
    yield "two rows", np.array([0.7, 0.2]), np.array([True, False])


def precision_at(score, label, k):
    order = np.argsort(-score, kind="stable")
    k = min(k, len(score))
    last = score[order[k - 1]]
    above = score > last
    return (label[above].sum() +
            (k - above.sum()) * label[score == last].mean()) / k


def values(score, label):
    yield "roc_auc", metrics.roc_auc_score(label, score)
    yield "average_precision", metrics.average_precision_score(label, score)
    for k in (1, 10, 77, 10000):
        yield f"precision_at_{k}", precision_at(score, label, k)
    precision, recall, thresholds = metrics.precision_recall_curve(label,
                                                                   score)
    f1 = np.array([metrics.f1_score(label, score >= t) for t in thresholds])
    best = len(f1) - 1 - np.argmax(f1[::-1])
    yield "best_f1", f1[best]
    yield "best_f1_threshold", thresholds[best]
    yield "best_f1_precision", precision[best]
    yield "best_f1_recall", recall[best]
    cut = np.sort(score)[len(score) * 7 // 10]
    predicted = score >= cut
    tn, fp, fn, tp = metrics.confusion_matrix(label, predicted).ravel()
    yield "cut", cut
    for name, count in (("tp", tp), ("fp", fp), ("tn", tn), ("fn", fn)):
        yield name, float(count)
    yield "precision", metrics.precision_score(label, predicted)
    yield "recall", metrics.recall_score(label, predicted)
    yield "f1", metrics.f1_score(label, predicted)
    yield "balanced_accuracy", metrics.balanced_accuracy_score(label,
                                                               predicted)
    # 0 / 0 in scikit-learn is 0
    if 0 not in (tp + fp, tp + fn, tn + fp, tn + fn):
        yield "mcc", metrics.matthews_corrcoef(label, predicted)


def number(x):
    if x == np.inf:
        return "Infinity"
    return repr(float(x))


def write(name, lines):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    with open(os.path.join(GOLDEN, name), "wb") as f:
        with gzip.GzipFile(fileobj=f, mode="wb", filename="", mtime=0) as z:
            z.write(text.getvalue().encode())


def main():
    rows, results, roc, pr = [], [], [], []
    for name, score, label in sets():
        rows += [(name, number(s), int(x)) for s, x in zip(score, label)]
        results += [(name, metric, number(value))
                    for metric, value in values(score, label)]
        fpr, tpr, thresholds = metrics.roc_curve(label, score)
        thresholds[0] = np.inf
        roc += [(name, i + 1, number(f), number(t), number(h))
                for i, (f, t, h) in enumerate(zip(fpr, tpr, thresholds))]
        precision, recall, thresholds = metrics.precision_recall_curve(label,
                                                                       score)
        thresholds = [number(t) for t in thresholds] + [""]
        pr += [(name, i + 1, number(p), number(r), h)
               for i, (p, r, h) in enumerate(zip(precision, recall,
                                                 thresholds))]
    write("metrics_rows.csv.gz", rows)
    write("metrics_values.csv.gz", results)
    write("metrics_roc.csv.gz", roc)
    write("metrics_pr.csv.gz", pr)


main()
