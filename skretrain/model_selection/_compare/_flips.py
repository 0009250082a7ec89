"""The price of changed decisions: what each refit of a schedule changes, and the best schedules."""

from dataclasses import replace

import numpy as np

from ...utils._losses import differs_per_row
from .._matrix._dates import known_chunks
from .._matrix._replay import FIRST, charge_of


def flips_of(schedule, matrix, delay, counted):
    """Return how many decisions change with each served batch.

    Parameters
    ----------
    schedule : list of (int, window)
        As that of a ReplayResult.
    matrix : AnswersMatrix
        Which keeps what its models predict.
    delay : ndarray
        For each chunk how many of those before it are known.
    counted : ndarray of bool of shape (n_rows,)
        Which rows count.

    Returns
    -------
    n_flips : ndarray of shape (n_batches,)
        Of the rows of the first batch that a refit serves, those that the model before it decides
        otherwise.
    """
    n_flips, before = np.zeros(len(matrix.edges_) - 1 - FIRST), None
    for chunk, window in schedule:
        number = matrix._number_of(window, "schedule")
        fit = number, matrix._number_of_fit(number, chunk, delay)
        if before is not None:
            part = slice(*matrix.edges_[chunk : chunk + 2])
            one, two = (_on(matrix, matrix.decisions(fit), fit, part) for fit in (before, fit))
            n_flips[chunk - FIRST] = _n_changed(one, two, counted[part])
        before = fit
    return n_flips


def best_schedule(price, hindsight, matrix, delay, counted):
    """Return the best schedule in hindsight where changed decisions have a price.

    What a refit costs then depends on the model before it: for each moment and window, it is the
    least cost of all that may have served before.

    Parameters
    ----------
    price : Price
        With a price of flips.
    hindsight : Hindsight
        With the losses that count.
    matrix, delay, counted : AnswersMatrix, ndarray, ndarray
        As above.

    Returns
    -------
    schedule : list of (int, window)
        In chunks of `matrix`, the first fit included.
    """
    losses, known = hindsight.matrix, known_chunks(hindsight.matrix, hindsight.delay)
    starts = hindsight.starts or range(FIRST, len(matrix.edges_) - 1)
    others = replace(price, flip_price=0.0) if _has_others(price) else 0.0
    states = []
    for place, chunk in enumerate(starts):
        reached = [state.value + state.lost[place - state.place - 1] for state in states]
        new = []
        for window in range(len(matrix.windows)):
            fit = window, matrix._number_of_fit(window, chunk, delay)
            number = losses._number_of_fit(window, FIRST + place, known)
            lost = np.cumsum(losses.losses_[window, number, FIRST + place :])
            state = _State(place, chunk, fit, matrix.decisions(fit), lost)
            if states:
                part = slice(*matrix.edges_[chunk : chunk + 2])
                here = _on(matrix, state.decided, fit, part)
                n_flips = [
                    _n_changed(_on(matrix, one.decided, one.fit, part), here, counted[part])
                    for one in states
                ]
                cost = reached + price.to_errors(price.flip_price * np.array(n_flips))
                state.before = states[int(cost.argmin())]
                refit = charge_of(others, matrix.rows_fitted_[fit], matrix.fit_seconds_[fit])
                state.value = float(cost.min()) + refit
            new.append(state)
        states += new
    last = min(states, key=lambda state: state.value + state.lost[-1])
    schedule = []
    while last is not None:
        schedule.append((last.chunk, matrix.windows[last.fit[0]]))
        last = last.before
    return schedule[::-1]


class _State:
    """A fit that serves from a moment on, and the least that it costs to come there."""

    def __init__(self, place, chunk, fit, decided, lost):
        self.place, self.chunk, self.fit, self.decided, self.lost = place, chunk, fit, decided, lost
        self.value, self.before = 0.0, None


def _has_others(price):
    """Tell whether a refit costs something besides its flips: a Price is never of nothing."""
    return price.per_refit or price.cost_per_cpu_hour or price.cost_per_hour


def _on(matrix, decided, fit, part):
    """Return what a fit decides on some rows, and which of them it can read."""
    first = int(matrix.edges_[matrix.times_[fit[1]]])
    return [values[part.start - first : part.stop - first] for values in decided]


def _n_changed(one, two, counted):
    """Return how many rows are decided otherwise, of those that both can read."""
    return int((differs_per_row(one[0], two[0]) & one[1] & two[1] & counted).sum())
