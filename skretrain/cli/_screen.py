"""Columns that tell the time, number the rows, or give the target away; the order of the rows."""

import numpy as np
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ..metrics._two_samples import direction
from ._columns import as_numbers, check_column, holds_dates, some
from ._errors import CommandError, needed

_MANY = 30  # rows; fewer may all be different by chance
_DIFFERENT = 0.99  # of the rows: text that is different in so many names them
_GIVES_AWAY = 0.99
_LEAST_ROWS = 40  # to tell whether one column is enough
_MOSTLY = 0.9  # of the rows have a date, if it may be when they came


def without_dropped(table, dropped, kept, target, time=None, ids=()):
    """Return a table without the columns that the user wants to leave out, or calls identifiers."""
    for name in kept:
        check_column(table, name, "--keep")
    for option, names in (("--drop", dropped), ("--id", ids)):
        for name in names:
            check_column(table, name, option)
            if name == time:
                raise CommandError(
                    f"{option} {name!r} is the column of --time, which is not learned from anyway; "
                    f"leave {option} out."
                )
            if name == target:
                raise CommandError(f"{option} {name!r} is the target; leave {option} out.")
            if name in kept:
                raise CommandError(f"{name!r} is to be left out by {option} and kept by --keep.")
    return table.drop(columns=[*dropped, *ids])


def ids_in_words(ids, used="learned from"):
    """Return what is said of identifiers beside the other facts."""
    return f"{some(dict.fromkeys(ids))}, which say what a row is of and are not {used}"


def out_of_order(table, kept=()):
    """Yield a line if the rows are in the order of no column of dates, though there are some.

    It asks, for it may be a birthday. Where one of them never falls, the rows are in its order.

    Parameters
    ----------
    table : DataFrame
        The columns besides the target, in the order of the file.
    kept : sequence of str, default=()
        Columns that the user wants to learn from, so that none of them is in question.
    """
    ways = {name: direction(_dates(table[name])) for name in table.columns if name not in kept}
    ways = {name: way for name, way in ways.items() if way is not None}
    if not ways or max(ways.values()) > 0:
        return
    turned = [name for name, way in ways.items() if way < 0]
    names = turned or list(ways)
    said = "stand from the newest to the oldest" if turned else "are not in the order of"
    which = repr(names[0]) if len(names) == 1 else "one of them"
    yield (
        f"the rows {said} {some(names)}, and are taken in the order of the file: is {which} when a "
        f"row came? Then sort with --time {names[0]!r}"
    )


def _dates(column):
    """Return the dates of a column as seconds; none if it holds other things, or many gaps."""
    is_filled = column.notna().mean() >= _MOSTLY
    values = as_numbers(column) if is_filled and holds_dates(column) else np.empty(0)
    return values[~np.isnan(values)]


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
    ways = {name: _way(table[name]) for name in asked}
    clocks = [name for name in asked if ways[name]]
    names = [name for name in asked if name not in clocks and _names_the_rows(table[name])]
    for way, what in ((1, "falls"), (-1, "rises")):
        those = [name for name in clocks if ways[name] == way]
        if those:
            notices.append(
                f"left out, for it never {what} and tells the time or counts the rows: "
                f"{some(those)} (learned from with --keep; confirmed with --id; sorted by with "
                f"--time{_shared(table, those)})"
            )
    if names:
        notices.append(
            f"left out, for it is another in nearly every row and names them: {some(names)} "
            "(learned from with --keep; confirmed with --id)"
        )
    return table.drop(columns=[*clocks, *names])


def _way(column):
    values = as_numbers(column)
    return None if values is None else direction(values[~np.isnan(values)])


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
    """Return what a tree can split by: numbers, and whether there is one."""
    numbers = as_numbers(column)
    if numbers is None:
        values = column.astype(object).map(str, na_action="ignore")
        codes, _ = needed("pandas").factorize(values, sort=True)
        numbers = np.where(codes < 0, np.nan, codes)
    is_there = np.isfinite(numbers)
    return np.column_stack([np.where(is_there, numbers, 0.0), is_there])


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
