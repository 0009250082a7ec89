"""Should the model be retrained? Try each way on held-out rows of both periods, and say."""

import warnings

from ._budget import TimeBudget
from ._candidates import stages_of
from ._case import case_of, time_budget_of
from ._verdict import Verdict


def advise(
    estimator,
    X_old,
    y_old,
    X_new,
    y_new,
    *,
    price=None,
    scoring=None,
    time_budget=None,
    params_old=None,
    params_new=None,
    random_state=None,
):
    """Say whether a model should be retrained now that new labelled rows are there, and how.

    Each way to react is tried, from keeping the model to refitting it on everything, and judged on
    rows of both periods that no model has learned. One action comes back, with the numbers it
    rests on.

    Parameters
    ----------
    estimator : estimator
        A classifier or regressor for one target. Unfitted: it is fitted on the old rows as the
        present model. Fitted: it *is* the present model, and is never changed.
    X_old : array-like of shape (n_samples, n_features)
        Rows of the old period in the order of time: an array, a sparse matrix, a data frame, or a
        list of what the estimator takes.
    y_old : array-like of shape (n_samples,)
        Their targets.
    X_new : array-like of shape (n_samples, n_features), or list of such
        Rows of the new period, likewise. A list of tables, with a list of as many columns of
        targets, is a period in batches, oldest first: they are judged as one period, and
        ``evidence["batches"]`` says how the old model does on each. The old period may come in
        batches, too.
    y_new : array-like of shape (n_samples,), or list of such
        Their targets.
    price : float, Price or None, default=None
        What one refit on all rows costs, in the unit of the loss added up over rows: for a
        classifier, the number of errors that it would have to save. Cheaper actions cost their
        share of fitted rows, keeping and recalibrating nothing. The gain is counted over a coming
        period as long as the new one. A :class:`~skretrain.metrics.Price` is in money: seconds are
        those that are forecast for all rows, flips the decisions of a coming period that would
        change, of a recalibration, too; with a cost matrix, rows are scored by what they cost.
        None: no price.
    scoring : str, callable or None, default=None
        A scikit-learn scorer or its name; the loss is then minus the score. A callable is handed a
        record of the model's answers on the held-out rows, not the model. None: errors of a
        classifier, absolute residuals of a regressor, row by row. But where a class is rarer than
        5 % (and than half its fair share) and there is no `price`, which is in errors: the average
        precision of that class, or F1 without scores or probabilities; of more than two classes
        their mean F1. The text then says so. (Not where the present model lacks a class, or fewer
        than 5 held-out rows of either period are of that one.)
    time_budget : float or None, default=None
        Seconds on the clock for everything. A larger subsample is begun, and each candidate on it,
        only if what is left to do is forecast to end in time. The smallest, of about 1,000 rows, is
        always completed, however long it takes. None: no limit.
    params_old : dict of str to array-like, or None, default=None
        What the fits get besides for the old rows, such as ``{"sample_weight": weight}``: arrays
        with a value for each row. Weights change what is learned; losses, and what recalibrates a
        frozen model, count every row alike, but rows of weight zero are left out of everything. A
        scorer that asks for them by ``set_score_request`` gets those of the rows that it scores.
        For batches, a list of dicts.
    params_new : dict of str to array-like, or None, default=None
        The same for the new rows, under the same names.
    random_state : int, RandomState instance or None, default=None
        Seed of the models whose own ``random_state`` is None, and of what is drawn here. None is
        0, so that two calls agree. An instance is left as it is.

    Returns
    -------
    advice : Advice
        The action, a table of what was tried, the evidence, and one paragraph in plain words.

    Raises
    ------
    TypeError
        If `estimator` is no estimator, or rows cannot be counted.
    ValueError
        If a parameter, the rows or the targets cannot be used; the message names it and the way
        out.
    Exception
        Whatever the present model raises when it is fitted on all the old rows it learns from.

    See Also
    --------
    prequential_validate : Test a retraining policy along a whole stream.

    Notes
    -----
    **Who is judged on what.** Held out are the newest third of the new rows and the newest quarter
    of the old rows. All candidates learn from the other rows alone. A fitted `estimator` may have
    learned the held-out old rows: everything on the old period is therefore measured on a clone
    fitted without them, and continued in the same way.

    **Rows that the present model cannot read**, with a category that its encoder never saw, say,
    although a model that is fitted on all rows can: they are counted, said, and left out of every
    comparison. Candidates that are fitted anew learn from them, and one that can read them all is
    advised, unless it is worse on the others.

    **Candidates.** ``keep``; ``recalibrate`` (prior correction, sigmoid or isotonic calibration of
    the frozen model, whichever does best on the last third of the rows to learn from, increasing
    maps only; for a regressor a shift or a line); ``warm_start``, ``replay_mix`` as the policies of
    these names make them; ``fine_tune`` (only the last step of a pipeline is fitted anew);
    ``refit_new``; ``refit_window`` (the rows since the change that the losses of the old model show
    among the new rows, if it is not the seam of the periods); ``refit_all``. A candidate that
    fails, or is not possible, is a row of the table that says why. Beside them stands ``distill``,
    ``refit_all`` with the present model as teacher, as
    :class:`~skretrain.policies.DistillingRefit` makes it: it is tried for the answers that it does
    not turn from right to wrong, is said where these are fewer than by a refit that is advised, and
    is no candidate itself.

    **Intervals.** The gain is the present model's loss minus the candidate's on the same rows: a
    paired t interval over rows, or, where a Ljung-Box test finds the differences autocorrelated,
    over blocks of about the root of n rows. Binary losses get half a pair of pseudo-rows each way
    [1]_. With `scoring`, the interval is a normal one with the deviation of 100 draws of rows or
    blocks; of scores between 0 and 1, such as an average precision, each has one on the scale of
    its logit, and Newcombe's method makes of both that of their difference [2]_.
    The intervals of the gains hold together at 95 % (Bonferroni over the candidates).

    **Decision.**

    1. *Eligible* is a candidate whose interval of the gain lies above zero and whose gain, over as
       many rows as the new period has, exceeds its price.
    2. *Tied with the best* are the eligible candidates that bring at least three quarters of the
       largest gain (after the price) and are not worse than it by a paired interval at 95 %.
    3. Where ``refit_new`` beats ``refit_all`` by such an interval, and the present model by that of
       its gain, the old rows are wrong; then ``warm_start``, ``replay_mix`` and ``fine_tune`` give
       way to a tied refit on new rows alone.
    4. The cheapest of the tied is advised, in a fixed order of work, since seconds vary:
       recalibrate; continuing by ``partial_fit`` and ``fine_tune``; refits and continued solvers on
       new rows, ``replay_mix``; ``refit_all``. Among equals, the one that forgets least.
    5. If none is eligible, the advice is ``keep``; but ``collect_more`` if the candidate with the
       largest gain is undecided: its gain would matter and its interval, taken by itself but not
       among so many, lies above zero; or it is so wide that twice such a gain could be missed. What
       would matter is the price per row; without a price a quarter of the present model's loss, at
       least two points for errors; for a scorer a twentieth of the score. Fewer than 20 held-out
       new rows never decide anything else than ``collect_more``, unless nothing is to be gained.
       The rows asked for show, with a power of 90 %, a gain that would matter (or what is sure of
       the gain found, where that is more) of each candidate that may have it.

    **Words.** That the relation between inputs and target has changed is said of old rows that are
    wrong if, besides, the old model's errors (of a regressor: residuals beyond the old median) have
    become more frequent by more than 2 AUC - 1, for the AUC with which inputs of both periods are
    told apart. By less, moved inputs alone may be the cause, for a model that does not fit all of
    their range; the old rows are then said to be wrong for this model.

    The forecast of seconds is a ridge on (rows, seconds) of the subsamples, for all rows given.

    References
    ----------
    .. [1] A. Agresti and Y. Min (2005). "Simple improved confidence intervals for comparing matched
       proportions". Statistics in Medicine 24(5), 729-740.
    .. [2] R. G. Newcombe (1998). "Improved confidence intervals for the difference between binomial
       proportions based on paired data". Statistics in Medicine 17(22), 2635-2650.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.model_selection import advise
    >>> X, y, _ = make_drifting_classification(2000, drift_rows=[1000], random_state=0)
    >>> advice = advise(LogisticRegression(), X[:1000], y[:1000], X[1000:], y[1000:])
    >>> advice.action
    'refit_new'
    >>> round(advice.evidence["gains"]["refit_new"]["estimate"], 2)
    0.56
    """
    budget = TimeBudget(time_budget_of(time_budget))
    case = case_of(
        estimator,
        (X_old, y_old, params_old),
        (X_new, y_new, params_new),
        price,
        scoring,
        budget,
        random_state,
    )
    with warnings.catch_warnings():
        # Each candidate's own first warning is noted in the table.
        warnings.simplefilter("ignore")
        return _advice(case)


def _advice(case):
    stages, advice = [], None
    for stage in stages_of(case):
        stages.append(stage)
        advice = None
        if case.budget.is_limited and len(stages) == 1:
            with case.budget.reserved():  # the last word takes about as long on all rows
                advice = Verdict(case, stages).advice()
    return Verdict(case, stages).advice() if advice is None else advice
