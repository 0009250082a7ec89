"""Numbers, labels, dates and arrays of objects."""

import random
from datetime import date, datetime, time, timedelta

import numpy as np

_BOXED = "biufU"  # kinds of numpy's own scalars that Python's hold without loss


def _scalar(value):
    if value.dtype.kind not in _BOXED or (value.dtype.itemsize > 8 and value.dtype.kind != "U"):
        return None
    return "scalar", [value.dtype.str, value.item()]


def _of_scalar(content):
    dtype, item = content
    return np.dtype(dtype).type(item)


def _array(value):
    # Others go into a file of their own.
    return ("array", [list(value.shape), value.ravel().tolist()]) if value.dtype.hasobject else None


def _of_array(content):
    shape, items = content
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array.reshape(shape)


def _dtype(value):
    return "dtype", [np.empty(0, dtype=value)]


def _of_dtype(content):
    return content[0].dtype


def _of_range(content):
    return range(*content)


def _first(content):
    return content[0]


def _moment(value):
    if getattr(value, "tzinfo", None) is not None:
        return None  # skops knows the zones
    return type(value).__name__, [value.isoformat()]


def _duration(value):
    return "timedelta", [value.days, value.seconds, value.microseconds]


def _random(value):
    return "random", [value.getstate()]


def _of_random(content):
    generator = random.Random()
    generator.setstate(content[0])
    return generator


KINDS = [
    ([range], lambda value: ("range", [value.start, value.stop, value.step]), {"range": _of_range}),
    # skops would ask for the file that it is of.
    ([np.memmap], lambda value: ("mapped", [np.asarray(value)]), {"mapped": _first}),
    ([np.generic], _scalar, {"scalar": _of_scalar}),
    ([np.ndarray], _array, {"array": _of_array}),
    ([np.dtype], _dtype, {"dtype": _of_dtype}),
    (
        [date, datetime, time],
        _moment,
        {
            kind.__name__: lambda content, kind=kind: kind.fromisoformat(*content)
            for kind in (date, datetime, time)
        },
    ),
    ([timedelta], _duration, {"timedelta": lambda content: timedelta(*content)}),
    ([random.Random], _random, {"random": _of_random}),
]
