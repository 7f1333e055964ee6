"""Metrics, false discovery rates and generators: speed and memory.

10,000,000 labeled scores, 2 % of them anomalies; scikit-learn beside them on
the same values.
"""
import time

import numpy as np
import sklearn
from sklearn import metrics

from lib import (MB, ONLY, MemoryWatch, Report, Session, copy_doubles,
                 interleaved, median, met, number, progress, scaled)

ROWS = scaled(10_000_000, 10_000)
METRICS = ["ad_roc_auc(score, label = 1)",
           "ad_average_precision(score, label = 1)",
           f"ad_precision_at(score, label = 1, {ROWS // 100})",
           "ad_best_f1(score, label = 1)",
           "array_length(ad_roc_curve(score, label = 1, 1000), 1)",
           "array_length(ad_pr_curve(score, label = 1, 1000), 1)",
           "ad_confusion(score > 2, label = 1)"]

session = Session()
report = Report("Evaluation: speed and memory", session, [
    f"scikit-learn {sklearn.__version__}, numpy {np.__version__}",
    f"{ROWS:,} rows of a score and a label, two float8 columns"])


def timed(statement, nworkers=0):
    def run():
        session.run(f"SET max_parallel_workers_per_gather = {nworkers}")
        return session.seconds(statement)
    return run


def called(function):
    def run():
        start = time.perf_counter()
        function()
        return time.perf_counter() - start
    return run


def make_data():
    progress(f"making {ROWS:,} rows")
    rng = np.random.default_rng(20260101)
    label = np.arange(ROWS) % 50 == 0
    score = rng.normal(0, 1, ROWS) + 2 * label
    session.run("CREATE UNLOGGED TABLE scored (score float8, label float8)")
    copy_doubles("scored", np.column_stack([score, label]))
    session.run("VACUUM ANALYZE scored")
    session.run("SET jit = off")
    session.run("SELECT count(*), sum(score) FROM scored")
    return score, label


def bench_metrics(score, label):
    runs = {"`sum(score)`, to compare": timed("SELECT sum(score) FROM scored")}
    for metric in METRICS:
        runs[f"`{metric}`"] = timed(f"SELECT {metric} FROM scored")
    runs["all of the first four"] = timed(
        "SELECT " + ", ".join(METRICS[:4]) + " FROM scored")
    runs["`ad_roc_auc`, two workers"] = timed(
        f"SELECT {METRICS[0]} FROM scored", 2)
    runs["scikit-learn `roc_auc_score`"] = called(
        lambda: metrics.roc_auc_score(label, score))
    runs["scikit-learn `average_precision_score`"] = called(
        lambda: metrics.average_precision_score(label, score))
    times = interleaved(runs)
    report.section("Metrics", "One process but where said; the scan is "
                   "included, scikit-learn reads arrays in memory.")
    report.table(["", "seconds", "rows a second", "target"], [
        [name, f"{median(ours):.3f}", number(ROWS / median(ours)),
         met(median(ours), 5) if name.startswith("`a") else ""]
        for name, ours in times.items()])

    rows = []
    for name, reference in (
            ("ad_roc_auc", metrics.roc_auc_score(label, score)),
            ("ad_average_precision",
             metrics.average_precision_score(label, score))):
        ours = float(session.value(
            f"SELECT {name}(score, label = 1) FROM scored"))
        rows.append([f"`{name}`", repr(ours), repr(float(reference)),
                     f"{abs(ours - reference):.1e}"])
    report.text("The same figures:")
    report.table(["", "ours", "scikit-learn", "difference"], rows)

    fresh = Session()
    fresh.run("SET max_parallel_workers_per_gather = 0")
    with MemoryWatch(fresh.pid) as memory:
        fresh.run(f"SELECT {METRICS[0]} FROM scored")
    fresh.close()
    report.text(f"Memory of `ad_roc_auc` over {ROWS:,} rows in one process "
                f"grew by {number(memory.growth / MB)} MB.")


def bench_fdr():
    nrows = scaled(1_000_000, 1000)
    source = (f"(SELECT ad_random(1, i) AS p FROM generate_series(1, {nrows}) "
              "i OFFSET 0) t")
    times = interleaved({
        "`ad_fdr(p) OVER ()`":
            timed(f"SELECT sum(q) FROM (SELECT ad_fdr(p) OVER () AS q "
                  f"FROM {source}) w"),
        "`rank() OVER (ORDER BY p)`":
            timed(f"SELECT sum(q) FROM (SELECT rank() OVER (ORDER BY p) AS q "
                  f"FROM {source}) w")})
    report.section("False discovery rate",
                   f"{nrows:,} p-values in one partition, made on the way.")
    report.table(["", "seconds", "rows a second"], [
        [name, f"{median(ours):.3f}", number(nrows / median(ours))]
        for name, ours in times.items()])


def bench_generators():
    series = scaled(3_000_000, 1000)
    blobs = scaled(1_000_000, 1000)
    session.run("CREATE UNLOGGED TABLE numbers AS SELECT i::bigint FROM "
                f"generate_series(1, {ROWS}) i")
    session.run("VACUUM ANALYZE numbers")
    runs = {"`sum(i::float8)`, to compare":
            (ROWS, timed("SELECT sum(i::float8) FROM numbers"), None)}
    for distribution in ("uniform", "normal", "exponential"):
        runs[f"`sum(ad_random(1, i, '{distribution}'))`"] = (
            ROWS, timed(f"SELECT sum(ad_random(1, i, '{distribution}')) "
                        "FROM numbers"), 10e6)
    runs["`ad_generate_series`"] = (
        series, timed("SELECT count(*), sum(value) FROM "
                      f"ad_generate_series({series}, shifts => 0.001)"), 1.5e6)
    runs["`ad_generate_blobs`, 10 features"] = (
        blobs, timed(f"SELECT count(*) FROM ad_generate_blobs({blobs}, 10)"),
        None)
    times = interleaved({name: run for name, (_, run, _) in runs.items()})
    rows = []
    for name, (nrows, _, target) in runs.items():
        rate = nrows / median(times[name])
        rows.append([name, f"{median(times[name]):.3f}", number(rate),
                     met(rate, target, at_most=False) if target else ""])
    report.section("Generators", f"One process. {ROWS:,} values, {series:,} "
                   f"rows of a series, {blobs:,} rows of blobs; scans and "
                   "aggregates included.")
    report.table(["", "seconds", "values or rows a second", "target"], rows)


def main():
    score, label = make_data()
    sections = {"metrics": lambda: bench_metrics(score, label),
                "fdr": bench_fdr, "generators": bench_generators}
    for name, section in sections.items():
        if ONLY in name:
            progress("section " + name)
            section()
    session.close()
    report.write()


main()
