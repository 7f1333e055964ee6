"""The benchmark report: every detector over the labeled sets of test/data.

    make bench-report           writes bench/results/report.md, from where
                                docs/benchmark.md has it, and two pictures

Each NAME.csv.gz has a header and a last column "label", 1 for an anomaly.
Every detector of the catalog is fitted with its defaults to all rows of a
set, labels not used, and scores the same rows; this is done with several
seeds, and figures are means over them. Columns that are not numbers go to
the detectors as text, missing values as NULL. scikit-learn's counterparts
run beside them in the same process and turn, on the numeric sets only.

Fits, scores, metrics and histograms are the extension's or the server's, in
SQL; the scores of the counterparts are loaded into a table and judged there.
"""
import glob
import gzip
import io
import os
import re
import statistics
import subprocess
import time

import matplotlib
import numpy as np
import sklearn
from sklearn.cluster import KMeans
from sklearn.covariance import EmpiricalCovariance
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.svm import OneClassSVM

from lib import (ONLY, PSQL, Report, Session, copy_doubles, detectors, number,
                 progress)

matplotlib.use("svg")
import matplotlib.pyplot as plt     # noqa: E402  (the backend comes first)

SETS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "test",
                    "data")
PICTURES = os.environ.get("BENCH_PICTURES", ".")
SEEDS = 5
LEAST_ROWS = 10_000             # a timing of scores is over so many rows
SHOWN = "shuttle"               # the set whose scores are drawn
BINS = 32
NORMAL, ANOMALY, PEER = "#4477aa", "#cc3311", "#999999"


class Neighbors:
    """Distance to the fifth neighbor."""

    def fit(self, x):
        self.tree = NearestNeighbors(n_neighbors=5).fit(x)
        return self

    def score(self, x):
        return self.tree.kneighbors(x)[0].max(axis=1)


class Axes(PCA):
    """Squared distance, the axes weighted by their variance."""

    def score(self, x):
        weight = np.maximum(self.explained_variance_, 1e-12)
        return (self.transform(x) ** 2 / weight).sum(axis=1)


# detector: (counterpart, standardized, made with a seed, score)
PEERS = {
    "iforest": ("IsolationForest", False, lambda s: IsolationForest(
        n_estimators=100, max_samples=256, random_state=s),
        lambda m, x: -m.score_samples(x)),
    "pca": ("PCA", True, lambda s: Axes(),
            lambda m, x: m.score(x)),
    "mahalanobis": ("EmpiricalCovariance", False,
                    lambda s: EmpiricalCovariance(),
                    lambda m, x: m.mahalanobis(x)),
    "knn": ("NearestNeighbors", True, lambda s: Neighbors(),
            lambda m, x: m.score(x)),
    "lof": ("LocalOutlierFactor", True, lambda s: LocalOutlierFactor(
        n_neighbors=20, novelty=True), lambda m, x: -m.score_samples(x)),
    "kmeans": ("KMeans", True,
               lambda s: KMeans(8, n_init=3, random_state=s),
               lambda m, x: m.transform(x).min(axis=1)),
    "ocsvm": ("OneClassSVM", True, lambda s: OneClassSVM(),
              lambda m, x: -m.decision_function(x)),
    "gmm": ("GaussianMixture", True,
            lambda s: GaussianMixture(1, random_state=s),
            lambda m, x: -m.score_samples(x)),
}

session = Session()


class Result:
    """Runs of one detector over one set."""

    def __init__(self):
        self.runs = []          # (ROC AUC, AP, precision at n, fit s, rows/s)

    def mean(self, i):
        return statistics.mean(run[i] for run in self.runs)

    def quality(self, i):
        """A mean, and the deviation over seeds if there is one."""
        values = [run[i] for run in self.runs]
        spread = statistics.stdev(values) if len(values) > 1 else 0
        text = f"{statistics.mean(values):.3f}"
        return text + (f" ± {spread:.3f}" if spread >= 0.0005 else "")

    def fit(self):
        return statistics.median(run[3] for run in self.runs)

    def rate(self):
        return statistics.median(run[4] for run in self.runs)


