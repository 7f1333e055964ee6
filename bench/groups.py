"""A model a group: fits, sizes, scoring by a join, and where models are kept.

Groups of 1,000 rows of two features in mixed order; 100 trees of 256 rows.
"""
from lib import (MB, ROUNDS, MemoryWatch, Report, Session, median, number,
                 progress, scaled)

GROUPS = scaled(2000, 20)
FEW = min(GROUPS, 1000)         # models scored in mixed order
FIT = "ad_fit(ad_iforest(), amount, hour)"

session = Session()
report = Report("A model a group", session, [
    f"{GROUPS:,} groups of 1,000 rows in mixed order, two features, "
    "an isolation forest of 100 trees × 256 rows",
    "times are processor time of one process"])


def one_process():
    fresh = Session()
    fresh.run("SET max_parallel_workers_per_gather = 0")
    fresh.run("SET work_mem = '64MB'")
    return fresh


def make_data():
    progress(f"making {GROUPS:,} groups")
    session.run("SELECT setseed(0.5)")
    session.run(f"""
        CREATE UNLOGGED TABLE payments AS
        SELECT i % {GROUPS} AS merchant, exp(2 * random()) * 10 AS amount,
               floor(24 * random()) AS hour
        FROM generate_series(0, {GROUPS} * 1000 - 1) i""")
    session.run("CREATE UNLOGGED TABLE short AS SELECT * FROM payments "
                f"LIMIT {GROUPS * 100}")
    session.run("CREATE UNLOGGED TABLE ordered AS "
                "SELECT * FROM payments ORDER BY merchant")
    for table in ("models", "short_models"):
        session.run(f"CREATE UNLOGGED TABLE {table} (merchant int PRIMARY KEY, "
                    "model bytea)")
        session.run(f"ALTER TABLE {table} ALTER model SET STORAGE EXTERNAL")
    session.run("VACUUM ANALYZE")


def bench_fit():
    rows = []
    for name, table, key in (
            ("1,000 rows", "payments", "group_kb_1000"),
            ("100 rows", "short", "group_kb_100")):
        fit, summed = [], []
        for _ in range(ROUNDS):
            fresh = one_process()
            with MemoryWatch(fresh.pid) as memory:
                fit.append(fresh.busy_seconds(
                    f"CREATE TEMP TABLE fitted AS SELECT merchant, {FIT} AS model "
                    f"FROM {table} GROUP BY merchant"))
            summed.append(fresh.busy_seconds(
                "SELECT count(*), sum(a) FROM (SELECT merchant, sum(amount) a, "
                f"sum(hour) FROM {table} GROUP BY merchant) g"))
            if len(fit) < ROUNDS:
                fresh.close()
        seconds, sums = median(fit), median(summed)
        kb = float(fresh.value("SELECT avg(octet_length(model)) "
                               "FROM fitted")) / 1024
        target = "models" if table == "payments" else "short_models"
        fresh.run(f"INSERT INTO {target} TABLE fitted")
        fresh.close()
        ms = seconds / GROUPS * 1000
        if table == "short":
            report.figure("group_fit_100", ms)
        rows.append([name, number(ms), number(sums / GROUPS * 1000),
                     number(kb), number(memory.growth / MB),
                     (report.figure("group_fit", ms) + " ms, "
                      if table == "payments" else "") +
                     report.figure(key, kb) + " kB"])
        progress(f"{name}: {ms:.2f} ms, {kb:.1f} kB")
    report.section("Fit", "One process, stored in a temporary table.")
    report.table(["a group", "fit, ms", "two sums, ms", "kB a model",
                  "memory grew by, MB", "target"], rows)


def bench_score():
    session.run("VACUUM ANALYZE models")
    mixed = (f"(SELECT * FROM payments WHERE merchant < {FEW} "
             f"LIMIT {FEW * 10})")
    rows = []
    for name, table, cache, nrows, key in (
            ("in the order of groups", "ordered", None, GROUPS * 1000,
             "group_sorted"),
            ("mixed, a cache of 2 GB", mixed, "2GB", FEW * 10, "group_fits"),
            ("mixed, a cache of 64 MB", mixed, "64MB", FEW * 10,
             "group_misses")):
        took = []
        statement = ("SELECT max(ad_score(m.model, p.amount, p.hour)) "
                     f"FROM {table} p JOIN models m USING (merchant)")
        for _ in range(ROUNDS):
            fresh = one_process()
            # the mixed ones are scored by models that earlier rows brought in
            if cache:
                fresh.run(f"SET anomaly.model_cache_size = '{cache}'")
                fresh.run(statement)
            with MemoryWatch(fresh.pid) as memory:
                took.append(fresh.busy_seconds(statement))
            fresh.close()
        us = median(took) / nrows * 1e6
        progress(f"{name}: {us:.2f} µs")
        rows.append([name, f"{nrows:,}", number(us),
                     number(memory.growth / MB), report.figure(key, us)])
    report.section("Score by a join", f"One process. In mixed order every row "
                   f"has another of {FEW:,} models than the row before; "
                   "a second run of the statement.")
    report.table(["", "rows", "µs a row", "memory grew by, MB", "target"],
                 rows)


def bench_storage():
    """What compression that saves nothing costs, in a plain bytea column."""
    session.run("CREATE TEMP TABLE source (what text, value bytea)")
    session.run("ALTER TABLE source ALTER value SET STORAGE EXTERNAL")
    session.run("INSERT INTO source SELECT 'sketch', ad_sketch("
                "ad_lof() || ad_sampling(rows => 26200), "
                + ", ".join(f"ad_random({i}, r, 'normal')"
                            for i in range(1, 21)) +
                ") FROM generate_series(1, 26200) r")
    session.run("INSERT INTO source SELECT 'model', ad_fit(ad_iforest("
                "trees => 7), amount, hour) FROM payments")
    rows = []
    for what in ("sketch", "model"):
        size = int(session.value("SELECT octet_length(value) FROM source "
                                 f"WHERE what = '{what}'"))
        row = [f"a {what} of {size / 1000:,.0f} kB"]
        for storage, key in (("EXTENDED", "pglz"), ("EXTERNAL", "external")):
            session.run("CREATE TEMP TABLE kept (value bytea)")
            session.run(f"ALTER TABLE kept ALTER value SET STORAGE {storage}")
            times = [session.busy_seconds("INSERT INTO kept SELECT value || '' "
                                     f"FROM source WHERE what = '{what}'")
                     for _ in range(7)]
            ms = median(times) * 1000
            report.figure(f"{key}_{what}", ms)
            row += [number(ms), session.value(
                "SELECT pg_size_pretty(pg_table_size('kept') / 7)")]
            session.run("DROP TABLE kept")
        rows.append(row)
    report.section("Stored in a column", "INSERT of one value; with pglz, the "
                   "default, and with STORAGE EXTERNAL.")
    report.table(["", "pglz, ms", "on disk", "EXTERNAL, ms", "on disk"], rows)


make_data()
bench_fit()
bench_score()
bench_storage()
session.close()
report.write()
