"""The core figures of two commits: see bench/regress.sh.

A figure is a statement and what it needs before; what one of the two cannot
run is left out, with a word about it.
"""
import os
import statistics

from lib import (ONLY, ROUNDS, Session, busy, load, processor, progress,
                 scaled)
from speed_figures import processor_name

ROWS = scaled(200_000, 2000)
COLUMNS = ", ".join(f"c{i}" for i in range(1, 11))
SUMS = ", ".join(f"sum(c{i})" for i in range(1, 11))
VALUES = ", ".join(f"{i / 10}::float8" for i in range(-4, 6))
# Detectors, rows that are scored by them.
SCORED = {"iforest": ROWS, "zscore": ROWS, "ecod": ROWS, "hbos": ROWS,
          "mahalanobis": ROWS, "loda": ROWS, "subknn": ROWS // 4,
          "fair_forest": ROWS // 8, "auto": ROWS // 8, "knn": ROWS // 40,
          "lof": ROWS // 40, "inne": ROWS // 40}
FITTED = {"iforest": ROWS, "zscore": ROWS, "ecod": ROWS // 4,
          "knn": ROWS // 20, "lof": ROWS // 20, "auto": ROWS // 20}


def some(rows):
    return f"(SELECT * FROM wide LIMIT {rows}) w"


def loop(times, call):
    return (f"DO $$ BEGIN FOR i IN 1..{times} LOOP PERFORM {call}; "
            "END LOOP; END $$")


def figures():
    """{name: (statements before, the statement)}."""
    found = {"sums": ([], f"SELECT {SUMS} FROM wide")}
    for name, rows in FITTED.items():
        found[f"fit {name}"] = (
            [], f"SELECT octet_length(ad_fit(ad_{name}(), {COLUMNS})) FROM {some(rows)}")
    for name, rows in SCORED.items():
        keep = [f"CREATE TABLE of_{name} AS SELECT ad_fit(ad_{name}(), {COLUMNS}) "
                f"AS model FROM {some(ROWS // 20)}"]
        score = (f"SELECT max(ad_score((SELECT model FROM of_{name}), {COLUMNS})) "
                 f"FROM {some(rows)}")
        found[f"score {name}"] = (keep, score)
        if name == "iforest":
            found["score iforest, simd off"] = (
                [], f"SET anomaly.simd = off; {score}; RESET anomaly.simd")
            found["explain iforest"] = (
                [], "SELECT max(contribution) FROM " + some(ROWS // 100) +
                f", ad_explain((SELECT model FROM of_iforest), {COLUMNS})")
    found["one row by name"] = (
        [f"SELECT ad_train('bench', 'SELECT {COLUMNS} FROM wide', ad_iforest())"],
        loop(ROWS // 10, f"ad_score('bench', {VALUES})"))
    found["fit of groups"] = (
        [], "SELECT sum(octet_length(m)) FROM (SELECT ad_fit(ad_iforest(), c1, c2) m "
        f"FROM {some(ROWS // 4)} GROUP BY id % 50) g")
    found["stl array"] = (
        ["CREATE TABLE series AS SELECT array_agg(sin(id / 7.0) + c1 ORDER BY id) v "
         "FROM wide"],
        "SELECT (ad_stl_array(v, ad_stl_options(period => 168))).anomaly[7] FROM series")
    found["discord"] = (
        [], "SELECT count(d) FROM (SELECT ad_discord(c1, 50) OVER (ORDER BY id) d "
        f"FROM {some(ROWS // 40)}) s")
    found["layering"] = (
        ["CREATE TABLE orders AS SELECT id, id % 100 AS account, "
         "(ARRAY['NEW', 'CANCEL', 'NEW', 'CANCEL', 'FILL'])[1 + id % 5] AS kind, "
         "(ARRAY['B', 'S'])[1 + id / 5 % 2] AS side, 100 + id % 7 AS price, "
         "timestamptz '2026-01-01Z' + id * interval '40 ms' AS ts FROM wide"],
        "SELECT count(l) FROM (SELECT ad_layering(ad_order_event(kind, side, price, "
        "100, ts, NULL), ad_layering_options(trade_rule => 'either')) OVER "
        "(PARTITION BY account ORDER BY ts, id) AS l FROM orders) x")
    found["job's backlog"] = (
        ["CREATE TABLE due AS SELECT id, timestamptz '2026-01-01' + id * interval "
         f"'1 s' AS at, {COLUMNS} FROM {some(ROWS // 4)}",
         "ALTER TABLE due ADD PRIMARY KEY (id), ALTER at SET NOT NULL",
         "CREATE INDEX ON due (at)"],
        "SELECT ad_create_job('due', 'bench', 'due', 'id', 'at', '{\"score\": 1.5}', "
        "since => '2026-01-01'); CALL ad_run_job('due'); SELECT ad_drop_job('due')")
    return {name: figure for name, figure in found.items()
            if ONLY in name or name == "sums" or name == "one row by name"}


class Side:
    """A commit's server: a session, and what it cannot run."""

    def __init__(self, letter):
        self.name = os.environ["BENCH_NAME_" + letter]
        self.host = os.environ["BENCH_HOST_" + letter]
        columns = ", ".join(f"ad_random({i}, r, 'normal') AS c{i}"
                            for i in range(1, 11))
        self.session = Session(self.host)
        self.session.run(f"CREATE TABLE wide AS SELECT r AS id, {columns} "
                         f"FROM generate_series(1, {ROWS}) r")
        self.session.run("VACUUM ANALYZE wide")

    def can(self, before, statement):
        """Prepares a figure and runs it once; an error ends its session only."""
        probe = Session(self.host)
        try:
            for needed in before:
                probe.run(needed)
            probe.run(statement)
        except RuntimeError as error:
            progress(f"{self.name}: {str(error).splitlines()[-1]}")
            return False
        probe.close()
        self.session.run(statement)
        return True


def main():
    a, b = Side("A"), Side("B")
    rows = []
    for name, (before, statement) in figures().items():
        if not all([side.can(before, statement) for side in (a, b)]):
            rows.append((name, None))
            continue
        pairs = []
        for i in range(ROUNDS):
            took = {side: side.session.busy_seconds(statement)
                    for side in ((a, b), (b, a))[i % 2]}
            pairs.append((took[a], took[b]))
        rows.append((name, pairs))
        progress(f"{name}: {statistics.median(y / x for x, y in pairs):.3f}")
    others = load()
    print(f"{processor_name(processor())}: {processor()}\nA: {a.name}\nB: {b.name}\n{ROUNDS} rounds. Load of other work {others:.2f}. {busy(others)}\n")
    print(f"{'':28}{'A, ms':>10}{'B, ms':>10}{'B / A':>8}   quartiles")
    for name, pairs in rows:
        if pairs is None:
            print(f"{name:28}{'not in both':>20}")
            continue
        low, middle, high = statistics.quantiles(
            [y / x for x, y in pairs], n=4, method="inclusive")
        # what takes less than ten milliseconds is noise, mostly
        word = ("" if pairs[0][0] < 0.01 else "slower" if low > 1.02 else
                "faster" if high < 0.98 else "")
        print(f"{name:28}" + "".join(
            f"{1000 * statistics.median(pair[i] for pair in pairs):10.2f}"
            for i in (0, 1)) + f"{middle:8.3f}   {low:.3f} to {high:.3f}  {word}")


main()
