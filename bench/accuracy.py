"""Accuracy of every detector there is on labeled sets of your own.

    BENCH_SETS=DIRECTORY bench/run.sh accuracy     (BENCH_ONLY=knn: those)

Each NAME.csv.gz of the directory has a header, numbers and a last column
"label", 1 for an anomaly. Every detector, and what OTHERS has, is fitted with
its defaults to all rows of a set, labels not used, and scores the same rows;
what draws random numbers does so with five seeds, of which the figure is the
mean. A missing value is an empty field. Sets of words are left out.

bench/results/accuracy.tsv keeps what was measured, a figure in place of the
one before, and bench/figures.py puts it into the documentation. With
BENCH_ONLY the figures of the others stay.
"""
import glob
import gzip
import os
import subprocess

import numpy as np

import figures
from lib import KEEPS, ONLY, PSQL, Session, detectors, progress

SETS = os.environ.get("BENCH_SETS", "")
SEEDS = 5

THREE = "ARRAY[ad_fair_forest(), ad_subknn(), ad_ecod()]"

# What is no detector with its defaults: how auto's three are combined, what
# one would have taken before, options, and the defaults of 0.2.0. ad_dbscan
# chose an eps that no option brings back.
OTHERS = {f"auto's three, {how}": f"ad_ensemble({THREE}, '{how}')"
          for how in ("top", "mean", "median", "max", "vote")}
OTHERS |= {
    "iforest, ecod, knn: mean":
        "ad_ensemble(ARRAY[ad_iforest(), ad_ecod(), ad_knn()])",
    "zscore mad": "ad_zscore('mad')",
    "zscore mad, skip": "ad_zscore('mad', zero_spread => 'skip')",
    "zscore iqr": "ad_zscore('iqr')",
    "zscore iqr, skip": "ad_zscore('iqr', zero_spread => 'skip')",
    "knn mean": "ad_knn(method => 'mean')",
    "hbos bins 0": "ad_hbos(bins => 0)",
    "hbos bins 0, pyod": "ad_hbos(bins => 0, counting => 'pyod')",
    "pca reconstruction": "ad_pca(method => 'reconstruction')",
    "ecod rotate": "ad_ecod(rotate => true)"}
OTHERS |= {f"knn of {k}": f"ad_knn({k})" for k in (5, 20, 100)}
OTHERS |= {f"{name} reduce {share}":
           f"ad_{name}() || ad_prepare(reduce => {share})"
           for name in ("knn", "iforest") for share in (0.5, 0.9)}


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
    """Loads a set into the table labeled; its name with rows and columns."""
    with gzip.open(path, "rt") as file:
        lines = file.read().splitlines()[1:]
    if not all(map(is_numeric, lines)):
        return None
    session.run("DROP TABLE IF EXISTS labeled")
    session.run("CREATE TABLE labeled (is_anomaly boolean, x float8[])")
    text = []
    for line in lines:
        *fields, label = line.split(",")
        text.append(f"{float(label) == 1}\t"
                    f"{{{','.join(f or 'NULL' for f in fields)}}}\n")
    subprocess.run([PSQL, "-X", "-q", "-c", "COPY labeled FROM STDIN"],
                   input="".join(text), text=True, check=True)
    return (f"{os.path.basename(path).split('.')[0]} "
            f"({len(lines):,} × {len(fields)})")


def measure(session, spec, seeds):
    """Mean ROC AUC and average precision over the seeds."""
    runs = []
    for seed in range(seeds):
        runs.append([float(x) for x in session.value(
            f"WITH m AS MATERIALIZED (SELECT ad_fit({spec} || "
            f"ad_sampling(seed => {seed}), x) AS model FROM labeled), "
            "s AS MATERIALIZED (SELECT ad_score(model, x) AS score, "
            "is_anomaly FROM m, labeled) SELECT concat_ws(' ', "
            "ad_roc_auc(score, is_anomaly), "
            "ad_average_precision(score, is_anomaly)) FROM s").split()])
    return np.mean(runs, axis=0)


def main():
    if not SETS:
        raise SystemExit("BENCH_SETS names no directory of labeled sets")
    session = Session()
    session.run("SET jit = off")
    specs = {name: f"ad_{name}()" for name in detectors(session)} | OTHERS
    specs = {name: spec for name, spec in specs.items() if ONLY in name}
    seeds = {name: SEEDS if is_random(session, spec) else 1
             for name, spec in specs.items()}
    measured = {}
    for path in sorted(glob.glob(os.path.join(SETS, "*.csv.gz"))):
        dataset = load(session, path)
        if dataset is None:
            continue
        for name, spec in specs.items():
            auc, ap = measure(session, spec, seeds[name])
            measured[name, dataset] = (auc, ap)
            progress(f"{dataset} {name}: {auc:.4f} {ap:.4f}")
    session.close()
    if not KEEPS:
        for (name, dataset), (auc, ap) in measured.items():
            print(f"{name}\t{dataset}\t{auc:.4f}\t{ap:.4f}")
        return
    figures.keep_accuracy(measured, os.environ["BENCH_COMMIT"])
    page = "\n".join(figures.accuracy_page())
    with open(os.path.join(figures.RESULTS, "accuracy.md"), "w",
              encoding="utf-8") as file:
        file.write(page + "\n")
    figures.main()
    print(page)


if __name__ == "__main__":
    main()
