"""One row in a warm session, by pgbench.

With one client, pgbench and its backend share a processor: otherwise each
waits for the other's to wake up, `SELECT 1` takes 70 microseconds where
nothing else runs and 6 where something does, and the score's own time is lost
in that.  Latencies of pgbench also count from the first line of a script: ten
random numbers drawn by \\set and sent as text take as long as a score, as the
last two lines show. More clients are in bench/concurrency.py.
"""
import numpy as np

from lib import (ROUNDS, OneProcessor, Report, Session, median, number, pgbench_latencies,
                 progress, scaled)

ROWS = scaled(100_000, 1000)
SECONDS = 3 if ROWS >= 100_000 else 1
VALUES = ", ".join(f"{i / 10}::float8" for i in range(-4, 6))
SETS = "".join(f"\\set v{i} random(-3000, 3000)\n" for i in range(1, 11))
SENT = ", ".join(f":v{i} / 1000.0::float8" for i in range(1, 11))
ROW = "`ad_score` of a row, model "
BYTES = f"SELECT ad_score((SELECT model FROM models), {VALUES});\n"
# What is measured, its key, the script, a client's arguments.
RUNS = [
    ("`SELECT 1`", "row_select", "SELECT 1;\n"),
    (ROW + "by name", "row_name", f"SELECT ad_score('bench', {VALUES});\n"),
    (ROW + "by its bytes, from a table", "row_bytes", BYTES),
    ("`SELECT 1` with ten \\set", None, SETS + "SELECT 1;\n"),
    (ROW + "by its bytes, ten \\set, values sent as text", None,
     SETS + f"SELECT ad_score(model, {SENT}) FROM models;\n"),
]

session = Session()
report = Report("One row", session, [
    "an isolation forest of 100 trees, ten float8 columns"])


def make_data():
    columns = ", ".join(f"ad_random({i}, r, 'normal') AS c{i}"
                        for i in range(1, 11))
    session.run(f"CREATE TABLE wide AS SELECT {columns} "
                f"FROM generate_series(1, {ROWS}) r")
    session.run("SELECT ad_train('bench', 'TABLE wide', ad_iforest())")
    session.run("CREATE TABLE models AS SELECT ad_model('bench') AS model")
    session.run("VACUUM ANALYZE")


def percentiles(runs, *which):
    """Medians over the runs of percentiles of each."""
    return [median([float(np.percentile(run, p)) for run in runs])
            for p in which]


def bench_latency():
    latencies = {name: [] for name, *_ in RUNS}
    with OneProcessor(session):
        for i in range(ROUNDS):
            for name, _, script in RUNS:
                latencies[name].append(pgbench_latencies(script, SECONDS))
            progress(f"one client, round {i + 1}/{ROUNDS}")
    rows = []
    for name, key, _ in RUNS:
        # whole microseconds are coarse: the mean of the fastest 99 %
        mean = median([float(np.mean(np.sort(run)[:len(run) * 99 // 100]))
                       for run in latencies[name]])
        rows.append([name, number(mean),
                     *map(number, percentiles(latencies[name], 50, 95, 99)),
                     report.figure(key, mean) if key else ""])
    report.section("One client", "Prepared statements, a unix socket, pgbench "
                   "and its backend on one processor. The mean is of the "
                   "fastest 99 %.")
    report.table(["", "mean µs", "p50", "p95", "p99", "target (mean)"], rows)


make_data()
bench_latency()
session.close()
report.write()
