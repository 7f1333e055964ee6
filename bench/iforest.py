"""Isolation forest: speed and memory, beside scikit-learn on the same data.

1,000,000 rows of ten float8 columns, 90 % N(0, 1) and 10 % N(3, 0.5);
100 trees of 256 rows.  Also what the same rows cost a fair-cut forest to
score, and other detectors to fit.

BENCH_TIMES=20 says how many times the million the largest table has; 0
leaves it out.
"""
import os
import time

import numpy as np
import sklearn
from sklearn.ensemble import IsolationForest
from sklearn.ensemble._iforest import _average_path_length
from sklearn.metrics import roc_auc_score

from lib import (MB, ONLY, MemoryWatch, Report, Session, copy_doubles,
                 interleaved, median, met, number, progress, ratio, scaled)

ROWS = scaled(1_000_000, 1000)
COLUMNS = ", ".join(f"c{i}" for i in range(1, 11))
SPEC = "ad_iforest(trees => 100, sample_size => 256)"
SUM = "SELECT " + ", ".join(f"sum(c{i})" for i in range(1, 11)) + " FROM wide"
FIT = f"SELECT ad_fit({SPEC}, {COLUMNS}) FROM wide"
FIT_LENGTH = FIT.replace("ad_fit", "octet_length(ad_fit", 1).replace(
    ") FROM", ")) FROM")
MODEL = "(SELECT model FROM models WHERE name = 'bench')"
SCORE = f"SELECT max(ad_score({MODEL}, {COLUMNS})) FROM wide"
TENTH = ROWS // 10
TIMES = int(os.environ.get("BENCH_TIMES", "20"))
LEVELS = ("off", "avx2", "auto")

session = Session()
report = Report("Isolation forest: speed and memory", session, [
    f"scikit-learn {sklearn.__version__}, numpy {np.__version__}",
    f"{ROWS:,} rows × 10 float8 columns, 100 trees × 256 rows, unless said "
    "otherwise",
    "times of one process are its processor time, with workers the clock's"])


def workers(n):
    session.run(f"SET max_parallel_workers_per_gather = {n}"
                if n is not None else "RESET max_parallel_workers_per_gather")


def timed(statement, nworkers):
    """A run: of one process its processor time, of more the clock's."""
    def run():
        workers(nworkers)
        if nworkers == 0:
            return session.busy_seconds(statement)
        return session.seconds(statement)
    return run


def one_by_clock(statement):
    """One process, to compare with several."""
    def run():
        workers(0)
        return session.seconds(statement)
    return run


def at_level(statement, level):
    """The same at a level of anomaly.simd, in one process."""
    def run():
        workers(0)
        session.run(f"SET anomaly.simd = {level}")
        seconds = session.busy_seconds(statement)
        session.run("RESET anomaly.simd")
        return seconds
    return run


def called(function):
    """The same of a function of Python's, whose one thread this is."""
    def run():
        start = time.process_time()
        function()
        return time.process_time() - start
    return run


