"""What the columns of text files hold; each has one type in all files."""

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ._columns import are_dates, as_dates, listed, some
from ._errors import CommandError, needed
from ._numbers import (
    as_number,
    how_written,
    looks_like_number,
    may_be_groups,
    reads_as_number,
    units_of,
)

# Words for "no value" where the rest are numbers or dates; anywhere else they may be names.
_WORDS = r"#?N/?A|<NA>|#N/A N/A|-?nan|NaT|null|none|-?1\.#(?:QNAN|IND)|#VALUE!|#DIV/0!|--?|\.|\?"
_BOOLEANS = {"True": True, "TRUE": True, "true": True}
_BOOLEANS |= {"False": False, "FALSE": False, "false": False}
_SAMPLE = 200
_NEARLY_ALL = 0.95  # of the values: amounts and percent, among which the others stand for no value


@dataclass(frozen=True)
class ColumnType:
    """What a column was found to hold, so that later files are read alike.

    Attributes
    ----------
    kind : str
        As of the cells of text files: "number", "written", "boolean", "date" or "text". Of a column
        of Parquet, its type in words, a key of ``OF_PARQUET``. "any" is taken as it comes, as text.
    decimal : str, default="."
        What stands before the decimals of numbers.
    is_lenient : bool, default=False
        Whether what is no number stands for no value.
    """

    kind: str
    decimal: str = "."
    is_lenient: bool = False


@dataclass
class _Column:
    """A column of all files, one below the other.

    Attributes
    ----------
    texts : Series of str
        The cells.
    is_empty, is_word : Series of bool
        Where there is nothing, and where there is a word for it.
    kind : str
        "number", "written" (a number that needs reading), "boolean", "date", "text", or "moment"
        (a date that was none of a text file, and is to be read).
    written : Written or None
        How the numbers are written, where that is not plain.
    strays : Series of int or None
        What is no number among amounts or percent, and how often; a word for nothing, too.
    """

    texts: Any
    is_empty: Any
    is_word: Any
    kind: str = "text"
    written: Any = None
    strays: Any = None

    @property
    def rest(self):
        """The cells that are neither."""
        return self.texts[~(self.is_empty | self.is_word)]


def typed(frames, separators, notices, missing=(), types=None):
    """Return frames of texts with numbers, true and false, and text in their columns.

    Parameters
    ----------
    frames : list of DataFrame
        Of texts; a column of one name has one type in all of them.
    separators : list of str
        What stood between the cells of each.
    notices : list of str
        Gets a line for what a reader may not expect.
    missing : sequence of str, default=()
        Words that stand for no value in every column.
    types : dict of str to ColumnType, default=None
        What columns are known to hold, by name; those that are not in it are added to it.
    """
    pandas = needed("pandas")
    types = {} if types is None else types
    names = list(dict.fromkeys(name for frame in frames for name in frame.columns))
    columns, known = {}, {}
    for name in names:
        parts = [frame[name] for frame in frames if name in frame.columns]
        texts = pandas.concat(parts, ignore_index=True)
        if name in types:
            known[name] = _known_column(name, texts, missing, types[name])
        else:
            columns[name] = _column_of(texts, missing)
    decimals = _decimals(columns, separators)
    types |= {
        name: ColumnType(column.kind, decimals[name], column.strays is not None)
        for name, column in columns.items()
    }
    both = columns | known
    done = {name: _values(both[name], types[name].decimal) for name in names}
    notices.extend(_remarks(columns, decimals))
    return _cut(done, frames)


def _cut(done, frames):
    """Return the columns in pieces again, as the files have them."""
    pandas, start, found = needed("pandas"), defaultdict(int), []
    for frame in frames:
        parts = {}
        for name in frame.columns:
            stop = start[name] + len(frame)
            parts[name] = done[name].iloc[start[name] : stop].reset_index(drop=True)
            start[name] = stop
        found.append(pandas.DataFrame(parts, index=range(len(frame))))
    return found


