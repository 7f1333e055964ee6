"""Named models: what a name costs over the bytes.

One row by a prepared statement, and many rows by a query, with the model
named and with its bytes from a table; as a superuser, and as a role whose
right comes from the last of twenty grants.
"""
from lib import (ROUNDS, OneProcessor, Report, Session, clients, interleaved,
                 median, met, number, progress, ratio, scaled)

ROWS = scaled(1_000_000, 1000)
SECONDS = 3 if ROWS >= 1_000_000 else 1
ARGUMENTS = "1.5::float8, 0.5::float8, 2.5::float8"
BYTES = "(SELECT model FROM models WHERE name = 'bench')"

session = Session()
report = Report("Named models", session, [
    f"an isolation forest of 100 trees over {ROWS:,} rows of three float8 "
    "columns"])


def make_data():
    progress(f"making {ROWS:,} rows")
    session.run("SELECT setseed(0.5)")
    session.run(f"CREATE UNLOGGED TABLE wide AS SELECT random() AS a, "
                f"random() AS b, random() AS c FROM generate_series(1, {ROWS})")
    session.run("SELECT ad_train('bench', 'TABLE wide', ad_iforest())")
    session.run("CREATE TABLE models AS SELECT 'bench'::text AS name, "
                "ad_model('bench') AS model")
    session.run("ALTER TABLE models ADD PRIMARY KEY (name)")
    for i in range(20):
        session.run(f"CREATE ROLE bench_{i} LOGIN")
        session.run(f"SELECT ad_grant_model('bench', 'bench_{i}', 'score')")
    session.run("GRANT SELECT ON models, wide TO bench_19")
    session.run("VACUUM ANALYZE")


def bench_single():
    by_bytes = f"SELECT ad_score({BYTES}, {ARGUMENTS})"
    by_name = f"SELECT ad_score('bench', {ARGUMENTS})"
    runs = {"`SELECT 1`": ("SELECT 1", None),
            "bytes from a table": (by_bytes, None),
            "by name": (by_name, None),
            "bytes from a table, a role": (by_bytes, "bench_19"),
            "by name, a role": (by_name, "bench_19")}
    taken = {name: [] for name in runs}
    with OneProcessor(session):
        for i in range(ROUNDS):
            for name, (statement, user) in runs.items():
                _, _, _, p99, mean = clients(statement, SECONDS, 1, user=user)
                taken[name].append((mean, p99))
            progress(f"one client, round {i + 1}/{ROUNDS}")
    rows = []
    for name, values in taken.items():
        row = [name, *(number(median(x)) for x in zip(*values)), ""]
        if name.startswith("by name"):
            base = taken[name.replace("by name", "bytes from a table")]
            more = median([v[0] - b[0] for v, b in zip(values, base)])
            row[3] = f"{more:.1f} more; {met(more, 40)}"
        rows.append(row)
    report.section("One row", "A prepared statement in a warm session; one "
                   "client on a unix socket, on one processor with its backend. "
                   "The mean is of the fastest 99 %.")
    report.table(["", "mean µs", "p99", "target"], rows)


def bench_scan():
    def timed(model):
        return lambda: session.seconds(
            f"SELECT max(ad_score({model}, a, b, c)) FROM wide")

    session.run("SET max_parallel_workers_per_gather = 0")
    times = interleaved({"bytes from a table": timed(BYTES),
                         "by name": timed("'bench'")})
    rows = [[name, f"{median(run):.3f}",
             f"{ratio(run, times['bytes from a table']):.3f}"]
            for name, run in times.items()]
    report.section("A scan", f"{ROWS:,} rows, one process.")
    report.table(["", "seconds", "beside the bytes"], rows)


make_data()
bench_single()
bench_scan()
session.close()
report.write()
