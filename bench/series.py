"""Time series: speed beside R and statsmodels, and cost a row.

Needs R (Debian: r-base-core) and statsmodels (python3-statsmodels). What is
found on labeled series is measured by bench/series_labeled.py.
"""
import os
import subprocess
import time
import warnings

import numpy as np
import statsmodels
from statsmodels.tsa.seasonal import STL

from lib import (ONLY, ROUNDS, Report, Session, interleaved, median,
                 met, progress, ratio, scaled)

POINTS = scaled(100_000, 10_000)
PERIODS = (24, 168, 1440)
WINDOW = 7                      # seasonal window of the speed comparison

warnings.simplefilter("ignore")
session = Session()


def on_cpu(pid):
    """Seconds a process has run so far, to the nanosecond."""
    with open(f"/proc/{pid}/schedstat") as stat:
        return int(stat.read().split()[0]) / 1e9


def timed(statement):
    """Processor time of the backend for one statement."""
    before = on_cpu(session.pid)
    session.run(statement)
    return on_cpu(session.pid) - before


class R:
    """One R process; seconds() is its processor time for an expression."""

    def __init__(self):
        self.r = subprocess.Popen(["R", "--vanilla", "--no-echo"],
                                  stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)

    def line(self, code):
        self.r.stdin.write(code + "\n")
        self.r.stdin.flush()
        return self.r.stdout.readline().strip()

    def seconds(self, code):
        before = on_cpu(self.r.pid)
        self.line("invisible(" + code + "); cat('done\\n')")
        return on_cpu(self.r.pid) - before


r = R()
r_version = r.line("cat(R.version.string, '\\n')")
report = Report("Time series: speed", session, [
    f"{r_version}, statsmodels {statsmodels.__version__}, "
    f"numpy {np.__version__}, one thread each",
    f"{POINTS:,} points: two seasons, a trend and noise, stored as float8[]",
    "times are processor time of the one process, so that neighbors on the "
    "machine do not count"])


def odd(x):
    return int(np.ceil(x)) | 1


def make_series():
    rng = np.random.default_rng(20260101)
    i = np.arange(POINTS)
    y = (10 * np.sin(2 * np.pi * i / 168) + 5 * np.sin(2 * np.pi * i / 1440)
         + 3 * np.sin(2 * np.pi * i / 24) + 1e-4 * i + rng.normal(size=POINTS))
    text = ",".join(repr(float(v)) for v in y)
    session.run("CREATE TABLE packed (v float8[])")
    session.run("INSERT INTO packed VALUES ('{" + text + "}')")
    session.run("ANALYZE packed")
    session.run("SET jit = off")
    path = "/tmp/ad_bench_series_%d.txt" % os.getpid()
    np.savetxt(path, y, fmt="%.17g")
    r.line(f"y <- scan('{path}', quiet = TRUE); cat(length(y), '\\n')")
    os.unlink(path)
    return y


