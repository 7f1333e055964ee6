"""Detection on labeled series: methods side by side, options one by one.

    bench/run.sh series_labeled

Series are those of test/data/series. What is measured of them is kept in
bench/results/series_accuracy.tsv and series_options.tsv, from where
bench/figures.py puts it into the documents.

    BENCH_SERIES=DIRECTORY BENCH_ONLY=methods bench/run.sh series_labeled

measures the methods on series of your own, for the terminal only: each
NAME.csv.gz has a header and columns time, value, label, 1 for an anomaly; one
without anomalies is left out.
"""
import csv
import glob
import gzip
import io
import os
import subprocess

import numpy as np

import series_figures
from lib import KEEPS, ONLY, PSQL, Report, Session, measured_on, progress
from measures import f1, false_alarms, found, vus_pr
from series_figures import overall

HERE = os.path.dirname(os.path.abspath(__file__))
OTHER = os.environ.get("BENCH_SERIES", "")
DATA = OTHER or os.path.join(HERE, "..", "test", "data", "series")

# What a method without a verdict flags, unless it has a rule of its own here.
HIGHEST = 0.01
RULE = "highest 1 %"
OWN = "its verdict"

Z = "abs(v - avg(v) OVER p) / stddev(v) OVER p"
MOVED = "abs(v - avg(v) OVER m)"


def of(call, score="score", verdict=True):
    """Score and flag of a function that returns a composite."""
    return (f"({call} OVER w).{score}",
            f"({call} OVER w).anomaly <> 0" if verdict else None,
            OWN if verdict else RULE)


STL = "ad_stl(v, ts)"
ROBUST = "ad_stl(v, ts, ad_stl_options(robust => true))"
MAD = "ad_stl(v, ts, ad_stl_options(threshold_method => 'mad'))"
DAILY = "ad_stream(v, ts, ad_stream_options(period => '1 day'))"
SHAPES = ("ad_stream(v, ts, ad_stream_options(period => '1 day', "
          "shape => 32))")

# Score, flag and the rule of the flag, in words.
METHODS = {
    "global z-score": (Z, f"{Z} > 3", "beyond 3 standard deviations"),
    "moving average of 101": (
        MOVED, f"{MOVED} > 3 * stddev(v) OVER m",
        "beyond 3 standard deviations of the 101"),
    "ad_stl": of(STL),
    "ad_stl, window_score": of(STL, "window_score", False),
    "ad_stl, mad": of(MAD),
    "ad_stl, robust": of(ROBUST),
    "ad_stl, robust, window_score": of(ROBUST, "window_score", False),
    "ad_subpca(100)": ("ad_subpca(v, 100) OVER w", None, RULE),
    "ad_discord(100)": of("ad_discord(v, 100)", verdict=False),
    "ad_series_score": of("ad_series_score(v, ts)"),
    "ad_series_score, by its score":
        of("ad_series_score(v, ts)", verdict=False),
    "ad_stream, 1 day": of(DAILY),
    "ad_stream, 1 day, combined_score": of(DAILY, "combined_score", False),
    "ad_stream, 1 day, shape 32, combined_score":
        of(SHAPES, "combined_score", False)}

