"""The methods of the peers benchmark: what others offer, loops as people write them, and ours.

A method has ``start(X, y, classes, seed)`` for the warm-up, ``learn(X, y)`` for a batch whose
labels have come, and ``predict(X)``. `classes` are 0, 1, ... or None for regression. What a library
needs is imported where it is used: a method whose library is missing is left out.
"""

import os
from collections import deque
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from shutil import which
from typing import NamedTuple

import numpy as np
from sklearn import ensemble, linear_model
from sklearn.dummy import DummyClassifier
from sklearn.kernel_approximation import RBFSampler
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skretrain
from skretrain.linear_model import RecursiveRidgeClassifier, RecursiveRidgeRegressor

BATCH = 100
REFIT_EVERY, WINDOW, HISTORY = 500, 2000, 10_000
WINDOW_TREES, TREES = 100, 30
MEMBERS, MANY_MEMBERS = 10, 100
FIRST_ROUNDS, MORE_ROUNDS, MAX_ROUNDS = 100, 10, 1000
JVM_ARGS = "-Xmx8g -Xss10M -XX:+UseSerialGC -XX:ActiveProcessorCount=1"
CADENCES = (500, 1000, 2000, 4000, 8000, 16_000)
WINDOWS = (1000, 3000, 10_000)
RATES, N_WAVES, AMPLITUDE, CUT = (0.99, 0.997, 0.999, 0.9999), 128, 4, 5


class NoChange:
    """The newest label known."""

    def start(self, X, y, classes, seed):
        self.learn(X, y)

    def learn(self, X, y):
        self.newest = y[-1]

    def predict(self, X):
        return np.full(len(X), self.newest)


# -- river: one row at a time, as dicts


class River:
    """A model of river, made by `make(n_classes, seed)`."""

    def __init__(self, make):
        self.make = make

    def start(self, X, y, classes, seed):
        self.model = self.make(0 if classes is None else len(classes), seed)
        self.nothing = 0 if classes is None else classes[0]
        self.learn(X, y)

    def learn(self, X, y):
        for x, label in zip(X.tolist(), y.tolist()):
            self.model.learn_one(dict(enumerate(x)), label)

    def predict(self, X):
        found = [self.model.predict_one(dict(enumerate(x))) for x in X.tolist()]
        return np.array([self.nothing if label is None else label for label in found])


def _river_hat(n_classes, seed):
    from river.tree import HoeffdingAdaptiveTreeClassifier

    return HoeffdingAdaptiveTreeClassifier(seed=seed)


def _river_arf(n_classes, seed):
    from river.forest import ARFClassifier

    return ARFClassifier(n_models=MEMBERS, seed=seed)


def _river_srp(n_classes, seed):
    from river.ensemble import SRPClassifier

    return SRPClassifier(n_models=MEMBERS, seed=seed)


def _river_leveraging(n_classes, seed):
    from river.ensemble import LeveragingBaggingClassifier
    from river.tree import HoeffdingTreeClassifier

    return LeveragingBaggingClassifier(HoeffdingTreeClassifier(), n_models=MEMBERS, seed=seed)


def _river_amf(n_classes, seed):
    from river.forest import AMFClassifier, AMFRegressor

    make = AMFClassifier if n_classes else AMFRegressor
    return make(n_estimators=MEMBERS, seed=seed)


def _river_retraining_tree(n_classes, seed):
    from river.drift import DriftRetrainingClassifier
    from river.tree import HoeffdingTreeClassifier

    return DriftRetrainingClassifier(HoeffdingTreeClassifier())


def _river_retraining_linear(n_classes, seed):
    from river import linear_model, multiclass, preprocessing
    from river.drift import DriftRetrainingClassifier

    model = linear_model.LogisticRegression()
    if n_classes > 2:
        model = multiclass.OneVsRestClassifier(model)
    return DriftRetrainingClassifier(preprocessing.StandardScaler() | model)


def _river_arf_regressor(n_classes, seed):
    from river.forest import ARFRegressor

    return ARFRegressor(n_models=MEMBERS, seed=seed)


