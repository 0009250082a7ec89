"""What each policy lost and did with each seed: replayed on matrices, or lived through."""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ...metrics import Price
from .._matrix._replay import FIRST, mean_known
from ._flips import best_schedule, flips_of
from ._specs import checked_price

_INTERVALS = (1, 2, 5, 10, 20, 50, 100, 200, 500)  # batches; the best fixed policy has one of them


@dataclass(frozen=True)
class Run:
    """What a policy lost and did, with one seed."""

    chunk_losses: np.ndarray
    chunk_rows: np.ndarray
    chunk_unpredicted: np.ndarray
    given_score: float | None  # where it is no mean over rows
    cpu_seconds: float
    n_fits: int
    rows_fitted: int
    charged: float  # refits to be paid for,
    seconds_charged: float  # and the processor seconds after the first fit
    charges: np.ndarray  # both by batch, and the decisions that change; of shape (3, n_batches)

    @property
    def loss(self):
        """All of it."""
        return float(self.chunk_losses.sum())

    @property
    def n_flips(self):
        """Decisions that changed; NaN where nobody counted them."""
        return float(self.charges[2].sum())

    @property
    def n_unpredicted(self):
        """Rows that the model of their time could not read."""
        return int(self.chunk_unpredicted.sum())

    @property
    def scored_loss(self):
        """The loss that all rows would have if they were like those that were predicted."""
        if not self.n_unpredicted:
            return self.loss
        rows, unpredicted = self.chunk_rows, self.chunk_unpredicted
        return mean_known(self.chunk_losses, rows, unpredicted, self.loss) * float(rows.sum())


