"""Every classifier and regressor, under every policy, on small streams that drift.

`ENTRIES` holds the estimators. `run` sends one of them through a stream under one policy, asserts
all that must hold, and returns a `Cell` that says how the model was kept up to date.
"""

import json
import logging
import pickle
import re
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial, wraps
from itertools import product
from typing import NamedTuple
from unittest import mock

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import all_estimators

from skretrain import DriftAwareRetrainer
from skretrain.compose._structure import predictor_of
from skretrain.compose.adapters._registry import adapter_of
from skretrain.exceptions import ClassesGrewWarning
from skretrain.linear_model import RecursiveRidgeClassifier, RecursiveRidgeRegressor
from skretrain.policies import WarmStart
from skretrain.utils._containers import n_rows
from skretrain.utils.estimator_checks import ScriptedDetector

N_FIRST, SIZE, DRIFT, N_ROWS, N_TEST = 120, 60, 180, 600, 240

POLICIES = ("full_refit", "warm_start", "replay_mix")
CLASS_CHANGES = ("same classes", "fewer classes", "new class")
TARGET_CHANGES = ("same range", "shifted")

# -- streams ---------------------------------------------------------------------------------------


class Stream(NamedTuple):
    """Rows in time order, the first `N_FIRST` for the first fit, and rows of the last concept."""

    X: object
    y: np.ndarray
    X_test: object
    y_test: np.ndarray
    labels: np.ndarray | None  # all there are in the end, sorted


# The classes that each batch shows where some are missing, by the number of classes.
_SHOWN = {
    2: ((0,), (1,), (0,), (0, 1), (1,), (0,), (1,), (0, 1)),
    3: ((0, 1), (2,), (0, 1), (1, 2), (0,), (1, 2), (0, 1), (0, 2)),
}


def class_stream(change, labels):
    """Return rows around one centre per class; at the drift the centres move to other columns.

    A model of the old concept is left with chance, while a mix of both can be learned.
    """
    rng = np.random.default_rng(0)
    labels = np.asarray(labels)
    codes = rng.integers(len(labels), size=N_ROWS + N_TEST)
    if change == "new class":
        # In between, but for those who count: their labels have to be 0, 1, ... at any time.
        known = [0, 2] if labels.dtype.kind == "U" else [0, 1]
        codes[:N_FIRST] = rng.choice(known, size=N_FIRST)
    if change == "fewer classes":
        for number, shown in enumerate(_SHOWN[len(labels)]):
            batch = slice(N_FIRST + number * SIZE, N_FIRST + (number + 1) * SIZE)
            codes[batch] = rng.choice(shown, size=SIZE)
    angle = 2 * np.pi * codes / len(labels)
    centres = 2.5 * np.column_stack([np.cos(angle), np.sin(angle)])
    X = rng.normal(size=(len(codes), 4))
    X[:DRIFT, :2] += centres[:DRIFT]
    X[DRIFT:, 2:] += centres[DRIFT:]
    return _cut(X, labels[codes], labels)


