"""What the benchmarks share: a psql session, a memory watch, a report.

Times are taken by psql's \\timing (the client's clock around one statement),
or are the processor time of one backend.
Memory is the backend's RssAnon: its private pages, not the shared buffers it
happened to touch.
"""
import os
import platform
import re
import statistics
import subprocess
import sys
import threading
import time
from datetime import date

import figures
from speed_figures import processor_name

SCALE = float(os.environ.get("BENCH_SCALE", "1"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
ONLY = os.environ.get("BENCH_ONLY", "")
# Whether what is measured goes to bench/results (bench/lib.sh).
KEEPS = SCALE == 1 and not os.environ.get("BENCH_TERMINAL")
PSQL = os.environ["BENCH_PSQL"]
MB = 1024 * 1024


def scaled(n, least=1):
    return max(least, int(n * SCALE))


def progress(text):
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)


class Session:
    """One backend, driven through a pipe; run() gives rows and seconds."""

    def __init__(self, host=None):
        self.psql = subprocess.Popen(
            [PSQL, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"],
            env=os.environ | ({"PGHOST": host} if host else {}), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        self.psql.stdin.write("\\timing on\n")
        self.pid = int(self.value("SELECT pg_backend_pid()"))

    def run(self, statement):
        self.psql.stdin.write(statement.strip().rstrip(";") +
                              ";\n\\echo __end__\n")
        self.psql.stdin.flush()
        rows, seconds = [], None
        for line in self.psql.stdout:
            line = line.rstrip("\n")
            if line == "__end__":
                return rows, seconds
            timing = re.match(r"Time: ([0-9.]+) ms", line)
            if timing:
                seconds = float(timing.group(1)) / 1000
            else:
                rows.append(line)
        raise RuntimeError(statement + "\n" + self.psql.stderr.read())

    def value(self, statement):
        return self.run(statement)[0][0]

    def seconds(self, statement):
        return self.run(statement)[1]

    def busy_seconds(self, statement):
        """Processor time of this backend, which other work does not change."""
        before = self.processor_time()
        self.run(statement)
        return self.processor_time() - before

    def processor_time(self):
        with open(f"/proc/{self.pid}/schedstat") as schedstat:
            return int(schedstat.read().split()[0]) / 1e9

    def plan(self, statement):
        return self.run("EXPLAIN (COSTS OFF) " + statement)[0]

    def close(self):
        self.psql.stdin.close()
        self.psql.wait()


def detectors(session):
    """Names of the detectors there are, as the library's catalog has them,
    and "auto"."""
    return session.run("SELECT d FROM unnest(_anomaly._ad_detectors() || "
                       "'auto'::text) d ORDER BY 1")[0]


def copy_doubles(table, matrix):
    """Loads a numpy matrix into a table of float8 columns, in its order."""
    import numpy as np

    nrows, ncols = matrix.shape
    fields = [("n", ">i2")]
    for j in range(ncols):
        fields += [(f"l{j}", ">i4"), (f"c{j}", ">f8")]
    copy = subprocess.Popen(
        [PSQL, "-X", "-q", "-c",
         f"\\copy {table} FROM STDIN WITH (FORMAT binary)"],
        stdin=subprocess.PIPE)
    copy.stdin.write(b"PGCOPY\n\xff\r\n\0" + b"\0" * 8)
    for start in range(0, nrows, 100000):
        part = matrix[start:start + 100000]
        out = np.empty(len(part), dtype=fields)
        out["n"] = ncols
        for j in range(ncols):
            out[f"l{j}"] = 8
            out[f"c{j}"] = part[:, j]
        copy.stdin.write(out.tobytes())
    copy.stdin.write(b"\xff\xff")
    copy.stdin.close()
    if copy.wait() != 0:
        raise RuntimeError("could not load " + table)


class MemoryWatch:
    """Peak growth of a process's private memory while a block runs."""

    def __init__(self, pid):
        self.pid = pid

    def now(self):
        with open(f"/proc/{self.pid}/status") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) * 1024
        return 0

    def __enter__(self):
        self.before = self.peak = self.now()
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()
        return self

    def watch(self):
        while not self.done.wait(0.01):
            self.peak = max(self.peak, self.now())

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()
        self.peak = max(self.peak, self.now())
        self.growth = self.peak - self.before


def interleaved(runs, rounds=ROUNDS):
    """Calls each of {name: function -> seconds} in turn, rounds times over.

    A slow minute of the machine then falls on all of them alike.
    """
    times = {name: [] for name in runs}
    for i in range(rounds):
        for name, run in runs.items():
            times[name].append(run())
            progress(f"round {i + 1}/{rounds} {name}: {times[name][-1]:.3f} s")
    return times


def median(values):
    return statistics.median(values)


def ratio(above, below):
    """Median of the ratios of paired runs."""
    return median([a / b for a, b in zip(above, below)])


def number(x):
    if x >= 1000:
        return f"{x:,.0f}"
    if x >= 100:
        return f"{x:.0f}"
    if x >= 10:
        return f"{x:.1f}"
    return f"{x:.2f}"


def clients(statement, seconds, n, host=None, user=None):
    """Calls a second of n clients that run a statement, the percentiles 50, 95
    and 99 of a call's microseconds, and the mean of the fastest 99 %
    (bench/clients.c)."""
    done = subprocess.run(
        [os.environ["BENCH_CLIENTS"], str(n), str(seconds), statement],
        env=os.environ | ({"PGHOST": host} if host else {}) |
        ({"PGUSER": user} if user else {}), check=True,
        stdout=subprocess.PIPE, text=True)
    return [float(x) for x in done.stdout.split()]


class OneProcessor:
    """Within it, new backends and the programs started share a processor.

    Between two of them that sleep in turn, waking the other takes longer than
    a row does, on a virtual machine some 60 microseconds.
    """

    def __init__(self, session):
        with open(f"/proc/{session.pid}/status") as status:
            server = int(re.search(r"^PPid:\s*(\d+)", status.read(),
                                   re.M).group(1))
        self.before = {pid: os.sched_getaffinity(pid) for pid in (0, server)}

    def __enter__(self):
        for pid, processors in self.before.items():
            os.sched_setaffinity(pid, {min(processors)})

    def __exit__(self, *_):
        for pid, processors in self.before.items():
            os.sched_setaffinity(pid, processors)


def processor():
    """The processor's name, numbers and the instructions that count here."""
    with open("/proc/cpuinfo") as cpuinfo:
        lines = [line.split(":", 1) for line in cpuinfo if ":" in line]
    found = {}
    for name, value in lines:
        found.setdefault(name.strip(), value.strip())
    flags = found.get("flags", found.get("Features", "")).split()
    used = [f for f in ("asimd", "avx2", "avx512f", "avx512vl", "avx512bw",
                        "avx512dq") if f in flags]
    return (found.get("model name", "unknown processor") +
            f" (family {found.get('cpu family', '?')}, model "
            f"{found.get('model', '?')}, stepping "
            f"{found.get('stepping', '?')}; {' '.join(used)})")


def used():
    """The clock, and seconds of processor time so far: of the machine, what a
    hypervisor took included, and of the bench with its servers."""
    tick = os.sysconf("SC_CLK_TCK")
    clock = time.monotonic()
    with open("/proc/stat") as stat:
        user, nice, system, _, _, *more = map(int, stat.readline().split()[1:9])
    processes = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                # what follows the name, which may have spaces
                fields = stat.read().rpartition(")")[2].split()
        except OSError:
            continue
        # its parent; its own time, and that of children it has waited for
        processes[int(pid)] = int(fields[1]), sum(map(int, fields[11:15]))
    ours = {int(os.environ.get("BENCH_PID", os.getpid()))}
    for server in ("PGHOST", "BENCH_PRELOADED", "BENCH_HOST_A", "BENCH_HOST_B"):
        try:
            with open(os.environ.get(server, "") + "/data/postmaster.pid") as pid:
                ours.add(int(pid.readline()))
        except OSError:
            pass
    before = 0
    while before < len(ours):
        before = len(ours)
        ours |= {pid for pid, (parent, _) in processes.items() if parent in ours}
    return (clock, (user + nice + system + sum(more)) / tick,
            sum(processes[pid][1] for pid in ours if pid in processes) / tick)


# What it was when the bench began (bench/lib.sh), or else now.
BEGAN = ([float(x) for x in os.environ["BENCH_BEGAN"].split()]
         if "BENCH_BEGAN" in os.environ else used())
BUSY = 0.3


def load():
    """How many processors other work has taken since the bench began."""
    elapsed, machine, ours = (now - then for now, then in zip(used(), BEGAN))
    return max(0, machine - ours) / max(elapsed, 0.01)


def busy(others):
    """What is to be said of a machine that had other work, if it had."""
    return ("The machine was busy: processor times are somewhat too long, "
            "elapsed times much too long." if others > BUSY else "")


def measured_on(server, rounds=f"medians of {ROUNDS} "
                f"{'runs' if ROUNDS > 1 else 'run'}"):
    """The machine, the server, the day, the commit and other work meanwhile,
    in a line."""
    others = load()
    return (f"{processor()}, {os.cpu_count()} processors; {server}; "
            f"{date.today()}, {os.environ['BENCH_COMMIT']}, {rounds}, load of "
            f"other work {others:.2f}. {busy(others)}").strip()


class Report:
    """A page of markdown: the machine, then tables and plans."""

    def __init__(self, title, session, versions, how=None):
        self.figures = {}
        self.server = "PostgreSQL " + session.value("SHOW server_version")
        with open("/proc/meminfo") as meminfo:
            memory = int(meminfo.readline().split()[1]) / MB
        self.lines = [
            f"# {title}", "",
            f"Measured {date.today()} at {os.environ['BENCH_COMMIT']} " +
            (how or "by `make bench`: everything in one run on one machine, "
             f"interleaved, medians of {ROUNDS} runs; ratios are medians of "
             "the ratios of paired runs."), "",
            f"- {processor_name(processor())}: {processor()}, "
            f"{os.cpu_count()} processors, {memory:.0f} GB, "
            f"Linux {platform.release()}",
            f"- {self.server}, settings of planner and memory at their defaults, "
            "shared_buffers 512 MB"]
        self.lines += ["- " + version for version in versions]
        self.load_at = len(self.lines)
        if SCALE != 1:
            self.lines += ["", f"**A trial at {SCALE} of the full size: "
                           "its figures mean nothing.**"]

    def intro(self, text):
        """What the page is, above how it was measured."""
        self.lines[2:2] = [text, ""]
        self.load_at += 2

    def section(self, title, text=""):
        self.lines += ["", f"## {title}"]
        if text:
            self.lines += ["", text]

    def text(self, text):
        self.lines += ["", text]

    def table(self, header, rows):
        self.lines += ["", "| " + " | ".join(header) + " |",
                       "|---" + "|---:" * (len(header) - 1) + "|"]
        self.lines += ["| " + " | ".join(row) + " |" for row in rows]

    def plan(self, lines):
        self.lines += [""] + [("    " + line).rstrip() for line in lines]

    def figure(self, key, x):
        """Keeps a figure of bench/figures.py; returns its verdict."""
        self.figures[key] = x
        return figures.verdict(key, x)

    def write(self):
        others = load()
        self.lines[self.load_at:self.load_at] = [
            f"- load of other work {others:.2f}"] + (
                ["", f"**{busy(others)}**"] if busy(others) else [])
        print("\n".join(self.lines))
        if self.figures and KEEPS and not ONLY:
            figures.keep(self.figures, measured_on(self.server),
                         os.path.basename(sys.argv[0]).split(".")[0])


def met(value, target, at_most=True):
    """A target and whether it was reached."""
    good = value <= target if at_most else value >= target
    sign = "at most" if at_most else "at least"
    return f"{sign} {target:g}: {'met' if good else '**missed**'}"


def main(bench=None, file=None):
    """For benches in bash: see bench_about() and bench_watch() of
    bench/lib.sh."""
    if bench == "--began":
        print(*used())
        return
    about = measured_on(os.environ["BENCH_SERVER"])
    if bench is None:
        print(f"{processor_name(about)}: {about}")
    elif KEEPS:
        with open(file, encoding="utf-8") as measured:
            pairs = [line.split() for line in measured]
        figures.keep({key: float(x) for key, x in pairs}, about, bench)


if __name__ == "__main__":
    main(*sys.argv[1:])
