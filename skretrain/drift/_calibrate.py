"""A budget of false alarms: the threshold at which a trigger rings once per so many rows."""

import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import gamma, kurtosis, norm, poisson, rankdata
from sklearn.base import clone

from ..utils._params import check_integer, refuse
from ._at_least import as_trigger, is_trigger
from ._base import FitRecord, ScoredBatch
from ._losses import scored_losses_of
from ._resample import block_length, resampled_rows, shows_drift, without_step

_PER_ROW = ("loss", "y", "y_pred", "y_proba")
_N_PARTS, _ALARMS_PER_PART = 25, 2  # of the resampled stream
_LEAST_ROWS = 100
_CLOSE = 0.15  # to the budget, as a share of it
_CLEARLY = 3.0  # standard deviations from it: more streams would change nothing
_FINEST = 1e-3
_LEVEL = 0.90  # of the interval
# What a reference may leave open: the standard deviation of the logarithm of the alarm rate.
# At the most, the interval spans a factor of twelve either way.
_MOST_UNCERTAIN = 1.5
_OF_STATIONARY = 0.99


class Calibration(NamedTuple):
    """What :func:`calibrate` found.

    Attributes
    ----------
    trigger : BaseTrigger
        Blank, with the threshold set: pass it as `detector`.
    parameter : str
        Name of the parameter that was set.
    threshold : float
        Its value.
    rows_per_false_alarm : float
        Mean number of rows from one alarm to the next in the resampled streams; infinite if there
        was none.
    interval : tuple of (float, float)
        90 % interval for what it is on the stream that the reference comes from: it covers how
        few alarms were counted, and how much references of this length differ.
    n_alarms, n_rows : int
        Alarms, and rows, of the resampled streams.
    block_length : int
        Rows of a block that was resampled: how long the losses stay alike.
    n_alarms_in_reference : int
        Alarms on the reference itself, in its own order.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.drift import calibrate
    >>> losses = np.repeat(np.random.default_rng(0).random(400), 5)
    >>> found = calibrate("adwin", losses, rows_per_false_alarm=1000)
    >>> found.n_alarms, found.n_rows
    (53, 55350)
    """

    trigger: Any
    parameter: str
    threshold: float
    rows_per_false_alarm: float
    interval: tuple
    n_alarms: int
    n_rows: int
    block_length: int
    n_alarms_in_reference: int


