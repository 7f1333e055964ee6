"""What bench/series_arrays.py measures, where it is kept, and its table.

bench/results/series_arrays.tsv has a line a measurement: key, processes, and
values a second of processor time and by the clock.
"""
import os
from collections import namedtuple

import speed_figures

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "results",
                    "series_arrays.tsv")

Task = namedtuple("Task", "key text computed what simd fast")

SERIES = ("ad_generate_series_array({n}, s, trend => 0.001, shifts => 0.001)")
UNIFORM = "cardinality(ad_random_array(s, {n}))"
NUMBER = "a hash of the seed and the place"

TASKS = [
    Task("uniform_off", "`ad_random_array`, uniform, `anomaly.simd` off", NUMBER,
         UNIFORM, "off", True),
    Task("uniform_avx2", "the same, avx2", NUMBER, UNIFORM, "avx2", True),
    Task("uniform_auto", "the same, auto", NUMBER, UNIFORM, "auto", True),
    Task("normal", "`ad_random_array`, normal", "that, and a quantile of the "
         "normal distribution", "cardinality(ad_random_array(s, {n}, 'normal'))",
         "auto", False),
    Task("series_uniform", "`ad_generate_series_array`, uniform noise",
         "season, trend, spikes, shifts, noise",
         "cardinality(ad_generate_series_array({n}, s, 'uniform', trend => 0.001, "
         "shifts => 0.001))", "auto", True),
    Task("series_normal", "the same, normal noise", "the same", "cardinality(" +
         SERIES + ")", "auto", False),
    Task("stl", "that, and `ad_stl_array`, period 24",
         "season, trend and remainder, fitted to the whole series; a verdict",
         f"cardinality((ad_stl_array({SERIES}, "
         "'{{\"period\": 24}}')).anomaly)", "auto", False),
    Task("stl_robust", "the same, robust",
         "the same, 15 times, outliers with less and less weight",
         f"cardinality((ad_stl_array({SERIES}, "
         "'{{\"period\": 24, \"robust\": true}}')).anomaly)",
         "auto", False),
    Task("stream_array", "series, and `ad_stream_array`, period 24",
         "level, trend and season as they were before the point; the tail of "
         "the scores; a verdict",
         f"cardinality((ad_stream_array(NULL, {SERIES}, numbers, "
         "'{{\"period\": 24}}')).anomalies)", "auto", False),
    Task("stream_update", "series, and `ad_stream_update`, a day of hours",
         "the same, the season by the time of day",
         f"cardinality((ad_stream_update(NULL, hours, {SERIES}, "
         "'{{\"period\": \"1 day\"}}')).anomalies)", "auto", False),
]

HEADER = ["millions of values per second", "computed for each",
          "one process, processor time", "one process, elapsed",
          "two processes, elapsed"]


def keep(medians, about):
    """Writes {(key, processes): (of processor time, by the clock)}."""
    with open(PATH, "w", encoding="utf-8") as file:
        file.write(f"# {about}\n# key\tprocesses\tvalues a second of processor "
                   "time\tby the clock\n")
        file.writelines(f"{key}\t{processes}\t{used:.6g}\t{elapsed:.6g}\n"
                        for (key, processes), (used, elapsed)
                        in medians.items())


def read():
    medians = {}
    with open(PATH, encoding="utf-8") as file:
        about, _, *lines = file.read().splitlines()
    for line in lines:
        key, processes, used, elapsed = line.split("\t")
        medians[key, int(processes)] = float(used), float(elapsed)
    return about[2:], medians


def millions(x):
    x /= 1e6
    return f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def rows(medians):
    return [[task.text, task.computed, millions(medians[task.key, 1][0]),
             millions(medians[task.key, 1][1]),
             millions(medians[task.key, 2][1])] for task in TASKS]


def section():
    """The part of docs/benchmark.md."""
    about, medians = read()
    per_core = medians["uniform_off", 1][0]
    return [
        "## Series generated and scored", "",
        "Figures published for such systems speak of 10⁸ floating-point numbers "
        "per second, generated and checked on six cores: 17 million per core. The "
        "method that checks them leaves a residual of exactly zero, whatever the "
        "numbers are. It cannot report anything, and there is nothing to compute: "
        "a compiler may drop it, and what was measured is how fast numbers are "
        "written and read. So it has no counterpart here. Compare it, if at all, "
        "with the first rows, which make numbers and check nothing; their target "
        f"is 10⁸ per second and core, and the plainest code makes "
        f"{millions(per_core)} million. The last four rows check every value by a "
        "method whose result depends on all of them. That is the slower thing, and "
        "the one that finds anomalies.", "",
        "Series of 100,000 points are generated as arrays in the statement that "
        "uses them, by `bench/series_arrays.py`, and generating is included in "
        "every row. A value depends on the seed and its place alone, so that "
        "processes need not wait for each other. `ad_stl_array` looks at a whole "
        "series; `ad_stream_array` and `ad_stream_update` judge a point by those "
        "before it, and keep a state from which the next points go on.", "",
        f"Measured on {speed_figures.short(about)}.",
        "", "| " + " | ".join(HEADER) + " |", "|---|---" + "|---:" * 3 + "|",
        *("| " + " | ".join(row) + " |" for row in rows(medians)), ""]
