"""Say in a sentence which policy would have paid, and up to which price of a refit."""

import numpy as np

from ..metrics._intervals import student_quantile
from ._policies import NEVER, NO_CHANGE

_TIE = 0.005  # of all rows, or of the target's deviation; another seed moves a score by as much
_LEVEL = 0.02  # likewise; more is no equal, however large the noise
_BLOCKS = 30
_CONFIDENCE = 0.95


def span_of(history):
    """Return when it was, or where: the beginning of a sentence."""
    moments = history.timing.moments
    if moments is None:
        return "On this history"
    served = moments[history.warm_up :].astype("datetime64[D]")
    return f"From {served[0]} to {served[-1]},"


def sentence(outcomes, metric, where="On this history"):
    """Return the sentence.

    Parameters
    ----------
    outcomes : list of Outcome
        One per policy, "never" among them.
    metric : Measured
        What they are compared by.
    where : str, default="On this history"
        How it begins.
    """
    by_name = {outcome.name: outcome for outcome in outcomes if not outcome.refusal}
    never = by_name.pop(NEVER)
    if not by_name:
        return f"{where} there was not the time for any policy but '{NEVER}'."
    best = best_of(by_name.values())
    if not leads(best, never):
        return _nothing_paid(never, best, metric, where)
    level = [o for o in by_name.values() if leads(o, never) and _is_level(best, o)]
    return (
        f"{where} '{best.name}' would have paid: {metric.name} {score(best, metric)} "
        f"with {_work(best)}, {metric.gain(never.loss - best.loss)} never retraining, "
        f"{_price(best, by_name.values(), never)}{_rival(best, level, metric)}."
    )


def has_paid(outcomes):
    """Tell whether a policy is better than never retraining by more than noise."""
    by_name = {outcome.name: outcome for outcome in outcomes if not outcome.refusal}
    return leads(best_of(by_name.values()), by_name[NEVER])


def price_sentence(comparison):
    """Return up to which price of a refit which policy costs least."""
    leaders, unit = comparison.leaders(), comparison.unit
    name, low, high = leaders[0]
    span = amount(low) if amount(low) == amount(high) else f"{amount(low)} to {amount(high)}"
    text = f"If a refit costs {span} {unit}, '{name}' is the cheapest within the noise"
    between = "".join(f", up to {amount(high)} '{name}'" for name, _, high in leaders[1:-1])
    beyond = f", and beyond '{leaders[-1][0]}'" if len(leaders) > 1 else ""
    return f"{text}{between}{beyond}."


def rolling_sentence(choice, metric, price):
    """Return what it would have come to, to follow the recommendation as it was at the time."""
    if price is not None:
        return choice.text
    n_rows = int(choice.rows[-1] - choice.rows[0])
    means = {name: float(costs.sum()) / n_rows for name, costs in choice.costs.items()}
    scores = {
        name: metric.number(mean if metric.lower_is_better else 1 - mean)
        for name, mean in means.items()
    }
    where = "" if metric.metric is None else ", in the mean of its windows,"
    return (
        f"To follow the recommendation, chosen anew every {choice.every} by what was known then, "
        f"would have come to {metric.name}{where} {scores['followed']}; the best fixed policy in "
        f"hindsight ('{choice.fixed}') to {scores['best fixed']}, what is recommended now "
        f"('{choice.final}') to {scores['final']}, and never retraining to {scores['never']}."
    )


def caution(outcomes, baselines, metric):
    """Return a warning if a rule that needs no model does as well, else None."""
    baseline = min(baselines, key=lambda outcome: outcome.loss)
    if baseline.loss >= best_of(outcomes).loss:
        return None
    has = f"{metric.name} {score(baseline, metric)}, better than any of them"
    if baseline.name == NO_CHANGE:
        return (
            f"But repeating the newest known target has {has}: at this label delay the last target "
            "is the better forecast. Give it to the model as a column, unless labels really come "
            "later."
        )
    return f"But {baseline.what} has {has}: by this measure no model is of use here."


def best_of(outcomes):
    """Return the outcome with the lowest loss, of those that there are."""
    return min((o for o in outcomes if not o.refusal), key=lambda outcome: outcome.loss)


