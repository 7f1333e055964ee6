#!/usr/bin/python3
"""Golden weights of autoencoder and vae after 100 steps of training.

An implementation of its own in double precision, with Debian 12's
python3-numpy (1.24) and python3-scipy; test/t/networks_oracle.pl compares what the
extension learns in single precision. Run in the repository's root:
test/golden/networks.py. Writes test/data/golden/networks.csv.gz: net, layer
from 0, place in it (inputs x outputs, then biases), weight. Layer 4 of vae are
the logarithms of the columns' variances.

Rows are those of test/data/breast_cancer.csv.gz, standardised with the
population's deviation and clipped at 5; 20 epochs of five batches of at most
80. Starts, orders and noise are hashes that the extension documents:

weight i of layer l     uniform in +-sqrt(6 / (inputs + outputs)) by hash(seed, l, i)
order of an epoch       upper 40 bits of hash(seed, BATCHES + epoch, row), then row
noise k of a row        normal quantile of hash(seed, NOISE + step, row * latent + k)

Before it writes, it compares gradients with finite differences. It also sees
to it that single precision decides as it does: which rows a batch leaves out,
and which units are cut off. The seed is one of those with which it does.
"""
import gzip

import numpy as np
from scipy.special import ndtri

BATCHES = 0x6261746368657300
NOISE = 0x6e6f697365000000
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
SEED = 52
CLIP, LOG_VARIANCE, COLUMN_VARIANCE = 5, 10, 8


def mix(z):
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def hashed(seed, a, b):
    """64 bits of a seed and two numbers; b is an array."""
    with np.errstate(over="ignore"):
        h = mix(np.uint64(seed) + GOLDEN)
        h = mix(h ^ mix(np.uint64(a) + GOLDEN))
        return mix(h ^ mix(np.asarray(b, np.uint64) + GOLDEN))


def first_weights(seed, layer, inputs, outputs):
    u = (hashed(seed, layer, np.arange(inputs * outputs)) >> np.uint64(11)).astype(float) / 2**53
    limit = np.sqrt(6 / (inputs + outputs))
    w = ((2 * u - 1) * limit).astype(np.float32).astype(float)
    return w.reshape(inputs, outputs), np.zeros(outputs)


def order(seed, epoch, rows):
    i = np.arange(rows, dtype=np.uint64)
    key = hashed(seed, BATCHES + epoch, i)
    low = np.uint64(2**24 - 1)
    return np.argsort((key & ~low) | i)


def noise(seed, step, rows, latent):
    b = rows[:, None] * latent + np.arange(latent)
    return ndtri(((hashed(seed, NOISE + step, b) >> np.uint64(12)).astype(float) + 0.5) / 2**52)


class Layer:
    def __init__(self, seed, number, inputs, outputs, activation):
        self.w, self.b = first_weights(seed, number, inputs, outputs)
        self.activation = activation

    def forward(self, x):
        self.x = x
        self.a = x @ self.w + self.b
        self.y = {"none": lambda a: a, "tanh": np.tanh,
                  "relu": lambda a: np.maximum(a, 0)}[self.activation](self.a)
        return self.y

    def backward(self, dy):
        if self.activation == "tanh":
            dy = dy * (1 - self.y**2)
        if self.activation == "relu":
            dy = dy * (self.a > 0)
        self.gradients = [self.x.T @ dy, dy.sum(axis=0)]
        return dy @ self.w.T

    def parameters(self):
        return [self.w, self.b]


class Autoencoder:
    def __init__(self, seed, cols, hidden=(64, 16)):
        size = [cols, *hidden, *hidden[-2::-1], cols]
        self.layers = [Layer(seed, i, size[i], size[i + 1], "tanh" if i < len(size) - 2 else "none")
                       for i in range(len(size) - 1)]

    def forward(self, x, rows, step):
        y = x
        for layer in self.layers:
            y = layer.forward(y)
        self.residual = y - x
        return (self.residual**2).sum(axis=1)

    def backward(self, kept):
        dy = 2 * self.residual * kept[:, None] / kept.sum()
        for layer in self.layers[::-1]:
            dy = layer.backward(dy)

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def gradients(self):
        return [g for layer in self.layers for g in layer.gradients]

    def groups(self):
        return [layer.parameters() for layer in self.layers]

    def score(self, x):
        return self.forward(x, None, 0)


