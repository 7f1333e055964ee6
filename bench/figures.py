"""Figures that the documentation has, and where they are kept and written.

Benches keep what they measure in bench/results, a figure in place of the one
before: speed.tsv has those of FIGURES and of bench/speed_figures.py, by key and
processor; accuracy.tsv the accuracy of detectors, options and ensembles on labeled sets (bench/accuracy.py);
cost.tsv what a fit, a score and a model of every detector cost
(bench/detectors.py); those of labeled series are in bench/series_figures.py.
As a program this writes them into the documents, and into the
install script for ad_recommend(), each between two comments of BLOCKS; with
--check it writes nothing, and fails if something else stands there.
"""
import os
import re
import sys
import textwrap
from statistics import mean

import readme_figures
import series_arrays_figures
import series_figures
import speed_figures
import sweep_figures
from speed_figures import text

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
RESULTS = os.path.join(ROOT, "bench", "results")

CHECK = sys.argv[1:] == ["--check"]

# Sets of so many columns are wide.
WIDE = 20

# Key, what it is, "<=" or ">=" or None, target.
FIGURES = [
    ("score_floor", "scan of ten columns without a score, ns a row", None, 0),
    ("score_off", "`ad_score`, scan included, `simd` off, ns a row", "<=", 750),
    ("score_avx2", "the same, avx2", "<=", 420),
    ("score_auto", "the same, auto", "<=", 420),
    ("sk_100k", "× scikit-learn 1.2.1, 100,000 rows", ">=", 24),
    ("sk_1m", "× scikit-learn 1.2.1, 1,000,000 rows", ">=", 24),
    ("sk_newer", "× the method of scikit-learn ≥ 1.3, emulated", ">=", 8),
    ("score_rows", "scored, scan included, rows/s", None, 0),
    ("sk_rows", "scikit-learn 1.2.1, from memory, rows/s", None, 0),
    ("newer_rows", "the method of scikit-learn ≥ 1.3, emulated, rows/s", None, 0),
    ("fair_off", "`ad_fair_forest` scored, `simd` off, rows/s", None, 0),
    ("fair_avx2", "the same, avx2", ">=", 500_000),
    ("fair_auto", "the same, auto", ">=", 500_000),
    ("auto_off", "`ad_auto` scored, 50,000 rows, `simd` off, rows/s", None, 0),
    ("auto_avx2", "the same, avx2", ">=", 250_000),
    ("auto_auto", "the same, auto", ">=", 250_000),
    ("subknn_off", "`ad_subknn` scored, 50,000 rows, `simd` off, rows/s", None, 0),
    ("subknn_avx2", "the same, avx2", ">=", 600_000),
    ("subknn_auto", "the same, auto", ">=", 1_000_000),
    ("fit_s", "fit, scan included, s", None, 0),
    ("sums_s", "ten sums, s", None, 0),
    ("fit_sk_s", "scikit-learn's fit, from memory, s", None, 0),
    ("fit_0", "fit ÷ ten sums, one process", "<=", 1.15),
    ("fit_1", "the same, each with 1 worker", "<=", 1.15),
    ("fit_2", "the same, each with 2 workers", "<=", 1.15),
    ("fit_plan", "fit by the plan chosen ÷ one process, time", "<=", 1),
    ("score_plan", "score by the plan chosen ÷ one process, time", "<=", 1),
    ("fit_huge", "20 M rows: fit by the plan chosen, × one process", ">=", 1.8),
    ("fit_zscore", "fit of zscore, 50,000 rows, ÷ ten sums", "<=", 2.5),
    ("fit_pca", "the same, pca", "<=", 2.5),
    ("fit_mahalanobis", "the same, mahalanobis", "<=", 2.5),
    ("group_fit", "a model per group, 1,000 rows: ms per fit", "<=", 1),
    ("group_fit_100", "the same, 100 rows: ms per fit", None, 0),
    ("group_kb_1000", "groups of 1,000 rows: kB per model", "<=", 60),
    ("group_kb_100", "groups of 100 rows: kB per model", "<=", 40),
    ("group_sorted", "scored by a join in the order of groups, µs a row",
     "<=", 0.8),
    ("group_fits", "in mixed order, a cache that holds all, µs a row",
     "<=", 10),
    ("group_misses", "in mixed order, a cache that does not, µs a row",
     "<=", 200),
    ("row_select", "`SELECT 1`, µs", None, 0),
    ("row_name", "one warm row, model by name, µs", "<=", 17),
    ("row_bytes", "one warm row, model by its bytes, µs", "<=", 17),
    ("eight_tps", "8 clients, rows/s", None, 0),
    ("eight_p50", "8 clients, p50, µs", None, 0),
    ("eight_p95", "8 clients, p95, µs", None, 0),
    ("eight_p99", "8 clients, p99, µs", None, 0),
    ("pglz_sketch", "a sketch of 4.4 MB into a column with pglz, ms", None, 0),
    ("external_sketch", "the same, STORAGE EXTERNAL", None, 0),
    ("pglz_model", "a model of 14 kB into a column with pglz, ms", None, 0),
    ("external_model", "the same, STORAGE EXTERNAL", None, 0),
    ("job_rows", "a job's backlog, plain forest, no alerts, rows/s", ">=",
     150_000),
    ("job_rows_alerts", "the same, p_value 0.001, alerts explained", ">=",
     150_000),
    ("job_large", "the same of 10 M rows, no alerts", ">=", 150_000),
    ("job_large_alerts", "the same of 10 M rows, alerts explained", ">=",
     150_000),
    ("job_ten", "10 new rows of 10 M, a warm session, no alerts, ms", "<=", 20),
    ("job_ten_alerts", "the same, ten alerts explained", "<=", 20),
    ("job_dates", "a date as watermark: twice the rows, × time", "<=", 2.5),
    ("export_out", "a million rows out of the database into numpy, s", None, 0),
    ("export_csv", "the same as CSV into pandas, s", None, 0),
    ("export_back", "their scores back into a table, s", None, 0),
    ("export_here", "fitted, scored and stored in the database, s", None, 0),
    ("stl_plain", "`ad_stl_array`, period 168, ns a point", None, 0),
    ("stl_r_plain", "R's `stl`, the same", None, 0),
    ("stl_sm_plain", "statsmodels, the same", None, 0),
    ("stl_robust", "`ad_stl_array`, robust, ns a point", None, 0),
    ("stl_r_robust", "R's `stl`, the same", None, 0),
    ("stl_sm_robust", "statsmodels, the same", None, 0),
    ("layer_read", "10 M events read in order, µs an event", None, 0),
    ("layer_lag", "the same and `lag()`", None, 0),
    ("layer_window", "the same and `ad_layering`", "<=", 1.5),
]
# What stands above the figures from a key on: a table for each.
TOPICS = {
    "score_floor": "### Scoring many rows\n\nMore in [forests]"
    "(../bench/results/iforest.md), [the automatic detector]"
    "(../bench/results/auto.md), [every detector](../bench/results/detectors.md).",
    "fit_s": "### Fitting\n\nTen `sum()`s over the same columns are what reading them costs; "
    "more in [forests](../bench/results/iforest.md).",
    "group_fit": "### A model for each group\n\n2,000 groups of two features; more in "
    "[groups](../bench/results/groups.md).",
    "row_select": "### One row\n\nPrepared statements over a unix socket; one client and its backend share "
    "a processor, eight share two. By `bench/clients.c`; those of 0.2.0 and of commit 03d3dfd by pgbench, "
    "which notes 0 for an answer that is there at once. More in [one row](../bench/results/single.md) and "
    "[below](#several-clients).",
    "pglz_sketch": "### Models in a column",
    "job_rows": "### Jobs\n\nFour columns; more in [jobs](../bench/results/jobs.md).",
    "export_out": "### Out of the database and back\n\nProcessor time of all who take part; "
    "more in [export](../bench/results/export.md).",
    "stl_plain": "### Time series\n\n100,000 points; more in [series]"
    "(../bench/results/series.md) and [below](#series-generated-and-scored).",
    "layer_read": "### Market rules\n\n10,000 partitions; more in [market]"
    "(../bench/results/market.md).",
}
WHAT = {key: (sign, target) for key, _, sign, target in FIGURES}