def target_stream(change):
    """Return rows whose target depends on one column, and on another one after the drift."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_ROWS + N_TEST, 4))
    y = 2 * X[:, 0] + 0.2 * rng.normal(size=len(X))
    y[DRIFT:] += 2 * (X[DRIFT:, 1] - X[DRIFT:, 0])
    if change == "shifted":
        y[DRIFT:] += 6
    return _cut(X, y, None)


def _cut(X, y, labels):
    return Stream(X[:N_ROWS], y[:N_ROWS], X[N_ROWS:], y[N_ROWS:], labels)


def _frame(X):
    return pd.DataFrame(X, columns=[f"f{column}" for column in range(X.shape[1])])


def _positive(X):
    return _frame(np.column_stack([np.maximum(X, 0), np.maximum(-X, 0)]))


def _categories(X):
    return _frame(np.digitize(X, [-2.0, -0.5, 0.5, 2.0]))


def _one_column(X):
    return _frame(X[:, :1] + X[:, 1:2])


def _float32(X):
    return X.astype(np.float32)


def _with_words(X):
    frame = _frame(X)
    return frame.assign(f0=np.where(X[:, 0] > 1, "high", np.where(X[:, 0] < -1, "low", "mean")))


def _positive_target(y):
    return np.exp(0.4 * y)


def _two_targets(y):
    return np.column_stack([y, 0.5 * y + np.random.default_rng(1).normal(size=len(y))])


def _two_labels(y):
    """Return two outputs: the label, and whether it is the first one."""
    return np.column_stack([y, np.where(y == "ash", "yes", "no")])


def _indicators(y):
    """Return one output of 0 and 1 per label."""
    return (y[:, None] == np.arange(3)).astype(int)


# -- estimators ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """One row of the matrix."""

    name: str
    section: str
    make: Callable
    of_X: Callable = _frame  # what becomes of the rows
    of_y: Callable | None = None
    labels: tuple = ("ash", "birch", "cedar")
    is_binary: bool = False
    warns: dict = field(default_factory=dict)  # message to ignore, as a pattern: the reason
    hopeless: str = ""  # why it is not expected to be better than chance
    dated: bool = False  # whether pickles say when they were made

    @property
    def changes(self):
        if "outputs" in self.section:
            return ("same classes",) if self.is_classifier else ("same range",)
        return CLASS_CHANGES if self.is_classifier else TARGET_CHANGES

    @property
    def is_classifier(self):
        return "classifier" in self.section

    def stream(self, change):
        if not self.is_classifier:
            stream = target_stream(change)
        elif self.is_binary and change != "new class":
            stream = class_stream(change, self.labels[::2])
        else:
            stream = class_stream(change, self.labels)
        X, y, X_test, y_test, labels = stream
        if self.of_y is not None:
            y, y_test = self.of_y(y), self.of_y(y_test)
        return Stream(self.of_X(X), y, self.of_X(X_test), y_test, labels)


_INTS = (0, 1, 2)
_FEW = {"n_estimators": 10}
_RATES = (0.98, 0.999)


def _linear():
    return LogisticRegression()


def _sgd():
    return SGDClassifier(random_state=0)


def _sgd_regressor():
    return SGDRegressor(learning_rate="constant", random_state=0)


def _members(*, regressors):
    if regressors:
        return [("tree", DecisionTreeRegressor(max_depth=4)), ("linear", Ridge())]
    return [("tree", DecisionTreeClassifier(max_depth=4)), ("linear", LogisticRegression())]


def _nearness(distances):
    return [np.exp(-(of_row**2)) for of_row in distances]


def _gaussian_process():
    return {"kernel": RBF(2.0) + WhiteKernel(0.1), "optimizer": None}


def _perceptron():
    rate = {"learning_rate_init": 0.02, "batch_size": 10}
    return {"hidden_layer_sizes": (16,), "max_iter": 50, "tol": 0.01, **rate}


# Parameters where the defaults are not to be used: to be quick, and where an argument is required.
_PARAMS = {
    "AdaBoostClassifier": lambda: {"estimator": DecisionTreeClassifier(max_depth=2), **_FEW},
    "AdaBoostRegressor": lambda: _FEW,
    "BaggingClassifier": lambda: _FEW,
    "BaggingRegressor": lambda: _FEW,
    "CCA": lambda: {"n_components": 1},
    "CalibratedClassifierCV": lambda: {"estimator": _linear()},
    "CategoricalNB": lambda: {"min_categories": 5},
    "ClassifierChain": lambda: {"estimator": _linear()},
    "ElasticNet": lambda: {"alpha": 0.1},
    "ExtraTreesClassifier": lambda: _FEW,
    "ExtraTreesRegressor": lambda: _FEW,
    "FixedThresholdClassifier": lambda: {"estimator": _linear()},
    "GaussianProcessClassifier": _gaussian_process,
    "GaussianProcessRegressor": _gaussian_process,
    "GradientBoostingClassifier": lambda: {**_FEW, "learning_rate": 0.3},
    "GradientBoostingRegressor": lambda: {**_FEW, "learning_rate": 0.3},
    "HistGradientBoostingClassifier": lambda: {"max_iter": 10, "learning_rate": 0.3},
    "HistGradientBoostingRegressor": lambda: {"max_iter": 10, "learning_rate": 0.3},
    "Lasso": lambda: {"alpha": 0.1},
    "LassoLars": lambda: {"alpha": 0.01},
    "IsotonicRegression": lambda: {"out_of_bounds": "clip"},
    "KernelRidge": lambda: {"kernel": "rbf"},
    "LinearSVR": lambda: {"max_iter": 10_000},
    "LogisticRegressionCV": lambda: {"Cs": 2, "cv": 2},
    "MLPClassifier": _perceptron,
    "MLPRegressor": _perceptron,
    "MultiOutputClassifier": lambda: {"estimator": _sgd()},
    "MultiOutputRegressor": lambda: {"estimator": _sgd_regressor()},
    "MultiTaskElasticNet": lambda: {"alpha": 0.1},
    "MultiTaskLasso": lambda: {"alpha": 0.1},
    "NuSVC": lambda: {"nu": 0.05},  # classes of 60 and 3 rows allow no more
    "OneVsOneClassifier": lambda: {"estimator": _sgd()},
    "OneVsRestClassifier": lambda: {"estimator": _sgd()},
    "OutputCodeClassifier": lambda: {"estimator": _linear(), "code_size": 3},
    "PLSCanonical": lambda: {"n_components": 1},
    "PLSRegression": lambda: {"n_components": 2},
    "PassiveAggressiveRegressor": lambda: {"C": 0.05},
    "QuantileRegressor": lambda: {"alpha": 0.01},
    "RadiusNeighborsClassifier": lambda: {"radius": 3.0, "outlier_label": "most_frequent"},
    "RadiusNeighborsRegressor": lambda: {"radius": 6.0, "weights": _nearness},
    "RandomForestClassifier": lambda: _FEW,
    "RandomForestRegressor": lambda: _FEW,
    "RegressorChain": lambda: {"estimator": Ridge()},
    "SelfTrainingClassifier": lambda: {"estimator": _linear()},
    "SGDRegressor": lambda: {"learning_rate": "constant"},
    "StackingClassifier": lambda: {"estimators": _members(regressors=False), "cv": 2},
    "StackingRegressor": lambda: {"estimators": _members(regressors=True), "cv": 2},
    "TheilSenRegressor": lambda: {"max_subpopulation": 100},
    "TransformedTargetRegressor": lambda: {
        "regressor": _sgd_regressor(),
        "transformer": StandardScaler(),
    },
    "TunedThresholdClassifierCV": lambda: {"estimator": _linear(), "cv": 2, "thresholds": 5},
    "TweedieRegressor": lambda: {"power": 0, "alpha": 0.1},
    "VotingClassifier": lambda: {"estimators": _members(regressors=False)},
    "VotingRegressor": lambda: {"estimators": _members(regressors=True)},
}

_ANNOUNCED = "scikit-learn has announced a change"

# What is special about the data of an estimator, or about what it says.
_SPECIAL = {
    "CCA": {"of_y": _two_targets},
    "CategoricalNB": {"of_X": _categories},
    "ClassifierChain": {
        "section": "classifier of several outputs",
        "labels": _INTS,
        "of_y": _indicators,
    },
    "ComplementNB": {"of_X": _positive},
    "DummyClassifier": {"hopeless": "it does not look at the rows"},
    "DummyRegressor": {"hopeless": "it does not look at the rows"},
    "FixedThresholdClassifier": {"is_binary": True},
    "GammaRegressor": {"of_y": _positive_target},
    "IsotonicRegression": {"of_X": _one_column},
    "LabelPropagation": {"labels": _INTS},
    "LabelSpreading": {"labels": _INTS},
    "LogisticRegressionCV": {"warns": {"The default|The fitted attributes": _ANNOUNCED}},
    "MultiOutputClassifier": {"section": "classifier of several outputs", "of_y": _two_labels},
    "MultiOutputRegressor": {"section": "regressor of several outputs", "of_y": _two_targets},
    "MultiTaskElasticNet": {"section": "regressor of several outputs", "of_y": _two_targets},
    "MultiTaskElasticNetCV": {"section": "regressor of several outputs", "of_y": _two_targets},
    "MultiTaskLasso": {"section": "regressor of several outputs", "of_y": _two_targets},
    "MultiTaskLassoCV": {"section": "regressor of several outputs", "of_y": _two_targets},
    "MultinomialNB": {"of_X": _positive},
    "PLSCanonical": {"of_y": _two_targets},
    "PassiveAggressiveClassifier": {"warns": {"Class PassiveAggressive": _ANNOUNCED}},
    "PassiveAggressiveRegressor": {"warns": {"Class PassiveAggressive": _ANNOUNCED}},
    "PoissonRegressor": {"of_y": _positive_target},
    "RegressorChain": {"section": "regressor of several outputs", "of_y": _two_targets},
    "SelfTrainingClassifier": {
        "labels": _INTS,
        "warns": {"y contains no unlabeled samples": "all rows have their labels"},
    },
    "TunedThresholdClassifierCV": {"is_binary": True},
}

# Estimators of scikit-learn that are left out, and why.
EXCLUDED = {}


def _made(cls, params):
    return cls(**params())


def _of_scikit_learn(kind):
    for name, cls in all_estimators(type_filter=kind):
        if name not in EXCLUDED:
            make = partial(_made, cls, _PARAMS.get(name, dict))
            yield Entry(**{"name": name, "section": kind, "make": make, **_SPECIAL.get(name, {})})


# The libraries below are imported when they are used, each takes seconds.


def _lightgbm(name):
    import lightgbm

    return getattr(lightgbm, name)(
        n_estimators=10, learning_rate=0.3, min_child_samples=5, verbose=-1, n_jobs=1
    )


def _xgboost(name):
    import xgboost

    return getattr(xgboost, name)(n_estimators=10, n_jobs=1)


def _catboost(name):
    import catboost

    return getattr(catboost, name)(
        iterations=10, depth=3, verbose=False, allow_writing_files=False, thread_count=1
    )


def _river_classifier():
    from river import compat, linear_model, multiclass

    model = multiclass.OneVsRestClassifier(linear_model.LogisticRegression())
    return compat.River2SKLClassifier(model)


def _river_binary():
    from river import compat, linear_model

    return compat.River2SKLClassifier(linear_model.LogisticRegression())


def _river_regressor():
    from river import compat, linear_model, optim

    return compat.River2SKLRegressor(linear_model.LinearRegression(optim.SGD(0.05)))


def _net(kind, n_outputs, **params):
    import skorch
    import torch

    torch.manual_seed(0)
    flat = [torch.nn.Flatten(0)] if n_outputs == 1 else []
    return getattr(skorch, kind)(
        # Flat answers for flat targets: torch would broadcast a column.
        torch.nn.Sequential(torch.nn.Linear(4, n_outputs), *flat),
        optimizer=torch.optim.Adam,
        lr=0.05,
        max_epochs=20,
        train_split=None,
        verbose=0,
        **params,
    )


def _net_classifier():
    import torch

    return _net("NeuralNetClassifier", 3, criterion=torch.nn.CrossEntropyLoss)


def _net_regressor():
    return _net("NeuralNetRegressor", 1)


def _keras(name):
    import keras

    keras.utils.set_random_seed(0)
    fit_kwargs = {"epochs": 10, "verbose": 0}
    return getattr(keras.wrappers, name)(_softmax_or_line, fit_kwargs=fit_kwargs)


def _softmax_or_line(X, y):
    import keras

    n_outputs = y.shape[1]
    activation, loss = ("softmax", "categorical_crossentropy") if n_outputs > 1 else (None, "mse")
    layers = [keras.layers.Input((4,)), keras.layers.Dense(n_outputs, activation=activation)]
    net = keras.Sequential(layers)
    net.compile(loss=loss, optimizer=keras.optimizers.Adam(0.1))
    return net


def _pipeline_with_words():
    numbers, words = ["f1", "f2", "f3"], ["f0"]
    encode = OneHotEncoder(handle_unknown="ignore")
    columns = ColumnTransformer([("number", StandardScaler(), numbers), ("word", encode, words)])
    return make_pipeline(columns, _linear())


def _pipeline_with_waves():
    waves = RBFSampler(gamma=0.05, n_components=50, random_state=0)
    return make_pipeline(StandardScaler(), waves, RecursiveRidgeClassifier(forgetting=_RATES))


def _others():
    for kind in (RecursiveRidgeClassifier, RecursiveRidgeRegressor):
        name = kind.__name__
        yield Entry(name, _section(name), lambda kind=kind: kind(forgetting=_RATES))
    for name in ("LGBMClassifier", "LGBMRegressor"):
        yield Entry(name, _section(name), lambda name=name: _lightgbm(name))
    yield Entry("XGBClassifier", "classifier", lambda: _xgboost("XGBClassifier"))
    yield Entry("XGBRegressor", "regressor", lambda: _xgboost("XGBRegressor"))
    for name in ("CatBoostClassifier", "CatBoostRegressor"):
        yield Entry(name, _section(name), lambda name=name: _catboost(name))
    yield Entry("River2SKLClassifier", "classifier", _river_classifier)
    yield Entry("River2SKLClassifier, binary", "classifier", _river_binary, is_binary=True)
    yield Entry("River2SKLRegressor", "regressor", _river_regressor)
    yield Entry("NeuralNetClassifier", "classifier", _net_classifier, of_X=_float32, labels=_INTS)
    yield Entry("NeuralNetRegressor", "regressor", _net_regressor, of_X=_float32, of_y=_float32)
    warns = {"__array__ implementation": "Keras 3.15 and NumPy 2: parameters of torch take no copy"}
    for name in ("SKLearnClassifier", "SKLearnRegressor"):
        make = partial(_keras, name)
        yield Entry(f"{name}, Keras", _section(name), make, warns=warns, dated=True)
    yield Entry(
        "GridSearchCV(SGDClassifier)",
        "classifier",
        lambda: GridSearchCV(_sgd(), {"alpha": [1e-4, 1e-2]}, cv=2),
    )
    yield Entry(
        "GridSearchCV(Ridge)",
        "regressor",
        lambda: GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2),
    )
    yield Entry(
        "Pipeline(StandardScaler, SGDClassifier)",
        "classifier",
        lambda: make_pipeline(StandardScaler(), _sgd()),
    )
    yield Entry(
        "Pipeline(ColumnTransformer, LogisticRegression)",
        "classifier",
        _pipeline_with_words,
        of_X=_with_words,
    )
    yield Entry(
        "Pipeline(StandardScaler, RBFSampler, RecursiveRidgeClassifier)",
        "classifier",
        _pipeline_with_waves,
    )
    yield Entry(
        "Pipeline(StandardScaler, SGDRegressor)",
        "regressor",
        lambda: make_pipeline(StandardScaler(), _sgd_regressor()),
    )


def _section(name):
    return "classifier" if name.endswith("Classifier") else "regressor"


def _several_outputs():
    """Yield bases for multilabel targets (one column of 0 and 1 per label), and for two outputs."""
    section = "classifier of several outputs"
    for make in (
        lambda: RandomForestClassifier(10),
        lambda: ExtraTreesClassifier(10),
        lambda: DecisionTreeClassifier(),
        lambda: KNeighborsClassifier(),
    ):
        name = type(make()).__name__
        yield Entry(f"{name}, 2 outputs", section, make, of_y=_two_labels)
        yield Entry(f"{name}, multilabel", section, make, of_y=_indicators, labels=_INTS)
    for make in (
        lambda: MLPClassifier(**_perceptron()),
        lambda: MultiOutputClassifier(_sgd()),
        lambda: make_pipeline(StandardScaler(), MLPClassifier(**_perceptron())),
    ):
        name = "Pipeline(StandardScaler, MLPClassifier)"
        name = type(make()).__name__ if not hasattr(make(), "steps") else name
        yield Entry(f"{name}, multilabel", section, make, of_y=_indicators, labels=_INTS)
    section = "regressor of several outputs"
    for make in (
        lambda: RandomForestRegressor(10),
        lambda: MLPRegressor(**_perceptron()),
        lambda: Ridge(),
        lambda: RecursiveRidgeRegressor(forgetting=_RATES),
        lambda: TransformedTargetRegressor(
            MLPRegressor(**_perceptron()), transformer=StandardScaler()
        ),
    ):
        yield Entry(f"{type(make()).__name__}, 2 targets", section, make, of_y=_two_targets)


def _by_section():
    entries = [
        *_of_scikit_learn("classifier"),
        *_of_scikit_learn("regressor"),
        *_others(),
        *_several_outputs(),
    ]
    sections = {}
    for entry in entries:
        sections.setdefault(entry.section, []).append(entry)
    return sections


SECTIONS = _by_section()
ENTRIES = {entry.name: entry for entries in SECTIONS.values() for entry in entries}

# -- one cell --------------------------------------------------------------------------------------


class Cell(NamedTuple):
    """How a model was kept up to date, in a word; and why not in another way."""

    how: str
    reason: str = ""


# What an adapter does, as the table says it, and when that is guarded, as the legend says it.
_VERBS = {
    ("partial_fit", "never"): "continues",
    ("warm_start", "never"): "solver goes on",
    ("rotation", "alarm"): "rotates",
    ("boosting", "always"): "adds rounds",
}


class _Step(NamedTuple):
    """What one call of the retrainer did: its event, and the last call of the base."""

    event: dict
    method: str  # "fit", "update" or none
    has_new_class: bool


def run(entry, policy, change):
    """Send an estimator through a stream under one policy, assert what must hold, return a cell.

    What goes wrong raises: AssertionError, or the error, or the warning, that it ended in.
    """
    stream = entry.stream(change)
    with _only_expected_warnings(entry):
        estimator = entry.make()
        adapter, _ = adapter_of(predictor_of(estimator)[0])
        if policy == "warm_start":
            if adapter is not None and adapter.guarded != "never":
                _kept_up(entry, estimator, WarmStart(), stream)
            policy = WarmStart(guard=False)
        try:
            steps = _kept_up(entry, estimator, policy, stream)
        except ValueError as error:
            if not str(error).startswith("The base cannot continue: "):
                raise
            reason = str(error).partition(": ")[2].partition(". Use the policy")[0]
            return Cell("refused", _short(reason, estimator))
    if steps is None:
        return Cell("raises", "tells two classes apart")
    continues = "" if adapter is None else _VERBS[adapter.method, adapter.guarded]
    return _summary(steps, continues, estimator)


def row(name):
    """Return the cells of one estimator, by policy and change."""
    entry, cells = ENTRIES[name], {}
    for policy, change in product(POLICIES, entry.changes):
        try:
            cells[policy, change] = run(entry, policy, change)
        except Exception as error:
            error.add_note(f"in the cell: {name}, {policy}, {change}")
            raise
    return cells


def _kept_up(entry, estimator, policy, stream):
    update = None if policy == "full_refit" else policy
    retrainer = DriftAwareRetrainer(
        estimator,
        detector=ScriptedDetector([DRIFT]),
        policy=policy,
        update=update,
        on_error="raise",
        random_state=0,
    )
    steps = []
    with _recorded_calls(estimator) as calls, _recorded_events() as events:
        retrainer.fit(_rows(stream.X, slice(N_FIRST)), stream.y[:N_FIRST])
        for start in range(N_FIRST, N_ROWS, SIZE):
            batch = slice(start, start + SIZE)
            calls.clear()
            X, y = _rows(stream.X, batch), stream.y[batch]
            is_new = entry.section == "classifier" and not np.isin(y, retrainer.classes_).all()
            if is_new and entry.is_binary:
                return _assert_refused(retrainer, X, y)
            retrainer.partial_fit(X, y)
            method, n_fitted = calls[-1] if calls else ("", 0)
            step = _Step(events[-1], method, is_new)
            _assert_event(step, n_fitted, policy, start)
            steps.append(step)
    assert_answers(entry, retrainer, stream)
    _assert_closed_border(entry, retrainer, stream.X)
    return steps


def _rows(X, rows):
    return X.iloc[rows] if isinstance(X, pd.DataFrame) else X[rows]


@contextmanager
def _only_expected_warnings(entry):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ClassesGrewWarning)
        for pattern in entry.warns:
            warnings.filterwarnings("ignore", message=pattern)
        yield


@contextmanager
def _recorded_events():
    """Yield the events of all calls, as they go to the log."""
    events, logger = [], logging.getLogger("skretrain.events")
    handler = logging.Handler()
    handler.emit = lambda record: events.append(json.loads(record.getMessage()))
    level, propagates = logger.level, logger.propagate
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield events
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagates


@contextmanager
def _recorded_calls(estimator):
    """Yield the outermost calls of the base's ``fit``, and of its adapter, with their rows.

    A subclass would not do: what subclasses change is not known to adapters, so that they refuse.
    """
    calls, depth = [], [0]

    def recording(method, name, n_before):
        @wraps(method)
        def recorded(*args, **kwargs):
            depth[0] += 1
            try:
                result = method(*args, **kwargs)
            finally:
                depth[0] -= 1
            if not depth[0]:
                calls.append((name, n_rows(args[n_before])))
            return result

        return recorded

    owner = next(kind for kind in type(estimator).__mro__ if "fit" in vars(kind))
    adapter, _ = adapter_of(predictor_of(estimator)[0])
    kind = type(adapter)
    with mock.patch.object(owner, "fit", recording(owner.fit, "fit", 1)):
        if adapter is None:
            yield calls
        else:
            with mock.patch.object(kind, "update", recording(kind.update, "update", 2)):
                yield calls


# -- what must hold --------------------------------------------------------------------------------


def _assert_event(step, n_fitted, policy, start):
    """The event claims what was done, with as many rows as were fitted, and says why."""
    event, method = step.event, step.method
    assert event["n_rows_fitted"] == n_fitted, (event, method, n_fitted)
    assert event["action"] in (("retrained", "updated") if method else ("kept",)), event
    assert method or (policy == "full_refit" and start != DRIFT and not step.has_new_class), event
    if start == DRIFT:
        assert (event["action"], event["state"], event["since"]) == ("retrained", "drift", DRIFT)
        assert event["reason"].startswith("alarm"), event
    if policy == "full_refit":
        assert method != "update", event
    if isinstance(policy, WarmStart):
        assert (event["kind"] == "warm_start") == (method == "update"), event
        assert method == "update" or _why_refitted(event), event


def _why_refitted(event):
    """Return the reason that the policy added to the cause of a retrain."""
    causes = ("alarm", "growth", "new classes")
    reasons = [part for part in event["reason"].split("; ") if not part.startswith(causes)]
    return "; ".join(reasons)


def _assert_refused(retrainer, X, y):
    """A label that the base can never know raises at the border, and leaves no trace."""
    before = pickle.dumps(retrainer)
    error = _error_of(retrainer.partial_fit, X, y)
    assert isinstance(error, ValueError), error
    assert "tells two classes apart" in str(error)
    assert pickle.dumps(retrainer) == before


def assert_answers(entry, retrainer, stream):
    """Predictions are finite, classes right, and the new concept is known."""
    X, y = stream.X_test, stream.y_test
    predicted = retrainer.predict(X)
    assert predicted.reshape(len(y), -1).shape == y.reshape(len(y), -1).shape
    if not entry.is_classifier:
        assert np.isfinite(predicted).all()
        assert entry.hopeless or _error(predicted, y) < 0.9 * _error(_constant(stream), y)
        return
    if y.ndim == 1:
        _assert_classes(retrainer, stream)
    for column, labels in enumerate(y.reshape(len(y), -1).T):
        answers = predicted.reshape(len(y), -1)[:, column]
        assert np.isin(answers, np.unique(labels)).all()
        if not entry.hopeless:
            recall = [np.mean(answers[labels == label] == label) for label in np.unique(labels)]
            assert np.mean(recall) > 1 / len(recall) + 0.1, recall
            assert min(recall) > 0, recall


def _assert_classes(retrainer, stream):
    labels = stream.labels
    np.testing.assert_array_equal(retrainer.classes_, labels)
    np.testing.assert_array_equal(retrainer.estimator_.classes_, labels)
    if hasattr(retrainer, "predict_proba"):
        proba = retrainer.predict_proba(stream.X_test)
        assert proba.shape == (len(stream.y_test), len(labels))
        np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-5)
        assert (proba >= 0).all()


def _constant(stream):
    """Return the best prediction that looks at no row, and at no target after the drift."""
    return np.median(stream.y[:DRIFT], axis=0)


def _error(predicted, y):
    return np.abs(np.reshape(predicted, (-1, *y.shape[1:])) - y).mean()


def _assert_closed_border(entry, retrainer, X):
    """Other columns raise scikit-learn's error, and nothing is learned or lost."""
    rows, targets = _rows(X, slice(SIZE)), retrainer.buffer_.y[-SIZE:]
    if isinstance(X, pd.DataFrame):
        wrong = [rows[rows.columns[::-1]], rows.add_prefix("other_")]
        message = "The feature names should match those that were passed during fit."
    else:
        wrong = [rows[:, :-1]]
        message = f"X has {X.shape[1] - 1} features, but"
    for other in wrong[-1:] if X.shape[1] == 1 else wrong:
        before = _state_of(entry, retrainer, X)
        error = _error_of(retrainer.partial_fit, other, targets)
        assert isinstance(error, ValueError), error
        assert str(error).startswith(message), error
        assert _state_of(entry, retrainer, X) == before


def _state_of(entry, retrainer, X):
    if not entry.dated:
        return pickle.dumps(retrainer)
    parts = retrainer.buffer_, retrainer.detector_, list(retrainer.events_)
    return pickle.dumps(parts), retrainer.predict(X).tobytes()


def _error_of(call, *args):
    try:
        call(*args)
    except Exception as error:
        return error
    return None


# -- how it reads ----------------------------------------------------------------------------------


def _summary(steps, continues, estimator):
    new = [step for step in steps if step.has_new_class]
    steps = new or [step for step in steps if step.method]
    reasons = dict.fromkeys(_why_refitted(step.event) for step in steps if step.method == "fit")
    reason = "; ".join(filter(None, (_short(reason, estimator) for reason in reasons)))
    methods = {step.method for step in steps}
    if methods == {"fit"}:
        return Cell("refits", reason)
    how = "grows" if new else continues
    return Cell(how if methods == {"update"} else f"{how}, or refits", reason)


def _short(reason, estimator):
    """Return a reason without estimator and labels, so that several estimators can share it."""
    name = type(predictor_of(estimator)[0]).__name__
    reason = reason.removeprefix(f"{name} ").replace(name, "it")
    return re.sub(r" \[[^]]*\]$", "", reason)
