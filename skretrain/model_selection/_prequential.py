"""Prequential evaluation: every row is first predicted, then learned, in time order."""

import numpy as np
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_consistent_length

from ..utils._clone import cloned
from ..utils._containers import as_container, concat_rows, n_rows
from ..utils._losses import task_of
from ..utils._params import check_n_jobs, checked_seeds
from ..utils._recorded import methods_for, score_or_nan
from ._batches import batches_of, check_goes_again, check_not_given, gives_batches
from ._edges import checked_times
from ._event_rows import stream_rows
from ._label_times import split_off
from ._pass import send_through, work_of
from ._result import PrequentialResult
from ._row_params import checked_row_params, counted_rows
from ._slice_tables import check_slices_of, sliced
from ._stream import check_incremental, scorers_for
from ._timing import timing_of, with_label_times
from ._unreadable import warn_of_unpredicted


def prequential_predict(
    estimator,
    X,
    y,
    *,
    batch_size=100,
    initial_size=None,
    label_delay=0,
    times=None,
    label_time=None,
    params=None,
    method="predict",
):
    """Predict each row before it is learned, as a deployed model would.

    A clone of `estimator` is fitted on the first `initial_size` rows and then goes through the rest
    in batches: predict, and learn the rows whose labels are known by then.

    Parameters
    ----------
    estimator : estimator
        Anything with ``partial_fit``; it is cloned.
    X : array-like of shape (n_samples, n_features)
        The stream in time order.
    y : array-like of shape (n_samples,)
        Targets.
    batch_size : int, str or timedelta, default=100
        Rows per batch; or, with `times`, a duration such as ``"1d"``, see
        :func:`prequential_validate`.
    initial_size : int, str, timedelta or None, default=None
        Rows of the first fit, which are not predicted, or its duration. None is one batch.
    label_delay : int, str or timedelta, default=0
        Rows, or the time, between a prediction and its label. With 0, the labels of a batch are
        learned before the next batch.
    times : array-like of shape (n_samples,) or None, default=None
        When each row came, see :func:`prequential_validate`.
    label_time : array-like of shape (n_samples,), str or None, default=None
        When each label comes, see :func:`prequential_validate`.
    params : dict of str to array-like, or None, default=None
        What ``fit`` and ``partial_fit`` get besides, such as ``{"sample_weight": weight}``: arrays
        with a value for each row, which come with their rows. All rows are predicted, those of
        weight zero, too.
    method : {"predict", "predict_proba", "decision_function"}, default="predict"
        What to return.

    Returns
    -------
    predictions : ndarray of shape (n_samples - initial_size,) or with a column per class
        Predictions served for the rows from `initial_size` on. Rows that the model of their time
        could not read have NaN, and None where predictions are no floats.

    Raises
    ------
    TypeError
        If the estimator has no ``partial_fit``.
    ValueError
        If a size is invalid.

    Warns
    -----
    SkretrainWarning
        If there are rows that could not be read, see :func:`prequential_validate`.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.model_selection import prequential_predict
    >>> X, y, _ = make_drifting_classification(1000, random_state=0)
    >>> prequential_predict(GaussianNB(), X, y, batch_size=50).shape
    (950,)
    """
    run = _run(
        estimator,
        X,
        y,
        batch_size=batch_size,
        initial_size=initial_size,
        label_delay=label_delay,
        fit_latency=0,
        times=times,
        label_time=label_time,
        params=params,
        choose_methods=lambda model: [method],
        keeps_all=True,
    )
    return _with_gaps(run.all_of(method), run.kept())


def _with_gaps(predictions, readable):
    """Put a missing value where there is no prediction."""
    if readable.all():
        return predictions
    warn_of_unpredicted(readable, "prequential_predict", "missing among the predictions")
    is_float = predictions.dtype.kind == "f"
    shape, dtype = (
        (len(readable), *predictions.shape[1:]),
        predictions.dtype if is_float else object,
    )
    whole = np.full(shape, np.nan if is_float else None, dtype=dtype)
    whole[readable] = predictions
    return whole


