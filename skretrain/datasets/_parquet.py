"""Parquet: files and folders of them, as frames of some thousand rows."""

import re
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

from ..utils._optional import import_optional

_BYTES_AT_ONCE = 2**22  # converted in one go: a table of pandas costs as much for 10 rows as 10,000
_BUFFER = 2**16  # bytes of each column that are read from the disk at a time


def frames_of_file(path, columns=None, batch_size=1):
    """Yield parts of a Parquet file in order, as frames of pandas.

    They have a multiple of `batch_size` rows, save the last. `columns` are those to read; None is
    all. A file that is open stays so.
    """
    parquet = import_optional("pyarrow.parquet", caller="iter_parquet", extra="cli")
    with parquet.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER) as file:
        size = _rows_at_once(file.metadata, batch_size)
        for part in file.iter_batches(size, columns=columns, use_threads=False):
            yield part.to_pandas()


def is_folder(path):
    """Tell whether a path, or an open file, is a folder."""
    return isinstance(path, str | PathLike) and Path(path).is_dir()


def n_rows_in(path):
    """Return how many rows there are, as the ends of files say."""
    if is_folder(path):
        return ParquetFolder(path).n_rows
    parquet = import_optional("pyarrow.parquet", caller="iter_parquet", extra="cli")
    return parquet.read_metadata(path).num_rows


class ParquetFolder:
    """The Parquet files in a folder, as one table.

    Parameters
    ----------
    path : str or path-like
        What :func:`iter_parquet` reads.

    Attributes
    ----------
    schema : pyarrow.Schema
        Columns of the files, and those that folders name.
    n_rows : int
        All rows.
    """

    def __init__(self, path):
        dataset = import_optional("pyarrow.dataset", caller="iter_parquet", extra="cli")
        files = files_of(path)
        with _told_of_types(path):
            found = dataset.dataset(
                files,
                format="parquet",
                partitioning=_partitioning(files, path),
                partition_base_dir=str(path),
            )
        self._fragments = list(found.get_fragments())
        self.schema = _unified([found.schema, *(f.physical_schema for f in self._fragments)], path)
        self.n_rows = sum(fragment.metadata.num_rows for fragment in self._fragments)

    def frames(self, columns=None, batch_size=1):
        """Yield parts of the table in order, as frames of pandas.

        They have a multiple of `batch_size` rows, save the last of each group of rows. `columns`
        are those to read; None is all.
        """
        for fragment in self._fragments:
            parts = fragment.to_batches(
                schema=self.schema,
                columns=columns,
                batch_size=_rows_at_once(fragment.metadata, batch_size),
                batch_readahead=0,
                fragment_readahead=0,
                fragment_scan_options=scan_options(),
                use_threads=False,
            )
            yield from (part.to_pandas() for part in parts if len(part))


def files_of(folder):
    """Return the Parquet files in a folder in the order of their names, or raise ValueError."""
    folder = Path(folder)
    paths = [
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.suffix.lower() in (".parquet", ".pq")
    ]
    # Other names are those of what is being written, and of notes about the rest.
    paths = [path for path in paths if not any(part[0] in "_." for part in path.parts)]
    if not paths:
        raise ValueError(f"the folder {str(folder)!r} has no .parquet or .pq file.")
    return [str(folder / path) for path in sorted(paths, key=_in_order)]


def _partitioning(files, folder):
    """Return how names of folders are columns, as Hive has it; those of the files are theirs."""
    dataset = import_optional("pyarrow.dataset", caller="iter_parquet", extra="cli")
    if not any("=" in part for file in files for part in Path(file).relative_to(folder).parts[:-1]):
        return None
    plain = dataset.dataset(files, format="parquet", schema=_schema([]))  # reads none of them
    own = {name for fragment in plain.get_fragments() for name in fragment.physical_schema.names}
    fields = _fields_of_folders(files, folder)
    return dataset.HivePartitioning(_schema(field for field in fields if field.name not in own))


def _fields_of_folders(files, folder):
    """Return the columns that folders are named after, with the types that Arrow sees in them."""
    dataset = import_optional("pyarrow.dataset", caller="iter_parquet", extra="cli")
    local = import_optional("pyarrow.fs", caller="iter_parquet", extra="cli").LocalFileSystem()
    options = dataset.FileSystemFactoryOptions(
        partition_base_dir=str(folder), partitioning=dataset.HivePartitioning.discover()
    )
    factory = dataset.FileSystemDatasetFactory(
        local, files, dataset.ParquetFileFormat(), options=options
    )
    return factory.inspect_schemas()[-1]  # those before are of files


def _schema(fields):
    arrow = import_optional("pyarrow", caller="iter_parquet", extra="cli")
    return arrow.schema(list(fields))


def _in_order(path):
    """Return what files are sorted by: numbers in names by their value, so that 2 is before 10."""
    return [
        [int(piece) if n % 2 else piece for n, piece in enumerate(re.split(r"([0-9]+)", part))]
        for part in path.parts
    ]


def _unified(schemas, path):
    arrow = import_optional("pyarrow", caller="iter_parquet", extra="cli")
    with _told_of_types(path):
        return arrow.unify_schemas(schemas, promote_options="permissive")


@contextmanager
def _told_of_types(path):
    """Say in which folder it is that types do not go together."""
    arrow = import_optional("pyarrow", caller="iter_parquet", extra="cli")
    try:
        yield
    except (arrow.ArrowInvalid, arrow.ArrowTypeError) as error:
        raise ValueError(
            f"the files in {str(path)!r} have columns whose types do not go together: {error}"
        ) from error


def _rows_at_once(metadata, batch_size):
    """Return how many rows of a file to convert in one go."""
    groups = (metadata.row_group(n).total_byte_size for n in range(metadata.num_row_groups))
    return rows_in_one_go(batch_size, sum(groups), metadata.num_rows, metadata.num_columns)


def rows_in_one_go(batch_size, n_bytes, n_rows, n_columns):
    per_row = max(n_bytes / max(n_rows, 1), 16 * n_columns)  # as Arrow and pandas have numbers
    return batch_size * max(int(_BYTES_AT_ONCE / (per_row * batch_size)), 1)


def scan_options():
    dataset = import_optional("pyarrow.dataset", caller="iter_parquet", extra="cli")
    # What is buffered ahead of the rows is kept until the file is closed: all of it, in the end.
    return dataset.ParquetFragmentScanOptions(
        pre_buffer=False, use_buffered_stream=True, buffer_size=_BUFFER
    )