def verdict(key, x):
    """A figure's target and whether it was reached; nothing without one."""
    sign, target = WHAT[key]
    if sign is None:
        return ""
    good = x <= target if sign == "<=" else x >= target
    return (("at most" if sign == "<=" else "at least") +
            f" {target:,.10g}: " + ("met" if good else "**missed**"))


def read_old():
    """Figures of version 0.2.0 as they were noted, and what was noted of
    them."""
    figures, about = {}, []
    with open(os.path.join(RESULTS, "speed_amd_0.2.0.tsv"),
              encoding="utf-8") as file:
        for line in file:
            if line.startswith("#"):
                about.append(line[1:].strip())
            else:
                key, figure = line.rstrip("\n").split("\t")
                figures[key] = figure
    return figures, about


def keep(figures, about, bench):
    """Puts what a bench measured in place of what it measured before."""
    speed_figures.keep(figures, about, bench,
                       [key for key, *_ in FIGURES] + speed_figures.KEYS)


def read_accuracy():
    """{form: {set: (ROC AUC, average precision)}} and the commits, in the
    order that they were first kept."""
    measured, commits = {}, {}
    path = os.path.join(RESULTS, "accuracy.tsv")
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            for line in file:
                form, dataset, auc, ap, commit = line.rstrip("\n").split("\t")
                measured.setdefault(form, {})[dataset] = (float(auc), float(ap))
                commits[form] = commit
    return measured, commits


