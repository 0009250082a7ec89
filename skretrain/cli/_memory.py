"""How many rows of a file there is room for, by what the first of them take."""

import argparse
import re

import numpy as np

from ._columns import as_numbers, holds_dates
from ._errors import CommandError, needed

_UNITS = {"M": 10**6, "G": 10**9, "T": 10**12}
_FEWEST = 500  # rows, of which a comparison says something
_SAMPLE = 1_000  # rows that are looked at

# Bytes, as measured at the most, and a little more.
_COMMAND = 350_000_000  # the libraries and the pictures
_PROCESS = 250_000_000  # each further process
_PER_LETTER = 4.5  # a text file is read as text before it becomes numbers
_COPIES_READ, _COPIES_LEARNED = 5, 6  # of the table, and of the numbers that it becomes
_PER_ROW = 640  # answers of all fits for a scorer, and predictions of all policies
_COPIES_REMEMBERED, _REMEMBERED = 16, 10_000  # rows in the memories of the members of a mixture
_NUMBER = 8
_HEAD = 50_000  # rows of a file that is gone through in batches, which tell what it holds
_TEXT, _DATE, _FEW = 30, 8, 40  # numbers that each becomes, and the most values of a category


def size(text):
    """Take an option that is an amount of memory, such as 500MB or 2GB, as a number of bytes."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([MGT])i?B?", text.strip(), re.IGNORECASE)
    if found is None or not float(found[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is no amount of memory such as 500MB or 2GB")
    return round(float(found[1]) * _UNITS[found[2].upper()])


class Room:
    """The memory that a comparison may take; of a file with more rows, the last are read.

    Parameters
    ----------
    n_bytes : int
        All of it.
    jobs : int, default=1
        Processes; each has the rows.
    time : str or None, default=None
        The column by which rows are put in order, once they are read.
    why : str, default=""
        Why a file with more is not gone through in batches.
    """

    def __init__(self, n_bytes, jobs=1, time=None, why=""):
        self.time, self.n_files, self.why = time, 1, why
        self.notice = ""  # of rows that were left out
        self.n_bytes, self.n_copies = n_bytes, 1 if jobs == 1 else 1 + jobs
        self.base = _COMMAND + (self.n_copies - 1) * _PROCESS

    def told(self, name, n_read, n_rows):
        """Return how many rows of a file are read, as a notice."""
        self.notice = (
            f"the last {n_read:,} of {n_rows:,} rows of the file are read, as the newest: "
            f"there is no room for more in --max-memory {in_words(self.n_bytes)}"
            + (f", and {self.why}" if self.why else "")
        )
        return self.notice

    def rows_of(self, parts, *, is_text):
        """Return the last rows of a file for which there is room, and how many rows there are.

        Parameters
        ----------
        parts : iterable of DataFrame
            The file, from its beginning.
        is_text : bool
            Whether all cells are texts.
        """
        kept, n_kept, n_rows, most, newest = [], 0, 0, 0, -np.inf
        for part in filter(len, parts):
            most = most or self.n_rows(part, is_text=is_text)
            kept.append(part)
            n_kept, n_rows = n_kept + len(part), n_rows + len(part)
            while n_kept - len(kept[0]) >= most:
                newest = max(newest, _newest(kept[0], self.time))
                n_kept -= len(kept.pop(0))
        _check_any(n_rows)
        whole = needed("pandas").concat(kept)
        newest = max(newest, _newest(whole.iloc[:-most], self.time))
        if newest > -_newest(whole.iloc[-most:], self.time, sign=-1):
            raise CommandError(
                f"the rows of the file are not in the order of --time {self.time!r}: its last "
                f"{most:,}, for which there is room in --max-memory {in_words(self.n_bytes)}, are "
                "not the newest. Sort the file, or allow more."
            )
        return whole.iloc[-most:], n_rows

    def n_rows(self, first, *, is_text):
        """Return how many rows there is room for.

        Parameters
        ----------
        first : DataFrame
            Some rows, as they were read.
        is_text : bool
            Whether all cells are texts, which become numbers later.

        Raises
        ------
        CommandError
            If there are too few to say anything.
        """
        first = first.iloc[:_SAMPLE]
        width = sum(_n_numbers(first[name]) for name in first.columns)
        read = (
            _PER_LETTER * _n_letters(first)
            if is_text
            else _COPIES_READ * _NUMBER * len(first.columns)
        )
        per_row = self.n_copies * (_PER_ROW + read + _COPIES_LEARNED * _NUMBER * width)
        per_row *= self.n_files
        remembered = self.n_copies * _COPIES_REMEMBERED * _NUMBER * width
        room = self.n_bytes - self.base
        n_fitting = int(room / (per_row + remembered))
        if n_fitting < _FEWEST:
            least = self.base + _FEWEST * (per_row + remembered)
            raise CommandError(
                f"--max-memory {in_words(self.n_bytes)} is too little: with {_FEWEST} rows of this "
                f"file, the command takes up to {in_words(least)}. Allow more, or leave columns "
                "out of the file."
            )
        return max(n_fitting, int((room - _REMEMBERED * remembered) / per_row))


class HeadRoom(Room):
    """The memory that a comparison may take, which goes through a longer file in batches.

    Of such a file the first rows are read, which tell what its columns hold.

    Attributes
    ----------
    n_fitting : int
        How many rows there is room for.
    n_read, n_rows_in_file : int
        How many are read, and how many there are.
    is_ordered : bool
        Whether they stand in the order of the column `time`.
    """

    def rows_of(self, parts, *, is_text):
        """Return the first rows of a file, or all for which there is room, and their number."""
        kept, self.n_fitting, self.n_rows_in_file = [], 0, 0
        self.is_ordered, newest = True, -np.inf
        for part in filter(len, parts):
            self.n_fitting = self.n_fitting or self.n_rows(part, is_text=is_text)
            if self.n_rows_in_file <= self.n_fitting:
                kept.append(part)
            self.n_rows_in_file += len(part)
            moments = _moments(part, self.time)
            if len(moments):
                rises = np.diff(moments, prepend=newest) >= 0
                self.is_ordered &= bool(rises.all())
                newest = moments[-1]
        _check_any(self.n_rows_in_file)
        # With a warm-up of a quarter and batches of a twentieth, half of them has some of each.
        most = self.n_fitting if self.is_whole else max(_HEAD, self.n_fitting // 2)
        most = min(most, self.n_fitting)
        whole = needed("pandas").concat(kept).iloc[:most].copy()  # and no view of more
        self.n_read = len(whole)
        return whole, self.n_read

    @property
    def is_whole(self):
        """Whether there is room for all rows."""
        return self.n_rows_in_file <= self.n_fitting


class SampleRoom(Room):
    """The memory that a comparison of two files may take, half of it for each.

    Of a file with more rows, as many are drawn at random as there is room for.
    """

    def __init__(self, n_bytes):
        super().__init__(n_bytes)
        self.n_files = 2

    def told(self, name, n_read, n_rows):
        """Return how many rows of a file are read, as a notice."""
        return (
            f"{n_read:,} of the {n_rows:,} rows of {name} are compared, drawn at random from all: "
            f"there is no room for more in --max-memory {in_words(self.n_bytes)}"
        )

    def rows_of(self, parts, *, is_text):
        """Return rows that are drawn, in their order, and how many rows there are."""
        # The rows with the smallest of random numbers are a sample of all, whatever comes later.
        rng, kept, n_rows, most = np.random.default_rng(0), _Smallest(), 0, 0
        for part in filter(len, parts):
            most = most or self.n_rows(part, is_text=is_text)
            n_rows += len(part)
            kept.add(part, rng.random(len(part)))
            kept.cut(most, only_above=most + most // 4)
        _check_any(n_rows)
        return kept.cut(most).joined(), n_rows


class _Smallest:
    """Rows with the smallest keys of all that were added."""

    def __init__(self):
        self.parts, self.keys = [], []

    def add(self, part, keys):
        self.parts.append(part)
        self.keys.append(keys)

    def cut(self, most, only_above=0):
        """Let go of what is too much, if there are more rows than `only_above`."""
        keys = np.concatenate(self.keys)
        if len(keys) > max(most, only_above):
            limit = np.partition(keys, most - 1)[most - 1]
            both = zip(self.parts, self.keys, strict=True)
            self.parts = [part[part_keys <= limit] for part, part_keys in both]
            self.keys = [part_keys[part_keys <= limit] for part_keys in self.keys]
        return self

    def joined(self):
        return needed("pandas").concat(self.parts)


class WholeRoom(Room):
    """The memory that a step may take: all rows of a file are learned, or none."""

    def rows_of(self, parts, *, is_text):
        """Return all rows of a file, or refuse one with more than there is room for."""
        kept, n_rows, most = [], 0, 0
        for part in filter(len, parts):
            most = most or self.n_rows(part, is_text=is_text)
            kept.append(part)
            n_rows += len(part)
            if n_rows > most:
                raise CommandError(
                    f"the file has more than {most:,} rows, for which there is room in "
                    f"--max-memory {in_words(self.n_bytes)}. Nothing was changed: bring it as "
                    "several files in the order of time, a step each, or allow more."
                )
        _check_any(n_rows)
        return needed("pandas").concat(kept), n_rows


def in_words(n_bytes):
    """Return an amount of memory as text."""
    return f"{n_bytes / 10**6:,.0f} MB"


def _check_any(n_rows):
    if not n_rows:
        raise ValueError("it has no rows.")


def _newest(rows, time, sign=1):
    """Return the largest moment of some rows, with a sign of -1 of the negative ones."""
    return np.fmax.reduce(sign * _moments(rows, time), initial=-np.inf)


def _moments(rows, time):
    """Return when rows came, as numbers; none without such a column."""
    if time not in rows.columns or not len(rows):
        return np.empty(0)
    pandas, column = needed("pandas"), rows[time]
    if pandas.api.types.is_string_dtype(column):
        # As text, 1999 is a number in some parts of a file and a year in others.
        numbers = pandas.to_numeric(column.astype(object), errors="coerce")
        column = numbers if numbers.notna().all() else column
    moments = as_numbers(column)
    if moments is None:  # what will be refused once all is read
        moments = pandas.to_numeric(column, errors="coerce").to_numpy(float)
    return moments


def _n_letters(cells):
    """Return the mean number of letters in a row, and what separates them."""
    letters = sum(cells[name].str.len().sum() for name in cells.columns)
    return letters / len(cells) + len(cells.columns)


def _n_numbers(column):
    """Return about how many numbers a column becomes."""
    pandas = needed("pandas")
    if pandas.api.types.is_numeric_dtype(column):
        return 1
    if holds_dates(column):
        return _DATE
    texts = column.astype(str)
    if pandas.to_numeric(texts, errors="coerce").notna().mean() > 0.5:
        return 1
    n_values = texts.nunique()
    return n_values if n_values <= _FEW else _TEXT
