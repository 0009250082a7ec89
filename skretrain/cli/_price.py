"""The option ``--price``: in errors, or in money."""

import argparse
from dataclasses import replace

from ..metrics import Price
from ._console import non_negative

_PARTS_OF_PRICE = {
    "refit": "per_refit",
    "cpu_hour": "cost_per_cpu_hour",
    "hour": "cost_per_hour",
    "flip": "flip_price",
    "error": "loss_value",
}
_RATES = ("per_refit", "cost_per_cpu_hour", "cost_per_hour", "flip_price")


def price_of(text):
    """Take an option: a number of errors, or parts of a price such as ``refit=2,error=0.1``.

    Returns
    -------
    price : float or Price
        In errors, or in money.
    """
    if "=" not in text:
        return non_negative(text)
    parts = {}
    for part in text.split(","):
        name, _, amount = (word.strip() for word in part.partition("="))
        if name not in _PARTS_OF_PRICE or name in parts:
            fault = "twice" if name in parts else "which is none of them"
            raise argparse.ArgumentTypeError(
                f"{text!r} has {name!r}, {fault}; the parts of a price are "
                f"{', '.join(_PARTS_OF_PRICE)}"
            )
        parts[name] = non_negative(amount)
    try:
        return Price(**{_PARTS_OF_PRICE[name]: amount for name, amount in parts.items()})
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no price: a refit must cost something, and an error, too"
        ) from error


def times(price, factor):
    """Return a Price so many times as high."""
    return replace(price, **{name: factor * getattr(price, name) for name in _RATES})
