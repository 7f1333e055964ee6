"""What is kept of labeled series (bench/series_labeled.py), as tables.

bench/results/series_accuracy.tsv has a line for each method and series,
series_options.tsv one for each value of an option, the default first.
"""
import os
import re
from statistics import mean

RESULTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "results")
FIGURES = ["VUS-PR", "F1", "false alarms a day", "windows found", "of"]
# Options that are there for the verdict; of the others the score is shown.
OF_VERDICT = ("threshold_method", "alarm_rate", "q", "penalty", "min_segment")

ABOUT = (
    "Means over the eight labeled series of the Numenta benchmark "
    "(`test/data/series`). VUS-PR is the volume under the precision-recall "
    "surface with buffers of up to 100 points, equal scores in random order. "
    "Points are flagged by a method's verdict, or, if it has none, by a simple "
    "rule. F1 is computed point by point; a false alarm is an episode of "
    "consecutive flagged points of which none is in a labeled window, and a "
    "window is found by one flagged point.")
ABOUT_OPTIONS = (
    "The same figures with one option at a time away from its default, the "
    "first line of each; options of `ad_stream` with `period => '1 day'`. "
    "`ad_subpca` and `ad_discord` flag the highest 1 %. Of `ad_changepoints` "
    "the data are generated: 200 series of 200 points of normal noise whose "
    "mean is 1.5 deviations higher for 25 of them (two changes, found: within "
    "three points), and 200 without (false alarms of 1,000 points).")


def keep(name, about, columns, rows):
    with open(os.path.join(RESULTS, name), "w", encoding="utf-8") as file:
        file.write(f"# {about}\n# " + "\t".join(columns) + "\n")
        file.writelines("\t".join(x if isinstance(x, str) else f"{x:.6g}"
                                  for x in row) + "\n" for row in rows)


def read(name):
    """The line about a file, and its rows."""
    with open(os.path.join(RESULTS, name), encoding="utf-8") as file:
        about, _, *lines = file.read().splitlines()
    return about[2:], [line.split("\t") for line in lines]


def keep_methods(measured, about):
    """Keeps {method: (rule, {series: figures})}."""
    keep("series_accuracy.tsv", about,
         ["method", "flagged", "series", *FIGURES],
         [[name, rule, series, *x] for name, (rule, result) in measured.items()
          for series, x in result.items()])


def read_methods():
    measured = {}
    about, rows = read("series_accuracy.tsv")
    for name, rule, series, *x in rows:
        result = measured.setdefault(name, (rule, {}))[1]
        result[series] = [float(f) for f in x]
    return about, measured


def keep_options(rows, about):
    """Keeps rows of function, option, value and figures."""
    keep("series_options.tsv", about,
         ["function", "option", "value", "VUS-PR of a point", *FIGURES,
          "us a row"], rows)


def small(x):
    return f"{x:.3f}" if x < 0.1 else f"{x:.2f}"


def overall(result):
    """Means over the series of {series: figures}; of windows, sums."""
    *means, hits, windows = zip(*result.values())
    return [mean(x) for x in means] + [sum(hits), sum(windows)]


def method_rows(measured):
    rows = []
    for name, (rule, result) in measured.items():
        vus, score, alarms, hits, windows = overall(result)
        rows.append([re.sub("ad_[a-z_]+", r"`\g<0>`", name), f"{vus:.3f}",
                     rule, f"{score:.3f}", small(alarms),
                     f"{hits:.0f} of {windows:.0f}"])
    return rows


METHODS = ["", "VUS-PR", "flagged", "F1", "false alarms a day",
           "windows found"]


def cell(value, x, verdict, cost):
    """A value of an option and its figures."""
    _, vus, f1, alarms, hits, _, us = x
    figure = (f"{float(f1):.3f}, {small(float(alarms))}, {float(hits):.0f}"
              if verdict else f"{float(vus):.3f}")
    return (re.sub("'(.*?)'", r"\1", value) + ": " + figure +
            (f" ({float(us):.1f} µs)" if cost else ""))


def option_rows(rows):
    """A row for each option: the default, and its neighbors. What a row
    costs is said where it depends on the option."""
    every = {}
    for function, option, value, *x in rows:
        every.setdefault((function, option), []).append((value, x))
    lines = []
    for (function, option), values in every.items():
        verdict = option in OF_VERDICT
        us = [0 if verdict else float(x[-1]) for _, x in values]
        cost = max(us) > 1.5 * min(us) and max(us) > min(us) + 0.15
        first, *rest = (cell(value, x, verdict, cost) for value, x in values)
        lines.append([f"`{function}`: `{option}`", f"**{first}**",
                      "; ".join(rest)])
    return lines


OPTIONS = ["option", "default", "other values"]


def write_methods(report, measured):
    report.section("Methods", ABOUT)
    report.table(METHODS, method_rows(measured))
    series = list(next(iter(measured.values()))[1])
    for i, title, form in ((0, "VUS-PR", "{:.3f}".format),
                           (1, "Point-wise F1", "{:.3f}".format),
                           (2, "False alarms a day", small)):
        report.section(title)
        report.table([""] + [s.replace("_", " ") for s in series],
                     [[name] + [form(result[s][i]) for s in series]
                      for name, (_, result) in measured.items()])


def write_options(report, rows):
    report.section("Options", ABOUT_OPTIONS)
    report.table(["function, option", "value", "VUS-PR of a point", *FIGURES,
                  "µs a row"],
                 [[f"{x[0]} {x[1]}"] +
                  [y if isinstance(y, str) else f"{y:.0f}" if y == int(y) else
                   f"{y:.3f}" for y in x[2:]] for x in rows])
