"""Figures that README.md has: from speed.tsv, and from the tables of the pages
in bench/results that have more than one kind of figure. bench/figures.py writes
them; whoever edits one by hand is told so by test/t/docs.pl."""
import os
import re
import textwrap

RESULTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "results")


def number(x):
    """Three digits at least, as a person writes them."""
    return (f"{x:,.0f}" if x >= 100 else f"{x:.0f}" if x >= 10 else
            f"{x:.1f}" if x >= 1 else f"{x:.2f}")


def rate(x):
    """Rows a second."""
    return (f"{x / 1e6:.1f} million rows/s" if x >= 1e6 else
            f"{round(x, -3):,.0f} rows/s")


def cell(page, section, row, column):
    """A figure of a table: of the section with this heading of a page, the row
    that begins with this text, the column (from 0, the row's name)."""
    with open(os.path.join(RESULTS, page), encoding="utf-8") as file:
        parts = re.split(r"^## ", file.read(), flags=re.M)
    for part in parts:
        if not part.startswith(section):
            continue
        for line in part.splitlines():
            cells = [x.strip() for x in line.strip("|").split("|")]
            if line.startswith("|") and cells[0].startswith(row):
                return float(re.sub(r"[^\d.]", "", cells[column]))
    raise SystemExit(f"bench/results/{page}: no row {row!r} of {section!r}")


def score(column, method="`score_samples`", rows="1,000,000"):
    """A figure of the table of scores beside scikit-learn's."""
    with open(os.path.join(RESULTS, "iforest.md"), encoding="utf-8") as file:
        for line in file:
            cells = [x.strip() for x in line.strip().strip("|").split("|")]
            if cells[:2] == [method, rows]:
                return float(cells[column].replace(",", ""))
    raise SystemExit(f"bench/results/iforest.md: no scores of {method}")


def fit(column, row="one process"):
    return cell("iforest.md", "Fit\n", row, column)


def headline(speed, _):
    """What stands under the first line."""
    return textwrap.wrap(
        f"One core scores **{rate(score(2))}**, {score(4):.0f} × as many as "
        "scikit-learn 1.2.1 and "
        f"{score(4, 'method of ≥ 1.3, emulated'):.0f} × as many as the method "
        f"of its newer releases; a fit of a million rows takes {fit(1):.2f} s, "
        f"{speed['fit_0']:.1f} × ten `sum()`s over them; one row in a "
        f"prepared statement takes {number(speed['row_name'])} µs. "
        "[How that was measured](#speed).", 100, break_on_hyphens=False)


def why(speed, accuracy):
    """Inside the database, beside the other ways."""
    newer = score(3, "method of ≥ 1.3, emulated")
    return [
        "", "| | anomaly | export to Python | MADlib 2.1 | a service |",
        "|---|---|---|---|---|",
        "| rows leave the database | no | yes, scores come back | no | yes |",
        "| … which alone takes, a million rows | – | "
        f"{speed['export_out'] + speed['export_back']:.1f} s at best, "
        f"{speed['export_csv'] + speed['export_back']:.1f} s through CSV "
        f"(fit, score and store here: {speed['export_here']:.1f} s) | – | "
        "that, and the network |",
        f"| score a million rows | {1e6 / score(2):.1f} s, scan included | "
        f"{1e6 / newer:.1f} to {1e6 / score(3):.0f} s from memory | – | – |",
        f"| fit a million rows | {fit(1):.2f} s, scan included | "
        f"{fit(1, 'scikit-learn'):.2f} s from memory | – | – |",
        f"| a new row, where it is written | "
        f"{number(speed['row_name'])} µs (`SELECT 1`: "
        f"{number(speed['row_select'])} µs) | the next batch | – | "
        "a round trip |",
        "| detectors | 19, ensembles, series, market rules | "
        "[more than 50](https://pyod.readthedocs.io) in PyOD | k-means, PCA | "
        "its own |",
        f"| ROC AUC on {accuracy['sets']} labelled sets | "
        f"{accuracy['auto']:.3f}, the forest alone {accuracy['iforest']:.3f} | "
        "of one detector [the same](docs/benchmark.md) | – | – |",
        "| transactions, rights, backup, replicas | PostgreSQL's | yours to "
        "build | PostgreSQL's | its own |",
        "| needs | LAPACK; no superuser | Python, a place to run | PostgreSQL 15, "
        "PL/Python, a superuser | a contract |", "",
        *textwrap.wrap(
            "Processor time, a million rows of ten columns, a forest of 100 trees, "
            "[no network](bench/results/export.md); export on another processor "
            "than the rest. –: there is none, or not measured.", 100), ""]


def machine():
    """Where the figures of forests were measured."""
    with open(os.path.join(RESULTS, "iforest.md"), encoding="utf-8") as file:
        lines = [line[2:].strip() for line in file if line.startswith("- ")]
    return f"{lines[0].split(' (')[0]}, {lines[0].split('), ')[1]}; " \
        f"{lines[1].split(' (')[0]}"


def speed_table(speed, _):
    """The section on speed."""
    def stl(row, column):
        return number(cell("series.md", "ad_stl_array", row, column))

    def events(row):
        return f"{cell('market.md', 'In SQL', row, 1):.2f}"

    rows = [
        ("fit a million rows", f"{fit(1):.3f} s",
         f"ten `sum()`s over them {fit(2):.3f} s; scikit-learn, from memory, "
         f"{fit(1, 'scikit-learn'):.2f} s"),
        ("score a million rows", rate(score(2)),
         f"scikit-learn 1.2.1 {rate(score(3))}, method of newer releases "
         f"{rate(score(3, 'method of ≥ 1.3, emulated'))}"),
        ("score with the default, `ad_auto`", rate(speed["auto_auto"]), ""),
        ("score one row, prepared, by name", f"{speed['row_name']:.0f} µs",
         f"`SELECT 1` {speed['row_select']:.0f} µs"),
        ("8 clients on two cores, one row a call",
         rate(speed["eight_tps"]), f"p50 {speed['eight_p50']:.0f} µs, "
         f"p99 {speed['eight_p99']:.0f} µs"),
        ("a model for each of 2,000 groups",
         f"{speed['group_fit']:.1f} ms a fit of 1,000 rows",
         f"{speed['group_kb_1000']:.0f} kB each; scored by a join "
         f"{speed['group_sorted']:.2f} µs a row"),
        ("a job's backlog of 10 million rows, alerts explained",
         rate(speed["job_large_alerts"]),
         f"ten new rows of ten million {speed['job_ten_alerts']:.1f} ms"),
        ("`ad_stl_array`, 100,000 points, period 168",
         f"{stl('168, plain', 1)} ns a point, robust {stl('168, robust', 1)}",
         f"R's `stl` {stl('168, plain', 2)}, {stl('168, robust', 2)}; "
         f"statsmodels {stl('168, plain', 3)}, {stl('168, robust', 3)}"),
        ("`ad_layering` over 10 million events",
         events("`ad_layering(ad_order_event(…)) OVER w`, rule window") +
         " µs an event",
         f"reading them in order {events('reading in index order')}, `lag()` "
         f"{events('`lag(ts) OVER w`')}")]
    return (textwrap.wrap(
        f"`make bench` measured on {machine()}; processor time, medians; where "
        "several processes ran, the clock's. Forests have 100 trees of 256 "
        "rows, tables ten `float8` columns unless something else is mentioned.",
        100) + ["", "| | this extension | beside it |", "|---|---|---|"] +
            [f"| {' | '.join(row)} |" for row in rows] + [""])
