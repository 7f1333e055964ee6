#!/usr/bin/python3
"""Makes test/data/golden/metrics_generate.csv.gz: the generators once more, in
Python's own integers and its statistics and math modules.

    /usr/bin/python3 test/golden/metrics_generate.py

Lines:

    random,SEED,I,DISTRIBUTION,VALUE
    series,SEED,I,KIND,VALUE       trend 0.01, exponential noise, spikes
                                   0.02, shifts 0.01, defaults otherwise
    blobs,SEED,I,LABEL,VALUE VALUE VALUE
                                   3 features, contamination 0.15
"""

import gzip
import math
import os
from statistics import NormalDist

MASK = 2 ** 64 - 1
GAMMA = 0x9e3779b97f4a7c15
VALUES, CENTERS, ROWS, ANOMALIES, SPIKES, SHIFTS = range(1, 7)


def mix(z):
    z &= MASK
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9 & MASK
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb & MASK
    return z ^ (z >> 31)


def stream(seed, purpose, position):
    z = mix(mix(seed + GAMMA * purpose) + GAMMA * position)
    while True:
        z += GAMMA
        yield mix(z)


def unit(bits):
    return ((bits >> 12) + 0.5) / 2 ** 52


def standard(bits, distribution):
    u = unit(bits)
    if distribution == "normal":
        return NormalDist().inv_cdf(u)
    if distribution == "exponential":
        return -math.log(u)
    return u


def random(seed, i, distribution):
    return standard(next(stream(seed, VALUES, i)), distribution)


def events(share, seed, purpose, rows):
    """{row: (number of the event, bits)}"""
    found, j, start = {}, 0, 0
    while start < rows:
        end = math.ceil((j + 1) / share)
        s = stream(seed, purpose, j)
        at = start + next(s) % (end - start)
        found[at] = (j, next(s))
        j, start = j + 1, end
    return found


def series(seed, rows):
    spikes = events(0.02, seed, SPIKES, rows)
    shifts = events(0.01, seed, SHIFTS, rows)
    shifted = 0
    for row in range(rows):
        i = row + 1
        kind = ""
        value = 0.01 * i + 5 * math.sin(2 * math.pi * (i % 24) / 24)
        if row in shifts:
            kind = "shift"
            j, bits = shifts[row]
            shifted = 0 if j % 2 else 10 if bits & 1 else -10
        value += shifted + random(seed, i, "exponential")
        if row in spikes and kind == "":
            kind = "spike"
            bits = spikes[row][1]
            value += (10 if bits & 1 else -10) * (1 + unit(bits))
        yield kind, value


def blobs(seed, rows, features=3, clusters=3):
    centers = []
    for c in range(clusters):
        s = stream(seed, CENTERS, c)
        centers.append([10 * (2 * unit(next(s)) - 1) for _ in range(features)])
    anomalies = events(0.15, seed, ANOMALIES, rows)
    for row in range(rows):
        s = stream(seed, ROWS, row)
        if row in anomalies:
            for _ in range(32):
                x = [15 * (2 * unit(next(s)) - 1) for _ in range(features)]
                if all(math.dist(x, c) >= math.sqrt(features) + 3
                       for c in centers):
                    break
        else:
            center = centers[next(s) % clusters]
            x = [m + standard(next(s), "normal") for m in center]
        yield row in anomalies, x


def main():
    lines = []
    for seed in (0, 1, -5, 2 ** 63 - 1):
        for i in (-2 ** 63, -1, *range(150)):
            for distribution in ("uniform", "normal", "exponential"):
                lines.append(f"random,{seed},{i},{distribution},"
                             f"{random(seed, i, distribution)!r}")
    for seed in (0, 7):
        for row, (kind, value) in enumerate(series(seed, 1000)):
            lines.append(f"series,{seed},{row + 1},{kind},{value!r}")
        for row, (label, x) in enumerate(blobs(seed, 300)):
            lines.append(f"blobs,{seed},{row + 1},{str(label).lower()}," +
                         " ".join(map(repr, x)))
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..",
                        "data", "golden", "metrics_generate.csv.gz")
    with open(path, "wb") as f:
        with gzip.GzipFile(fileobj=f, mode="wb", filename="", mtime=0) as z:
            z.write(("\n".join(lines) + "\n").encode())


main()
