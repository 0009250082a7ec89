"""What the commands share on the terminal: printing, facts, and numbers as options."""

import argparse
import math

from ._errors import needed


def open_console():
    """Return the console to print on."""
    return needed("rich.console").Console(highlight=False)


def say(console, text):
    """Print a line as it is: names of columns and files may hold brackets, markup to rich."""
    console.print(text, markup=False, soft_wrap=not console.is_terminal)


def say_facts(console, facts, notices):
    """Print what is known of the data by name, and what was done to it."""
    named = [*facts.items(), *(("note", notice) for notice in notices)]
    width = max(len(name) for name, _ in named) + 2
    for name, text in named:
        say(console, f"{name + ':':<{width}}{text}")


def whole_number(least):
    """Return a type of option: a whole number of at least `least`."""

    def number(text):
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return value

    return number


def non_negative(text):
    """Take an option that is a number of at least 0."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 0")
    return value
