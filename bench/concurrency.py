"""Clients that score single rows, and a job beside them.

1, 2, 4 and 8 clients, the model by name and by its bytes, beside SELECT 1, on
a server that has preloaded the library (BENCH_PRELOADED) and on one that has
not. Then four clients alone, and while a job scores a backlog again and
again, which also runs alone. All of it is elapsed time: what else the machine
does lies in it.
"""
import os
import threading
import time

from lib import (ROUNDS, Report, Session, clients, median, number, progress,
                 scaled)
from speed_figures import CLIENTS, PRELOADS, SCRIPTS, SPREAD

ROWS = scaled(100_000, 1000)
BACKLOG = scaled(1_000_000, 2000)
SECONDS = 2 if ROWS >= 100_000 else 1
BESIDE = 4                      # clients beside a job
COLUMNS = [f"c{i}" for i in range(1, 11)]
VALUES = ", ".join(f"{i / 10}::float8" for i in range(-4, 6))
SCRIPT = {"select": "SELECT 1",
          "name": f"SELECT ad_score('bench', {VALUES})",
          "bytes": f"SELECT ad_score((SELECT model FROM models), {VALUES})"}
HOST = {"plain": os.environ["PGHOST"], "preload": os.environ["BENCH_PRELOADED"]}
NEVER = '{"score": 1.5}'        # no row meets it

sessions = {server: Session(host) for server, host in HOST.items()}
session = sessions["preload"]
report = Report("Several clients", session, [
    "an isolation forest of 100 trees, ten float8 columns; prepared statements, "
    "a unix socket, bench/clients.c on the same machine",
    f"{SECONDS} seconds a run; all of it is elapsed time"])


def make_data(s):
    columns = ", ".join(f"ad_random({i}, r, 'normal') AS {name}"
                        for i, name in enumerate(COLUMNS, 1))
    s.run(f"CREATE TABLE wide AS SELECT r AS id, timestamptz '2026-01-01' + "
          f"r * interval '1 s' AS at, {columns} "
          f"FROM generate_series(1, {BACKLOG}) r")
    s.run("ALTER TABLE wide ADD PRIMARY KEY (id), ALTER at SET NOT NULL")
    s.run("CREATE INDEX ON wide (at)")
    s.run(f"SELECT ad_train('bench', 'SELECT {', '.join(COLUMNS)} FROM wide "
          f"LIMIT {ROWS}', ad_iforest())")
    s.run("CREATE TABLE models AS SELECT ad_model('bench') AS model")
    s.run("VACUUM ANALYZE")


def medians(runs):
    return [median([run[i] for run in runs]) for i in range(len(SPREAD))]


def keep(key, figures):
    for (name, _), x in zip(SPREAD, figures):
        report.figures[f"{key}_{name}"] = x
    return [number(x) for x in figures]


def bench_clients():
    turns = [(server, script, n) for n in CLIENTS for script, _ in SCRIPTS
             for server, _ in PRELOADS]
    runs = {turn: [] for turn in turns}
    for i in range(ROUNDS):
        for server, script, n in turns:
            runs[server, script, n].append(
                clients(SCRIPT[script], SECONDS, n, HOST[server]))
        progress(f"clients, round {i + 1}/{ROUNDS}")
    rows = []
    for server, preloaded in PRELOADS:
        for script, name in SCRIPTS:
            for n in CLIENTS:
                got = medians(runs[server, script, n])
                rows.append([name, preloaded, str(n)] +
                            keep(f"clients_{server}_{script}_{n}", got))
                if (server, script, n) == ("plain", "bytes", 8):
                    for (figure, _), x in zip(SPREAD, got):
                        report.figure(f"eight_{figure}", x)
    report.section("One row a call")
    report.table(["", "preloaded", "clients"] + [name for _, name in SPREAD],
                 rows)


def job(stop=None):
    """Rows a second of the job over the backlog: once, or until told."""
    rows = 0
    start = time.monotonic()
    while not rows or stop and not stop.is_set():
        session.run("SELECT ad_create_job('backlog', 'bench', 'wide', 'id', 'at', "
                    f"'{NEVER}', since => '2026-01-01')")
        session.run("CALL ad_run_job('backlog')")
        session.run("SELECT ad_drop_job('backlog')")
        rows += BACKLOG
    return rows / (time.monotonic() - start)


def bench_beside():
    quiet, busy, alone, beside = [], [], [], []
    for i in range(ROUNDS):
        quiet.append(clients(SCRIPT["name"], SECONDS, BESIDE, HOST["preload"]))
        alone.append(job())
        stop = threading.Event()
        thread = threading.Thread(target=lambda: beside.append(job(stop)))
        thread.start()
        busy.append(clients(SCRIPT["name"], SECONDS, BESIDE, HOST["preload"]))
        stop.set()
        thread.join()
        progress(f"beside a job, round {i + 1}/{ROUNDS}")
    report.figures["beside_alone_rows"] = median(alone)
    report.figures["beside_job_rows"] = median(beside)
    report.section(
        "Beside a job", f"{BESIDE} clients by name, preloaded; the job scores "
        f"{BACKLOG:,} rows by the same model, no alerts, again and again.")
    report.table(
        [""] + [name for _, name in SPREAD] + ["the job's rows a second"],
        [["clients alone"] + keep("beside_quiet", medians(quiet)) + [""],
         ["clients while the job runs"] + keep("beside_job", medians(busy)) +
         [number(median(beside))],
         ["the job alone"] + [""] * len(SPREAD) + [number(median(alone))]])


for s in sessions.values():
    make_data(s)
bench_clients()
bench_beside()
for s in sessions.values():
    s.close()
report.write()
