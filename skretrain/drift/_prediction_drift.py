"""A trigger that tests whether the outputs of the model are distributed as after its fit."""

import numpy as np
from scipy.stats import rankdata

from ..metrics._two_samples import (
    chi_square_p_value,
    distribution_gaps,
    ks_p_value,
    level_counts,
    total_variation,
)
from ..utils._params import check_choice, check_number
from ._base import Needs
from ._windows import ComparesWindows

_LEAST_EXPECTED = 5  # rows of a level, for a chi-square test
_NEED = {"auto": "outputs", "proba": "y_proba", "output": "y_pred"}


class _NeedsOfOutputs(Needs):
    def of(self, trigger):
        """Return which outputs are compared; a bad `on` is for reset to refuse."""
        on = trigger.on
        return {_NEED.get(on, "outputs") if isinstance(on, str) else "outputs"}


class PredictionDrift(ComparesWindows):
    r"""Ring when the outputs of the model are distributed otherwise than right after its fit.

    The outputs on the newest `window` rows are compared with those on the first `n_reference` rows
    that the model predicted, by a two-sample test: what moves the inputs, and matters to the
    model, moves its outputs [1]_ [2]_. It needs no labels and no table of features, so that it
    serves texts and images, too. It does not see that the same inputs have other labels.

    Parameters
    ----------
    on : {"auto", "proba", "output"}, default="auto"
        What is compared. ``"proba"``: the predicted probability of each class. ``"output"``: what
        ``predict`` gives. ``"auto"``: probabilities, if the base gives some, else what ``predict``
        gives, or how unusual each row is to a base without a target.
    min_effect : float, default=0.1
        Smallest distance that is an alarm, in [0, 1): the largest gap between the two distribution
        functions (Kolmogorov-Smirnov) for numbers, the share of rows that would have to change
        their label (total variation) for labels.
    alpha : float, default=0.01
        Largest probability of a false alarm, in (0, 1), between one restart and the next, on
        independent rows: the k-th look is made at the level :math:`\alpha / (k (k + 1))`, and what
        these come to is `alpha`.
    window : int, default=500
        Number of the newest rows that are compared, at least 20. It looks at each half a window.
    n_reference : int, default=1000
        Number of rows of the reference, at least 20.

    Attributes
    ----------
    distance_ : float
        Of the latest look, for the class or output with the smallest p value.
    p_value_ : float
        Smallest p value of the latest look, multiplied by the number of classes or outputs
        (Bonferroni).

    Notes
    -----
    A model is surer of the rows that it was fitted on than of any others. The reference is
    therefore collected after each fit, from rows that it has not learned, and until it is complete
    the trigger is silent and `warming_up` is True. A drift that begins in that time is not seen;
    :class:`DomainDrift` needs no such rows.

    A model that is updated with each batch changes without a fit to tell of it. As long as it still
    learns much, its probabilities become surer by that alone, and ring; labels hardly do:
    ``on="output"`` is the better choice then.

    Rows that follow each other are often alike. Sample sizes are divided by the number of rows that
    tell as much as one alone, twice the sum of the autocorrelations less one, as far as successive
    pairs of these are positive [3]_, estimated from the reference. On a reference with few
    independent rows the trigger finds nothing but large changes.

    Probabilities and numbers are compared by Kolmogorov-Smirnov tests, labels by a chi-square test,
    in which rare ones are taken together. There is one alarm per episode: it ends with a fit, or
    with a look that finds no change. Only outputs are kept, of `n_reference` and at most `window`
    rows.

    References
    ----------
    .. [1] Z. C. Lipton, Y.-X. Wang and A. Smola (2018). "Detecting and correcting for label shift
       with black box predictors". International Conference on Machine Learning.
    .. [2] S. Rabanser, S. Guennemann and Z. C. Lipton (2019). "Failing loudly: an empirical study
       of methods for detecting dataset shift". Advances in Neural Information Processing Systems.
    .. [3] C. J. Geyer (1992). "Practical Markov chain Monte Carlo". Statistical Science 7(4),
       473-483.

    Examples
    --------
    >>> import numpy as np
    >>> from skretrain.drift import PredictionDrift, ScoredBatch
    >>> rng = np.random.default_rng(0)
    >>> p = np.r_[rng.beta(1, 5, 2000), rng.beta(2, 5, 1000)]
    >>> proba = np.column_stack([1 - p, p])
    >>> trigger = PredictionDrift().reset()
    >>> for start in range(0, 3000, 250):
    ...     signal = trigger.update(ScoredBatch(start, 250, y_proba=proba[start : start + 250]))
    ...     if signal.state == "drift":
    ...         print(f"alarm after row {start + 250}, change at row {signal.since}")
    alarm after row 2250, change at row 2002
    >>> round(trigger.distance_, 2)
    0.35
    """

    needs = _NeedsOfOutputs()

    def __init__(self, on="auto", *, min_effect=0.1, alpha=0.01, window=500, n_reference=1000):
        self.on = on
        self.min_effect = min_effect
        self.alpha = alpha
        self.window = window
        self.n_reference = n_reference

    def after_fit(self, fit, reference, answered):
        """Begin anew, whatever was fitted: another model gives other outputs.

        Parameters
        ----------
        fit : FitRecord
            Not looked at.
        reference : ScoredBatch or None
            Not looked at: the model has learned these rows.
        answered : bool
            Not looked at.
        """
        self.reset()

    def _restart(self):
        super()._restart()
        self.distance_, self.p_value_ = 0.0, 1.0

    def _check_parameters(self):
        check_choice(self, "on", _NEED)
        check_number(self, "min_effect", least=0, below=1, what="a distance")
        check_number(self, "alpha", above=0, below=1, what="a probability")

    def _rows_of(self, batch):
        """Return one column per class, or per output: numbers, or labels as text."""
        given = None if self.on == "output" else batch.y_proba
        if given is not None:
            if isinstance(given, list):  # of several outputs
                given = np.column_stack(given)
            rows = np.asarray(given, dtype=float)
            rows = rows[:, np.newaxis] if rows.ndim == 1 else rows
            # What is not of the one class of two is of the other.
            return self._checked(rows[:, 1:] if rows.shape[1] == 2 else rows, batch)
        given = None if self.on == "proba" else batch.y_pred
        if given is None:
            raise ValueError(
                f"PredictionDrift(on={self.on!r}) compares {_NEED[self.on]!r}, and the batch from "
                f"row {batch.start} has none. Use on='auto', or a base that predicts."
            )
        rows = np.asarray(given)
        rows = rows.astype(str) if batch.bounded else rows.astype(float)
        return self._checked(rows.reshape(len(rows), -1), batch)

    def _checked(self, rows, batch):
        if len(rows) != batch.n_rows:
            raise ValueError(
                f"PredictionDrift needs one output per row: the batch from row {batch.start} has "
                f"{batch.n_rows} rows and {len(rows)} outputs."
            )
        return rows

    def _check_fit(self, rows):
        """Begin anew where the model knows another number of classes: its outputs are others."""
        like = self._reference.like
        if like is not None and len(rows) and like.shape[1] != rows.shape[1]:
            self._restart()

    def _look(self, old, new):
        pairs = list(zip(old.T, new.T, strict=True))
        compare = _labels_compared if old.dtype.kind == "U" else _numbers_compared
        found = [compare(*pair) for pair in pairs]
        p_value, distance, scores = min(found, key=lambda one: (one[0], -one[1]))
        self.p_value_, self.distance_ = min(1.0, p_value * len(pairs)), distance
        # The sum over all looks is alpha.
        level = self.alpha / (self._n_looks * (self._n_looks + 1))
        note = f"outputs moved by {distance:.2f} (p = {self.p_value_:.1g})"
        return distance >= self.min_effect and self.p_value_ <= level, scores, note


