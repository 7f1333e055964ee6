"""Every detector of the catalog: speed beside scikit-learn's, and cost.

Ten float8 columns, 90 % N(0, 1) and 10 % N(3, 0.5). Ours is fitted and
scored by a query in one process, scan included; scikit-learn has the same
reference rows and the same scored rows in memory, and one thread.
"""
import math
import time
from typing import Callable, NamedTuple, Optional

import numpy as np
import sklearn
from sklearn.cluster import DBSCAN, KMeans
from sklearn.covariance import EllipticEnvelope, EmpiricalCovariance
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.svm import OneClassSVM

import figures
from lib import (KEEPS, ONLY, ROUNDS, Report, Session, copy_doubles, detectors,
                 interleaved, measured_on, median, met, number, progress,
                 ratio, scaled)

ROWS = scaled(1_000_000, 2000)
SIZES = [scaled(n, 200) for n in (1_000, 10_000, 50_000)]
SECONDS = 0.5                   # about how long a timing should take
COLUMNS = 10


class Standard:
    """z-scores, as a detector."""

    def fit(self, x):
        self.mean, self.sd = x.mean(axis=0), x.std(axis=0, ddof=1)
        return self

    def score(self, x):
        return np.abs((x - self.mean) / self.sd).max(axis=1)


def whitened(model, x):
    return (model.transform(x) ** 2 / model.explained_variance_).sum(axis=1)


def nearest_center(model, x):
    return model.transform(x).min(axis=1)


def neighbors(k):
    return lambda x: NearestNeighbors(n_neighbors=k).fit(x)


MILLION = 1_000_000


class Detector(NamedTuple):
    """How a detector is measured. Either target will do where there are two."""

    arguments: str = ""         # of its constructor
    rows: int = 50_000          # fitted, and scored against
    peer: Optional[str] = None
    fit: Optional[Callable] = None      # of the peer, and its score
    score: Optional[Callable] = None
    times: Optional[float] = None       # target: times as fast as the peer
    rate: Optional[int] = None          # target: rows a second
    # Complexity, in the report. n: rows fitted, d: columns, s: support vectors
    # or rows kept, k: clusters or components.
    fit_cost: str = ""
    score_cost: str = ""
    size: str = ""


# By name; what comes after a comma tells several forms of one apart. One that
# is missing here is measured with its defaults, and the report says so.
DETECTORS = {
    "iforest": Detector(
        peer="IsolationForest",
        fit=lambda x: IsolationForest(n_estimators=100, max_samples=256,
                                      random_state=1).fit(x),
        score=lambda m, x: m.score_samples(x), times=1,
        fit_cost="n + trees ψ log ψ", score_cost="d + trees log ψ",
        size="trees ψ"),
    "zscore": Detector(
        peer="numpy, z-scores", fit=lambda x: Standard().fit(x),
        score=lambda m, x: m.score(x), times=10, rate=MILLION,
        fit_cost="n d log n", score_cost="d", size="d"),
    "hbos": Detector(
        rate=MILLION, fit_cost="n d", score_cost="d", size="d bins"),
    "ecod": Detector(
        rate=MILLION, fit_cost="n d log n", score_cost="d log n", size="n d"),
    "copod": Detector(
        rate=MILLION, fit_cost="n d log n", score_cost="d log n", size="n d"),
    "pca": Detector(
        peer="PCA, whitened distance", fit=lambda x: PCA().fit(x),
        score=whitened, times=10, rate=MILLION,
        fit_cost="n d² + d³", score_cost="d k", size="d k"),
    "mahalanobis": Detector(
        peer="EmpiricalCovariance",
        fit=lambda x: EmpiricalCovariance().fit(x),
        score=lambda m, x: m.mahalanobis(x), times=10, rate=MILLION,
        fit_cost="n d² + d³", score_cost="d²", size="d²"),
    "mahalanobis, robust": Detector(
        arguments="robust => true", rows=10_000, peer="EllipticEnvelope",
        fit=lambda x: EllipticEnvelope(random_state=1).fit(x),
        score=lambda m, x: m.mahalanobis(x), times=10, rate=MILLION,
        fit_cost="starts (n d² + d³)", score_cost="d²", size="d²"),
    "knn": Detector(
        arguments="neighbors => 5", rows=10_000, peer="NearestNeighbors",
        fit=neighbors(5), score=lambda m, x: m.kneighbors(x)[0].max(axis=1),
        times=5, fit_cost="n d log n", score_cost="up to s d", size="s d"),
    "lof": Detector(
        arguments="neighbors => 20", rows=10_000,
        peer="LocalOutlierFactor, novelty",
        fit=lambda x: LocalOutlierFactor(n_neighbors=20, novelty=True).fit(x),
        score=lambda m, x: m.score_samples(x), times=5,
        fit_cost="up to n² d", score_cost="up to s d", size="s d"),
    "kmeans": Detector(
        arguments="clusters => 8", peer="KMeans",
        fit=lambda x: KMeans(8, n_init=3, random_state=1).fit(x),
        score=nearest_center, times=10, rate=MILLION,
        fit_cost="iterations n d k", score_cost="d k", size="d k"),
    "dbscan": Detector(
        rows=10_000, fit_cost="up to n² d", score_cost="up to s d",
        size="s d"),
    "ocsvm": Detector(
        rows=10_000, peer="OneClassSVM", fit=lambda x: OneClassSVM().fit(x),
        score=lambda m, x: m.decision_function(x), times=1,
        fit_cost="up to n² d", score_cost="s d", size="s d"),
    "gmm": Detector(
        arguments="components => 3", peer="GaussianMixture",
        fit=lambda x: GaussianMixture(3, random_state=1).fit(x),
        score=lambda m, x: m.score_samples(x), times=10, rate=MILLION,
        fit_cost="iterations n d² k", score_cost="d² k", size="d² k"),
    "loda": Detector(
        rate=MILLION, fit_cost="n projections √d",
        score_cost="projections √d", size="projections bins"),
    "autoencoder": Detector(
        rate=500_000, fit_cost="n d, times epochs and 3 weights a column",
        score_cost="weights", size="weights"),
    "vae": Detector(
        rate=500_000, fit_cost="n d, times epochs and 3 weights a column",
        score_cost="weights", size="weights"),
    "inne": Detector(
        fit_cost="sets ψ² d", score_cost="sets ψ d", size="sets ψ d"),
    "subknn": Detector(
        rate=MILLION, fit_cost="n d", score_cost="draws rows d",
        size="draws rows d"),
    "auto": Detector(
        rate=250_000, fit_cost="its members'", score_cost="its members'",
        size="its members'"),
    "fair_forest": Detector(
        peer="IsolationForest, for scale",
        fit=lambda x: IsolationForest(n_estimators=200, max_samples=256,
                                      random_state=1).fit(x),
        score=lambda m, x: m.score_samples(x), times=1,
        fit_cost="n + trees ψ log² ψ", score_cost="trees depth",
        size="trees ψ"),
}

