"""What each policy lost and did with each seed: replayed on matrices, or lived through."""

import math
from dataclasses import dataclass, replace

import numpy as np

from ...metrics import Price
from .._matrix._replay import mean_known
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

    @property
    def loss(self):
        """All of it."""
        return float(self.chunk_losses.sum())

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

    def __init__(self, specs, matrices, measure, delay):
        self.specs, self.matrices, self.measure, self.delay = specs, matrices, measure, delay
        self._live, self._replayed, self._oracles = {}, {}, {}
        self.hindsights = [measure.hindsight(matrix, delay) for matrix in matrices]
        self.fixed = self._fixed_policies()

    def add_live(self, name, results):
        """Take in what a live policy did."""
        self._live[name] = [self._live_run(result) for result in results]

    def _live_run(self, result):
        typical = np.mean([m.rows_fitted_[_whole_past(m)].mean() for m in self.matrices])
        updates = _rows_of_updates(result) / float(typical)
        return Run(
            *self.measure.lived(result),
            cpu_seconds=float(result.fit_seconds),
            n_fits=result.n_fits,
            rows_fitted=result.rows_fitted,
            charged=result.n_fits - 1 + updates,
            seconds_charged=float(result.batch_fit_seconds.sum()),
        )

    def replays(self, name, price):
        """Return a ReplayResult per seed; `price` is what a policy is told that asks for it."""
        return [replay for replay, _ in self._replays(name, price)]

    def _replays(self, name, price):
        spec = self.specs[name]
        price = price if spec.kind == "told the price" else None
        if (name, price) not in self._replayed:
            policy = spec.policy if price is None else spec.policy(price=_told(price))
            try:
                found = [
                    matrix.replay(policy, window=spec.window, label_delay=self.delay)
                    for matrix in self.matrices
                ]
            except ValueError as error:
                raise ValueError(f"policies[{name!r}]: {error}") from error
            self._replayed[name, price] = list(zip(found, self._runs_of(found), strict=True))
        return self._replayed[name, price]

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
        )

    def _fixed_policies(self):
        """Return the runs of never, and of refits at fixed intervals, all for one seed together."""
        n_chunks, windows = len(self.matrices[0].edges_) - 1, self.matrices[0].windows
        schedules = [[]] + [
            [(chunk, window) for chunk in range(1 + interval, n_chunks, interval)]
            for interval in _INTERVALS
            if interval < n_chunks - 1
            for window in windows
        ]
        return [
            self._runs_of([m.replay(schedule, label_delay=self.delay) for m in self.matrices])
            for schedule in schedules
        ]

    def oracle(self, price):
        """Return the runs of the best schedules in hindsight."""
        price = checked_price(price)
        if price not in self._oracles:
            # Of windows, only schedules that refit where they begin are tried in full.
            found = [self._best(price), *self.fixed]
            self._oracles[price] = min(found, key=lambda runs: cost(runs, price))
        return self._oracles[price]

    def _best(self, cost):
        """Return the runs of the best schedules at what a refit costs."""
        pairs = zip(self.hindsights, self.matrices, strict=True)
        return self._runs_of([h.best(cost, matrix, self.delay) for h, matrix in pairs])

    def frontier(self):
        """Return the best that schedules can do, from all processor seconds to few."""
        scale = max(mean(self.fixed[0], "loss"), 1e-12) / self._mean_fit_seconds()
        return [self._at_rate(scale * share) for share in [0.0, *np.logspace(-5, 1, 25).tolist()]]

    def _mean_fit_seconds(self):
        return max(
            float(np.mean([m.fit_seconds_[_whole_past(m)].mean() for m in self.matrices])), 1e-9
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
        """Return a price in units of the loss: what an average refit on the whole past costs."""
        return price.in_errors(**self.typical_seconds()) if isinstance(price, Price) else price

    def typical_seconds(self):
        """Return what an average refit on the whole past takes, as a Price is told it."""
        seconds = self._mean_fit_seconds()
        return {"cpu_seconds": seconds, "wall_seconds": seconds}

    def usual_prices(self):
        """Return prices around the loss that the best single refit saves."""
        saved = np.mean([hindsight.saved_by_one_refit() for hindsight in self.hindsights])
        if not 0 < saved < math.inf:
            saved = 1.0  # nothing to be saved, or a model without a finite loss: any will do
        prices = saved * np.logspace(-2, 1, 9)
        return np.array([float(f"{price:.2g}") for price in prices])


def n_updates(result):
    """Return the updates of a live run, which are not fits from scratch."""
    return result.events.totals["updates"]


def _rows_of_updates(result):
    """Return the rows that went into updates, not into fits from scratch."""
    if result.events is None:
        return result.rows_fitted - result.n_first
    return result.events.totals["rows_updated"]


def _whole_past(matrix):
    return matrix.windows.index("all")


def mean(runs, name):
    """Return the mean of an attribute over seeds."""
    return float(np.mean([getattr(run, name) for run in runs]))


def mean_losses(runs):
    """Return the mean loss over seeds, batch by batch."""
    return np.mean([run.chunk_losses for run in runs], axis=0)


def cost(runs, price):
    """Return loss and refits in one number."""
    if isinstance(price, Price):
        seconds, n_refits = mean(runs, "seconds_charged"), mean(runs, "charged")
        charge = price.in_errors(cpu_seconds=seconds, wall_seconds=seconds, n_refits=n_refits)
        return mean(runs, "loss") + charge
    return mean(runs, "loss") + price * mean(runs, "charged")


def _told(price):
    """Return a price as a trigger is told it, whose losses are costs already if there are any."""
    return replace(price, loss_value=price.value) if isinstance(price, Price) else price
