"""Columns of polars, brought to the types that are known."""

_UNITS = ("ms", "us", "ns")


def without_a_value(X, positions):
    """Return no column: where there is no value at all, polars has a type that says so."""
    return []


def are_same(known, dtypes):
    """Tell whether types are the same; the order of levels is part of them."""
    return known == dtypes


def same_columns(like, X):
    """Tell whether data frames have the same columns."""
    return like.columns == X.columns


def aligned(X, types, keep_levels):
    """Return rows with the columns of other types replaced."""
    changed = [column for column in _changes(X, types) if column is not None]
    return X.with_columns(changed) if changed else X


def strangers(X, types):
    """Return the positions of the columns that cannot be brought over."""
    names = [
        name
        for (name, known), column in zip(types.like.schema.items(), _changes(X, types))
        if column is None and known != X.schema[name]
    ]
    return [X.get_column_index(name) for name in names]


def as_objects(X, positions):
    """Return the rows as they are: a join of polars says which types it cannot bring together."""
    return X


def _changes(X, types):
    """Yield each column that is to be replaced, and None for one that stays as it came."""
    for (name, known), dtype in zip(types.like.schema.items(), X.dtypes, strict=True):
        yield None if known == dtype else _brought_over(known, X[name])


def _brought_over(known, values):
    """Return a column in a type that holds both, or None where there is none."""
    try:
        column = _column(known, values)
    except Exception:  # lists as levels, a year that nanoseconds do not reach, and so on
        return None
    return column if column.null_count() == values.null_count() else None


def coded_columns(X):
    """Return no column: the order of levels is part of their type."""
    return ()


def as_frame(X):
    """Return a series as a data frame."""
    return X.alias("values").to_frame()


def as_series(X, name):
    """Return the only column of a data frame, under another name."""
    return X["values"].alias(name)


def _column(known, values):
    """Return one column in the known type, or in one that holds its values, too."""
    import polars as pl

    if known == pl.Null:
        return values
    if len(values) and values.null_count() == len(values):
        return pl.Series(values.name, [None] * len(values), dtype=known)
    if known in (pl.Enum, pl.Categorical):
        return _as_levels(known, values.cast(pl.String))
    if values.dtype in (pl.Enum, pl.Categorical):
        values = values.cast(pl.String)
    if known == pl.Datetime and values.dtype == pl.Datetime:
        return _in_zone(known, values)
    return _in_common(known, values)


def _as_levels(known, texts):
    """Return a column as categories: the levels that are known, then the new ones that occur."""
    import polars as pl

    if known == pl.Enum:
        levels = known.categories
        new = texts.drop_nulls().unique(maintain_order=True)
        known = pl.Enum(pl.concat([levels, new.filter(~new.is_in(levels.implode()))]))
    return texts.cast(known)


def _in_zone(known, values):
    """Return times in the zone that is known; those without one are those of its clocks."""
    zone, own = known.time_zone, values.dtype.time_zone
    if own is not None:
        moved = values if zone is None else values.dt.convert_time_zone(zone)
        values = moved.dt.replace_time_zone(zone)
    elif zone is not None:
        # An hour that the clocks went through twice, or not at all, is no reason to lose a row.
        later = _localized(values.dt.offset_by("1h"), zone)
        values = _localized(values, zone).fill_null(later)
    return values.dt.cast_time_unit(max(known.time_unit, values.dtype.time_unit, key=_UNITS.index))


def _localized(values, zone):
    return values.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")


def _in_common(known, values):
    """Return a column in the type that holds both; where there is none, a join will say so."""
    import polars as pl

    if kept_apart({known, values.dtype}):
        return values
    pair = [pl.DataFrame({"values": pl.Series([], dtype=one)}) for one in (known, values.dtype)]
    try:
        common = pl.concat(pair, how="vertical_relaxed")["values"].dtype
        return _in_64_bits(known, values) if _is_made_wide(common, pair) else values.cast(common)
    except pl.exceptions.PolarsError:
        return values


def _is_made_wide(common, pair):
    """Tell whether polars brings numbers without a sign and with one to 128 bits."""
    return str(common) == "Int128" and all(frame["values"].dtype != common for frame in pair)


def _in_64_bits(known, values):
    """Return numbers in the type that is known, or as floats: numpy reads none of 128 bits."""
    import polars as pl

    try:
        return values.cast(known)
    except pl.exceptions.PolarsError:
        return values.cast(pl.Float64)


def kept_apart(dtypes):
    """Return what a column holds and the type beside it if polars joins them wrongly, else None.

    It would turn the number 1 into "1" next to text, and dates and durations next to numbers into
    a count of days or microseconds. For durations next to dates it names a type, to which it then
    casts only columns without a value.
    """
    import polars as pl

    texts, dates = (pl.String, pl.Categorical, pl.Enum), (pl.Date, pl.Datetime)
    for said, is_one, is_other in (
        ("text", lambda one: one in texts, lambda one: one not in texts),
        ("durations", lambda one: one == pl.Duration, lambda one: one in dates),
        ("dates or durations", lambda one: one.is_temporal(), lambda one: one.is_numeric()),
    ):
        beside = [one for one in dtypes if is_other(one)]
        if beside and any(map(is_one, dtypes)):
            return said, beside[0]
    return None