class Vae:
    """Encoder cols-32-(mean, log variance), decoder latent-32-cols."""

    def __init__(self, seed, cols, hidden=(32,), latent=4):
        self.seed, self.latent, self.n = seed, latent, len(hidden) + 1
        down, up = [cols, *hidden, 2 * latent], [latent, *hidden[::-1], cols]
        pairs = list(zip(down, down[1:])) + list(zip(up, up[1:]))
        self.layers = [Layer(seed, i, a, b, "none" if i % self.n == self.n - 1 else "relu")
                       for i, (a, b) in enumerate(pairs)]
        self.variance = np.zeros(cols)

    def encode(self, x):
        q = x
        for layer in self.layers[:self.n]:
            q = layer.forward(q)
        self.mean, self.raw = q[:, :self.latent], q[:, self.latent:]
        self.log = np.clip(self.raw, -LOG_VARIANCE, LOG_VARIANCE)
        return 0.5 * (np.exp(self.log) + self.mean**2 - 1 - self.log).sum(axis=1)

    def decode(self, z, x):
        y = z
        for layer in self.layers[self.n:]:
            y = layer.forward(y)
        self.residual = y - x
        self.column = np.clip(self.variance, -COLUMN_VARIANCE, COLUMN_VARIANCE)
        return self.residual**2 * np.exp(-self.column)

    def forward(self, x, rows, step):
        kl = self.encode(x)
        self.noise = noise(self.seed, step, rows, self.latent)
        z = self.mean + np.exp(self.log / 2) * self.noise
        self.square = self.decode(z, x)
        return kl + 0.5 * (self.column + self.square).sum(axis=1)

    def backward(self, kept):
        k = kept[:, None] / kept.sum()
        dy = k * self.residual * np.exp(-self.column)
        self.dvariance = (k * 0.5 * (1 - self.square)).sum(axis=0) * (np.abs(self.variance) < COLUMN_VARIANCE)
        for layer in self.layers[:self.n - 1:-1]:
            dy = layer.backward(dy)
        dmean = dy + k * self.mean
        dlog = 0.5 * (dy * self.noise * np.exp(self.log / 2) + k * (np.exp(self.log) - 1))
        dy = np.hstack([dmean, dlog * (np.abs(self.raw) < LOG_VARIANCE)])
        for layer in self.layers[self.n - 1::-1]:
            dy = layer.backward(dy)

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()] + [self.variance]

    def gradients(self):
        return [g for layer in self.layers for g in layer.gradients] + [self.dvariance]

    def groups(self):
        return [layer.parameters() for layer in self.layers] + [[self.variance]]

    def score(self, x):
        """Of rows, with no noise and without what is the same for all."""
        kl = self.encode(x)
        return kl + 0.5 * self.decode(self.mean, x).sum(axis=1)


def train(net, x, seed, epochs, batch, trim, rate, most=2560, check=None):
    """Adam, a rate that falls along a cosine, and the worst of a batch left out."""
    rows = len(x)
    total = min(epochs * -(-rows // batch), most)
    first = [np.zeros_like(p) for p in net.parameters()]
    second = [np.zeros_like(p) for p in net.parameters()]
    step = 0
    for epoch in range(epochs):
        places = order(seed, epoch, rows)
        for at in range(0, rows, batch):
            if step == total:
                return step
            which = places[at:at + batch]
            loss = net.forward(x[which], which, step)
            kept = np.ones(len(which))
            worst = np.lexsort((-which, -loss))
            left_out = int(trim * len(which))
            kept[worst[:left_out]] = 0
            net.backward(kept)
            if check:
                check(net, x[which], which, step, kept)
                gap = loss[worst[left_out - 1]] - loss[worst[left_out]]
                assert gap > 2e-5 * np.abs(loss[worst[left_out]]), (step, gap)
                assert all(layer.activation != "relu" or np.abs(layer.a).min() > 3e-6
                           for layer in net.layers), step
            step_rate = rate * 0.5 * (1 + np.cos(np.pi * step / total))
            step += 1
            for p, g, m, v in zip(net.parameters(), net.gradients(), first, second):
                m *= 0.9
                m += 0.1 * g
                v *= 0.999
                v += 0.001 * g**2
                p -= step_rate * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
    return step
    return step


def check_gradients(net, x, rows, step, kept):
    """Compare with central differences at some places of each parameter."""
    if step not in (0, 50):
        return
    draw = np.random.default_rng(step)
    gradients = [g.copy() for g in net.gradients()]
    for p, g in zip(net.parameters(), gradients):
        for _ in range(20):
            at = tuple(draw.integers(n) for n in p.shape)
            value, loss = p[at], []
            for h in (1e-6, -1e-6):
                p[at] = value + h
                loss.append(net.forward(x, rows, step) @ kept / kept.sum())
            p[at] = value
            want = (loss[0] - loss[1]) / 2e-6
            assert abs(want - g[at]) <= 1e-6 * max(1, np.abs(g).max()), (step, p.shape, at, want, g[at])
    net.forward(x, rows, step)
    net.backward(kept)


def standard(x):
    sd = x.std(axis=0)
    return (x - x.mean(axis=0)) / np.where(sd > 0, sd, 1)


def main():
    with gzip.open("test/data/breast_cancer.csv.gz", "rt") as f:
        x = standard(np.loadtxt(f, delimiter=",", skiprows=1)[:, :-1])
    x = np.clip(x, -CLIP, CLIP).astype(np.float32).astype(float)
    with open("test/data/golden/networks.csv.gz", "wb") as raw:
        with gzip.GzipFile("", "wb", 9, raw, 0) as f:
            f.write(b"net,layer,place,weight\n")
            for name, kind, trim, rate in (("autoencoder", Autoencoder, 0.2, 0.001), ("vae", Vae, 0.1, 0.002)):
                net = kind(SEED, x.shape[1])
                assert train(net, x, SEED, 20, 80, trim, rate, check=check_gradients) == 100
                for i, group in enumerate(net.groups()):
                    for place, v in enumerate(np.concatenate([p.ravel() for p in group])):
                        f.write(f"{name},{i},{place},{v:.7g}\n".encode())


if __name__ == "__main__":
    main()