# -- CapyMOA: one row at a time, in the JVM


class CapyMoa:
    """A learner of CapyMOA by its module, the name of its class and its options.

    A row is converted once: what was predicted waits for its label.
    """

    def __init__(self, module, name, **options):
        self.module, self.name, self.options = module, name, options

    def start(self, X, y, classes, seed):
        start_jvm()
        from capymoa.stream import Schema

        names = [f"x{column}" for column in range(X.shape[1])]
        categories = None if classes is None else {"y": [str(label) for label in classes]}
        self.schema = Schema.from_custom([*names, "y"], "y", categories)
        make = getattr(import_module(self.module), self.name)
        self.learner = make(schema=self.schema, random_seed=seed, **self.options)
        self.waiting = deque()
        self.learn(X, y)

    def learn(self, X, y):
        for x, label in zip(X, y.tolist()):
            instance = self.waiting.popleft() if self.waiting else self._instance(x)
            instance.java_instance.getData().setClassValue(label)
            self.learner.train(instance)

    def predict(self, X):
        instances = [self._instance(x) for x in X]
        self.waiting.extend(instances)
        found = [self.learner.predict(instance) for instance in instances]
        return np.array([0 if label is None else label for label in found])

    def _instance(self, x):
        from capymoa.core import Instance

        return Instance.from_array(self.schema, x)


def start_jvm():
    """Start the JVM with one thread for collecting garbage, believing in one processor."""
    os.environ.setdefault("CAPYMOA_JVM_ARGS", JVM_ARGS)
    import capymoa.classifier
    import capymoa.regressor  # noqa: F401  importing is what starts it


class Scaled:
    """A method whose features, and targets that are numbers, are standardised by the warm-up."""

    def __init__(self, method):
        self.method = method

    def start(self, X, y, classes, seed):
        self.scaler = StandardScaler().fit(X)
        self.numbers = classes is None
        self.mean, self.scale = (y.mean(), y.std()) if self.numbers else (0, 1)
        self.method.start(self.scaler.transform(X), self._scaled(y), classes, seed)

    def learn(self, X, y):
        self.method.learn(self.scaler.transform(X), self._scaled(y))

    def predict(self, X):
        return self.method.predict(self.scaler.transform(X)) * self.scale + self.mean

    def _scaled(self, y):
        return (y - self.mean) / self.scale if self.numbers else y


# -- Vowpal Wabbit: one row at a time, once


class Vowpal:
    """One against all for classes, squared loss for numbers; the other options as they are."""

    def start(self, X, y, classes, seed):
        from vowpalwabbit import Workspace

        self.first_label = 0 if classes is None else 1  # its classes are 1, 2, ...
        kind = "" if classes is None else f"--oaa {len(classes)}"
        self.model = Workspace(f"{kind} --random_seed {seed} --quiet")
        self.learn(X, y)

    def learn(self, X, y):
        for row, label in zip(self._written(X), (y + self.first_label).tolist()):
            self.model.learn(f"{label} {row}")

    def predict(self, X):
        found = [self.model.predict(row) for row in self._written(X)]
        return np.array(found) - self.first_label

    def _written(self, X):
        """Yield the rows as text; a feature that is zero is left out, as its format has it."""
        for x in X:
            columns = np.flatnonzero(x).tolist()
            yield "| " + " ".join(f"{c}:{v:.7g}" for c, v in zip(columns, x[columns].tolist()))


# -- loops in plain scikit-learn, LightGBM and XGBoost


def base_of(kind, regression, seed, n_trees=TREES):
    """Return a new estimator: "sgd", "lr" (Ridge for regression), "rf" or "hgb"."""
    if kind == "rf":
        make = ensemble.RandomForestRegressor if regression else ensemble.RandomForestClassifier
        return make(n_trees, random_state=seed)
    if kind == "hgb":
        name = "HistGradientBoosting" + ("Regressor" if regression else "Classifier")
        return getattr(ensemble, name)(random_state=seed)
    return make_pipeline(StandardScaler(), _linear(kind, regression, seed))


