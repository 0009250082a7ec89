"""Columns of pandas, brought to the types that are known."""

import numpy as np

_UNITS = ("s", "ms", "us", "ns")


def without_a_value(X, positions):
    """Return those of the columns whose type says nothing, as they hold no value at all."""
    dtypes, says_nothing = X.dtypes.to_numpy(), (np.dtype(object), np.dtype(np.float64))
    return [j for j in positions if dtypes[j] in says_nothing and X.iloc[:, j].isna().all()]


def aligned(X, types, keep_levels):
    """Return rows with the columns of other types replaced."""
    rows = X
    for j, (known, dtype) in enumerate(zip(types.like.dtypes, X.dtypes, strict=True)):
        if _are_same(known, dtype):
            continue
        if rows is X:
            rows = X.copy(deep=False)
        values, is_open = X.iloc[:, j], j in types.undecided
        rows.isetitem(j, _column(known, values, is_open=is_open, keep_levels=keep_levels))
    return rows


def coded_columns(X):
    """Return the positions of the columns with levels."""
    return tuple(j for j, dtype in enumerate(X.dtypes) if _has_levels(dtype))


def recoded(like, X, positions):
    """Return the names of columns in which a code means another level than it did."""
    names = []
    for j in positions:
        before, now = like.dtypes.iloc[j], X.dtypes.iloc[j]
        if before is not now and _has_levels(now):
            levels = before.categories
            if len(levels) and not levels.equals(now.categories[: len(levels)]):
                names.append(like.columns[j])
    return names


def as_frame(X):
    """Return a series as a data frame."""
    return X.to_frame("values")


def as_series(X, name):
    """Return the only column of a data frame, under another name."""
    return X["values"].rename(name)


def _has_levels(dtype):
    return hasattr(dtype, "categories")


def _are_same(known, dtype):
    """Tell whether types are the same; to pandas, levels in another order are."""
    if known is dtype:
        return True
    if known != dtype:
        return False
    return not _has_levels(known) or known.categories.equals(dtype.categories)


def _column(known, values, *, is_open, keep_levels):
    """Return one column in the known type, or in one that holds its values, too."""
    if values.isna().all():
        return _nothing_of(known, values)
    if is_open:  # what came before was missing, and numbers of numpy may be no such thing
        return values.astype(np.float64) if _is_never_missing(values.dtype) else values
    if _has_levels(known):
        return _as_levels(known, values, keep_levels)
    if known == np.dtype(object):
        return values.astype(object)
    if _has_levels(values.dtype):
        values = values.astype(object)
    if values.dtype == np.dtype(object):
        values = _inferred(values)
    if _are_times(known) and _are_times(values.dtype):
        return _in_zone(known, values)
    return values.astype(_common(known, values))


def _are_times(dtype):
    import pandas as pd

    return pd.api.types.is_datetime64_any_dtype(dtype)


def _nothing_of(known, values):
    """Return a column of missing values."""
    import pandas as pd

    known = np.dtype(np.float64) if _is_never_missing(known) else known
    return pd.Series([], dtype=known).reindex(values.index)


def _is_never_missing(dtype):
    """Tell whether gaps turn a column into floats, as pandas has it with whole numbers."""
    return isinstance(dtype, np.dtype) and dtype.kind in "biu"


def _inferred(values):
    """Return objects in the type that they have in common, if it is flags, numbers or times."""
    import pandas as pd

    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind in ("boolean", "integer", "floating", "mixed-integer-float"):
        has_gaps = values.isna().any()
        return values.astype(np.float64) if has_gaps else values.infer_objects()
    return values.infer_objects()


def _common(known, values):
    """Return the type that holds the values and those of the known type, or else objects."""
    import pandas as pd

    api, dtype = pd.api.types, values.dtype
    if known == dtype:
        return known
    if api.is_numeric_dtype(known) and api.is_numeric_dtype(dtype):
        return _common_number(known, dtype)
    if known.kind == dtype.kind == "m":
        return np.result_type(known, dtype)
    is_text = api.infer_dtype(values, skipna=True) == "string"
    return known if is_text and api.is_string_dtype(known) else np.dtype(object)


def _in_zone(known, values):
    """Return times in the zone that is known; those without one are those of its clocks."""
    import pandas as pd

    clock, own = pd.Series([], dtype=known).dt, values.dt
    if own.tz is None and clock.tz is not None:
        # An hour that the clocks went through twice, or not at all, is no reason to lose a row.
        is_summer = np.ones(len(values), dtype=bool)
        values = own.tz_localize(clock.tz, ambiguous=is_summer, nonexistent="shift_forward")
    elif own.tz is not None:
        values = own.tz_localize(None) if clock.tz is None else own.tz_convert(clock.tz)
    return values.dt.as_unit(max(clock.unit, own.unit, key=_UNITS.index))


def _common_number(known, dtype):
    import pandas as pd

    if isinstance(known, np.dtype) and isinstance(dtype, np.dtype):
        return np.result_type(known, dtype)
    # What pandas makes of both, which depends on no value.
    return pd.concat([pd.Series([1]).astype(known), pd.Series([1]).astype(dtype)]).dtype


def _as_levels(known, values, keep_levels):
    """Return a column as categories: the levels that are known, then the new ones that occur."""
    import pandas as pd

    codes, found = _coded(values)
    levels, found = _in_one_kind(known.categories, found, keep_levels)
    new = found[~found.isin(levels)].unique()
    dtype = pd.CategoricalDtype(levels.append(new), known.ordered)
    if levels is known.categories and not len(new):
        dtype = known
    codes_of_found = np.append(dtype.categories.get_indexer(found), -1)
    coded = pd.Categorical.from_codes(codes_of_found[codes], dtype=dtype)
    return pd.Series(coded, index=values.index, name=values.name)


def _coded(values):
    """Return the code of each value, -1 where it is missing, and the levels that occur."""
    import pandas as pd

    if not _has_levels(values.dtype):
        codes, found = pd.factorize(values)
        return codes, pd.Index(found)
    used, codes = np.unique(values.cat.codes, return_inverse=True)
    n_missing = int(used[0] == -1)
    return codes - n_missing, values.cat.categories[used[n_missing:]]


def _in_one_kind(levels, found, keep_levels):
    """Return known levels and found ones as text or as numbers, so that they can be compared.

    A column of codes such as 1, 2 and A3 is read as numbers wherever there happen to be digits
    only.
    """
    import pandas as pd

    if not len(levels):
        return levels.astype(found.dtype), found
    are_numbers = pd.api.types.is_any_real_numeric_dtype
    if _is_text(levels) and not _is_text(found):
        return levels, pd.Index([_as_text(level) for level in found], dtype=levels.dtype)
    if are_numbers(levels) and _is_text(found):
        numbers = pd.Index(pd.to_numeric(found, errors="coerce"))
        if not numbers.hasnans:
            return levels, numbers
        if not keep_levels:
            return pd.Index([_as_text(level) for level in levels]), found
        return levels, numbers.astype(object).where(~numbers.isna(), found)
    return levels, found


def _is_text(levels):
    return all(isinstance(level, str) for level in levels)


def _as_text(level):
    """Return a level as it stands in a file: a gap has turned whole numbers into floats."""
    if isinstance(level, float) and level.is_integer():
        level = int(level)
    return str(level)
