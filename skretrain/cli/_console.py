"""What the commands share on the terminal: printing, facts, and numbers as options."""

import argparse
import math
import os
import sys
from contextlib import suppress

from ._errors import needed

_KEEP = "column to learn from although it tells the time or names the rows"


def open_console():
    """Return the console to print on."""
    return needed("rich.console").Console(file=Stream(sys.stdout), highlight=False)


class Plain:
    """Standard output for a daily job: lines as they are, and nothing to import for it."""

    is_terminal = False

    def __init__(self):
        self.file = Stream(sys.stdout)

    def print(self, text, **options):
        """Print a line."""
        self.file.write(f"{text}\n")
        self.file.flush()


class Stream:
    """Standard output for a run that must not end because nobody can read it.

    What its encoding lacks becomes a question mark. Where it fails, as into a full disk or a pipe
    whose reader has left, nothing more is printed; `failed` then says why, save for the pipe.
    """

    def __init__(self, file):
        self.file = file
        self.failed = []
        self.is_open = True

    def write(self, text):
        """Print a text."""
        encoding = self.file.encoding or "utf-8"
        self._do(self.file.write, text.encode(encoding, "replace").decode(encoding))

    def flush(self):
        """Print what waits."""
        self._do(self.file.flush)

    def _do(self, act, *args):
        if not self.is_open:
            return
        try:
            act(*args)
        except OSError as error:
            self.is_open = False
            if not isinstance(error, BrokenPipeError):
                self.failed.append(f"standard output: {error.strerror or error}")
            # What waits would fail once more when the interpreter ends.
            with suppress(OSError), open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), self.file.fileno())

    def __getattr__(self, name):
        return getattr(self.file, name)


def say(console, text):
    """Print a line as it is: names of columns and files may hold brackets, markup to rich."""
    console.print(text, markup=False, soft_wrap=not console.is_terminal)


def say_facts(console, facts, notices):
    """Print what is known of the data by name, and what was done to it."""
    named = [*facts.items(), *(("note", notice) for notice in notices)]
    width = max(len(name) for name, _ in named) + 2
    for name, text in named:
        say(console, f"{name + ':':<{width}}{text}")


def add_columns(add, *, keep=_KEEP, used="learned from"):
    """Declare the options that say which columns to use.

    Parameters
    ----------
    add : callable
        Of a parser, to add an argument.
    keep : str
        What ``--keep`` names.
    used : str, default="learned from"
        What is done with the columns.
    """
    add(
        "--drop",
        action="append",
        default=[],
        metavar="COL",
        help="column to leave out; may be given several times",
    )
    add(
        "--keep",
        action="append",
        default=[],
        metavar="COL",
        help=f"{keep}; likewise",
    )
    add(
        "--id",
        dest="ids",
        action="append",
        default=[],
        metavar="COL",
        help=f"column that says which customer or order a row is of: it is not {used}, and "
        "the report calls it an identifier; likewise",
    )


def add_missing(add):
    """Declare the option that names words for what is not there."""
    add(
        "--missing",
        type=lambda text: [word.strip() for word in text.split(",")],
        default=[],
        metavar="WORDS",
        help="words that stand for no value, separated by commas (NA, null and the like do so "
        "among numbers and dates only; elsewhere they are names)",
    )


def add_model(add, *, name, file):
    """Declare the options that say which model it is, and what it gets.

    Parameters
    ----------
    add : callable
        Of a parser, to add an argument.
    name, file : str
        What the model of ``--estimator``, and that of ``--model``, is to the command.
    """
    add(
        "--estimator",
        metavar="NAME",
        help=f"{name}: a name listed below, or module:factory (sgd)",
    )
    add(
        "--model",
        metavar="FILE",
        help=f"a model as joblib or pickle wrote it: {file}; load only files that you trust",
    )
    add(
        "--raw",
        action="store_true",
        help="hand the model the table's own columns, text and gaps included, as a data frame; "
        "without it, that is so of a model that begins with a ColumnTransformer, or with what "
        "encodes data frames in skrub",
    )


def add_scoring(add, what):
    """Declare the options that say what the answer is judged by."""
    add(
        "--scoring",
        metavar="NAME",
        help=f"what {what} are compared by, a scorer of scikit-learn such as f1, roc_auc or "
        "neg_log_loss, or pinball:0.9 for that quantile (errors, of a quantity the mean absolute "
        "one; with a class below 5 %% and no --price its average precision)",
    )
    add(
        "--positive",
        metavar="LABEL",
        help="the class that such a score is about (the rarest); alone, its average precision",
    )
    add(
        "--cost-matrix",
        metavar="COSTS",
        help="what mistakes cost, instead of a score: 'fraud>ok=100,ok>fraud=5' for a row of the "
        "class fraud that is taken for ok, and the other way round; or a CSV file with the "
        "predicted classes in its header and the true ones in its first column",
    )


def add_weight(add):
    """Declare the option that says how much rows count."""
    add(
        "--sample-weight",
        metavar="COL",
        help="column of numbers of at least 0: how much each row counts in what is learned; it is "
        "not learned from, and scores count all rows alike, but rows of weight 0 are left out",
    )


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


def share(*, ends):
    """Return a type of option: a number from 0 to 1, with or without these ends."""

    def number(text):
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (0 <= value <= 1 if ends else 0 < value < 1):
            what = "from 0 to 1" if ends else "between 0 and 1"
            raise argparse.ArgumentTypeError(f"{text!r} is not a number {what}")
        return value

    return number
