"""Columns of pandas, brought to the types that are known."""

from functools import cache

import numpy as np

from ._rows import column_types

_UNITS = ("s", "ms", "us", "ns")


@cache
def _pandas():
    """Return the library, which need not be there where no frame of it is."""
    import pandas

    return pandas


def without_a_value(X, positions):
    """Return those of the columns whose type says nothing, as they hold no value at all."""
    dtypes, says_nothing = column_types(X), (np.dtype(object), np.dtype(np.float64))
    return [j for j in positions if dtypes[j] in says_nothing and X.iloc[:, j].isna().all()]


def are_same(known, dtypes):
    """Tell whether types are the same, the order of levels included."""
    return all(map(_is_same, known, dtypes))


def same_columns(like, X):
    """Tell whether data frames have the same columns, without listing their labels."""
    return like.columns.equals(X.columns)


def aligned(X, types, keep_levels):
    """Return rows with the columns of other types replaced."""
    rows = X
    for j in _others(X, types):
        known, values = types.like.dtypes.iloc[j], X.iloc[:, j]
        column = _brought_over(known, values, j in types.undecided, keep_levels)
        if column is None:
            continue
        if rows is X:
            rows = X.copy(deep=False)
        rows.isetitem(j, column)
    return rows


def strangers(X, types):
    """Return the positions of the columns that cannot be brought over.

    Levels can always be joined: where they are the type of both, no row is looked at.
    """
    known, dtypes = types.like.dtypes, X.dtypes
    return [
        j
        for j in _others(X, types)
        if not (_has_levels(known.iloc[j]) and _has_levels(dtypes.iloc[j]))
        and _brought_over(known.iloc[j], X.iloc[:, j], j in types.undecided) is None
    ]


def as_objects(X, positions):
    """Return rows with columns turned into objects."""
    rows = X.copy(deep=False)
    for j in positions:
        rows.isetitem(j, X.iloc[:, j].astype(object))
    return rows


def coded_columns(X):
    """Return the positions of the columns with levels."""
    return tuple(j for j, dtype in enumerate(column_types(X)) if _has_levels(dtype))


def recoded(like, X, positions):
    """Return the names of columns in which a code means another level than it did."""
    names = []
    for j in positions:
        before, now = like.dtypes.iloc[j], X.dtypes.iloc[j]
        if before is not now and _has_levels(now):
            levels = before.categories
            if len(levels) and not _are_equal(levels, now.categories[: len(levels)]):
                names.append(like.columns[j])
    return names


def as_frame(X):
    """Return a series as a data frame."""
    return X.to_frame("values")


def as_series(X, name):
    """Return the only column of a data frame, under another name."""
    return X["values"].rename(name)


def _others(X, types):
    """List the positions of the columns whose type is another one than is known."""
    pairs = enumerate(zip(column_types(types.like), column_types(X), strict=True))
    return [j for j, (known, dtype) in pairs if not _is_same(known, dtype)]


def _has_levels(dtype):
    return hasattr(dtype, "categories")


def _is_same(known, dtype):
    """Tell whether types are the same.

    pandas is not asked for levels: to it, those in another order are the same, and it cannot
    compare intervals that overlap.
    """
    if known is dtype:
        return True
    if not (_has_levels(known) and _has_levels(dtype)):
        return known == dtype
    levels, others = known.categories, dtype.categories
    is_same_kind = levels.dtype == others.dtype and bool(known.ordered) == bool(dtype.ordered)
    return is_same_kind and levels.equals(others)


def _are_equal(levels, others):
    """Tell whether levels are the same ones, 1 and True or 1.0 included."""
    return levels.equals(others) or levels.astype(object).equals(others.astype(object))


def _brought_over(known, values, undecided, keep_levels=False):
    """Return a column in a type that holds both, or None where there is none.

    What stands in a column is not for us to judge: lists as levels, a year that nanoseconds do not
    reach, types of other libraries that pandas does not convert. The model says what it makes of
    them, and no value is to be lost on the way to it.
    """
    try:
        column = _column(known, values, undecided, keep_levels)
    except Exception:
        return None
    return column if np.array_equal(column.isna(), values.isna()) else None