def _linear(kind, regression, seed):
    if kind == "sgd":
        make = linear_model.SGDRegressor if regression else linear_model.SGDClassifier
        return make(random_state=seed)
    return linear_model.Ridge() if regression else linear_model.LogisticRegression(max_iter=200)


def fitted(base, X, y, regression):
    """Return the base fitted; where there is one class only, what predicts that class."""
    if not regression and np.all(y == y[0]):
        base = DummyClassifier(strategy="most_frequent")
    return base.fit(X, y)


class Memory:
    """The newest rows, at least `max_rows` of them; they are put together when asked for."""

    def __init__(self, max_rows):
        self.max_rows, self.batches, self.n_rows = max_rows, deque(), 0

    def add(self, X, y):
        self.batches.append((X, y))
        self.n_rows += len(y)
        while self.n_rows - len(self.batches[0][1]) >= self.max_rows:
            self.n_rows -= len(self.batches.popleft()[1])

    def newest(self, n_rows):
        X, y = (np.concatenate(part) for part in zip(*self.batches))
        return X[-n_rows:], y[-n_rows:]


class SgdLoop:
    """StandardScaler and SGD, ``partial_fit`` of both with every batch."""

    def start(self, X, y, classes, seed):
        self.classes = None if classes is None else {"classes": classes}
        self.scaler, self.model = StandardScaler(), _linear("sgd", classes is None, seed)
        for first in range(0, len(y), BATCH):
            self.learn(X[first : first + BATCH], y[first : first + BATCH])

    def learn(self, X, y):
        X = self.scaler.partial_fit(X).transform(X)
        self.model.partial_fit(X, y, **(self.classes or {}))

    def predict(self, X):
        return self.model.predict(self.scaler.transform(X))


class Refit:
    """A new model on the last `window` rows every 500 rows; never again if `window` is None."""

    def __init__(self, kind, window, n_trees=TREES):
        self.kind, self.window, self.n_trees = kind, window, n_trees

    def start(self, X, y, classes, seed):
        self.regression, self.seed = classes is None, seed
        self.memory, self.n_learned = Memory(self.window or 0), 0
        self.model = self._fitted(X, y)
        if self.window:
            self.memory.add(X, y)

    def learn(self, X, y):
        if self.window is None:
            return
        self.memory.add(X, y)
        before, self.n_learned = self.n_learned, self.n_learned + len(y)
        if self.n_learned // REFIT_EVERY > before // REFIT_EVERY:
            self.model = self._fitted(*self.memory.newest(self.window))

    def predict(self, X):
        return self.model.predict(X)

    def _fitted(self, X, y):
        base = base_of(self.kind, self.regression, self.seed, self.n_trees)
        return fitted(base, X, y, self.regression)


class AdwinRefit:
    """The recipe by hand: ADWIN on the errors, a refit on the rows of its window when it rings."""

    def start(self, X, y, classes, seed):
        from river.drift import ADWIN

        self.regression, self.seed = classes is None, seed
        self.detector, self.memory = ADWIN(), Memory(HISTORY)
        self.memory.add(X, y)
        self.model = fitted(base_of("lr", self.regression, seed), X, y, self.regression)
        self.scale = np.abs(y - y.mean()).mean() if self.regression else 1
        self.predicted = deque()

    def learn(self, X, y):
        self.memory.add(X, y)
        predicted = self.predicted.popleft()
        errors = np.abs(y - predicted) / self.scale if self.regression else predicted != y
        rang = False
        for error in errors.tolist():
            self.detector.update(error)
            rang |= self.detector.drift_detected
        if rang:
            rows = self.memory.newest(max(int(self.detector.width), BATCH))
            self.model = fitted(base_of("lr", self.regression, self.seed), *rows, self.regression)

    def predict(self, X):
        found = self.model.predict(X)
        self.predicted.append(found)
        return found


