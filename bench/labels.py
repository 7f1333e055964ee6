"""What labels are worth: ad_auto() with its members weighed by some.

    BENCH_SETS=DIRECTORY bench/run.sh labels

The sets are those of bench/accuracy.py. Of each, ad_auto() is fitted to all
rows; then n rows are drawn and their labels shown, the members are weighed by
_ad_weigh(), which is what ad_train(labels => …) and ad_weight_members() call,
and accuracy is that of all rows that were not drawn, less what it is there
without labels. Rows are drawn

    at random        as if n rows had been looked at
    half and half    half of them among the anomalies: confirmed cases
    alerts           of the 3n highest scores without labels

each with labels as they are, and with one in five of them wrong. Of larger
sets the anomalies and 12,000 other rows stand for all, and count as many.

Three constants were chosen with these sets in sight, so the choice is made
again without each set in turn, among CHOICES, and measured on that one.

The weighted score of a row is computed here from its members', and compared
with what a model trained with the same labels says: bench/results/labels.tsv
has the means by set, bench/figures.py puts the curve into docs/auto.md.
"""
import glob
import os
from itertools import combinations

import numpy as np

import accuracy
import figures
from lib import KEEPS, Report, Session, progress

SETS = os.environ.get("BENCH_SETS", "")
MEMBERS = ("fair_forest", "subknn", "ecod")
TOP = 2 / 3
LABELS = (1, 2, 3, 5, 10, 30, 100, 300)
HOW = ("at random", "half and half", "alerts")
DRAWS = int(os.environ.get("BENCH_DRAWS", "20"))
OTHERS = 12_000
CHOICES = [(c, r, 3) for c in (4, 8, 16) for r in (0, 0.5, 1)]
CHOICES += [(8, 0.5, 1), (8, 0.5, 10)]
ALL = "ARRAY[ad_fair_forest(), ad_subknn(), ad_ecod()]"


def weighted(z, w):
    """The mean of a row's highest scores, up to two thirds of the weights."""
    order = np.argsort(-z, axis=1)
    z = np.take_along_axis(z, order, 1)
    w = np.asarray(w)[order]
    to = np.minimum(np.cumsum(w, axis=1), TOP)
    return (z * np.diff(to, prepend=0)).sum(axis=1) / TOP


def measure(score, label, count):
    """ROC AUC and average precision of rows that count as several."""
    order = np.argsort(-score, kind="stable")
    score, label, count = score[order], label[order], count[order]
    last = np.append(score[1:] != score[:-1], True)
    hits = np.cumsum(label)[last]
    false = np.cumsum(np.where(label, 0, count))[last]
    before = np.append(0, hits[:-1])
    new = np.diff(false, prepend=0)
    return np.array([(new * (hits + before) / 2).sum() / hits[-1] / false[-1],
                     ((hits - before) * hits / (hits + false)).sum() /
                     hits[-1]])


