"""What learning the new costs on the old: transfer, forgetting, flips and churn."""

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d

from ..utils._losses import absolute_loss_per_row, zero_one_loss_per_row
from ..utils._params import check_choice, check_integer, check_number, refuse

_LOSSES = {"zero_one": zero_one_loss_per_row, "absolute_error": absolute_loss_per_row}


def backward_transfer(scores, *, learned_at=None, average=True):
    """Change of the score on each concept since it was learned: negative is forgetting.

    ``R[last, j] - R[l_j, j]``, the mean over all concepts that were learned before the last time
    [1]_. Positive: what came later helped.

    Parameters
    ----------
    scores : array-like of shape (n_times, n_concepts)
        ``R[i, j]`` is the score on held-out rows of concept `j` of the model at time `i`; greater
        is better (negate a loss). NaN where it is not known.

    learned_at : array-like of int of shape (n_concepts,), default=None
        Time at which each concept had just been learned, a row of `scores`. None: concept `j` at
        time `j`, as where there is one time after each concept.

    average : bool, default=True
        Whether to return the mean over the concepts, or one number for each.

    Returns
    -------
    transfer : float or ndarray of shape (n_concepts,)
        In the unit of the scores; NaN for a concept that was learned at the last time or of which
        a score is not known. Such concepts are left out of the mean, which is NaN without others.

    Raises
    ------
    ValueError
        If `scores` is no matrix of numbers, or `learned_at` does not fit it.

    See Also
    --------
    forgetting : Against the best score that a concept ever had.
    forward_transfer : On concepts before they are learned.

    References
    ----------
    .. [1] D. Lopez-Paz and M. Ranzato (2017). "Gradient episodic memory for continual learning".
       NeurIPS 30.

    Examples
    --------
    >>> from skretrain.metrics import backward_transfer
    >>> scores = [[0.75, 0.5, 0.5], [0.5, 1.0, 0.5], [0.25, 0.75, 1.0]]
    >>> backward_transfer(scores)
    -0.375
    >>> backward_transfer(scores, average=False)
    array([-0.5 , -0.25,   nan])
    """
    scores = _checked("backward_transfer", scores)
    learned_at = _learned_at("backward_transfer", learned_at, scores)
    then = scores[learned_at, np.arange(scores.shape[1])]
    return _averaged(np.where(_is_past(learned_at, scores), scores[-1] - then, np.nan), average)


def forward_transfer(scores, baseline, *, learned_at=None, average=True):
    """Score on each concept right before it is learned, beyond that of a model that knows nothing.

    ``R[l_j - 1, j] - baseline_j``, the mean over all concepts but those learned at the first time
    [1]_.

    Parameters
    ----------
    scores : array-like of shape (n_times, n_concepts)
        ``R[i, j]`` is the score on held-out rows of concept `j` of the model at time `i`; greater
        is better (negate a loss). NaN where it is not known.

    baseline : float or array-like of shape (n_concepts,)
        Score on each concept of a model that has learned none: of a random initialisation, or of a
        :class:`~sklearn.dummy.DummyClassifier`.

    learned_at : array-like of int of shape (n_concepts,), default=None
        Time at which each concept had just been learned, a row of `scores`. None: concept `j` at
        time `j`.

    average : bool, default=True
        Whether to return the mean over the concepts, or one number for each.

    Returns
    -------
    transfer : float or ndarray of shape (n_concepts,)
        In the unit of the scores; NaN for a concept that was learned at the first time or of which
        a score is not known. Such concepts are left out of the mean, which is NaN without others.

    Raises
    ------
    ValueError
        If `scores` is no matrix of numbers, or `baseline` or `learned_at` does not fit it.

    See Also
    --------
    backward_transfer : On concepts after they were learned.

    References
    ----------
    .. [1] D. Lopez-Paz and M. Ranzato (2017). "Gradient episodic memory for continual learning".
       NeurIPS 30.

    Examples
    --------
    >>> from skretrain.metrics import forward_transfer
    >>> scores = [[0.75, 0.5, 0.5], [0.5, 1.0, 0.75], [0.25, 0.75, 1.0]]
    >>> forward_transfer(scores, baseline=0.5)
    0.125
    """
    scores = _checked("forward_transfer", scores)
    learned_at = _learned_at("forward_transfer", learned_at, scores)
    n_concepts = scores.shape[1]
    baseline = np.asarray(baseline)
    if baseline.dtype.kind not in "biuf" or baseline.shape not in ((), (n_concepts,)):
        accepted = f"a number, or one for each of the {n_concepts} concepts"
        refuse("forward_transfer", "baseline", accepted, baseline)
    before = scores[np.maximum(learned_at - 1, 0), np.arange(n_concepts)]
    return _averaged(np.where(learned_at > 0, before - baseline, np.nan), average)