class Runs:
    """The runs of all policies and, in hindsight, of the best schedules; a list per seed each."""

    def __init__(self, specs, matrices, measure, delay, *, counts_flips=False):
        self.specs, self.matrices, self.measure, self.delay = specs, matrices, measure, delay
        self.counts_flips = counts_flips
        self._live, self._replayed, self._oracles, self._told_errors = {}, {}, {}, {}
        self.hindsights = [measure.hindsight(matrix, delay) for matrix in matrices]
        self.fixed_schedules = _fixed_schedules(matrices[0])
        self.fixed = [
            self._runs_of([matrix.replay(schedule, label_delay=delay) for matrix in matrices])
            for schedule in self.fixed_schedules.values()
        ]

    def add_live(self, name, results):
        """Take in what a live policy did."""
        self._live[name] = [self._live_run(result) for result in results]

    def _live_run(self, result):
        typical = np.mean([_rows_of_whole_past(m) for m in self.matrices])
        updates = _rows_of_updates(result) / float(typical)
        # What was learned after a batch is paid with the next one.
        seconds = np.append(0.0, result.batch_fit_seconds)
        seconds[-2] += seconds[-1]
        flips = result.batch_flips if self.counts_flips else np.full(len(seconds) - 1, math.nan)
        refits = result.batch_fits + result.batch_rows_updated / float(typical)
        return Run(
            *self.measure.lived(result),
            cpu_seconds=float(result.fit_seconds),
            n_fits=result.n_fits,
            rows_fitted=result.rows_fitted,
            charged=result.n_fits - 1 + updates,
            seconds_charged=float(result.batch_fit_seconds.sum()),
            charges=np.array([refits, seconds[:-1], flips]),
        )

    def replays(self, name, price):
        """Return a ReplayResult per seed; `price` is what a policy is told that asks for it."""
        return [replay for replay, _ in self._replays(name, price)]

    def _replays(self, name, price):
        if self.specs[name].kind != "told the price":
            return self._replays_at(name, None)
        return self._replays_at(name, self.told(name, price))

    def told(self, name, price):
        """Return what a policy is told at a price.

        That is the price, where its trigger sees the loss that the price is measured in. Else it is
        so many errors as it costs least with at the price, over the whole history.
        """
        if not self.tells_errors:
            return price
        if (name, price) not in self._told_errors:
            by_cost = {errors: cost(self.at(name, errors), price) for errors in self.errors}
            self._told_errors[name, price] = min(by_cost, key=lambda e: (by_cost[e], -e))
        return self._told_errors[name, price]

    @cached_property
    def _telling(self):
        """The matrices as they tell the loss that a price is measured in; or None of each."""
        return [self.measure.telling(matrix) for matrix in self.matrices]

    @property
    def tells_errors(self):
        """Whether who is told the price sees errors, or residuals, and no losses by the score."""
        return None in self._telling

    @cached_property
    def errors(self):
        """What policies may be told, in errors: multiples of those of the first model at first."""
        # Not of what a refit saves, which nobody knows before it is over.
        first = np.mean([m.losses_[m._largest(), 0, FIRST] for m in self.matrices])
        if not 0 < first < math.inf:
            first = 1.0
        return [float(f"{first * factor:.2g}") for factor in np.logspace(-1, 2, 9)]

    def _replays_at(self, name, told):
        if (name, told) not in self._replayed:
            spec, matrices = self.specs[name], self.matrices
            policy = spec.policy
            if told is not None:
                policy = spec.policy(price=_as_told(told, self))
                matrices = matrices if self.tells_errors else self._telling
            try:
                found = [
                    matrix.replay(policy, window=spec.window, label_delay=self.delay)
                    for matrix in matrices
                ]
            except ValueError as error:
                raise ValueError(f"policies[{name!r}]: {error}") from error
            self._replayed[name, told] = list(zip(found, self._runs_of(found), strict=True))
        return self._replayed[name, told]

    def at(self, name, told):
        """Return the runs of a policy that is told something."""
        return [run for _, run in self._replays_at(name, told)]

    def of(self, name, price):
        """Return the runs of a policy; at a price, where it is told one."""
        if name in self._live:
            return self._live[name]
        return [run for _, run in self._replays(name, price)]

    def _runs_of(self, replays):
        pairs = zip(replays, self.matrices, strict=True)
        return [self._run_of(replay, matrix) for replay, matrix in pairs]

    def _run_of(self, replay, matrix):
        return Run(
            *self.measure.replayed(replay, matrix, self.delay),
            cpu_seconds=replay.fit_seconds,
            n_fits=replay.n_fits,
            rows_fitted=replay.rows_fitted,
            charged=replay.n_fits - 1,
            seconds_charged=float(replay.seconds_per_fit[1:].sum()),
            charges=_charges_of(replay, matrix, self),
        )

    def checked(self, price, owner="compare_policies"):
        """Return a price that is valid, and of which all is measured; `owner` was given it."""
        return checked_price(price, owner, counts_flips=self.counts_flips)

    def oracle(self, price):
        """Return the runs of the best schedules in hindsight."""
        price = self.checked(price)
        if price not in self._oracles:
            # Of windows, only schedules that refit where they begin are tried in full.
            found = [self._best(price), *self.fixed]
            self._oracles[price] = min(found, key=lambda runs: cost(runs, price))
        return self._oracles[price]

    def _best(self, cost):
        """Return the runs of the best schedules at what a refit costs."""
        pairs = zip(self.hindsights, self.matrices, strict=True)
        if getattr(cost, "flip_price", 0):
            counted = self.measure.counted
            schedules = [best_schedule(cost, h, m, self.delay, counted) for h, m in pairs]
            pairs = zip(self.matrices, schedules, strict=True)
            return self._runs_of([m.replay(s, label_delay=self.delay) for m, s in pairs])
        return self._runs_of([h.best(cost, matrix, self.delay) for h, matrix in pairs])

    def frontier(self):
        """Return the best that schedules can do, from all processor seconds to few."""
        scale = max(mean(self.fixed[0], "loss"), 1e-12) / self._mean_fit_seconds()
        return [self._at_rate(scale * share) for share in [0.0, *np.logspace(-5, 1, 25).tolist()]]

    def _mean_fit_seconds(self):
        return max(
            float(np.mean([m.fit_seconds_[m._largest()].mean() for m in self.matrices])), 1e-9
        )

    def _at_rate(self, rate):
        """Return the best schedules at so much loss per processor second."""
        return self._best(lambda rows, seconds: rate * seconds)

    def grid(self, prices):
        """Return the prices, rising, as policies are told them, and in units of the loss."""
        if prices is None:
            prices = self.usual_prices()
            return prices.tolist(), prices
        by_errors = {self.in_errors(price): price for price in prices}
        errors = sorted(by_errors)
        return [by_errors[price] for price in errors], np.array(errors)

    def in_errors(self, price):
        """Return a price in units of the loss: what an average refit on the whole past costs.

        On a stream, that is one on the longest window.
        """
        return price.in_errors(**self.typical()) if isinstance(price, Price) else price

    def typical(self):
        """Return what an average refit on the whole past takes, as a Price is told it."""
        seconds = self._mean_fit_seconds()
        taken = {"cpu_seconds": seconds, "wall_seconds": seconds}
        return taken | ({"n_flips": self.mean_flips} if self.counts_flips else {})

    @cached_property
    def mean_flips(self):
        """How many decisions a refit on the whole past changes, on average over all intervals."""
        fixed = zip(self.fixed_schedules, self.fixed, strict=True)
        runs = [runs for (_, window), runs in fixed if window == "all"]
        n_refits = sum(mean(one, "charged") for one in runs)
        return sum(mean(one, "n_flips") for one in runs) / n_refits if n_refits else 0.0

    def usual_prices(self):
        """Return prices around the loss that the best single refit saves."""
        saved = np.mean([hindsight.saved_by_one_refit() for hindsight in self.hindsights])
        if not 0 < saved < math.inf:
            saved = 1.0  # nothing to be saved, or a model without a finite loss: any will do
        prices = saved * np.logspace(-2, 1, 9)
        return np.array([float(f"{price:.2g}") for price in prices])


