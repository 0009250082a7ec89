"""Warn at the line of the user's code that led to it, however deep the call."""

import sys
import warnings

_OWN = ("skretrain", "sklearn")


def warn_user(message, category):
    """Give a warning that points to the first frame outside this library and scikit-learn."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _package(frame) in _OWN:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _package(frame):
    return frame.f_globals.get("__name__", "").partition(".")[0]