def _column(known, values, undecided, keep_levels):
    """Return one column in the known type, or in one that holds its values, too.

    From what says least of a type to what says most: no value at all fits everything; where there
    was none before, what comes now decides; levels and objects hold all that is hashable, or all.
    Only then do values have to be read out of levels and objects, and times are told from numbers,
    which pandas would bring to objects together.
    """
    if values.isna().all():
        return _nothing_of(known, values)
    if undecided:  # what came before was missing, and numbers of numpy may be no such thing
        return values.astype(np.float64) if _is_never_missing(values.dtype) else values
    if _has_levels(known):
        return _as_levels(known, values, keep_levels)
    if known == np.dtype(object):
        return values.astype(object)
    if _has_levels(values.dtype):
        values = values.astype(object)
    if values.dtype == np.dtype(object):
        values = _inferred(known, values)
    if _are_times(known) and _are_times(values.dtype):
        return _in_zone(known, values)
    return values.astype(_common(known, values))


def _are_times(dtype):
    """Tell whether a type is of points in time, those of Arrow included, but not of its days."""
    return str(dtype).startswith(("datetime64", "timestamp"))


def _nothing_of(known, values):
    """Return a column of missing values."""
    known = np.dtype(np.float64) if _is_never_missing(known) else known
    return _pandas().Series([], dtype=known).reindex(values.index)


def _is_never_missing(dtype):
    """Tell whether gaps turn a column into floats, as pandas has it with whole numbers."""
    return isinstance(dtype, np.dtype) and dtype.kind in "biu"


def _inferred(known, values):
    """Return objects in the type that they have in common, if it is flags, numbers or times."""
    kind = _pandas().api.types.infer_dtype(values, skipna=True)
    has_gaps = values.isna().any()
    if has_gaps and kind in ("boolean", "integer", "floating", "mixed-integer-float"):
        if not isinstance(known, np.dtype):
            return values.convert_dtypes()  # it has gaps of its own, and keeps whole numbers
        return values.where(values.notna(), np.nan).astype(np.float64)  # no float is pandas.NA
    return values.infer_objects()


def _common(known, values):
    """Return the type that holds the values and those of the known type, or else objects."""
    api, dtype = _pandas().api.types, values.dtype
    if known == dtype:
        return known
    if api.is_numeric_dtype(known) and api.is_numeric_dtype(dtype):
        return _common_number(known, dtype)
    if known.kind == dtype.kind and known.kind in "mM":
        return _common_time(known, values)
    is_text = api.infer_dtype(values, skipna=True) == "string"
    return known if is_text and api.is_string_dtype(known) else np.dtype(object)


def _in_zone(known, values):
    """Return times in the zone that is known; those without one are those of its clocks."""
    clock, own = _pandas().Series([], dtype=known).dt, values.dt
    if own.tz is None and clock.tz is not None:
        # An hour that the clocks went through twice, or not at all, is no reason to lose a row.
        is_summer = np.ones(len(values), dtype=bool)
        values = own.tz_localize(clock.tz, ambiguous=is_summer, nonexistent="shift_forward")
    elif own.tz is not None:
        values = own.tz_localize(None) if clock.tz is None else own.tz_convert(clock.tz)
    return values.dt.as_unit(max(clock.unit, own.unit, key=_UNITS.index))


def _common_number(known, dtype):
    if isinstance(known, np.dtype) and isinstance(dtype, np.dtype):
        return np.result_type(known, dtype)
    # What pandas makes of both, which depends on no value.
    pd = _pandas()
    return pd.concat([pd.Series([1]).astype(known), pd.Series([1]).astype(dtype)]).dtype


def _common_time(known, values):
    """Return the type of durations, or of the days of Arrow next to times."""
    if isinstance(known, np.dtype) and isinstance(values.dtype, np.dtype):
        return np.result_type(known, values.dtype)
    is_whole = values.astype(known).astype(values.dtype).equals(values)
    return known if is_whole else values.dtype


