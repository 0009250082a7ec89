"""Which policy costs least, and why."""

import math
from typing import NamedTuple

import numpy as np

from ...metrics import Price
from ._runs import cost, mean, mean_losses

_BLOCKS = 30  # of successive rows: errors come in runs


class Recommendation(NamedTuple):
    """Which policy costs least at a price.

    Attributes
    ----------
    policy : str
        Its name.
    text : str
        The numbers behind it, in plain words.

    Examples
    --------
    >>> from skretrain.model_selection import Recommendation
    >>> Recommendation("never", "At any price, 'never' costs least.").policy
    'never'
    """

    policy: str
    text: str


def recommended(comparison, price):
    """Return the policy that costs least at a price, and what to know about it."""
    runs, names = comparison._runs, comparison.names
    best = min(names, key=lambda name: comparison.cost(name, price))
    tied = [name for name in names if name != best and is_tied(comparison, best, name, price)]
    score = comparison._measure.in_words(comparison.score(best, price))
    fits = counted(mean(runs.of(best, price), "n_fits"))
    least, never = comparison.cost(best, price), cost(runs.fixed[0], price)
    oracle = comparison._reference("oracle", price)
    told = in_words(price, comparison.unit, runs.typical())
    text = (
        f"At a price {told}, '{best}' costs least: "
        f"{amount(least)} with its refits ({score}, {fits}), against "
        f"{amount(never)} without retraining and "
        f"{amount(oracle)} with the best schedule in hindsight."
    )
    text += in_money(price, least, never, oracle)
    if tied:
        named = ", ".join(f"'{name}'" for name in tied)
        text += f" Within the noise, no worse: {named}."
    if comparison.kinds[best] == "told the price" and runs.tells_errors:
        text += (
            f" It is told {amount(comparison.price_told(best, price))} {runs.measure.unit_told}."
        )
    text = " ".join([text, *comparison.gaps(price)])
    return Recommendation(best, text)


def leading(comparison, prices):
    """Return the policy that leads at each price, when it goes from the first on."""
    names = []
    for price in prices:
        best = min(comparison.names, key=lambda name: comparison.cost(name, price))
        stays = names and (names[-1] == best or is_tied(comparison, best, names[-1], price))
        names.append(names[-1] if stays else best)
    return names


def is_tied(comparison, best, other, price):
    """Tell whether the difference in cost of two policies is within the noise of the losses."""
    gap = comparison.cost(other, price) - comparison.cost(best, price)
    one, two = (mean_losses(comparison._runs_of(name, price)) for name in (best, other))
    return is_within_noise(gap, one, two)


def is_within_noise(gap, one, two):
    """Tell whether a difference in cost is within the noise of losses, batch by batch."""
    with np.errstate(invalid="ignore"):
        blocks = [b.sum() for b in np.array_split(two - one, min(_BLOCKS, len(one)))]
    if len(blocks) < 2 or not np.isfinite(blocks).all():
        return gap <= 0
    # From one block to the next: that a gain comes after a drift only is no noise.
    steps = np.diff(blocks)
    largest = abs(steps).max() or 1.0  # squares of large losses would be infinite
    variance = np.mean((steps / largest) ** 2) / 2
    return gap <= 2 * largest * math.sqrt(len(blocks) * variance)


def in_words(price, unit, measured):
    """Return a price as the beginning of a recommendation tells it, as of a usual refit."""
    if isinstance(price, Price):
        return f"per refit on the whole past of {price.in_words(unit, **measured)}"
    return f"of {amount(price)} {unit} per refit"


def in_money(price, cost, never, oracle):
    """Return the costs of a recommendation as a sentence in money, where they are in errors."""
    if not isinstance(price, Price) or price.value == 1:
        return ""
    cost, never, oracle = (amount(price.to_money(loss)) for loss in (cost, never, oracle))
    return f" In money: {cost}, {never} and {oracle}."


def counted(n_fits):
    """Return a number of fits as text."""
    return f"{amount(n_fits)} fit" if n_fits == 1 else f"{amount(n_fits)} fits"


def amount(number):
    """Return a loss, a price or a count as text."""
    return f"{number:,.0f}" if abs(number) >= 10 or number == round(number) else f"{number:.2g}"