class Boosted:
    """A booster that grows with every batch; at the cap it starts anew on the last 2,000 rows."""

    def start(self, X, y, classes, seed):
        self.n_classes, self.seed = 0 if classes is None else len(classes), seed
        self.memory, self.model = Memory(WINDOW), None
        self.memory.add(X, y)
        self._train(X, y, FIRST_ROUNDS)

    def learn(self, X, y):
        self.memory.add(X, y)
        if self.n_rounds + MORE_ROUNDS > MAX_ROUNDS:
            self.model = None
            self._train(*self.memory.newest(WINDOW), FIRST_ROUNDS)
        else:
            self._train(X, y, MORE_ROUNDS)

    def _train(self, X, y, rounds):
        self.n_rounds = rounds if self.model is None else self.n_rounds + rounds
        self.model = self._continued(X, y, rounds)

    def predict(self, X):
        found = self._output(X)
        if self.n_classes == 0:
            return found
        return found.argmax(axis=1) if found.ndim == 2 else (found > 0.5).astype(int)


class LightGbm(Boosted):
    def _continued(self, X, y, rounds):
        import lightgbm

        params = {"num_threads": 1, "verbose": -1, "seed": self.seed, "objective": "regression"}
        if self.n_classes:
            params["objective"] = "multiclass" if self.n_classes > 2 else "binary"
        if self.n_classes > 2:
            params["num_class"] = self.n_classes
        data = lightgbm.Dataset(X, y)
        return lightgbm.train(params, data, rounds, init_model=self.model)

    def _output(self, X):
        return self.model.predict(X, num_threads=1)


class XgBoost(Boosted):
    def _continued(self, X, y, rounds):
        import xgboost

        params = {"nthread": 1, "verbosity": 0, "seed": self.seed, "objective": "reg:squarederror"}
        if self.n_classes:
            params["objective"] = "multi:softprob" if self.n_classes > 2 else "binary:logistic"
        if self.n_classes > 2:
            params["num_class"] = self.n_classes
        data = xgboost.DMatrix(X, y, nthread=1)
        return xgboost.train(params, data, rounds, xgb_model=self.model)

    def _output(self, X):
        import xgboost

        return self.model.predict(xgboost.DMatrix(X, nthread=1))


class Periodic:
    """All cadences and windows of periodic refits of a base at once; the driver runs it apart."""

    def __init__(self, kind):
        self.kind = kind

    def fitted(self, X, y, regression, seed):
        return fitted(base_of(self.kind, regression, seed), X, y, regression)


# -- ours


class Ours:
    """An estimator of this library, made by `make(regression, seed)`."""

    def __init__(self, make):
        self.make = make

    def start(self, X, y, classes, seed):
        self.model = self.make(classes is None, seed).fit(X, y)

    def learn(self, X, y):
        self.model.partial_fit(X, y)

    def predict(self, X):
        return self.model.predict(X)


class Kernel:
    """Recursive ridge on the features and on random ones, all scaled once, by the warm-up.

    Features are made once: those of what was predicted wait for the labels.
    """

    def start(self, X, y, classes, seed):
        make = RecursiveRidgeRegressor if classes is None else RecursiveRidgeClassifier
        self.scaler = StandardScaler().fit(X)
        waves = RBFSampler(gamma=1 / (2 * X.shape[1]), n_components=N_WAVES, random_state=seed)
        self.waves = waves.fit(X)
        self.model = make(forgetting=RATES).fit(self._features(X), y)
        self.waiting = deque()

    def learn(self, X, y):
        self.model.partial_fit(self.waiting.popleft(), y)

    def predict(self, X):
        self.waiting.append(self._features(X))
        return self.model.predict(self.waiting[-1])

    def _features(self, X):
        X = np.clip(self.scaler.transform(X), -CUT, CUT)
        return np.hstack([X, AMPLITUDE * self.waves.transform(X)])


def _drift_aware(kind, regression, seed):
    base = base_of(kind, regression, None)
    return skretrain.DriftAwareRetrainer(base, random_state=seed)


