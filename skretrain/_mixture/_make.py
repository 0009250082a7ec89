"""Mixtures that do well on most streams: which members, and with which settings."""

import numpy as np
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingRegressor,
)
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from .._drift_aware import DriftAwareRetrainer
from .._retrainer._estimator import BaseRetrainer
from ..buffers import SlidingWindow
from ..compose import Learner
from ..drift import ErrorDrift, Periodic
from ..linear_model import RecursiveRidgeClassifier, RecursiveRidgeRegressor
from ..policies import FullRefit, WarmStart
from ..utils._by_hand import within
from ..utils._clone import cloned
from ..utils._losses import task_of
from ..utils._params import check_choice
from ..utils._plain import named
from ._estimator import MixtureRetrainer

_RATES = (0.997, 0.9999)
_FEW = 1_500  # features: the products of more fill memory, and solving for them takes seconds
_FARTHEST = 5.0  # deviations from the mean: what is farther is an outlier, or a feature that moved


def make_mixture(estimator=None, *, task="classification", budget=None, random_state=None):
    """Make a mixture whose members answer the question of the right rows in different ways.

    Parameters
    ----------
    estimator : estimator or None, default=None
        A classifier or a regressor, which every member wraps: it is kept as it was first fitted,
        refitted on all remembered rows, on the last 2,000 and 500, and on those since the last
        drift; where it can go on learning, it does so with every batch (a forest by rotation, with
        a short and a long memory). None makes the members from several estimators that learn fast.
    task : {"classification", "regression"}, default="classification"
        What the members do if `estimator` is None; else the estimator says so.
    budget : float or None, default=None
        As in :class:`MixtureRetrainer`.
    random_state : int, RandomState instance or None, default=None
        As in :class:`MixtureRetrainer`.

    Returns
    -------
    mixture : MixtureRetrainer
        Unfitted; any member or parameter can be exchanged with ``set_params``.

    Raises
    ------
    TypeError
        If `estimator` is no estimator.
    ValueError
        If `task` is another, or if `estimator` is neither a classifier nor a regressor, or retrains
        already. `budget` is checked by ``fit``.

    See Also
    --------
    MixtureRetrainer : What is made, and how the members are weighed.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain import make_mixture
    >>> [name for name, _ in make_mixture(LogisticRegression()).estimators]
    ['frozen', 'all', 'recent', 'newest', 'since_drift']
    >>> from skretrain.datasets import make_drifting_classification
    >>> X, y, _ = make_drifting_classification(2000, random_state=0)
    >>> mixture = make_mixture(random_state=0).fit(X[:500], y[:500])
    >>> for start in range(500, 2000, 100):
    ...     batch = slice(start, start + 100)
    ...     mixture = mixture.partial_fit(X[batch], y[batch])
    >>> float(mixture.weights_.sum().round(6))
    1.0
    """
    check_choice("make_mixture", "task", ("classification", "regression"), task)
    if estimator is None:
        members = _fast_classifiers() if task == "classification" else _fast_regressors()
    else:
        members = _ways_to_keep_fresh(estimator)
    # Each with an estimator of its own: to set a parameter of one is not to set it for all.
    members = [(name, cloned(member)) for name, member in members]
    return MixtureRetrainer(members, budget=budget, random_state=random_state)


def _ways_to_keep_fresh(estimator):
    """Return members that wrap the same estimator and differ in the rows that it learns from."""
    learner = Learner(estimator)
    if isinstance(estimator, (BaseRetrainer, MixtureRetrainer)):
        raise ValueError(
            f"make_mixture({estimator!r}): its members retrain already. Pass the estimator inside, "
            "or list retrainers in MixtureRetrainer."
        )
    if task_of(estimator) == "unsupervised":
        raise ValueError(
            f"make_mixture({estimator!r}): a mixture is weighed by targets, so that it takes a "
            "classifier or a regressor."
        )
    members = [
        ("frozen", _without_detector(estimator, update=None)),
        ("all", _refitted(estimator, "all", every=500)),
        ("recent", _refitted(estimator, 2000, every=500)),
        ("newest", _refitted(estimator, 500, every=250)),
        ("since_drift", _since_drift(estimator, update=None)),
    ]
    if learner.method == "rotation":
        members += [
            ("short_rotation", _rotating(estimator, 300)),
            ("long_rotation", _rotating(estimator, 3000)),
        ]
    elif learner.incremental:
        members.append(("updated", _without_detector(estimator, update="warm_start")))
    return members


