"""Isolation forest: speed and memory, beside scikit-learn on the same data.

1,000,000 rows of ten float8 columns, 90 % N(0, 1) and 10 % N(3, 0.5);
100 trees of 256 rows.
"""
import os
import time

import numpy as np
import sklearn
from sklearn.ensemble import IsolationForest
from sklearn.ensemble._iforest import _average_path_length
from sklearn.metrics import roc_auc_score

from lib import (MB, ONLY, ROUNDS, MemoryWatch, Report, Session, copy_doubles,
                 interleaved, median, met, number, pgbench_latencies,
                 progress, ratio, scaled)

ROWS = scaled(1_000_000, 1000)
COLUMNS = ", ".join(f"c{i}" for i in range(1, 11))
SPEC = "ad_iforest(trees => 100, sample_size => 256)"
SUM = "SELECT " + ", ".join(f"sum(c{i})" for i in range(1, 11)) + " FROM wide"
FIT = f"SELECT ad_fit({SPEC}, {COLUMNS}) FROM wide"
FIT_LENGTH = FIT.replace("ad_fit", "octet_length(ad_fit", 1).replace(
    ") FROM", ")) FROM")
MODEL = "(SELECT model FROM models WHERE name = 'bench')"
SCORE = f"SELECT max(ad_score({MODEL}, {COLUMNS})) FROM wide"

session = Session()
report = Report("Isolation forest: speed and memory", session, [
    f"scikit-learn {sklearn.__version__}, numpy {np.__version__}",
    f"{ROWS:,} rows × 10 float8 columns, 100 trees × 256 rows, unless said "
    "otherwise"])


def workers(n):
    session.run(f"SET max_parallel_workers_per_gather = {n}"
                if n is not None else "RESET max_parallel_workers_per_gather")


def timed(statement, nworkers):
    def run():
        workers(nworkers)
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
    label = (np.arange(ROWS) % 10 == 0).astype(int)
    rng.shuffle(label)
    data = np.where(label[:, None] == 1, rng.normal(3, 0.5, (ROWS, 10)),
                    rng.normal(0, 1, (ROWS, 10)))
    columns = ", ".join(f"c{i} float8" for i in range(1, 11))
    session.run(f"CREATE TABLE wide ({columns})")
    copy_doubles("wide", data)
    session.run("VACUUM ANALYZE wide")
    session.run("CREATE TABLE models (name text PRIMARY KEY, model bytea)")
    session.run(f"INSERT INTO models SELECT 'bench', ({FIT})")
    session.run("SET synchronize_seqscans = off")
    session.run(SUM)
    return data, label


def speedup_rows(what, times):
    one = times["one process"]
    rows = []
    for name, ours in times.items():
        rows.append([f"{what}, {name}", f"{median(ours):.3f}",
                     number(ROWS / median(ours)), number(ratio(one, ours)),
                     "" if ours is one else
                     met(ratio(one, ours), 1.7, at_most=False)])
    return rows


def bench_fit(data):
    times = interleaved({
        "ad_fit": timed(FIT_LENGTH, 0), "sum": timed(SUM, 0),
        "sk": called(lambda: IsolationForest(
            n_estimators=100, max_samples=256, random_state=1).fit(data))})
    against = ratio(times["ad_fit"], times["sum"])
    report.section("Fit", "One process, table in cache, against the time of "
                   "`SELECT sum(c1), …, sum(c10)` over the same table.")
    report.table(["", "seconds", "rows a second", "of the sums", "target"], [
        ["`ad_fit`", f"{median(times['ad_fit']):.3f}",
         number(ROWS / median(times["ad_fit"])), number(against),
         met(against, 1.5)],
        ["ten sums", f"{median(times['sum']):.3f}",
         number(ROWS / median(times["sum"])), "1", ""],
        ["scikit-learn, from an array in memory",
         f"{median(times['sk']):.3f}", number(ROWS / median(times["sk"])),
         number(ratio(times["sk"], times["sum"])), ""]])


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


