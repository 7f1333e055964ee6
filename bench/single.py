"""One row in a warm session, by bench/clients.c.

The client and its backend share a processor: otherwise each waits for the
other's to wake up, `SELECT 1` takes 70 microseconds where nothing else runs and
6 where something does, and the score's own time is lost in that. More clients
are in bench/concurrency.py.
"""
from lib import (ROUNDS, OneProcessor, Report, Session, clients, median,
                 number, progress, scaled)

ROWS = scaled(100_000, 1000)
SECONDS = 3 if ROWS >= 100_000 else 1
VALUES = ", ".join(f"{i / 10}::float8" for i in range(-4, 6))
ROW = "`ad_score` of a row, model "
# What is measured, its key, the statement.
RUNS = [
    ("`SELECT 1`", "row_select", "SELECT 1"),
    (ROW + "by name", "row_name", f"SELECT ad_score('bench', {VALUES})"),
    (ROW + "by its bytes, from a table", "row_bytes",
     f"SELECT ad_score((SELECT model FROM models), {VALUES})"),
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


def bench_latency():
    runs = {key: [] for _, key, _ in RUNS}
    with OneProcessor(session):
        for i in range(ROUNDS):
            for _, key, statement in RUNS:
                runs[key].append(clients(statement, SECONDS, 1))
            progress(f"one client, round {i + 1}/{ROUNDS}")
    rows = []
    for name, key, _ in RUNS:
        _, p50, p95, p99, mean = (median(x) for x in zip(*runs[key]))
        rows.append([name, *map(number, (mean, p50, p95, p99)),
                     report.figure(key, mean)])
    report.section("One client", "Prepared statements, a unix socket, the client "
                   "and its backend on one processor. The mean is of the "
                   "fastest 99 %.")
    report.table(["", "mean µs", "p50", "p95", "p99", "target (mean)"], rows)


make_data()
bench_latency()
session.close()
report.write()