def calibrate(
    trigger, reference, *, rows_per_false_alarm=10_000, batch_size=100, random_state=None
):
    r"""Set the threshold of a trigger such that it rings falsely once per so many rows.

    The trigger is shown long streams that are resampled from the reference, in blocks that keep
    the autocorrelation of its losses [1]_, batch by batch, and begins anew after each alarm, as
    after a retrain. The threshold is searched at which there are as many alarms as the budget
    allows: on losses that come in runs it is stricter, on independent ones looser than the default.

    Parameters
    ----------
    trigger : "adwin", river detector, ErrorDrift or RiskMonitor
        Not touched. Of the detectors of river: ADWIN, DDM, FHDDM, HDDMA, HDDMW and PageHinkley.
    reference : array-like of shape (n_rows,) or ScoredBatch
        Losses of rows that the model had not learned from, in the order of time, while nothing
        drifted. If the trigger needs more than the losses (labels, probabilities), a batch that has
        all of it. Rows whose loss is NaN are left out.
    rows_per_false_alarm : int, default=10_000
        The budget: mean number of rows from one false alarm to the next, the average run length of
        control charts. At least 100.
    batch_size : int, default=100
        Rows per batch, as they will come.
    random_state : int or None, default=None
        Seed of the resampling. None is a fixed seed.

    Returns
    -------
    calibration : Calibration
        The trigger, and what the reference certifies about it.

    Raises
    ------
    ValueError
        If the trigger has no such threshold; if the reference is too short, does not vary, or
        drifts; if it leaves open by more than its own size how often the trigger rings; if even the
        strictest threshold rings more often than allowed.

    Notes
    -----
    The threshold is `delta` of ADWIN, `threshold` of Page-Hinkley, `drift_confidence` of HDDM,
    `drift_threshold` of DDM, `confidence_level` of FHDDM, and `alpha` of
    :class:`RiskMonitor`, whose promise about *ever* ringing then gives way to the budget. In
    :class:`ErrorDrift`, `confidence` is set to 1 if it is None, so that it is the detector that
    decides.

    Up to 50 budgets of rows are resampled, fewer where these tell enough. The alarms on them are
    within 15 % of the budget, or less if even the loosest threshold rings less: a budget is a
    limit. :class:`RiskMonitor` rings much less on independent losses.

    What the reference leaves open is the larger part of `interval`. It is estimated from how much
    the sums of its blocks vary, and is the larger the fewer blocks it has, the rarer the errors and
    the longer the budget; beyond a factor of twelve the reference is refused. With the standard
    deviation s of the logarithm of the rate, the budget of the search is longer by
    :math:`e^{s^2 / 2}`, so that the rate is as wanted in the mean over what is open.

    What happens less than once in the reference cannot be in it: without any assumption, `n` rows
    without an alarm certify no more than `n / 3` rows per alarm, at 95 %. A longer budget relies on
    losses whose memory is short.

    The budget is kept as long as the losses are distributed as in the reference: calibrate anew
    for another kind of model.

    References
    ----------
    .. [1] H. R. Künsch (1989). "The jackknife and the bootstrap for general stationary
       observations". Annals of Statistics 17(3), 1217-1241.

    Examples
    --------
    Errors of a model come in runs of about five rows:

    >>> import numpy as np
    >>> from river.drift import PageHinkley
    >>> from skretrain.drift import calibrate
    >>> rng = np.random.default_rng(0)
    >>> errors = np.repeat(rng.random(2000) < 0.1, 5).astype(float)
    >>> found = calibrate(PageHinkley(), errors, rows_per_false_alarm=2000)
    >>> found.parameter, round(found.threshold, 1), found.n_alarms, found.n_rows
    ('detector__threshold', 23.7, 50, 106600)
    """
    trigger = _checked_trigger(trigger)
    check_integer("calibrate", "rows_per_false_alarm", rows_per_false_alarm, least=100)
    check_integer("calibrate", "batch_size", batch_size, least=1, what="a number of rows")
    check_integer("calibrate", "random_state", random_state, least=0, otherwise=(None,))
    seed = 0 if random_state is None else int(random_state)
    reference = _checked_reference(reference, trigger)
    values = _bounded(reference)
    length = block_length(without_step(values))
    if shows_drift(values, length, np.random.default_rng(seed)):
        raise _drifts(reference, "its mean loss changes by more than its noise explains")
    uncertainty = _uncertainty(values, length, rows_per_false_alarm)
    if uncertainty > _MOST_UNCERTAIN:
        raise _too_short(reference, rows_per_false_alarm, uncertainty)
    # A rate whose logarithm is uncertain is larger in the mean than in the middle.
    rows_per_alarm = math.ceil(rows_per_false_alarm * math.exp(uncertainty**2 / 2))
    stream = _Stream(trigger, reference, length, rows_per_alarm, batch_size, seed)
    strictness, counts = _search(stream)
    n_alarms, n_rows = sum(counts), len(counts) * stream.n_rows
    interval = _interval(n_alarms, n_rows, uncertainty)
    calibrated = stream.trigger_at(strictness)
    n_own = _n_alarms(clone(calibrated).reset(), reference, np.arange(reference.n_rows), batch_size)
    if n_own > poisson.ppf(_OF_STATIONARY, reference.n_rows / interval[0]):
        raise _drifts(reference, f"the calibrated trigger rings {n_own} times on it")
    parameter = trigger._threshold.parameter
    return Calibration(
        calibrated,
        parameter,
        calibrated.get_params()[parameter],
        n_rows / n_alarms if n_alarms else math.inf,
        interval,
        n_alarms,
        n_rows,
        length,
        n_own,
    )


def _search(stream):
    """Return how strict the trigger has to be, and the alarms in each part that was counted.

    The stream is the same for every threshold, so that the number of alarms hardly ever rises where
    the threshold gets stricter, and halving finds the place.
    """
    loose, strict = 0.0, 1.0
    counts = stream.counts(loose)
    if stream.excess(counts) <= 1 + _CLOSE:
        return loose, counts
    while strict - loose > _FINEST:
        middle = (loose + strict) / 2
        tried = stream.counts(middle)
        if stream.excess(tried) > 1 + _CLOSE:
            loose = middle
            continue
        strict, counts = middle, tried
        if stream.excess(counts) >= 1 - _CLOSE:
            break
    if strict == 1.0:
        raise _too_noisy(stream, stream.excess(tried))
    return strict, counts


