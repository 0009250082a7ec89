"""Which policy costs least, and why."""

from typing import NamedTuple

from ...metrics import Price


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


def in_words(price, unit, seconds):
    """Return a price as the beginning of a recommendation tells it; `seconds` of a usual refit."""
    if isinstance(price, Price):
        return f"per refit on the whole past of {price.in_words(unit, **seconds)}"
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