def forgetting(scores, *, learned_at=None, average=True):
    """How far the score on each concept has fallen from the best that it ever was.

    ``max(R[i, j] for i < last) - R[last, j]``, the mean over all concepts that were learned before
    the last time [1]_. Negative: the last score is the best.

    Parameters
    ----------
    scores : array-like of shape (n_times, n_concepts)
        ``R[i, j]`` is the score on held-out rows of concept `j` of the model at time `i`; greater
        is better (negate a loss). NaN where it is not known.

    learned_at : array-like of int of shape (n_concepts,), default=None
        Time at which each concept had just been learned, a row of `scores`. None: concept `j` at
        time `j`.

    average : bool, default=True
        Whether to return the mean over the concepts, or one number for each.

    Returns
    -------
    forgetting : float or ndarray of shape (n_concepts,)
        In the unit of the scores; NaN for a concept that was learned at the last time, whose last
        score is not known, or none of whose earlier ones is. Such concepts are left out of the
        mean, which is NaN without others.

    Raises
    ------
    ValueError
        If `scores` is no matrix of numbers, or `learned_at` does not fit it.

    See Also
    --------
    backward_transfer : Against the score right after a concept was learned.
    skretrain.inspection.ForgettingDisplay : The whole matrix.

    References
    ----------
    .. [1] A. Chaudhry, P. K. Dokania, T. Ajanthan and P. H. S. Torr (2018). "Riemannian walk for
       incremental learning: understanding forgetting and intransigence". ECCV.

    Examples
    --------
    >>> from skretrain.metrics import forgetting
    >>> scores = [[0.75, 0.5, 0.5], [1.0, 1.0, 0.5], [0.25, 0.75, 1.0]]
    >>> forgetting(scores, average=False)
    array([0.75, 0.25,  nan])
    """
    scores = _checked("forgetting", scores)
    learned_at = _learned_at("forgetting", learned_at, scores)
    # -inf, unlike NaN, gives way to any score.
    earlier = np.where(np.isnan(scores[:-1]), -np.inf, scores[:-1])
    best = earlier.max(axis=0, initial=-np.inf)
    known = _is_past(learned_at, scores) & np.isfinite(best)
    return _averaged(np.where(known, best, np.nan) - scores[-1], average)


def reentry_error(y_true, y_pred, concepts, *, n_rows=100, loss="zero_one"):
    """Mean loss on the first rows after a concept comes back.

    A model that has kept what it knew of a concept is good from the first row of its return on; one
    that has forgotten has to learn it again.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets in order of arrival.

    y_pred : array-like of the same shape
        Predictions of the same rows, each made before its target was known.

    concepts : array-like of shape (n_samples,)
        The concept that each row is from: a number or a name. It returns where it differs from the
        row before and has been seen earlier.

    n_rows : int, default=100
        Rows after each return that count; fewer where the concept ends sooner.

    loss : {"zero_one", "absolute_error"}, default="zero_one"
        Loss per row: of labels, or of numbers. Of several outputs it is the mean.

    Returns
    -------
    error : float
        Mean over all these rows; NaN if no concept comes back.

    Raises
    ------
    ValueError
        If the arrays differ in length, or a parameter is not accepted.

    Examples
    --------
    >>> from skretrain.metrics import reentry_error
    >>> concepts = ["calm"] * 3 + ["storm"] * 3 + ["calm"] * 4
    >>> y_pred = [0, 0, 0, 0, 1, 1, 1, 0, 0, 0]
    >>> reentry_error([0, 0, 0, 1, 1, 1, 0, 0, 0, 0], y_pred, concepts, n_rows=2)
    0.5
    """
    check_integer("reentry_error", "n_rows", n_rows, least=1, what="a number of rows")
    check_choice("reentry_error", "loss", _LOSSES, loss)
    check_consistent_length(y_true, y_pred, concepts)
    y_true, y_pred = _same_shape("reentry_error", y_true=y_true, y_pred=y_pred)
    if loss == "zero_one" and is_continuous(y_true):
        refuse("reentry_error", "loss", "'absolute_error' where the targets are numbers", loss)
    rows = _rows_after_returns(column_or_1d(concepts), n_rows)
    if not rows.any():
        return float("nan")
    return float(_LOSSES[loss](y_true[rows], y_pred[rows]).mean())


