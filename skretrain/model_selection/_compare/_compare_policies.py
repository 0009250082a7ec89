"""Compare retraining policies on a history: what each would have scored, and what it costs."""

import math
from os import PathLike
from time import perf_counter

import joblib
import numpy as np
from sklearn.utils.validation import check_memory

from ...metrics._price import check_price_for
from ...utils._clone import cloned
from ...utils._containers import as_container, n_rows
from ...utils._losses import task_of
from ...utils._params import check_n_jobs, check_number, refuse
from .._batches import check_not_given, gives_batches
from .._edges import checked_times
from .._label_times import split_off
from .._row_params import checked_row_params, counted_rows
from .._timing import timing_of, with_label_times
from ._comparison import PolicyComparison
from ._default_policies import default_policies, window_of
from ._live import run_all_live
from ._measure import measure_of
from ._on_batches import compared_on_batches
from ._specs import checked_prices, has_flips, scoring_at, seeds_of, specs_of, windows_of
from ._stride import affordable_stride

_BUDGET = "the seconds that the comparison may take"


def compare_policies(
    estimator,
    X,
    y=None,
    policies=None,
    *,
    batch_size=100,
    initial_size=None,
    label_delay=0,
    fit_latency=0,
    prices=None,
    scoring=None,
    seeds=None,
    stride=1,
    n_jobs=None,
    random_state=None,
    on_run=None,
    times=None,
    label_time=None,
    params=None,
    time_budget=None,
    memory=None,
):
    """Tell which retraining policy would have paid on a history, at every price of a refit.

    Refits from scratch are fitted once, in a :class:`RetrainMatrix`, and any schedule of them is
    replayed on it, as is the best schedule in hindsight. Policies that depend on their own past
    (warm starts, replay, mixtures, rows since a located drift) run live beside it, by
    :func:`prequential_validate`. All serve the same rows in the same batches, and are scored by
    what they served.

    Parameters
    ----------
    estimator : estimator
        A classifier or regressor, a pipeline included; it is cloned.
    X : array-like of shape (n_samples, n_features), or iterable of (X, y) or (X, y, params)
        The history in time order: all rows, or batches as they come, from a file too large for the
        memory, say, see :func:`~skretrain.datasets.iter_batches`. Batches keep their own size and
        are gone through once, by all policies and seeds together; see Notes. The `params` of each
        are those of its rows.
    y : array-like of shape (n_samples,), default=None
        Targets. None where `X` gives batches.
    policies : dict of str to policy, or None, default=None
        By name, any of

        - a retrainer, or another estimator with ``partial_fit``: run live;
        - a sequence of ``(batch, window)`` pairs, a trigger that looks at losses only, a river
          detector, ``"adwin"``, or a function, as in :meth:`RetrainMatrix.replay`: replayed;
        - a trigger class with a parameter `price`, such as :class:`~skretrain.drift.RefitDebt`:
          replayed, and told each price, see :meth:`PolicyComparison.price_told`;
        - a pair ``(policy, window)`` of one of the last two kinds and the number of newest rows, or
          ``"all"``, that it refits on; else it is ``"all"``.

        Of batches, a window is a number of rows, and is to be named: a stream keeps no more.

        None: never; every batch, every 5 and every 20 (of days 1, 7 and 28, and the like; none as
        long as the history), on all rows and on the last 10 batches;
        ``RefitDebt`` told the price, on both; and live :class:`~skretrain.DriftAwareRetrainer` as
        it comes, with warm starts only (where the estimator can be continued),
        :class:`~skretrain.ReplayPartialFit` and :func:`~skretrain.make_mixture`. Of batches, none
        on all rows.
    batch_size : int, str or timedelta, default=100
        Rows per batch: how often a policy can act. A matrix has a fit per batch and window. With
        `times` that are dates, also a calendar period such as ``"1d"``, see
        :func:`prequential_validate`.
    initial_size : int, str, timedelta or None, default=None
        Rows of the first fit, which are not scored, or its duration. None is one batch.
    label_delay : int, str or timedelta, default=0
        Rows, or the time, between a prediction and its label. All policies learn whole batches, at
        the same moments: once the last label of a batch is known.
    fit_latency : int, str or timedelta, default=0
        Rows, or the time, that pass between learning and the new model coming into service, for all
        policies up to the beginning of a batch.
    prices : float, Price, sequence of these, or None, default=None
        What a refit costs, in units of summed loss: how many errors it has to save to be worth it.
        A :class:`~skretrain.metrics.Price` says it in money, of which seconds are those measured;
        with a cost matrix, rows are scored by what they cost, where `scoring` is None; with a price
        of flips, each batch is also answered by the version that served the batch before, and rows
        of which the two say something else are flips.
        None is nine prices, from a hundredth to ten times what the best single refit saves.
    scoring : str, callable or None, default=None
        The score, and by it the loss that is summed. Row by row: ``"accuracy"``,
        ``"neg_mean_absolute_error"``, ``"neg_mean_squared_error"``,
        ``"neg_root_mean_squared_error"``, ``"r2"`` (the summed loss is then of squared errors), or
        a function ``loss(y_true, y_pred) -> array of shape (n_rows,)``, whose negative mean is the
        score. Any other scorer of scikit-learn, or its name, scores all rows that were served
        together, and each of at most 30 windows of whole batches; the loss of a window is its rows
        times what its score lacks to 1 (of one such as ``"neg_log_loss"``, times the loss). None is
        accuracy, and the negative mean absolute error for regressors; but where a class is rarer
        than 5 % (and than half its fair share) and there are no `prices`, the average precision of
        that class, or F1 without scores or probabilities, of more than two classes their mean F1:
        ``why`` then says so.
    seeds : int, sequence of int or None, default=None
        Evaluate once per seed, for intervals; an int n is the seeds 0 to n - 1. It takes as many
        matrices.
    stride : int, default=1
        Batches between two moments at which what is replayed may refit: a matrix of a long history
        then takes fewer fits. Elsewhere it gets the nearest earlier fit. It becomes more where all
        answers of the models, which some scorers need, would take more than a gigabyte.
    n_jobs : int or None, default=None
        Fits, and live policies, to work on in parallel; scores do not depend on it. Batches are
        gone through by one at a time.
    random_state : int or None, default=None
        The seed where `seeds` is None.
    on_run : callable or None, default=None
        Called with a :class:`PolicyRun` once for each policy and seed that ran live, as soon as it
        is finished, in any order; what is replayed takes no time. The warnings of these runs are
        then handed to it, and not shown. None calls nothing, and shows them.
    times : array-like of shape (n_samples,) or None, default=None
        When each row came, in order: dates, numbers, or text of which neighbours are compared. A
        batch, the first fit too, then goes on to the last row of its time, since at that time none
        of its labels was known.
    label_time : array-like of shape (n_samples,), str or None, default=None
        Instead of `label_delay`, when each label comes, as :func:`prequential_validate` takes it:
        dates or numbers as `times` are or, without `times`, row numbers; NaN, NaT and infinity are
        never. A str is the name of a column of the frame `X`, which no model is then shown.
    params : dict of str to array-like, or None, default=None
        What the fits of all policies get besides, such as ``{"sample_weight": weight}``: arrays
        with a value for each row, which come with their rows. Weights change what is learned; the
        score counts every row alike, but rows of weight zero are neither learned nor scored.
    time_budget : float or None, default=None
        About how many seconds of time the comparison may take. Half of it is for what is replayed:
        `stride` becomes as long as it has to be. What runs live shares the rest, and what needs
        more than its share is left out, see ``comparison.left_out``. None waits for all.
    memory : str, path-like, joblib.Memory or None, default=None
        A folder in which each matrix and live run is kept as it is finished: the same call after an
        interrupt goes on from there, with the costs that were measured then. It holds pickles: use
        only a folder that you trust. None keeps nothing. Of batches, the state of all runs is kept
        now and then, in up to a twentieth of the time: the same call goes on from there, and reads
        the batches before without learning them. What cannot be written, as on a full disk, is a
        warning, and the comparison goes on. A model is known by its parameters and the name of its
        class: name another folder when the code of that has changed.

    Returns
    -------
    comparison : PolicyComparison
        With ``to_frame()``, ``recommend(price)``, ``regret(price)``, ``rolling_choice()``,
        ``oracle``.

    Raises
    ------
    TypeError
        If a live policy has no ``partial_fit``.
    ValueError
        If a parameter is invalid, or a policy names a window or a batch that there is none of; if
        `X` gives batches, and something is asked for that takes all rows; if the models of no
        policy could read any row; if a scorer is not defined on a window; and with `memory`, if a
        part cannot be pickled, what was kept of batches cannot be read, or they are others than
        those of the call that was stopped.

    Notes
    -----
    A scorer of all rows together needs the answers of every model of the matrix: with two windows
    and n batches, about n times the rows that are served. A `stride` makes it fewer. What is best
    in hindsight is then chosen among the schedules that refit where windows begin.

    Of batches, what is kept are the newest rows, as many as the longest window has, at most 64
    models of each window, and sums per batch. When there would be more models, every second one is
    let go, and `stride` is twice as long; the numbers are those of all rows, cut into the same
    batches, with that `stride`. Windows are those that policies name, 10 times the first batch, and
    that of the first fit; the best schedule in hindsight is one of these. Scores are means over
    rows, and None is accuracy, however rare a class is. `batch_size` has no meaning then; `times`,
    `label_time`, `time_budget` and prices of flips need all rows, and `params` come with batches.

    With `label_time`, whatever learns goes by the order in which labels come: a refit before a
    batch learns the labels that are there when the batch comes, the last so many that came where it
    has a window (those of the last days, where that is a duration), and a policy is told, after
    each batch, the losses of the present model on the rows whose labels came meanwhile. All rows
    are served, and scored, when they come, those whose label never comes, too: history has the
    truth.

    See Also
    --------
    RetrainMatrix : The matrix alone.
    advise : What to do now, with a batch in hand.
    skretrain.inspection.PolicyParetoDisplay : Scores against processor seconds.
    skretrain.inspection.RegretDisplay : Regret over prices.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.drift import Periodic, RefitDebt
    >>> from skretrain.model_selection import compare_policies
    >>> X, y, _ = make_drifting_classification(3000, random_state=0)
    >>> policies = {
    ...     "never": [],
    ...     "weekly": (Periodic(700), 300),
    ...     "debt": (RefitDebt, 300),
    ... }
    >>> comparison = compare_policies(LogisticRegression(), X, y, policies, prices=[5, 50, 500])
    >>> comparison.recommend(price=500).policy
    'debt'
    >>> for name, regret in comparison.regret(to="oracle").items():
    ...     print(name, regret.round().tolist())
    never [808.0, 659.0, 188.0]
    weekly [351.0, 382.0, 1711.0]
    debt [657.0, 553.0, 109.0]
    """
    if not (on_run is None or callable(on_run)):
        refuse("compare_policies", "on_run", "a callable or None", on_run)
    if gives_batches(X, y):
        together = {"times": times, "label_time": label_time, "params": params}
        check_not_given(**together, time_budget=time_budget)
        return compared_on_batches(
            estimator,
            X,
            _usual_on_batches(estimator) if policies is None else lambda *cut: specs_of(policies),
            initial_size=initial_size,
            label_delay=label_delay,
            fit_latency=fit_latency,
            prices=prices,
            scoring=scoring,
            seeds=seeds,
            stride=stride,
            n_jobs=n_jobs,
            random_state=random_state,
            on_run=on_run,
            memory=_checked_memory(memory, estimator, scoring).location,
        )
    choose = _usual(estimator) if policies is None else lambda *cut: specs_of(policies)
    X, label_time = split_off(X, label_time)
    times = None if times is None else checked_times(times, y)
    timing = timing_of(
        "compare_policies",
        n_rows(as_container(X)),
        times=times,
        is_whole=True,
        batch_size=batch_size,
        initial_size=initial_size,
        label_delay=label_delay,
        fit_latency=fit_latency,
    )
    timing = with_label_times("compare_policies", timing, label_time, times, label_delay)
    return compared(
        estimator,
        X,
        y,
        choose,
        timing,
        times,
        prices=prices,
        scoring=scoring,
        seeds=seeds,
        stride=stride,
        n_jobs=n_jobs,
        random_state=random_state,
        on_run=on_run,
        params=params,
        time_budget=time_budget,
        memory=memory,
    )


