"""How a score and a verdict over a labeled series are judged.

Each function's examples are its test: python3 -m doctest bench/measures.py
(test/t/bench_measures.pl).
"""
import numpy as np

# Volume under the precision-recall surface: Paparrizos et al. (2022), "Volume
# under the surface", VLDB 15(11): labels fade out over a buffer around each
# event, and the area is averaged over buffer lengths.
LONGEST, BUFFERS, THRESHOLDS = 100, 11, 250
TIES = 5                        # orders of equal scores, averaged


def runs(flags):
    """First and last place of each run of flags.

    >>> runs(np.array([1, 1, 0, 0, 1]))
    [(0, 1), (4, 4)]
    >>> runs(np.array([0, 0]))
    []
    """
    d = np.diff(np.concatenate([[0], (flags > 0).astype(int), [0]]))
    return [(int(a), int(b)) for a, b in
            zip(np.where(d == 1)[0], np.where(d == -1)[0] - 1)]


def extend(label, window):
    """Labels with their buffers, half a window to either side.

    >>> extend(np.array([0, 0, 0, 1, 0, 0, 0]), 4).round(2).tolist()
    [0.0, 0.71, 0.87, 1.0, 0.87, 0.0, 0.0]
    """
    out = label.astype(float)
    if window == 0:
        return out
    for first, last in runs(label):
        x = np.arange(last, min(last + window // 2, len(out)))
        out[x] += np.sqrt(1 - (x - last) / window)
        x = np.arange(max(first - window // 2, 0), first)
        out[x] += np.sqrt(1 - (first - x) / window)
    return np.minimum(out, 1)


def area(label, order, window):
    """Area under precision and recall of places in the order of their scores,
    labels extended by a window. Recall counts only that share of the events
    that is found at all: here half of the half, then all.

    >>> area(np.array([0, 1, 0, 1]), np.array([1, 0, 3, 2]), 0)
    0.75
    """
    n = len(order)
    picks = np.linspace(0, n - 1, THRESHOLDS).astype(int)
    place = np.empty(n, int)
    place[order] = np.arange(n)
    soft = extend(label, window)
    half = (label.sum() + soft.sum()) / 2
    hits = np.cumsum(soft[order])[picks]
    first = np.sort([place[a:b + 1].min() for a, b in runs(soft)])
    share = np.searchsorted(first, picks, "right") / len(first)
    recall = np.minimum(hits / half, 1) * share
    return float(np.dot(np.diff(recall, prepend=0), hits / (picks + 1)))


def vus_pr(label, score):
    """Volume under the precision-recall surface.

    Equal scores are put in an order by chance: taken at once they would count
    as found together, which no reader of a list does. A score that says
    nothing has about the share of labels and buffers.

    >>> label = np.repeat([0, 1, 0], [500, 100, 500])
    >>> round(vus_pr(label, label + np.linspace(0, .1, 1100)), 2)
    0.87
    >>> bool(.1 < vus_pr(label, np.zeros(1100)) < .16)
    True
    """
    n = len(score)
    orders = [np.lexsort((np.random.default_rng(i).permutation(n), -score))
              for i in range(TIES if len(np.unique(score)) < n else 1)]
    return float(np.mean([area(label, order, window) for order in orders
                          for window in np.linspace(0, LONGEST, BUFFERS)
                          .astype(int)]))


def f1(label, flag):
    """Point-wise F1 of a verdict; 0 if it flags nothing.

    >>> round(f1(np.array([0, 1, 1, 0]), np.array([1, 1, 0, 0])), 2)
    0.5
    >>> f1(np.array([0, 1]), np.array([0, 0]))
    0.0
    """
    return float(2 * (label * flag).sum() / (label.sum() + flag.sum()))


def false_alarms(label, flag):
    """How often an operator is called for nothing: episodes of consecutive
    flagged points of which none is in a labeled window.

    >>> false_alarms(np.array([0, 0, 0, 0, 1, 1, 0, 0]),
    ...              np.array([1, 1, 0, 1, 1, 0, 0, 1]))
    2
    """
    return sum(not label[a:b + 1].any() for a, b in runs(flag))


def found(label, flag):
    """Labeled windows with a flagged point, of how many.

    >>> found(np.array([1, 1, 0, 1]), np.array([0, 1, 1, 0]))
    (1, 2)
    """
    hits = [bool(flag[a:b + 1].any()) for a, b in runs(label)]
    return sum(hits), len(hits)