class Labeled:
    """A labeled set, loaded into the table labeled."""

    def __init__(self, path):
        self.name = os.path.basename(path).split(".")[0]
        with gzip.open(path, "rt") as file:
            lines = [line.split(",") for line in file.read().splitlines()[1:]]
        features = list(zip(*lines))[:-1]
        numeric = [all(is_number(f) for f in column) for column in features]
        self.label = np.array([float(line[-1]) == 1 for line in lines])
        self.rows, self.features = len(lines), len(features)
        self.anomalies = int(self.label.sum())
        self.columns = ", ".join(f"c{i}" for i in range(self.features))
        session.run("DROP TABLE IF EXISTS labeled")
        session.run("CREATE TABLE labeled (n int, is_anomaly boolean, " +
                    ", ".join(f"c{i} {'float8' if f else 'text'}"
                              for i, f in enumerate(numeric)) + ")")
        subprocess.run(
            [PSQL, "-X", "-q", "-c",
             "\\copy labeled FROM STDIN WITH (FORMAT csv)"],
            input="".join(f"{i},{label},{','.join(line[:-1])}\n" for
                          i, (line, label) in enumerate(
                              zip(lines, self.label))),
            text=True, check=True)
        session.run("VACUUM ANALYZE labeled")
        self.x = self.scaled = None
        if all(numeric):
            x = np.array([[float(f or "nan") for f in line[:-1]]
                          for line in lines])
            self.x = np.where(np.isnan(x), np.nanmedian(x, axis=0), x)
            spread = self.x.std(axis=0)
            self.scaled = ((self.x - self.x.mean(axis=0)) /
                           np.where(spread > 0, spread, 1))

    def title(self):
        return (f"{self.name}: {self.rows:,} rows, {self.features} features, "
                f"{self.anomalies:,} anomalies")


def is_number(field):
    try:
        return field == "" or np.isfinite(float(field))
    except ValueError:
        return False


def judged(data):
    """ROC AUC, average precision and precision at n of the table scores."""
    return [float(x) for x in session.value(f"""
        SELECT concat_ws(' ', ad_roc_auc(score, is_anomaly),
                         ad_average_precision(score, is_anomaly),
                         ad_precision_at(score, is_anomaly, {data.anomalies}))
        FROM scores""").split()]


