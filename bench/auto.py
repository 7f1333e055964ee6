"""The automatic detector: rows scored a second, and an absurd value.

50,000 rows of ten float8 columns, 90 % N(0, 1) and 10 % N(3, 0.5); a model of
each spec with its defaults, scored at each level of anomaly.simd. Accuracy is
bench/accuracy.py's, what a fit costs bench/detectors.py's.
"""
import numpy as np

from lib import (Report, Session, copy_doubles, interleaved, median, number,
                 scaled)

ROWS = scaled(50_000, 1000)
COLUMNS = ", ".join(f"c{i}" for i in range(1, 11))
LEVELS = ("off", "avx2", "auto")
NAMES = ("auto", "subknn", "fair_forest", "ecod", "iforest")
FEATURES = 30
ABSURD = 1000

session = Session()
report = Report("The automatic detector", session, [
    f"{ROWS:,} rows of ten float8 columns; processor time of one process, "
    "scan included"])


def make_rows():
    rng = np.random.default_rng(20260101)
    label = np.arange(ROWS) % 10 == 0
    rng.shuffle(label)
    data = np.where(label[:, None], rng.normal(3, 0.5, (ROWS, 10)),
                    rng.normal(0, 1, (ROWS, 10)))
    columns = ", ".join(f"c{i} float8" for i in range(1, 11))
    session.run(f"CREATE TABLE wide ({columns})")
    copy_doubles("wide", data)
    session.run("VACUUM ANALYZE wide")


def bench_score():
    session.run("CREATE TABLE models AS " + " UNION ALL ".join(
        f"SELECT '{name}' AS name, ad_fit(ad_{name}(), {COLUMNS}) AS model "
        "FROM wide" for name in NAMES))

    def at_level(name, level):
        def run():
            session.run(f"SET anomaly.simd = {level}")
            return session.busy_seconds(
                f"SELECT max(ad_score((SELECT model FROM models WHERE name = "
                f"'{name}'), {COLUMNS})) FROM wide")
        return run

    times = interleaved({(name, level): at_level(name, level)
                         for name in NAMES for level in LEVELS})
    session.run("RESET anomaly.simd")
    rows = []
    for name in NAMES:
        for level in LEVELS:
            rate = ROWS / median(times[name, level])
            verdict = ""
            if name in ("auto", "subknn"):
                verdict = report.figure(f"{name}_{level}", rate)
            rows.append([f"`ad_{name}()`, `simd` {level}", number(rate),
                         verdict])
    report.section("Score", "Rows a second, of one process on one processor.")
    report.table(["", "rows a second", "target"], rows)


def bench_absurd():
    """p-values of rows of which one value among many is absurd."""
    rng = np.random.default_rng(20260102)
    data = rng.normal(0, 1, (scaled(10_000, 1000), FEATURES))
    data[:, -1] = np.exp(data[:, -1] + 3)
    columns = [f"c{i}" for i in range(1, FEATURES + 1)]
    session.run("CREATE TABLE paid (" + ", ".join(
        f"{c} float8" for c in columns) + ")")
    copy_doubles("paid", data)
    rows = []
    for name in ("auto", "iforest"):
        got = session.value(
            f"WITH m AS MATERIALIZED (SELECT ad_fit(ad_{name}() || "
            f"ad_calibrate(), {', '.join(columns)}) AS m FROM paid) "
            "SELECT concat_ws(' ', percentile_cont(0.5) WITHIN GROUP "
            "(ORDER BY p), max(p), "
            "min((ad_info(m) #>> '{calibration,least_p}')::float8)) "
            f"FROM (SELECT m, ad_pvalue(m, {', '.join(columns[:-1])}, 99999) "
            f"AS p FROM m, (SELECT * FROM paid LIMIT {ABSURD}) r) p").split()
        rows.append([f"`ad_{name}() \\|\\| ad_calibrate()`"] +
                    [f"{float(p):.4f}" for p in got])
    report.section(
        "An absurd value", f"{len(data):,} rows of {FEATURES - 1} N(0, 1) and "
        f"a log-normal amount; of {ABSURD:,} of them with an amount of 99,999 "
        "the p-values.")
    report.table(["", "median", "greatest", "least there is"], rows)


session.run("SET max_parallel_workers_per_gather = 0")
session.run("SET jit = off")
make_rows()
bench_score()
bench_absurd()
session.close()
report.write()
