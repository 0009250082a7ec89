"""A column that says how much each row counts in what is learned."""

from inspect import Parameter, signature

import numpy as np
from sklearn.utils.validation import has_fit_parameter

from ..compose._structure import predictor_of
from ..compose._update import weight_name
from ..utils._words import counted
from ._columns import as_numbers, check_column, holds_dates
from ._errors import CommandError

_NAME = "--sample-weight"


def check_sole_column(option, what, table, column, **others):
    """Refuse a column that is not there, or that is something else besides.

    Parameters
    ----------
    option, what : str
        Which option names it, and what it holds.
    table : DataFrame
        The file.
    column : str or None
        Its name, if it is given.
    **others : str, None or sequence of str
        What other options name, by their names.
    """
    if column is None:
        return
    check_column(table, column, option)
    for other, named in others.items():
        if column == named or (isinstance(named, (list, tuple)) and column in named):
            raise CommandError(
                f"{option} {column!r} is named by --{other}, too; {what} is neither learned from "
                "nor anything else. Leave one of them out."
            )


def check_weight_column(table, column, **others):
    """Refuse a column of weights that is not there, or that is something else besides."""
    check_sole_column(_NAME, "a weight", table, column, **others)


def with_weights(table, column, notices):
    """Take a column of weights out of a table, and the rows that do not count.

    Returns
    -------
    table : DataFrame
        The rows whose weight is not zero, without the column.
    weights : ndarray of shape (n_rows,)
        Theirs.
    counts : ndarray of bool
        Which rows of the table these are.
    """
    weights = checked_weights(table[column])
    counts = weights > 0
    n_zero = int((~counts).sum())
    if n_zero == len(table):
        raise CommandError(
            f"{_NAME} {column!r} is 0 in every row, so that none counts; name another column."
        )
    if n_zero:
        notices.append(f"{counted(n_zero, 'row')} whose {column!r} is 0 left out")
    table = table[counts].drop(columns=column).reset_index(drop=True)
    return table, weights[counts], counts


def checked_weights(values):
    """Return a column of weights as numbers."""
    name, missing = f"{_NAME} {values.name!r}", int(values.isna().sum())
    if missing:
        raise CommandError(
            f"{name} has {counted(missing, 'missing value')}; fill in 1, or 0 for "
            "rows that are not to count, or drop the rows."
        )
    weights = None if holds_dates(values) else as_numbers(values)
    if weights is None:
        raise CommandError(
            f"{name} holds {values.iloc[0]!r}, which is no number; name a column of numbers of at "
            "least 0, or convert it."
        )
    bad = np.flatnonzero(~((weights >= 0) & np.isfinite(weights)))
    if len(bad):
        raise CommandError(
            f"{name} holds {weights[bad[0]]:g}, and a weight is a finite number of at least 0; "
            "convert the column, or drop such rows."
        )
    return weights


def weights_for(model, column, weights):
    """Return the per-row arguments of a model's fits: none, or the weights under its own name.

    Raises
    ------
    CommandError
        If the model takes none.
    """
    if weights is None:
        return {}
    predictor, _ = predictor_of(model)
    name = weight_name(model)
    if not name or not _takes_weights(predictor):
        raise CommandError(
            f"{_NAME} {column!r}: {type(predictor).__name__} takes no sample_weight; leave it out, "
            "or choose a model whose fit takes it, such as --estimator sgd."
        )
    return {name: weights}


def _takes_weights(predictor):
    kinds = [param.kind for param in signature(predictor.fit).parameters.values()]
    return has_fit_parameter(predictor, "sample_weight") or Parameter.VAR_KEYWORD in kinds


def weights_in_words(column, params):
    """Return what is said of weights beside the other facts."""
    weights = np.concatenate([values for one in params for values in one.values()])
    return (
        f"{column}, from {weights.min():g} to {weights.max():g}: for what is learned; the score "
        "counts all rows alike"
    )
