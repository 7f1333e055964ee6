"""Figures that README.md has, from bench/results/speed.tsv. bench/figures.py
writes them; whoever edits one by hand is told so by test/t/docs.pl. A block's
first argument is {processor: {key: figure}}, the one with most figures first;
sentences are about the first that has theirs."""
import textwrap

import speed_figures


def number(x):
    """Three digits at least, as a person writes them."""
    return (f"{x:,.0f}" if x >= 100 else f"{x:.0f}" if x >= 10 else
            f"{x:.1f}" if x >= 1 else f"{x:.2f}")


def rate(x):
    """Rows a second."""
    return (f"{x / 1e6:.1f} million rows/s" if x >= 1e6 else
            f"{round(x, -3):,.0f} rows/s")


def first(speed, *keys):
    """The figures of the first processor that has all of these."""
    for x in speed.values():
        if all(key in x for key in keys):
            return x
    raise SystemExit(f"bench/results/speed.tsv: no processor has {keys}")


def headline(speed, _):
    """What stands under the first line."""
    x = first(speed, "score_rows", "fit_s", "row_name")
    return textwrap.wrap(
        f"One core scores **{rate(x['score_rows'])}**, "
        # a million rows cost scikit-learn more memory, which some machines
        # are very slow to give it
        f"{min(x['sk_100k'], x['sk_1m']):.0f} × as many as scikit-learn "
        "1.2.1 and "
        f"{x['sk_newer']:.0f} × as many as the method "
        f"of its newer releases; a fit of a million rows takes {x['fit_s']:.2f} "
        f"s, {x['fit_0']:.1f} × ten `sum()`s; one row in a "
        f"prepared statement takes {number(x['row_name'])} µs, "
        f"{number(x['row_name'] - x['row_select'])} more than `SELECT 1`. "
        "[How that was measured](#speed).", 100, break_on_hyphens=False)


def why(speed, accuracy):
    """Inside the database, beside the other ways."""
    x = first(speed, "score_rows", "fit_s", "row_name")
    moved = first(speed, "export_out")
    return [
        "", "| | anomaly | export to Python | MADlib 2.1 | a service |",
        "|---|---|---|---|---|",
        "| rows leave the database | no | yes, scores come back | no | yes |",
        "| … which alone takes, a million rows | – | "
        f"{moved['export_out'] + moved['export_back']:.1f} s at best, "
        f"{moved['export_csv'] + moved['export_back']:.1f} s through CSV "
        f"(fit, score and store here: {moved['export_here']:.1f} s) | – | "
        "that, and the network |",
        f"| score a million rows | {1e6 / x['score_rows']:.1f} s, scan included | "
        f"{1e6 / x['newer_rows']:.1f} to {1e6 / x['sk_rows']:.0f} s from memory "
        "| – | – |",
        f"| fit a million rows | {x['fit_s']:.2f} s, scan included | "
        f"{x['fit_sk_s']:.2f} s from memory | – | – |",
        f"| a new row, where it is written | "
        f"{number(x['row_name'])} µs (`SELECT 1`: "
        f"{number(x['row_select'])} µs) | the next batch | – | "
        "a round trip |",
        "| detectors | 19, ensembles, series, market rules | "
        "[more than 50](https://pyod.readthedocs.io) in PyOD | k-means, PCA | "
        "its own |",
        f"| ROC AUC on {accuracy['sets']} labeled sets | "
        f"{accuracy['auto']:.3f}, the forest alone {accuracy['iforest']:.3f} | "
        "of one detector [the same](docs/benchmark.md) | – | – |",
        "| transactions, rights, backup, replicas | PostgreSQL's | yours to "
        "build | PostgreSQL's | its own |",
        "| needs | LAPACK; no superuser | Python, a place to run | PostgreSQL 15, "
        "PL/Python, a superuser | a contract |", "",
        *textwrap.wrap(
            "Processor time, a million rows of ten columns, a forest of 100 trees, "
            "[no network](bench/results/export.md)" + (
                "" if moved is x else "; export on another processor than the rest") +
            ". –: there is none, or not measured.", 100), ""]