def bench_score(data, label):
    forests = {jobs: IsolationForest(n_estimators=100, max_samples=256,
                                     random_state=1, n_jobs=jobs).fit(data)
               for jobs in (None, 2)}
    newer = newer_score_samples(forests[None])
    head = data[:10000]
    if not np.allclose(newer(head), forests[None].score_samples(head)):
        raise RuntimeError("the emulation of the newer method is wrong")

    times = interleaved({
        "ours": timed(SCORE, 0),
        "newer": called(lambda: newer(data)),
        "sk": called(lambda: forests[None].score_samples(data)),
        "sk2": called(lambda: forests[2].score_samples(data))})
    rows = [["`SELECT max(ad_score(…))`, scan included",
             f"{median(times['ours']):.3f}",
             number(ROWS / median(times["ours"])), "1", ""]]
    for key, name, target in (
            ("sk", f"scikit-learn {sklearn.__version__} `score_samples`", 20),
            ("sk2", "the same with `n_jobs=2`", None),
            ("newer", "method of scikit-learn ≥ 1.3, emulated", 4)):
        against = ratio(times[key], times["ours"])
        rows.append([name, f"{median(times[key]):.3f}",
                     number(ROWS / median(times[key])), number(against),
                     met(against, target, at_most=False) if target else ""])

    workers(0)
    ours = np.array(session.run(
        f"SELECT ad_score({MODEL}, {COLUMNS}) FROM wide")[0], dtype=float)
    workers(None)
    report.section("Score", "One process and one thread, but where said; "
                   "scikit-learn reads an array in memory.")
    report.table(["", "seconds", "rows a second", "times ours", "target"],
                 rows)
    report.text(
        f"ROC AUC of the same rows: {roc_auc_score(label, ours):.4f}, "
        "scikit-learn "
        f"{roc_auc_score(label, -newer(data)):.4f}.")


def bench_parallel():
    names = {"one process": 0, "and 1 worker": 1, "and 2 workers": 2,
             "default settings": None}
    fit = interleaved({name: timed(FIT_LENGTH, n) for name, n in names.items()})
    score = interleaved({name: timed(SCORE, n) for name, n in names.items()})
    report.section("Two workers", f"On {os.cpu_count()} processors. The last "
                   "line of each is the plan that PostgreSQL chooses by "
                   "itself.")
    report.table(["", "seconds", "rows a second", "speed-up", "target"],
                 speedup_rows("fit", fit) + speedup_rows("score", score))
    workers(None)
    report.text("The plans chosen at default settings:")
    report.plan(session.plan(FIT) + [""] + session.plan(SCORE))


def bench_single():
    values = "".join(f"\\set v{i} random(-3000, 3000)\n" for i in range(1, 11))
    arguments = ", ".join(f":v{i} / 1000.0::float8" for i in range(1, 11))
    scripts = {
        "`SELECT 1`": "SELECT 1;\n",
        "the model's size from the table":
            "SELECT octet_length(model) FROM models WHERE name = 'bench';\n",
        "`ad_score` of one row":
            values + f"SELECT ad_score(model, {arguments}) "
            "FROM models WHERE name = 'bench';\n"}
    latencies = {name: [] for name in scripts}
    for i in range(ROUNDS):
        for name, script in scripts.items():
            latencies[name].append(pgbench_latencies(
                script, 5 if ROWS >= 1_000_000 else 1))
        progress(f"pgbench round {i + 1}/{ROUNDS}")
    rows = []
    for name, runs in latencies.items():
        p50 = median([float(np.percentile(run, 50)) for run in runs])
        p99 = median([float(np.percentile(run, 99)) for run in runs])
        rows.append([name, number(p50), number(p99),
                     met(p50, 150) if name.startswith("`ad") else ""])
    report.section("One row", "A prepared statement in a warm session, the "
                   "model in a table; pgbench, one client on a unix socket.")
    report.table(["", "median µs", "99 % µs", "target (median)"], rows)


