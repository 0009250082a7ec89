"""What it would have cost to follow the recommendation as it was at the time, and chosen anew."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...utils._durations import Duration
from ...utils._optional import import_optional
from .._matrix._replay import FIRST
from .._timing import checked_lengths
from ._recommendation import amount, in_words, is_within_noise
from ._runs import costs_by_part

_USUAL = 12  # spans of a history without dates
_FEWEST = 4  # spans of a calendar period that is chosen
_PERIODS = ("mo", "w", "d", "h")
_FOLLOWED, _NEVER, _FIXED, _FINAL = "followed", "never", "best fixed", "final"


@dataclass(frozen=True)
class RollingChoice:
    """What :meth:`PolicyComparison.rolling_choice` returns.

    Attributes
    ----------
    price : float or Price
        What a refit costs.
    unit : str
        What the costs count.
    every : str
        What lies between two checkpoints, in words.
    rows : ndarray of shape (n_spans + 1,)
        First row of each span, and the number of rows: the first span begins with the first row
        that is served, and the others at checkpoints.
    policies : list of str
        The policy that is followed in each span. In the first it is the first model, which is
        called ``"never"``.
    fixed, final : str
        The best fixed policy in hindsight, and what is recommended in the end.
    costs : dict of str to ndarray of shape (n_spans,)
        By span, loss and refits of ``"followed"``, to which each change of the policy adds a refit;
        of ``"never"``; of the ``"best fixed"`` policy, by all that is known in the end; and of the
        ``"final"`` recommendation.
    told_at : str
        The price in words.
    times : ndarray of shape (n_samples,) or None
        When the batch of each row of the stream began, where rows have dates.

    See Also
    --------
    skretrain.inspection.RollingChoiceDisplay : The savings over time.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.model_selection import RollingChoice
    >>> costs = {"followed": [90.0, 35.0], "never": [90.0, 80.0]}
    >>> costs |= {"best fixed": [40.0, 35.0], "final": [30.0, 30.0]}
    >>> choice = RollingChoice(
    ...     price=5.0,
    ...     unit="errors",
    ...     every="500 rows",
    ...     rows=np.array([100, 600, 1100]),
    ...     policies=["never", "daily"],
    ...     fixed="every 100 on all",
    ...     final="drift",
    ...     costs={name: np.array(values) for name, values in costs.items()},
    ...     told_at="of 5 errors per refit",
    ... )
    >>> choice.cost, choice.saved, choice.regret
    (125.0, 45.0, 50.0)
    """

    price: Any
    unit: str
    every: str
    rows: np.ndarray
    policies: list
    fixed: str
    final: str
    costs: dict
    told_at: str
    times: Any = None

    @property
    def cost(self):
        """What following it has cost in all, a float."""
        return float(self.costs[_FOLLOWED].sum())

    @property
    def saved(self):
        """What it has saved against never retraining, a float."""
        return float(self.costs[_NEVER].sum()) - self.cost

    @property
    def regret(self):
        """What it has cost beyond the best fixed policy in hindsight, a float."""
        return self.cost - float(self.costs[_FIXED].sum())

    @property
    def n_changes(self):
        """How often the policy was changed, an int."""
        return sum(a != b for a, b in zip(self.policies, self.policies[1:]))

    @property
    def text(self):
        """What came of it, in plain words, a str."""
        total = {name: amount(float(values.sum())) for name, values in self.costs.items()}
        return (
            "To follow the recommendation, chosen anew every "
            f"{self.every} by what was known then, would have cost {total[_FOLLOWED]} at a price "
            f"{self.told_at}; the best fixed policy in hindsight ('{self.fixed}') "
            f"{total[_FIXED]}, what is recommended now ('{self.final}') {total[_FINAL]}, and never "
            f"retraining {total[_NEVER]}."
        )

    def to_frame(self):
        """Return a pandas DataFrame with one line per span.

        Returns
        -------
        table : DataFrame
            ``row``, the first of the span, ``policy``, the one that is followed, and the costs:
            ``followed``, ``never``, ``best_fixed`` and ``final``.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = import_optional("pandas", caller="RollingChoice.to_frame", extra="cli")
        costs = {name.replace(" ", "_"): values for name, values in self.costs.items()}
        return pandas.DataFrame({"row": self.rows[:-1], "policy": self.policies, **costs})

    def plot(self, **kwargs):
        """Draw what has been saved over time.

        Parameters
        ----------
        **kwargs : dict
            Passed to :meth:`skretrain.inspection.RollingChoiceDisplay.from_choice`.

        Returns
        -------
        display : RollingChoiceDisplay
            The drawn savings.
        """
        from ...inspection import RollingChoiceDisplay

        return RollingChoiceDisplay.from_choice(self, **kwargs)