# A row of the table on speed: what it is, the keys it needs, a figure, what
# stands beside it.
ROWS = [
    ("score a million rows", ("score_rows", "sk_rows", "newer_rows"),
     lambda x: rate(x["score_rows"]),
     lambda x: f"scikit-learn 1.2.1 {rate(x['sk_rows'])}, method of newer "
     f"releases {rate(x['newer_rows'])}"),
    ("score with the default, `ad_auto`", ("auto_auto",),
     lambda x: rate(x["auto_auto"]), None),
    ("score one row, prepared, by name", ("row_name", "row_select"),
     lambda x: f"{x['row_name']:.0f} µs",
     lambda x: f"`SELECT 1` {x['row_select']:.0f} µs"),
    ("8 clients on two cores, one row a call", ("eight_tps",),
     lambda x: rate(x["eight_tps"]),
     lambda x: f"p50 {number(x['eight_p50'])} µs, p99 {number(x['eight_p99'])} µs"),
    ("a model for each of 2,000 groups", ("group_fit",),
     lambda x: f"{x['group_fit']:.1f} ms a fit of 1,000 rows",
     lambda x: f"{x['group_kb_1000']:.0f} kB each; scored by a join "
     f"{x['group_sorted']:.2f} µs a row"),
    ("a job's backlog of 10 million rows, alerts explained",
     ("job_large_alerts",), lambda x: rate(x["job_large_alerts"]),
     lambda x: f"ten new rows of ten million {x['job_ten_alerts']:.1f} ms"),
    ("`ad_stl_array`, 100,000 points, period 168", ("stl_plain", "stl_robust"),
     lambda x: f"{number(x['stl_plain'])} ns a point, robust "
     f"{number(x['stl_robust'])}",
     lambda x: f"R's `stl` {number(x['stl_r_plain'])}, "
     f"{number(x['stl_r_robust'])}; statsmodels {number(x['stl_sm_plain'])}, "
     f"{number(x['stl_sm_robust'])}"),
    ("`ad_layering` over 10 million events", ("layer_window",),
     lambda x: f"{x['layer_window']:.2f} µs an event",
     lambda x: f"reading them in order {x['layer_read']:.2f}, `lag()` "
     f"{x['layer_lag']:.2f}")]


def scale_rows(speed):
    """Rows of that form of bench/scale.py: as many millions of rows as one
    processor has figures of."""
    most = max(([n for n in speed_figures.SCALES if f"scale_fit_{n}" in x]
                for x in speed.values()), key=len)
    millions = ", ".join(map(str, most))

    def each(what):
        return lambda x: ", ".join(number(x[f"scale_{what}_{n}"])
                                   for n in most) + " s"

    def keys(what):
        return tuple(f"scale_{what}_{n}" for n in most)

    return [(f"fit {millions} million rows", keys("fit") + keys("sums_plan"),
             each("fit"), lambda x: f"ten `sum()`s {each('sums')(x)}; with workers, "
             f"elapsed, {each('fit_plan')(x)}, ten `sum()`s {each('sums_plan')(x)}"),
            (f"score {millions} million rows", keys("score"), each("score"), None)]


def speed_table(speed, _):
    """The section on speed: processors side by side, those that have a few of
    its rows; a row that none of them has is another one's."""
    def has(x, keys):
        return all(key in x for key in keys)

    lines = scale_rows(speed) + ROWS
    shown = {processor: x for processor, x in speed.items()
             if sum(has(x, keys) for _, keys, *_ in lines) >= 3}
    one = next(iter(shown))
    rows = []
    for what, keys, figure, beside in lines:
        where = next((processor for processor, x in speed.items()
                      if has(x, keys) and processor in shown or
                      has(x, keys) and not any(has(y, keys)
                                               for y in shown.values())), None)
        if where is None:
            continue
        text = beside(speed[where]) if beside else ""
        if where not in shown:
            text = f"{where}: {figure(speed[where])}; {text}"
        elif text and where != one:
            text += f" ({where})"
        rows.append([what] + [figure(x) if has(x, keys) else "–"
                              for x in shown.values()] + [text])
    return (textwrap.wrap(
        "Forests of 100 trees, ten `float8` columns, two cores, PostgreSQL 15: "
        "processor time, of several processes the clock's. "
        f"“Beside it” is of {one} if no other is named.", 100) +
            ["", f"| | {' | '.join(shown)} | beside it |",
             "|---" * (len(shown) + 2) + "|"] +
            [f"| {' | '.join(row)} |" for row in rows] + [""])
