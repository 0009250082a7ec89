"""Columns that tell the time, number the rows, or give the target away."""

import numpy as np
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ..metrics._two_samples import never_falls
from ._columns import as_numbers, check_column, some
from ._errors import CommandError

_MANY = 30  # rows; fewer may all be different by chance
_DIFFERENT = 0.99  # of the rows: text that is different in so many names them
_GIVES_AWAY = 0.99
_LEAST_ROWS = 40  # to tell whether one column is enough


def without_dropped(table, dropped, kept, target):
    """Return a table without the columns that the user wants to leave out."""
    for name in kept:
        check_column(table, name, "--keep")
    for name in dropped:
        check_column(table, name, "--drop")
        if name == target:
            raise CommandError(f"--drop {name!r} is the target; leave --drop out.")
        if name in kept:
            raise CommandError(f"{name!r} is to be left out by --drop and kept by --keep.")
    return table.drop(columns=dropped)


def screened(table, kept, notices):
    """Return a table without the columns that only tell the time or name the rows.

    They never repeat: what a model learns of them says nothing of any later row.

    Parameters
    ----------
    table : DataFrame
        The columns to learn from, in the order of time.
    kept : sequence of str
        Columns that the user wants to learn from.
    notices : list of str
        Gets a line for what is left out.
    """
    asked = [name for name in table.columns if name not in kept]
    clocks = [name for name in asked if _is_clock(table[name])]
    names = [name for name in asked if name not in clocks and _names_the_rows(table[name])]
    if clocks:
        notices.append(
            f"left out, for it never falls and tells the time or counts the rows: {some(clocks)} "
            f"(learned from with --keep; sorted by with --time{_shared(table, clocks)})"
        )
    if names:
        notices.append(
            f"left out, for it is another in nearly every row and names them: {some(names)} "
            "(learned from with --keep)"
        )
    return table.drop(columns=[*clocks, *names])


def _is_clock(column):
    values = as_numbers(column)
    return values is not None and never_falls(values[~np.isnan(values)])


def _names_the_rows(column):
    """Tell text that is different in nearly every row, and has no words that come again."""
    values = column.dropna()
    if len(values) <= _MANY or values.map(type).ne(str).any() or as_numbers(column) is not None:
        return False
    is_word = ~values.str.strip().str.contains(r"\s")
    return bool(values.nunique() >= _DIFFERENT * len(values) and is_word.all())


def _shared(table, clocks):
    """Say of a clock how many rows have one time: they know nothing of each other's labels."""
    for name in clocks:
        most = int(table[name].value_counts().max())
        if most > 1:
            return f"; up to {most:,} rows share one {name!r}, and know nothing of each other then"
    return ""


def giveaways(table, y, task, warm_up):
    """Yield a line for each column that by itself predicts the target of the warm-up.

    Parameters
    ----------
    table : DataFrame
        The columns to learn from, in the order of time.
    y : ndarray of shape (n_rows,)
        Codes of the classes, or numbers.
    task : {"classification", "regression"}
        What is predicted.
    warm_up : int
        Rows that are looked at: a tree learns the first half and is judged on the second.
    """
    half = warm_up // 2
    if half < _LEAST_ROWS or len(np.unique(y[half:warm_up])) < 2:
        return
    for name in table.columns:
        values = _codes(table[name].iloc[:warm_up])
        share = _told_alone(values, y[:warm_up], half, task)
        if share >= _GIVES_AWAY:
            told = f"{100 * share:.1f} %" if task == "classification" else f"an R2 of {share:.3f}"
            yield (
                f"{name!r} alone tells the target ({told}): is it known before the target is? "
                "Else leave it out with --drop"
            )


def _codes(column):
    numbers = as_numbers(column)
    if numbers is None:
        values = column.astype(str)
        numbers = np.unique(values, return_inverse=True)[1].astype(float)
    return np.where(np.isfinite(numbers), numbers, np.nan)[:, None]


def _told_alone(values, y, half, task):
    if task == "classification":
        tree = DecisionTreeClassifier(max_leaf_nodes=32, random_state=0).fit(
            values[:half], y[:half]
        )
        right = tree.predict(values[half:]) == y[half:]
        classes = np.unique(y[half:])
        # The rarest class counts as much as any: all rows may be of one.
        return float(np.mean([right[y[half:] == label].mean() for label in classes]))
    tree = DecisionTreeRegressor(max_leaf_nodes=200, random_state=0).fit(values[:half], y[:half])
    left = y[half:] - tree.predict(values[half:])
    spread = y[half:].var()
    return float(1 - (left**2).mean() / spread) if spread else 0.0