def _mixture(kind, regression, seed, budget=None):
    base = None if kind is None else base_of(kind, regression, None)
    task = "regression" if regression else "classification"
    return skretrain.make_mixture(base, task=task, budget=budget, random_state=seed)


# -- the table of all of them


class Entry(NamedTuple):
    """How a method is made, and how it is run.

    `size` is how many models a learner of single rows grows side by side; trees of a forest that is
    fitted anew are not counted.
    """

    make: Callable
    family: str
    label: str
    tasks: tuple = ("classification", "regression")
    n_seeds: int = 1
    per_row: bool = False
    size: int = 1


CLASSES, NUMBERS = ("classification",), ("regression",)
BASE_NAMES = {
    "sgd": "SGD",
    "lr": "LogisticRegression",
    "rf": f"RandomForest({TREES})",
    "hgb": "HistGradientBoosting",
}
# What makes it, its name and its number of members.
RIVER = {
    "hat": (_river_hat, "HAT", 1),
    "arf": (_river_arf, "ARF", MEMBERS),
    "srp": (_river_srp, "SRP", MEMBERS),
    "leveraging": (_river_leveraging, "LeveragingBagging", MEMBERS),
    "driftretraining_ht": (_river_retraining_tree, "DriftRetraining, HoeffdingTree", 1),
    "driftretraining_lr": (_river_retraining_linear, "DriftRetraining, LogisticRegression", 1),
}
# The class, its name here, its number of members and of seeds.
CAPYMOA = {
    "arf": ("AdaptiveRandomForestClassifier", "ARF", MEMBERS, 3),
    "srp": ("StreamingRandomPatches", "SRP", MEMBERS, 3),
    "leveraging": ("LeveragingBagging", "LeveragingBagging", MEMBERS, 3),
    "hat": ("HoeffdingAdaptiveTree", "HAT", 1, 3),
    "arf_100": ("AdaptiveRandomForestClassifier", "ARF", MANY_MEMBERS, 1),
    "srp_100": ("StreamingRandomPatches", "SRP", MANY_MEMBERS, 1),
    "sgbt": ("StreamingGradientBoostedTrees", "SGBT", MANY_MEMBERS, 1),
}
CAPYMOA_REGRESSION = {
    "arf_reg": ("AdaptiveRandomForestRegressor", "ARF-Reg"),
    "soknl": ("SOKNL", "SOKNL"),
}


def _ours():
    yield "R", Entry(Kernel, "ours", "R, recursive ridge", n_seeds=3)
    for kind, name in BASE_NAMES.items():
        make = partial(Ours, partial(_drift_aware, kind))
        yield f"A_{kind}", Entry(make, "ours", f"A, {name}")
    for kind, name in list(BASE_NAMES.items())[1:]:
        make = partial(Ours, partial(_mixture, kind))
        yield f"B_{kind}", Entry(make, "mixture", f"B, {name}")


def _capymoa():
    for key, (name, label, size, seeds) in CAPYMOA.items():
        make = _capymoa_of("classifier", name, size)
        label = f"CapyMOA {_sized(label, size)}"
        yield f"capymoa_{key}", Entry(make, "capymoa", label, CLASSES, seeds, True, size)
    # Neighbours are near by the scale of the features, so it is there with and without scaling.
    make = _capymoa_of("classifier", "SAMkNN")
    yield (
        "capymoa_samknn",
        Entry(partial(_scaled, make), "capymoa", "CapyMOA SAMkNN", CLASSES, 1, True),
    )
    yield "capymoa_samknn_raw", Entry(make, "capymoa", "CapyMOA SAMkNN, unscaled", CLASSES, 1, True)
    for key, (name, label) in CAPYMOA_REGRESSION.items():
        make = partial(_scaled, _capymoa_of("regressor", name, MEMBERS))
        label = f"CapyMOA {_sized(label, MEMBERS)}"
        yield f"capymoa_{key}", Entry(make, "capymoa", label, NUMBERS, 3, True, MEMBERS)
    # Scaling helps it on one stream and hurts it on the other, so both are there.
    make, label = _capymoa_of("regressor", "SOKNL", MEMBERS), "CapyMOA SOKNL(10), unscaled"
    yield "capymoa_soknl_raw", Entry(make, "capymoa", label, NUMBERS, 3, True, MEMBERS)


