"""Seeded streams whose drift rows are known, and files, tables and queries read as streams."""

from ._files import iter_batches, iter_csv, iter_parquet
from ._synthetic import make_drifting_classification, make_drifting_regression

__all__ = [
    "iter_batches",
    "iter_csv",
    "iter_parquet",
    "make_drifting_classification",
    "make_drifting_regression",
]
