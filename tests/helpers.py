"""Small streams, and parts and estimators that fail, wait or ring on command."""

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.naive_bayes import GaussianNB
from sklearn.utils.estimator_checks import estimator_checks_generator

from skretrain.drift import BaseTrigger, Signal
from skretrain.gates import BaseGate, Verdict
from skretrain.policies import BasePolicy, FullRefit


def state_of(retrainer):
    """Return what a retrainer has learned: the one way of the tests into its cycle."""
    return retrainer._cycle.state


class Clock:
    """A clock that stands still but where it is told to go on."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def as_typed(value):
    """Return the id of a test: as the value prints, but without addresses in memory."""
    text = str(value)
    return None if " at 0x" in text else text


def representatives(cases, fast, covering=None):
    """Return the cases of a matrix for ``parametrize``: all but those in `fast` are slow.

    One of each kind is enough for ``make test``; ``make test-all`` runs them all. A case that is a
    tuple stands for several arguments. If only some reach lines that the others do not, these are
    the ones in `covering`, and the others run without coverage, in half the time.
    """
    cases, fast = list(cases), list(fast)
    covering = fast if covering is None else list(covering)
    unknown = [case for case in [*fast, *covering] if case not in cases]
    if unknown:
        raise ValueError(f"{unknown} are not among the cases")
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)),
            marks=[
                *([] if case in fast else [pytest.mark.slow]),
                *([] if case in covering else [pytest.mark.no_cover]),
            ],
        )
        for case in cases
    ]


def stream(n=600, *, n_features=4, n_classes=2, drift=None, seed=0):
    """Return X, y of a stream with a linear concept that is turned round at row `drift`."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_features))
    signal = X[:, 0] + 0.5 * X[:, 1] + 0.1 * rng.normal(size=n)
    if drift is not None:
        signal[drift:] *= -1
    cuts = np.quantile(signal, np.arange(1, n_classes) / n_classes)
    return X, np.searchsorted(cuts, signal)


def batches(n, size, start=0):
    """Yield the slices that cut rows `start` to `n` into batches."""
    for first in range(start, n, size):
        yield slice(first, min(first + size, n))


def feed(model, X, y, size, start=0, stop=None):
    """Send rows through ``partial_fit`` in batches, and return the model."""
    for batch in batches(len(y) if stop is None else stop, size, start):
        model.partial_fit(X[batch], y[batch])
    return model


def outputs(model, X):
    """Return every numeric answer of a model, by method."""
    methods = ("predict", "predict_proba", "decision_function", "score_samples", "transform")
    return {m: getattr(model, m)(X) for m in methods if hasattr(model, m)}


def assert_same_outputs(one, other, X):
    """Two models answer bit for bit the same."""
    mine, theirs = outputs(one, X), outputs(other, X)
    assert mine.keys() == theirs.keys()
    for method, output in mine.items():
        np.testing.assert_array_equal(output, theirs[method], err_msg=method)


def fingerprint(model):
    """Return a hash of the state of a model, of all that its future depends on."""
    return joblib.hash(_plain(model, {}))


def _plain(value, seen):
    if isinstance(value, np.random.RandomState):  # its seed sequence decides nothing any more
        return value.get_state()
    if isinstance(value, list | tuple):
        return [_plain(item, seen) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item, seen) for key, item in value.items()}
    if isinstance(value, np.ndarray | type) or not hasattr(value, "__dict__"):
        return value
    if id(value) in seen:
        return seen[id(value)]
    seen[id(value)] = len(seen)
    return [type(value).__name__, _plain(vars(value), seen)]


def events(model, *fields):
    """Return the chosen fields of all notable events."""
    return [tuple(getattr(event, field) for field in fields) for event in model.events_]


