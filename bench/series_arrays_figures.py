"""What bench/series_arrays.py measures, where it is kept, and its table.

bench/results/series_arrays.tsv has a line a measurement: key, processes, and
values a second of processor time and by the clock.
"""
import os
from collections import namedtuple

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "results",
                    "series_arrays.tsv")

Task = namedtuple("Task", "key text what simd fast")

TASKS = [
    Task("uniform_off", "`ad_random_array`, uniform, `anomaly.simd` off",
         "cardinality(ad_random_array(s, {n}))", "off", True),
    Task("uniform_avx2", "the same, avx2",
         "cardinality(ad_random_array(s, {n}))", "avx2", True),
    Task("uniform_auto", "the same, auto",
         "cardinality(ad_random_array(s, {n}))", "auto", True),
    Task("normal", "`ad_random_array`, normal",
         "cardinality(ad_random_array(s, {n}, 'normal'))", "auto", False),
    Task("series_uniform",
         "`ad_generate_series_array`: season, trend, spikes, shifts, uniform noise",
         "cardinality(ad_generate_series_array({n}, s, 'uniform', trend => 0.001, "
         "shifts => 0.001))", "auto", True),
    Task("series_normal", "the same, normal noise",
         "cardinality(ad_generate_series_array({n}, s, trend => 0.001, "
         "shifts => 0.001))", "auto", False),
    Task("stl", "the series with normal noise, and `ad_stl_array`, period 24",
         "cardinality((ad_stl_array(ad_generate_series_array({n}, s, trend => 0.001, "
         "shifts => 0.001), '{{\"period\": 24}}')).anomaly)", "auto", False),
    Task("stl_robust", "the same series, and `ad_stl_array`, robust",
         "cardinality((ad_stl_array(ad_generate_series_array({n}, s, trend => 0.001, "
         "shifts => 0.001), '{{\"period\": 24, \"robust\": true}}')).anomaly)",
         "auto", False),
    Task("stream_array", "the same series, and `ad_stream_array`, period 24, numbered points",
         "cardinality((ad_stream_array(NULL, ad_generate_series_array({n}, s, "
         "trend => 0.001, shifts => 0.001), numbers, '{{\"period\": 24}}')).anomalies)",
         "auto", False),
    Task("stream_update", "the same series, and `ad_stream_update`, a day of hours",
         "cardinality((ad_stream_update(NULL, hours, ad_generate_series_array({n}, s, "
         "trend => 0.001, shifts => 0.001), '{{\"period\": \"1 day\"}}')).anomalies)",
         "auto", False),
]

HEADER = ["millions of values a second", "one process, of processor time",
          "one process, by the clock", "two processes, by the clock"]


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
    return [[task.text, millions(medians[task.key, 1][0]),
             millions(medians[task.key, 1][1]),
             millions(medians[task.key, 2][1])] for task in TASKS]


def section():
    """The part of docs/benchmark.md."""
    about, medians = read()
    return [
        "## Series generated and scored", "",
        "Figures published for such systems speak of 10⁸ floating-point "
        "numbers a second, generated and checked on six cores. The residual of "
        "the method that checks them is identically zero, whatever the data, so "
        "that nothing is ever found: what is measured there is generating and "
        "reading. Below is what generating costs here, and, beside it, checks "
        "that compute something.", "",
        "Series of 100,000 points as arrays, each generated in the statement that "
        "uses it; `bench/series_arrays.py`. Every value depends on the seed and "
        "its place alone. `ad_stl_array` fits seasons, a trend and a remainder "
        "to the whole series, and gives a verdict on every point; "
        "`ad_stream_array` and `ad_stream_update` score every point from those "
        "before it alone, and keep level, trend, season, the tail of the scores "
        "and the state of a threshold that holds the risk of a false alarm. In "
        "each of the last rows generating is included.", "",
        f"Measured on {about}", "",
        "| " + " | ".join(HEADER) + " |", "|---" + "|---:" * 3 + "|",
        *("| " + " | ".join(row) + " |" for row in rows(medians)), ""]