def _numbers_compared(old, new):
    """Return the p value and the distance, and 1 for each new row of those that are more now."""
    known, values = old[~np.isnan(old)], new[~np.isnan(new)]
    if not len(known) or not len(values):
        return 1.0, 0.0, np.zeros(len(new))
    n_alike = _rows_per_independent_one(rankdata(known))
    sizes = [max(2.0, len(part) / n_alike) for part in (known, values)]
    at, gaps = distribution_gaps(known, values)
    widest = np.abs(gaps).argmax()
    distance = float(abs(gaps[widest]))
    scores = (new <= at[widest]) if gaps[widest] > 0 else (new > at[widest])
    return ks_p_value(distance, *sizes), distance, scores.astype(float)


def _labels_compared(old, new):
    """Return the same for labels: p value, distance, and 1 for those that have become more."""
    levels = np.unique(np.concatenate([old, new]))
    counts = level_counts(old, new)
    more = levels[np.diff(counts / counts.sum(axis=1, keepdims=True), axis=0)[0] > 0]
    n_alike = _rows_per_independent_one(np.isin(old, more).astype(float))
    group = _groups(counts / n_alike)
    grouped = np.array([np.bincount(group, part) for part in counts])
    grouped = grouped[:, grouped.any(axis=0)]
    distance = total_variation(*grouped / grouped.sum(axis=1, keepdims=True))
    return chi_square_p_value(grouped / n_alike), distance, np.isin(new, more).astype(float)


def _groups(counts):
    """Return the group of each level: rare ones are one, or a chi-square test means nothing."""
    total = counts.sum(axis=0)
    order = total.argsort(kind="stable")
    expected = total[order] * counts.sum(axis=1).min() / counts.sum()
    groups = np.empty(len(total), dtype=int)
    groups[order] = (expected.cumsum() - expected) // _LEAST_EXPECTED
    return groups


def _rows_per_independent_one(values):
    """Return how many successive rows tell as much as one alone, at least 1.

    It is twice the sum of the autocorrelations, as far as those of two successive lags together
    are positive, less one.
    """
    n = len(values)
    if n < 2:
        return 1.0
    spectrum = np.abs(np.fft.rfft(values - values.mean(), 2 * n)) ** 2
    covariances = np.fft.irfft(spectrum)[: n - n % 2]
    if covariances[0] <= 0:
        return 1.0
    pairs = covariances.reshape(-1, 2).sum(axis=1) / covariances[0]
    n_pairs = int((pairs <= 0).argmax()) or len(pairs)
    return max(1.0, 2 * float(pairs[:n_pairs].sum()) - 1)
