"""Types of the columns of a data frame: later rows are brought to those that are known."""

from . import _pandas_types, _polars_types
from ._rows import PANDAS, POLARS, kind_of, row_schema

_LIBRARIES = {PANDAS: _pandas_types, POLARS: _polars_types}


class ColumnTypes:
    """The types that the columns of a stream have so far; the first batch decides on them.

    A type changes only where the values of later rows cannot be held by it: then it is widened.
    The levels of a categorical column are joined in the order in which they appear, so that the
    code of each stays what it is.

    Parameters
    ----------
    like : data frame or series
        Rows of these types; none of them is kept.
    undecided : frozenset of int, default=frozenset()
        Columns, by position, that have shown no value yet, so that their type says nothing.

    Examples
    --------
    >>> import pandas as pd
    >>> from skretrain.utils._containers import ColumnTypes
    >>> first = pd.DataFrame({"city": pd.Categorical(["b", "a"], categories=["b", "a"])})
    >>> types = ColumnTypes.of([first])
    >>> gap = types.aligned(pd.DataFrame({"city": pd.Series([None, "c"], dtype=object)}))
    >>> gap["city"].cat.categories.tolist(), gap["city"].cat.codes.tolist()
    (['b', 'a', 'c'], [-1, 2])
    """

    def __init__(self, like, undecided=frozenset()):
        self.like = _framed(like)[:0]
        self.n_dimensions = len(like.shape)
        self.schema = row_schema(like)
        self.undecided = undecided
        self.coded = self._library.coded_columns(self.like)

    @property
    def _library(self):
        return _LIBRARIES[kind_of(self.like)]

    @classmethod
    def of(cls, parts):
        """Return the types of rows that lie together.

        Parameters
        ----------
        parts : list of containers
            Of the same types; the first may be empty.

        Returns
        -------
        types : ColumnTypes or None
            Those that later rows are brought to; None where rows are no data frame or series.
        """
        if kind_of(parts[0]) not in _LIBRARIES:
            return None
        types = cls(parts[0])
        undecided = range(types.like.shape[1])
        for part in parts:
            undecided = types._library.without_a_value(_framed(part), undecided)
        types.undecided = frozenset(undecided)
        return types

    def describe(self, X):
        """Tell whether rows are of exactly these types, the order of levels included.

        Parameters
        ----------
        X : container
            The rows.

        Returns
        -------
        describe : bool
            False where :meth:`aligned` has something to do.
        """
        if self.n_dimensions == 1 or kind_of(X) != PANDAS or len(X.shape) == 1:
            return row_schema(X) == self.schema and not (self.coded and self.recoded(X))
        # The path of nearly every batch: labels are compared without being listed.
        is_like = self.schema[0] == PANDAS and X.columns.equals(self.like.columns)
        is_like = is_like and tuple(X.dtypes) == self.schema[2]
        return is_like and not (self.coded and self.recoded(X))

    def aligned(self, X, *, keep_levels=False):
        """Bring rows to these types, or to wider ones where their values do not fit.

        Parameters
        ----------
        X : container
            The rows. Those that are no data frame of the same library and the same columns are
            returned as they are: it is not for types to say what is wrong with them.
        keep_levels : bool, default=False
            Whether levels that are numbers stay numbers also next to new ones that are text. A
            model that was fitted on them can then still be asked; no model could be fitted.

        Returns
        -------
        rows : container
            `X` itself where nothing is to be done; it is never written to.
        """
        if self.describe(X) or not self._knows(X):
            return X
        frame = _framed(X)
        rows = self._library.aligned(frame, self, keep_levels)
        return rows if frame is X else self._library.as_series(rows, X.name)

    def _knows(self, X):
        if kind_of(X) != kind_of(self.like) or len(X.shape) != self.n_dimensions:
            return False
        return list(_framed(X).columns) == list(self.like.columns)

    def after(self, X):
        """Return the types after rows that are aligned.

        Parameters
        ----------
        X : container
            What :meth:`aligned` returned.

        Returns
        -------
        types : ColumnTypes
            This very object where nothing is new.
        """
        is_as_known = self.describe(X)
        if (is_as_known and not self.undecided) or not self._knows(X):
            return self
        library = self._library
        undecided = frozenset(library.without_a_value(_framed(X), self.undecided))
        if is_as_known and undecided == self.undecided:
            return self
        return ColumnTypes(X, undecided)

    def recoded(self, X):
        """Return the columns of rows in which a code means another level than it did.

        Parameters
        ----------
        X : container
            Rows of the same columns.

        Returns
        -------
        names : list
            A model that was fitted on the old ones misreads them.
        """
        return self._library.recoded(self.like, _framed(X), self.coded)


def _framed(X):
    """Return a data frame as it is, and a series as one."""
    return X if len(X.shape) == 2 else _LIBRARIES[kind_of(X)].as_frame(X)


def to_common_types(parts):
    """Bring data frames, or series, of one library to types that hold the values of all.

    Parameters
    ----------
    parts : list of data frames or of series
        At least one, with the same columns, in the order of time.

    Returns
    -------
    parts : list of data frames or of series
        Themselves where their types agree.
    """
    first = row_schema(parts[0])
    if all(row_schema(part) == first for part in parts[1:]):
        return parts
    types = ColumnTypes.of(parts[:1])
    for part in parts[1:]:
        types = types.after(types.aligned(part))
    return [types.aligned(part) for part in parts]