# Options: the function, a call of it with {} for an option, the columns of it
# that score (a point, an episode), whether it has a verdict; and of each
# option the default, in words, and its neighbors, as one writes them.
OPTIONS = [
    ("ad_stl", "ad_stl(v, ts, ad_stl_options({}))",
     (".score", ".window_score"), True, {
         "period": ["auto", "'none'", "'1 day'", "ARRAY['1 day', '1 week']"],
         "robust": ["false", "true"],
         "seasonal_window": ["11, 15, 19", "7", "15", "23", "'periodic'"],
         "seasonal_degree": ["0", "1"],
         "seasonal_jump": ["a tenth", "1"],
         "trend_window": ["R's rule", "101", "301", "1001"],
         "trend_degree": ["1", "0"],
         "trend_jump": ["a tenth", "1"],
         "lowpass_window": ["next odd", "401"],
         "lowpass_degree": ["the trend's", "0"],
         "lowpass_jump": ["a tenth", "1"],
         "inner_iterations": ["2", "1", "3", "5"],
         "outer_iterations": ["0", "1", "5"],
         "iterations": ["2", "1", "3"],
         "threshold_method": [
             "tail", "'mad'", "'mad', threshold => 6", "'iqr'", "'sigma'",
             "'pot'", "'pot', threshold => 0.001"],
         "alarm_rate": ["0.002", "0.0005", "0.001", "0.004", "0.01"],
         "score_window": ["100", "25", "50", "200", "400"],
         "duplicates": ["mean", "'last'"]}),
    ("ad_series_score", "ad_series_score(v, ts, ad_series_score_options({}))",
     (".score",), True, {
         "period": ["auto", "'none'", "'1 day'"],
         "m": ["100", "50", "150", "200"],
         "score_window": ["100", "25", "50", "200", "400"],
         "robust": ["true", "false"],
         "seasonal_window": ["11, 15, 19", "7", "23", "'periodic'"],
         "trend_window": ["R's rule", "301", "1001"]}),
    ("ad_subpca", "ad_subpca(v, {})", ("",), False,
     {"m": ["100", "25", "50", "150", "200", "256"]}),
    ("ad_discord", "ad_discord(v, {})", (".score",), False,
     {"m": ["100", "25", "50", "200", "400"]}),
    ("ad_discord", "ad_discord(v, 100, ad_discord_options({}))",
     (".score",), False, {"exclusion": ["a quarter of m", "12", "50", "100"]}),
    ("ad_stream", "ad_stream(v, ts, ad_stream_options({}))",
     (".score", ".combined_score"), True,
     {"period": ["none", "'auto'", "'1 day'", "ARRAY['1 day', '1 week']"]}),
    ("ad_stream", "ad_stream(v, ts, ad_stream_options(period => '1 day') || "
     "ad_stream_options({}))", (".score", ".combined_score"), True, {
         "q": ["0.0001", "0.00001", "0.001", "0.01"],
         "level": ["0.1", "0.02", "0.05", "0.2"],
         "trend": ["0", "0.01", "0.05"],
         "season": ["0.1", "0.02", "0.05", "0.2"],
         "clip": ["3", "2", "5", "10"],
         "warmup": ["two periods", "30", "100", "1000"],
         "memory": ["10000", "1000", "3000", "30000"],
         "score_window": ["50", "12", "25", "100", "200"],
         "shape": ["0", "16", "32"]})]

CHANGES = {"penalty": ["3 ln n", "2 * ln(200)", "4 * ln(200)", "6 * ln(200)"],
           "min_segment": ["2", "1", "5", "20"]}


def load(session):
    session.run("CREATE TABLE labeled (series text, ts timestamp, v float8, "
                "label int)")
    for path in sorted(glob.glob(os.path.join(DATA, "*.csv.gz"))):
        name = os.path.basename(path)[:-7].removeprefix("nab_")
        out = io.StringIO()
        with gzip.open(path, "rt") as lines:
            csv.writer(out).writerows(
                [name] + row for row in list(csv.reader(lines))[1:])
        subprocess.run(
            [PSQL, "-X", "-q", "-c", "\\copy labeled FROM STDIN csv"],
            input=out.getvalue(), text=True, check=True)
    session.run("VACUUM ANALYZE labeled")


WINDOWS = """FROM labeled WINDOW w AS (PARTITION BY series ORDER BY ts),
    p AS (PARTITION BY series), m AS (PARTITION BY series ORDER BY ts
        ROWS BETWEEN 50 PRECEDING AND 50 FOLLOWING)"""


def judged(session, scores, flag):
    """{series: figures} of expressions: VUS-PR of each score, F1, false
    alarms a day, labeled windows found and all of them. What is NULL, as in
    a warm-up, is 0; without a flag the highest scores are flagged."""
    columns = [*scores, f"({flag})::int" if flag else "0"]
    rows, _ = session.run(
        "SELECT series, label, extract(epoch FROM ts), " +
        ", ".join(f"coalesce(({x})::float8, 0)" for x in columns) +
        f" {WINDOWS} ORDER BY series, ts")
    series = {}
    for row in rows:
        name, *fields = row.split("|")
        series.setdefault(name, []).append([float(x) for x in fields])
    result = {}
    for name, values in series.items():
        label, time, *points, flags = np.array(values).T
        if not label.any():
            continue
        if not flag:
            flags = points[0] > np.quantile(points[0], 1 - HIGHEST)
        days = (time[-1] - time[0]) / 86400
        result[name] = ([vus_pr(label, x) for x in points] +
                        [f1(label, flags), false_alarms(label, flags) / days,
                         *found(label, flags)])
    return result


