"""Columns of every kind to numbers, by what the rows of the warm-up show and by nothing else."""

import warnings

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from ..utils._clone import cloned
from ._columns import some
from ._errors import CommandError, as_sentence, needed

# What skrub calls the kinds of columns -> what the reader calls them.
_KINDS = {
    "numeric": "numbers",
    "datetime": "dates",
    "low_cardinality": "categories",
    "high_cardinality": "text",
}


def encoded(table, warm_up, base):
    """Return a table as numbers, encoded as skrub's ``tabular_pipeline`` does for an estimator.

    The encoding is learned from the rows of the warm-up, once for all policies: they see the same
    numbers, ``partial_fit`` meets the same columns for ever, and nothing is known before its time.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
        The columns to learn from.
    warm_up : int
        Rows that the encoding may look at.
    base : estimator
        Trees get codes and missing values as they are, where they can; all others scaled, imputed
        numbers.

    Returns
    -------
    X : ndarray of shape (n_rows, n_features)
        The numbers.
    how : str
        How many columns of which kind became how many numbers.
    notices : list of str
        Columns that were left out or need a word.

    Raises
    ------
    CommandError
        If no column is left, or one cannot be encoded.
    """
    first = table.iloc[:warm_up]
    empty = [name for name in table.columns if first[name].isna().all()]
    notices = []
    if empty:
        notices.append(f"left out, without a value in the warm-up: {some(empty)}")
    if len(empty) == table.shape[1]:
        raise CommandError(f"no column is left to learn from; {notices[0]}. Raise --warm-up.")
    table, first = table.drop(columns=empty), first.drop(columns=empty)
    constant = [name for name in table.columns if first[name].astype(str).nunique() == 1]
    if constant:
        notices.append(
            f"the same in every row of the warm-up, which learns nothing from it: {some(constant)}"
        )
    encoder = encoder_for(base)
    X = _numbers(encoder, table, warm_up)
    kinds = encoder[0].kind_to_columns_
    notices.extend(_new_categories(table, kinds["low_cardinality"], warm_up))
    counts = [f"{len(kinds[kind])} of {name}" for kind, name in _KINDS.items() if kinds[kind]]
    return X, f"{', '.join(counts)}; encoded as {X.shape[1]:,} numbers by skrub", notices


def encoder_for(base):
    """Return what ``tabular_pipeline`` puts before the estimator, with fixed seeds."""
    model = cloned(base.steps[-1][1] if isinstance(base, Pipeline) else base)
    if getattr(model, "categorical_features", None) == "from_dtype":
        # Codes instead of pandas categories: the same array of numbers for every policy.
        model.set_params(categorical_features=None)
    encoder = needed("skrub").tabular_pipeline(model)[:-1]
    seeds = {name for name in encoder.get_params() if name.endswith("random_state")}
    encoder.set_params(**dict.fromkeys(seeds, 0))
    finite = FunctionTransformer(_without_infinities, feature_names_out="one-to-one")
    encoder.steps.insert(1, ("finite", finite))
    return encoder


def _without_infinities(frame):
    return frame.replace([np.inf, -np.inf], np.nan)


def _numbers(encoder, table, warm_up):
    with warnings.catch_warnings():
        # Categories and dates that come later are announced by a notice.
        warnings.simplefilter("ignore")
        try:
            encoder.fit(table.iloc[:warm_up])
            return _scaled(encoder, table)
        except (TypeError, ValueError) as error:
            raise CommandError(
                f"the columns could not be turned into numbers: {as_sentence(error)} Drop or "
                "convert the column."
            ) from error


def _scaled(encoder, table):
    scaler = encoder.named_steps.get("squashingscaler")
    if scaler is None:
        return np.asarray(encoder.transform(table), dtype=float)
    numbers = np.asarray(encoder[:-1].transform(table), dtype=float)
    scaled = np.array(scaler.transform(numbers), dtype=float)
    # The scaler turns a column that was constant in the warm-up to zero for ever, also when it
    # begins to vary; here it keeps its own unit, within the same bound.
    constant, bound = scaler.zero_cols_, scaler.max_absolute_value
    moved = numbers[:, constant] - numbers[0, constant]
    scaled[:, constant] = moved / np.sqrt(1 + (moved / bound) ** 2)
    return scaled


def _new_categories(table, names, warm_up):
    """Say of each column which categories the warm-up does not show."""
    for name in names:
        values = table[name].dropna().astype(str)
        first = values[values.index.isin(table.index[:warm_up])]
        new = values[~values.isin(first)].unique()
        if len(new):
            yield (
                f"{name!r} has {len(new):,} value(s) that the warm-up does not show, such as "
                f"{new[0]!r}; they are encoded as unknown"
            )