def winner_of(outcomes):
    """Return what is shown: what costs least where there is a price, else what did best."""
    ran = [outcome for outcome in outcomes if not outcome.refusal]
    priced = [outcome for outcome in ran if outcome.cost is not None]
    return min(priced, key=lambda outcome: outcome.cost) if priced else best_of(ran)


def leads(one, other):
    """Tell whether a policy is better by more than a tie and more than its noise.

    The noise is that of the difference per block of successive rows, since errors come in runs,
    and, where there are several, that between seeds.
    """
    gain = _bounded(other) - _bounded(one)
    blocks = [block.mean() for block in np.array_split(gain, min(_BLOCKS, len(gain)))]
    if len(blocks) < 2:
        return False  # one block shows no noise, and proves nothing
    error = np.hypot(_standard_error(blocks), _standard_error(_by_seed(one, other)))
    noise = student_quantile(_CONFIDENCE, len(blocks)) * error
    lead = (other.loss - one.loss) / one.unit
    return bool(lead > _TIE and gain.mean() > noise)


def _is_level(best, other):
    """Tell whether nobody would mind having the other: it is not worse by much, nor surely."""
    return (other.loss - best.loss) / best.unit <= _LEVEL and not leads(best, other)


def _bounded(outcome):
    return np.minimum(outcome.losses.mean(axis=0) / outcome.unit, outcome.worst)


def _by_seed(one, other):
    mine, others = (np.minimum(o.by_seed / one.unit, one.worst) for o in (one, other))
    return others - mine


def _standard_error(values):
    return np.std(values, ddof=1) / len(values) ** 0.5 if len(values) > 1 else 0.0


def score(outcome, metric):
    """Return the score as text, with the standard deviation between seeds if there are several."""
    text = metric.number(metric.value(outcome))
    return text if outcome.deviation is None else f"{text} ± {metric.number(outcome.deviation)}"


def amount(n):
    """Return a count, or a mean of counts, or a price, as text."""
    if n == round(n) or n >= 100:
        return f"{n:,.0f}"
    return f"{n:,.1f}" if n >= 1 else f"{n:.2g}"


def _nothing_paid(never, best, metric, where):
    text = (
        f"{where} retraining would not have paid: {metric.name} {score(never, metric)} "
        f"without it, and {metric.number(metric.value(best))} with the best of the others, "
        f"'{best.name}'"
    )
    return f"{text}." if best.loss >= never.loss else f"{text}, which is within the noise."


def _work(best):
    fits = _count(best.n_fits, "fit")
    return f"{fits} and {_count(best.n_updates, 'update')}" if best.n_updates else fits


def _count(n, noun):
    return f"{amount(n)} {noun}" if n == 1 else f"{amount(n)} {noun}s"


def _price(best, others, never):
    """Return the clause on the processor time, beside that of the most frequent refits."""
    schedules = [other for other in others if other.kind == "trigger"]
    often = max(schedules, key=lambda o: (o.n_fits, -o.rows_fitted), default=best)
    if often is best or not often.cpu_seconds:
        return f"in {best.cpu_seconds:.1f} CPU seconds against {never.cpu_seconds:.1f}"
    return f"at {_times(best.cpu_seconds / often.cpu_seconds)} CPU of '{often.name}'"


def _times(ratio):
    if 0.8 <= ratio <= 1.25:  # CPU seconds repeat no better
        return "about the"
    return f"{ratio:.1g}x the" if ratio < 1 else f"{ratio:.1f}x the"


def _rival(best, level, metric):
    """Return the clause on the cheapest of the policies that are as good within the noise."""
    if len(level) == 1:
        return ""
    # Processor seconds change from run to run; the rows fitted do not.
    rival = min((o for o in level if o is not best), key=lambda outcome: outcome.rows_fitted)
    effort = "fewer" if rival.rows_fitted < best.rows_fitted else "no fewer"
    return (
        f"; '{rival.name}' ({metric.number(metric.value(rival))}) is as good within the noise, "
        f"from {effort} fitted rows"
    )
