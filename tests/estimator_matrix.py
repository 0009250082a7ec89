"""The estimator matrix: every classifier and regressor, by policy, on small streams that drift.

`ENTRIES` holds the estimators, `run` sends one of them through a stream under one policy, checks
all that must hold, and returns a `Cell` that says how the model was kept up to date.
"""

import json
import logging
import re
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial, wraps
from importlib import import_module
from itertools import chain
from typing import NamedTuple
from unittest import mock

import numpy as np
import pandas as pd
from helpers import fingerprint
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import all_estimators

from skretrain import DriftAwareRetrainer
from skretrain.compose._structure import predictor_of
from skretrain.compose.adapters._registry import adapter_of
from skretrain.exceptions import ClassesGrewWarning
from skretrain.policies import WarmStart
from skretrain.utils.estimator_checks import ScriptedDetector

N_FIRST, SIZE, DRIFT, N_ROWS, N_TEST = 120, 60, 240, 480, 240

POLICIES = ("full_refit", "warm_start", "replay_mix")
CLASS_CHANGES = ("same classes", "fewer classes", "new class")
TARGET_CHANGES = ("same range", "shifted target")
OUTPUT_CHANGES = ("same classes",)

# -- streams ---------------------------------------------------------------------------------------


class Stream(NamedTuple):
    """Rows in time order, the first `N_FIRST` for the first fit; and more of the last concept."""

    X: object
    y: np.ndarray
    X_test: object
    y_test: np.ndarray
    labels: np.ndarray | None  # all there are in the end, sorted


# Which classes each batch shows, by the number of classes, where some are missing.
_FEWER = {
    2: ((0,), (1,), (0,), (1,), (0, 1), (0, 1)),
    3: ((0, 1), (2,), (0, 1), (2,), (0, 2), (1, 2)),
}


def class_stream(change, labels, seed=0):
    """Return rows around one centre per class; at the drift the centres move to other columns.

    What was learned before tells nothing afterwards, and a mix of both concepts can be learned, too.
    """
    rng = np.random.default_rng(seed)
    n_classes = len(labels)
    codes = rng.integers(n_classes, size=N_ROWS + N_TEST)
    newest = n_classes // 2  # in the middle of the labels
    if change == "new class":
        known = np.delete(np.arange(n_classes), newest)
        codes[:N_FIRST] = rng.choice(known, size=N_FIRST)
    if change == "fewer classes":
        for number, shown in enumerate(_FEWER[n_classes]):
            batch = slice(N_FIRST + number * SIZE, N_FIRST + (number + 1) * SIZE)
            codes[batch] = rng.choice(shown, size=SIZE)
    angle = 2 * np.pi * codes / n_classes
    X = rng.normal(size=(len(codes), 4))
    centres = 2.5 * np.column_stack([np.cos(angle), np.sin(angle)])
    X[:DRIFT, :2] += centres[:DRIFT]
    X[DRIFT:, 2:] += centres[DRIFT:]
    return _cut(X, np.asarray(labels)[codes], np.asarray(labels))