def keep_accuracy(figures, commit):
    """Puts {(form, set): (ROC AUC, average precision)} in place of what was
    measured of those forms before."""
    measured, commits = read_accuracy()
    for form in {form: None for form, _ in figures}:
        measured[form] = {dataset: x for (f, dataset), x in figures.items()
                          if f == form}
        commits[form] = commit
    with open(os.path.join(RESULTS, "accuracy.tsv"), "w",
              encoding="utf-8") as file:
        file.writelines(f"{form}\t{dataset}\t{auc:.4f}\t{ap:.4f}\t"
                        f"{commits[form]}\n"
                        for form, sets in measured.items()
                        for dataset, (auc, ap) in sets.items())


def keep_labels(rows):
    """Keeps how labels were drawn, the share of wrong ones, their number, the
    set, and the change of ROC AUC and average precision; or a limit."""
    with open(os.path.join(RESULTS, "labels.tsv"), "w",
              encoding="utf-8") as file:
        file.writelines("\t".join([*map(str, row[:4]), f"{row[4]:.4f}",
                                   f"{row[5]:.4f}"]) + "\n" for row in rows)


def read_labels():
    """{(how, share, number): [means over the sets]}."""
    found = {}
    path = os.path.join(RESULTS, "labels.tsv")
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            for line in file:
                how, share, number, _, auc, ap = line.rstrip("\n").split("\t")
                found.setdefault((how, share, int(number)), []).append(
                    (float(auc), float(ap)))
    return {key: [mean(x) for x in zip(*pairs)]
            for key, pairs in found.items()}


def keep_cost(figures, about):
    """Keeps {detector: (ms of a fit, µs of a score, bytes, exponents)}, of
    three numbers each, as SQL has arrays."""
    with open(os.path.join(RESULTS, "cost.tsv"), "w",
              encoding="utf-8") as file:
        file.write(f"# {about}\n")
        file.writelines("\t".join([name] + list(row)) + "\n"
                        for name, row in figures.items())


def read_cost():
    """The same, and the line about it."""
    with open(os.path.join(RESULTS, "cost.tsv"), encoding="utf-8") as file:
        about, *lines = file.read().splitlines()
    return {name: row for name, *row in (line.split("\t") for line in lines)
            }, about[2:]


def is_wide(dataset):
    return int(dataset.rstrip(")").split()[-1]) >= WIDE


def means(sets, which=lambda dataset: True):
    """Mean ROC AUC and average precision over sets."""
    chosen = [x for dataset, x in sets.items() if which(dataset)]
    return tuple(mean(x[i] for x in chosen) for i in (0, 1))


