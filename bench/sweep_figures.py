"""What bench/sweep.py measured of every detector, and the tables made of it.

bench/results/sweep.tsv has a line a measurement: detector, what was swept
(rows, columns, contamination or clients), its value, and the figures of
COLUMNS, "-" where there is none.
"""
import os

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "results",
                    "sweep.tsv")

COLUMNS = ("fit_s", "rows_s", "memory_mb", "model_bytes", "auc", "ap",
           "p50_us", "p95_us", "p99_us", "calls_s")

# Published for systems of this kind: what it is, how it is read from the
# measurements, the figure as text, and whether a figure reaches it.
PUBLISHED = [
    ("fit of 1,000 rows", "ms", "100", ("rows", 1_000), "fit_s", 1e3,
     lambda x: x < 100),
    ("fit of 100,000 rows", "s", "30", ("rows", 100_000), "fit_s", 1,
     lambda x: x < 30),
    ("memory of the fit of a million rows", "MB", "2,048",
     ("rows", 1_000_000), "memory_mb", 1, lambda x: x < 2048),
    ("rows scored a second", "", "more than 10,000", ("rows", 100_000),
     "rows_s", 1, lambda x: x > 10_000)]


ABOUT = (
    "Every detector with its defaults, in one process, including the scan. "
    "Seconds are processor time; memory is the growth of a new process's private "
    "pages. Values that do not reach a published figure are bold.")
ABOUT_CLIENTS = (
    "One row per call, with a named model, prepared statements, and "
    "8 clients on the same two processors; these are elapsed times. "
    "[Several clients](#several-clients) has more of a forest.")
ABOUT_CONTAMINATION = (
    "Average precision by contamination: 10,000 rows of two columns, anomalies "
    "are anywhere, including among the normal rows.")


def number(x):
    if x is None:
        return ""
    if x == 0:
        return "0"
    if x >= 1000:
        return f"{x:,.0f}"
    return f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else (
        f"{x:.2f}" if x >= 0.01 else f"{x:.4f}")


def keep(measured, about):
    """Writes {(detector, axis, value): {column: figure}}."""
    with open(PATH, "w", encoding="utf-8") as file:
        file.write(f"# {about}\n")
        file.write("\t".join(("# detector", "axis", "value") + COLUMNS) + "\n")
        for (detector, axis, value), row in measured.items():
            file.write("\t".join(
                [detector, axis, f"{value:g}"] +
                [f"{row[c]:.6g}" if c in row else "-" for c in COLUMNS]) +
                "\n")


def read():
    """The same, and the line about it."""
    measured = {}
    with open(PATH, encoding="utf-8") as file:
        about, _, *lines = file.read().splitlines()
    for line in lines:
        detector, axis, value, *figures = line.split("\t")
        measured[detector, axis, float(value)] = {
            c: float(x) for c, x in zip(COLUMNS, figures) if x != "-"}
    return measured, about[2:]


def names(measured):
    return sorted({detector for detector, *_ in measured})


def published_table(measured):
    """Header and rows: what is published, and ours, detector by detector."""
    header = ["detector"] + [
        f"{what}{', ' + unit if unit else ''}"
        for what, unit, *_ in PUBLISHED]
    rows = [["published"] + [("less than " if unit else "") + figure
                             for _, unit, figure, *_ in PUBLISHED]]
    for name in names(measured):
        row = [f"`{name}`"]
        for _, _, _, (axis, value), column, unit, good in PUBLISHED:
            x = measured.get((name, axis, value), {}).get(column)
            x = None if x is None else x * unit
            row.append("" if x is None else number(x) if good(x) else
                       f"**{number(x)}**")
        rows.append(row)
    return header, rows


def axis_table(measured, axis, column, factor=1, least=0):
    """Header and rows: a figure of each detector along an axis; bold below
    the least."""
    values = sorted({v for _, a, v in measured if a == axis})
    rows = [[f"`{name}`"] + [
        "" if x is None else number(x * factor) if x >= least else
        f"**{number(x * factor)}**" for x in (
            measured.get((name, axis, v), {}).get(column) for v in values)]
        for name in names(measured)]
    label = (lambda v: f"{v:.0%}") if axis == "contamination" else (
        lambda v: f"{v:,.0f}")
    return ["detector"] + [label(v) for v in values], rows


def latency_table(measured):
    """Header and rows: one row a call, eight clients."""
    rows = [[f"`{name}`"] + [number(measured[name, "clients", 8.0].get(c))
                             for c in ("p50_us", "p95_us", "p99_us", "calls_s")]
            for name in names(measured) if (name, "clients", 8.0) in measured]
    return ["detector", "p50, µs", "p95", "p99", "calls a second"], rows
