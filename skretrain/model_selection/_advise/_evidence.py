"""Evidence on two periods: losses row by row, paired intervals, and the rows needed."""

import math
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import special, stats
from sklearn.linear_model import Ridge

from ...metrics._intervals import student_quantile
from ...utils._containers import take_rows
from ...utils._losses import absolute_loss_per_row, zero_one_loss_per_row
from ...utils._recorded import Recorded, methods_for

CONFIDENCE = 0.95
_POWER = 0.9
_FEWEST_FOR_BLOCKS = 40  # fewer rows cannot show that they are autocorrelated
_LAGS = 10
_RESAMPLES = 100


@dataclass(frozen=True)
class Interval:
    """An estimate and what it may be; `block` rows in a row were taken as one, 1 for none."""

    estimate: float
    low: float
    high: float
    deviation: float  # of one row, or what one row contributes
    n_rows: int
    block: int = 1

    def as_dict(self):
        """Return the numbers as plain floats."""
        numbers = {"estimate": self.estimate, "low": self.low, "high": self.high}
        return {**numbers, "n_rows": self.n_rows, "block": self.block}


@dataclass
class Evaluation:
    """A model on held-out rows: one loss per row, and its outputs for a scorer."""

    model: object
    y: np.ndarray
    losses: np.ndarray
    outputs: dict = field(default_factory=dict)
    X: object = None
    params: dict = field(default_factory=dict)  # what a scorer asks for besides, by its own names
    resampled: dict = field(default_factory=dict)  # losses of the draws, by length of a block

    def recorded(self, rows=slice(None)):
        """Return the outputs on some rows as a scorer wants them."""
        record = Recorded(self.model)
        outputs = {method: output[rows] for method, output in self.outputs.items()}
        record.add(outputs, getattr(self.model, "classes_", None))
        return record


class RowwiseEvaluator:
    """Compare models by one loss per row: 0/1 errors or absolute residuals."""

    def __init__(self, is_classifier):
        self.is_classifier = is_classifier
        self.scorer = None

    def evaluate(self, model, rows):
        """Return what a model predicts and loses, or raise ValueError if it is not finite."""
        X, y = rows.X, rows.y
        methods = ["predict"] if self.scorer is None else methods_for([self.scorer], model)
        outputs = {method: np.asarray(getattr(model, method)(X)) for method in methods}
        loss_of = zero_one_loss_per_row if self.is_classifier else absolute_loss_per_row
        losses = loss_of(y, outputs["predict"])
        if not np.isfinite(losses).all():
            raise ValueError(f"the predictions of {type(model).__name__} are not finite")
        return Evaluation(model, y, losses, outputs, X, self._asked_for(rows.params))

    def _asked_for(self, params):
        """Return what the scorer asks for by its metadata request, of the per-row arguments."""
        if not hasattr(self.scorer, "get_metadata_routing"):
            return {}
        asked = self.scorer.get_metadata_routing().score.requests
        names = {name: name if request is True else request for name, request in asked.items()}
        return {name: params[given] for name, given in names.items() if given in params}

    def loss(self, evaluation):
        """Return the mean loss."""
        return float(evaluation.losses.mean())

    def gain(self, present, other, level):
        """Return how much less `other` loses than `present` on the same rows, as an Interval."""
        gains = present.losses - other.losses
        block = block_length(gains)
        error, n = _standard_error(gains, block, bounded=self.is_classifier)
        # Binary gains are shrunk by half a pair each way (Agresti and Min): ten rows that all agree
        # do not prove that the eleventh will.
        center = gains.sum() / (len(gains) + (2 if self.is_classifier else 0))
        return self._interval(gains.mean(), center, error, n, level, len(gains), block)

    def excess(self, before, after, level):
        """Return how much more is lost on the rows `after` than on the rows `before`."""
        parts = [(a.losses, block_length(a.losses)) for a in (before, after)]
        errors = [_standard_error(x, b, bounded=self.is_classifier) for x, b in parts]
        error, n = math.hypot(errors[0][0], errors[1][0]), min(errors[0][1], errors[1][1])
        mean = after.losses.mean() - before.losses.mean()
        size, block = min(len(x) for x, _ in parts), max(b for _, b in parts)
        return self._interval(mean, mean, error, n, level, size, block)

    def says_nothing(self, before, after):
        """Tell whether a classifier tells no classes apart, neither before nor after."""
        if not self.is_classifier:
            return False
        parts = before.outputs, after.outputs
        together = [np.concatenate([part[method] for part in parts]) for method in parts[0]]
        return all(bool((output == output[0]).all()) for output in together)

    def _interval(self, estimate, center, error, n, level, size, block):
        width = student_quantile(level, n) * error if error else 0.0
        ends = center - width, center + width
        if self.is_classifier and self.scorer is None:
            ends = np.clip(ends, -1.0, 1.0)  # shares
        low, high = map(float, ends)
        return Interval(float(estimate), low, high, error * math.sqrt(size), size, block)