def pair(x):
    return f"{x[0]:.3f} / {x[1]:.3f}"


def table(header, rows):
    return (["", "| " + " | ".join(header) + " |",
             "|---" + "|---:" * (len(header) - 1) + "|"] +
            ["| " + " | ".join(row) + " |" for row in rows])


def call(form):
    """A form as one writes it: a detector's call, or words."""
    return (f"`ad_{form}()`" if re.fullmatch("[a-z_]+", form) else form)


def accuracy_rows(forms=None):
    """Means of forms, all of them if none are named, best first."""
    measured, _ = read_accuracy()
    rows = [(form, means(sets), means(sets, is_wide))
            for form, sets in measured.items()
            if forms is None or form in forms]
    return [[call(form), *(f"{x:.3f}" for x in everywhere + wide)]
            for form, everywhere, wide in
            sorted(rows, key=lambda row: -row[1][0])]


def about_accuracy():
    measured, commits = read_accuracy()
    sets = next(iter(measured.values()))
    rows = [int(d.split("(")[1].split()[0].replace(",", "")) for d in sets]
    wide = [d for d in sets if is_wide(d)]
    return (f"Means over {len(sets)} labeled sets of the outlier detection "
            f"literature ({min(rows):,} to {max(rows):,} rows); “wide” are the "
            f"{len(wide)} with {WIDE} columns or more. Each detector is fitted to "
            "all rows of a set, without the labels, and scores the same rows; if "
            "it uses random numbers, with five seeds. Measured at "
            f"{', '.join(sorted(set(commits.values())))} by "
            "`bench/accuracy.py`; the results of each set are in "
            "[bench/results/accuracy.md](../bench/results/accuracy.md).")


HEADER = ["", "ROC AUC", "average precision", "wide: ROC AUC",
          "wide: average precision"]


def accuracy_section():
    """The part of docs/benchmark.md."""
    detectors = read_cost()[0]
    measured, _ = read_accuracy()
    return ["## Labeled sets of the literature", "", about_accuracy(), "",
            "Detectors with their defaults:",
            *table(HEADER, accuracy_rows(detectors)), "",
            "Options, ensembles, and former defaults of 0.2.0 "
            "([UPGRADING.md](../UPGRADING.md)):",
            *table(HEADER, accuracy_rows(set(measured) - set(detectors))), ""]


def accuracy_page():
    """bench/results/accuracy.md."""
    measured, commits = read_accuracy()
    sets = next(iter(measured.values()))
    return (["# Accuracy on labeled sets", "",
             "ROC AUC / average precision; see "
             "[benchmark.md](../../docs/benchmark.md#labeled-sets-of-the-literature)."] +
            table(["", "at"] + [d.replace(" (", "<br>(") for d in sets],
                  [[call(form), commits[form]] +
                   [pair(x[d]) if d in x else "" for d in sets]
                   for form, x in measured.items()]))


def auto_accuracy():
    """What docs/auto.md says of accuracy."""
    forms = ["iforest", "fair_forest", "subknn", "ecod",
             "iforest, ecod, knn: mean"]
    forms += [f"auto's three, {how}" for how in
              ("mean", "median", "max", "vote", "top")] + ["auto"]
    rows = {row[0]: row for row in accuracy_rows(forms)}
    return [about_accuracy(),
            *table(HEADER, [rows[call(form)] for form in forms]), ""]


