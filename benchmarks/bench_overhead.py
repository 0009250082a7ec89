"""What the wrapper adds to a step: DriftAwareRetrainer against the same step written by hand.

A step by hand is ``predict``, ADWIN fed row by row with the errors, ``partial_fit``. The wrapper
does this on a copy of the model, and remembers the rows. Both see the same batches in turn, the
order of the two reversed at every step, on a stationary stream, the memory being full. Processor
time; garbage is collected between the timed stretches only. That a model is compared with a refit
when its rows are a quarter more is left out (``KeepOrRefit(grow=False)``): it comes ever less
often.
"""

import copy
import gc
import time
import warnings

import numpy as np
from _common import parse_args, table, use_one_thread, verdict, write_report
from river.drift import ADWIN
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier

from skretrain import DriftAwareRetrainer
from skretrain.datasets import make_drifting_classification
from skretrain.policies import KeepOrRefit
from skretrain.utils._copy import copy_fitted

BASES = {
    "SGDClassifier": SGDClassifier(random_state=0),
    "GaussianNB": GaussianNB(),
    "MLPClassifier": MLPClassifier(random_state=0, max_iter=20),
}
N_FEATURES = (10, 100)
STEPS = {1: 2000, 10: 2000, 100: 1000, 1000: 300}  # rows per batch: steps
MEMORY_ROWS = 10_000  # the default buffer, filled by the first fit
WARM_UP = 20

# Rows per batch: largest ratio allowed. None: no target.
TARGETS = {
    "SGDClassifier": {1: 1.5, 10: None, 100: 1.12, 1000: 1.06},
    "GaussianNB": {1: 1.5, 10: None, 100: 1.12, 1000: 1.06},
    "MLPClassifier": {1: 1.5, 10: None, 100: 1.06, 1000: 1.06},
}
PREDICT_TARGET = 1.05


class ByHand:
    """The step that people write."""

    def __init__(self, model):
        self.model = model
        self.detector = ADWIN()

    def partial_fit(self, X, y):
        predicted = self.model.predict(X)
        for wrong in (predicted != y).tolist():
            self.detector.update(wrong)
            if self.detector.drift_detected:
                print("an alarm by hand: it would be answered here")
        self.model.partial_fit(X, y)


def measure(base, n_features, size, n_steps):
    """Return the row of the table for one base, width and batch size, as numbers."""
    X, y, _ = make_drifting_classification(
        MEMORY_ROWS + 20_000, n_features=n_features, drift="stationary", random_state=0
    )
    policy = KeepOrRefit(grow=False)
    wrapped = DriftAwareRetrainer(base, update="warm_start", detector=ADWIN(), policy=policy)
    wrapped.fit(X[:MEMORY_ROWS], y[:MEMORY_ROWS])
    by_hand = ByHand(copy.deepcopy(wrapped.estimator_))
    batches = list(_batches(X[MEMORY_ROWS:], y[MEMORY_ROWS:], size, n_steps + WARM_UP))

    learn = [by_hand.partial_fit, wrapped.partial_fit]
    steps = _paired(learn, batches)
    # An alarm, which noise may cause, is answered by a refit: another thing than an update.
    if wrapped.n_alarms_ or wrapped.n_refits_:
        raise RuntimeError(f"{base}, {n_features} features, batches of {size}: a false alarm")

    model = wrapped.estimator_
    copies = _paired([lambda X, y: copy_fitted(model)], batches)[0]
    predict = [lambda X, y: model.predict(X), lambda X, y: wrapped.predict(X)]
    predictions = _paired(predict, batches)
    hand, ours = np.median(steps[0]), np.median(steps[1])
    return {
        "hand": hand,
        "ours": ours,
        "ratio": ours / hand,
        "mean_ratio": steps[1].mean() / steps[0].mean(),
        "copy": np.median(copies) / ours,
        "predict": np.median(predictions[1]) / np.median(predictions[0]),
    }


def _batches(X, y, size, n_batches):
    """Yield batches, beginning again at the end of the data."""
    per_round = len(X) // size
    for number in range(n_batches):
        start = (number % per_round) * size
        yield X[start : start + size], y[start : start + size]


def _paired(functions, batches):
    """Return the nanoseconds of each function on each batch; their order reverses each time."""
    spent = np.empty((len(functions), len(batches)))
    numbered = list(enumerate(functions))
    gc.collect()
    gc.disable()
    for step, (X, y) in enumerate(batches):
        for number, function in numbered:
            begin = time.process_time_ns()
            function(X, y)
            spent[number, step] = time.process_time_ns() - begin
        numbered.reverse()
    gc.enable()
    return spent[:, WARM_UP:]


def main():
    args = parse_args(__doc__, "overhead.md")
    use_one_thread()
    warnings.simplefilter("ignore")  # MLPClassifier.fit with few iterations says so
    shrink = 10 if args.quick else 1
    lines, met = [], []
    for name, base in BASES.items():
        for n_features in N_FEATURES:
            for size, n_steps in STEPS.items():
                found = measure(base, n_features, size, max(n_steps // shrink, 50))
                target = TARGETS[name][size]
                met += [] if target is None else [found["ratio"] <= target]
                met.append(found["predict"] <= PREDICT_TARGET)
                lines.append(_line(name, n_features, size, found, target))
    write_report(args.out, "What the wrapper adds to a step", [__doc__, *_tables(lines, met)])


def _line(name, n_features, size, found, target):
    return [
        name,
        n_features,
        size,
        f"{found['hand'] / 1000:.0f}",
        f"{found['ours'] / 1000:.0f}",
        f"{found['ratio']:.3f}",
        "" if target is None else f"{target} {verdict(found['ratio'] <= target)}",
        f"{found['mean_ratio']:.3f}",
        f"{found['copy']:.1%}",
        f"{found['predict']:.3f}",
        verdict(found["predict"] <= PREDICT_TARGET),
    ]


def _tables(lines, met):
    header = [
        *("base", "features", "rows", "by hand (us)", "wrapped (us)", "ratio of medians"),
        *("target", "ratio of means", "copy / wrapped", "predict, ratio", f"<= {PREDICT_TARGET}"),
    ]
    return [table(header, lines), f"{sum(met)} of {len(met)} targets are met."]


if __name__ == "__main__":
    main()
