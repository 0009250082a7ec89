"""Compare retraining policies on a history: what each would have scored, and what it costs."""

import math
from dataclasses import dataclass
from functools import cached_property
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t as student
from sklearn.base import BaseEstimator
from sklearn.metrics import make_scorer
from sklearn.utils.parallel import Parallel, delayed

from .._drift_aware import DriftAwareRetrainer
from .._mixture import make_mixture
from .._replay import ReplayPartialFit
from ..compose._learner import Learner
from ..drift import BaseTrigger, Periodic, RefitDebt
from ..drift._river import is_river
from ..utils._losses import task_of
from ..utils._optional import import_optional
from ..utils._params import check_n_jobs, check_number, is_integer
from ._prequential import _seeded, prequential_validate
from ._retrain_matrix import _LOSSES, RetrainMatrix
from ._stream import check_sizes

_WINDOW = 10  # batches: the shorter of the two windows that schedules choose from
_CADENCES = (1, 5, 20)  # batches from one refit to the next, in the default policies
_TUNED = (1, 2, 5, 10, 20, 50, 100, 200, 500)  # and in what the best fixed policy is the best of
_BLOCKS = 30  # of successive rows: errors come in runs
_CONFIDENCE = 0.95
_FROM_SCRATCH = ("first_fit", "full_refit")  # kinds of events

# The loss per row behind each score.
_SCORINGS = {
    "accuracy": "zero_one",
    "neg_mean_absolute_error": "absolute_error",
    "neg_mean_squared_error": "squared_error",
    "neg_root_mean_squared_error": "squared_error",
    "r2": "squared_error",
}
_DEFAULT_SCORINGS = {"classification": "accuracy", "regression": "neg_mean_absolute_error"}
_UNITS = {"zero_one": "errors", "absolute_error": "units of absolute error"}


class Recommendation(NamedTuple):
    """Which policy costs least at a price.

    Attributes
    ----------
    policy : str
        Its name.
    text : str
        The numbers behind it, in plain words.

    Examples
    --------
    >>> from skretrain.model_selection import Recommendation
    >>> Recommendation("never", "At any price, 'never' costs least.").policy
    'never'
    """

    policy: str
    text: str