def labels_curve():
    """What docs/auto.md says of labels."""
    found = read_labels()
    shown = sorted({number for _, _, number in found if number > 0})
    none, member, best = ([f"{x:.3f}" for x in found["limit", str(i), 0]]
                          for i in range(3))
    measured, _ = read_accuracy()
    single = [form for form in measured if "auto" not in form and
              not form.endswith(": mean")]
    all_of_them = [mean(max(measured[form][dataset][i] for form in single)
                        for dataset in measured["auto"]) for i in range(2)]
    rows = [[f"{how}{', one in five wrong' if share != '0' else ''}"] +
            [" / ".join(f"{x:+.3f}" for x in found[how, share, number])
             for number in shown]
            for how, share in dict.fromkeys(
                (how, share) for how, share, _ in found if how != "limit")]
    return [f"Without labels the means are {none[0]} / {none[1]} (ROC AUC / "
            "average precision). The best member of each set, which is unknown "
            f"in practice, has {member[0]} / {member[1]}, the best weights have "
            f"{best[0]} / {best[1]}, and the best of all measured detectors and "
            f"options has {all_of_them[0]:.3f} / {all_of_them[1]:.3f}. "
            "Changes by number of labels:",
            *table(["labels"] + [f"{number}" for number in shown], rows), ""]


def numbers(array):
    return [float(x) for x in array.strip("{}").split(",")]


def size(octets):
    return (f"{octets / 1e6:.1f} MB" if octets >= 1e6 else
            f"{octets / 1e3:.0f} kB" if octets >= 1e4 else
            f"{octets / 1e3:.1f} kB")


def cost_rows(names):
    figures, _ = read_cost()
    return {name: [text(numbers(fit)[2]), text(numbers(score)[2]),
                   size(numbers(octets)[2])]
            for name, (fit, score, octets, _) in figures.items()
            if name in names}


def auto_cost():
    """What docs/auto.md says of cost."""
    names = ["auto", "fair_forest", "subknn", "ecod", "iforest"]
    rows = cost_rows(names)
    return ["Cost of 50,000 rows of ten `float8` columns, including scans, on " +
            speed_figures.short(read_cost()[1]) + ".",
            *table(["", "fit, ms", "score of a row, µs", "model"],
                   [[call(name)] + rows[name] for name in names]), ""]


def detector_figures():
    """What docs/detectors.md says of every detector."""
    measured, _ = read_accuracy()
    costs = read_cost()[0]
    rows = cost_rows(costs)
    names = sorted((n for n in costs if n in measured),
                   key=lambda n: -means(measured[n])[0])
    return [about_accuracy() + " Cost of 50,000 rows of ten `float8` columns, "
            "including scans, on " + speed_figures.short(read_cost()[1]) + ".",
            *table(["", "ROC AUC", "average precision", "fit, ms",
                    "score of a row, µs", "model"],
                   [[call(n), *(f"{x:.3f}" for x in means(measured[n]))] +
                    rows[n] for n in names]), ""]


def option_figures():
    """What docs/detectors.md says of options."""
    costs = read_cost()[0]
    measured, _ = read_accuracy()
    forms = [form for form in measured if form.split()[0] in costs]
    forms = [form for form in forms if form not in costs or any(
        f.split()[0] == form for f in forms if f != form)]
    return table(HEADER, sorted(accuracy_rows(forms),
                                key=lambda row: re.sub("^`ad_|[()`]", "",
                                                       row[0]))) + [""]


def recommend_figures():
    """Figures for _anomaly._ad_measured()."""
    measured, _ = read_accuracy()
    costs = {n: row for n, row in read_cost()[0].items() if n in measured}
    accuracy = [f"    ('{n}', {means(measured[n])[0]:.4f}, "
                f"{means(measured[n])[1]:.4f})" for n in sorted(costs)]
    cost = ["    (" + ", ".join(f"'{x}'" for x in [n] + costs[n]) + ")"
            for n in sorted(costs)]
    return ["FROM (VALUES", ",\n".join(accuracy),
            "    ) a(detector, mean_auc, mean_ap)", "JOIN (VALUES",
            ",\n".join(cost),
            "    ) c(detector, fit_ms, score_us, model_bytes, "
            "column_exponents) USING (detector)"]


def machines_section():
    """The processors of the page."""
    return ["", *speed_figures.machines(
        read_cost()[1], sweep_figures.read()[1],
        series_arrays_figures.read()[0], series_figures.read_methods()[0]), ""]