session = Session()
report = Report("Detectors: speed and cost", session, [
    f"scikit-learn {sklearn.__version__}, numpy {np.__version__}, one thread",
    f"{COLUMNS} float8 columns, unless said otherwise"])


# What of DETECTORS the catalog has, and the rest of the catalog.
CATALOGUE = detectors(session)
UNKNOWN = [name for name in CATALOGUE
           if name not in {n.split(",")[0] for n in DETECTORS}]
DETECTORS = {name: d for name, d in DETECTORS.items()
             if name.split(",")[0] in CATALOGUE}
DETECTORS |= {name: Detector(rows=10_000) for name in UNKNOWN}
if UNKNOWN:
    complaint = ("Not in DETECTORS of bench/detectors.py, so measured with "
                 "their defaults and without a peer: " + ", ".join(UNKNOWN) +
                 ".")
    progress(complaint)
    report.text(complaint)


def columns(n=COLUMNS):
    return ", ".join(f"c{i}" for i in range(1, n + 1))


def spec(name):
    return f"ad_{name.split(',')[0]}({DETECTORS[name].arguments})"


def plain(name):
    """The spec of a detector's defaults; a form's is its own."""
    return spec(name) if "," in name else f"ad_{name}()"


def fit_query(name, rows, table="wide", spec=spec):
    ncols = COLUMNS if table == "wide" else int(table.split("_")[1])
    return (f"SELECT ad_fit({spec(name)}, {columns(ncols)}) FROM {table} "
            f"WHERE n <= {rows}")


def score_query(rows, table="wide"):
    ncols = COLUMNS if table == "wide" else int(table.split("_")[1])
    return (f"SELECT max(ad_score((SELECT model FROM fitted), "
            f"{columns(ncols)})) FROM {table} WHERE n <= {rows}")


def make_table(table, rows, ncols):
    rng = np.random.default_rng(20260101)
    label = np.arange(rows) % 10 == 0
    rng.shuffle(label)
    data = np.where(label[:, None], rng.normal(3, 0.5, (rows, ncols)),
                    rng.normal(0, 1, (rows, ncols)))
    names = ", ".join(f"c{i} float8" for i in range(1, ncols + 1))
    session.run(f"CREATE TABLE {table} (n float8, {names})")
    copy_doubles(table, np.column_stack([np.arange(1, rows + 1), data]))
    session.run(f"CREATE INDEX ON {table} (n)")
    session.run(f"VACUUM ANALYZE {table}")
    return data


