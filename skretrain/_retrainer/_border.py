"""The border: input becomes rows, or one error, before anything changes."""

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import assert_all_finite, get_tags
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.validation import check_consistent_length, column_or_1d, validate_data

from ..buffers import Rows
from ..utils._containers import as_container, n_rows
from ..utils._labels import is_missing
from ..utils._sklearn_api import routing_enabled


def checked_rows(estimator, state, X, y, params, method, *, reset):
    """Return a batch as rows, or raise ValueError for what is wrong with it.

    Parameters
    ----------
    estimator : BaseRetrainer
        Whose columns and base the batch must suit.
    state : State
        What it has learned so far.
    X : ndarray, sparse matrix, DataFrame or list
        Rows, in a container that can be cut.
    y : array-like or None
        Targets.
    params : dict
        Per-row metadata.
    method : {"fit", "partial_fit"}
        What was called.
    reset : bool
        Whether these columns are the first ones.

    Returns
    -------
    rows : Rows
        With the stream row of each.
    """
    serving = state.serving
    if reset:
        validate_data(estimator, X, y, reset=True, skip_check_array=True)
        for part in (state.parts.trigger, state.parts.buffer, state.parts.gate):
            if part is not None:
                part._check_columns(X)  # else it would complain batch by batch
    else:
        check_columns(estimator, X, state.service)
    if method == "partial_fit" and serving is None:
        _check_finite(estimator, X)
    y = _checked_target(estimator, state, y, method)
    size = n_rows(X)
    if y is not None and y.shape[:1] != (size,):
        check_consistent_length(X, y)  # for its message
    if params:
        params = {name: values for name, values in params.items() if values is not None}
        if routing_enabled():
            process_routing(estimator, method, **params)
        params = checked_params(params, size)
    index = np.arange(state.log.n_seen, state.log.n_seen + size)
    rows = Rows(in_known_types(X, state), y, params, index)
    if reset and state.parts.trigger is not None:
        state.parts.trigger._check_targets(
            state.parts.learner.targets_of(rows), state.settings.task
        )
    return rows


def unlabelled_rows(estimator, state, X):
    """Return rows without targets, or raise ValueError where the columns are others.

    Parameters
    ----------
    estimator : BaseRetrainer
        Fitted.
    state : State
        What it has learned so far.
    X : ndarray, sparse matrix, DataFrame or list
        Rows, in a container that can be cut.

    Returns
    -------
    rows : Rows
        Numbered from the first one that was shown in this way.
    """
    check_columns(estimator, X, state.service)
    start = state.n_observed or 0
    return Rows(in_known_types(X, state), None, {}, np.arange(start, start + n_rows(X)))


def check_columns(estimator, X, service):
    """Raise ValueError for other columns than those of the first call, if nobody else will.

    The names in a data frame are passed over by boosters of other libraries, and by pipelines
    that begin with a ColumnTransformer.
    """
    # A model that is asked to predict, and that counts, says itself what is wrong.
    model = None if service.serving is None else service.serving.model
    is_asked = hasattr(model, "n_features_in_") and hasattr(model, "predict")
    if not is_asked or has_other_columns(estimator, X, service.types):
        validate_data(estimator, X, reset=False, skip_check_array=True)


def _check_finite(estimator, X):
    """Refuse rows that would wait in the buffer only to make the first fit fail."""
    if _has_parts(estimator.estimator):
        return  # a pipeline may impute, and neither its tags nor those around it say so
    values = X.tocsr().data if issparse(X) else np.asarray(X)
    if values.dtype.kind == "f" and not get_tags(estimator.estimator).input_tags.allow_nan:
        assert_all_finite(values, input_name="X")


def _checked_target(estimator, state, y, method):
    task = state.settings.task
    if task == "unsupervised":
        base = estimator.estimator
        if y is not None and not _ignores_target(get_tags(base)):
            raise ValueError(
                f"{type(base).__name__} does not say whether it is a classifier or a "
                "regressor, so that y has no meaning: let it inherit ClassifierMixin or "
                "RegressorMixin of sklearn.base."
            )
        return None
    if y is None:
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires y to be passed, but the target y "
            "is None."
        )
    y = y.toarray() if issparse(y) else np.asarray(y)
    if y.ndim != 1:
        y = _checked_columns(estimator, state, y, method)
    check_values(y)
    if task == "regression" and y.dtype.kind in "OUS":
        y = _as_numbers(y)
    if y.dtype.kind in "fO":
        assert_all_finite(y, input_name="y")
    return y


def _ignores_target(tags):
    """Tell whether y means nothing to a base; a pipeline hands it to a transformer all the same."""
    is_transformer = tags.transformer_tags is not None and not tags.target_tags.required
    return tags.estimator_type is not None or is_transformer


