"""Recursive ridge: what a batch costs, what it tells on real streams, and what millions of rows do.

**Cost.** Microseconds of processor time per row of ``predict`` and ``partial_fit`` together, on
batches of normal numbers, so that each batch takes the products of its rows and the solution of one
system for each rate; and of ``partial_fit`` alone. Beside it SGD, predicting and learning the same.

**Streams.** Cohen's kappa, batch by batch, each predicted before it is learned (a label delay of
100). Features are scaled by the first min(10 %, 5,000) rows and cut off at five deviations; beside
them stand random Fourier features of 4 times the usual size. Four rates of forgetting: 0.99, 0.997,
0.999 and 0.9999. CPU seconds are those of learning and predicting, features not counted.

**Rows.** A stream of `--rows` rows in batches of 1,000: bytes of the pickled model at a tenth, half
and all, and the largest difference of a coefficient from that of one weighted solution of the rows
that still count, in units of the largest coefficient.

    python benchmarks/bench_recursive.py --rows 10000000
"""

import pickle
import time

import numpy as np
from _common import load_stream, parse_args, table, use_one_thread, write_report
from sklearn.base import clone
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import cohen_kappa_score
from sklearn.preprocessing import StandardScaler

from skretrain.linear_model import RecursiveRidgeClassifier, RecursiveRidgeRegressor

RATES = (0.99, 0.997, 0.999, 0.9999)
STREAMS = ("elec2", "spam", "gas_partial", "powersupply", "keystroke", "outdoor", "ozone")
N_RANDOM = (64, 128, 256)
BATCH = 100


def microseconds_per_row(model, n_features, n_classes, n_batch, n_batches, predicts=True):
    """Return what it takes to predict a batch, or not, and to learn it."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_batch, n_features))
    y = rng.integers(0, n_classes, size=n_batch)
    model = clone(model).partial_fit(X, y, classes=np.arange(n_classes))
    begin = time.process_time()
    for _ in range(n_batches):
        if predicts:
            model.predict(X)
        model.partial_fit(X, y)
    return (time.process_time() - begin) / (n_batches * n_batch) * 1e6


def costs(quick):
    """Yield the lines of the table of costs."""
    usual = {"features": 128, "rates": 4, "classes": 2, "batch": 100}
    changes = [
        {},
        *({"features": n} for n in (16, 64, 256, 512)),
        *({"rates": n} for n in (1, 2)),
        *({"classes": n} for n in (10, 100)),
        *({"batch": n} for n in (1, 10, 1000)),
        {"batch": 1, "rates": 1},
        {"batch": 1, "features": 16},
        {"batch": 1, "features": 512},
    ]
    for change in changes[:3] if quick else changes:
        case = {**usual, **change}
        sizes = case["features"], case["classes"], case["batch"]
        n_batches = 2 if quick else max(20, 1000 // case["batch"])
        ours = RecursiveRidgeClassifier(forgetting=RATES[-case["rates"] :])
        alone = microseconds_per_row(ours, *sizes, n_batches, predicts=False)
        both = [microseconds_per_row(one, *sizes, n_batches) for one in (ours, SGDClassifier())]
        times = [both[0], alone, both[1], both[0] / both[1]]
        yield [*case.values(), *(f"{number:.1f}" for number in times)]


def told(stream, n_random, quick):
    """Return kappa and CPU seconds on a stream."""
    X, y = np.asarray(stream.X, dtype=float), stream.y
    if quick:
        X, y = X[:2000], y[:2000]
    first = min(len(y) // 10, 5000)
    X = np.clip(StandardScaler().fit(X[:first]).transform(X), -5, 5)
    waves = RBFSampler(gamma=1 / (2 * X.shape[1]), n_components=n_random, random_state=0)
    X = np.hstack([X, 4 * waves.fit(X[:first]).transform(X)])
    begin = time.process_time()
    model = RecursiveRidgeClassifier(forgetting=RATES).fit(X[:first], y[:first])
    predicted = []
    for start in range(first, len(y), BATCH):
        rows = slice(start, start + BATCH)
        predicted.append(model.predict(X[rows]))
        model.partial_fit(X[rows], y[rows])
    kappa = cohen_kappa_score(y[first:], np.concatenate(predicted))
    return kappa, time.process_time() - begin, model.rate_weights_


def streams(quick):
    """Yield the lines of the table of streams."""
    for name in STREAMS[:1] if quick else STREAMS:
        stream = load_stream(name)
        if stream is None:
            continue
        for n_random in N_RANDOM[:1] if quick else N_RANDOM:
            kappa, seconds, weights = told(stream, n_random, quick)
            shares = " ".join(f"{weight:.2f}" for weight in weights)
            yield [name, f"{len(stream.y):,}", n_random, f"{kappa:.3f}", f"{seconds:.2f}", shares]


def many_rows(n_rows):
    """Return bytes at three moments, and how far the coefficients are from one solution."""
    rng, rate, n_features = np.random.default_rng(0), 0.9999, 10
    coef = rng.normal(size=n_features)
    model, sizes, kept = RecursiveRidgeRegressor(forgetting=rate), [], []
    n_batches = n_rows // 1000
    for number in range(n_batches):
        X = rng.normal(size=(1000, n_features)) + 10 * np.arange(n_features)
        y = X @ coef + rng.normal(size=1000)
        model.partial_fit(X, y)
        kept = [*kept[-399:], (X, y)]  # what is older weighs less than 1e-17
        if number + 1 in (max(n_batches // 10, 1), max(n_batches // 2, 1), n_batches):
            sizes.append(len(pickle.dumps(model)))
    X, y = (np.concatenate(parts) for parts in zip(*kept, strict=True))
    weight = rate ** np.arange(len(y))[::-1]
    mean, target_mean = weight @ X / weight.sum(), weight @ y / weight.sum()
    X, y = X - mean, y - target_mean
    expected = np.linalg.solve(X.T @ (weight[:, None] * X) + np.eye(n_features), X.T @ (weight * y))
    return sizes, float(np.abs(model.coef_ - expected).max() / np.abs(expected).max())


def add_arguments(parser):
    """Add what only this benchmark has."""
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the long stream")


def main():
    """Measure, print and write the tables."""
    arguments = parse_args(__doc__.splitlines()[0], "recursive.md", add_arguments)
    use_one_thread()
    quick = arguments.quick
    sizes = ["features", "rates", "classes", "rows per batch"]
    cost_header = [*sizes, "us per row", "partial_fit alone", "SGD", "ratio"]
    stream_header = ["stream", "rows", "random features", "kappa", "CPU s", "weights of the rates"]
    n_bytes, difference = many_rows(10_000 if quick else arguments.rows)
    parts = [
        __doc__.partition("\n\n    python")[0],
        "## Cost",
        table(cost_header, costs(quick)),
        "## Streams",
        table(stream_header, streams(quick)),
        "## Rows",
        f"After {10_000 if quick else arguments.rows:,} rows: "
        f"{' / '.join(f'{size:,}' for size in n_bytes)} bytes at a tenth, half and all; largest "
        f"difference from a fresh solution {difference:.1e}.",
    ]
    write_report(arguments.out, "Recursive ridge", parts)


if __name__ == "__main__":
    main()