def _usual(estimator):
    def choose(step, stride, n_batches):
        found = default_policies(estimator, step, stride=stride, n_batches=n_batches)
        return specs_of({name: policy for name, (policy, _) in found.items()})

    return choose


def _usual_on_batches(estimator):
    """Return the usual policies, but for those that refit on all rows."""
    choose = _usual(estimator)

    def choose_bounded(*cut):
        return {name: spec for name, spec in choose(*cut).items() if spec.window != "all"}

    return choose_bounded


def compared(
    estimator,
    X,
    y,
    choose,
    timing,
    times,
    *,
    prices,
    scoring,
    seeds,
    stride,
    n_jobs=None,
    random_state=None,
    on_run=None,
    on_progress=None,
    params=None,
    time_budget=None,
    memory=None,
):
    """Compare policies that are chosen when it is known how often they can refit.

    Parameters
    ----------
    estimator, X, y : estimator, array-like, array-like
        As :func:`compare_policies` takes them, and so are those that are not listed here.
    choose : callable
        ``choose(step, stride, n_batches)`` returns the policies by name, as `specs_of` does.
    timing : Timing
        How the rows are cut, in whole batches, and what is known when.
    times : ndarray or None
        When rows came.
    on_progress : callable or None, default=None
        Told now and then how far the live runs have come, a share of one.

    Returns
    -------
    comparison : PolicyComparison
        With `stride`, which may be longer than it was asked for.
    """
    begin, owner = perf_counter(), "compare_policies"
    check_n_jobs(owner, n_jobs)
    check_number(owner, "time_budget", time_budget, above=0, what=_BUDGET, otherwise=(None,))
    budget = math.inf if time_budget is None else time_budget
    memory = _checked_memory(memory, estimator, scoring)
    params = checked_row_params(estimator, params, int(timing.edges[-1]))
    counted = counted_rows(estimator, params, timing.start)
    prices = None if prices is None else checked_prices(prices)
    y_counted = y if counted is None else np.asarray(y)[counted]
    scoring = scoring_at(prices, scoring)
    for price in prices or ():
        check_price_for(price, y_counted, task_of(estimator))
    measure = measure_of(
        estimator,
        scoring,
        y_counted,
        is_priced=prices is not None,
        n_first=timing.start if counted is None else int(counted[: timing.start].sum()),
    )
    seeds, counts_flips = seeds_of(seeds, random_state), has_flips(prices)
    options = {
        "chunk": timing.step,
        "windows": [window_of(timing.step), "all"],
        "initial_size": timing.start,
        "n_jobs": n_jobs,
        "stride": stride,
    }

    def blank(seed):
        options_of = {"keeps_decisions": counts_flips, "random_state": seed, **options}
        matrix = measure.matrix(cloned(estimator), **options_of)
        matrix._arrivals = timing.arrivals
        return matrix

    # What is measured by the clock would be another number the next time.
    least = memory.cache(affordable_stride)(
        blank(seeds[0]), X, y, times, params, seconds=budget / 2, n_seeds=len(seeds)
    )
    options["stride"] = stride = max(stride, least)
    specs = choose(timing.step, stride, len(timing.edges) - 2)
    options["windows"] = windows_of(specs, window_of(timing.step))
    fitted = memory.cache(_fitted)
    matrices = [fitted(blank(seed), X, y, times, params) for seed in seeds]
    measure.begin(as_container(X), y, timing.edges, counted)
    comparison = PolicyComparison(
        specs,
        matrices,
        measure,
        seeds=seeds,
        delay=timing.known_chunks(),
        prices=prices,
        counts_flips=counts_flips,
    )
    runs = run_all_live(
        {name: spec.policy for name, spec in specs.items() if spec.kind == "live"},
        seeds,
        (X, y, timing, times, params, counted),
        comparison.scorer,
        n_jobs=n_jobs,
        on_run=on_run,
        on_progress=on_progress,
        seconds=budget - (perf_counter() - begin),
        counts_flips=counts_flips,
        memory=memory,
    )
    for name, results in runs.items():
        comparison.add_live(name, results)
    _check_that_any_was_scored(comparison, measure.n_rows)
    return comparison


def _checked_memory(memory, estimator, scoring):
    found = check_memory(str(memory) if isinstance(memory, PathLike) else memory)
    if memory is None:
        return found
    try:
        joblib.hash([estimator, scoring])
    except Exception as error:  # of pickle, or of whoever says how to be pickled
        raise ValueError(
            f"memory={memory!r}: the estimator or scoring cannot be pickled, by which results are "
            "found again: define functions and classes in a module, none of them as a lambda, or "
            "pass memory=None."
        ) from error
    return found


def _fitted(matrix, X, y, times, params):
    return matrix.fit(X, y, times=times, **params)


def _check_that_any_was_scored(comparison, n_rows):
    if not comparison.names:
        raise ValueError(
            f"time_budget: there was not the time for any of {comparison.left_out}; allow more, or "
            "None."
        )
    if all(comparison.n_unpredicted(name) == n_rows for name in comparison.names):
        raise ValueError(
            "No policy can be compared: none of their models could read a single row when it came. "
            "Let an encoder pass over what it does not know, as "
            "OneHotEncoder(handle_unknown='ignore') does, or retrain after smaller batches."
        )
