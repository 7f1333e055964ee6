"""Figures with a target, and where they stand side by side.

Benches report the figures of FIGURES by their key; bench/results/speed.tsv
keeps those of the machine measured last, one a line: key, tab, figure. As a
program this writes them, beside those of other processors, into
docs/benchmark.md, between two comments.
"""
import os
import re

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
RESULTS = os.path.join(ROOT, "bench", "results")
DOCUMENT = os.path.join(ROOT, "docs", "benchmark.md")
BEGIN, END = "<!-- speed: bench/figures.py -->", "<!-- end of speed -->"

# Key, what it is, "<=" or ">=" or None, target.
FIGURES = [
    ("score_floor", "scan of ten columns without a score, ns a row", None, 0),
    ("score_off", "`ad_score`, scan included, `simd` off, ns a row", "<=", 750),
    ("score_avx2", "the same, avx2", "<=", 420),
    ("score_auto", "the same, auto", "<=", 420),
    ("sk_100k", "× scikit-learn 1.2.1, 100,000 rows", ">=", 24),
    ("sk_1m", "× scikit-learn 1.2.1, 1,000,000 rows", ">=", 24),
    ("sk_newer", "× the method of scikit-learn ≥ 1.3, emulated", ">=", 8),
    ("fair_off", "`ad_fair_forest` scored, `simd` off, rows/s", None, 0),
    ("fair_avx2", "the same, avx2", ">=", 500_000),
    ("fair_auto", "the same, auto", ">=", 500_000),
    ("fit_0", "fit ÷ ten sums, one process", "<=", 1.15),
    ("fit_1", "the same, each with 1 worker", "<=", 1.15),
    ("fit_2", "the same, each with 2 workers", "<=", 1.15),
    ("fit_plan", "fit by the plan chosen ÷ one process, time", "<=", 1),
    ("score_plan", "score by the plan chosen ÷ one process, time", "<=", 1),
    ("fit_huge", "20 M rows: fit by the plan chosen, × one process", ">=", 1.8),
    ("fit_zscore", "fit of zscore, 50,000 rows, ÷ ten sums", "<=", 2.5),
    ("fit_pca", "the same, pca", "<=", 2.5),
    ("fit_mahalanobis", "the same, mahalanobis", "<=", 2.5),
    ("group_fit", "a model a group, 1,000 rows: ms a fit", "<=", 1),
    ("group_kb_1000", "the same: kB a model", "<=", 60),
    ("group_kb_100", "groups of 100 rows: kB a model", "<=", 40),
    ("group_sorted", "scored by a join in the order of groups, µs a row",
     "<=", 0.8),
    ("group_fits", "in mixed order, a cache that holds all, µs a row",
     "<=", 10),
    ("group_misses", "in mixed order, a cache that does not, µs a row",
     "<=", 200),
    ("row_select", "`SELECT 1` by pgbench, µs", None, 0),
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
]
WHAT = {key: (sign, target) for key, _, sign, target in FIGURES}


def text(x):
    """A figure as a person writes it."""
    if x >= 1000:
        return f"{x:,.0f}"
    return f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def verdict(key, x):
    """A figure's target and whether it was reached; nothing without one."""
    sign, target = WHAT[key]
    if sign is None:
        return ""
    good = x <= target if sign == "<=" else x >= target
    return (("at most" if sign == "<=" else "at least") +
            f" {target:,g}: " + ("met" if good else "**missed**"))


def read(name):
    """Figures of a file of bench/results, and its lines beginning with #."""
    figures, about = {}, []
    path = os.path.join(RESULTS, name)
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            for line in file:
                if line.startswith("#"):
                    about.append(line[1:].strip())
                else:
                    key, figure = line.rstrip("\n").split("\t")
                    figures[key] = figure
    return figures, about


def keep(figures, about):
    """Puts what a bench measured in place of what was measured before."""
    before, _ = read("speed.tsv")
    before.update({key: repr(x) for key, x in figures.items()})
    with open(os.path.join(RESULTS, "speed.tsv"), "w",
              encoding="utf-8") as file:
        file.writelines(f"# {line}\n" for line in about)
        file.writelines(f"{key}\t{before[key]}\n" for key, *_ in FIGURES
                        if key in before)


def section():
    """The part of docs/benchmark.md."""
    here, about = read("speed.tsv")
    amd, amd_about = read("speed_amd_0.2.0.tsv")
    lines = [BEGIN, "## Speed on two processors", "",
             "Written by `make bench-speed`; a million rows of ten columns, "
             "100 trees of 256 rows, where nothing else is said. Tables with "
             "more: [forests](../bench/results/iforest.md), "
             "[one row](../bench/results/single.md), "
             "[groups](../bench/results/groups.md).", ""]
    lines += ["- This machine: " + " ".join(about)] if about else []
    lines += ["- AMD EPYC (Zen 5): " + " ".join(amd_about), "",
              "| | this machine | target | AMD EPYC (Zen 5), 0.2.0 |",
              "|---|---:|---:|---:|"]
    for key, what, *_ in FIGURES:
        x = here.get(key)
        lines.append("| " + " | ".join([
            what, text(float(x)) if x else "not measured",
            verdict(key, float(x)) if x else "",
            amd.get(key, "not measured")]) + " |")
    return lines + ["", END]


def main():
    with open(DOCUMENT, encoding="utf-8") as file:
        page = file.read()
    page, n = re.subn(f"{re.escape(BEGIN)}.*?{re.escape(END)}",
                      lambda _: "\n".join(section()), page, flags=re.S)
    if n != 1:
        raise SystemExit(f"{DOCUMENT} has no place for the figures")
    with open(DOCUMENT, "w", encoding="utf-8") as file:
        file.write(page)


if __name__ == "__main__":
    main()