def _fast_classifiers():
    descent = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=0.03)
    logistic = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
    tree = DecisionTreeClassifier(min_samples_leaf=10)
    return [
        ("kernel_updated", _kernel(RecursiveRidgeClassifier(alpha=0.1, forgetting=_RATES), 256)),
        ("linear_updated", _streaming(make_pipeline(StandardScaler(), descent))),
        ("linear_since_drift", _since_drift(logistic)),
        ("tree_since_drift", _since_drift(tree)),
        ("tree_recent", _refitted(tree, 1000, every=400)),
        ("forest_long", _rotating(ExtraTreesClassifier(15, min_samples_leaf=3), 3000, every=200)),
    ]


def _kernel(ridge, n_waves):
    """Return a member that approximates a kernel machine, exact in what it learns from each row.

    Between refits its features stay: their scales and waves are those of the last 10,000 rows.
    Where there are many, they reach it in the waves alone: the linear members know the rest.
    """
    waves = RBFSampler(gamma="scale", n_components=n_waves)
    scaled = FunctionTransformer(_if_few, feature_names_out=_names_if_few)
    features = FeatureUnion([("scaled", scaled), ("waves", waves)])
    near = FunctionTransformer(_within, feature_names_out="one-to-one")
    return DriftAwareRetrainer(
        make_pipeline(StandardScaler(), near, features, ridge),
        detector=Periodic(10_000),
        policy=FullRefit("all", grow=False),
        update="warm_start",
    )


@named
def _within(X):
    return np.clip(X, -_FARTHEST, _FARTHEST)


@named
def _if_few(X):
    return X if X.shape[1] <= _FEW else X[:, :0]


@named
def _names_if_few(_, names):
    return names if len(names) <= _FEW else names[:0]


def plain_step(transformer):
    """Return what does without functions of ours what a step of a fast member does.

    Parameters
    ----------
    transformer : FunctionTransformer
        Fitted, or nothing but a parameter.

    Returns
    -------
    step : transformer or None
        None where the step is another's.
    """
    n_features = getattr(transformer, "n_features_in_", 0)
    if transformer.func is _within:
        return within((-_FARTHEST, _FARTHEST), np.zeros(n_features))
    if transformer.func is not _if_few:
        return None
    if n_features <= _FEW:
        return FunctionTransformer(feature_names_out="one-to-one")
    return FunctionTransformer(np.delete, kw_args={"obj": slice(None), "axis": 1})


def _fast_regressors():
    boosting = HistGradientBoostingRegressor(learning_rate=0.2, max_iter=50)
    forest = ExtraTreesRegressor(15, min_samples_leaf=3)
    return [
        ("kernel_updated", _kernel(RecursiveRidgeRegressor(alpha=0.1, forgetting=_RATES), 128)),
        ("boosting_since_drift", _since_drift(boosting)),
        ("boosting_recent", _refitted(boosting, 5000, every=1000)),
        ("forest_long", _rotating(forest, 10_000, every=1000)),
    ]


def _since_drift(estimator, **options):
    """Return a member that is refitted on the rows since each change: it is others that keep."""
    return DriftAwareRetrainer(estimator, detector=ErrorDrift(), policy=FullRefit(), **options)


def _without_detector(estimator, **options):
    """Return a member that never refits but to take in new classes."""
    policy = FullRefit("all", grow=False)
    return DriftAwareRetrainer(estimator, detector=None, policy=policy, **options)


def _streaming(scaled):
    """Return a member whose first rows, too, are learned batch by batch, at a constant step size.

    A fit to convergence before it would only delay it. With steps that do not shrink, the model
    follows a scaler that moves.
    """
    update = WarmStart(steps={"standardscaler": "update"})
    buffer = SlidingWindow(max_rows=1000)
    return _without_detector(scaled, update=update, buffer=buffer, batch_size=100)


def _refitted(estimator, window, *, every):
    """Return a member that is refitted on a window at fixed intervals."""
    policy, detector = FullRefit(window, grow=False), Periodic(every)
    buffer = None if window == "all" else SlidingWindow(max_rows=window)
    return DriftAwareRetrainer(
        estimator, detector=detector, policy=policy, update=None, buffer=buffer
    )


def _rotating(forest, max_rows, every=None):
    """Return a forest that replaces a tenth of its trees with every batch.

    With `every`, a fifth of them after so many rows: larger steps at a time cost less.
    """
    buffer = SlidingWindow(max_rows=max_rows)
    if every is None:
        return _without_detector(forest, update="warm_start", buffer=buffer)
    policy = WarmStart(rate=0.2, guard=False)
    detector = Periodic(every)
    return DriftAwareRetrainer(forest, detector=detector, policy=policy, update=None, buffer=buffer)