class _Stream:
    """A long stream that is resampled from the reference, and how often a trigger rings on it.

    Parameters
    ----------
    trigger : BaseTrigger
        With a threshold.
    reference : ScoredBatch
        What is resampled.
    length : int
        Of the blocks.
    rows_per_alarm : int
        How often it may ring.
    batch_size : int
        Rows per batch.
    seed : int
        Of the resampling.

    Attributes
    ----------
    n_rows : int
        Of each part of the stream.
    """

    def __init__(self, trigger, reference, length, rows_per_alarm, batch_size, seed):
        self.trigger = trigger
        self.reference = reference
        self.length = length
        self.batch_size = batch_size
        self.seed = seed
        self.n_rows = _ALARMS_PER_PART * rows_per_alarm

    def trigger_at(self, strictness):
        """Return a blank copy of the trigger, from the loosest (0) to the strictest (1)."""
        return self.trigger._at(self.trigger._threshold.at(strictness))

    def counts(self, strictness):
        """Return the alarms in each part, a list; it ends where it tells enough."""
        trigger, counts = self.trigger_at(strictness).reset(), []
        rng = np.random.default_rng(self.seed)
        while len(counts) < _N_PARTS:
            rows = resampled_rows(self.reference.n_rows, self.length, self.n_rows, rng)
            first = len(counts) * self.n_rows
            counts.append(_n_alarms(trigger, self.reference, rows, self.batch_size, first))
            n_allowed = _ALARMS_PER_PART * len(counts)
            if abs(sum(counts) - n_allowed) > _CLEARLY * math.sqrt(n_allowed):
                break
        return counts

    def excess(self, counts):
        """Return alarms as a share of those that are allowed."""
        return sum(counts) / (_ALARMS_PER_PART * len(counts))


def _n_alarms(trigger, reference, rows, batch_size, first=0):
    """Return how often a trigger rings on rows of the reference, begun anew after each alarm."""
    n_alarms = 0
    for start in range(0, len(rows), batch_size):
        batch = _taken(reference, rows[start : start + batch_size], first + start)
        if trigger.update(batch).state == "drift":
            n_alarms += 1
            end = batch.start + batch.n_rows
            trigger.after_fit(FitRecord(end, batch.n_rows, None, "calibration", 0, 0), None, True)
    return n_alarms


def _taken(reference, rows, start=0):
    """Return rows of the reference as a batch."""
    known = {name: getattr(reference, name) for name in _PER_ROW}
    taken = {name: value[rows] for name, value in known.items() if value is not None}
    return replace(reference, start=start, n_rows=len(rows), **taken)


def _bounded(reference):
    """Return the losses in [0, 1]: the ranks of those that have no bound."""
    return reference.loss if reference.bounded else rankdata(reference.loss) / reference.n_rows


def _uncertainty(values, length, budget):
    r"""Return the standard deviation that the reference leaves to the logarithm of the alarm rate.

    The rate of large deviations falls as :math:`e^{-c / v}`, where v is the variance of the sum of
    a block, and :math:`c / v` is about the logarithm of the number of blocks per alarm. If v is
    wrong by a share, so is that.
    """
    sums = np.convolve(values, np.ones(length), "valid")
    # Blocks from each row on tell more than those side by side: up to one and a half times.
    n_blocks = len(values) / length * 3 / (2 + 1 / length**2)
    share = math.sqrt((kurtosis(sums, fisher=False) - 1) / n_blocks)
    return share * math.log(max(budget / length, math.e))


def _interval(n_alarms, n_rows, uncertainty):
    """Return Garwood's interval for a number of alarms, wider by what the reference leaves open."""
    beyond = (1 - _LEVEL) / 2
    centre = n_rows / max(n_alarms, 1)
    most = gamma.isf(beyond, n_alarms + 1)
    low = math.hypot(math.log(centre * most / n_rows), norm.isf(beyond) * uncertainty)
    if not n_alarms:
        return centre * math.exp(-low), math.inf
    least = gamma.ppf(beyond, n_alarms)
    high = math.hypot(math.log(n_rows / least / centre), norm.isf(beyond) * uncertainty)
    return centre * math.exp(-low), centre * math.exp(high)