def prequential_validate(
    estimator,
    X,
    y=None,
    *,
    scoring=None,
    batch_size=100,
    initial_size=None,
    label_delay=0,
    fit_latency=0,
    times=None,
    label_time=None,
    params=None,
    slices=None,
    seeds=None,
    n_jobs=None,
    progress=False,
):
    """Evaluate an estimator on a stream, test-then-train, with its costs.

    What is scored is what was served: the prediction made when the row came in, by the model of
    that moment, before the row's label or any later one was known [1]_.

    Parameters
    ----------
    estimator : estimator
        Anything with ``partial_fit``; it is cloned.
    X : array-like of shape (n_samples, n_features), or iterable of (X, y) or (X, y, params)
        The stream in time order: all rows, or batches as they come, from a file too large for the
        memory, say, see :func:`~skretrain.datasets.iter_batches`. Batches keep their own size and
        are not kept: a scorer is shown no features. The `params` of each are those of its rows.
        Several `seeds` go through them anew.
    y : array-like of shape (n_samples,), default=None
        Targets. None where `X` gives batches, or where there are none.
    scoring : str, callable, list, dict or None, default=None
        One or several scikit-learn scorers, by name or themselves. None is accuracy for classifiers
        and R2 for regressors.
    batch_size : int, str or timedelta, default=100
        Rows per batch. With `times` that are dates, also a duration: ``"15min"``, ``"6h"``,
        ``"1d"``, ``"2w"``, ``"3mo"``, ``"daily"``, ``"weekly"``, or a timedelta. A batch then has
        the rows of one calendar period: weeks begin on Monday, several days, weeks or months are
        counted from the first row's, and several hours from midnight.
    initial_size : int, str, timedelta or None, default=None
        Rows of the first fit, which are not scored, or its duration; it goes on to the end of a
        batch. None is one batch. Their labels are known, whatever the delay, but for those of which
        `label_time` says that they come later.
    label_delay : int, str or timedelta, default=0
        Rows, or the time, between a prediction and its label, the same for all. Scores at
        different delays cannot be compared: on autocorrelated streams, a delay of 0 makes it easy
        to repeat the last label.
    fit_latency : int, str or timedelta, default=0
        Rows, or the time, that pass between learning and the new model coming into service.
    times : array-like of shape (n_samples,) or None, default=None
        When each row came, in order: dates (those with a time zone in that of Greenwich), numbers,
        or text of which neighbours are compared. Rows of one time know nothing of each other's
        labels: a batch goes on to the last of them. Pictures show dates. None is no more than the
        order.
    label_time : array-like of shape (n_samples,), str or None, default=None
        Instead of `label_delay`, when each label comes: dates or numbers as `times` are or,
        without `times`, row numbers; no earlier than the row itself. NaN, NaT and infinity are
        never. A str is the name of a column of the frame `X`, which no model is then shown.
    params : dict of str to array-like, or None, default=None
        What ``fit`` and ``partial_fit`` get besides, such as ``{"sample_weight": weight}``: arrays
        with a value for each row of `X`, which come with their rows. Weights change what is
        learned; the score counts every row alike, but rows of weight zero are neither learned
        nor scored.
    slices : dict of str to (str, int or callable), or None, default=None
        Slices that are scored by themselves, too, as :func:`~skretrain.metrics.slice_scores` takes
        them: for each name a column of `X`, whose levels are slices, or a function
        ``X -> array of bool of shape (n_rows,)``. See ``result.per_slice()``.
    seeds : int, sequence of int or None, default=None
        Evaluate once per seed, set as ``random_state``; an int n is the seeds 0 to n - 1.
    n_jobs : int or None, default=None
        Seeds to evaluate at a time; the numbers do not depend on it.
    progress : bool, default=False
        Whether to show a progress bar, or a line now and then where rich is not installed. With
        scikit-learn 1.9, ``estimator.set_callbacks(ProgressBar())`` does it, too.

    Returns
    -------
    result : PrequentialResult, or list of them
        Scores, predictions, scores per batch, processor seconds, fits, rows fitted, events. A list,
        one result per seed, if `seeds` is given.

    Raises
    ------
    TypeError
        If the estimator has no ``partial_fit``.
    ValueError
        If a size is invalid; if `label_time` is not on the scale of `times`, earlier than its row,
        or leaves no label for the first fit; if batches come once, and there are several seeds.

    Notes
    -----
    With `label_time`, a row is learned once: after each batch, those whose labels have come since
    the batch before, as one batch in the order in which they did (labels of one moment in that of
    their rows). With `times`, a label has come by the moment of the next row; without, label 7 has
    come when row 7 has been predicted. The first fit learns the labels that are there when it ends.
    All later rows are predicted and scored, those whose label never comes, too: history has the
    truth. Such a delay of its own for each row is worth simulating where it hangs on the label:
    what is learned meanwhile is a selection.

    Rows that the model of their time cannot read, with a category that its encoder never saw, say,
    stop no evaluation: `unpredicted_rows` of the result names them, and all scores are those of the
    other rows. They are told from errors as a retrainer tells them: a model that is fitted anew, on
    earlier rows and on these, can read them. Anything else that is raised stops the evaluation.
    These rows are handed to ``partial_fit`` like all others.

    References
    ----------
    .. [1] J. Gama, R. Sebastiao, P. P. Rodrigues, "On evaluating stream learning algorithms",
       Machine Learning 90, 2013.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.model_selection import prequential_validate
    >>> X, y, _ = make_drifting_classification(4000, random_state=0)
    >>> model = DriftAwareRetrainer(LogisticRegression(), random_state=0)
    >>> result = prequential_validate(model, X, y, batch_size=100, label_delay=100)
    >>> bool(result.score > 0.8), result.estimator.n_alarms_
    (True, 1)
    """
    settings = {
        "scoring": scoring,
        "batch_size": batch_size,
        "initial_size": initial_size,
        "label_delay": label_delay,
        "fit_latency": fit_latency,
        "times": times,
        "label_time": label_time,
        "params": params,
        "slices": slices,
        "progress": progress,
    }
    if seeds is None:
        return _validate(estimator, X, y, **settings)
    check_n_jobs("prequential_validate", n_jobs)
    seeds = checked_seeds("prequential_validate", seeds)
    if gives_batches(X, y):
        check_goes_again(X, len(seeds))
    return Parallel(n_jobs=n_jobs)(
        delayed(_validate)(seeded(estimator, seed), X, y, **settings) for seed in seeds
    )