def _capymoa_of(module, name, size=1):
    sizes = {"StreamingGradientBoostedTrees": "boosting_iterations"}
    options = {sizes.get(name, "ensemble_size"): size} if size > 1 else {}
    return partial(CapyMoa, f"capymoa.{module}", name, **options)


def _sized(label, size):
    return label if size == 1 else f"{label}({size})"


def _river():
    for key, (make, label, size) in RIVER.items():
        label = f"river {_sized(label, size)}"
        make = partial(River, make)
        yield f"river_{key}", Entry(make, "river", label, CLASSES, 1, True, size)
    make, label = partial(_scaled, partial(River, _river_arf_regressor)), "river ARF-Reg(10)"
    yield "river_arf_reg", Entry(make, "river", label, NUMBERS, 1, True, MEMBERS)
    # Its trees split a feature as often as its range is wide, which asks for features of a scale.
    make, label = partial(_scaled, partial(River, _river_amf)), "river AMF(10)"
    yield "river_amf", Entry(make, "river", label, n_seeds=1, per_row=True, size=MEMBERS)


def _scaled(make):
    return Scaled(make())


def _loops():
    yield "sgd", Entry(SgdLoop, "sgd", "SGD partial_fit loop", n_seeds=5)
    for kind, name in list(BASE_NAMES.items())[1:]:
        trees, seeds = (WINDOW_TREES, 3) if kind == "rf" else (TREES, 1)
        name = name.replace(str(TREES), "{}")
        make = partial(Refit, kind, WINDOW, trees)
        yield f"window_{kind}", Entry(make, "refit", f"window, {name.format(trees)}", n_seeds=seeds)
        for key, window in (("all", HISTORY), ("never", None)):
            make = partial(Refit, kind, window)
            label = f"{key}, {name.format(TREES)}"
            yield f"{key}_{kind}", Entry(make, "refit", label)
    yield "adwin_refit", Entry(AdwinRefit, "refit", "ADWIN by hand, LogisticRegression")
    yield "lgbm_continued", Entry(LightGbm, "lightgbm", "LightGBM continued")
    yield "xgb_continued", Entry(XgBoost, "xgboost", "XGBoost continued")
    # It scales features by itself as it goes, and is sometimes better and sometimes worse for ours.
    make = partial(_scaled, Vowpal)
    yield "vw", Entry(make, "vowpalwabbit", "Vowpal Wabbit", per_row=True)
    label = "Vowpal Wabbit, unscaled"
    yield "vw_raw", Entry(Vowpal, "vowpalwabbit", label, CLASSES, per_row=True)
    yield "no_change", Entry(NoChange, "no change", "no change", per_row=True)


def _periodic():
    for kind, name in list(BASE_NAMES.items())[1:]:
        yield f"periodic_{kind}", Entry(partial(Periodic, kind), "periodic", f"periodic, {name}")


B0 = Entry(partial(Ours, partial(_mixture, None)), "mixture", "B0, default mixture", n_seeds=5)
THRIFTY = Entry(partial(Ours, partial(_mixture, None, budget=0.7)), "budget", "B0, budget=0.7")
METHODS = {
    "B0": B0,
    "B0_thrifty": THRIFTY,
    **dict(_loops()),
    **dict(_ours()),
    **dict(_capymoa()),
    **dict(_river()),
    **dict(_periodic()),
}


def missing(key):
    """Return why a method cannot be run here, or None."""
    family = METHODS[key].family
    if family == "mixture" and not hasattr(skretrain, "make_mixture"):
        return "skretrain has no make_mixture"
    if family == "capymoa" and which("java") is None and "JAVA_HOME" not in os.environ:
        return "Java is not installed"
    if family in ("capymoa", "lightgbm", "vowpalwabbit", "xgboost") and find_spec(family) is None:
        return f"{family} is not installed"
    return None