def speed(y):
    rows = []
    for robust in (False, True):
        for period in PERIODS:
            options = (f"ad_stl_options(period => {period}, "
                       f"seasonal_window => {WINDOW}, robust => {str(robust).lower()})")
            statement = f"SELECT (ad_stl_array(v, {options})).anomaly[7] FROM packed"
            r.line(f"s <- ts(y, frequency = {period}); cat('ok\\n')")
            rcode = f"stl(s, {WINDOW}, robust = {'TRUE' if robust else 'FALSE'})"
            trend = odd(1.5 * period / (1 - 1.5 / WINDOW))
            low = period | 1
            common = dict(period=period, seasonal=WINDOW, trend=trend,
                          low_pass=low, seasonal_deg=0, robust=robust)
            jumps = dict(seasonal_jump=-(-WINDOW // 10), trend_jump=-(-trend // 10),
                         low_pass_jump=-(-low // 10))
            inner, outer = (1, 15) if robust else (2, 0)

            def python(**kw):
                def run():
                    start = time.process_time()
                    STL(y, **common, **kw).fit(inner_iter=inner, outer_iter=outer)
                    return time.process_time() - start
                return run

            for _ in range(3):
                timed(statement)
            t = interleaved({
                "anomaly": lambda: timed(statement),
                "R": lambda: r.seconds(rcode),
                "statsmodels": python(**jumps)})
            # its own default evaluates every point: minutes for long periods
            own = None
            if period == 24:
                progress("statsmodels with its default jumps")
                own = python()() / median(t["anomaly"])
            need = 4 if robust else 6
            over_r = ratio(t["R"], t["anomaly"])
            if period == 168:
                kind = "robust" if robust else "plain"
                for key, who in (("stl", "anomaly"), ("stl_r", "R"),
                                 ("stl_sm", "statsmodels")):
                    report.figure(f"{key}_{kind}", median(t[who]) / POINTS * 1e9)
            rows.append([
                f"{period}, {'robust' if robust else 'plain'}",
                *(f"{median(t[k]) / POINTS * 1e9:.0f}" for k in ("anomaly", "R", "statsmodels")),
                f"{over_r:.1f}", met(over_r, need, at_most=False),
                f"{ratio(t['statsmodels'], t['anomaly']):.1f}",
                f"{own:.0f}" if own else ""])
    report.section(
        "ad_stl_array() beside R's stl() and statsmodels' STL",
        f"Nanoseconds a point; period, seasonal window {WINDOW}, R's default windows, "
        "jumps (a tenth of each window) and iterations for all. Ours includes reading "
        "the stored array and computing scores, bounds and anomalies. The last "
        "column is statsmodels with its own default jumps (every point), one run.")
    report.table(["period", "anomaly", "R", "statsmodels", "R / anomaly", "target",
                  "statsmodels / anomaly", "with its default jumps"], rows)


def rows_cost():
    n, series = scaled(100_000, 1000), 5
    session.run(f"""CREATE TABLE metrics AS SELECT g AS series,
        timestamptz '2024-01-01 00:00+00' + i * interval '1 minute' AS ts,
        sin(i * 2 * pi() / 1440) + random() AS v
        FROM generate_series(1, {series}) g, generate_series(1, {n}) i""")
    session.run("VACUUM ANALYZE metrics")
    session.run("SET work_mem = '64MB'")
    session.run("SET max_parallel_workers_per_gather = 0")
    session.run("SET jit = off")

    def over(call):
        s = (f"SELECT count(x) FROM (SELECT {call} OVER w AS x FROM metrics "
             "WINDOW w AS (PARTITION BY series ORDER BY ts)) s")
        return lambda: timed(s)

    t = interleaved({
        "lag(v)": over("lag(v)"),
        "ad_stl, plain": over("ad_stl(v, ts, ad_stl_options(period => '1 day', seasonal_window => 7))"),
        "ad_stl, robust": over("ad_stl(v, ts, ad_stl_options(period => '1 day', seasonal_window => 7, robust => true))"),
        "ad_stream": over("ad_stream(v, ts, ad_stream_options(period => '1 day'))")})
    rows = []
    for name, times in t.items():
        added = median([(a - b) / (n * series) for a, b in zip(times, t["lag(v)"])])
        target = {"ad_stream": met(added * 1e9, 100), "lag(v)": ""}.get(name, met(added * 1e6, 1.2))
        rows.append([name, f"{median(times) / (n * series) * 1e6:.2f}", f"{added * 1e6:.2f}", target])
    session.run("CREATE TABLE batch AS SELECT array_agg(ts ORDER BY ts) t, array_agg(v ORDER BY ts) v FROM metrics WHERE series = 1")
    u = interleaved({"ad_stream_update": lambda: timed(
        "SELECT count((ad_stream_update(NULL, t, v, ad_stream_options(period => '1 day'))).scores[5]) FROM batch")})
    each = median(u["ad_stream_update"]) / n
    rows.append([f"ad_stream_update, one batch of {n:,}", f"{each * 1e6:.3f}", "", met(each * 1e9, 100)])
    report.section(
        "Window functions: microseconds a row",
        f"{series} series of {n:,} rows, work_mem 64 MB, one process; what each adds over "
        "`lag(v) OVER w`, the executor's share (target for ad_stream in ns).")
    report.table(["function", "in all", "added", "target"], rows)


def profile():
    n, m = scaled(20_000, 2000), 100
    session.run(f"""CREATE TABLE shapes AS SELECT i, sin(i / 7.0) + random() * 0.2
        + CASE WHEN i BETWEEN 1000 AND 1040 THEN 0.8 ELSE 0 END AS v FROM generate_series(1, {n}) i""")
    s = (f"SELECT count(d) FROM (SELECT ad_discord(v, {m}) OVER (ORDER BY i) d FROM shapes) s")

    def at(level):
        def run():
            session.run(f"SET anomaly.simd = '{level}'")
            return timed(s)
        return run

    t = interleaved({level: at(level) for level in ("auto", "avx2", "off")})
    session.run("RESET anomaly.simd")
    windows = n - m + 1
    exclusion = (m + 3) // 4
    pairs = (windows - exclusion) * (windows - exclusion - 1) / 2
    rows = []
    for level, times in t.items():
        each = median(times) / pairs * 1e9
        target = {"auto": met(each, 1), "avx2": met(each, 2)}.get(level, "")
        rows.append([level, f"{median(times):.3f}", f"{each:.2f}", target])
    report.section(
        "Matrix profile",
        f"{n:,} points, windows of {m}; nanoseconds for each unordered pair of windows, "
        "everything included. On this machine auto is AVX-512 if the first line's "
        "processor has it.")
    report.table(["anomaly.simd", "seconds", "ns a pair", "target"], rows)


if "speed" in ONLY or not ONLY:
    speed(make_series())
if "rows" in ONLY or not ONLY:
    rows_cost()
if "profile" in ONLY or not ONLY:
    profile()
report.write()