def check_values(y):
    """Raise ValueError for targets of which nobody can make anything: missing, or durations."""
    if y.dtype.kind in "mM":
        raise ValueError(
            f"y holds {y.dtype.name}s: turn them into numbers, of hours or days, say, or into text "
            "for classes."
        )
    if y.dtype.kind == "O":
        missing = int(is_missing(y).sum())
        if missing:
            raise ValueError(
                f"Input y contains NaN, None or pandas.NA: {missing} of {y.size} value(s). Leave "
                "out the rows without a target, or wait for it."
            )
        kinds = {isinstance(value, str) for value in y.ravel().tolist()}
        if len(kinds) > 1:
            raise ValueError("y mixes text and numbers: convert it to one kind.")


def _as_numbers(y):
    try:
        return y.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"y must be numeric for a regressor: {error}.") from error


def checked_classes(classes):
    """Return the labels that a caller announces as a list or an array, or raise ValueError.

    Of several outputs it is a list with the labels of each.
    """
    if classes is None:
        return None
    is_one = not hasattr(classes, "__len__") or getattr(classes, "shape", None) == ()
    if is_one or isinstance(classes, (set, frozenset, str, bytes, dict)):
        raise ValueError(
            f"classes={classes!r} must be a list or an array of class labels, such as [0, 1, 2]."
        )
    for labels in [classes] if not len(classes) or np.ndim(classes[0]) == 0 else classes:
        labels = np.asarray(labels)
        if labels.dtype.kind in "fO" and is_missing(labels).any():
            raise ValueError(f"classes={classes!r} holds a missing value, which is no label.")
    return classes


def _checked_columns(estimator, state, y, method):
    """Make one column of labels flat; wider targets are the base's to refuse, once."""
    several = get_tags(estimator.estimator).target_tags.multi_output
    narrow = y.shape[1:] == (1,) and not (several and state.settings.task == "regression")
    # Rows that wait for the first fit are not seen by the base: its tags must do, although not
    # all that take several outputs say so.
    waits = state.settings.initial_size and method == "partial_fit" and state.serving is None
    if narrow or (waits and not several) or state.y_ndim == 1:
        return column_or_1d(y, warn=True)
    return y


def queried(estimator, X, types=None):
    """Return rows to predict; a frame with other columns than those of ``fit`` raises.

    Parameters
    ----------
    estimator : BaseRetrainer or MixtureRetrainer
        Fitted.
    X : array-like of shape (n_samples, n_features)
        Rows.
    types : ColumnTypes or None, default=None
        Those of the rows that it has learned, where it knows them.

    Returns
    -------
    X : ndarray, sparse matrix, DataFrame or list
        The rows, in the container in which the models take them.

    Raises
    ------
    ValueError
        If the names of the columns are not those of the first call.
    """
    X = as_container(X)
    if has_other_columns(estimator, X, types):
        validate_data(estimator, X, reset=False, skip_check_array=True)
    return X


def has_other_columns(estimator, X, types=None):
    """Tell whether a frame has other columns than the one of the first call.

    Comparing the names takes microseconds, where ``validate_data`` takes a fifth of a millisecond:
    it is left to word the error. The types of earlier rows compare them without listing them.
    """
    names = getattr(estimator, "feature_names_in_", None)
    if names is None or not hasattr(X, "columns"):
        return False
    if types is not None and types.has_columns_of(X):
        return False
    return list(X.columns) != names.tolist()


def checked_params(params, size):
    """Return per-row metadata as arrays, without what is None, or raise where it is no such."""
    checked = {}
    for name, values in params.items():
        if values is None:
            continue
        values = np.asarray(values)
        if values.ndim == 0 or len(values) != size:
            raise ValueError(
                f"{name} must hold one value per row: got shape {values.shape} for {size} "
                "rows. What does not belong to rows is a parameter of the estimator: set it "
                "there."
            )
        if name == "sample_weight":
            if values.ndim > 1:
                raise ValueError(
                    f"sample_weight must be one-dimensional: got shape {values.shape}. Pass "
                    "sample_weight.ravel()."
                )
            assert_all_finite(values, input_name="sample_weight")
        checked[name] = values
    return checked


def _has_parts(estimator):
    params = estimator.get_params(deep=False)
    return "steps" in params or any(hasattr(value, "fit") for value in params.values())


def in_known_types(X, state):
    """Bring rows to the types of those before.

    Compiled learners refuse single precision after double, and the reverse; boosters, a column of
    a frame that has become another, a categorical one without a value, say.
    """
    if not isinstance(X, np.ndarray):
        return X if state.service.types is None else state.service.types.aligned(X)
    dtype = state.dtype
    if dtype is None or not X.dtype.kind == dtype.kind == "f":
        return X
    return X.astype(dtype, copy=False)
