"""Types of the columns of a data frame: later rows are brought to those that are known."""

from .._plain import Plain
from . import _pandas_types, _polars_types
from ._rows import PANDAS, POLARS, column_types, kind_of

_LIBRARIES = {PANDAS: _pandas_types, POLARS: _polars_types}


class ColumnTypes(Plain):
    """The types that the columns of a stream have so far; the first batch decides on them.

    A type changes only where the values of later rows cannot be held by it: then it is widened.
    The levels of a categorical column are joined in the order in which they appear, so that the
    code of each stays what it is; where a rank stands in between, the codes are those of the order.

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

    def matches(self, X):
        """Tell whether rows are of exactly these types, the order of levels included.

        Parameters
        ----------
        X : container
            The rows.

        Returns
        -------
        matches : bool
            False where :meth:`aligned` may have something to do.
        """
        return self.has_columns_of(X) and self._library.are_same(
            column_types(self.like), column_types(X)
        )

    def has_columns_of(self, X):
        """Tell whether rows are of the same library, with the same columns.

        Parameters
        ----------
        X : container
            The rows.

        Returns
        -------
        has_columns : bool
            True for any series, where these are the types of one.
        """
        if kind_of(X) != kind_of(self.like) or len(X.shape) != self.n_dimensions:
            return False
        return self.n_dimensions == 1 or self._library.same_columns(self.like, X)

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
            `X` itself where nothing is to be done; it is never written to. A column that cannot
            be brought over is left as it came.
        """
        if self.matches(X) or not self.has_columns_of(X):
            return X
        return self._with_columns(X, lambda frame: self._library.aligned(frame, self, keep_levels))

    def _with_columns(self, X, change):
        """Return rows after a change of their frame, as a series if they are one."""
        frame = _framed(X)
        rows = change(frame)
        return rows if frame is X else self._library.as_series(rows, X.name)

    def strangers(self, X):
        """Return the columns of rows that cannot be brought to these types.

        Parameters
        ----------
        X : container
            Rows of the same columns.

        Returns
        -------
        positions : list of int
            Those that :meth:`aligned` leaves as they came.
        """
        return self._library.strangers(_framed(X), self)

    def joinable(self, X):
        """Bring rows to types in which those that are known can be held next to them.

        Parameters
        ----------
        X : container
            Rows of the same columns.

        Returns
        -------
        rows : container
            As :meth:`aligned` gives them, with objects in a column that it has to leave as it
            came, if the library can join those.
        """
        X = self.aligned(X)
        return self.with_objects(X, self.strangers(X))

    def with_objects(self, X, positions):
        """Turn columns into objects, which can always be joined, if the library has such columns.

        Parameters
        ----------
        X : container
            Rows of the same columns.
        positions : list of int
            Of the columns.

        Returns
        -------
        rows : container
            `X` itself where there are none.
        """
        if not positions:
            return X
        return self._with_columns(X, lambda frame: self._library.as_objects(frame, positions))

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
        is_as_known = self.matches(X)
        if (is_as_known and not self.undecided) or not self.has_columns_of(X):
            return self
        undecided = frozenset(self._library.without_a_value(_framed(X), self.undecided))
        if is_as_known and undecided == self.undecided:
            return self
        return ColumnTypes(self.with_objects(X, self.strangers(X)), undecided)

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
    first = ColumnTypes(parts[0])
    if all(first.matches(part) for part in parts[1:]):
        return parts
    types = ColumnTypes.of(parts[:1])
    # Twice: the types of later rows may be such that earlier ones cannot be brought to them.
    for part in [*parts[1:], *parts]:
        types = types.after(types.aligned(part))
    return [types.aligned(part) for part in parts]