def detection(session):
    """Every method: {method: (rule, {series: figures})}."""
    measured = {}
    for name, (score, flag, rule) in METHODS.items():
        measured[name] = (rule, judged(session, [score], flag))
        progress(f"{name}: {overall(measured[name][1])}")
    return measured


def options(session):
    """Every option: rows of function, option, value and figures."""
    def cost(expression):
        return min(session.busy_seconds(
            f"SELECT count(x) FROM (SELECT {expression} OVER w AS x "
            f"{WINDOWS}) s") for _ in range(3)) / nrows * 1e6

    nrows = int(session.value("SELECT count(*) FROM labeled"))
    floor, known, rows = cost("lag(v)"), {}, []
    for function, call, columns, verdict, every in OPTIONS:
        named = "options(" in call      # not a place in the call
        for option, values in every.items():
            for value in values:
                filled = call.format(
                    value if not named else
                    "" if value is values[0] else f"{option} => {value}")
                if filled not in known:
                    scores = [f"({filled} OVER w){c}" for c in columns]
                    x = overall(judged(session, scores, (
                        f"({filled} OVER w).anomaly <> 0" if verdict
                        else None)))
                    known[filled] = ([""] * (2 - len(columns)) + x +
                                     [cost(filled) - floor])
                rows.append([function, option, value, *known[filled]])
                progress(" ".join(map(str, rows[-1])))
    return rows


def changes(session):
    """The same of ad_changepoints(), over noise of deviation 1 whose mean is
    higher by 1.5 for 25 points, or not; found is what is within three points,
    and false alarms are those of 1,000 points without a change."""
    rng, n, places = np.random.default_rng(1), 200, (100, 125)
    shift = np.repeat([0, 1.5, 0], [100, 25, 75])
    session.run("CREATE TABLE changing (shifts boolean, v float8[])")
    for i in range(400):
        v = rng.normal(size=n) + (shift if i % 2 else 0)
        session.run(f"INSERT INTO changing VALUES ({i % 2 == 1}, "
                    f"'{{{','.join(map(repr, v.tolist()))}}}')")
    rows = []
    for option, values in CHANGES.items():
        for value in values:
            arguments = "" if value is values[0] else f"{option} => {value}"
            steady = false = hits = wrong = 0
            for row in session.run(
                    "SELECT shifts, array_to_string(ad_changepoints(v, "
                    f"ad_changepoints_options({arguments})), ' ') "
                    "FROM changing")[0]:
                shifts, at = row.split("|")
                at = [int(x) - 1 for x in at.split()]
                if shifts == "f":
                    false, steady = false + len(at), steady + n
                    continue
                near = sum(min([abs(x - p) for x in at], default=n) <= 3
                           for p in places)
                hits, wrong = hits + near, wrong + len(at) - near
            of = 200 * len(places)
            rows.append(["ad_changepoints", option, value, "", "",
                         2 * hits / (hits + wrong + of), false / steady * 1000,
                         hits, of, ""])
            progress(" ".join(map(str, rows[-1])))
    return rows


def main():
    if OTHER and not ONLY:
        raise SystemExit("BENCH_SERIES is for BENCH_ONLY=methods or options")
    session = Session()
    session.run("SET jit = off")
    load(session)
    report = Report("Labeled series: methods and options", session, [
        f"series of {OTHER or 'the Numenta benchmark (test/data/series)'}; "
        "times are processor time beyond lag(v), the least of three runs"],
        "by `bench/run.sh series_labeled`.")
    if ONLY in "methods":
        measured = detection(session)
        series_figures.write_methods(report, measured)
    if ONLY in "options":
        rows = options(session) + changes(session)
        series_figures.write_options(report, rows)
    if KEEPS and not ONLY:
        about = measured_on(report.server, "one run")
        series_figures.keep_methods(measured, about)
        series_figures.keep_options(rows, about)
    report.write()


if __name__ == "__main__":
    main()