def make_data():
    progress(f"making {ROWS:,} rows")
    rng = np.random.default_rng(20260101)
    label = (np.arange(ROWS) % 10 == 0).astype(int)
    rng.shuffle(label)
    data = np.where(label[:, None] == 1, rng.normal(3, 0.5, (ROWS, 10)),
                    rng.normal(0, 1, (ROWS, 10)))
    columns = ", ".join(f"c{i} float8" for i in range(1, 11))
    session.run(f"CREATE TABLE wide ({columns})")
    copy_doubles("wide", data)
    session.run("VACUUM ANALYZE wide")
    session.run("CREATE TABLE models (name text PRIMARY KEY, model bytea)")
    session.run("ALTER TABLE models ALTER COLUMN model SET STORAGE EXTERNAL")
    session.run(f"INSERT INTO models SELECT 'bench', ({FIT})")
    for name, rows in (("tenth", TENTH), ("part", ROWS // 20)):
        session.run(f"CREATE TABLE {name} AS TABLE wide LIMIT {rows}")
        session.run(f"VACUUM ANALYZE {name}")
    session.run("SET synchronize_seqscans = off")
    session.run(SUM)
    return data, label


def bench_fit(data):
    runs = {}
    for name, n in (("0", 0), ("1", 1), ("2", 2), ("plan", None)):
        runs["fit_" + name] = timed(FIT_LENGTH, n)
        runs["sum_" + name] = timed(SUM, n)
    runs["one"] = one_by_clock(FIT_LENGTH)
    runs["sk"] = called(lambda: IsolationForest(
        n_estimators=100, max_samples=256, random_state=1).fit(data))
    times = interleaved(runs)
    rows = []
    for name, what in (("0", "one process"), ("1", "1 worker"),
                       ("2", "2 workers"), ("plan", "the plan chosen")):
        fit, sums = times["fit_" + name], times["sum_" + name]
        verdict = "" if name == "plan" else report.figure(
            "fit_" + name, ratio(fit, sums))
        rows.append([what, f"{median(fit):.3f}", f"{median(sums):.3f}",
                     number(ratio(fit, sums)), verdict])
    rows.append(["scikit-learn, from an array in memory",
                 f"{median(times['sk']):.3f}", "", "", ""])
    report.section("Fit", "Table in cache, against `SELECT sum(c1), …, "
                   "sum(c10)` over the same table with as many workers.")
    report.table(["", "fit, seconds", "sums, seconds", "fit ÷ sums",
                  "target"], rows)
    for key, run in (("fit_s", "fit_0"), ("sums_s", "sum_0"),
                     ("fit_sk_s", "sk")):
        report.figure(key, median(times[run]))
    chosen = ratio(times["fit_plan"], times["one"])
    report.text("The plan that PostgreSQL chooses by itself takes "
                f"{number(chosen)} of one process's time: "
                f"{report.figure('fit_plan', chosen)}.")
    workers(None)
    report.plan(session.plan(FIT))


def newer_score_samples(forest):
    """How scikit-learn scores since 1.3: one apply a tree, then a look-up."""
    depths = []
    for tree in forest.estimators_:
        node_depth = np.zeros(tree.tree_.node_count)
        for node in range(tree.tree_.node_count):
            for child in (tree.tree_.children_left[node],
                          tree.tree_.children_right[node]):
                if child >= 0:
                    node_depth[child] = node_depth[node] + 1
        depths.append(node_depth +
                      _average_path_length(tree.tree_.n_node_samples))
    mean = len(depths) * _average_path_length([forest.max_samples_])

    def score(data):
        data = np.ascontiguousarray(data, dtype=np.float32)
        total = np.zeros(len(data))
        for tree, depth in zip(forest.estimators_, depths):
            total += depth[tree.tree_.apply(data)]
        return -(2 ** (-total / mean))
    return score


def bench_levels():
    """Score at each level; the plan chosen; a fair-cut forest."""
    runs = {level: at_level(SCORE, level) for level in LEVELS}
    runs["plan"] = timed(SCORE, None)
    runs["one"] = one_by_clock(SCORE)
    runs["floor"] = timed("SELECT max(c10) FROM wide", 0)
    times = interleaved(runs)
    rows = []
    for name in ("floor",) + LEVELS:
        ns = median(times[name]) / ROWS * 1e9
        rows.append(["a scan without a score" if name == "floor" else
                     f"`simd` {name}", number(ns),
                     report.figure("score_" + name, ns)])
    report.section("Score at each level", "`SELECT max(ad_score(…))`, the "
                   "scan included, one process.")
    report.table(["", "ns a row", "target"], rows)
    chosen = ratio(times["plan"], times["one"])
    report.text("The plan that PostgreSQL chooses by itself takes "
                f"{number(chosen)} of one process's time: "
                f"{report.figure('score_plan', chosen)}.")
    workers(None)
    report.plan(session.plan(SCORE))

    session.run("INSERT INTO models SELECT 'fair', ad_fit(ad_fair_forest(), "
                f"{COLUMNS}) FROM tenth")
    fair = SCORE.replace("'bench'", "'fair'").replace("FROM wide", "FROM tenth")
    times = interleaved({level: at_level(fair, level) for level in LEVELS})
    rows = []
    for level in LEVELS:
        rate = TENTH / median(times[level])
        rows.append([f"`simd` {level}", number(rate),
                     report.figure("fair_" + level, rate)])
    report.section("A fair-cut forest", f"`ad_fair_forest()` over {TENTH:,} "
                   "of the rows, one process; loading it included.")
    report.table(["", "rows scored a second", "target"], rows)


def bench_score(data, label):
    forest = IsolationForest(n_estimators=100, max_samples=256,
                             random_state=1).fit(data)
    newer = newer_score_samples(forest)
    head = data[:TENTH]
    if not np.allclose(newer(head), forest.score_samples(head)):
        raise RuntimeError("the emulation of the newer method is wrong")

    small = interleaved({
        "ours": timed(SCORE.replace("FROM wide", "FROM tenth"), 0),
        "sk": called(lambda: forest.score_samples(head))})
    large = interleaved({
        "ours": timed(SCORE, 0),
        "newer": called(lambda: newer(data)),
        "sk": called(lambda: forest.score_samples(data))})
    rows = []
    for key, name, times, peer, n in (
            ("sk_100k", "`score_samples`", small, "sk", TENTH),
            ("sk_1m", "`score_samples`", large, "sk", ROWS),
            ("sk_newer", "method of ≥ 1.3, emulated", large, "newer", ROWS)):
        against = ratio(times[peer], times["ours"])
        rows.append([name, f"{n:,}", number(n / median(times["ours"])),
                     number(n / median(times[peer])), number(against),
                     report.figure(key, against)])

    for key, run in (("score_rows", "ours"), ("sk_rows", "sk"),
                     ("newer_rows", "newer")):
        report.figure(key, ROWS / median(large[run]))
    workers(0)
    ours = np.array(session.run(
        f"SELECT ad_score({MODEL}, {COLUMNS}) FROM wide")[0], dtype=float)
    workers(None)
    report.section("Score beside scikit-learn", "One process and one thread, "
                   "`simd` auto; scikit-learn reads an array in memory.")
    report.table(["scikit-learn " + sklearn.__version__, "rows",
                  "ours, rows a second", "its rows a second", "times its",
                  "target"], rows)
    report.text(
        f"ROC AUC of the same rows: {roc_auc_score(label, ours):.4f}, "
        "scikit-learn "
        f"{roc_auc_score(label, -newer(data)):.4f}.")


def bench_detectors():
    """Fits of detectors that need a few passes of numbers only."""
    sums = SUM.replace("wide", "part")
    runs = {"sum": timed(sums, 0)}
    for name in ("zscore", "pca", "mahalanobis"):
        runs[name] = timed(FIT_LENGTH.replace(SPEC, f"ad_{name}()")
                           .replace("wide", "part"), 0)
    # short ones: more of them
    times = interleaved(runs, 21)
    rows = []
    for name, run in times.items():
        against = ratio(run, times["sum"])
        rows.append([name if name != "sum" else "ten sums",
                     f"{1000 * median(run):.1f}", number(against),
                     report.figure("fit_" + name, against)
                     if name != "sum" else ""])
    report.section("Fit of other detectors",
                   f"{ROWS // 20:,} rows of ten columns, one process; medians "
                   "of 21 runs.")
    report.table(["", "ms", "of the sums", "target"], rows)


def bench_huge():
    if TIMES == 0:
        return
    progress(f"making {TIMES * ROWS:,} rows")
    session.run("CREATE UNLOGGED TABLE huge AS SELECT w.* "
                f"FROM generate_series(1, {TIMES}) AS i, wide AS w")
    session.run("VACUUM ANALYZE huge")
    grew = {}

    def fit(name, setting):
        def run():
            fresh = Session()
            fresh.run(setting)
            with MemoryWatch(fresh.pid) as memory:
                seconds = fresh.seconds(FIT_LENGTH.replace("wide", "huge"))
            fresh.close()
            grew[name] = max(memory.growth / MB, grew.get(name, 0))
            return seconds
        return run

    one, plan = "one process", "the plan chosen (memory of the leader)"
    times = interleaved({
        one: fit(one, "SET max_parallel_workers_per_gather = 0"),
        plan: fit(plan, "RESET max_parallel_workers_per_gather")})
    rows = [[name, f"{median(took):.2f}", number(TIMES * ROWS / median(took)),
             number(grew[name]), met(grew[name], 150)]
            for name, took in times.items()]
    report.section(f"{TIMES} times the rows",
                   f"A fit over {TIMES * ROWS:,} rows.")
    report.table(["", "seconds", "rows a second", "memory grew by, MB",
                  "target"], rows)
    gain = ratio(times[one], times[plan])
    report.text(f"The plan chosen is {number(gain)} × as fast: " +
                (report.figure("fit_huge", gain) if TIMES == 20 else
                 "the target is for twenty times"))


def main():
    data, label = make_data()
    sections = {"levels": bench_levels,
                "fit": lambda: bench_fit(data),
                "score": lambda: bench_score(data, label),
                "detectors": bench_detectors, "huge": bench_huge}
    for name, section in sections.items():
        if ONLY in name:
            progress("section " + name)
            section()
    session.close()
    report.write()


main()
