"""Which rows to ask labels for, and how much each of them then counts."""

import numpy as np
from sklearn.base import is_regressor
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

from ..utils._containers import n_rows
from ..utils._losses import task_of
from ..utils._params import check_number, is_integer, is_number, refuse
from ._domain import FEWEST_ROWS, check_table, domain_probabilities, is_table
from ._inputs import checked_rows

_REFERENCE_ROWS = 2_000  # of a buffer: more would not change the score, only its cost
_OWNER = "select_for_labelling"


def select_for_labelling(model, X, budget, *, random_share=0.2, reference=None, random_state=None):
    r"""Choose rows to ask labels for: those of which the model is unsure, or that it has not seen.

    Each row is chosen with a probability that is known, so that what is estimated from the chosen
    rows holds for all: the sum of ``weights * loss`` over them, divided by the number of rows, is
    an unbiased estimate of the mean loss of all rows (Horvitz and Thompson [1]_). The weights are
    for estimates; a model learns more from the chosen rows without them. Nothing of the model is
    changed.

    Parameters
    ----------
    model : estimator
        Fitted: a retrainer, a mixture or any scikit-learn estimator.
    X : array-like of shape (n_samples, n_features)
        Rows without labels.
    budget : int or float
        How many labels there may be: a number of rows of at least 1, or as a float a share of
        them in (0, 1], of which at least one row comes.
    random_share : float, default=0.2
        Part of the budget that is spread evenly over all rows, in (0, 1]. No weight exceeds
        ``n_samples / (random_share * n_chosen)``; 1 is a simple random sample.
    reference : array-like of shape (n_samples, n_features), default=None
        Rows that the model stands for. None takes the newest 2,000 that the model, or a member of
        the mixture, remembers in ``buffer_``; without any, only uncertainty counts.
    random_state : int, Generator or None, default=None
        Seed; None draws anew at each call.

    Returns
    -------
    rows : ndarray of shape (n_chosen,), dtype int64
        Positions of the chosen rows, in order.
    weights : ndarray of shape (n_chosen,)
        How many rows each of them stands for: one over its probability of being chosen.

    Raises
    ------
    ValueError
        If a parameter is not accepted, the rows differ from the reference in their columns, or
        the model predicts several outputs.

    See Also
    --------
    ExpectedPerformance : How good the model is on rows whose labels never come.

    Notes
    -----
    The score of a row is the sum of two numbers in [0, 1]. *Uncertainty* is one minus the
    difference of the two largest probabilities of a classifier [2]_, or of its decision function,
    or the spread of the members of a mixture or forest of regressors; the last two are in units of
    their median, :math:`s / (s + median)`. *Domain*: how far a classifier that tells the rows from
    the reference, fitted on other rows, is from guessing, for the new side. It is left out where
    either has fewer than 30 rows, or where the rows of the model are no dense table.

    The part of the budget that is not spread evenly is divided in proportion to the squared score,
    up to probability 1. The rows are drawn by systematic sampling in random order [3]_, which gives
    the size and the probabilities exactly.

    References
    ----------
    .. [1] D. G. Horvitz and D. J. Thompson (1952). "A generalization of sampling without
       replacement from a finite universe". Journal of the American Statistical Association 47,
       663-685.
    .. [2] B. Settles (2009). "Active learning literature survey". University of Wisconsin-Madison,
       Computer Sciences Technical Report 1648.
    .. [3] W. G. Madow (1949). "On the theory of systematic sampling, II". Annals of Mathematical
       Statistics 20, 333-354.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.serving import select_for_labelling
    >>> X, y, _ = make_drifting_classification(2_000, drift="stationary", random_state=0)
    >>> model = DriftAwareRetrainer(LogisticRegression()).fit(X[:1_000], y[:1_000])
    >>> rows, weights = select_for_labelling(model, X[1_000:], budget=0.2, random_state=0)
    >>> len(rows), round(float(weights.min()), 1), round(float(weights.max()), 1)
    (200, 1.0, 25.0)
    >>> model = model.partial_fit(X[1_000:][rows], y[1_000:][rows])
    """
    check_number(_OWNER, "random_share", random_share, above=0, most=1)
    X = checked_rows(_OWNER, "X", X)
    n = n_rows(X)
    n_chosen = _n_chosen(budget, n)
    rng = _generator(random_state)
    if n_chosen == n:
        return np.arange(n), np.ones(n)
    # Of a row for which it answers NaN, a model knows nothing.
    unsure = np.clip(np.nan_to_num(_uncertainty(model, X), nan=1.0), 0, 1)
    scores = unsure + _unlikeness(model, X, reference)
    # Squared, less is lost where inputs have moved than in proportion to the score.
    chances = inclusion_probabilities(np.square(scores), n_chosen, random_share)
    rows = _drawn(chances, rng)
    return rows, 1 / chances[rows]