class ScorerEvaluator(RowwiseEvaluator):
    """Compare models by a scorer of all rows together, by resampling blocks of rows."""

    def __init__(self, is_classifier, metric, seed):
        super().__init__(is_classifier)
        self.scorer, self.seed = metric.scorer, seed
        self.may_be_useless = metric.higher_is_better  # at a score of zero
        self.is_share = metric.is_share

    def loss(self, evaluation):
        score = self._score(evaluation, slice(None))
        try:
            return -float(score)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"scoring returned {score!r}; a scorer must return one number"
            ) from error

    def gain(self, present, other, level):
        block = block_length(present.losses - other.losses)
        errors = self._resampled(present, block) - self._resampled(other, block)
        mean, n = self.loss(present) - self.loss(other), len(present.y)
        error, n_values = _spread(errors), math.ceil(n / block)
        found = self._interval(mean, mean, error, n_values, level, n, block)
        if not self.is_share:
            return found
        one, two = (self._logits(evaluation, block) for evaluation in (present, other))
        quantile = student_quantile(level, n_values)
        sides = (self._side(present, one, quantile), self._side(other, two, quantile))
        return _difference(found, *sides, _correlation(one, two))

    def excess(self, before, after, level):
        blocks = [block_length(a.losses) for a in (before, after)]
        resampled = map(self._resampled, (before, after), blocks)
        mean, n = self.loss(after) - self.loss(before), min(len(before.y), len(after.y))
        error, n_values = math.hypot(*map(_spread, resampled)), n // max(blocks)
        found = self._interval(mean, mean, error, n_values, level, n, max(blocks))
        if not self.is_share:
            return found
        quantile = student_quantile(level, n_values)
        draws = map(self._logits, (before, after), blocks)
        sides = [self._side(e, d, quantile) for e, d in zip((before, after), draws, strict=True)]
        turned = _difference(found, *sides, 0.0)
        return replace(turned, low=-turned.high, high=-turned.low)

    def _logits(self, evaluation, block):
        """Return the logits of the draws: on that scale, shares near 0 or 1 vary as others."""
        return _logit(-self._resampled(evaluation, block), evaluation.y)

    def _side(self, evaluation, draws, quantile):
        """Return a score, and what it may be."""
        score, width = -self.loss(evaluation), quantile * _spread(draws)
        center = _logit(score, evaluation.y)
        low, high = special.expit([center - width, center + width])
        return score, min(low, score), max(high, score)

    def says_nothing(self, before, after):
        is_useless = self.may_be_useless and self.loss(before) == self.loss(after) == 0
        return is_useless or super().says_nothing(before, after)

    def _draws(self, n, block):
        rng = np.random.default_rng(self.seed)
        starts = rng.integers(0, n, (_RESAMPLES, math.ceil(n / block)))
        # Blocks go round the end, so that every row is drawn equally often.
        return ((starts[:, :, None] + np.arange(block)) % n).reshape(_RESAMPLES, -1)[:, :n]

    def _resampled(self, evaluation, block):
        if block not in evaluation.resampled:
            draws = self._draws(len(evaluation.y), block)
            losses = np.array([self._loss_of(evaluation, rows) for rows in draws])
            evaluation.resampled[block] = losses
        return evaluation.resampled[block]

    def _loss_of(self, evaluation, rows):
        try:
            return -float(self._score(evaluation, rows))
        except ValueError:  # a draw may lack a class
            return math.nan

    def _score(self, evaluation, rows):
        X = take_rows(evaluation.X, rows)
        params = {name: values[rows] for name, values in evaluation.params.items()}
        return self.scorer(evaluation.recorded(rows), X, evaluation.y[rows], **params)


