"""Rows, columns and contamination: every detector of the catalog, swept.

Data are of ad_generate_blobs(): normal rows around three centers, anomalies
anywhere else; where contamination is swept there are two columns, and normal
rows are spread three times as far, so that they overlap. Ten columns, 10,000
rows and 5 % of anomalies where nothing else is swept. Fits and scores are
queries in one process, scan included; seconds are that process's processor
time, so that other work of the machine counts little, and a fit has run once
before, up to 100,000 rows. Memory is the growth of the private pages of a new
process.

One row a call is 8 clients of bench/clients.c, prepared statements, the model by
its name.
"""
import sweep_figures
from lib import (KEEPS, ONLY, ROUNDS, MemoryWatch, Report, Session,
                 clients, detectors, measured_on, median, progress, scaled)

ROWS = [scaled(n, 100) for n in (1_000, 10_000, 100_000, 1_000_000)]
COLUMNS = (2, 10, 50, 200)
CONTAMINATION = (0.01, 0.05, 0.1, 0.3)
USUAL = (scaled(10_000, 100), 10, 0.05)
SECONDS = 0.5                   # about how long scores are timed
LATENCY_SECONDS = 1


def one_process():
    """A session whose queries run in its own process alone."""
    new = Session()
    new.run("SET max_parallel_workers_per_gather = 0")
    new.run("SET jit = off")
    return new


session = one_process()
report = Report("Sweeps over rows, columns and contamination", session, [],
                f"by `make bench`, medians of {ROUNDS} rounds.")
measured = {}


def make(rows, columns, contamination, spread=1):
    """A table of such rows, named after them."""
    name = f"t_{rows}_{columns}_{int(contamination * 1000)}_{spread}"
    if session.value(f"SELECT to_regclass('{name}') IS NULL") == "t":
        session.run(
            f"CREATE TABLE {name} AS SELECT features, is_anomaly FROM "
            f"ad_generate_blobs({rows}, features => {columns}, "
            f"contamination => {contamination}, seed => 1, spread => {spread})")
        session.run(f"VACUUM ANALYZE {name}")
    return name


def memory(detector, table):
    """Megabytes that a fit takes of a new process, less those of a scan."""
    new = one_process()
    new.run(f"SELECT count(features) FROM {table}")
    new.run("SELECT ad_fit('zscore', 1.0::float8)")
    with MemoryWatch(new.pid) as watch:
        new.run(f"SELECT length(ad_fit('{detector}', features)) FROM {table}")
    new.close()
    return watch.growth / 1048576


def fit(detector, table, rows):
    """Seconds and bytes of a fit; the model is in table fitted."""
    statement = (f"INSERT INTO fitted SELECT ad_fit('{detector}', features) "
                 f"FROM {table}")
    session.run("TRUNCATE fitted")
    if rows <= 100_000:
        session.run(statement)
    times = []
    for _ in range(ROUNDS if rows <= 100_000 else min(ROUNDS, 3)):
        session.run("TRUNCATE fitted")
        times.append(session.busy_seconds(statement))
    size = session.value("SELECT octet_length(model) FROM fitted")
    return median(times), float(size)


def score(table, rows):
    """Rows a second, ROC AUC and average precision."""
    def seconds(n):
        return session.busy_seconds(
            "SELECT count(ad_score((SELECT model FROM fitted), features)) "
            f"FROM (SELECT features FROM {table} LIMIT {n}) s")

    seconds(100)
    n = min(rows, 1000)
    used = seconds(n)
    while used < SECONDS / 4 and n < rows:
        n = int(min(rows, n * min(20, max(2, SECONDS / max(used, 1e-4)))))
        used = seconds(n)
    auc, ap = session.run(
        "SELECT ad_roc_auc(s, y), ad_average_precision(s, y) FROM (SELECT "
        "ad_score((SELECT model FROM fitted), features) s, is_anomaly y FROM "
        f"{table} LIMIT 20000) q")[0][0].split("|")
    return n / used, auc, ap


def measure(detector, axis, value, rows, columns, contamination):
    table = make(rows, columns, contamination,
                 3 if axis == "contamination" else 1)
    seconds, size = fit(detector, table, rows)
    speed, auc, ap = score(table, rows)
    row = {"fit_s": seconds, "rows_s": speed, "model_bytes": size}
    if axis == "rows":
        row["memory_mb"] = memory(detector, table)
    if auc:
        row.update(auc=float(auc), ap=float(ap))
    measured[detector, axis, value] = row
    progress(f"{detector} {axis} {value}: {row}")


def latency(detector):
    session.run(f"SELECT ad_train('bench', 'SELECT features FROM "
                f"{make(*USUAL)}', '{detector}')")
    values = ", ".join(f"{i}::float8" for i in range(10))
    runs = [clients(f"SELECT ad_score('bench', ARRAY[{values}])",
                    LATENCY_SECONDS, 8) for _ in range(min(ROUNDS, 3))]
    calls, p50, p95, p99 = (median([run[i] for run in runs]) for i in range(4))
    measured[detector, "clients", 8] = {
        "p50_us": p50, "p95_us": p95, "p99_us": p99, "calls_s": calls}
    progress(f"{detector} clients: {p50} {p95} {p99}")


def sweep():
    session.run("CREATE TABLE fitted (model bytea)")
    rows, columns, contamination = USUAL
    for name in detectors(session):
        for n in ROWS if ONLY in "rows" else ():
            measure(name, "rows", n, n, columns, contamination)
        for n in COLUMNS if ONLY in "columns" else ():
            measure(name, "columns", n, rows, n, contamination)
        for share in CONTAMINATION if ONLY in "contamination" else ():
            measure(name, "contamination", share, rows, 2, share)
        if ONLY in "clients":
            latency(name)


def write():
    report.intro(__doc__.split("\n", 2)[2].strip())
    report.section("Beside figures published for such systems")
    report.table(*sweep_figures.published_table(measured))
    report.section("One row a call, 8 clients")
    report.table(*sweep_figures.latency_table(measured))
    for title, axis, column, factor in (
            ("Rows: fit, ms", "rows", "fit_s", 1e3),
            ("Rows: scored a second", "rows", "rows_s", 1),
            ("Rows: memory of the fit, MB", "rows", "memory_mb", 1),
            ("Rows: model, kB", "rows", "model_bytes", 1e-3),
            ("Columns: fit, ms", "columns", "fit_s", 1e3),
            ("Columns: rows scored a second", "columns", "rows_s", 1),
            ("Columns: ROC AUC", "columns", "auc", 1),
            ("Contamination: ROC AUC", "contamination", "auc", 1),
            ("Contamination: average precision", "contamination", "ap", 1)):
        report.section(title)
        report.table(*sweep_figures.axis_table(measured, axis, column, factor))
    if KEEPS and not ONLY:
        sweep_figures.keep(measured, measured_on(report.server))
    report.write()


sweep()
session.close()
write()
