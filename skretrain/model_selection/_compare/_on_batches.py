"""Compare policies on batches as they come: one pass, in which rows are not kept."""

import math
from copy import deepcopy
from dataclasses import replace

import numpy as np

from ...metrics._price import check_price_for
from ...utils._clone import cloned
from ...utils._containers import n_rows
from ...utils._losses import task_of
from ...utils._params import check_n_jobs, is_integer
from .._batches import GivenBatches
from .._matrix import StreamedMatrix
from .._timing import Timing, checked_lengths
from ._checkpoint import Checkpoint
from ._comparison import PolicyComparison
from ._default_policies import window_of
from ._live import PolicyRun
from ._lockstep import LiveRun
from ._measure import Measure, measure_of
from ._specs import checked_prices, has_flips, scoring_at, seeds_of

_OWNER = "compare_policies"
_WAY_OUT = "or pass X and y, all rows together"


def compared_on_batches(
    estimator,
    batches,
    choose,
    *,
    step=None,
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
    on_progress=None,
    memory=None,
):
    """Compare policies in one pass over batches.

    Parameters
    ----------
    estimator, batches : estimator, iterable of (X, y) or (X, y, params)
        As :func:`compare_policies` takes them, and so are those that are not listed here.
    choose : callable
        ``choose(step, stride, n_batches)`` returns the policies by name, as `specs_of` does. It is
        asked twice, before the first batch and after the last one: those that run live, and the
        windows, are then the same.
    step : int or None, default=None
        Rows of a batch, roughly; None is those of the first.
    on_progress : callable or None, default=None
        Told after each batch how many rows have been gone through.
    memory : path-like or None, default=None
        The folder of the checkpoint.

    Returns
    -------
    comparison : PolicyComparison
        With `stride`, which may be longer than it was asked for.
    """
    lengths = {"initial_size": initial_size, "label_delay": label_delay, "fit_latency": fit_latency}
    lengths = checked_lengths(_OWNER, **lengths)
    check_n_jobs(_OWNER, n_jobs)
    prices = None if prices is None else checked_prices(prices)
    seeds, given = seeds_of(seeds, random_state), GivenBatches(batches, estimator)
    head = _with_targets(given.head(lengths.pop("initial_size") or 1))
    start, step = n_rows(head.X), step or given.step
    measure = _measure(estimator, scoring, prices, head.that_counts().y)
    specs = choose(step, 1, math.inf)
    windows = _windows(specs, step, start)
    options = {"chunk": step, "windows": windows, "initial_size": start, "stride": stride}
    state = _Pass(
        Timing(start, **lengths, step=step, is_whole=True),
        [
            StreamedMatrix(cloned(estimator), loss=measure.loss, random_state=seed, **options)
            for seed in seeds
        ],
        [
            LiveRun(name, spec.policy, seed, measure, is_recorded=on_run is not None)
            for name, spec in specs.items()
            if spec.kind == "live"
            for seed in seeds
        ],
    )
    asked = estimator, measure.name, measure.loss, specs, seeds, options, lengths
    kept = Checkpoint(memory, asked, head)
    state = kept.found or state
    if kept.found is None:
        state.begin(head)
    filled = (_with_targets(batch) for batch in given if n_rows(batch.X))
    for batch in kept.not_gone_through(filled):
        state.step(batch)
        if len(state.edges) == 3:
            _check_replayed(specs, state.matrices[0])
        kept.keep(state)
        if on_progress is not None:
            on_progress(int(state.edges[-1]))
    kept.keep(state, at_once=True)
    return _comparison(state, choose, measure, prices, seeds, on_run)


