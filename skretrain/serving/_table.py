"""Results by name that become a data frame."""

from ..utils._optional import import_optional


class Table(dict):
    """Records by key, all of one NamedTuple.

    Parameters
    ----------
    key : str
        What the keys are, the name of their column.
    records : dict
        The records.
    kind : type
        The NamedTuple, whose fields are the columns, also where there is no record.

    Examples
    --------
    >>> from typing import NamedTuple
    >>> from skretrain.serving._table import Table
    >>> class Count(NamedTuple):
    ...     n_rows: int
    >>> table = Table("class", {"a": Count(3)}, Count)
    >>> table["a"].n_rows
    3
    >>> table.to_frame().columns.tolist()
    ['class', 'n_rows']
    """

    def __init__(self, key, records, kind):
        super().__init__(records)
        self.key, self.kind = key, kind

    def to_frame(self):
        """Return a pandas DataFrame with one line per record.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = import_optional("pandas", caller="to_frame", extra="cli")
        rows = [(name, *row) for name, row in self.items()]
        return pandas.DataFrame(rows, columns=[self.key, *self.kind._fields])