def negative_flip_rate(y_true, y_pred_old, y_pred_new, *, sample_weight=None):
    """Share of rows that the old model has right and the new one has wrong.

    A new model may be better on the whole and still break what worked: its users notice the flips,
    not the mean [1]_.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Labels.

    y_pred_old, y_pred_new : array-like of the same shape
        Predictions of the two models.

    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    rate : float
        In [0, 1], of all rows, those that the old model has wrong included; of several outputs, the
        mean.

    Raises
    ------
    ValueError
        If the arrays differ in shape or are empty, or the weights are negative or sum to 0.

    See Also
    --------
    churn : All rows that are predicted otherwise, no label needed.
    skretrain.gates.PairedGate : A budget for flips, ``criteria={"negative_flips": 0.02}``.

    References
    ----------
    .. [1] S. Yan, Y. Xiong, K. Kundu, S. Yang, S. Deng, M. Wang, W. Xia and S. Soatto (2021).
       "Positive-congruent training: towards regression-free model updates". CVPR.

    Examples
    --------
    >>> from skretrain.metrics import negative_flip_rate
    >>> negative_flip_rate([0, 1, 1, 0], [0, 1, 0, 0], [0, 0, 1, 0])
    0.25
    """
    y_true, old, new = _same_shape(
        "negative_flip_rate", y_true=y_true, y_pred_old=y_pred_old, y_pred_new=y_pred_new
    )
    if is_continuous(y_true):
        raise ValueError(
            "negative_flip_rate: y_true holds continuous values, which no prediction hits; for "
            "numbers use churn with a tolerance, or pass which were near enough, as True or False."
        )
    flipped = negative_flips(old == y_true, new == y_true)
    return _weighted_share("negative_flip_rate", flipped, sample_weight)


def churn(y_pred_old, y_pred_new, *, tolerance=None, sample_weight=None):
    """Share of rows that two models predict differently.

    It bounds how much a replacement can change, for better or worse, and needs no labels [1]_.

    Parameters
    ----------
    y_pred_old, y_pred_new : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Predictions of the two models.

    tolerance : float, default=None
        Of numbers: the change, in their unit, beyond which a prediction counts as another. None:
        every change counts, as with labels.

    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    churn : float
        In [0, 1]; of several outputs, the mean.

    Raises
    ------
    ValueError
        If the arrays differ in shape or are empty, `tolerance` is negative or the predictions are
        no numbers for it, or the weights are negative or sum to 0.

    See Also
    --------
    negative_flip_rate : Those of the changes that are for the worse.

    References
    ----------
    .. [1] M. Milani Fard, Q. Cormier, K. Canini and M. Gupta (2016). "Launch and iterate: reducing
       prediction churn". NeurIPS 29.

    Examples
    --------
    >>> from skretrain.metrics import churn
    >>> churn(["a", "b", "b", "a"], ["a", "a", "b", "a"])
    0.25
    >>> churn([1.0, 2.0, 3.0, 4.0], [1.1, 2.5, 3.0, 4.0], tolerance=0.2)
    0.25
    """
    check_number(
        "churn", "tolerance", tolerance, least=0, what="a change of numbers", otherwise=(None,)
    )
    old, new = _same_shape("churn", y_pred_old=y_pred_old, y_pred_new=y_pred_new)
    if tolerance is None:
        if is_continuous(old) or is_continuous(new):
            refuse("churn", "tolerance", "a number where the predictions are continuous", tolerance)
        return _weighted_share("churn", old != new, sample_weight)
    if old.dtype.kind not in "biuf" or new.dtype.kind not in "biuf":
        refuse("churn", "tolerance", "None unless the predictions are numbers", tolerance)
    change = np.abs(new.astype(np.float64) - old)
    return _weighted_share("churn", change > tolerance, sample_weight)


