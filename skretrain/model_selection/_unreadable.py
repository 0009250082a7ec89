"""Rows that a model cannot read: told from errors, found one by one, and left out of the scores."""

import warnings

import numpy as np

from ..exceptions import SkretrainWarning
from ..utils._clone import cloned
from ..utils._containers import n_rows, take_rows
from ..utils._warn import warn_user
from ._batches import joined_batches


def answered(model, batch, methods, *, watch, past=None):
    """Return what a model answers for the rows that it can read, and which rows these are.

    Parameters
    ----------
    model : estimator
        Fitted; a retrainer is asked whether it would be fitted anew for these rows.
    batch : Batch
        Rows, and their targets.
    methods : list of str
        What to ask for.
    watch : CostMeter
        Measures the predictions that are returned.
    past : Batch or None, default=None
        Rows that a model may need besides, to be fitted at all.

    Returns
    -------
    outputs : dict of str to ndarray
        Empty where no row can be read.
    readable : ndarray of bool of shape (n_rows,)
        False for rows such as those with a category that an encoder never saw.

    Raises
    ------
    Exception
        What the model raises, if a fit on these rows does not help: then the rows are not at fault.
    """
    X = batch.X
    try:
        with watch.predicting():
            return _answers(model, X, methods), np.ones(n_rows(X), dtype=bool)
    except Exception:
        if not _can_be_learned(model, batch, methods, past):
            raise
    readable = readable_rows(lambda rows: _answers(model, rows, methods), X)
    if not readable.any():
        return {}, readable
    with watch.predicting():
        return _answers(model, take_rows(X, readable), methods), readable


def _answers(model, X, methods):
    return {method: getattr(model, method)(X) for method in methods}


def _can_be_learned(model, batch, methods, past):
    """Tell whether a model that is fitted on these rows, too, can read them."""
    parts = [batch] if past is None else [past, batch]

    def reads_them():
        if hasattr(model, "_examine"):
            return model._examine(batch.X, batch.y, None, batch.params).batch.relearned is not None
        fresh = cloned(model)
        fresh.__dict__.pop("_skl_callbacks", None)
        _answers(joined_batches(parts).learned_by(fresh.fit), batch.X, methods)
        return True

    return _tried(reads_them)


def _tried(question):
    """Return the answer of a fit that nobody will see, without its warnings; False if it fails."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return question()
        except Exception:
            return False


def can_be_learned(learner, rows):
    """Tell whether a model that is fitted on rows can read all of them: none is at fault.

    Parameters
    ----------
    learner : Learner
        Fits it.
    rows : Rows
        Among them those that another model cannot read.

    Returns
    -------
    can : bool
        False where they are an error, and no reason to go on without them.
    """
    return _tried(lambda: learner.fresh(rows, 0).predict(rows.X) is not None)


def readable_rows(ask, X):
    """Return which rows can be read, by halving those that cannot be read together.

    Parameters
    ----------
    ask : callable
        ``ask(rows)`` raises where it cannot read one of the rows.
    X : container
        Rows that cannot be read together.

    Returns
    -------
    readable : ndarray of bool of shape (n_rows,)
        False for each row that cannot be read alone.
    """
    readable = np.ones(n_rows(X), dtype=bool)
    spans = _halves(0, len(readable))
    while spans:
        first, stop = spans.pop()
        try:
            ask(take_rows(X, slice(first, stop)))
        except Exception:
            if stop - first == 1:
                readable[first] = False
            else:
                spans += _halves(first, stop)
    return readable


def _halves(first, stop):
    middle = (first + stop) // 2
    return [(a, b) for a, b in ((first, middle), (middle, stop)) if a < b]


def warn_of_unpredicted(readable, owner, outcome):
    """Warn of rows that no prediction was made for, where no result can tell of them."""
    warn_user(
        f"{owner}: {(~readable).sum():,} of {len(readable):,} rows could not be read by the model "
        f"of their time, such as those with a category that it never saw; they are {outcome}.",
        SkretrainWarning,
    )


def summed_losses(losses, predicted, starts, counted=None):
    """Return the summed loss of each batch.

    A row that was not predicted counts as the mean of those of its batch that were, or, if none
    was, of all: to read less is no way to lose less.

    Parameters
    ----------
    losses : ndarray of shape (n_predicted,)
        Of the rows that were predicted.
    predicted : ndarray of bool of shape (n_rows,)
        Which these are.
    starts : ndarray of int
        First row of each batch.
    counted : ndarray of bool of shape (n_rows,) or None, default=None
        Rows that are scored; None is all.

    Returns
    -------
    sums : ndarray of shape (n_batches,)
        Infinite where no row was predicted at all.
    """
    counted = np.ones(len(predicted), dtype=bool) if counted is None else counted
    by_row = np.zeros(len(predicted))
    by_row[predicted] = losses
    known = predicted & counted
    sums = np.add.reduceat(np.where(known, by_row, 0.0), starts)
    n_known, n_counted = (
        np.add.reduceat(rows.astype(np.int64), starts) for rows in (known, counted)
    )
    return whole_losses(sums, n_known, n_counted)


def whole_losses(sums, n_known, n_counted):
    """Return the summed loss of each batch, from that of the rows of it that were predicted.

    Parameters
    ----------
    sums : ndarray of shape (n_batches,)
        Loss on the rows that were predicted.
    n_known, n_counted : ndarray of int of shape (n_batches,)
        How many these are, and how many are scored.

    Returns
    -------
    sums : ndarray of shape (n_batches,)
        As of :func:`summed_losses`.
    """
    sums = sums.copy()
    usual = sums.sum() / n_known.sum() if n_known.any() else np.inf
    partly, unknown = (n_known > 0) & (n_known < n_counted), (n_known == 0) & (n_counted > 0)
    sums[partly] *= n_counted[partly] / n_known[partly]
    sums[unknown] = usual * n_counted[unknown]
    return sums
