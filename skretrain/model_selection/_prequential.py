"""Prequential evaluation: every row is first predicted, then learned, in time order."""

import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_consistent_length

from ..utils._callbacks import Progress, with_callbacks
from ..utils._clone import cloned
from ..utils._containers import as_container, concat_rows, n_rows, take_rows
from ..utils._params import check_n_jobs, is_integer
from ..utils._progress import tracked
from ._batches import batches_of, gives_batches
from ._edges import checked_times
from ._result import PrequentialResult
from ._row_params import checked_row_params, counted_rows
from ._stream import (
    CostMeter,
    Recorded,
    check_incremental,
    interleave,
    learnable,
    methods_for,
    scorers_for,
)
from ._timing import Timing, timing_of
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
    params=None,
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
    X : array-like of shape (n_samples, n_features), or iterable of (X, y)
        The stream in time order: all rows, or batches as they come, from a file too large for the
        memory, say. Batches keep their own size and are not kept: a scorer is shown no features.
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
        batch. None is one batch. Their labels are known, whatever the delay.
    label_delay : int, str or timedelta, default=0
        Rows, or the time, between a prediction and its label. Scores at different delays cannot
        be compared: on autocorrelated streams, a delay of 0 makes it easy to repeat the last label.
    fit_latency : int, str or timedelta, default=0
        Rows, or the time, that pass between learning and the new model coming into service.
    times : array-like of shape (n_samples,) or None, default=None
        When each row came, in order: dates (those with a time zone in that of Greenwich), numbers,
        or text of which neighbours are compared. Rows of one time know nothing of each other's
        labels: a batch goes on to the last of them. Pictures show dates. None is no more than the
        order.
    params : dict of str to array-like, or None, default=None
        What ``fit`` and ``partial_fit`` get besides, such as ``{"sample_weight": weight}``: arrays
        with a value for each row of `X`, which come with their rows. Weights change what is
        learned; the score counts every row alike, but rows of weight zero are neither learned
        nor scored.
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
        If a size is invalid.

    Notes
    -----
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
        "params": params,
        "progress": progress,
    }
    if seeds is None:
        return _validate(estimator, X, y, **settings)
    check_n_jobs("prequential_validate", n_jobs)
    seeds = range(seeds) if is_integer(seeds) else list(seeds)
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


@dataclass
class _Run:
    """One pass over a stream."""

    recorded: Recorded
    batches: Any
    timing: Timing
    times: Any
    meter: CostMeter
    keeps_all: bool = False  # rows of weight zero, too
    methods: list = field(default_factory=list)
    X: list = field(default_factory=list)
    y: list = field(default_factory=list)
    masks: list = field(default_factory=list)
    counted: list = field(default_factory=list)

    def add(self, batch, outputs, classes, readable):
        """Append what was answered, with the features and targets of these rows."""
        counted, kept = np.ones(len(readable), dtype=bool), readable
        if batch.counted is not None and not self.keeps_all:
            counted = batch.counted
            kept, part = readable & counted, counted[readable]
            outputs = {method: take_rows(output, part) for method, output in outputs.items()}
        self.masks.append(kept)
        self.counted.append(counted)
        X, y, all_kept = self.batches.kept(batch.X), batch.y, kept.all()
        self.X.append(X if all_kept else take_rows(X, kept))
        self.y.append(y if all_kept or y is None else y[kept])
        self.recorded.add(outputs, classes)

    def kept(self):
        """Return which rows after the head were predicted, and count."""
        return np.concatenate(self.masks)

    def left_out(self):
        """Return which rows after the head could not be read, and which do not count."""
        counted = np.concatenate(self.counted)
        return counted & ~self.kept(), ~counted

    def rest(self):
        """Return the features of the rows that are kept."""
        rest, kept = self.batches.rest(), self.kept()
        return rest if kept.all() else take_rows(rest, kept)

    def all_of(self, method):
        """Return what was answered, by one method."""
        if not self.kept().any():
            columns = [len(self.recorded.estimator.classes_)] if method.endswith("proba") else []
            return np.empty([0, *columns])
        return getattr(self.recorded, method)(None)


def _validate(estimator, X, y, *, scoring, **settings):
    scorers = scorers_for(estimator, scoring)
    run = _run(
        estimator, X, y, choose_methods=lambda m: methods_for(scorers.values(), m), **settings
    )
    return _result_of(run, scorers)


def validated(estimator, X, y, timing, times, params, counted, *, scoring, heed):
    """Return the PrequentialResult on a history that is cut as `timing` says.

    `params` are the per-row arguments as arrays, and `counted` says which rows are scored.
    ``heed(share)`` is told after each batch how far it has come, and may end all by an exception.
    """
    scorers = scorers_for(estimator, scoring)
    check_incremental(estimator)
    run = _send_through(
        estimator,
        batches_of(X, y, timing.edges, params, counted),
        timing,
        times,
        choose_methods=lambda m: methods_for(scorers.values(), m),
        heed=heed,
    )
    return _result_of(run, scorers)