class _Pass:
    """All policies on their way through the batches; it pickles between two of them."""

    def __init__(self, timing, matrices, runs):
        self.timing, self.matrices, self.runs = timing, matrices, runs
        self.edges = [0, timing.start]

    def begin(self, head):
        """Fit on the first rows."""
        self.timing = replace(self.timing, edges=np.array(self.edges))
        for matrix in self.matrices:
            matrix.begin(head)
        for run in self.runs:
            run.begin(head, self.timing)

    def step(self, batch):
        """Hand a batch to everyone."""
        self.edges.append(self.edges[-1] + n_rows(batch.X))
        self.timing = replace(self.timing, edges=np.array(self.edges))
        for matrix in self.matrices:
            matrix.add(batch)
        for run in self.runs:
            run.step(batch, self.timing)


def _with_targets(batch):
    if batch.y is None:
        raise ValueError(
            "X gives a batch (X, None), and policies are compared by targets: pass them with each."
        )
    return batch


def _comparison(state, choose, measure, prices, seeds, on_run):
    n_batches = len(state.edges) - 2
    if not n_batches:
        raise ValueError(
            f"X: the batches ended after {state.edges[-1]:,} rows, all of which the first fit "
            "takes, so that there is none to predict: lower initial_size, or pass more batches."
        )
    matrices = [matrix.end() for matrix in state.matrices]
    measure.begin_sums(matrices[0].chunk_rows_)
    comparison = PolicyComparison(
        choose(state.timing.step, matrices[0].stride, n_batches),
        matrices,
        measure,
        seeds=seeds,
        delay=state.timing.known_chunks(),
        prices=prices,
    )
    by_name = {}
    for run in state.runs:
        by_name.setdefault(run.policy, []).append(run.result())
        if on_run is not None:
            texts = tuple(run.warnings.elements())
            on_run(PolicyRun(run.policy, run.seed, by_name[run.policy][-1], texts, len(state.runs)))
    for name, results in by_name.items():
        comparison.add_live(name, results)
    return comparison


def _measure(estimator, scoring, prices, y):
    """Return how policies are scored: row by row, since sums are all that is kept."""
    if has_flips(prices):
        raise ValueError(
            "prices: what changed decisions cost (flip_price) is counted among the answers to all "
            f"rows, and batches are not kept: leave flip_price out, {_WAY_OUT}."
        )
    scoring = scoring_at(prices, scoring)
    for price in prices or ():
        check_price_for(price, y, task_of(estimator))
    # A class that is rare at first may be common later: nothing is chosen by it.
    measure = measure_of(estimator, scoring, y, is_priced=True)
    if not isinstance(measure, Measure) or measure.name == "r2":
        raise ValueError(
            f"scoring={scoring!r} is a score of all rows together, and batches are not kept. Pass "
            "one that is a mean over rows, such as 'accuracy', 'neg_mean_squared_error' or a "
            f"function loss(y_true, y_pred), {_WAY_OUT}."
        )
    return measure


def _windows(specs, step, start):
    """Return the windows that are kept: those that are named, the usual one, the first fit."""
    windows = [window_of(step)]
    for name, spec in specs.items():
        if spec.kind == "live":
            continue
        is_schedule = spec.kind == "schedule"
        for window in [window for _, window in spec.policy] if is_schedule else [spec.window]:
            if not is_integer(window, least=1):
                _refuse_window(name, window, step)
            windows.append(int(window))
    windows = list(dict.fromkeys(windows))
    return windows if max(windows) >= start else [*windows, start]


def _refuse_window(name, window, step):
    rows = "all rows there have been" if window in (None, "all") else f"the window {window!r}"
    raise ValueError(
        f"policies[{name!r}] refits on {rows}, and batches are not kept: name a number of rows as "
        f"its window, such as (policy, {window_of(step)}), {_WAY_OUT}."
    )


def _check_replayed(specs, matrix):
    """Raise what is wrong with a trigger before hours have passed, on the first batch served."""
    found = deepcopy(matrix).end()
    for name, spec in specs.items():
        if spec.kind in ("trigger", "told the price"):
            policy = spec.policy if spec.kind == "trigger" else spec.policy(price=1.0)
            try:
                found.replay(policy, window=spec.window)
            except ValueError as error:
                raise ValueError(f"policies[{name!r}]: {error}") from error