# -- what a column holds ---------------------------------------------------------------------------


def _cells(texts, missing):
    """Return a column of which nothing is known but where there is no value."""
    stripped = texts.str.strip()
    is_empty = stripped.isin(["", *missing]).astype(bool)
    is_word = stripped.str.fullmatch(_WORDS, case=False).astype(bool) & ~is_empty
    return _Column(texts, is_empty, is_word)


def _column_of(texts, missing):
    column = _cells(texts, missing)
    rest = column.rest
    if not len(rest) or _are_plain(rest):
        column.kind = "number"
    elif rest.isin(_BOOLEANS).all() and not column.is_word.any():
        column.kind = "boolean"
    else:
        unique = rest.unique()
        # Text is seen by the first few.
        if how_written(unique[:_SAMPLE]) and (written := how_written(unique)):
            column.kind, column.written = "written", written
        elif column.is_word.any() and are_dates(rest):
            column.kind = "date"
        else:
            _read_amounts(column)
    return column


def _known_column(name, texts, missing, known):
    """Return a column that holds what it held before, or raise CommandError."""
    column = _cells(texts, missing)
    if known.kind in OF_PARQUET:
        # Among the numbers of Parquet are true and false.
        kind = OF_PARQUET[known.kind]
        if kind == "number" and len(column.rest) and column.rest.isin(_BOOLEANS).all():
            kind = "boolean"
        known = replace(known, kind=kind)
    column.kind = known.kind
    strange = _strange(needed("pandas").Series(column.rest.unique(), dtype=str), known)
    if len(strange) and not known.is_lenient:
        raise CommandError(
            f"{name!r} holds {strange.iloc[0]!r}, and before it held "
            f"{_HELD.get(known.kind, known.kind)}; convert the column, or name words for no value "
            "with --missing when the job begins."
        )
    column.is_word |= texts.isin(strange)
    return column


# What a column of Parquet holds, as the cells of a text file that hold the same.
OF_PARQUET = {
    "numbers of Parquet": "number",
    "texts of Parquet": "text",
    "dates of Parquet": "moment",
}
_HELD = {
    "number": "numbers",
    "moment": "dates",
    "written": "numbers",
    "boolean": "true and false",
    "date": "dates",
}


def _strange(cells, known):
    """Return the cells, none of them empty, that are not of the type that a column is known for."""
    if known.kind in ("any", "text"):
        return cells[:0]
    if known.kind == "boolean":
        return cells[~cells.isin(_BOOLEANS)]
    if known.kind == "number" and known.decimal == ".":
        return cells[_plain(cells).isna()]
    if known.kind in ("number", "written"):
        return cells[[not reads_as_number(text, known.decimal) for text in cells]]
    return cells[:0] if are_dates(cells) else cells


def _read_amounts(column):
    """Make numbers of a column in which nearly all values are amounts of a currency, or percent."""
    counts = column.rest.value_counts()
    # Text is seen by what comes most often.
    if not any(map(looks_like_number, counts.index[:_SAMPLE])):
        return
    is_number = np.array([looks_like_number(text) for text in counts.index])
    if counts[is_number].sum() < _NEARLY_ALL * counts.sum():
        return
    written = how_written(counts.index[is_number])
    if written and (written.currency or written.percent):
        column.kind, column.written, column.strays = "written", written, counts[~is_number]
        column.is_word |= column.texts.isin(column.strays.index)


def _are_plain(texts):
    if _plain(texts.iloc[:_SAMPLE]).isna().any():
        return False
    return not _plain(texts).isna().any()


def _plain(texts):
    return needed("pandas").to_numeric(texts.astype(object), errors="coerce")