def block_length(values):
    """Return how many rows in a row to take as one: about the root of n if they are autocorrelated.

    It is the Ljung-Box test over ten lags, at 5 %.
    """
    n, centered = len(values), values - values.mean()
    total = (centered**2).sum()
    if n < _FEWEST_FOR_BLOCKS or total == 0:
        return 1
    lags = np.arange(1, _LAGS + 1)
    correlations = np.array([(centered[lag:] * centered[:-lag]).sum() / total for lag in lags])
    statistic = n * (n + 2) * (correlations**2 / (n - lags)).sum()
    return math.ceil(math.sqrt(n)) if stats.chi2.sf(statistic, _LAGS) < 0.05 else 1


def _standard_error(values, block, *, bounded):
    """Return the standard error of a mean, and how many independent values it rests on."""
    n = len(values)
    if block > 1:
        means = [part.mean() for part in np.array_split(values, n // block)]
        return float(np.std(means, ddof=1) / math.sqrt(len(means))), len(means)
    if bounded:
        total = values.sum()
        return math.sqrt((values**2).sum() + 1 - total**2 / (n + 2)) / (n + 2), n
    return (float(np.std(values, ddof=1) / math.sqrt(n)) if n > 1 else math.inf), n


def beyond_moved_inputs(before, after, auc, *, is_classifier):
    """Tell whether losses have risen by more than the inputs' own move may explain.

    As long as the relation holds, no share of rows changes by more than the total variation between
    the inputs of the periods; 2 AUC - 1 of what tells them apart best is at least that. An unknown
    AUC bounds nothing.
    """
    high = 0.5 if is_classifier else np.median(before.losses)
    parts = [(a.losses > high).astype(float) for a in (before, after)]
    errors = [_standard_error(part, block_length(part), bounded=True)[0] for part in parts]
    rise = parts[1].mean() - parts[0].mean()
    return bool(rise - student_quantile(CONFIDENCE, math.inf) * math.hypot(*errors) > 2 * auc - 1)


def _logit(share, y):
    """Return the logit of a share; none or all is half a row of the rarest class off."""
    half = 0.5 / max(np.unique(y, return_counts=True)[1].min(), 1)
    return special.logit(np.clip(share, half, 1 - half))


def _correlation(one, two):
    """Return how far the scores of two models rise and fall together from draw to draw."""
    known = np.isfinite(one) & np.isfinite(two)
    one, two = one[known], two[known]
    if len(one) < 2 or not one.std() or not two.std():
        return 0.0
    return float(np.corrcoef(one, two)[0, 1])


def _difference(interval, one, two, correlation):
    """Return the interval of `two` minus `one`, from those of both: Newcombe's hybrid method."""
    (p, low_p, high_p), (q, low_q, high_q) = one, two

    def reach(a, b):
        return math.sqrt(max(a * a - 2 * correlation * a * b + b * b, 0.0))

    low = q - p - reach(q - low_q, high_p - p)
    high = q - p + reach(high_q - q, p - low_p)
    return replace(interval, low=float(low), high=float(high))


def _spread(values):
    known = values[np.isfinite(values)]
    return float(np.std(known, ddof=1)) if len(known) > 1 else math.inf


# -- sizes -----------------------------------------------------------------------------------------


def forecast(sizes, seconds, size):
    """Return the seconds that a fit on `size` rows takes, by a ridge on (rows, seconds)."""
    sizes, seconds = np.asarray(sizes, float), np.asarray(seconds, float)
    if len(np.unique(sizes)) < 2:
        return float(seconds.mean() * size / sizes.mean())
    unit = sizes.max()
    ridge = Ridge(alpha=1e-3, positive=True).fit(sizes[:, None] / unit, seconds)
    return float(max(ridge.predict([[size / unit]])[0], 0.0))


def rows_to_tell(interval, effect, n_new, level=CONFIDENCE):
    """Return how many more new rows show a gain of that size, with a power of 90 %."""
    z = stats.norm.ppf((1 + level) / 2) + stats.norm.ppf(_POWER)
    held_out = (z * interval.deviation / effect) ** 2
    more = held_out * n_new / interval.n_rows - n_new
    return max(more, n_new)  # less than as many again would hardly tell more


def rounded_up(n):
    """Return a whole number with two digits that count, not below n."""
    unit = 10 ** max(math.floor(math.log10(n)) - 1, 0)
    return math.ceil(n / unit) * unit


def slope_per_doubling(sizes, losses):
    """Return how the loss changes when the rows double, or NaN for fewer than two sizes."""
    if len(sizes) < 2:
        return math.nan
    return float(np.polyfit(np.log2(sizes), losses, 1)[0])