def _result_of(run, scorers):
    """Return what a pass over a stream achieved."""
    outputs = {method: run.all_of(method) for method in run.methods}
    X_rest, y_rest = run.rest(), None if run.y[0] is None else concat_rows(run.y)
    sizes, (unpredicted, uncounted) = [len(mask) for mask in run.masks], run.left_out()
    fitted, meter, start = run.recorded.estimator, run.meter, run.timing.start
    events, timing = getattr(fitted, "events_", None), run.timing
    borders = start + np.cumsum([0, *sizes])
    rows = np.arange(start, borders[-1])
    refits = [e.row for e in events or () if e.action == "retrained" and e.kind != "first_fit"]
    learned_at = borders[np.searchsorted(meter.n_learned, refits)]
    serving_from = np.array([timing.serves_from(row) for row in learned_at], dtype=np.int64)
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
        refit_rows=serving_from[serving_from <= borders[-2]],
        label_delay=timing.label_delay,
        events=events,
        estimator=fitted,
        unpredicted_rows=rows[unpredicted],
        zero_weight_rows=rows[uncounted],
        outputs=outputs,
        classes=getattr(fitted, "classes_", None),
        n_learned=np.array(meter.n_learned[1:]),
        times=run.times,
    )


def _run(
    estimator, X, y, *, times, params, choose_methods, progress=False, keeps_all=False, **lengths
):
    """Fit a clone on the first rows, send it through the rest, and record what it answered.

    Unless it keeps all, rows of weight zero are not recorded.
    """
    check_incremental(estimator)
    timing, times = _timing(X, y, times, params, lengths)
    counted = None
    if params is not None:
        params = checked_row_params(estimator, params, int(timing.edges[-1]))
        counted = counted_rows(estimator, params, timing.start, scores=not keeps_all)
    return _send_through(
        estimator,
        batches_of(X, y, timing.edges, params, counted),
        timing,
        times,
        keeps_all=keeps_all,
        choose_methods=choose_methods,
        progress=progress,
    )


def _timing(X, y, times, params, lengths):
    """Return how the stream is cut and what is known when, and the times as an array."""
    owner, size = "prequential_validate", None
    if gives_batches(X, y):
        for name, given in (("times", times), ("params", params)):
            if given is not None:
                raise ValueError(
                    f"{name} is for rows that are given together: X gives batches of (X, y), which "
                    f"have a size of their own. Pass all rows, or {name}=None."
                )
    else:
        check_consistent_length(X, y)
        size = n_rows(as_container(X))
        times = None if times is None else checked_times(times, X)
    return timing_of(owner, size, times=times, **lengths), times


def _send_through(estimator, batches, timing, times, **options):
    """Send a clone through batches, the first of which it is fitted on."""
    head = batches.head(timing.start)
    timing = replace(timing, start=n_rows(head.X))
    return _pass(
        cloned(estimator), cloned(estimator), head, batches, timing=timing, times=times, **options
    )


@with_callbacks
def _pass(
    owner,
    model,
    head,
    batches,
    *,
    timing,
    times,
    choose_methods,
    keeps_all=False,
    progress=False,
    heed=None,
):
    """Fit on the head, then test and train; the callbacks of the owner hear of every batch."""
    n_batches = len(batches) if hasattr(batches, "__len__") else None
    steps = Progress(owner, "prequential", n_batches, head)
    # They are told of the evaluation; each fit in it would open a bar of its own.
    callbacks = model.__dict__.pop("_skl_callbacks", None)
    run = _Run(Recorded(model), batches, timing, times, CostMeter(), keeps_all)
    first = learnable(model, head)
    with run.meter.learning(n_rows(first.X)):
        first.learned_by(model.fit)
    run.meter.next_batch(timing.start)
    run.methods = choose_methods(model)
    shown = tracked(batches, n_batches, type(model).__name__) if progress else batches
    for batch, outputs, classes, readable in interleave(
        model, shown, timing=timing, methods=run.methods, watch=run.meter, past=head
    ):
        with steps.task("batch", batch):
            run.add(batch, outputs, classes, readable)
        if heed is not None:
            heed(len(run.masks) / n_batches)
    steps.end()
    if callbacks is not None:
        model._skl_callbacks = callbacks
    return run


def _scored(scorer, recorded, X, y):
    if not n_rows(X):
        return np.nan  # none of the rows could be read
    # As a grid search does: without a target, scorers are called without one.
    return float(scorer(recorded, X) if y is None else scorer(recorded, X, y))


def _batch_scores(scorer, run):
    scores = []
    for number, (X, y) in enumerate(zip(run.X, run.y, strict=True)):
        try:
            # Ranking scores, for one, are not defined on a batch with a single class.
            with warnings.catch_warnings():
                warnings.filterwarnings("error", "No positive class found", UserWarning)
                warnings.simplefilter("error", UndefinedMetricWarning)
                scores.append(_scored(scorer, run.recorded.batch(number), X, y))
        except (ValueError, UserWarning):
            scores.append(np.nan)
    return np.array(scores)