def measure(name, data):
    """Fits and scores with every seed; leaves the scores of the first."""
    result = Result()
    copies = max(1, -(-LEAST_ROWS // data.rows))
    for seed in reversed(range(SEEDS)):
        session.run("DROP TABLE IF EXISTS fitted, scores")
        fit = session.seconds(
            f"CREATE TABLE fitted AS SELECT ad_fit(ad_{name}() || "
            f"ad_sampling(seed => {seed}), {data.columns}) AS model "
            "FROM labeled")
        score = f"ad_score((SELECT model FROM fitted), {data.columns})"
        session.run("CREATE TABLE scores AS SELECT n, is_anomaly, "
                    f"{score} AS score FROM labeled")
        seconds = session.seconds(
            f"SELECT max({score}) FROM generate_series(1, {copies}), labeled")
        result.runs.append(judged(data) +
                           [fit, copies * data.rows / seconds])
    return result


def measure_peer(name, data):
    """The same of a counterpart; None if it cannot take the set."""
    _, standard, make, score = PEERS[name]
    if data.x is None:
        return None
    x = data.scaled if standard else data.x
    copies = max(1, -(-LEAST_ROWS // data.rows))
    many = np.tile(x, (copies, 1))
    result = Result()
    begin = time.perf_counter()
    for seed in range(SEEDS):
        start = time.perf_counter()
        model = make(seed).fit(x)
        middle = time.perf_counter()
        values = score(model, many)
        end = time.perf_counter()
        session.run("DROP TABLE IF EXISTS scores, loaded")
        session.run("CREATE TABLE loaded (label float8, score float8)")
        copy_doubles("loaded",
                     np.column_stack([data.label, values[:data.rows]]))
        session.run("CREATE TABLE scores AS SELECT score, label = 1 AS "
                    "is_anomaly FROM loaded")
        result.runs.append(judged(data) +
                           [middle - start, len(many) / (end - middle)])
        # the slow ones draw no random numbers
        if time.perf_counter() - begin > 10:
            break
    return result


def histogram():
    """Shares of rows in bins of the scores: (low, high, normal, anomalies).

    The range leaves out a hundredth at either end, which the outer bins
    gather.
    """
    low, high = (float(x) for x in session.value("""
        SELECT concat_ws(' ', q[1], greatest(q[2], q[1] + 1e-9))
        FROM (SELECT percentile_cont(ARRAY[0.005, 0.99])
                     WITHIN GROUP (ORDER BY score) AS q FROM scores) t
        """).split())
    rows = session.run(f"""
        SELECT concat_ws(' ', is_anomaly::int, bin, count(*) /
                         sum(count(*)) OVER (PARTITION BY is_anomaly))
        FROM (SELECT is_anomaly, least({BINS} - 1, greatest(0,
                     width_bucket(score, {low}, {high}, {BINS}) - 1)) AS bin
              FROM scores) t
        GROUP BY is_anomaly, bin""")[0]
    shares = np.zeros((2, BINS))
    for row in rows:
        label, position, share = row.split()
        shares[int(label), int(position)] = float(share)
    return low, high, shares[0], shares[1]


def style():
    """Looks of both pictures; text stays text, and bytes are repeatable."""
    plt.rcParams.update({
        "svg.hashsalt": "anomaly", "svg.fonttype": "none",
        "font.family": "sans-serif", "font.size": 10,
        "axes.spines.top": False, "axes.spines.right": False})


def save(figure, name):
    """Writes a picture, its coordinates to a hundredth of a point."""
    text = io.StringIO()
    figure.savefig(text, format="svg", facecolor="white",
                   metadata={"Date": None})
    plt.close(figure)
    text = re.sub(
        r'="[^"]*"', lambda value: re.sub(
            r"-?\d+\.\d{3,}", lambda m: f"{float(m[0]):.2f}", value[0]),
        text.getvalue())
    with open(os.path.join(PICTURES, name), "w", encoding="utf-8") as file:
        file.write(re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE))


def place_labels(axes, points):
    """Writes names beside their points, apart from each other.

    Each name takes the nearest free place of those around its point; boxes
    are in points of the page, with a width guessed from the letters.
    """
    axes.figure.canvas.draw()
    scale = 72 / axes.figure.dpi
    dots = [axes.transData.transform((x, y)) * scale
            for x, y, _, _ in points]
    taken = [(px - 4, py - 4, px + 4, py + 4) for px, py in dots]
    area = axes.get_window_extent()
    start, end = area.x0 * scale, area.x1 * scale
    for (px, py), (x, y, name, color) in zip(dots, points):
        width, height = 5 * len(name) + 5, 11
        best, side = None, 1
        for radius in (7, 14, 20, 28, 38, 50):
            for ax, ay in ((1, 0), (0, 1), (0, -1), (-1, 0), (1, 1), (1, -1),
                           (-1, 1), (-1, -1)):
                left = px + (ax * radius if ax > 0 else
                             -radius - width if ax < 0 else -width / 2)
                low = py + ay * radius - height / 2
                box = (left, low, left + width, low + height)
                if start < box[0] and box[2] < end and not any(
                        box[0] < b[2] and b[0] < box[2] and
                        box[1] < b[3] and b[1] < box[3] for b in taken):
                    best, side = box, ax
                    break
            if best:
                break
        if best is None:
            left = min(px + 6, end - width)
            best = (left, py + 6, left + width, py + 6 + height)
        taken.append(best)
        beside = best[1] < py < best[3] and min(
            abs(best[0] - px), abs(best[2] - px)) < 9
        # widths are a guess: the end nearest to the point is what holds
        anchor = {1: best[0] + 2, 0: (best[0] + best[2]) / 2, -1: best[2] - 2}
        axes.annotate(name, (x, y), (anchor[side] - px, best[1] + 2 - py),
                      textcoords="offset points", fontsize=9, color=color,
                      ha={1: "left", 0: "center", -1: "right"}[side],
                      arrowprops=None if beside else {
                          "arrowstyle": "-", "color": PEER, "linewidth": 0.6,
                          "shrinkA": 1, "shrinkB": 3}).set_in_layout(False)


def draw_speed(ours, peers):
    """Accuracy against speed: mean ROC AUC over the rate of scoring."""
    figure, axes = plt.subplots(figsize=(8.5, 5.5), layout="constrained")
    points = []
    for figures, color, marker, label in (
            (ours, NORMAL, "o", "this extension, a detector each"),
            (peers, PEER, "s", "scikit-learn's counterparts")):
        axes.scatter([f["rate"] for f in figures.values()],
                     [f["auc"] for f in figures.values()], c=color, s=36,
                     marker=marker, label=label, zorder=3)
        points += [(f["rate"], f["auc"], name, "black" if figures is ours
                    else "#666666") for name, f in figures.items()]
    axes.set_xscale("log")
    axes.set_xlabel("rows scored a second, one process (geometric mean over "
                    "the sets, log scale)")
    axes.set_ylabel("mean ROC AUC")
    axes.set_title("Accuracy against speed: higher and further right is "
                   "better", loc="left", fontsize=11)
    axes.grid(color="#e5e5e5", zorder=0)
    axes.margins(x=0.12, y=0.08)
    axes.legend(loc="upper right", frameon=False, fontsize=9)
    place_labels(axes, points)
    save(figure, "benchmark_speed.svg")


def draw_scores(histograms, figures, data):
    """Histograms of the scores of normal rows and of anomalies."""
    across = 4
    down = -(-len(histograms) // across)
    figure, grid = plt.subplots(down, across, figsize=(9, 1.75 * down + 0.6),
                                layout="constrained", squeeze=False)
    for axes in grid.flat[len(histograms):]:
        axes.set_axis_off()
    for axes, (name, (low, high, normal, anomalies)) in zip(
            grid.flat, histograms.items()):
        edges = np.linspace(low, high, BINS + 1)
        top = max(normal.max(), anomalies.max())
        for shares, color in ((normal, NORMAL), (anomalies, ANOMALY)):
            axes.stairs(shares / top, edges, fill=True, linewidth=1,
                        edgecolor=color,
                        facecolor=matplotlib.colors.to_rgba(color, 0.45))
        axes.set_title(f"{name}  ({figures[name].mean(0):.3f})", fontsize=9,
                       loc="left")
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_ylim(0, 1.05)
        axes.locator_params(axis="x", nbins=4)
        axes.tick_params(labelsize=7)
    figure.legend(
        [plt.Rectangle((0, 0), 1, 1, color=c, alpha=0.6)
         for c in (NORMAL, ANOMALY)],
        [f"{data.rows - data.anomalies:,} normal rows",
         f"{data.anomalies:,} anomalies"], loc="lower center", ncols=2,
        frameon=False, fontsize=9)
    figure.get_layout_engine().set(rect=(0, 0.03, 1, 0.97))
    figure.suptitle(f"Scores of the set {data.name}, and the ROC AUC: the "
                    "less the colors overlap, the better", fontsize=11)
    save(figure, "benchmark_scores.svg")


def row(name, result):
    return [name, result.quality(0), result.quality(1), result.quality(2),
            number(1000 * result.fit()), number(result.rate())]


def summary(results):
    """Means over the sets, of detectors or counterparts, best first."""
    rates = [result.rate() for result in results]
    return {"sets": len(results),
            "auc": statistics.mean(r.mean(0) for r in results),
            "ap": statistics.mean(r.mean(1) for r in results),
            "at": statistics.mean(r.mean(2) for r in results),
            "fit": statistics.geometric_mean(r.fit() for r in results),
            "rate": statistics.geometric_mean(rates)}


def summary_rows(figures):
    return [[name, str(f["sets"]), f"{f['auc']:.3f}", f"{f['ap']:.3f}",
             f"{f['at']:.3f}", number(1000 * f["fit"]), number(f["rate"])]
            for name, f in sorted(figures.items(),
                                  key=lambda item: -item[1]["auc"])]


def main():
    names = [name for name in detectors(session) if ONLY in name]
    report = Report("Every detector over the sets of test/data", session, [
        f"scikit-learn {sklearn.__version__}, one thread"],
        f"by `make bench-report`, {SEEDS} runs of each.")
    ours = {name: {} for name in names}
    peers = {name: {} for name in names if name in PEERS}
    sets, histograms = [], {}
    for path in sorted(glob.glob(os.path.join(SETS, "*.csv.gz"))):
        data = Labeled(path)
        sets.append((data.name, data.title()))
        for name in names:
            ours[name][data.name] = measure(name, data)
            progress(f"{data.name} {row(name, ours[name][data.name])}")
            if data.name == SHOWN:
                histograms[name] = histogram()
            if name in PEERS:
                peer = measure_peer(name, data)
                if peer:
                    peers[name][data.name] = peer
                    progress(f"{data.name} {row(PEERS[name][0], peer)}")
        if data.name == SHOWN:
            shown = data

    style()
    means = {name: summary(list(r.values())) for name, r in ours.items()}
    # the picture compares like with like: the sets that all of them took
    common = [name for name, _ in sets if all(name in r for r in peers.values())]
    chosen = [
        {title(name): summary([r[s] for s in common])
         for name, r in results.items()}
        for results, title in ((ours, str), (peers, lambda n: PEERS[n][0]))]
    draw_speed(*chosen)
    draw_scores(histograms, {n: ours[n][SHOWN] for n in names}, shown)

    report.section("Means over the sets",
                   "Best mean ROC AUC first. Times are geometric means.")
    header = ["ROC AUC", "average precision", "precision at n", "fit, ms",
              "rows scored per second"]
    report.table(["detector", "sets"] + header, summary_rows(means))
    report.text(f"The same compared with scikit-learn, over the {len(common)} sets "
                "that all of them accept: " + ", ".join(common) + ".")
    report.table(["", "sets"] + header, summary_rows(
        {**{f"**{n}**" if n in peers else n: f for n, f in chosen[0].items()
            if n in peers}, **chosen[1]}))
    report.text("![accuracy against speed of every detector and of "
                "scikit-learn's](../../docs/img/benchmark_speed.svg)")
    report.section("Scores of normal rows and of anomalies",
                   f"How far apart a detector scores them, in {SHOWN}. Each "
                   "class is drawn to the same area; the outermost bins hold "
                   "what lies beyond them, half a percent of the rows below "
                   "and one percent above. Scores of different detectors are "
                   "not on one scale.")
    report.text("![histograms of the scores of each detector]"
                "(../../docs/img/benchmark_scores.svg)")
    report.section("Set by set")
    for name, title in sets:
        report.text("### " + title)
        rows = []
        for detector in names:
            rows.append(row(detector, ours[detector][name]))
            if name in peers.get(detector, {}):
                rows.append(row("— scikit-learn " + PEERS[detector][0],
                                peers[detector][name]))
        report.table(["detector"] + header, rows)
    session.close()
    report.write()


main()
