"""Scores, costs and regret of policies that have run on the same history, and what they come to."""

import math
from functools import cached_property

import numpy as np

from ...metrics import Price
from ...metrics._intervals import student_quantile
from ...utils._optional import import_optional
from ._recommendation import amount, leading, recommended
from ._rolling import rolled
from ._runs import Runs, mean
from ._runs import cost as cost_of

_CONFIDENCE = 0.95


class PolicyComparison:
    """What :func:`compare_policies` returns: scores and costs of policies on the same history.

    A cost is the summed loss of all rows that were served, plus the price for each refit after the
    first fit. An update (a warm start, a replay) is charged the price in proportion to its rows:
    those of an average refit on the whole past come to one price. A row that the model of its time
    could not read (see :meth:`n_unpredicted`) is in no score, and costs what the others of its
    batch do on average: to read less is no way to cost less.

    Attributes
    ----------
    names : list of str
        The policies.
    kinds : dict of str to {"schedule", "trigger", "function", "told the price", "live"}
        How each was run: all but ``"live"`` were replayed on the matrix.
    left_out : list of str
        Policies for which there was not the time.
    stride : int
        Batches between two moments at which what was replayed could refit.
    prices : ndarray of shape (n_prices,)
        The grid of prices, rising, in units of summed loss; of a :class:`~skretrain.metrics.Price`
        what an average refit on the whole past (of batches, on the longest window) comes to.
    windows : ndarray or None
        Bounds of the windows that are scored, in rows that count; None where each row is scored.
    results : dict of str to list
        For each policy and seed, a :class:`PrequentialResult` if it was run live (of batches, a
        :class:`StreamResult`), else a :class:`ReplayResult`; that of a policy which is told the
        price is at the middle price.
    matrices : list of RetrainMatrix
        One per seed.
    seeds : list
        The seeds; ``[None]`` if none was set.
    scoring : str
        Name of the score.
    is_loss : bool
        Whether a score is minus a loss.
    why : str
        Why it was chosen, where nobody asked for it and a class is rare; else empty.
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
    >>> comparison.rolling_choice(every=400, price=1).policies
    ['never', 'since drift', 'since drift', 'since drift', 'since drift']
    """

    def __init__(self, specs, matrices, measure, *, seeds, delay, prices=None, counts_flips=False):
        self.names, self.matrices, self.seeds = list(specs), matrices, list(seeds)
        self.left_out, self.stride = [], matrices[0].stride
        self.kinds = {name: spec.kind for name, spec in specs.items()}
        self.scoring, self.unit, self.why = measure.name, measure.unit, measure.why
        self.is_loss = measure.is_loss
        self.windows = measure.bounds
        self._measure = measure
        self._runs = Runs(specs, matrices, measure, delay, counts_flips=counts_flips)
        self._asked, self.prices = self._runs.grid(prices)
        # What is wrong with a schedule shows here, before hours are spent on the live policies.
        self.results = {
            name: None if spec.kind == "live" else self._runs.replays(name, self._middle(None))
            for name, spec in specs.items()
        }

    def __repr__(self):
        return f"<PolicyComparison of {len(self.names)} policies at {len(self.prices)} prices>"

    @property
    def scorer(self):
        """The score as scikit-learn takes it."""
        return self._measure.scorer

    def add_live(self, name, results):
        """Take in what a live policy did.

        Parameters
        ----------
        name : str
            The policy.
        results : list of PrequentialResult or None
            One per seed. None: there was not the time for it, and it is left out.
        """
        if results is None:
            self.names.remove(name)
            del self.kinds[name], self.results[name]
            self.left_out.append(name)
            return
        self.results[name] = results
        self._runs.add_live(name, results)

    def _runs_of(self, name, price):
        return self._runs.of(name, self._middle(price))

    def to_frame(self, price=None):
        """Return the table.

        Parameters
        ----------
        price : float, Price or None, default=None
            What policies that are told the price are told, in all columns but those of the costs.
            None is the middle price of the grid.

        Returns
        -------
        table : DataFrame with a row per policy
            Per policy: ``policy``, ``kind``, ``score`` with its 95 % interval over seeds
            (``score_low``, ``score_high``; NaN for one seed), ``cpu_seconds`` of learning,
            ``n_fits``, ``rows_fitted``, ``n_unpredicted`` (rows that could not be read), and
            ``cost_at_p`` for each price p, beside ``money_at_p`` where it was stated in money; all
            are means over seeds.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = import_optional("pandas", caller="PolicyComparison.to_frame", extra="cli")
        return pandas.DataFrame([self._line(name, price) for name in self.names])

    def _line(self, name, price):
        runs = self._runs_of(name, price)
        low, high = self.interval(name, price)
        costs = {}
        for asked, in_errors in zip(self._asked, self.prices, strict=True):
            costs[f"cost_at_{in_errors:g}"] = cost = self.cost(name, asked)
            if isinstance(asked, Price):
                costs[f"money_at_{in_errors:g}"] = asked.to_money(cost)
        return {
            "policy": name,
            "kind": self.kinds[name],
            "score": self.score(name, price),
            "score_low": low,
            "score_high": high,
            "cpu_seconds": mean(runs, "cpu_seconds"),
            "n_fits": mean(runs, "n_fits"),
            "rows_fitted": mean(runs, "rows_fitted"),
            "n_unpredicted": mean(runs, "n_unpredicted"),
            **costs,
        }

    def score(self, policy, price=None):
        """Return the mean score of a policy over the seeds.

        Parameters
        ----------
        policy : str
            Its name.
        price : float, Price or None, default=None
            For a policy that is told the price; None is the middle price.

        Returns
        -------
        score : float
            Of the predictions that it would have served. Rows that its model could not read are
            left out, see :meth:`n_unpredicted`.
        """
        return float(self.scores(policy, price).mean())

    def scores(self, policy, price=None):
        """Return the score of a policy with each seed.

        Parameters
        ----------
        policy : str
            Its name.
        price : float, Price or None, default=None
            As in :meth:`score`.

        Returns
        -------
        scores : ndarray of shape (n_seeds,)
            Their mean is :meth:`score`.
        """
        return np.array(_scores_of(self._measure, self._runs_of(policy, price)))

    def interval(self, policy, price=None):
        """Return the 95 % interval of the mean score over seeds, by Student's t.

        Parameters
        ----------
        policy : str
            Its name.
        price : float, Price or None, default=None
            As in :meth:`score`.

        Returns
        -------
        low, high : float
            NaN for fewer than two seeds.
        """
        scores = self.scores(policy, price)
        if len(scores) < 2:
            return math.nan, math.nan
        largest = abs(scores).max() or 1.0
        deviation = largest * np.std(np.divide(scores, largest), ddof=1)
        half = student_quantile(_CONFIDENCE, len(scores)) * deviation / math.sqrt(len(scores))
        return float(np.mean(scores) - half), float(np.mean(scores) + half)

    def n_unpredicted(self, policy, price=None):
        """Return how many rows the models of a policy could not read, a mean over the seeds.

        Parameters
        ----------
        policy : str
            Its name.
        price : float, Price or None, default=None
            As in :meth:`score`.

        Returns
        -------
        n : float
            Rows such as those with a category that an encoder had never seen when they came. No
            score counts them; in a cost they count as the mean of the others of their batch.
        """
        return mean(self._runs_of(policy, price), "n_unpredicted")

    def gaps(self, price=None):
        """Return what to know of rows that could not be read, a sentence for each number of them.

        Parameters
        ----------
        price : float, Price or None, default=None
            As in :meth:`score`.

        Returns
        -------
        gaps : list of str
            Empty where all rows were predicted.
        """
        by_number = {}
        for name in self.names:
            by_number.setdefault(self.n_unpredicted(name, price), []).append(f"'{name}'")
        return [
            f"{', '.join(names)} could not read {amount(n)} of {self._measure.n_rows:,} rows when "
            "they came: a score is that of the others."
            for n, names in by_number.items()
            if n
        ]

    def cpu_seconds(self, policy, price=None):
        """Return the mean processor seconds of all fits and updates of a policy.

        Parameters
        ----------
        policy : str
            Its name.
        price : float, Price or None, default=None
            As in :meth:`score`.

        Returns
        -------
        seconds : float
            Those of a live policy include what it takes to watch the stream.
        """
        return mean(self._runs_of(policy, price), "cpu_seconds")

    def batch_losses(self, policy, price=None):
        """Return the summed loss of a policy on each batch that was served.

        Where the score is no mean over rows, it is that on each window of several batches.

        Parameters
        ----------
        policy : str
            Its name.
        price : float, Price or None, default=None
            As in :meth:`score`.

        Returns
        -------
        losses : ndarray of shape (n_seeds, n_batches) or (n_seeds, n_windows)
            In order of arrival.
        """
        return np.array([run.chunk_losses for run in self._runs_of(policy, price)])

    def cost(self, policy, price):
        """Return loss and refits of a policy in one number, a mean over seeds.

        Parameters
        ----------
        policy : str
            Its name.
        price : float or Price
            What a refit costs, in units of summed loss, or in money; policies that take a price are
            told it.

        Returns
        -------
        cost : float
            In units of summed loss.
        """
        return cost_of(self._runs_of(policy, price), _checked_for(self, price, "cost"))

    def regret(self, price=None, *, to="oracle", relative=False):
        """Return what each policy costs beyond what it might have, knowing the future.

        Parameters
        ----------
        price : float, Price or None, default=None
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
            price = _checked_for(self, price, "regret")
            return {name: self._regret(name, price, to, relative) for name in self.names}
        return {
            name: np.array([self._regret(name, p, to, relative) for p in self._asked])
            for name in self.names
        }

    def _regret(self, name, price, to, relative):
        cost, reference = self.cost(name, price), self._reference(to, price)
        if not relative:
            return cost - reference
        return (cost - reference) / reference if reference else math.nan

    def _reference(self, to, price):
        if to == "oracle":
            return cost_of(self._runs.oracle(price), price)
        return min(cost_of(runs, price) for runs in self._runs.fixed)

    def recommend(self, price=None):
        """Name the policy with the lowest cost at a price.

        Parameters
        ----------
        price : float, Price or None, default=None
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
        return recommended(self, _checked_for(self, price, "recommend"))

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
        names = leading(self, self._asked[middle::-1])[::-1]
        names += leading(self, self._asked[middle:])[1:]
        leaders = []
        for name, price in zip(names, map(float, self.prices), strict=True):
            first = leaders.pop()[1] if leaders and leaders[-1][0] == name else price
            leaders.append((name, first, price))
        return leaders

    def price_told(self, policy, price=None):
        """Return what a policy that is told the price is told.

        Parameters
        ----------
        policy : str
            Its name.
        price : float, Price or None, default=None
            What a refit costs; None is the middle price of the grid.

        Returns
        -------
        told : float, Price or None
            The price, where the trigger sees the loss that it is measured in. By a score that is no
            mean over rows it sees errors (or residuals), and is told so many of these as it costs
            least with, in hindsight: what to tell it in service. None for any other policy.
        """
        if self.kinds[policy] != "told the price":
            return None
        return self._runs.told(policy, _checked_for(self, price, "price_told"))

    def rolling_choice(self, every=None, price=None):
        """Tell what it would have cost to follow the recommendation, chosen anew now and then.

        At each checkpoint, the policy takes over that costs least by all that was known by then,
        unless the present one is as good within the noise. Nothing is fitted again: what a policy
        costs in between is what it did there when it ran.

        Parameters
        ----------
        every : int, str, timedelta or None, default=None
            What lies between two checkpoints: rows or, with dates, a calendar period such as
            ``"1mo"``. None is a month, week, day or hour of which there are four or more, and
            without dates a twelfth of the rows.
        price : float, Price or None, default=None
            What a refit costs. None is the middle price of the grid.

        Returns
        -------
        choice : RollingChoice
            With `costs`, ``to_frame()``, ``plot()`` and ``text``.

        Raises
        ------
        ValueError
            If `every` or the price is invalid, or there would be no checkpoint.
        """
        return rolled(self, every, _checked_for(self, price, "rolling_choice"))

    def _middle(self, price):
        return self._asked[len(self._asked) // 2] if price is None else price

    @cached_property
    def oracle(self):
        """The best schedule in hindsight at each price."""
        found = [self._runs.oracle(price) for price in self._asked]
        names = ("cpu_seconds", "n_fits", "rows_fitted")
        return {
            "price": self.prices,
            "cost": np.array([cost_of(r, p) for r, p in zip(found, self._asked, strict=True)]),
            "score": np.array([np.mean(_scores_of(self._measure, runs)) for runs in found]),
            **{name: np.array([mean(runs, name) for runs in found]) for name in names},
        }

    @cached_property
    def frontier(self):
        """The best that schedules can do for their processor seconds."""
        found = self._runs.frontier()
        points = {
            (mean(r, "cpu_seconds"), float(np.mean(_scores_of(self._measure, r)))) for r in found
        }
        points = sorted(points)
        seconds, scores = np.array(points).T
        return {"cpu_seconds": seconds, "score": scores}


def _checked_for(comparison, price, method):
    return comparison._runs.checked(comparison._middle(price), f"PolicyComparison.{method}")


def _scores_of(measure, runs):
    return [measure.score(run) for run in runs]