class PolicyComparison:
    """What :func:`compare_policies` returns: scores and costs of policies on the same history.

    A cost is the summed loss of all rows that were served, plus the price for each refit after the
    first fit. An update (a warm start, a replay) is charged the price in proportion to its rows:
    those of an average refit on the whole past come to one price.

    Attributes
    ----------
    names : list of str
        The policies.
    kinds : dict of str to {"schedule", "trigger", "function", "told the price", "live"}
        How each was run: all but ``"live"`` were replayed on the matrix.
    prices : ndarray of shape (n_prices,)
        The grid of prices, rising, in units of summed loss.
    results : dict of str to list
        For each policy and seed, a :class:`PrequentialResult` if it was run live, else a
        :class:`ReplayResult`; that of a policy which is told the price is at the middle price.
    matrices : list of RetrainMatrix
        One per seed.
    seeds : list
        The seeds; ``[None]`` if none was set.
    scoring : str
        Name of the score.
    unit : str
        What a price counts: ``"errors"`` where the loss is 0/1.
    oracle : dict of str to ndarray of shape (n_prices,)
        The best schedule in hindsight at each of `prices`: ``"price"``, ``"cost"``, ``"score"``,
        ``"cpu_seconds"``, ``"n_fits"`` and ``"rows_fitted"``.
    frontier : dict of str to ndarray
        The best that schedules can do for their processor seconds, in hindsight: ``"cpu_seconds"``,
        rising, and ``"score"``.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain import DriftAwareRetrainer
    >>> from skretrain.datasets import make_drifting_classification
    >>> from skretrain.model_selection import compare_policies
    >>> X, y, _ = make_drifting_classification(2000, random_state=0)
    >>> policies = {"never": [], "since drift": DriftAwareRetrainer(LogisticRegression())}
    >>> comparison = compare_policies(LogisticRegression(), X, y, policies, prices=[1, 10, 100])
    >>> comparison.recommend(price=10).policy
    'since drift'
    >>> comparison.regret(price=10, to="fixed")["never"] > 0
    True
    """

    def __init__(self, specs, matrices, measure, *, seeds, delay, prices=None):
        self.names, self.matrices, self.seeds = list(specs), matrices, list(seeds)
        self.kinds = {name: spec.kind for name, spec in specs.items()}
        self.scoring, self.unit = measure.name, measure.unit
        self._specs, self._measure, self._delay = specs, measure, delay
        self._live, self._replayed, self._oracles = {}, {}, {}
        self._fixed = self._fixed_policies()
        self.prices = self._usual_prices() if prices is None else prices
        # What is wrong with a schedule shows here, before hours are spent on the live policies.
        self.results = {
            name: None if spec.kind == "live" else self._replays(name, None)
            for name, spec in specs.items()
        }

    def __repr__(self):
        return f"<PolicyComparison of {len(self.names)} policies at {len(self.prices)} prices>"

    # -- runs ----------------------------------------------------------------------------------

    @property
    def scorer(self):
        """The score as scikit-learn takes it, which raises at no prediction."""
        return make_scorer(_score, name=self._measure.name, loss=self._measure.loss)

    def add_live(self, name, results):
        """Take in what a live policy did.

        Parameters
        ----------
        name : str
            The policy.
        results : list of PrequentialResult
            One per seed.
        """
        self.results[name] = results
        self._live[name] = [self._lived(result) for result in results]

    def _lived(self, result):
        losses = self._measure.per_row(result.y_true, result.y_pred)
        chunk_losses = np.add.reduceat(losses, result.batch_rows - result.batch_rows[0])
        typical = np.mean([m.rows_fitted_[_whole_past(m)].mean() for m in self.matrices])
        updates = _rows_of_updates(result) / float(typical)
        return _Run(
            chunk_losses=chunk_losses,
            cpu_seconds=float(result.fit_seconds),
            n_fits=result.n_fits,
            rows_fitted=result.rows_fitted,
            charged=result.n_fits - 1 + updates,
        )

    def _replays(self, name, price):
        """Return a ReplayResult per seed."""
        spec = self._specs[name]
        price = None if spec.kind != "told the price" else self._middle(price)
        if (name, price) not in self._replayed:
            policy = spec.policy if price is None else spec.policy(price=price)
            try:
                self._replayed[name, price] = [
                    matrix.replay(policy, window=spec.window, label_delay=self._delay)
                    for matrix in self.matrices
                ]
            except ValueError as error:
                raise ValueError(f"policies[{name!r}]: {error}") from error
        return self._replayed[name, price]

    def _runs(self, name, price=None):
        if name in self._live:
            return self._live[name]
        return [_run_of(result) for result in self._replays(name, price)]

    def _fixed_policies(self):
        """Return the runs of never, and of refits at fixed intervals, all for one seed together."""
        n_chunks, windows = len(self.matrices[0].edges_) - 1, self.matrices[0].windows
        schedules = [[]] + [
            [(chunk, window) for chunk in range(1 + cadence, n_chunks, cadence)]
            for cadence in _TUNED
            if cadence < n_chunks - 1
            for window in windows
        ]
        return [
            [_run_of(m.replay(schedule, label_delay=self._delay)) for m in self.matrices]
            for schedule in schedules
        ]

    def _usual_prices(self):
        """Return prices around the loss that the best single refit saves."""
        saved = np.mean([self._saved_by_one_refit(matrix) for matrix in self.matrices])
        if not 0 < saved < math.inf:
            saved = 1.0  # nothing to be saved, or a model without a finite loss: any will do
        prices = saved * np.logspace(-2, 1, 9)
        return np.array([float(f"{price:.2g}") for price in prices])

    def _saved_by_one_refit(self, matrix):
        chunks = range(2, len(matrix.edges_) - 1)
        losses = [
            matrix.replay([(chunk, window)], label_delay=self._delay).loss
            for chunk in chunks
            for window in matrix.windows
        ]
        never = matrix.replay([], label_delay=self._delay).loss
        return never - min(losses, default=never)

    # -- questions -----------------------------------------------------------------------------

    def to_frame(self, price=None):
        """Return the table.

        Parameters
        ----------
        price : float or None, default=None
            What policies that are told the price are told, in all columns but those of the costs.
            None is the middle price of the grid.

        Returns
        -------
        table : DataFrame of shape (n_policies, 8 + n_prices)
            Per policy: ``policy``, ``kind``, ``score`` with its 95 % interval over seeds
            (``score_low``, ``score_high``; NaN for one seed), ``cpu_seconds`` of learning,
            ``n_fits``, ``rows_fitted``, and ``cost_at_p`` for each price p; all are means over
            seeds.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = import_optional("pandas", caller="PolicyComparison.to_frame", extra="cli")
        return pandas.DataFrame([self._line(name, price) for name in self.names])

    def _line(self, name, price):
        runs = self._runs(name, price)
        low, high = self.interval(name, price)
        costs = {f"cost_at_{p:g}": self.cost(name, p) for p in self.prices}
        return {
            "policy": name,
            "kind": self.kinds[name],
            "score": self.score(name, price),
            "score_low": low,
            "score_high": high,
            "cpu_seconds": _mean(runs, "cpu_seconds"),
            "n_fits": _mean(runs, "n_fits"),
            "rows_fitted": _mean(runs, "rows_fitted"),
            **costs,
        }

    def score(self, policy, price=None):
        """Return the mean score of a policy over the seeds.

        Parameters
        ----------
        policy : str
            Its name.
        price : float or None, default=None
            For a policy that is told the price; None is the middle price.

        Returns
        -------
        score : float
            Of the predictions that it would have served.
        """
        return float(np.mean(self._scores(policy, price)))

    def interval(self, policy, price=None):
        """Return the 95 % interval of the mean score over seeds, by Student's t.

        Parameters
        ----------
        policy : str
            Its name.
        price : float or None, default=None
            As in :meth:`score`.

        Returns
        -------
        low, high : float
            NaN for fewer than two seeds.
        """
        scores = self._scores(policy, price)
        if len(scores) < 2:
            return math.nan, math.nan
        half = student.ppf((1 + _CONFIDENCE) / 2, len(scores) - 1) * np.std(scores, ddof=1)
        half /= math.sqrt(len(scores))
        return float(np.mean(scores) - half), float(np.mean(scores) + half)

    def _scores(self, name, price):
        return [self._measure.score(run.loss) for run in self._runs(name, price)]

    def cpu_seconds(self, policy, price=None):
        """Return the mean processor seconds of all fits and updates of a policy.

        Parameters
        ----------
        policy : str
            Its name.
        price : float or None, default=None
            As in :meth:`score`.

        Returns
        -------
        seconds : float
            Those of a live policy include what it takes to watch the stream.
        """
        return _mean(self._runs(policy, price), "cpu_seconds")

    def batch_losses(self, policy, price=None):
        """Return the summed loss of a policy on each batch that was served.

        Parameters
        ----------
        policy : str
            Its name.
        price : float or None, default=None
            As in :meth:`score`.

        Returns
        -------
        losses : ndarray of shape (n_seeds, n_batches)
            In order of arrival.
        """
        return np.array([run.chunk_losses for run in self._runs(policy, price)])

    def cost(self, policy, price):
        """Return loss and refits of a policy in one number, a mean over seeds.

        Parameters
        ----------
        policy : str
            Its name.
        price : float
            What a refit costs, in units of summed loss; policies that take a price are told it.

        Returns
        -------
        cost : float
            In units of summed loss.
        """
        return _cost(self._runs(policy, price), _checked_price(price))

    def regret(self, price=None, *, to="oracle", relative=False):
        """Return what each policy costs beyond what it might have, knowing the future.

        Parameters
        ----------
        price : float or None, default=None
            Price of a refit. None gives the whole grid, `prices`.
        to : {"oracle", "fixed"}, default="oracle"
            ``"oracle"``: the best of all schedules on the windows of the matrix. ``"fixed"``: the
            best of never and of refits at fixed intervals on one window, tuned in hindsight.
        relative : bool, default=False
            Whether to divide by the cost of the oracle or of the best fixed policy; 0.05 is 5 %
            more.

        Returns
        -------
        regret : dict of str to float, or to ndarray of shape (n_prices,)
            By policy. No policy of a kind other than ``"live"`` is below 0 to the oracle; live ones
            have models that no schedule of refits has, and may be.

        Raises
        ------
        ValueError
            If `price` is negative, or `to` is another word.
        """
        if to not in ("oracle", "fixed"):
            raise ValueError(f"to={to!r}: regret is to the 'oracle' or to the best 'fixed' policy.")
        if price is not None:
            return {name: self._regret(name, price, to, relative) for name in self.names}
        return {
            name: np.array([self._regret(name, p, to, relative) for p in self.prices])
            for name in self.names
        }

    def _regret(self, name, price, to, relative):
        cost, reference = self.cost(name, price), self._reference(to, price)
        if not relative:
            return cost - reference
        return (cost - reference) / reference if reference else math.nan

    def _reference(self, to, price):
        if to == "oracle":
            return _cost(self._oracle(price), price)
        return min(_cost(runs, price) for runs in self._fixed)

    def recommend(self, price=None):
        """Name the policy with the lowest cost at a price.

        Parameters
        ----------
        price : float or None, default=None
            What a refit costs: how many errors (or how much summed loss) would have to be saved to
            be worth it. None is the middle price of the grid.

        Returns
        -------
        recommendation : Recommendation
            ``policy``, its name, and ``text``, the numbers in plain words, with the policies that
            cannot be told from it: whose cost differs by no more than twice the standard error of
            the difference of losses, which is judged by what changes from one to the next of 30
            blocks of rows.

        Raises
        ------
        ValueError
            If the price is negative or not a number.
        """
        price = _checked_price(self._middle(price))
        best = min(self.names, key=lambda name: self.cost(name, price))
        level = [name for name in self.names if name != best and self._is_level(best, name, price)]
        oracle = self._reference("oracle", price)
        score = _score_in_words(self.scoring, self.score(best, price))
        fits = _counted(_mean(self._runs(best, price), "n_fits"))
        text = (
            f"At a price of {_amount(price)} {self.unit} per refit, '{best}' costs least: "
            f"{_amount(self.cost(best, price))} with its refits ({score}, {fits}), against "
            f"{_amount(_cost(self._fixed[0], price))} without retraining and "
            f"{_amount(oracle)} with the best schedule in hindsight."
        )
        if level:
            named = ", ".join(f"'{name}'" for name in level)
            text += f" Within the noise, no worse: {named}."
        return Recommendation(best, text)

    def leaders(self):
        """Name the policy that costs least from price to price along the grid.

        At the middle price it is the recommended one. Away from it, up and down, a policy leads for
        as long as no other costs less by more than the noise, as :meth:`recommend` judges it; then
        the one that costs least takes over.

        Returns
        -------
        leaders : list of (str, float, float)
            Policy, lowest and highest price of the grid at which it leads; prices rise.
        """
        middle = len(self.prices) // 2
        names = self._leading(self.prices[middle::-1])[::-1]
        names += self._leading(self.prices[middle:])[1:]
        leaders = []
        for name, price in zip(names, map(float, self.prices), strict=True):
            first = leaders.pop()[1] if leaders and leaders[-1][0] == name else price
            leaders.append((name, first, price))
        return leaders

    def _leading(self, prices):
        """Return the policy that leads at each price, when it goes from the first on."""
        names = []
        for price in map(float, prices):
            best = min(self.names, key=lambda name: self.cost(name, price))
            stays = names and (names[-1] == best or self._is_level(best, names[-1], price))
            names.append(names[-1] if stays else best)
        return names

    def _is_level(self, best, other, price):
        """Tell whether the difference in cost is within the noise of the losses."""
        gap = self.cost(other, price) - self.cost(best, price)
        one, two = (_mean_losses(self._runs(name, price)) for name in (best, other))
        with np.errstate(invalid="ignore"):
            blocks = [b.sum() for b in np.array_split(two - one, min(_BLOCKS, len(one)))]
        if len(blocks) < 2 or not np.isfinite(blocks).all():
            return gap <= 0
        # From one block to the next: that a gain comes after a drift only is no noise.
        variance = np.mean(np.diff(blocks) ** 2) / 2
        return gap <= 2 * math.sqrt(len(blocks) * variance)

    def _middle(self, price):
        return float(self.prices[len(self.prices) // 2]) if price is None else price

    # -- in hindsight --------------------------------------------------------------------------

    def _oracle(self, price):
        price = _checked_price(price)
        if price not in self._oracles:
            self._oracles[price] = [
                _run_of(matrix.oracle(price, label_delay=self._delay)) for matrix in self.matrices
            ]
        return self._oracles[price]

    @cached_property
    def oracle(self):
        """The best schedule in hindsight at each price."""
        found = [self._oracle(price) for price in self.prices]
        names = ("cpu_seconds", "n_fits", "rows_fitted")
        return {
            "price": self.prices,
            "cost": np.array([_cost(r, p) for r, p in zip(found, self.prices, strict=True)]),
            "score": np.array([self._score_of(runs) for runs in found]),
            **{name: np.array([_mean(runs, name) for runs in found]) for name in names},
        }

    @cached_property
    def frontier(self):
        """The best that schedules can do for their processor seconds."""
        scale = max(_mean(self._fixed[0], "loss"), 1e-12) / self._mean_fit_seconds()
        found = [self._at_rate(rate) for rate in [0.0, *(scale * np.logspace(-5, 1, 25))]]
        points = sorted({(_mean(runs, "cpu_seconds"), self._score_of(runs)) for runs in found})
        seconds, scores = np.array(points).T
        return {"cpu_seconds": seconds, "score": scores}

    def _mean_fit_seconds(self):
        return max(
            float(np.mean([m.fit_seconds_[_whole_past(m)].mean() for m in self.matrices])), 1e-9
        )

    def _at_rate(self, rate):
        """Return the best schedules at so much loss per processor second."""
        return [
            _run_of(m.oracle(lambda rows, seconds: rate * seconds, label_delay=self._delay))
            for m in self.matrices
        ]

    def _score_of(self, runs):
        return float(np.mean([self._measure.score(run.loss) for run in runs]))


def compare_policies(
    estimator,
    X,
    y,
    policies=None,
    *,
    batch_size=100,
    initial_size=None,
    label_delay=0,
    fit_latency=0,
    prices=None,
    scoring=None,
    seeds=None,
    n_jobs=None,
    random_state=None,
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
    X : array-like of shape (n_samples, n_features)
        The history in time order.
    y : array-like of shape (n_samples,)
        Targets.
    policies : dict of str to policy, or None, default=None
        By name, any of

        - a retrainer, or another estimator with ``partial_fit``: run live;
        - a sequence of ``(batch, window)`` pairs, a trigger that looks at losses only, a river
          detector, ``"adwin"``, or a function, as in :meth:`RetrainMatrix.replay`: replayed;
        - a trigger class with a parameter `price`, such as :class:`~skretrain.drift.RefitDebt`:
          replayed, and told each price;
        - a pair ``(policy, window)`` of one of the last two kinds and the number of newest rows, or
          ``"all"``, that it refits on; else it is ``"all"``.

        None: never; every batch, every 5 and every 20, on all rows and on the last 10 batches;
        ``RefitDebt`` told the price, on both; and live :class:`~skretrain.DriftAwareRetrainer` as
        it comes, with warm starts only (where the estimator can be continued),
        :class:`~skretrain.ReplayPartialFit` and :func:`~skretrain.make_mixture`.
    batch_size : int, default=100
        Rows per batch: how often a policy can act. A matrix has a fit per batch and window.
    initial_size : int or None, default=None
        Rows of the first fit, which are not scored. None is one batch.
    label_delay : int, default=0
        Rows between a prediction and its label.
    fit_latency : int, default=0
        Rows that pass between learning and the new model coming into service. For what is replayed
        it is as so much more label delay, and the sum of both is rounded up to whole batches; what
        runs live has both to the row.
    prices : float, sequence of float or None, default=None
        What a refit costs, in units of summed loss: how many errors it has to save to be worth it.
        None is nine prices, from a hundredth to ten times what the best single refit saves.
    scoring : str, callable or None, default=None
        The score, and by it the loss that is summed: ``"accuracy"``,
        ``"neg_mean_absolute_error"``, ``"neg_mean_squared_error"``,
        ``"neg_root_mean_squared_error"``, ``"r2"`` (the summed loss is then of squared errors), or
        a function ``loss(y_true, y_pred) -> array of shape (n_rows,)``, whose negative mean is the
        score. None is accuracy, and the negative mean absolute error for regressors.
    seeds : int, sequence of int or None, default=None
        Evaluate once per seed, for intervals; an int n is the seeds 0 to n - 1. It takes as many
        matrices.
    n_jobs : int or None, default=None
        Fits, and live policies, to work on in parallel; scores do not depend on it.
    random_state : int or None, default=None
        The seed where `seeds` is None.

    Returns
    -------
    comparison : PolicyComparison
        With ``to_frame()``, ``recommend(price)``, ``regret(price)``, ``oracle``.

    Raises
    ------
    TypeError
        If a live policy has no ``partial_fit``.
    ValueError
        If a parameter is invalid, or a policy names a window or a batch that there is none of.

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
    >>> comparison.recommend(price=50).policy
    'debt'
    >>> for name, regret in comparison.regret(to="oracle").items():
    ...     print(name, regret.round().tolist())
    never [808.0, 659.0, 188.0]
    weekly [351.0, 382.0, 1711.0]
    debt [657.0, 187.0, 392.0]
    """
    sizes = {"batch_size": batch_size, "label_delay": label_delay}
    check_sizes("compare_policies", **sizes, fit_latency=fit_latency)
    check_n_jobs("compare_policies", n_jobs)
    if policies is None:
        policies = {
            name: policy for name, (policy, _) in default_policies(estimator, batch_size).items()
        }
    sizes["initial_size"] = initial_size
    comparison = replayed(
        estimator,
        X,
        y,
        policies,
        **sizes,
        fit_latency=fit_latency,
        prices=prices,
        scoring=scoring,
        seeds=_seeds_of(seeds, random_state),
        n_jobs=n_jobs,
    )
    live = [name for name, kind in comparison.kinds.items() if kind == "live"]
    grid = [(name, seed) for name in live for seed in comparison.seeds]
    options = {**sizes, "fit_latency": fit_latency, "scoring": comparison.scorer}
    results = Parallel(n_jobs=n_jobs)(
        delayed(run_live)(policies[name], seed, X, y, options) for name, seed in grid
    )
    for name in live:
        found = zip(grid, results, strict=True)
        comparison.add_live(name, [result for (owner, _), result in found if owner == name])
    return comparison