def _decimals(columns, separators):
    """Return the decimal separator of each column; what stands in one may tell of another."""
    certain = {c.written.decimal for c in columns.values() if c.written} - {""}
    unclear = [c for c in columns.values() if c.written and not c.written.decimal]
    plain = {}
    if unclear or "," in certain:
        plain = {name: c.rest.unique() for name, c in columns.items() if c.kind == "number"}
        if any("." in text for t in plain.values() if not may_be_groups(t) for text in t):
            certain.add(".")
    if len(certain) != 1:
        # Where commas separate cells, none stands for a point.
        certain = {"." if "," in separators else ","}
    (usual,) = certain
    decimals = {
        name: (c.written.decimal or usual) if c.written else "." for name, c in columns.items()
    }
    if usual == ",":
        decimals |= {name: "," for name, texts in plain.items() if may_be_groups(texts)}
    return decimals


def _values(column, decimal):
    pandas, texts = needed("pandas"), column.texts
    gap = column.is_empty | column.is_word
    if column.kind == "number" and decimal == ".":
        numbers = _plain(column.rest)
        return numbers if not gap.any() else numbers.reindex(texts.index).astype(float)
    if column.kind in ("number", "written"):
        unique = {text: as_number(text, decimal) for text in column.rest.unique()}
        return column.rest.map(unique).astype(float).reindex(texts.index)
    if column.kind == "boolean":
        values = column.rest.map(_BOOLEANS)
        return values.astype(bool) if not gap.any() else values.astype(object).reindex(texts.index)
    if column.kind == "moment":
        return as_dates(column.rest).reindex(texts.index)
    gap = gap if column.kind == "date" else column.is_empty
    return texts.where(~gap, np.nan).astype(pandas.StringDtype(na_value=np.nan))


# -- what is said of it ----------------------------------------------------------------------------


def _remarks(columns, decimals):
    """Yield a line for each way of reading that a reader may not expect."""
    units = [f"{name!r} ({unit})" for name, column in columns.items() if (unit := _unit(column))]
    if units:
        yield f"read as numbers: {listed(units)}"
    ways = defaultdict(list)
    for name, column in columns.items():
        for way in _ways(column, decimals[name]):
            ways[way].append(name)
        remark = _almost(name, column)
        if remark:
            yield remark
    for way, names in ways.items():
        yield f"{way}: {some(names)}"


def _unit(column):
    if column.written is None:
        return ""
    return "%, as parts of one" if column.written.percent else column.written.currency


def _ways(column, decimal):
    written = column.written
    if column.kind == "text" and column.is_word.any():
        words = sorted(column.texts[column.is_word].str.strip().unique())
        yield f"values like any other ({some(words)}; --missing WORD if one stands for no value) in"
    if column.kind == "number" and decimal == ",":
        yield "points taken as what sets thousands apart"
    if written is None:
        return
    if not written.decimal:
        yield (
            "commas taken as decimal commas"
            if decimal == ","
            else "commas taken as what sets thousands apart"
        )
    elif written.groups:
        yield "numbers with thousands set apart"
    elif decimal == ",":
        yield "numbers with a decimal comma"


def _almost(name, column):
    """Return a line on a few cells that are no numbers, and what they make of the rest."""
    if column.strays is not None:
        n_all = len(column.rest) + column.strays.sum()
        return (
            f"{name!r} is empty where it holds no number: {column.strays.sum():,} of {n_all:,} "
            f"values, such as {column.strays.index[0]!r}"
        )
    if column.kind != "text":
        return None
    counts = column.rest.value_counts()
    if not any(map(looks_like_number, counts.index[:_SAMPLE])):
        return None
    others = counts[[not looks_like_number(text) for text in counts.index]]
    n_others, n_all = int(others.sum()), int(counts.sum())
    if 2 * n_others >= n_all:
        return None
    units = units_of(counts.index)
    why = "numbers written in different ways"
    if len(units) > 1:
        why = f"its numbers are not of one unit, but of {some(units)}"
    elif n_others:
        why = (
            f"{n_others:,} of {n_all:,} values are no numbers, such as {others.index[0]!r} "
            "(--missing WORD if one stands for no value)"
        )
    return f"{name!r} is taken as text: {why}"