def section():
    """The part of docs/benchmark.md: a table for each topic, with a column for
    each processor that has figures of it."""
    figures, _ = speed_figures.read()
    old, old_about = read_old()
    lines = [""]
    keys = [key for key, *_ in FIGURES]
    places = [keys.index(key) for key in TOPICS] + [len(keys)]
    for topic, start, end in zip(TOPICS.values(), places, places[1:]):
        part = FIGURES[start:end]
        shown = [processor for processor, x in figures.items()
                 if any(key in x for key, *_ in part)]
        before = any(key in old for key, *_ in part)
        rows = []
        for key, what, sign, target in part:
            row = [what, "" if sign is None else
                   ("at most" if sign == "<=" else "at least") +
                   f" {target:,.10g}"]
            for processor in shown:
                x = figures[processor].get(key)
                row.append("" if x is None else f"**{text(x)}**"
                           if "missed" in verdict(key, x) else text(x))
            rows.append(row + ([old.get(key, "")] if before else []))
        lines += [topic, *table(["", "target", *shown] + (
            ["AMD Zen 5, 0.2.0"] if before else []), rows), ""]
    return lines + [
        "### When and how", "",
        "The load is what other work took of the processors meanwhile (1 is one of "
        "them), or, in older lines, the load average before the bench began; "
        "where it is high, processor times are somewhat too long, and elapsed times "
        "much too long. “AMD Zen 5, 0.2.0” is " + " ".join(old_about),
        *table(*speed_figures.runs_table()), ""]


def scale_section():
    """The part of docs/benchmark.md on bench/scale.py."""
    return ["", speed_figures.measured_on("scale"),
            *table(*speed_figures.scale_table()), ""]


def clients_section():
    """The part of docs/benchmark.md on bench/concurrency.py."""
    header, beside_header, tables = speed_figures.clients_tables()
    lines = ["", speed_figures.measured_on("concurrency"), ""]
    for processor, rows, beside in tables:
        lines += [f"{processor}:", *table(header, rows), ""]
        if beside:
            lines += ["Beside a job:", *table(beside_header, beside), ""]
    return lines


def one_group_section():
    """The part of docs/benchmark.md on events in one group."""
    figures = {processor: x for processor, x in speed_figures.read()[0].items()
               if any(key in x for key, *_ in speed_figures.ONE_GROUP)}
    return ["", speed_figures.measured_on("market"),
            *table(["events", "published"] + list(figures),
                   [[events, published] + [
                       f"{text(x[key])} s" if key in x else ""
                       for x in figures.values()]
                    for key, events, published in speed_figures.ONE_GROUP]), ""]


def group_figures():
    """What docs/groups.md says of speed."""
    keys = [key for key, *_ in FIGURES if key.startswith("group_")]
    figures = {processor: x for processor, x in speed_figures.read()[0].items()
               if any(key in x for key in keys)}
    return ["Fits by `ad_fit` and `GROUP BY`, and scores by a join with the table "
            "of models: 2,000 groups of 1,000 rows, two features, a forest of 100 "
            "trees, one process, `bench/groups.py`. More in "
            "[bench/results/groups.md](../bench/results/groups.md). " +
            speed_figures.measured_on("groups") +
            " What these are is in [benchmark.md](benchmark.md#where).",
            *table([""] + list(figures),
                   [[what] + [text(x[key]) if key in x else ""
                              for x in figures.values()]
                    for key, what, *_ in FIGURES if key in keys]), ""]


def series_methods():
    """What docs/series.md says of methods."""
    about, measured = series_figures.read_methods()
    return [f"{series_figures.ABOUT} Measured on {speed_figures.short(about)}.",
            *table(series_figures.METHODS,
                   series_figures.method_rows(measured)), ""]


def series_options():
    """What docs/series.md says of options."""
    return table(series_figures.OPTIONS, series_figures.option_rows(
        series_figures.read("series_options.tsv")[1])) + [""]


