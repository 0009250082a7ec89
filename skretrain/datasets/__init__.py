"""Seeded streams whose drift rows are known."""

from ._synthetic import make_drifting_classification, make_drifting_regression

__all__ = ["make_drifting_classification", "make_drifting_regression"]
