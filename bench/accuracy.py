"""Accuracy of every detector there is on labelled sets; see ad_recommend().

    BENCH_SETS=DIRECTORY bench/run.sh accuracy     (BENCH_ONLY=knn: one)

Each NAME.csv.gz of the directory (default: test/data) has a header, numbers
and a last column "label", 1 for an anomaly. Every detector is fitted with its
defaults to all rows of a set, labels not used, and scores the same rows.
Random detectors run with three seeds; the figure is the mean. A missing value
is an empty field. Sets of more than 100,000 rows are left out, and those of
words.
"""
import glob
import gzip
import os
import subprocess

import numpy as np

from lib import ONLY, PSQL, Report, Session, detectors, progress

SETS = os.environ.get("BENCH_SETS") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "test", "data")
SEEDS = 3
MOST_ROWS = 100_000

# What is no detector with its defaults: how auto's three are combined, and
# what one would have taken before.
THREE = "ARRAY[ad_fair_forest(), ad_subknn(), ad_ecod()]"
FORMS = {f"auto's, {how}": f"ad_ensemble({THREE}, '{how}')"
         for how in ("mean", "median", "max", "vote")}
FORMS["iforest, ecod and knn, mean"] = (
    "ad_ensemble(ARRAY[ad_iforest(), ad_ecod(), ad_knn()])")


def is_random(session, spec):
    """Whether a fit of few rows depends on the seed."""
    scores = ("SELECT string_agg(ad_score(m, x, y)::text, ' ' ORDER BY x) FROM "
              "(SELECT sin(i) AS x, cos(i * i) AS y FROM "
              "generate_series(1, 300) i) r, (SELECT ad_fit(" + spec +
              " || ad_sampling(seed => {seed}), sin(i), cos(i * i)) AS m "
              "FROM generate_series(1, 300) i) f")
    return (session.value(scores.format(seed=0)) !=
            session.value(scores.format(seed=1)))


def is_numeric(line):
    try:
        return all(np.isfinite(float(f)) for f in line.split(",") if f)
    except ValueError:
        return False


def load(session, path):
    name = os.path.basename(path).split(".")[0]
    with gzip.open(path, "rt") as file:
        lines = file.read().splitlines()[1:]
    if len(lines) > MOST_ROWS or not is_numeric(lines[0]):
        return None
    session.run("DROP TABLE IF EXISTS labelled")
    session.run("CREATE TABLE labelled (n int, x float8[])")
    text, labels = [], []
    for i, line in enumerate(lines):
        fields = line.split(",")
        labels.append(float(fields[-1]) == 1)
        text.append(f"{i}\t{{{','.join(f or 'NULL' for f in fields[:-1])}}}\n")
    subprocess.run([PSQL, "-X", "-q", "-c", "COPY labelled FROM STDIN"],
                   input="".join(text), text=True, check=True)
    return name, np.array(labels), len(lines[0].split(",")) - 1


def roc_auc(label, score):
    order = np.argsort(score, kind="stable")
    _, first, count = np.unique(score[order], return_index=True,
                                return_counts=True)
    rank = np.repeat(first + (count + 1) / 2, count)
    positive = label[order].sum()
    return ((rank[label[order]].sum() - positive * (positive + 1) / 2) /
            (positive * (len(label) - positive)))


def average_precision(label, score):
    order = np.argsort(-score, kind="stable")
    _, last = np.unique(-score[order], return_index=True)
    last = np.append(last[1:], len(score)) - 1
    hits = np.cumsum(label[order])
    recall = hits[last] / hits[-1]
    return float(np.sum(np.diff(recall, prepend=0) * hits[last] / (last + 1)))


def main():
    session = Session()
    specs = {name: f"ad_{name}()" for name in detectors(session)} | FORMS
    names = [name for name in specs if ONLY in name]
    random = [name for name in names if is_random(session, specs[name])]
    report = Report("Accuracy on labelled sets", session, [
        "every detector with its defaults, and some ensembles, fitted to and "
        "scoring all rows of a set"])
    figures = {name: [] for name in names}
    rows = []
    for path in sorted(glob.glob(os.path.join(SETS, "*.csv.gz"))):
        loaded = load(session, path)
        if loaded is None:
            continue
        dataset, label, features = loaded
        line = [f"{dataset} ({len(label):,} × {features})"]
        for name in names:
            runs = []
            for seed in range(SEEDS if name in random else 1):
                try:
                    scores, seconds = session.run(
                        f"WITH m AS MATERIALIZED (SELECT ad_fit({specs[name]} "
                        f"|| ad_sampling(rows => 100000, seed => {seed}), "
                        "x) AS model FROM labelled) SELECT ad_score(model, x)"
                        " FROM m, labelled ORDER BY n")
                except RuntimeError as error:
                    progress(f"{dataset} {name}: {error}")
                    session = Session()
                    break
                score = np.array(scores, dtype=float)
                runs.append((roc_auc(label, score),
                             average_precision(label, score)))
            if runs:
                auc, ap = np.mean(runs, axis=0)
                figures[name].append((auc, ap))
                line.append(f"{auc:.3f} / {ap:.3f}")
                progress(f"{dataset} {name}: {auc:.4f} {ap:.4f} "
                         f"{seconds:.2f} s")
            else:
                line.append("")
        rows.append(line)
    report.section("ROC AUC / average precision")
    report.table(["set"] + names, rows)
    report.section("Means", "A detector that ran on fewer sets says so.")
    report.table(["detector", "sets", "mean ROC AUC", "mean AP"], [
        [name, str(len(f)), f"{np.mean(f, axis=0)[0]:.4f}",
         f"{np.mean(f, axis=0)[1]:.4f}"] if f else [name, "0", "", ""]
        for name, f in figures.items()])
    report.write()


main()