def keep_model(name, rows, table="wide", spec=spec):
    session.run("DROP TABLE IF EXISTS fitted")
    session.run("CREATE TABLE fitted (model) AS " +
                fit_query(name, rows, table, spec))


def enough(seconds_of, most):
    """Rows that take about SECONDS, from a trial of a thousand."""
    seconds_of(min(1000, most))
    trial = seconds_of(min(1000, most))
    return int(max(min(most, 1000 * SECONDS / max(trial, 1e-6)),
                   min(1000, most)))


def python_seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def target(above, below, over, rows, least):
    """Whether a target over the peer or in rows a second is reached."""
    parts, good = [], False
    if over is not None and above:
        parts.append(f"{over:g} × the peer")
        good = good or ratio(above, below) >= over
    if least is not None:
        parts.append(f"{least:,} rows/s")
        good = good or rows / median(below) >= least
    if not parts:
        return ""
    return " or ".join(parts) + (": met" if good else ": **missed**")


def bench_speed(data):
    fits, scores = [], []
    for name in DETECTORS:
        if ONLY and ONLY not in ("speed", name):
            continue
        (_, most, peer, fit, score, over, least) = DETECTORS[name][:7]
        reference = min(most, ROWS)
        progress(f"{name}: fit on {reference:,}")
        head = data[:reference]
        runs = {"ours": lambda: session.seconds(fit_query(name, reference))}
        if peer:
            runs["peer"] = lambda: python_seconds(lambda: fit(head))
        times = interleaved(runs)
        fits.append([name, f"{reference:,}", f"{median(times['ours']):.3f}",
                     peer or "—",
                     f"{median(times['peer']):.3f}" if peer else "",
                     number(ratio(times["peer"], times["ours"]))
                     if peer else "",
                     met(ratio(times["peer"], times["ours"]), 1,
                         at_most=False) if peer else ""])

        keep_model(name, reference)
        rows = enough(lambda n: session.seconds(score_query(n)), ROWS)
        runs = {"ours": lambda: session.seconds(score_query(rows))}
        if peer:
            model = fit(head)
            few = min(rows, enough(lambda n: python_seconds(
                lambda: score(model, data[:n])), ROWS))
            runs["peer"] = lambda: python_seconds(
                lambda: score(model, data[:few])) * rows / few
        times = interleaved(runs)
        scores.append([name, f"{reference:,}", number(
            rows / median(times["ours"])), peer or "—",
            number(rows / median(times["peer"])) if peer else "",
            number(ratio(times["peer"], times["ours"])) if peer else "",
            target(times.get("peer"), times["ours"], over, rows, least)])
    report.section("Fit", "Seconds for the reference rows.")
    report.table(["detector", "rows", "seconds", "peer", "seconds",
                  "times ours", "target"], fits)
    report.section("Score", "Rows a second against a model of the reference "
                   "rows. Ours is the time of `SELECT max(ad_score(…))`.")
    report.table(["detector", "reference rows", "rows a second", "peer",
                  "rows a second", "times as fast", "target"], scores)


def bench_neighbors():
    """Scoring by 10,000 reference rows in 3 and in 20 dimensions."""
    rows = []
    reference, scored = scaled(10_000, 200), scaled(20_000, 200)
    for ncols in (3, 20):
        table = f"wide_{ncols}"
        data = make_table(table, max(reference, scored), ncols)
        head = (data[:reference] - data[:reference].mean(axis=0)) / \
            data[:reference].std(axis=0)
        for name, k in (("knn", 5), ("lof", 20)):
            keep_model(name, reference, table)
            model = NearestNeighbors(n_neighbors=k).fit(head)
            few = min(scored, 4000)
            times = interleaved({
                "ours": lambda: session.seconds(score_query(scored, table)),
                "peer": lambda: python_seconds(
                    lambda: model.kneighbors(data[:few])) * scored / few})
            over = ratio(times["peer"], times["ours"])
            rows.append([name, str(ncols),
                         number(scored / median(times["ours"])),
                         number(scored / median(times["peer"])), number(over),
                         met(over, 5, at_most=False)])
    if rows:
        report.section("Neighbors", f"Scoring against {reference:,} "
                       "reference rows, beside `kneighbors`.")
        report.table(["detector", "columns", "rows a second", "kneighbors",
                      "times as fast", "target"], rows)