def target_stream(change, seed=0):
    """Return rows whose target depends on one column, and on another one after the drift."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N_ROWS + N_TEST, 4))
    y = 2 * X[:, 0] + 0.2 * rng.normal(size=len(X))
    y[DRIFT:] += 2 * (X[DRIFT:, 1] - X[DRIFT:, 0])
    if change == "shifted target":
        y[DRIFT:] += 6
    return _cut(X, y, None)


def _cut(X, y, labels):
    return Stream(X[:N_ROWS], y[:N_ROWS], X[N_ROWS:], y[N_ROWS:], labels)


def _mapped(stream, of_X=None, of_y=None):
    X, y, X_test, y_test, labels = stream
    if of_X is not None:
        X, X_test = of_X(X), of_X(X_test)
    if of_y is not None:
        y, y_test = of_y(y), of_y(y_test)
    return Stream(X, y, X_test, y_test, labels)


def _positive(X):
    return np.exp(0.5 * X)


def _categories(X):
    return np.digitize(X, [-2.0, -0.5, 0.5, 2.0])


def _first_column(X):
    return X[:, :1]


def _float32(X):
    return X.astype(np.float32)


def _frame(X):
    return pd.DataFrame(X, columns=[f"f{column}" for column in range(X.shape[1])])


def _with_kinds(X):
    """Return a frame with numbers, one of which is missing, and a column of words."""
    frame = _frame(X)
    frame["size"] = np.where(X[:, 0] > 1, "large", np.where(X[:, 0] < -1, "small", "middling"))
    frame.loc[::7, "f3"] = np.nan
    return frame


def _two_columns(y):
    return np.column_stack([y, np.roll(y, 0)[::1]])


def _labels_and_halves(y):
    """Return two outputs: the labels, and whether they are the first one."""
    first = y == y.min()
    return np.column_stack([y, np.where(first, 0, 1)])


def _indicators(y):
    """Return one column of 0 and 1 per label."""
    return (y[:, None] == np.arange(3)).astype(int)


def _softplus(y):
    return np.exp(0.4 * y)


# -- estimators ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """One row of the matrix."""

    name: str
    make: Callable
    section: str
    of_X: Callable = _frame  # what becomes of the rows
    of_y: Callable | None = None
    labels: tuple = ("ash", "birch", "cedar")  # the one in the middle may come later
    changes: tuple = CLASS_CHANGES
    warns: dict = field(default_factory=dict)  # start of a message that is ignored: reason
    chance: str = ""  # why it need not be better than chance

    def stream(self, change):
        if self.section in ("regressor", "regressor of several outputs"):
            stream = target_stream(change)
        else:
            stream = class_stream(change, self.labels)
        return _mapped(stream, self.of_X, self.of_y)


_INTS = (0, 1, 2)
_FEW = {"n_estimators": 10}
_GAUSSIAN = {"kernel": RBF(2.0) + WhiteKernel(0.1), "optimizer": None}
_NET = {"hidden_layer_sizes": (16,), "learning_rate_init": 0.02, "max_iter": 40}
_SGD = partial(SGDClassifier, random_state=0)
_TREE = partial(DecisionTreeClassifier, max_depth=4)
_COLD = {"The max_iter was reached|Maximum number of iteration|lbfgs failed|Stochastic Optimizer": ""}
_SHORT = "a fit of few rows may stop before it converges: here it is to be quick"
_PASSIVE = {"Class PassiveAggressive": "scikit-learn has announced their end"}

# What an estimator is given where its defaults are not to be used; called when it is made.
_MADE_WITH = {
    "AdaBoostClassifier": lambda: {"estimator": _TREE(), **_FEW},
    "AdaBoostRegressor": lambda: _FEW,
    "BaggingClassifier": lambda: {"estimator": _TREE(), **_FEW},
    "BaggingRegressor": lambda: _FEW,
    "CalibratedClassifierCV": lambda: {"estimator": LogisticRegression(), "cv": 2},
    "CategoricalNB": lambda: {"min_categories": 5},
    "ClassifierChain": lambda: {"estimator": LogisticRegression()},
    "ElasticNet": lambda: {"alpha": 0.1},
    "ExtraTreesClassifier": lambda: _FEW,
    "ExtraTreesRegressor": lambda: _FEW,
    "FixedThresholdClassifier": lambda: {"estimator": LogisticRegression()},
    "GaussianProcessClassifier": lambda: _GAUSSIAN,
    "GaussianProcessRegressor": lambda: _GAUSSIAN,
    "GradientBoostingClassifier": lambda: {**_FEW, "learning_rate": 0.3},
    "GradientBoostingRegressor": lambda: {**_FEW, "learning_rate": 0.3},
    "HistGradientBoostingClassifier": lambda: {"max_iter": 10, "learning_rate": 0.3},
    "HistGradientBoostingRegressor": lambda: {"max_iter": 10, "learning_rate": 0.3},
    "Lasso": lambda: {"alpha": 0.1},
    "LassoLars": lambda: {"alpha": 0.01},
    "LogisticRegressionCV": lambda: {"Cs": 2, "cv": 2, "use_legacy_attributes": False},
    "MLPClassifier": lambda: _NET,
    "MLPRegressor": lambda: _NET,
    "MultiOutputClassifier": lambda: {"estimator": _SGD()},
    "MultiOutputRegressor": lambda: {"estimator": SGDRegressor(random_state=0)},
    "MultiTaskElasticNet": lambda: {"alpha": 0.1},
    "MultiTaskLasso": lambda: {"alpha": 0.1},
    "NuSVC": lambda: {"nu": 0.1},
    "OneVsOneClassifier": lambda: {"estimator": _SGD()},
    "OneVsRestClassifier": lambda: {"estimator": _SGD()},
    "OutputCodeClassifier": lambda: {"estimator": LogisticRegression(), "code_size": 3},
    "QuantileRegressor": lambda: {"alpha": 0.01},
    "RadiusNeighborsClassifier": lambda: {"radius": 3.0, "outlier_label": "most_frequent"},
    "RadiusNeighborsRegressor": lambda: {"radius": 4.0},
    "RandomForestClassifier": lambda: _FEW,
    "RandomForestRegressor": lambda: _FEW,
    "RegressorChain": lambda: {"estimator": Ridge()},
    "SelfTrainingClassifier": lambda: {"estimator": LogisticRegression()},
    "StackingClassifier": lambda: {
        "estimators": [("tree", _TREE()), ("linear", LogisticRegression())],
        "cv": 2,
    },
    "StackingRegressor": lambda: {
        "estimators": [("tree", DecisionTreeRegressor(max_depth=4)), ("linear", Ridge())],
        "cv": 2,
    },
    "TheilSenRegressor": lambda: {"max_subpopulation": 200},
    "TransformedTargetRegressor": lambda: {
        "regressor": SGDRegressor(random_state=0),
        "transformer": StandardScaler(),
    },
    "TunedThresholdClassifierCV": lambda: {"estimator": LogisticRegression(), "cv": 2},
    "VotingClassifier": lambda: {
        "estimators": [("tree", _TREE()), ("linear", LogisticRegression())]
    },
    "VotingRegressor": lambda: {
        "estimators": [("tree", DecisionTreeRegressor(max_depth=4)), ("linear", Ridge())]
    },
}