def seeded(estimator, seed):
    """Return a clone with `seed` as its random state, or as those of its parts."""
    model = cloned(estimator)
    params = model.get_params()
    names = [name for name in sorted(params) if name.split("__")[-1] == "random_state"]
    names = ["random_state"] if "random_state" in params else names
    return model.set_params(**dict.fromkeys(names, int(seed)))


def _validate(estimator, X, y, *, scoring, slices, **settings):
    scorers = scorers_for(estimator, scoring)
    if slices is not None:
        _check_slices(slices, X, y, settings["label_time"])
    run = _run(
        estimator, X, y, choose_methods=lambda m: methods_for(scorers.values(), m), **settings
    )
    return _result_of(run, scorers, slices)


def _check_slices(slices, X, y, label_time):
    if gives_batches(X, y):
        check_not_given(slices=slices)
    check_slices_of(slices, split_off(X, label_time)[0])


def validated(estimator, X, y, timing, times, params, counted, *, scoring, heed, flips=None):
    """Return the PrequentialResult on a history that is cut as `timing` says.

    `params` are the per-row arguments as arrays, and `counted` says which rows are scored.
    ``heed(share)`` is told after each batch how far it has come, and may end all by an exception.
    `flips` counts the decisions that change from version to version, where these have a price.
    """
    scorers = scorers_for(estimator, scoring)
    check_incremental(estimator)
    run = send_through(
        estimator,
        batches_of(X, y, timing.edges, params, counted, estimator=estimator),
        timing,
        times,
        choose_methods=lambda m: methods_for(scorers.values(), m),
        heed=heed,
        flips=flips,
    )
    result = _result_of(run, scorers)
    if flips is not None:
        result.batch_flips = np.array(flips.per_batch)
    return result