def _fixed_schedules(matrix):
    """Return never, and refits at fixed intervals, by batches in between and window."""
    n_chunks, windows = len(matrix.edges_) - 1, matrix.windows
    return {(0, None): []} | {
        (interval, window): [(chunk, window) for chunk in range(1 + interval, n_chunks, interval)]
        for interval in _INTERVALS
        if interval < n_chunks - 1
        for window in windows
    }


def _charges_of(replay, matrix, runs):
    """Return refits, seconds and flips of a schedule, by the batch that a refit serves first."""
    charges = np.zeros((3, len(replay.chunk_rows)))
    places = [chunk - FIRST for chunk, _ in replay.schedule[1:]]
    charges[0, places], charges[1, places] = 1, replay.seconds_per_fit[1:]
    charges[2] = math.nan
    if runs.counts_flips:
        charges[2] = flips_of(replay.schedule, matrix, runs.delay, runs.measure.counted)
    return charges


def _as_told(price, runs):
    """Return a price as a trigger is told it.

    The losses that it sees are costs already, if there are any; and no matrix has decisions on the
    rows of the past, so that those which a refit changes usually are part of `per_refit`.
    """
    if not isinstance(price, Price):
        return price
    per_refit = price.per_refit
    if price.flip_price:
        per_refit += price.flip_price * runs.mean_flips
    if not (per_refit or price.cost_per_cpu_hour or price.cost_per_hour):
        return 0.0  # no refit has changed a decision
    return replace(price, loss_value=price.value, per_refit=per_refit, flip_price=0.0)


def n_updates(result):
    """Return the updates of a live run, which are not fits from scratch."""
    return result.events.totals["updates"]


def _rows_of_updates(result):
    """Return the rows that went into updates, not into fits from scratch."""
    if result.events is None:
        return result.rows_fitted - result.n_first
    return result.events.totals["rows_updated"]


def _rows_of_whole_past(matrix):
    """Return the rows of an average refit on the whole past, which a stream makes none of."""
    if "all" in matrix.windows:
        return matrix.rows_fitted_[matrix.windows.index("all")].mean()
    return matrix.edges_[matrix.times_].mean()


def mean(runs, name):
    """Return the mean of an attribute over seeds."""
    return float(np.mean([getattr(run, name) for run in runs]))


def mean_losses(runs):
    """Return the mean loss over seeds, batch by batch."""
    return np.mean([run.chunk_losses for run in runs], axis=0)


def cost(runs, price):
    """Return loss and refits in one number."""
    if isinstance(price, Price):
        taken = [mean(runs, name) for name in ("charged", "seconds_charged", "n_flips")]
        return mean(runs, "loss") + charge(price, *taken)
    return mean(runs, "loss") + price * mean(runs, "charged")


def costs_by_part(runs, price, starts):
    """Return loss and refits in one number for each part of the history, a mean over seeds.

    Parameters
    ----------
    runs : list of Run
        One per seed.
    price : float or Price
        What a refit costs.
    starts : sequence of int
        The batches at which the parts begin that have a loss.

    Returns
    -------
    costs : ndarray of shape (n_parts,)
        Their sum is the cost.
    """
    charges = np.add.reduceat(np.mean([run.charges for run in runs], axis=0), starts, axis=1)
    return mean_losses(runs) + [charge(price, *part) for part in charges.T]


def charge(price, n_refits, seconds, n_flips):
    """Return what refits cost, in units of the loss."""
    if not isinstance(price, Price):
        return price * n_refits
    measured = {"cpu_seconds": seconds, "wall_seconds": seconds, "n_flips": n_flips}
    return price.in_errors(**measured, n_refits=n_refits)