def bench_in_sample(data):
    """In-sample scores: fit and score of the same rows."""
    rows = []
    for name, n, peer in (
            ("lof", 100_000, lambda x: LocalOutlierFactor(n_neighbors=20).fit_predict(x)),
            ("dbscan", 10_000, lambda x: DBSCAN(
                eps=2, min_samples=2 * COLUMNS).fit_predict(x))):
        n = min(scaled(n, 200), ROWS)
        head = (data[:n] - data[:n].mean(axis=0)) / data[:n].std(axis=0)
        query = (f"SELECT max(s) FROM (SELECT ad_outlier({spec(name)} || "
                 "ad_sampling(rows => 200000), "
                 f"ARRAY[{columns()}]) OVER () AS s FROM wide "
                 f"WHERE n <= {n}) o")
        try:
            took = median(interleaved({name: lambda: session.seconds(query)},
                                      rounds=3)[name])
        except RuntimeError as error:
            progress(f"{name} in-sample: {error}")
            report.text(f"In-sample scores of {name} over {n:,} rows could "
                        "not be taken.")
            globals()["session"] = one_process(Session())
            continue
        # which takes the better part of a minute
        its = python_seconds(lambda: peer(head))
        rows.append([name, f"{n:,}", f"{took:.2f}", f"{its:.2f}",
                     number(its / took),
                     met(its / took, 12, at_most=False) if name == "lof" else ""])
    if rows:
        report.section("In-sample", "`ad_outlier(…) OVER ()` over an array, "
                       "beside one run of `fit_predict`.")
        report.table(["detector", "rows", "seconds", "scikit-learn",
                      "times as fast", "target"], rows)


def measure(name, size, table):
    """Seconds of a fit, microseconds of a score, bytes of the model.

    Seconds are processor time. The first fit of a backend is left out.
    """
    keep_model(name, size, table, plain)
    fit = median([session.busy_seconds(fit_query(name, size, table, plain))
                  for _ in range(ROUNDS)])
    # reading a model is paid once, and is not what many rows are left out for
    reading = session.seconds(score_query(1, table))
    rows = enough(lambda n: session.seconds(score_query(n, table)) - reading,
                  SIZES[-1])
    score = median([session.busy_seconds(score_query(rows, table))
                    for _ in range(ROUNDS)]) / rows
    bytes_ = int(session.value("SELECT octet_length(model) FROM fitted"))
    progress(f"{name} {table} {size:,}: {fit:.3f} s, {score * 1e6:.2f} µs, "
             f"{bytes_:,} bytes")
    return fit, score * 1e6, bytes_


def bench_cost():
    """Fit, score and size at three sizes, and how they grow."""
    rows, kept = [], {}
    make_table("wide_40", SIZES[-1], 40)
    for name in DETECTORS:
        got = [measure(name, size, "wide") for size in SIZES]
        broad = measure(name, SIZES[1], "wide_40")
        rows.append([name] + list(DETECTORS[name][7:]) +
                    [" / ".join(f"{g[0] * 1000:.0f}" for g in got),
                     " / ".join(number(g[1]) for g in got),
                     " / ".join(number(g[2] / 1024) for g in got),
                     f"{broad[0] * 1000:.0f}, {number(broad[1])}, "
                     f"{number(broad[2] / 1024)}"])
        parts = []
        for i, digits in ((0, ".3g"), (1, ".3g"), (2, ".0f")):
            factor = 1000 if i == 0 else 1
            parts.append("{" + ", ".join(format(g[i] * factor, digits)
                                         for g in got) + "}")
        parts.append("{" + ", ".join(
            format(math.log(broad[i] / got[1][i]) / math.log(40 / COLUMNS),
                   ".2f") for i in range(3)) + "}")
        kept[name] = parts
    report.section(
        "Cost", "Complexity, and figures at " +
        " / ".join(f"{s:,}" for s in SIZES) + f" rows; the last column is "
        f"for {SIZES[1]:,} rows of 40 columns. n: rows fitted, d: columns, "
        "ψ: rows of a tree's or set's subsample, s: rows or support vectors "
        "kept, k: clusters or components. Every detector with its defaults; "
        f"times are processor time, medians of {ROUNDS} runs, scan "
        "included.")
    report.table(["detector", "fit", "score of a row", "model", "fit, ms",
                  "score, µs a row", "model, KB", "40 columns: ms, µs, KB"],
                 rows)
    if KEEPS:
        figures.keep_cost(kept, measured_on(report.server))
        figures.main()


def one_process(s):
    s.run("SET max_parallel_workers_per_gather = 0")
    s.run("SET jit = off")
    return s


def main():
    one_process(session)
    rows = SIZES[-1] if ONLY == "cost" else ROWS
    progress(f"making {rows:,} rows")
    data = make_table("wide", rows, COLUMNS)
    sections = {"speed": lambda: bench_speed(data),
                "neighbors": bench_neighbors,
                "in_sample": lambda: bench_in_sample(data),
                "cost": bench_cost}
    for name, section in sections.items():
        if not ONLY or ONLY in name or (name == "speed" and
                                        ONLY in DETECTORS):
            progress("section " + name)
            section()
    session.close()
    report.write()


main()