def _result_of(run, scorers, slices=None):
    """Return what a pass over a stream achieved."""
    outputs = {method: run.all_of(method) for method in run.methods}
    X_rest, y_rest = run.rest(), None if run.y[0] is None else concat_rows(run.y)
    sizes, (unpredicted, uncounted) = [len(mask) for mask in run.masks], run.left_out()
    fitted, meter, start = run.recorded.estimator, run.meter, run.timing.start
    events, timing = getattr(fitted, "events_", None), run.timing
    borders = start + np.cumsum([0, *sizes])
    rows = np.arange(start, borders[-1])
    return PrequentialResult(
        scores={
            name: _scored(scorer, run.recorded, X_rest, y_rest) for name, scorer in scorers.items()
        },
        rows=rows[run.kept()],
        y_true=y_rest,
        y_pred=outputs["predict"],
        batch_rows=borders[:-1],
        batch_scores={name: _batch_scores(scorer, run) for name, scorer in scorers.items()},
        batch_fit_seconds=np.array(meter.fit_seconds[1:-1]),
        batch_predict_seconds=np.array(meter.predict_seconds[1:-1]),
        fit_seconds=sum(meter.fit_seconds),
        predict_seconds=sum(meter.predict_seconds),
        n_fits=1 if events is None else events.totals["fits"],
        rows_fitted=meter.rows_learned if events is None else events.totals["rows_fitted"],
        refit_rows=refit_rows_of(events, meter.n_learned, borders, timing),
        label_delay=timing.label_delay if timing.arrivals is None else None,
        events=events,
        estimator=fitted,
        unpredicted_rows=rows[unpredicted],
        zero_weight_rows=rows[uncounted],
        outputs=outputs,
        classes=getattr(fitted, "classes_", None),
        n_learned=np.array(meter.n_learned[1:]),
        times=run.times,
        learned_rows=_learned_rows(timing, meter.n_learned[-1]),
        n_first=meter.n_learned[0],
        classes_at_start=_classes_of(run.y_first, fitted),
        sliced=sliced(slices, scorers, X_rest),
        **work_by_batch(run.work, fitted, meter),
    )


def refit_rows_of(events, n_learned, borders, timing):
    """Return the stream rows from which retrained models could serve.

    `n_learned` has the rows learned by each of the `borders` of batches.
    """
    events = events or ()
    rows = stream_rows(events, n_learned)
    refits = [row for e, row in zip(events, rows, strict=True) if _is_refit(e)]
    learned_at = borders[np.searchsorted(n_learned, refits)]
    serving_from = np.array([timing.serves_from(row) for row in learned_at], dtype=np.int64)
    return serving_from[serving_from <= borders[-2]]


def _is_refit(event):
    return event.action == "retrained" and event.kind != "first_fit"


def work_by_batch(work, model, meter):
    """Return what was fitted before each batch; what came after the last one counts to it."""
    if not work:
        return {}
    done = np.array([(1, 0), *work])
    done[-1] = work_of(model, meter)
    return dict(zip(("batch_fits", "batch_rows_updated"), np.diff(done, axis=0).T, strict=True))


def _classes_of(y, estimator):
    is_one_label = task_of(estimator) == "classification" and y is not None and y.ndim == 1
    return np.unique(y) if is_one_label else None


def _learned_rows(timing, n_learned):
    order = np.arange(n_learned) if timing.arrivals is None else timing.arrivals.order
    return order[:n_learned]


def _run(
    estimator,
    X,
    y,
    *,
    times,
    label_time,
    params,
    choose_methods,
    progress=False,
    keeps_all=False,
    **lengths,
):
    """Fit a clone on the first rows, send it through the rest, and record what it answered.

    Unless it keeps all, rows of weight zero are not recorded.
    """
    check_incremental(estimator)
    X, label_time = split_off(X, label_time)
    timing, times = _timing(X, y, times, label_time, params, lengths)
    counted = None
    if params is not None:
        params = checked_row_params(estimator, params, int(timing.edges[-1]))
        counted = counted_rows(estimator, params, timing.start, scores=not keeps_all)
    return send_through(
        estimator,
        batches_of(X, y, timing.edges, params, counted, estimator=estimator),
        timing,
        times,
        keeps_all=keeps_all,
        choose_methods=choose_methods,
        progress=progress,
    )


def _timing(X, y, times, label_time, params, lengths):
    """Return how the stream is cut and what is known when, and the times as an array."""
    owner, size = "prequential_validate", None
    if gives_batches(X, y):
        check_not_given(times=times, label_time=label_time, params=params)
    else:
        check_consistent_length(X, y)
        size = n_rows(as_container(X))
        times = None if times is None else checked_times(times, X)
    timing = timing_of(owner, size, times=times, **lengths)
    return with_label_times(owner, timing, label_time, times, lengths["label_delay"]), times


def _scored(scorer, recorded, X, y):
    if not n_rows(X):
        return np.nan  # none of the rows could be read
    # As a grid search does: without a target, scorers are called without one.
    return float(scorer(recorded, X) if y is None else scorer(recorded, X, y))


def _batch_scores(scorer, run):
    batches = enumerate(zip(run.X, run.y, strict=True))
    return np.array([_of_batch(scorer, run.recorded.batch(n), X, y) for n, (X, y) in batches])


def _of_batch(scorer, recorded, X, y):
    """Return the score of a batch; ranking scores are not defined on a single class, for one."""
    return score_or_nan(scorer, recorded, X, y) if n_rows(X) else np.nan
