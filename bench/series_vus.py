"""Volume under the precision-recall surface (VUS-PR) of scores.

Paparrizos et al. (2022), "Volume under the surface: a new accuracy
evaluation measure for time-series anomaly detection", VLDB 15(11):
precision and recall with labels that fade out over a buffer around each
event, averaged over buffer lengths.

Reads CSV "series,method,label,score" sorted by series, method and time from
standard input; needs numpy.  Prints a Markdown table.
"""
import csv
import sys

import numpy as np

LONGEST = 100                   # longest buffer, points
BUFFERS = 11                    # buffer lengths from 0 to the longest
THRESHOLDS = 250


def events(label):
    """Runs of positive labels as (first, last)."""
    d = np.diff(np.concatenate([[0], (label > 0).astype(int), [0]]))
    return list(zip(np.where(d == 1)[0], np.where(d == -1)[0] - 1))


def extend(label, window):
    """Labels that fade out over half a buffer on either side."""
    out = label.astype(float)
    n = len(out)
    if window == 0:
        return out
    for first, last in events(label):
        x = np.arange(last, min(last + window // 2, n))
        out[x] += np.sqrt(1 - (x - last) / window)
        x = np.arange(max(first - window // 2, 0), first)
        out[x] += np.sqrt(1 - (first - x) / window)
    return np.minimum(out, 1)


def vus_pr(label, score):
    order = -np.sort(-score)
    picks = np.linspace(0, len(score) - 1, THRESHOLDS).astype(int)
    areas = []
    positives = label.sum()
    for window in np.linspace(0, LONGEST, BUFFERS).astype(int):
        soft = extend(label, window)
        runs = events(soft)
        half = (positives + soft.sum()) / 2
        recall, precision = [0.0], [1.0]
        for i in picks:
            chosen = score >= order[i]
            product = soft * chosen
            tp = product.sum()
            found = sum(1 for a, b in runs if product[a:b + 1].any())
            recall.append(min(tp / half, 1) * found / len(runs))
            precision.append(tp / chosen.sum())
        recall, precision = np.array(recall), np.array(precision)
        areas.append(np.dot(np.diff(recall), precision[1:]))
    return float(np.mean(areas))


def main():
    data = {}
    methods = []
    for series, method, label, score in csv.reader(sys.stdin):
        if method not in methods:
            methods.append(method)
        l, s = data.setdefault((series, method), ([], []))
        l.append(int(label))
        s.append(float(score) if score else 0.0)
    names = sorted({k[0] for k in data})
    print("| series | " + " | ".join(methods) + " |")
    print("|---" * (len(methods) + 1) + "|")
    table = []
    for name in names:
        row = [vus_pr(np.array(data[name, m][0]),
                      np.minimum(np.array(data[name, m][1]), 1e12))
               for m in methods]
        table.append(row)
        print("| %s | %s |" % (name, " | ".join("%.3f" % v for v in row)))
    print("| **mean** | %s |" % " | ".join("**%.3f**" % v
                                          for v in np.mean(table, axis=0)))


main()