def _as_levels(known, values, keep_levels):
    """Return a column as categories: the levels that are known, then the new ones that occur."""
    pd = _pandas()
    if known.ordered and getattr(values.dtype, "ordered", False):
        known = _common_order(known, values.dtype)
    codes, found = _coded(values)
    levels, found = _in_one_kind(known.categories, found, keep_levels)
    places = _places(levels, found)
    is_new = places < 0
    places[is_new], new = pd.factorize(found[is_new])
    places[is_new] += len(levels)
    dtype = known
    if len(new) or levels is not known.categories:
        # Nobody has said where among ranks a new one stands: no order is better than a false one.
        dtype = pd.CategoricalDtype(_with_new(levels, new), bool(known.ordered) and not len(new))
    coded = pd.Categorical.from_codes(np.append(places, -1)[codes], dtype=dtype)
    return pd.Series(coded, index=values.index, name=values.name)


def _common_order(known, dtype):
    """Return that of two orders which holds the other one, or the known levels without any."""
    for longer, shorter in ((known, dtype), (dtype, known)):
        places = _places(longer.categories, shorter.categories)
        if (np.diff(places, prepend=-1) > 0).all():  # a level that is not there has place -1
            return longer
    return _pandas().CategoricalDtype(known.categories)


def _places(levels, found):
    """Return the code of each level that was found, -1 where it is new.

    Levels of several types are compared as objects: pandas finds no number among flags, although
    1 equals True and no list of levels can hold both. It finds none among intervals that overlap.
    """
    if levels.dtype != found.dtype or _are_intervals(levels):
        levels, found = levels.astype(object), found.astype(object)
    return levels.get_indexer(found)


def _with_new(levels, new):
    """Return levels and new ones behind them: as numbers if all are, but never as others."""
    pd = _pandas()
    are_numbers = pd.api.types.is_any_real_numeric_dtype
    if levels.dtype == new.dtype and not _are_intervals(levels):
        return levels.append(new)
    exact = pd.Index([*levels, *new], dtype=object)
    if not (are_numbers(levels) and are_numbers(new)):
        return exact
    joined = levels.append(new)  # a float does not hold every whole number
    return joined if np.asarray(joined).tolist() == exact.tolist() else exact


def _coded(values):
    """Return the code of each value, -1 where it is missing, and the levels that occur."""
    pd = _pandas()
    if not _has_levels(values.dtype):
        codes, found = pd.factorize(values)
        return codes, pd.Index(found)
    used, codes = np.unique(values.cat.codes, return_inverse=True)
    n_missing = int(used[0] == -1)
    return codes - n_missing, values.cat.categories[used[n_missing:]]


def _in_one_kind(levels, found, keep_levels):
    """Return known levels and found ones as text or as what is written there, to compare them.

    A column of codes such as 1, 2 and A3 is read as numbers wherever there happen to be digits
    only; intervals become text on their way through a file.
    """
    Index = _pandas().Index
    if not len(levels):
        return levels.astype(found.dtype), found
    if _is_text(levels):
        words = found if _is_text(found) else [_as_text(level) for level in found]
        return levels, Index(words, dtype=levels.dtype)
    read = _read(levels, found) if _is_text(found) else None
    if read is None:
        return levels, found
    is_read = read.notna()
    if is_read.all():
        return levels, read
    if not keep_levels:
        return Index([_as_text(level) for level in levels]), found
    return levels, read.astype(object).where(is_read, found)


def _read(levels, words):
    """Return what levels some words stand for, missing where for none; None if none could."""
    pd = _pandas()
    if pd.api.types.is_any_real_numeric_dtype(levels):
        numbers = pd.Index(pd.to_numeric(words, errors="coerce"))
        if not numbers.hasnans:
            return numbers
        # Anew without the gaps, which turn whole numbers into floats.
        is_number = numbers.notna()
        exact = np.full(len(words), np.nan, dtype=object)
        exact[is_number] = pd.to_numeric(words[is_number])
        return pd.Index(exact, dtype=object)
    if not _are_intervals(levels):
        return None
    of_word = {str(level): level for level in levels}
    return pd.Index([of_word.get(word) for word in words], dtype=object)


def _are_intervals(levels):
    """Tell whether levels are intervals; once they overlap, they are kept as objects."""
    return levels.inferred_type == "interval"


def _is_text(levels):
    return all(isinstance(level, str) for level in levels)


def _as_text(level):
    """Return a level as it stands in a file: a gap has turned whole numbers into floats."""
    if isinstance(level, float) and level.is_integer():
        level = int(level)
    return str(level)