def _n_chosen(budget, n):
    if is_integer(budget, least=1):
        return min(int(budget), n)
    if isinstance(budget, (float, np.floating)) and is_number(budget, above=0, most=1):
        return min(max(round(budget * n), 1), n)
    accepted = "a number of rows, an integer of at least 1, or a share of them, a float in (0, 1]"
    return refuse(_OWNER, "budget", accepted, budget)


def _generator(random_state):
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError):
        accepted = "None, an integer of at least 0 or a numpy Generator"
        return refuse(_OWNER, "random_state", accepted, random_state)


def inclusion_probabilities(scores, n_chosen, random_share):
    """Return a probability for each row: a floor for all, the rest by score; they sum to n_chosen.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Not negative.
    n_chosen : int
        Below n_samples.
    random_share : float
        Of the sum, that is the same for all rows; in (0, 1].

    Returns
    -------
    chances : ndarray of shape (n_samples,)
        In (0, 1].
    """
    floor = random_share * n_chosen / len(scores)
    certain = np.zeros(len(scores), dtype=bool)
    while True:
        by_score = np.where(certain, 0.0, scores)
        if not by_score.any():
            by_score = np.where(certain, 0.0, 1.0)
        rest = n_chosen - certain.sum() - floor * (~certain).sum()
        chances = np.where(certain, 1.0, floor + rest * by_score / by_score.sum())
        if (chances <= 1).all():
            return chances
        certain |= chances > 1


def _drawn(chances, rng):
    """Draw by one random start and steps of 1 along the sum of the chances, in random order."""
    order = rng.permutation(len(chances))
    ends = np.cumsum(chances[order])
    n_chosen = round(ends[-1])
    steps = rng.random() + np.arange(n_chosen)
    return np.sort(order[np.searchsorted(ends[:-1], steps, side="right")])


# -- scores ----------------------------------------------------------------------------------------


def _uncertainty(model, X):
    """Return how unsure the model is of each row, in [0, 1]; 0 where it cannot say."""
    if is_regressor(model):
        members = _members(model)
        if len(members) < 2:
            return np.zeros(n_rows(X))
        # The trees of a forest know no names of columns.
        rows = X if hasattr(members[0], "buffer_") else np.asarray(X)
        answers = np.array([member.predict(rows) for member in members])
        if answers.ndim > 2:
            _refuse_several_outputs()
        return _by_median(np.std(answers, axis=0))
    if task_of(model) == "unsupervised":
        return np.zeros(n_rows(X))
    if hasattr(model, "predict_proba"):
        return 1 - _margin(model.predict_proba(X))
    if hasattr(model, "decision_function"):
        return 1 - _by_median(_margin(model.decision_function(X)))
    return np.zeros(n_rows(X))


def _members(model):
    """Return regressors whose predictions differ as what is known does."""
    if hasattr(model, "buffer_"):
        model = model.estimator_
    is_forest = isinstance(model, (RandomForestRegressor, ExtraTreesRegressor))
    members = getattr(model, "estimators_", ())
    is_mixture = all(hasattr(member, "buffer_") for member in members)
    return members if is_forest or is_mixture else ()


def _margin(outputs):
    """Return the difference of the two largest outputs of each row."""
    if isinstance(outputs, list) or outputs.ndim > 2:
        _refuse_several_outputs()
    if outputs.ndim == 1:
        return np.abs(outputs)
    if outputs.shape[1] == 1:
        return np.ones(len(outputs))
    largest = np.sort(outputs, axis=1)
    with np.errstate(invalid="ignore"):  # of two infinite values
        return largest[:, -1] - largest[:, -2]


def _refuse_several_outputs():
    raise ValueError(
        f"{_OWNER}: the model predicts several outputs of each row, and rows are chosen by one: "
        "pass a model of one output."
    )


def _by_median(sizes):
    median = float(np.median(sizes))
    with np.errstate(invalid="ignore"):
        shares = sizes / np.where(sizes + median > 0, sizes + median, 1.0)
    return np.where(np.isinf(sizes), 1.0, shares)


def _unlikeness(model, X, reference):
    """Return how unlike the rows of the reference each row is, in [0, 1]."""
    if reference is None:
        rows = _remembered(model)
        if rows is None or not (is_table(rows) and is_table(X)):
            return np.zeros(n_rows(X))
    else:
        rows = checked_rows(_OWNER, "reference", reference)
        for each in (X, rows):
            check_table(_OWNER, each)
    if min(n_rows(rows), n_rows(X)) < FEWEST_ROWS:
        return np.zeros(n_rows(X))
    return np.clip(2 * domain_probabilities(rows, X)[1] - 1, 0, 1)


def _remembered(model):
    """Return the newest rows of the largest memory that a model or a member has, or None."""
    holders = [model, *getattr(model, "estimators_", ())]
    buffers = [part.buffer_ for part in holders if getattr(part, "buffer_", None) is not None]
    return max(buffers, key=len).latest(_REFERENCE_ROWS).X if buffers else None