def bench_groups():
    groups = scaled(10_000, 20)
    progress(f"making {groups:,} groups")
    session.run("SELECT setseed(0.5)")
    session.run(f"""
        CREATE UNLOGGED TABLE payments AS
        SELECT i % {groups} AS merchant, exp(2 * random()) * 10 AS amount,
               floor(24 * random()) AS hour
        FROM generate_series(0, {groups} * 1000 - 1) i""")
    session.run("VACUUM ANALYZE payments")
    spec = os.environ.get("BENCH_GROUP_SPEC", SPEC)
    fit = f"SELECT merchant, ad_fit({spec}, amount, hour) AS model " \
          "FROM payments GROUP BY merchant"
    sums = "SELECT count(*), sum(a) FROM (SELECT merchant, sum(amount) a, " \
           "sum(hour) FROM payments GROUP BY merchant) g"
    rows = []
    for name, statement in (
            ("two sums a group", sums),
            ("`ad_fit` a group",
             f"SELECT count(*), sum(octet_length(model)) FROM ({fit}) g")):
        fresh = Session()
        fresh.run("SET work_mem = '64MB'")
        fresh.run("SET max_parallel_workers_per_gather = 0")
        temp = ("SELECT pg_stat_get_db_temp_bytes(oid) FROM pg_database "
                "WHERE datname = current_database()")
        before = int(fresh.value(temp))
        with MemoryWatch(fresh.pid) as memory:
            result, seconds = fresh.run(statement)
        plan = fresh.plan(statement)
        fresh.close()
        time.sleep(1)           # statistics arrive when the session has ended
        spilled = int(session.value(temp)) - before
        progress(f"{name}: {seconds:.1f} s, {result[0]}")
        rows.append([name, f"{seconds:.2f}",
                     number(seconds / groups * 1e6),
                     number(memory.growth / MB), number(spilled / MB)])
    report.section("A model a group",
                   f"{groups:,} groups × 1,000 rows in mixed order, two "
                   "features, work_mem 64 MB, one process. One run each.")
    report.table(["", "seconds", "µs a group", "memory grew by, MB",
                  "temporary files, MB"], rows)
    report.plan(plan)

    session.run("SET work_mem = '64MB'")
    session.run("CREATE TABLE merchant_models (merchant int PRIMARY KEY, "
                "model bytea)")
    session.run(f"INSERT INTO merchant_models {fit}")
    session.run("RESET work_mem")
    session.run("CREATE UNLOGGED TABLE ordered AS "
                "SELECT * FROM payments ORDER BY merchant")
    session.run("VACUUM ANALYZE merchant_models")
    session.run("VACUUM ANALYZE ordered")
    mixed = min(groups * 2, 20_000)
    rows = []
    for name, table, nrows in (
            ("rows ordered by merchant", "ordered", groups * 1000),
            ("rows in mixed order: every row another model",
             f"(SELECT * FROM payments LIMIT {mixed})", mixed)):
        fresh = Session()
        fresh.run("SET max_parallel_workers_per_gather = 0")
        statement = ("SELECT max(ad_score(m.model, p.amount, p.hour)) FROM "
                     f"{table} p JOIN merchant_models m USING (merchant)")
        with MemoryWatch(fresh.pid) as memory:
            seconds = fresh.seconds(statement)
        fresh.close()
        rows.append([name, f"{nrows:,}", f"{seconds:.2f}",
                     number(seconds / nrows * 1e6),
                     number(seconds / groups * 1e6),
                     number(memory.growth / MB)])
    size = int(session.value("SELECT avg(octet_length(model))::int "
                             "FROM merchant_models"))
    report.text(f"Scoring by a join with the {groups:,} stored models of "
                f"{size / 1024:.0f} kB each, one process:")
    report.table(["", "rows", "seconds", "µs a row", "µs a model",
                  "memory grew by, MB"], rows)


def bench_huge():
    times = 20
    progress(f"making {times * ROWS:,} rows")
    session.run("CREATE UNLOGGED TABLE huge AS SELECT w.* "
                f"FROM generate_series(1, {times}) AS i, wide AS w")
    session.run("VACUUM ANALYZE huge")
    rows = []
    for name, setting in (
            ("one process", "SET max_parallel_workers_per_gather = 0"),
            ("default settings (memory of the leader)",
             "RESET max_parallel_workers_per_gather")):
        fresh = Session()
        fresh.run(setting)
        with MemoryWatch(fresh.pid) as memory:
            seconds = fresh.seconds(FIT_LENGTH.replace("wide", "huge"))
        fresh.close()
        rows.append([name, f"{seconds:.2f}", number(times * ROWS / seconds),
                     number(memory.growth / MB),
                     met(memory.growth / MB, 150)])
    report.section("Twenty million rows",
                   f"A fit over {times * ROWS:,} rows. One run each.")
    report.table(["", "seconds", "rows a second", "memory grew by, MB",
                  "target"], rows)


def main():
    data, label = make_data()
    sections = {"fit": lambda: bench_fit(data),
                "score": lambda: bench_score(data, label),
                "parallel": bench_parallel, "single": bench_single,
                "groups": bench_groups, "huge": bench_huge}
    for name, section in sections.items():
        if ONLY in name:
            progress("section " + name)
            section()
    session.close()
    report.write()


main()
