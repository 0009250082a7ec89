"""Per-row arguments of ``fit`` and ``partial_fit``, sample_weight first of all: checked, found."""

import numpy as np

from .._mixture import MixtureRetrainer
from .._mixture._members import names_and_members, weight_names
from .._retrainer._border import checked_params
from .._retrainer._estimator import BaseRetrainer
from ..compose._update import weight_name


def checked_row_params(estimator, params, size, *, name="params"):
    """Return per-row arguments as arrays, or raise what is wrong with them before any fit.

    Parameters
    ----------
    estimator : estimator
        What gets them.
    params : dict of str to array-like, or None
        None is none; so is a value of None.
    size : int
        Number of rows.
    name : str, default="params"
        What the caller calls them.

    Returns
    -------
    params : dict of str to ndarray of shape (size, ...)
        As `estimator` takes them.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skretrain.model_selection._row_params import checked_row_params
    >>> checked_row_params(GaussianNB(), {"sample_weight": [1, -2]}, 2)
    Traceback (most recent call last):
        ...
    ValueError: params: sample_weight is -2.0 in row 1, and has to be a finite number of at least 0.
    Give 0 to a row that is not to count.
    """
    if params is None:
        return {}
    if not isinstance(params, dict):
        raise ValueError(
            f"{name}={params!r}: pass a dict of arrays with a value for each row, such as "
            "{'sample_weight': weight}, or None."
        )
    for weight in weight_names_of(estimator) & params.keys():
        _check_weight(f"{name}: {weight}", params[weight])
    try:
        return checked_params(params, size)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _check_weight(name, weight):
    if weight is None or np.ndim(weight) != 1:
        return
    try:
        numbers = np.asarray(weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} has to be numbers: {error}.") from error
    bad = np.flatnonzero(~((numbers >= 0) & np.isfinite(numbers)))
    if len(bad):
        raise ValueError(
            f"{name} is {numbers[bad[0]]} in row {bad[0]}, and has to be a finite number of at "
            "least 0. Give 0 to a row that is not to count."
        )


def weight_names_of(estimator):
    """Return the names under which an estimator takes the weight of a row.

    Parameters
    ----------
    estimator : estimator
        A retrainer, a mixture of some, or any other.

    Returns
    -------
    names : set of str
        A pipeline names the step; with metadata routing there may be another name.
    """
    if isinstance(estimator, MixtureRetrainer):
        return set(weight_names(names_and_members(estimator.estimators)[1]))
    base = estimator.estimator if isinstance(estimator, BaseRetrainer) else estimator
    return {weight_name(base)} - {False}


def counted_rows(estimator, params, start, *, scores=True):
    """Return which rows count, those whose weight is not zero, or None where all do.

    Parameters
    ----------
    estimator : estimator
        What gets the arguments.
    params : dict of str to ndarray
        Checked.
    start : int
        Rows of the first fit.
    scores : bool, default=True
        Whether later rows are scored.

    Returns
    -------
    counted : ndarray of bool of shape (n_rows,) or None
        The others are neither learned nor scored.

    Raises
    ------
    ValueError
        If no row of the first fit counts, or none that is scored.
    """
    counted = weight_mask(estimator, params)
    if counted is None or counted.all():
        return None
    check_any_counts(estimator, params, "of the first fit", slice(start))
    if scores:
        check_any_counts(estimator, params, "that are scored", slice(start, None))
    return counted


def weight_mask(estimator, params):
    """Return which rows have another weight than zero; None where there are no weights."""
    name = _weight_in(estimator, params)
    return params[name] != 0 if name else None


def _weight_in(estimator, params):
    return min(weight_names_of(estimator) & params.keys(), default=None) if params else None


def check_any_counts(estimator, params, what, rows=slice(None)):
    """Raise ValueError where all rows, of those in a slice, have the weight zero."""
    name = _weight_in(estimator, params)
    if name and not params[name][rows].any():
        raise ValueError(
            f"params: {name} is 0 in all rows {what}, so that none of them counts. Pass another "
            "initial_size, or weights above 0."
        )
