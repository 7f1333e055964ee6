"""bench/results/speed.tsv, which has every figure of speed, and the tables made
of it.

A line is a figure: its key, the processor it was measured on, its value. Lines
that begin with # name a bench, the processor and how it was measured there. A
run replaces the figures of its bench on its processor; those of other
processors stay, and documents show them side by side. The first processor of
the file is the one that sentences are about.
"""
import os
import re

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "results",
                    "speed.tsv")

# Rows of bench/scale.py, in millions, and its measurements.
SCALES = (1, 20, 100)
SCALE_WHAT = [("sums", "ten `sum()`s, one process, s"),
              ("fit", "fit, one process, s"),
              ("sums_plan", "ten `sum()`s, the plan chosen, elapsed s"),
              ("fit_plan", "fit, the plan chosen, elapsed s"),
              ("score", "score, one process, s")]

# What bench/concurrency.py measures: servers, scripts, clients, figures.
PRELOADS = (("plain", "no"), ("preload", "yes"))
SCRIPTS = (("select", "`SELECT 1`"), ("name", "by name"),
           ("bytes", "by its bytes"))
CLIENTS = (1, 2, 4, 8)
SPREAD = (("tps", "a second"), ("p50", "p50, µs"), ("p95", "p95"),
          ("p99", "p99"))

# Keys that tables of their own have.
KEYS = (
    [f"scale_{what}_{n}" for n in SCALES for what, _ in SCALE_WHAT] +
    [f"clients_{server}_{script}_{n}_{figure}" for server, _ in PRELOADS
     for script, _ in SCRIPTS for n in CLIENTS for figure, _ in SPREAD] +
    [f"beside_{what}_{figure}" for what in ("quiet", "job")
     for figure, _ in SPREAD] +
    ["beside_job_rows", "beside_alone_rows"])


def processor_name(about):
    """A short name that no two processors share: "Intel Xeon 6/207"."""
    name = re.sub(r"\((R|TM|r|tm)\)|\bProcessor\b|\bCPU\b|@.*", " ",
                  about.split(" (family")[0])
    numbers = re.search(r"\(family ([^,]*), model ([^,]*),", about)
    return " ".join(name.split() + ["/".join(numbers.groups())]
                    if numbers else name.split())


def read():
    """{processor: {key: figure}}, and {(bench, processor): how}."""
    figures, about = {}, {}
    with open(PATH, encoding="utf-8") as file:
        for line in file:
            if line.startswith("#"):
                bench, how = line[1:].strip().split(": ", 1)
                about[tuple(bench.split(", ", 1))] = how
            else:
                key, processor, figure = line.rstrip("\n").split("\t")
                figures.setdefault(processor, {})[key] = float(figure)
    return figures, about


def keep(measured, how, bench, keys):
    """Puts what a bench measured on this processor in place of what it
    measured there before."""
    processor = processor_name(how)
    figures, about = read()
    figures.setdefault(processor, {}).update(measured)
    about[bench, processor] = how
    with open(PATH, "w", encoding="utf-8") as file:
        file.writelines(f"# {of}, {where}: {how}\n"
                        for (of, where), how in about.items())
        # the first processor stays the first one
        file.writelines(f"{key}\t{where}\t{x[key]!r}\n"
                        for where, x in figures.items()
                        for key in keys if key in x)


def text(x):
    """A figure as a person writes it."""
    if x >= 1000:
        return f"{x:,.0f}"
    return f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def measured_on(*benches):
    """How benches were measured, in a list of one line each."""
    lines = {}
    for (bench, processor), how in read()[1].items():
        if not benches or bench in benches:
            lines.setdefault((processor, how), []).append(bench)
    return [f"- {processor}" +
            (f" ({', '.join(names)})" if len(benches) != 1 else "") +
            f": {how}" for (processor, how), names in sorted(lines.items())]


def scale_table():
    """Header and rows of bench/scale.py's table."""
    rows = []
    for processor, x in read()[0].items():
        for n in SCALES:
            row = [x.get(f"scale_{what}_{n}") for what, _ in SCALE_WHAT]
            if row.count(None) == len(row):
                continue
            sums, fit = row[:2]
            rows.append([f"{n} million", processor] +
                        ["" if y is None else text(y) for y in row] +
                        [text(fit / sums) if fit and sums else ""])
    return ["rows", "processor"] + [what for _, what in SCALE_WHAT] + [
        "fit ÷ sums"], rows


def clients_tables():
    """A header and rows for every processor of bench/concurrency.py."""
    tables = []
    for processor, x in read()[0].items():
        rows = []
        for server, preloaded in PRELOADS:
            for script, name in SCRIPTS:
                for n in CLIENTS:
                    key = f"clients_{server}_{script}_{n}_"
                    if key + "tps" in x:
                        rows.append([name, preloaded, str(n)] +
                                    [text(x[key + f]) for f, _ in SPREAD])
        beside = [[name] + [text(x[f"beside_{what}_{f}"]) for f, _ in SPREAD] +
                  ([text(x[f"beside_{rate}_rows"])] if rate else [""])
                  for what, rate, name in (
                      ("quiet", None, "scoring alone"),
                      ("job", "job", "scoring while a job runs"))
                  if f"beside_{what}_tps" in x]
        if beside:
            beside.append(["the job alone"] + [""] * len(SPREAD) +
                          [text(x["beside_alone_rows"])])
        if rows or beside:
            tables.append((processor, rows, beside))
    header = ["", "preloaded", "clients"] + [name for _, name in SPREAD]
    return header, ["4 clients, by name"] + header[3:] + [
        "the job's rows a second"], tables
