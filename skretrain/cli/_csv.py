"""Text files of rows: encoding, separator, header and cells, all as text."""

import csv
from contextlib import contextmanager
from itertools import islice

from ._errors import CommandError, needed

UNNAMED = "Unnamed: "
_SEPARATORS = ",;\t|"
_SAMPLE = 50  # records that are looked at
_PART = 10_000  # rows that are read at a time, where not all are kept
_MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}


def read_cells(path, room=None):
    """Return the texts in a file as a DataFrame, "" where there is nothing, and the separator.

    With a Room, these are the rows for which there is room; how many rows there are comes third.
    """
    names, separator, _ = layout = _layout(path)
    if room is None:
        with _opened(path, layout) as (file, options):
            cells = needed("pandas").read_csv(file, **options)
        n_rows = len(cells)
    else:
        cells, n_rows = room.rows_of(cells_in_parts(path), is_text=True)
    return cells.set_axis(names, axis="columns"), separator, n_rows


def cells_in_parts(path):
    """Yield the texts in a file as frames of some thousand rows."""
    layout, read_csv = _layout(path), needed("pandas").read_csv
    with (
        _opened(path, layout) as (file, options),
        read_csv(file, chunksize=_PART, **options) as parts,
    ):
        yield from (part.set_axis(layout[0], axis="columns") for part in parts)


def separator_in(path):
    """Return what stands between the cells."""
    return _layout(path)[1]


def _layout(path):
    """Return the names of the columns, what stands between cells, and the encoding."""
    encoding = _encoding_of(path)
    separator = _separator_of(path, encoding)
    with open(path, encoding=encoding, newline="") as file:
        header, first = _first_records(file, separator)
    names = _names(header, first)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise CommandError(f"{path} has more than one column {twice!r}; rename all but one.")
    return names, separator, encoding


@contextmanager
def _opened(path, layout):
    """Open a file behind its header, with the options of pandas for the rest."""
    names, separator, encoding = layout
    options = {
        "sep": separator,
        "header": None,
        "names": range(len(names)),
        "index_col": False,
        "dtype": str,
        "na_filter": False,
    }
    with open(path, encoding=encoding, newline="") as file:
        next(_records(file, separator))
        yield file, options


def _encoding_of(path):
    """Return the encoding, by the mark at the beginning, or by where the zeros are."""
    with open(path, "rb") as file:
        start = file.read(4096)
    for mark, encoding in _MARKS.items():
        if start.startswith(mark):
            return encoding
    # In UTF-16, separators, digits and ends of lines have a zero byte on one side.
    even, odd = start[::2].count(0), start[1::2].count(0)
    if not even and not odd:
        return "utf-8"
    return "utf-16-le" if odd > even else "utf-16-be"


def _records(file, separator):
    """Return the records that are not blank."""
    return (record for record in csv.reader(file, delimiter=separator) if record)


def _separator_of(path, encoding):
    """Return what cuts the first records into as many fields each, not looking into quotes."""

    def fit(separator):
        with open(path, encoding=encoding, newline="") as file:
            widths = [len(record) for record in islice(_records(file, separator), _SAMPLE)]
        if not widths:
            raise ValueError("it is empty.")
        alike = all(width == widths[0] for width in widths)
        return (widths[0] > 1 and alike, widths[0])

    return max(_SEPARATORS, key=fit)


def _first_records(file, separator):
    """Return the header, and what comes first below it."""
    records = _records(file, separator)
    header = next(records)
    return header, list(islice(records, _SAMPLE))


def _names(header, records):
    """Return a name for every field, that of pandas where the header has none."""
    widest = max(map(len, records), default=0)
    if widest == len(header) + 1:
        # Either each line ends in a separator, or a first column of row names goes without a name.
        ends_empty = all(len(r) < widest or not r[-1] for r in records)
        header = [*header, ""] if ends_empty else ["", *header]
    if widest > len(header):
        line = next(n for n, r in enumerate(records, 2) if len(r) > len(header))
        raise ValueError(f"record {line} has {widest} fields, and the header {len(header)}.")
    named = {name for name in header if name.strip()}
    return [name if name in named else _new_name(n, named) for n, name in enumerate(header)]


def _new_name(number, taken):
    name = f"{UNNAMED}{number}"
    while name in taken:
        name += ".1"
    return name