# -- what is refused -------------------------------------------------------------------------------


def _checked_trigger(trigger):
    accepted = (
        "ErrorDrift on one of the detectors ADWIN, DDM, FHDDM, HDDMA, HDDMW, PageHinkley, such a "
        "detector, 'adwin', or RiskMonitor(restart=True): these have a threshold. Of a list or "
        "AtLeast, calibrate the triggers one by one, each to the budget times their number"
    )
    if not is_trigger(trigger):
        refuse("calibrate", "trigger", accepted, trigger)
    blank = as_trigger(trigger).reset()
    if blank._threshold is None:
        refuse("calibrate", "trigger", accepted, trigger)
    return blank


def _checked_reference(reference, trigger):
    """Return the reference as a batch of the rows that were scored."""
    if not isinstance(reference, ScoredBatch):
        try:
            loss = np.asarray(reference, dtype=np.float64)
        except (TypeError, ValueError):
            loss = None
        if loss is None or loss.ndim != 1:
            got = (
                f"{type(reference).__name__}" if loss is None else f"an array of shape {loss.shape}"
            )
            what = f"a ScoredBatch, or losses: numbers, one per row; got {got}"
            raise ValueError(f"calibrate(reference=...): reference must be {what}.")
        known = loss[~np.isnan(loss)]
        reference = ScoredBatch(0, len(loss), loss, bool(((known >= 0) & (known <= 1)).all()))
    scored_losses_of(reference, trigger)  # refuses one without losses, or out of bounds
    arrays = {name: getattr(reference, name) for name in _PER_ROW}
    arrays = {name: np.asarray(value) for name, value in arrays.items() if value is not None}
    arrays["loss"] = arrays["loss"].astype(np.float64)
    for name, values in arrays.items():
        if len(values) != reference.n_rows:
            raise ValueError(
                f"calibrate(reference=ScoredBatch(...)): {name} has {len(values):,} rows, and "
                f"n_rows is {reference.n_rows:,}."
            )
    scored = np.flatnonzero(~np.isnan(arrays["loss"]))
    reference = _taken(replace(reference, **arrays), scored)
    if len(scored) < _LEAST_ROWS:
        raise ValueError(
            f"calibrate(reference=...): {len(scored):,} scored rows are too few, it takes at least "
            f"{_LEAST_ROWS}. Collect the losses of more rows before anything drifts."
        )
    if np.ptp(_bounded(reference)) == 0:
        raise ValueError(
            f"calibrate(reference=...): all losses are {reference.loss[0]:g}, so they do not tell "
            "when a trigger would ring. Collect more rows, or use a loss that tells more: "
            "probabilities, by ErrorDrift(loss='log_loss')."
        )
    return reference


def _too_short(reference, budget, uncertainty):
    n_needed = math.ceil(reference.n_rows * (uncertainty / _MOST_UNCERTAIN) ** 2 / 100) * 100
    return ValueError(
        f"calibrate(rows_per_false_alarm={budget!r}): {reference.n_rows:,} rows of reference leave "
        f"open by more than a factor of twelve how often a trigger rings; about {n_needed:,} are "
        "needed, since losses that come in runs, or rare errors, tell less per row. Collect more "
        "rows, or ask for fewer rows per false alarm."
    )


def _drifts(reference, how):
    return ValueError(
        f"calibrate(reference=...): the reference of {reference.n_rows:,} rows is not stationary: "
        f"{how}. A threshold found on it would hide such a drift. Pass losses of one model on "
        "rows of a time without a drift, for instance those since the last change."
    )


def _too_noisy(stream, excess):
    threshold = stream.trigger._threshold
    return ValueError(
        f"calibrate(rows_per_false_alarm=...): even with {threshold.parameter}="
        f"{threshold.strictest:g} there are {excess:.1f} times as many alarms, since the losses "
        f"stay alike over many rows (blocks of {stream.length:,}). Take "
        "river.drift.PageHinkley(), whose threshold has no limit, or a RiskMonitor with a "
        "tolerance; or allow fewer rows per false alarm."
    )
