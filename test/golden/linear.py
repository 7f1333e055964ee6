#!/usr/bin/python3
"""Golden scores of pca, mahalanobis, kmeans and gmm.

Made with Debian 12's python3-sklearn (1.2.1), python3-numpy and python3-scipy
from files in test/data; sql/detector_*.sql compare with them. Run in the
repository's root: test/golden/linear.py. Writes test/data/golden/linear_*.csv.gz.

A row is named by its number in the file, from 1. "std" is (x - mean) / sd
with the population's sd, a constant column divided by 1.

pca_all       sum of squared coordinates over variance (divisor n - 1), all components (std)
pca_recon     squared residual after the fewest components with 90 % of the variance (std)
pca_recon3    the same after three components
mahalanobis   EmpiricalCovariance().fit(x).mahalanobis(x); of breast_cancer, whose columns' units differ a
              millionfold, on std, which is the same but for rounding
kmeans        distance to the nearest centre, 8 clusters, Lloyd from the 8 least distinct rows to convergence (std)
cblof, cblof_w  He et al. 2003 as PyOD has it on that clustering, alpha 0.9, beta 5, without and with weights
gmm1          -GaussianMixture(1).score_samples (std)
gmm3          the same of 3 components, started from the labels of a KMeans from the 3 least distinct rows (std)
mcd           MinCovDet(random_state=…).fit(x).dist_ of the least determinant among five seeds, raw
"""
import gzip

import numpy as np
from sklearn.cluster import KMeans
from sklearn.covariance import EmpiricalCovariance, MinCovDet
from sklearn.mixture import GaussianMixture


def read(name):
    with gzip.open(f"test/data/{name}.csv.gz", "rt") as f:
        return np.loadtxt(f, delimiter=",", skiprows=1)[:, :-1]


def write(name, columns):
    with open(f"test/data/golden/{name}.csv.gz", "wb") as raw:
        with gzip.GzipFile("", "wb", 9, raw, 0) as f:
            f.write((",".join(columns) + "\n").encode())
            for row in zip(*columns.values()):
                f.write((",".join(repr(v.item()) for v in row) + "\n").encode())


def standard(x):
    sd = x.std(axis=0)
    sd[sd == 0] = 1
    return (x - x.mean(axis=0)) / sd


def components(z):
    values, vectors = np.linalg.eigh(np.cov(z.T))
    return values[::-1], z @ vectors[:, ::-1]


def kmeans(z, k, tol):
    first = np.unique(z, axis=0)[:k]
    return KMeans(k, init=first, n_init=1, max_iter=300, tol=tol,
                  algorithm="lloyd").fit(z)


def cblof(z, model, weighted, alpha=0.9, beta=5):
    sizes = np.bincount(model.labels_)
    order = np.argsort(-sizes, kind="stable")
    is_alpha = [i for i in range(1, len(sizes))
                if sizes[order[:i]].sum() >= len(z) * alpha]
    is_beta = [i for i in range(1, len(sizes))
               if sizes[order[i - 1]] / sizes[order[i]] >= beta]
    both = sorted(set(is_alpha) & set(is_beta))
    large = order[:(both or is_alpha or is_beta)[0]]
    distances = model.transform(z)
    own = distances[np.arange(len(z)), model.labels_]
    score = np.where(np.isin(model.labels_, large), own,
                     distances[:, large].min(axis=1))
    return score * sizes[model.labels_] if weighted else score


def gmm3(z):
    labels = kmeans(z, 3, 1e-4).labels_
    weights = np.bincount(labels) / len(z)
    means = np.array([z[labels == k].mean(axis=0) for k in range(3)])
    precisions = [np.linalg.inv(np.cov(z[labels == k].T, ddof=0) +
                                1e-6 * np.eye(z.shape[1])) for k in range(3)]
    return GaussianMixture(3, weights_init=weights, means_init=means,
                           precisions_init=precisions).fit(z)


def mcd(x):
    models = [MinCovDet(random_state=seed).fit(x) for seed in range(5)]
    dets = [np.linalg.slogdet(m.raw_covariance_)[1] for m in models]
    print("mcd: log determinants", dets)
    return models[int(np.argmin(dets))].dist_


x = read("breast_cancer")
z = standard(x)
values, y = components(z)
k90 = int(np.searchsorted(np.cumsum(values) / values.sum(), 0.9)) + 1
clusters = kmeans(z, 8, 0)
own = clusters.transform(z).min(axis=1)
write("linear_breast_cancer", {
    "row": np.arange(1, len(x) + 1),
    "pca_all": (y ** 2 / values).sum(axis=1),
    "pca_recon": (y[:, k90:] ** 2).sum(axis=1),
    "pca_recon3": (y[:, 3:] ** 2).sum(axis=1),
    "mahalanobis": EmpiricalCovariance().fit(z).mahalanobis(z),
    "kmeans": own,
    "cblof": cblof(z, clusters, False),
    "cblof_w": cblof(z, clusters, True)})

# every fifth row and the four bands of the middle pixel
x = read("satellite")[::5, 16:20]
z = standard(x)
write("linear_satellite", {
    "row": np.arange(1, len(x) * 5 + 1, 5)[:len(x)],
    "mcd": mcd(x),
    "gmm1": -GaussianMixture(1).fit(z).score_samples(z),
    "gmm3": -gmm3(z).score_samples(z),
    "mahalanobis": EmpiricalCovariance().fit(x).mahalanobis(x)})
