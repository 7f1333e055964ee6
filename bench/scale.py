"""A million rows, twenty million and a hundred million of ten columns.

A fit in one process and by the plan chosen, and a score in one process, each
beside what ten sums over the same rows cost. BENCH_MILLIONS=1,20 takes those
only. A hundred million float8 rows take 11 GB, which the cache of the
operating system should hold: reading them from a disk is not what is measured.
What the disk has no room for is left out.
"""
import os
import shutil

from lib import (ROUNDS, Report, Session, interleaved, median, number, progress,
                 scaled)
from speed_figures import SCALE_WHAT, SCALES

MILLIONS = [int(n) for n in os.environ.get(
    "BENCH_MILLIONS", ",".join(map(str, SCALES))).split(",")]
MILLION = scaled(1_000_000, 1000)
COLUMNS = ", ".join(f"c{i}" for i in range(1, 11))
SUMS = "SELECT " + ", ".join(f"sum(c{i})" for i in range(1, 11)) + " FROM {}"
FIT = f"SELECT octet_length(ad_fit(ad_iforest(), {COLUMNS})) FROM {{}}"
SCORE = f"SELECT max(ad_score((SELECT model FROM models), {COLUMNS})) FROM {{}}"

# where the server can write
FILE = os.environ["PGHOST"] + "/million"
ROW_BYTES = 110

session = Session()
report = Report("From a million rows to a hundred million", session, [
    "ten float8 columns, an isolation forest of 100 trees × 256 rows",
    "times of one process are its processor time, of the plan chosen the "
    "clock's"])


def one(statement):
    def run():
        session.run("SET max_parallel_workers_per_gather = 0")
        return session.busy_seconds(statement)
    return run


def plan(statement):
    def run():
        session.run("RESET max_parallel_workers_per_gather")
        return session.seconds(statement)
    return run


def make_million():
    values = ", ".join(f"ad_random({i}, r, 'normal') AS c{i}"
                       for i in range(1, 11))
    session.run(f"CREATE UNLOGGED TABLE million AS SELECT {values} "
                f"FROM generate_series(1, {MILLION}) r")
    session.run("CREATE TABLE models AS SELECT "
                f"ad_fit(ad_iforest(), {COLUMNS}) AS model FROM million")
    session.run(f"COPY million TO '{FILE}' (FORMAT binary)")
    session.run("SET jit = off")
    session.run("SET synchronize_seqscans = off")


def measure(n):
    if ROW_BYTES * n * MILLION * 1.2 > shutil.disk_usage(os.environ["PGHOST"]).free:
        progress(f"no room for {n * MILLION:,} rows")
        return [f"{n * MILLION:,}", "no room on the disk"] + [""] * len(SCALE_WHAT)
    progress(f"making {n * MILLION:,} rows")
    # frozen, so that nobody writes to them again
    session.run("BEGIN")
    session.run("CREATE UNLOGGED TABLE many (LIKE million)")
    for _ in range(n):
        session.run(f"COPY many FROM '{FILE}' (FORMAT binary, FREEZE)")
    session.run("COMMIT")
    session.run("ANALYZE many")
    os.sync()
    statements = {what: kind(text.format("many")) for what, kind, text in (
        ("sums", one, SUMS), ("fit", one, FIT), ("sums_plan", plan, SUMS),
        ("fit_plan", plan, FIT), ("score", one, SCORE))}
    session.run(SUMS.format("many"))
    times = interleaved(statements)
    session.run("DROP TABLE many")
    took = {what: median(times[what]) for what, _ in SCALE_WHAT}
    if n in SCALES:
        for what, x in took.items():
            report.figures[f"scale_{what}_{n}"] = x
    return [f"{n * MILLION:,}"] + [number(x) for x in took.values()] + [
        number(took["fit"] / took["sums"])]


make_million()
report.section("Fit and score", f"Medians of {ROUNDS} interleaved rounds.")
report.table(["rows"] + [name for _, name in SCALE_WHAT] + ["fit ÷ sums"],
             [measure(n) for n in MILLIONS])
session.close()
report.write()