class Rings(BaseTrigger):
    """Ring on the batches that contain the given rows; keep what it was shown and told.

    More than ScriptedDetector: the batches themselves, a choice of what it needs and locates, and
    the count of restarts, which are those of a trigger that does not override ``after_fit``.
    """

    def __init__(self, rows=(), since="row", needs=("loss",)):
        self.rows = rows
        self.since = since
        self.needs = needs

    def reset(self):
        self.n_resets_ = getattr(self, "n_resets_", 0) + 1
        self.seen_ = getattr(self, "seen_", [])
        self.fits_ = getattr(self, "fits_", [])
        return self

    def update(self, batch):
        self.seen_.append(batch)
        for row in self.rows:
            if batch.start <= row < batch.start + batch.n_rows:
                return Signal("drift", row if self.since == "row" else self.since)
        return Signal("stable")

    def after_fit(self, fit, reference, answered):
        self.fits_.append((fit, answered))
        super().after_fit(fit, reference, answered)


class RingsWhenWrong(BaseTrigger):
    """Alarm at each batch of which the model gets more than half wrong."""

    def reset(self):
        return self

    def update(self, batch):
        return Signal("drift", batch.start) if batch.loss.mean() > 0.5 else Signal("stable")


class TakesBack(BaseGate):
    """Promotes everything, and takes it back at the next batch."""

    watches = True

    def judge(self, trial):
        return Verdict("promote")

    def watch(self, trial):
        return Verdict("reject", "it is a test")


class WaitGate(BaseGate):
    """Wait for a number of batches, then decide; keeps every trial."""

    def __init__(self, n_batches=2, decision="promote"):
        self.n_batches = n_batches
        self.decision = decision

    def reset(self):
        self.n_judged_ = 0
        self.trials_ = getattr(self, "trials_", [])
        return self

    def judge(self, trial):
        self.trials_.append(trial)
        self.n_judged_ += 1
        if self.n_judged_ <= self.n_batches:
            return Verdict("wait")
        return Verdict(self.decision, "time is up", {"judged": self.n_judged_})


class FailingPolicy(BasePolicy):
    """Raise on the given calls, counted from 1; refit on all remembered rows on the others."""

    def __init__(self, failing_calls=(1,)):
        self.failing_calls = failing_calls

    def propose(self, context):
        self.n_calls_ = getattr(self, "n_calls_", 0) + 1
        if self.n_calls_ in self.failing_calls:
            raise RuntimeError(f"call {self.n_calls_} fails")
        return FullRefit("all").propose(context)


POISON = {"fit": 1e3, "partial_fit": 2e3, "predict": 3e3}


class PoisonedNB(GaussianNB):
    """Naive Bayes whose methods raise when a row has their poison in its first column."""

    def fit(self, X, y, sample_weight=None):
        _taste(X, "fit")
        return super().fit(X, y, sample_weight)

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        _taste(X, "partial_fit")
        return super().partial_fit(X, y, classes, sample_weight)

    def predict(self, X):
        _taste(X, "predict")
        return super().predict(X)


def _taste(X, method):
    if (np.asarray(X)[:, 0] == POISON[method]).any():
        raise RuntimeError(f"poison for {method}")


class Recorder(ClassifierMixin, BaseEstimator):
    """Predict the first class, and keep what ``fit`` and ``partial_fit`` were given."""

    def fit(self, X, y, sample_weight=None, customer=None):
        self.classes_ = np.unique(y)
        self.calls_ = []
        return self._record("fit", X, y, sample_weight, customer)

    def partial_fit(self, X, y, classes=None, sample_weight=None, customer=None):
        if not hasattr(self, "classes_"):
            self.classes_ = np.unique(y if classes is None else classes)
            self.calls_ = []
        return self._record("partial_fit", X, y, sample_weight, customer)

    def _record(self, method, X, y, sample_weight, customer):
        self.calls_ = [*self.calls_, (method, np.asarray(X), y, sample_weight, customer)]
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


# Checks that some bases fail, and so do retrainers that pass weights on to them.
FAILED_BY_BASES = {
    "check_sample_weight_equivalence_on_dense_data": "weights are drawn with, or count as steps",
    "check_sample_weight_equivalence_on_sparse_data": "weights are drawn with, or count as steps",
}


def failed_by(base):
    """Return the names of the checks in question that a base fails by itself."""
    failed = set()
    for estimator, check in estimator_checks_generator(base):
        if check.func.__name__ in FAILED_BY_BASES:
            try:
                check(estimator)
            except (AssertionError, ValueError):
                failed.add(check.func.__name__)
    return failed
