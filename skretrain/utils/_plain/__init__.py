"""State that formats without code of their own can hold: text, numbers, arrays and estimators."""

from . import _frames, _values
from ._state import NAMED, Plain, Written, checked_kind, named, register

__all__ = ["NAMED", "Plain", "Written", "checked_kind", "named", "register"]

for kind in (*_values.KINDS, *_frames.KINDS):
    register(*kind)