def replayed(
    estimator,
    X,
    y,
    policies,
    *,
    batch_size,
    initial_size,
    label_delay,
    fit_latency,
    prices,
    scoring,
    seeds,
    n_jobs,
    stride=1,
):
    """Return a comparison without its live policies, which :meth:`add_live` completes."""
    check_sizes("compare_policies", batch_size=batch_size, label_delay=label_delay)
    name, loss = _scoring_of(estimator, scoring)
    prices = None if prices is None else _checked_prices(prices)
    specs = _specs_of(policies)
    matrices = [
        RetrainMatrix(
            estimator,
            chunk=int(batch_size),
            windows=_windows_of(specs, _WINDOW * int(batch_size)),
            initial_size=initial_size,
            stride=stride,
            loss=loss,
            n_jobs=n_jobs,
            random_state=seed,
        ).fit(X, y)
        for seed in seeds
    ]
    y_served = np.asarray(y)[matrices[0].edges_[1] :]
    delay = -(-(label_delay + fit_latency) // int(batch_size)) * int(batch_size)
    measure = _Measure.on(y_served, name, loss)
    return PolicyComparison(specs, matrices, measure, seeds=seeds, delay=delay, prices=prices)


def default_policies(estimator, batch_size, *, stride=1, n_rows=math.inf, is_priced=True):
    """Return the policies that are compared where none are named, and what each of them does.

    Parameters
    ----------
    estimator : estimator
        What they keep fresh.
    batch_size : int
        Rows per batch.
    stride : int, default=1
        Batches between two moments at which a schedule may refit; the schedules are its multiples.
    n_rows : int, default=math.inf
        Rows that are served: no schedule is as long.
    is_priced : bool, default=True
        Whether those that are told the price of a refit are among them.

    Returns
    -------
    policies : dict of str to (policy, str)
        By name, the policy as :func:`compare_policies` takes it, and a line about it.
    """
    window = _WINDOW * batch_size
    policies = {"never": ([], "the first model serves for ever")}
    for every in (cadence * stride * batch_size for cadence in _CADENCES):
        if every < n_rows:
            when = f"every {every:,} rows, refit on"
            policies[f"every {every:,} on all"] = (Periodic(every), "all"), f"{when} all rows"
            policies[f"every {every:,} on last {window:,}"] = (
                (Periodic(every), window),
                f"{when} the last {window:,}",
            )
    if is_priced:
        policies["debt on all"] = (
            (RefitDebt, "all"),
            "refit on all rows once excess errors reach the price",
        )
        policies[f"debt on last {window:,}"] = (
            (RefitDebt, window),
            f"the same, on the last {window:,}",
        )
    return policies | _live_policies(estimator)


def _live_policies(estimator):
    policies = {
        "since drift": (
            DriftAwareRetrainer(estimator),
            "update every batch; alarm: refit on rows since drift",
        )
    }
    if not Learner(estimator).why_not:
        policies["warm start"] = (
            DriftAwareRetrainer(estimator, detector=None, update="warm_start"),
            "update every batch, no drift detection",
        )
    policies["replay mix"] = (
        ReplayPartialFit(estimator),
        "update every batch, with as many remembered rows",
    )
    policies["mixture"] = (
        make_mixture(estimator),
        "several models vote, weighted by what they got right",
    )
    return policies


# -- what was asked --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Spec:
    """A policy, and how it is run."""

    kind: str
    policy: Any
    window: int | str | None = None


def _specs_of(policies):
    if not isinstance(policies, dict) or not policies:
        raise ValueError(
            f"policies={policies!r}: pass a dict of names and policies, one at least, or None."
        )
    return {str(name): _spec_of(name, policy) for name, policy in policies.items()}


def _spec_of(name, policy):
    window = None
    if isinstance(policy, tuple) and len(policy) == 2 and not isinstance(policy[0], tuple):
        policy, window = policy
    kind = _kind_of(policy)
    if kind is None or (window is not None and kind in ("live", "schedule")):
        raise ValueError(
            f"policies[{name!r}]={policy!r}: pass a retrainer, a list of (batch, window) pairs, or "
            "a trigger, a trigger class or a function, alone or as a pair with a window."
        )
    return _Spec(kind, policy, window)


def _kind_of(policy):
    if isinstance(policy, type):
        takes_price = issubclass(policy, BaseTrigger) and "price" in signature(policy).parameters
        return "told the price" if takes_price else None
    if isinstance(policy, (str, BaseTrigger)) or is_river(policy):
        return "trigger"
    if isinstance(policy, BaseEstimator) or hasattr(policy, "partial_fit"):
        return "live"
    if callable(policy):
        return "function"
    return "schedule" if _is_schedule(policy) else None


def _is_schedule(policy):
    is_sequence = isinstance(policy, (list, tuple))
    return is_sequence and all(isinstance(p, (list, tuple)) and len(p) == 2 for p in policy)


def _windows_of(specs, shorter):
    """Return the usual windows, and those that the policies name."""
    named = [spec.window for spec in specs.values() if spec.window is not None]
    for spec in specs.values():
        if spec.kind == "schedule":
            named += [window for _, window in spec.policy]
    return list(dict.fromkeys([shorter, "all", *named]))


def _scoring_of(estimator, scoring):
    """Return the name of the score, and the loss behind it."""
    if scoring is None:
        scoring = _DEFAULT_SCORINGS.get(task_of(estimator))
    if callable(scoring):
        return f"neg_mean_{getattr(scoring, '__name__', 'loss')}", scoring
    if not isinstance(scoring, str) or scoring not in _SCORINGS:
        raise ValueError(
            f"scoring={scoring!r}: a comparison needs a loss per row; pass one of "
            f"{sorted(_SCORINGS)}, or a function loss(y_true, y_pred) that returns one."
        )
    return scoring, _SCORINGS[scoring]


def _checked_prices(prices):
    prices = [_checked_price(price) for price in np.atleast_1d(np.asarray(prices, dtype=object))]
    if not prices:
        raise ValueError("prices is empty: pass at least one, or None.")
    return np.unique(prices)


def _checked_price(price):
    what = "what one refit costs, in units of the summed loss"
    check_number("compare_policies", "price", price, least=0, what=what)
    return float(price)


def _seeds_of(seeds, random_state):
    if seeds is None:
        return [random_state]
    seeds = list(range(seeds)) if is_integer(seeds) else list(seeds)
    if not seeds:
        raise ValueError("seeds names none: pass a number of them, a sequence, or None.")
    return seeds


# -- what was found --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Run:
    """What a policy lost and did, with one seed."""

    chunk_losses: np.ndarray
    cpu_seconds: float
    n_fits: int
    rows_fitted: int
    charged: float  # refits to be paid for

    @property
    def loss(self):
        return float(self.chunk_losses.sum())


def _run_of(replay):
    return _Run(
        chunk_losses=replay.chunk_losses,
        cpu_seconds=replay.fit_seconds,
        n_fits=replay.n_fits,
        rows_fitted=replay.rows_fitted,
        charged=replay.n_fits - 1,
    )


def run_live(policy, seed, X, y, options):
    """Return what a live policy does with one seed, for :meth:`PolicyComparison.add_live`."""
    model = policy if seed is None else _seeded(policy, seed)
    return prequential_validate(model, X, y, **options)


def _rows_of_updates(result):
    """Return the rows that went into updates, not into fits from scratch."""
    if result.events is None:
        return result.rows_fitted - int(result.batch_rows[0])
    counts = result.events.counts
    # A model that cannot be continued is refitted in an update: that is one of the fits.
    n_updates = counts["updated"] + counts["retrained"] + counts["rejected"] - result.n_fits
    if n_updates <= 0:
        return 0
    in_fits = sum(e.n_rows_fitted for e in result.events if e.kind in _FROM_SCRATCH)
    return result.rows_fitted - in_fits


@dataclass(frozen=True)
class _Measure:
    """The score, and the loss that it is made of."""

    name: str
    loss: Any
    n_rows: int
    spread: float  # squared distance of the targets from their mean, summed

    @property
    def unit(self):
        return _UNITS.get(self.loss, "units of loss")

    def per_row(self, y_true, y_pred):
        loss = self.loss if callable(self.loss) else _LOSSES[self.loss]
        return np.asarray(loss(y_true, y_pred), dtype=np.float64)

    @classmethod
    def on(cls, y, name, loss):
        """Return the measure on these targets."""
        return cls(name, loss, len(y), _spread_of(y, name))

    def score(self, loss):
        """Return the score for a summed loss."""
        if self.name == "accuracy":
            return 1.0 - loss / self.n_rows
        if self.name == "r2":
            # As r2_score has it for targets that are all the same.
            return 1.0 - loss / self.spread if self.spread else float(loss == 0)
        if self.name == "neg_root_mean_squared_error":
            return -math.sqrt(loss / self.n_rows)
        return -loss / self.n_rows


def _score(y_true, y_pred, *, name, loss):
    measure = _Measure.on(y_true, name, loss)
    return measure.score(float(measure.per_row(y_true, y_pred).sum()))


def _spread_of(y, name):
    if name != "r2":
        return 0.0
    if y.ndim > 1:
        raise ValueError("scoring='r2' is for one target; of several, take a mean squared error.")
    return float(((y - y.mean()) ** 2).sum())


def _whole_past(matrix):
    return matrix.windows.index("all")


def _mean(runs, name):
    return float(np.mean([getattr(run, name) for run in runs]))


def _mean_losses(runs):
    return np.mean([run.chunk_losses for run in runs], axis=0)


def _cost(runs, price):
    return _mean(runs, "loss") + price * _mean(runs, "charged")


def _counted(n_fits):
    return f"{_amount(n_fits)} fit" if n_fits == 1 else f"{_amount(n_fits)} fits"


def _score_in_words(name, score):
    if name.startswith("neg_"):
        name, score = name.removeprefix("neg_").replace("_", " "), -score
    return f"{name} {score:.3f}"


def _amount(number):
    return f"{number:,.0f}" if abs(number) >= 10 or number == round(number) else f"{number:.2g}"