class Set:
    """A labeled set with the scores of auto's members, in deviations."""

    def __init__(self, session, path):
        self.name = accuracy.load(session, path)
        session.run("ALTER TABLE labeled ADD i serial")
        session.run("DROP TABLE IF EXISTS fitted, scored")
        session.run("CREATE TABLE fitted AS SELECT ad_fit(ad_auto(), x) AS "
                    "model FROM labeled")
        # a member that has all the weight says its score in deviations
        spec = session.value("SELECT ad_info(model) -> 'spec' FROM fitted")
        for k in range(3):
            weights = [int(k == j) for j in range(3)]
            session.run(f"ALTER TABLE fitted ADD model{k} bytea")
            session.run(
                f"UPDATE fitted SET model{k} = (SELECT ad_fit('{spec}'::jsonb "
                f"|| '{{\"weights\": {weights}}}', x) FROM labeled)")
        session.run("CREATE TABLE scored AS SELECT i, is_anomaly, "
                    "_anomaly._ad_member_scores((SELECT model FROM fitted), x)"
                    " AS members, ARRAY[" + ", ".join(
                        f"ad_score((SELECT model{k} FROM fitted), x)"
                        for k in range(3)) +
                    "] AS deviations, ad_score((SELECT model FROM fitted), x) "
                    "AS score FROM labeled")
        rows = np.array([[float(f) for f in row.split(",")]
                         for row in session.run(
                             "SELECT is_anomaly::int || ',' || score || ',' ||"
                             " array_to_string(members || deviations, ',') "
                             "FROM scored ORDER BY i")[0]])
        self.label = rows[:, 0] == 1
        raw = rows[:, 2:5]
        self.ids = np.arange(1, len(rows) + 1)
        count = np.ones(len(rows))
        others = np.flatnonzero(~self.label)
        keep = np.ones(len(rows), bool)
        if len(others) > 1.5 * OTHERS:
            rng = np.random.default_rng(1)
            keep[others] = False
            keep[rng.choice(others, OTHERS, replace=False)] = True
            count[others] = len(others) / OTHERS
        shares = 1 - np.array([np.searchsorted(
            np.sort(raw[:, k]), raw[:, k], "right") for k in range(3)]).T / \
            len(raw)
        self.z = rows[keep, 5:]
        self.rarity = -np.log(np.maximum(shares, 1e-3))[keep]
        self.label, self.count, self.ids, self.score = (
            x[keep] for x in (self.label, count, self.ids, rows[:, 1]))
        self.cache = {}

    def draw(self, how, n, rng):
        """Rows whose labels are shown."""
        size = len(self.label)
        if how == "alerts":
            n = min(n, size // 6)
            return rng.permutation(np.argsort(-self.score)[:3 * n])[:n]
        if how == "at random":
            return rng.choice(size, min(n, size // 2), replace=False,
                              p=self.count / self.count.sum())
        hits = np.flatnonzero(self.label)
        others = np.flatnonzero(~self.label)
        m = min((n + 1) // 2, len(hits) // 2)
        return np.concatenate([
            rng.choice(hits, m, replace=False),
            rng.choice(others, min(n - m, len(others) // 2), replace=False)])

    def accuracy(self, w, shown):
        """That of the rows that are not shown; w None: of no labels."""
        key = None if w is None else tuple(np.round(w, 3))
        if key not in self.cache:
            self.cache[key] = weighted(self.z, [1 / 3] * 3 if w is None else w)
        rest = np.ones(len(self.label), bool)
        rest[shown] = False
        return measure(self.cache[key][rest], self.label[rest],
                       self.count[rest])


def candidates():
    return np.array([[(k in members) / len(members) for k in range(3)]
                     for n in (1, 2, 3) for members in
                     combinations(range(3), n)])


def weigh(z, rarity, label, c, r, k):
    """What _ad_weigh() does, with other constants; None without both kinds."""
    if label.all() or not label.any():
        return None
    ways = candidates()
    m = 1 / (1 / label.sum() + 1 / (~label).sum())
    areas = []
    for way in ways:
        score = weighted(z, way)
        above = score[label][:, None] - score[~label][None, :]
        areas.append(((above > 0) + (above == 0) / 2).mean())
    lift = rarity[label].mean(axis=0) - rarity[~label].mean(axis=0)
    power = m * (c * np.array(areas) + r * ways @ lift)
    counts = np.exp(power - power.max())
    w = counts @ ways / counts.sum()
    return (m * w + k / 3) / (m + k)


def weigh_in_sql(session, draws, labels):
    """The weights of each draw, by the extension; None: they say nothing."""
    with open("/tmp/ad_bench_drawn", "w", encoding="utf-8") as file:
        for d, (ids, label) in enumerate(zip(draws, labels)):
            file.writelines(f"{d}\t{i}\t{int(l)}\n"
                            for i, l in zip(ids, label))
    session.run("CREATE TEMP TABLE IF NOT EXISTS drawn (d int, i int, "
                "label int)")
    session.run("TRUNCATE drawn")
    session.run("\\copy drawn FROM '/tmp/ad_bench_drawn'\nSELECT 1")
    os.remove("/tmp/ad_bench_drawn")
    found = [None] * len(draws)
    for row in session.run(
            "SELECT d || '|' || coalesce(_anomaly._ad_weigh((SELECT model "
            "FROM fitted), members, label) ->> 'weights', '') FROM drawn JOIN "
            "scored USING (i) GROUP BY d")[0]:
        d, w = row.split("|")
        if w:
            found[int(d)] = np.array([float(x) for x in w.strip("[]").split(
                ",")])
    return found


def check(session, s, shown):
    """How far a model trained with the labels shown is from what is computed:
    the difference of its ROC AUC."""
    session.run("ALTER TABLE labeled ADD IF NOT EXISTS told boolean")
    session.run("UPDATE labeled SET told = is_anomaly WHERE i IN (" +
                ",".join(str(i) for i in s.ids[shown]) + ")")
    session.run("SELECT ad_train('labels', 'SELECT x, told FROM labeled', "
                "ad_auto(), labels => 'told')")
    w = session.value("SELECT ad_info('labels') #>> '{spec,weights}'")
    score = np.array([float(x) for x in session.run(
        "SELECT ad_score('labels', x) FROM labeled ORDER BY i")[0]])
    rest = np.ones(len(s.label), bool)
    rest[shown] = False
    by_model = measure(score[s.ids - 1][rest], s.label[rest], s.count[rest])
    session.run("ALTER TABLE labeled DROP told")
    return by_model - s.accuracy(
        np.array([float(x) for x in w.strip("[]").split(",")]), shown)


def one_set(session, s, number):
    """Gains by way of drawing, errors, number of labels; and by choice."""
    gains, by_choice = {}, {}
    for h, how in enumerate(HOW):
        for n in LABELS:
            for wrong in (0, 0.2):
                drawn, labels = [], []
                for d in range(DRAWS):
                    rng = np.random.default_rng([number, h, n, d])
                    rows = s.draw(how, n, rng)
                    label = s.label[rows] ^ (rng.random(len(rows)) < wrong)
                    drawn.append(rows)
                    labels.append(label)
                none = [s.accuracy(None, rows) for rows in drawn]
                found = weigh_in_sql(session, [s.ids[r] for r in drawn],
                                     labels)
                gains[how, wrong, n] = np.mean(
                    [[0, 0] if w is None else s.accuracy(w, rows) - base
                     for w, rows, base in zip(found, drawn, none)], axis=0)
                if wrong or n < 5:
                    continue
                for choice in CHOICES:
                    by_choice[choice, how, n] = np.mean([
                        [0, 0] if w is None else s.accuracy(w, rows) - base
                        for rows, label, base in list(
                            zip(drawn, labels, none))[:5]
                        for w in [weigh(s.z[rows], s.rarity[rows], label,
                                        *choice)]], axis=0)
        progress(f"{s.name} {how}")
    return gains, by_choice


def nested(sets):
    """Gain of the choice made on the other sets, and of each choice."""
    total = {name: {c: np.mean([g for (x, *_), g in by.items() if x == c],
                               axis=0) for c in CHOICES}
             for name, by in sets.items()}
    gain = []
    for name in sets:
        best = max(CHOICES, key=lambda c: sum(
            total[other][c].sum() for other in sets if other != name))
        gain.append(total[name][best])
    return np.mean(gain, axis=0), {
        c: np.mean([total[name][c] for name in sets], axis=0)
        for c in CHOICES}


def limits(s):
    """No labels, the best member, the best weights: ROC AUC and average
    precision, each the best for itself."""
    nothing = np.array([], int)
    grid = [np.array([i, j, 12 - i - j]) / 12
            for i in range(13) for j in range(13 - i)]
    return (s.accuracy(None, nothing),
            np.max([s.accuracy(w, nothing) for w in np.eye(3)], axis=0),
            np.max([s.accuracy(w, nothing) for w in grid], axis=0))


def signed(pair):
    return " / ".join(f"{x:+.3f}" for x in pair)


def main():
    if not SETS:
        raise SystemExit("BENCH_SETS names no directory of labeled sets")
    session = Session()
    session.run("SET jit = off")
    report = Report("Members weighed by labels", session, [
        f"Means over the sets of BENCH_SETS; {DRAWS} draws each. Change of "
        "ROC AUC / average precision on the rows that were not drawn, against "
        "no labels on the same rows"],
        how="by `bench/labels.py`, which takes no times.")
    gains, choices, bounds, off = {}, {}, {}, []
    for number, path in enumerate(sorted(glob.glob(
            os.path.join(SETS, "*.csv.gz")))):
        s = Set(session, path)
        bounds[s.name] = limits(s)
        gains[s.name], choices[s.name] = one_set(session, s, number)
        off.append(check(session, s, s.draw("half and half", 100,
                                            np.random.default_rng(number))))
        progress(f"{s.name}: {off[-1]}")
    write(report, gains, choices, bounds, off)
    session.close()


def write(report, gains, choices, bounds, off):
    names = list(gains)
    keys = list(gains[names[0]])
    if KEEPS:
        figures.keep_labels([[how, wrong, n, name, *gains[name][how, wrong, n]]
                             for how, wrong, n in keys for name in names] +
                            [["limit", i, 0, name, *bounds[name][i]]
                             for i in range(3) for name in names])
    for wrong in (0, 0.2):
        rows = [[how] + [signed(np.mean([gains[name][how, wrong, n]
                                         for name in names], axis=0))
                         for n in LABELS] for how in HOW]
        report.section("One label in five is wrong" if wrong else
                       "Labels as they are", "By number of labels.")
        report.table([""] + [str(n) for n in LABELS], rows)
    report.section("By set", "30 and 300 labels, as they are.")
    report.table(["", "no labels", "best member", "best weights"] +
                 [f"{how}, {n}" for how in HOW for n in (30, 300)],
                 [[name] + [f"{a:.3f} / {b:.3f}" for a, b in bounds[name]] +
                  [signed(gains[name][how, 0, n]) for how in HOW
                   for n in (30, 300)] for name in names])
    own, each = nested(choices)
    report.section("The constants", "c, r and k of src/model/weigh.c; means over "
                   "the ways to draw and 5 to 300 labels. Chosen without each "
                   f"set in turn, and measured on it: {signed(own)}.")
    report.table(["c", "r", "k", "change"],
                 [[str(x) for x in choice] + [signed(g)]
                  for choice, g in each.items()])
    report.section("Models", "ad_train(…, labels => …) of 100 labels, half "
                   "and half, against what is computed here: at most "
                   f"{np.abs(off).max():.4f} off, of sets of more rows than "
                   "a sample has, of which another was drawn.")
    report.write()


if __name__ == "__main__":
    main()