def rolled(comparison, every, price):
    """Return the RollingChoice of a comparison; its parameters are those of the method."""
    runs, starts = comparison._runs, np.asarray(comparison._measure.starts)
    matrix = runs.matrices[0]
    marks, words = _checkpoints(matrix, starts, every)
    known = _known_parts(matrix, starts, runs.delay)
    candidates = _candidates(comparison, price, starts)
    fixed = [costs_by_part(one, price, starts) for one in runs.fixed]
    never, best = fixed[0], int(np.argmin([costs.sum() for costs in fixed]))
    first = next((key for key in candidates if _is_never(comparison, key)), None)
    followed, spans = [first], np.split(np.arange(len(starts)), marks)
    for mark in marks:
        followed.append(_chosen(candidates, followed[-1], never, int(known[mark])))
    switch = runs.in_errors(price)
    costs = []
    for place, (key, span) in enumerate(zip(followed, spans, strict=True)):
        spent = float((never if key is None else candidates[key])[span].sum())
        costs.append(spent + (switch if place and key != followed[place - 1] else 0.0))
    final = comparison.recommend(price).policy
    by_span = {
        _NEVER: never,
        _FIXED: fixed[best],
        _FINAL: costs_by_part(runs.of(final, price), price, starts),
    }
    rows = np.append(matrix.edges_[FIRST + starts[np.append(0, marks)]], matrix.edges_[-1])
    dates = matrix.chunk_moments_
    return RollingChoice(
        price=price,
        unit=comparison.unit,
        every=words,
        rows=rows,
        policies=["never" if key is None else key[0] for key in followed],
        fixed=_in_words(list(runs.fixed_schedules)[best], matrix),
        final=final,
        costs={
            _FOLLOWED: np.array(costs),
            **{name: _by_span(values, spans) for name, values in by_span.items()},
        },
        told_at=in_words(price, comparison.unit, runs.typical()),
        times=np.repeat(dates[:, 0], np.diff(matrix.edges_)) if len(dates) else None,
    )


def _by_span(costs, spans):
    return np.array([float(costs[span].sum()) for span in spans])


def _candidates(comparison, price, starts):
    """Return what each policy costs by part; one that may be told several things, each of them."""
    runs, found = comparison._runs, {}
    for name in comparison.names:
        if comparison.kinds[name] == "told the price" and runs.tells_errors:
            for told in runs.errors:
                found[name, told] = costs_by_part(runs.at(name, told), price, starts)
        else:
            found[name, None] = costs_by_part(runs.of(name, price), price, starts)
    return found


def _is_never(comparison, key):
    name = key[0]
    return comparison.kinds[name] == "schedule" and not len(comparison._runs.specs[name].policy)


def _chosen(candidates, present, never, n_known):
    """Return what to follow by what is known: another policy only if it costs less beyond noise."""
    if not n_known:
        return present
    upto = {key: costs[:n_known] for key, costs in candidates.items()}
    best = min(upto, key=lambda key: upto[key].sum())
    now = never[:n_known] if present is None else upto[present]
    least, paid = float(upto[best].sum()), float(now.sum())
    # Of two losses without end, none is less.
    is_as_good = paid == least or is_within_noise(paid - least, upto[best], now)
    return present if is_as_good else best


# -- checkpoints, and what is known at them --------------------------------------------------------


def _checkpoints(matrix, starts, every):
    """Return the parts at which a policy is chosen anew, and what lies between them, in words."""
    moments = matrix.chunk_moments_[FIRST:, 0][starts] if len(matrix.chunk_moments_) else None
    rows = matrix.edges_[FIRST + starts]
    asked = every
    if every is None:
        every = _usual(rows, int(matrix.edges_[-1]), moments)
    every = checked_lengths("rolling_choice", moments, every=every)["every"]
    if isinstance(every, Duration):
        periods, words = every.periods(moments), every.in_words()
    else:
        periods, words = (rows - rows[0]) // every, f"{every:,} rows"
    marks = 1 + np.flatnonzero(np.diff(periods))
    if not len(marks):
        way_out = "Lower it." if len(rows) > 1 else "Compare on more rows, or in smaller batches."
        raise ValueError(
            f"every={asked} leaves no checkpoint: the {matrix.edges_[-1] - rows[0]:,} rows that "
            f"are served have losses in {len(rows):,} part(s). {way_out}"
        )
    return marks, words


def _usual(rows, size, moments):
    """Return a calendar period that divides the history into a few spans, or a number of rows."""
    for unit in _PERIODS if moments is not None else ():
        period = Duration(1, unit)
        if period.periods(moments)[-1] >= _FEWEST - 1:
            return str(period)
    return max(min(-(-(size - int(rows[0])) // _USUAL), int(rows[-1] - rows[0])), 1)


def _known_parts(matrix, starts, delay):
    """Return for each part how many of the parts before it have all their labels when it comes."""
    n_batches = len(matrix.edges_) - 1 - FIRST
    stops = np.append(starts[1:], n_batches)
    if matrix._arrivals is None:
        return np.searchsorted(stops, delay[FIRST + starts] - FIRST, side="right")
    # A label that does not come in time is none to wait for.
    order, known_from = matrix._arrivals
    comes = np.zeros(int(matrix.edges_[-1]), dtype=np.int64)
    comes[order] = np.where(known_from < len(comes), known_from, 0)
    last = np.maximum.reduceat(comes[matrix.edges_[FIRST] :], _firsts(matrix, starts))
    known = np.searchsorted(np.maximum.accumulate(last), matrix.edges_[FIRST + starts], "right")
    return np.minimum(known, np.arange(len(starts)))


def _firsts(matrix, starts):
    return matrix.edges_[FIRST + starts] - matrix.edges_[FIRST]


def _in_words(fixed, matrix):
    """Return a fixed policy as text, by what lies between two refits, and its window."""
    n_batches, window = fixed
    if not n_batches:
        return "never"
    step = matrix._chunk
    if isinstance(step, Duration):
        length = Duration(n_batches * step.n, step.unit).in_words()
    else:
        length = f"{n_batches * step:,}"
    if isinstance(window, Duration):
        window = window.in_words()
    on = (
        "all" if window == "all" else f"last {window if isinstance(window, str) else f'{window:,}'}"
    )
    return f"every {length} on {on}"