def is_continuous(values):
    """Tell numbers with fractions, which are no labels."""
    return values.dtype.kind == "f" and bool((values != np.round(values)).any())


def negative_flips(was_right, is_right):
    """Return which rows were right and are wrong: the one idea of a negative flip.

    Parameters
    ----------
    was_right, is_right : ndarray of bool
        Of the old and the new model, for each row.
    """
    return was_right & ~is_right


def _checked(function, scores):
    """Return a matrix of scores as floats; NaN is allowed."""
    wanted = "a matrix of numbers with a row for each time and a column for each concept"
    try:
        matrix = np.asarray(scores, dtype=np.float64)
    except (TypeError, ValueError):
        refuse(function, "scores", wanted, scores)
    if matrix.ndim != 2 or not matrix.size:
        raise ValueError(f"{function}: scores has shape {matrix.shape}; pass {wanted}.")
    if np.isinf(matrix).any():
        raise ValueError(f"{function}: scores has infinite values; pass NaN for what is not known.")
    return matrix


def _learned_at(function, learned_at, scores):
    """Return the time at which each concept had been learned."""
    n_times, n_concepts = scores.shape
    if learned_at is None and n_times == n_concepts:
        return np.arange(n_concepts)
    times = np.asarray(learned_at)
    sound = times.shape == (n_concepts,) and times.dtype.kind in "iu"
    if not sound or times.min() < 0 or times.max() >= n_times:
        accepted = (
            f"one time from 0 to {n_times - 1} for each of the {n_concepts} concepts (None only if "
            "there are as many times as concepts)"
        )
        refuse(function, "learned_at", accepted, learned_at)
    return times


def _is_past(learned_at, scores):
    return learned_at < len(scores) - 1


def _averaged(values, average):
    if not average:
        return values
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _rows_after_returns(concepts, n_rows):
    """Return which rows are among the first `n_rows` after a return of their concept."""
    starts = np.flatnonzero(np.r_[True, concepts[1:] != concepts[:-1]]) if len(concepts) else []
    counts, seen = np.zeros(len(concepts), dtype=bool), set()
    for start, stop in zip(starts, [*starts[1:], len(concepts)]):
        if concepts[start] in seen:
            counts[start : min(stop, start + n_rows)] = True
        seen.add(concepts[start])
    return counts


def _same_shape(function, **arrays):
    """Return arrays of one shape; a single column is flattened, as scikit-learn does."""
    flat = [np.asarray(values) for values in arrays.values()]
    flat = [y.ravel() if y.ndim == 2 and y.shape[1] == 1 else y for y in flat]
    shapes = {name: y.shape for name, y in zip(arrays, flat)}
    if len(set(shapes.values())) > 1 or flat[0].ndim not in (1, 2):
        told = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(
            f"{function}: the arrays must have one value per row, or per row and output, and the "
            f"same shape; got {told}."
        )
    return flat


def _weighted_share(function, happened, sample_weight):
    """Return the weighted share of rows in which something happened."""
    if not happened.size:
        raise ValueError(f"{function}: there are no rows; pass at least one.")
    share = happened.mean(axis=1) if happened.ndim > 1 else happened
    if sample_weight is None:
        return float(share.mean())
    check_consistent_length(share, sample_weight)
    weight = column_or_1d(sample_weight).astype(np.float64)
    if (weight < 0).any() or not 0 < weight.sum() < np.inf:
        raise ValueError(
            f"{function}: sample_weight must be finite, not negative, and more than 0 for at least "
            "one row."
        )
    return float(np.average(share, weights=weight))
