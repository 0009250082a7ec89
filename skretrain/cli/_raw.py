"""Which models get the table's own columns, as a data frame, and which of them."""

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline

from ..compose._structure import is_word
from ._columns import check_column, some
from ._errors import CommandError, as_sentence

_TAKES_NUMBERS = "SquashingScaler"  # of all that skrub has


def why_raw(base, *, asked, columns=()):
    """Return why a model gets the table's own columns; an empty text if it gets numbers.

    Parameters
    ----------
    base : estimator
        The model.
    asked : bool
        Whether ``--raw`` was given.
    columns : sequence of str, default=()
        Those that it was fitted on.
    """
    if len(columns):
        return "those that the model was fitted on"
    if asked:
        return "--raw"
    reader = _reader_of(base)
    return "" if reader is None else f"the model begins with a {type(reader).__name__}"


def way_out(*, is_raw):
    """Return what to do about a model that has failed."""
    if is_raw:
        return (
            "It got the table's own columns (see --raw): begin its pipeline with what turns them "
            "into numbers and fills gaps, or leave --raw out, where it was given."
        )
    return (
        "Choose another --estimator, put what it needs before it in a pipeline, or hand it the "
        "table's own columns with --raw."
    )


def columns_of(model):
    """Return the names of the columns that a model was fitted on, if any."""
    return list(getattr(model, "feature_names_in_", ()))


def as_array(frame):
    """Return a table as bare numbers, for a model that was fitted on such."""
    try:
        return frame.to_numpy(dtype=float)
    except (TypeError, ValueError) as error:
        raise CommandError(
            f"--model was fitted on bare numbers, and the files hold more: {as_sentence(error)} "
            "Fit it on a data frame, with what encodes the columns in a pipeline."
        ) from error


# option -> what it does to a column, and the way out for a model that was fitted on it
_TAKEN = {
    "--target": ("is to be predicted", "Bring a model that does not learn from what it predicts."),
    "--time": (
        "--time sorts by and takes out",
        "Name a copy of the column with --time, or leave --time out if the file is in its order.",
    ),
    "--sample-weight": ("--sample-weight takes out", "Name a copy of the column with it."),
    "--drop": ("--drop leaves out", "Leave that option out, or fit the model without the column."),
    "--id": ("--id leaves out", "Leave that option out, or fit the model without the column."),
}


def check_known_columns(known, columns, options, otherwise):
    """Refuse a model that was fitted on columns that it does not get.

    Parameters
    ----------
    known : list of str
        What it was fitted on.
    columns : sequence of str
        What there is to learn from.
    options : dict of str to (str, None or sequence of str)
        Columns that are taken out, by the option that names them.
    otherwise : str
        What to say of columns that none of them has taken out, before their names.
    """
    lost = [name for name in known if name not in columns]
    for option, named in options.items():
        taken = [name for name in lost if name == named or name in _listed(named)]
        if taken:
            does, way = _TAKEN[option]
            raise CommandError(f"--model was fitted on {some(taken)}, too, which {does}. {way}")
    if lost:
        raise CommandError(f"--model was fitted on columns that {otherwise}: {some(lost)}.")


def _listed(named):
    return named if isinstance(named, (list, tuple)) else ()


def check_named_columns(base, table, *, left_out=()):
    """Refuse a model whose ColumnTransformer names columns that it does not get.

    Parameters
    ----------
    base : estimator
        The model.
    table : DataFrame
        What it gets.
    left_out : sequence of str, default=()
        Columns of the file that it would get if it were asked for.
    """
    lost = [name for name in _named_columns(_reader_of(base)) if name not in table.columns]
    out = [name for name in lost if name in left_out]
    if out:
        raise CommandError(
            f"the model names {some(out)} among its columns, left out as telling the time or "
            f"naming the rows; add {' '.join(f'--keep {name}' for name in out)}."
        )
    for name in lost:
        check_column(table, name, "the model's column")


def _reader_of(model):
    """Return what reads the columns of a data frame first in a model, or None."""
    if isinstance(model, ColumnTransformer) or _is_of_skrub(model):
        return model
    return next(filter(None, map(_reader_of, _first_parts(model))), None)


def _first_parts(model):
    """Return what gets the columns as they come to a composed model."""
    if isinstance(model, Pipeline):
        return [step for _, step in model.steps if not is_word(step)][:1]
    if isinstance(model, FeatureUnion):
        return [part for _, part in model.transformer_list]
    inner = (getattr(model, name, None) for name in ("regressor", "estimator"))
    return [part for part in inner if hasattr(part, "fit")]


def _is_of_skrub(model):
    kinds = type(model).__mro__
    is_of_skrub = any(kind.__module__.partition(".")[0] == "skrub" for kind in kinds)
    return is_of_skrub and all(kind.__name__ != _TAKES_NUMBERS for kind in kinds)


def _named_columns(reader):
    if not isinstance(reader, ColumnTransformer):
        return []
    # A name, names, numbers, a slice, a mask or a function.
    given = (np.ravel(np.array(columns, dtype=object)) for _, _, columns in reader.transformers)
    return [name for names in given for name in names if isinstance(name, str)]