def sweep_section():
    """The part of docs/benchmark.md on bench/sweep.py."""
    measured, about = sweep_figures.read()
    return ["## Comparison with figures published for such systems", "",
            sweep_figures.ABOUT, "",
            f"Measured on {speed_figures.short(about)}.",
            *table(*sweep_figures.published_table(measured)), "",
            sweep_figures.ABOUT_CLIENTS + (
                " The machine had other work: much of the 95th and 99th "
                "percentiles is waiting for a processor."
                if speed_figures.busy(about) else ""),
            *table(*sweep_figures.latency_table(measured)), "",
            "Milliseconds per fit, by number of rows, with ten columns:",
            *table(*sweep_figures.axis_table(measured, "rows", "fit_s", 1e3)),
            "", "Rows scored per second, by number of columns, with models of 10,000 "
            "rows; less than 10,000 is bold:",
            *table(*sweep_figures.axis_table(measured, "columns", "rows_s",
                                             least=10_000)),
            "", sweep_figures.ABOUT_CONTAMINATION,
            *table(*sweep_figures.axis_table(measured, "contamination",
                                             "ap")), "",
            "More in [bench/results/sweep.md](../bench/results/sweep.md). On "
            "your own tables use [ad_benchmark_report]"
            "(compare.md#a-page-to-read).", ""]


def report_section():
    """The part of docs/benchmark.md on bench/report.py: its page, but for the
    title and its last section, which is on every set."""
    with open(os.path.join(RESULTS, "report.md"), encoding="utf-8") as page:
        above = page.read().split("\n## Set by set\n")[0]
    return [*above.replace("(../../docs/img/", "(img/").replace(
        "\n## ", "\n### ").split("\n")[1:], ""]


def readme(block_):
    """A block of README.md."""
    def lines():
        measured, _ = read_accuracy()
        accuracy = {form: means(measured[form])[0] for form in ("auto", "iforest")}
        accuracy["sets"] = len(measured["auto"])
        return block_(speed_figures.read()[0], accuracy)
    return lines


BLOCKS = {
    "README.md": {"headline": readme(readme_figures.headline),
                  "why": readme(readme_figures.why),
                  "speed": readme(readme_figures.speed_table)},
    "docs/benchmark.md": {"machines": machines_section, "speed": section, "scale": scale_section,
                          "clients": clients_section,
                          "accuracy": accuracy_section,
                          "sweep": sweep_section,
                          "arrays": series_arrays_figures.section,
                          "one_group": one_group_section,
                          "report": report_section},
    "docs/groups.md": {"figures": group_figures},
    "docs/auto.md": {"accuracy": auto_accuracy, "labels": labels_curve,
                     "cost": auto_cost},
    "docs/detectors.md": {"figures": detector_figures,
                          "options": option_figures},
    "docs/series.md": {"methods": series_methods, "options": series_options},
    "sql/install/49-detectors-recommend.sql": {"figures": recommend_figures}}


def wrapped(lines, width=100):
    """The lines of a document, its prose wrapped."""
    for line in "\n".join(lines).split("\n"):
        if len(line) <= width or line.startswith(("|", "#", "<!--", "!")):
            yield line
        else:
            yield from textwrap.wrap(
                line, width, break_long_words=False, break_on_hyphens=False,
                subsequent_indent="  " if line.startswith("- ") else "")


def block(file, name):
    """A block of a file, with the comments around it."""
    begin, end = (("-- ", "") if file.endswith(".sql") else ("<!-- ", " -->"))
    return [f"{begin}{name}: bench/figures.py{end}",
            *(BLOCKS[file][name]() if file.endswith(".sql") else
              wrapped(BLOCKS[file][name]())), f"{begin}end of {name}{end}"]


def main():
    wrong = []
    for file, blocks in BLOCKS.items():
        path = os.path.join(ROOT, file)
        with open(path, encoding="utf-8") as page:
            before = page.read()
        after = before
        for name in blocks:
            lines = block(file, name)
            after, n = re.subn(f"{re.escape(lines[0])}.*?{re.escape(lines[-1])}",
                               lambda _: "\n".join(lines), after, flags=re.S)
            if n != 1:
                raise SystemExit(f"{file} has no place for {name}")
        if after != before and CHECK:
            wrong.append(file)
        elif after != before:
            with open(path, "w", encoding="utf-8") as page:
                page.write(after)
    if wrong:
        raise SystemExit("figures are not those of bench/results: " +
                         ", ".join(wrong))


if __name__ == "__main__":
    main()
