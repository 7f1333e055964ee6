"""bench/results/speed.tsv, which has every figure of speed, and the tables made
of it.

A line is a figure: its key, the processor it was measured on, its value. Lines
that begin with # name a bench, the processor and how it was measured there. A
run replaces the figures of its bench on its processor; those of other
processors stay, and documents show them side by side. Only what nobody noted
the processor of goes as soon as it has been measured where one is known.
"""
import os
import re
from collections import namedtuple

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

# What bench/market.sh measures of events in one group: key, how many they are,
# what is published for them.
ONE_GROUP = [("group_of_10k", "10,000", "0.5 s"), ("group_of_1m", "1,000,000", "60 s"),
             ("group_of_10m", "10,000,000", "10 min")]

# Keys that tables of their own have.
KEYS = (
    [key for key, *_ in ONE_GROUP] +
    [f"scale_{what}_{n}" for n in SCALES for what, _ in SCALE_WHAT] +
    [f"clients_{server}_{script}_{n}_{figure}" for server, _ in PRELOADS
     for script, _ in SCRIPTS for n in CLIENTS for figure, _ in SPREAD] +
    [f"beside_{what}_{figure}" for what in ("quiet", "job")
     for figure, _ in SPREAD] +
    ["beside_job_rows", "beside_alone_rows"])


# What hypervisors leave of a processor's name, "Intel(R) Xeon(R) Processor",
# tells little; its family and models are told by these names.
NAMES = [
    (6, (85,), "Intel Skylake or Cascade Lake"),
    (6, (106, 108), "Intel Ice Lake"),
    (6, (143,), "Intel Sapphire Rapids"),
    (6, (167,), "Intel Rocket Lake"),
    (6, (173, 174), "Intel Granite Rapids"),
    (6, (207,), "Intel Emerald Rapids"),
    (23, range(0x00, 0x30), "AMD Zen"),
    (23, range(0x30, 0x100), "AMD Zen 2"),
    (25, (*range(0x00, 0x10), *range(0x20, 0x60)), "AMD Zen 3"),
    (25, range(0x00, 0x100), "AMD Zen 4"),
    (26, (*range(0x00, 0x50), *range(0x60, 0x80)), "AMD Zen 5"),
]


def processor_name(about):
    """A short name, from how something was measured: "AMD Zen 5", or "Intel
    Xeon, family 6, model 99" if it is in no list."""
    numbers = re.search(r"\(family (\d+), model (\d+),", about)
    if numbers:
        family, model = map(int, numbers.groups())
        for of, models, name in NAMES:
            if of == family and model in models:
                return name
    name = re.sub(r"\((R|TM|r|tm)\)|\bProcessor\b|\bCPU\b|@.*", " ",
                  about.split(" (family")[0])
    return " ".join(name.split()) + (
        f", family {family}, model {model}" if numbers else "")


# How the name of a processor ends that nobody noted.
UNKNOWN = "not noted"

# What of it a table has: a string each.
Measured = namedtuple("Measured", "processor machine server day commit rounds "
                      "load")


def parts(how):
    """How something was measured (measured_on() of bench/lib.py), taken apart;
    what was not noted is empty. Nothing if it is a sentence."""
    found = re.match(r"(.*?\)(?:, \d+ processors)?); ([^;(]*)[^;]*; (.*)", how)
    if not found:
        return None

    def noted(pattern):
        text = re.search(pattern, found[3])
        return text[1] if text else ""

    return Measured(processor_name(how), found[1], found[2].strip(),
                    noted(r"(\d{4}-\d\d-\d\d)"), noted(r"\d, ([^,. ]+)"),
                    noted(r"medians of (\d+) run"),
                    noted(r"load (?:of other work )?(\d+\.\d+)"))


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
    # sentences are about the one of which most is known
    return dict(sorted(figures.items(), key=lambda item: (
        item[0].endswith(UNKNOWN), -len(item[1])))), about


def keep(measured, how, bench, keys):
    """Puts what a bench measured on this processor in place of what it
    measured there before."""
    processor = processor_name(how)
    figures, about = read()
    figures.setdefault(processor, {}).update(measured)
    about[bench, processor] = how
    for of, where in list(about):
        if of == bench and where.endswith(UNKNOWN):
            again = figures[where].keys() & measured.keys()
            figures[where] = {key: x for key, x in figures[where].items()
                              if key not in again}
            if again:
                del about[of, where]
    with open(PATH, "w", encoding="utf-8") as file:
        file.writelines(f"# {of}, {where}: {how}\n"
                        for (of, where), how in about.items())
        file.writelines(f"{key}\t{where}\t{x[key]!r}\n"
                        for where, x in figures.items()
                        for key in keys if key in x)


def text(x):
    """A figure as a person writes it."""
    if x >= 1000:
        return f"{x:,.0f}"
    return f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def short(how):
    """How something was measured, for a document; machines() has the rest."""
    noted = parts(how)
    if not noted:
        return how.rstrip(".")
    return ", ".join(filter(None, (
        noted.processor if "not noted" not in noted.machine else
        noted.processor + ", model not noted",
        noted.day, noted.commit and f"commit {noted.commit}",
        noted.rounds and f"{noted.rounds} rounds",
        noted.load and f"load {noted.load}")))


def measured_on(bench):
    """How a bench was measured, wherever it was, in a sentence."""
    return "Measured on " + "; ".join(
        short(how) for (of, _), how in read()[1].items() if of == bench) + "."


def busy(how):
    """Whether so much other work ran meanwhile that elapsed times mean
    little."""
    noted = parts(how)
    return bool(noted and noted.load and float(noted.load) > 0.3)


def machines(*more):
    """A line for every processor of speed.tsv and of other lines on how
    something was measured."""
    found = {}
    for how in (*read()[1].values(), *more):
        noted = parts(how)
        if noted and "not noted" not in noted.machine:
            found[noted.processor] = max(
                found.get(noted.processor, noted), noted,
                key=lambda x: len(x.machine))
    return [f"- **{noted.processor}**: {noted.machine}; {noted.server}" for noted in found.values()]


def runs_table():
    """Header and rows: when and how each bench was measured."""
    rows = []
    for (bench, processor), how in sorted(read()[1].items()):
        noted = parts(how)
        rows.append([f"`{bench}`", processor] + (
            [noted.day, noted.commit, noted.rounds, noted.load] if noted else
            [how, "", "", ""]))
    return ["bench", "processor", "day", "commit", "rounds", "load"], rows


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
        for script, name in SCRIPTS:
            for n in CLIENTS:
                keys = [f"clients_{server}_{script}_{n}_{f}"
                        for server, _ in PRELOADS for f, _ in SPREAD]
                if all(key in x for key in keys):
                    rows.append([name, str(n)] + [text(x[key]) for key in keys])
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
    spread = [name for _, name in SPREAD]
    return (["", "clients", *spread] + [f"preloaded: {name}" for name in spread],
            ["4 clients, by name", *spread, "the job's rows a second"], tables)
