"""Say in one sentence which policy would have paid."""

import numpy as np

from ._policies import NEVER, WINDOW

_TIE = 0.005  # another seed moves a score by as much
_BLOCKS = 30
_WORST = 25.0  # variances; else one outlier would hide every difference behind its own noise

_UNITS = {"accuracy": "accuracy", "r2": "R2"}


def sentence(outcomes, metric):
    """Return the sentence.

    Parameters
    ----------
    outcomes : list of Outcome
        One per policy, "never" and "window" among them.
    metric : {"accuracy", "r2"}
        What the scores are.
    """
    by_name = {outcome.name: outcome for outcome in outcomes if not outcome.refusal}
    never = by_name.pop(NEVER)
    best = max(by_name.values(), key=lambda outcome: outcome.score)
    if not leads(best, never):
        return _nothing_paid(never, best, metric)
    level = [o for o in by_name.values() if leads(o, never) and not leads(best, o)]
    return (
        f"On this history '{best.name}' would have paid: {_UNITS[metric]} {with_deviation(best)} "
        f"with {_work(best)}, {_gain(best, never, metric)} above never retraining, "
        f"{_price(best, by_name[WINDOW], never)}{_rival(best, level)}."
    )


def caution(outcomes, baseline):
    """Return a warning if repeating the newest known target does as well, else None."""
    best = best_of(outcomes)
    if baseline.score <= best.score:
        return None
    return (
        f"But repeating the newest known target scores {number(baseline.score)}, more than "
        "any of them: at this label delay the last target is the better forecast. Give it to the "
        "model as a column, or state the delay that you really have with --label-delay."
    )


def best_of(outcomes):
    """Return the outcome with the best score, of those that there are."""
    return max((o for o in outcomes if not o.refusal), key=lambda outcome: outcome.score)


def leads(one, other):
    """Tell whether a policy is better by more than a tie and more than its noise.

    The noise is that of the difference per block of successive rows, since errors come in runs,
    and, where there are several, that between seeds.
    """
    gain = np.minimum(other.losses, _WORST) - np.minimum(one.losses, _WORST)
    blocks = [block.mean() for block in np.array_split(gain, min(_BLOCKS, len(gain)))]
    noise = 2 * np.hypot(_standard_error(blocks), _standard_error(_by_seed(one, other)))
    return bool(one.score - other.score > _TIE and gain.mean() > noise)


def _standard_error(values):
    return np.std(values, ddof=1) / len(values) ** 0.5 if len(values) > 1 else 0.0


def _by_seed(one, other):
    return np.subtract(one.scores, other.scores)


def with_deviation(outcome):
    """Return the score as text, with the standard deviation between seeds if there are several."""
    if outcome.deviation is None:
        return number(outcome.score)
    return f"{number(outcome.score)} ± {number(outcome.deviation)}"


def amount(n):
    """Return a count, or a mean of counts, as text."""
    return f"{n:,.0f}" if n == round(n) or n >= 100 else f"{n:,.1f}"


def number(score):
    """Return a score as text; a model that blew up needs no decimals."""
    return f"{score:.3f}" if abs(score) < 1000 else f"{score:.1e}"


def _nothing_paid(never, best, metric):
    text = (
        f"On this history retraining would not have paid: {_UNITS[metric]} {with_deviation(never)} "
        f"without it, and {number(best.score)} with the best of the others, '{best.name}'"
    )
    if best.score <= never.score:
        return f"{text}."
    return f"{text}, which is within the noise."


def _work(best):
    fits = _count(best.n_fits, "fit")
    return f"{fits} and {_count(best.n_updates, 'update')}" if best.n_updates else fits


def _count(n, noun):
    return f"{amount(n)} {noun}" if n == 1 else f"{amount(n)} {noun}s"


def _gain(best, never, metric):
    gain = best.score - never.score
    return f"{100 * gain:.1f} points" if metric == "accuracy" else number(gain)


def _price(best, window, never):
    if best is window or not window.cpu_seconds:
        return f"in {best.cpu_seconds:.1f} CPU seconds against {never.cpu_seconds:.1f}"
    return f"at {_times(best.cpu_seconds / window.cpu_seconds)} CPU of refitting every batch"


def _times(ratio):
    if 0.8 <= ratio <= 1.25:  # CPU seconds repeat no better
        return "about the"
    return f"{ratio:.1g}x the" if ratio < 1 else f"{ratio:.1f}x the"


def _rival(best, level):
    """Return the clause on the cheapest of the policies that are as good within the noise."""
    if len(level) == 1:
        return ""
    # Processor seconds change from run to run; the rows fitted do not.
    rival = min((o for o in level if o is not best), key=lambda outcome: outcome.rows_fitted)
    effort = "fewer" if rival.rows_fitted < best.rows_fitted else "no fewer"
    return (
        f"; '{rival.name}' ({number(rival.score)}) is as good within the noise, from {effort} "
        "fitted rows"
    )
