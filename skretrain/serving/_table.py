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

    Examples
    --------
    >>> from typing import NamedTuple
    >>> from skretrain.serving._table import Table
    >>> class Count(NamedTuple):
    ...     n_rows: int
    >>> table = Table("class", {"a": Count(3)})
    >>> table["a"].n_rows
    3
    >>> table.to_frame().columns.tolist()
    ['class', 'n_rows']
    """

    def __init__(self, key, records):
        super().__init__(records)
        self.key = key

    def to_frame(self):
        """Return a pandas DataFrame with one line per record.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = import_optional("pandas", caller="to_frame", extra="cli")
        return pandas.DataFrame([{self.key: name} | row._asdict() for name, row in self.items()])
