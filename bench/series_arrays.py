"""Series generated in the database and scored there, values a second.

Each statement generates SERIES series of POINTS points as arrays, one after
the other, and does something with each: nothing, decompose it, or run it
through a new stream. Nothing is read but a table of seeds, and for streams one
array of times. In one backend, and in two at once, each with its own series.

bench/results/series_arrays.tsv has a line a measurement; docs/benchmark.md has
the table (bench/series_arrays_figures.py).
"""
import threading
import time

from lib import (KEEPS, ONLY, ROUNDS, Report, Session, median, measured_on,
                 progress, scaled)
from series_arrays_figures import TASKS, keep, rows, HEADER

POINTS = 100_000
SERIES = scaled(100, 4)         # of what is fast
FEW = scaled(10, 2)             # of what decomposes or scores

sessions = [Session(), Session()]
report = Report("Series generated and scored", sessions[0], [
    f"series of {POINTS:,} points, as arrays; medians of {ROUNDS} rounds"],
    "by bench/series_arrays.py: all of it interleaved in one run.")


def prepare():
    sessions[0].run("CREATE TABLE seeds AS SELECT s FROM generate_series(1, "
                    f"{10 * SERIES}) s; ANALYZE seeds")
    sessions[0].run(f"""
        CREATE TABLE times AS
        SELECT array_agg(i ORDER BY i) AS numbers,
               array_agg(timestamptz '2026-01-01 00:00+00' + i * interval '1 hour' ORDER BY i) AS hours
        FROM generate_series(1::bigint, {POINTS}) i""")
    for session in sessions:
        session.run("SET max_parallel_workers_per_gather = 0; SET jit = off")


def statement(what, series, process):
    return (f"SELECT sum({what.format(n=POINTS)}) FROM times, seeds "
            f"WHERE s > {process * series} AND s <= {(process + 1) * series}")


def measure(task, processes):
    """Values a second: of processor time, and by the clock."""
    series = SERIES if task.fast else FEW
    used = []

    def run(process):
        used.append(sessions[process].busy_seconds(
            statement(task.what, series, process)))

    for session in sessions:
        session.run(f"SET anomaly.simd = {task.simd}")
    threads = [threading.Thread(target=run, args=(p,))
               for p in range(processes)]
    before = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.monotonic() - before
    values = series * POINTS * processes
    return values / sum(used), values / elapsed


prepare()
measured = {}
for turn in range(ROUNDS + 1):
    for task in TASKS:
        for processes in (1, 2):
            figures = measure(task, processes)
            # the first round only warms up
            if turn > 0:
                measured.setdefault((task.key, processes), []).append(figures)
            progress(f"round {turn}/{ROUNDS} {task.key}, {processes}: "
                     f"{figures[0] / 1e6:.1f} M/s")
medians = {key: [median(x) for x in zip(*figures)]
           for key, figures in measured.items()}
report.table(HEADER, rows(medians))
report.write()
if KEEPS and not ONLY:
    keep(medians, measured_on(report.server))
