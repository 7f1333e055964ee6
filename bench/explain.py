"""Explanations: time a row beside that of a score.

100,000 rows of ten float8 columns, 90 % N(0, 1) and 10 % N(3, 0.5); a forest
of 100 trees of 256 rows, and other detectors at their defaults.
"""
import numpy as np

from lib import (Report, Session, copy_doubles, detectors, interleaved,
                 median, met, progress, scaled)

ROWS = scaled(100_000, 1000)
FEW = scaled(4_000, 200)
COLUMNS = ", ".join(f"c{i}" for i in range(1, 11))
TEN = "CASE WHEN c10 IS NULL THEN 9 ELSE 10 END"    # by row, to the planner

session = Session()
OTHERS = [name for name in detectors(session) if name != "iforest"]
report = Report("Explanations: time a row", session, [
    f"{ROWS:,} rows × 10 float8 columns ({FEW:,} for Shapley values and other "
    "detectors), one process; times are those of a query that scans the rows, "
    "too, and takes a maximum over the results"])


def make_data():
    progress(f"making {ROWS:,} rows")
    rng = np.random.default_rng(20260101)
    x = rng.standard_normal((ROWS, 10))
    odd = np.arange(ROWS) % 10 == 0
    x[odd] = 3 + 0.5 * x[odd]
    session.run("CREATE TABLE wide (" + ", ".join(
        f"c{i} float8" for i in range(1, 11)) + ")")
    copy_doubles("wide", x)
    session.run("VACUUM ANALYZE wide")
    session.run("SET max_parallel_workers_per_gather = 0; SET jit = off")
    session.run("CREATE TABLE models (name text, model bytea)")
    for name in ["iforest"] + OTHERS:
        session.run(f"INSERT INTO models SELECT '{name}', "
                    f"ad_fit('{name}', {COLUMNS}) FROM "
                    "(SELECT * FROM wide LIMIT 5000) w")


def score(name):
    return (f"max(ad_score((SELECT model FROM models WHERE name = '{name}'), "
            f"{COLUMNS}))")


def explain(name, options=None):
    model = f"(SELECT model FROM models WHERE name = '{name}')"
    given = f"'{options}'::jsonb, " if options else ""
    return f"ad_explain({model}, {given}{COLUMNS})"


def per_row(runs, rows):
    """Microseconds a row of each."""
    table = "wide" if rows == ROWS else f"(SELECT * FROM wide LIMIT {rows}) w"
    statements = {
        key: (f"SELECT {what} FROM {table}" if what.startswith("max(") else
              f"SELECT max(contribution) FROM {table}, {what}")
        for key, what in runs.items()}
    for statement in statements.values():
        session.run(statement)
    seconds = interleaved({key: (lambda s=s: session.seconds(s))
                           for key, s in statements.items()})
    return {key: median(v) * 1e6 / rows for key, v in seconds.items()}


def forest():
    progress("forest")
    cheap = per_row({
        "ad_score": score("iforest"),
        "path, top 1": explain("iforest", '{"method": "path", "top": 1}'),
        "path, top 3": explain("iforest", '{"method": "path", "top": 3}'),
        "path, all": explain("iforest", '{"method": "path"}'),
        # what ten rows of a function cost, whatever is in them
        "generate_series(1, 10)": f"generate_series(1, {TEN}) g(contribution)"},
        ROWS)
    exact = per_row({"shap": explain("iforest"),
                     "ad_why": "max(length(ad_why((SELECT model FROM models "
                     f"WHERE name = 'iforest'), {COLUMNS})))"}, FEW)
    session.run("SET anomaly.simd = off")
    exact |= per_row({"shap, anomaly.simd = off": explain("iforest")}, FEW)
    session.run("RESET anomaly.simd")
    base = cheap["ad_score"]
    report.section("Isolation forest, 100 trees of 256 rows")
    report.table(["", "µs a row", "scores", "target"],
                 [[key, f"{t:.2f}", f"{t / base:.1f}",
                   met(t / base, 5).replace(":", " scores:") if key.startswith("path")
                   else ""]
                  for key, t in cheap.items()] +
                 [[key, f"{t:.0f}", f"{t / base:.0f}",
                   met(t, 120).replace(":", " µs:") if key.startswith("shap") else ""]
                  for key, t in exact.items()])


def others():
    rows = []
    for name in OTHERS:
        progress(name)
        times = per_row({"score": score(name), "explain": explain(name)}, FEW)
        rows.append([name, f"{times['score']:.2f}", f"{times['explain']:.2f}"])
    report.section("Other detectors")
    report.table(["detector", "ad_score, µs a row", "ad_explain, µs a row"],
                 rows)


make_data()
forest()
others()
report.write()
