"""Tables and labels of every type that pandas, polars and pyarrow have, drawn by hypothesis."""

import datetime
import decimal
import pickle
import warnings
from collections import Counter

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from same_state import assert_same_state
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from skretrain import DriftAwareRetrainer

_FLOATS = [0.0, -1.5, 2.5, 1e30, -0.0, None]
_INTS = [0, 1, 2, 100, None]
_BOOLS = [True, False, None]
_TEXTS = ["a", "b", "", "1", "ä\x00", None]
_DATES = [datetime.datetime(2024, 1, 1), datetime.datetime(1969, 7, 20, 1), None]
_DAYS = [datetime.date(2024, 1, 1), datetime.date(1969, 7, 20), None]
_TIMES = [datetime.time(1, 2), datetime.time(23, 59), None]
_SPANS = [datetime.timedelta(seconds=3), datetime.timedelta(days=-1), None]
_DECIMALS = [decimal.Decimal("1.5"), decimal.Decimal("-2.25"), None]
_BYTES = [b"a", b"", None]
_LISTS = [[1], [2, 3], None]
_DICTS = [{"x": 1}, {"x": 2}, None]
_MIXED = [1, "a", 2.5, None, True, b"x", (1, 2)]

# By library: the name of a type -> the values to draw, and what makes a column of them.
PANDAS = {
    **{
        f"{kind}{bits}": (_INTS[:-1], f"{kind}{bits}")
        for kind in ("int", "uint")
        for bits in (8, 16, 32, 64)
    },
    **{
        f"{kind}{bits}": (_INTS, f"{kind}{bits}")
        for kind in ("Int", "UInt")
        for bits in (8, 16, 32, 64)
    },
    **{name: (_FLOATS, name) for name in ("float32", "float64", "Float32", "Float64")},
    "float16": ([0.0, -1.5, 2.5], "float16"),
    "complex128": ([1j, 2.0], "complex128"),
    "bool": (_BOOLS[:-1], "bool"),
    "boolean": (_BOOLS, "boolean"),
    "object": (_MIXED, "object"),
    "object of texts": (_TEXTS, "object"),
    "str": (_TEXTS, "str"),
    "string": (_TEXTS, "string"),
    "category": (_TEXTS, "category"),
    "category of numbers": (_INTS, "category"),
    "datetime64": (_DATES, "datetime64[ns]"),
    "datetime64 with a zone": (_DATES, "datetime64[ns, UTC]"),
    "timedelta64": (_SPANS, "timedelta64[ns]"),
    "period": (_DATES, "period[D]"),
    "interval": ([pd.Interval(0, 1), pd.Interval(1, 2)], "interval[float64]"),
    "sparse": ([0.0, 1.0, 2.0], "Sparse[float64]"),
}
ARROW = {
    **{str(kind): (_INTS, kind) for kind in (pa.int8(), pa.int16(), pa.int32(), pa.int64())},
    **{str(kind): (_INTS, kind) for kind in (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())},
    "float": (_FLOATS, pa.float32()),
    "double": (_FLOATS, pa.float64()),
    "bool": (_BOOLS, pa.bool_()),
    "string": (_TEXTS, pa.string()),
    "large_string": (_TEXTS, pa.large_string()),
    "binary": (_BYTES, pa.binary()),
    "date32": (_DAYS, pa.date32()),
    "date64": (_DAYS, pa.date64()),
    "time64": (_TIMES, pa.time64("us")),
    "timestamp": (_DATES, pa.timestamp("us")),
    "timestamp with a zone": (_DATES, pa.timestamp("us", tz="UTC")),
    "duration": (_SPANS, pa.duration("us")),
    "decimal128": (_DECIMALS, pa.decimal128(10, 2)),
    "list": (_LISTS, pa.list_(pa.int64())),
    "struct": (_DICTS, pa.struct({"x": pa.int64()})),
    "dictionary": (_TEXTS, pa.dictionary(pa.int32(), pa.string())),
    "null": ([None], pa.null()),
}
POLARS = {
    **{str(kind): (_INTS, kind) for kind in (pl.Int8, pl.Int16, pl.Int32, pl.Int64)},
    **{str(kind): (_INTS, kind) for kind in (pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64)},
    "Float32": ([0.0, -1.5, None], pl.Float32),
    "Float64": (_FLOATS, pl.Float64),
    "Boolean": (_BOOLS, pl.Boolean),
    "String": (_TEXTS, pl.String),
    "Binary": (_BYTES, pl.Binary),
    "Categorical": (_TEXTS, pl.Categorical),
    "Enum": (["a", "b", None], pl.Enum(["a", "b"])),
    "Date": (_DAYS, pl.Date),
    "Time": (_TIMES, pl.Time),
    "Datetime": (_DATES, pl.Datetime("us")),
    "Datetime with a zone": (_DATES, pl.Datetime("us", "UTC")),
    "Duration": (_SPANS, pl.Duration("us")),
    "Decimal": (_DECIMALS, pl.Decimal(10, 2)),
    "List": (_LISTS, pl.List(pl.Int64)),
    "Struct": (_DICTS, pl.Struct({"x": pl.Int64})),
    "Null": ([None], pl.Null),
}
MOST_ROWS = 8


def _pandas_column(values, kind):
    return pd.Series(values, dtype=kind)


def _arrow_in_pandas(values, kind):
    return pd.Series(pa.array(values, type=kind), dtype=pd.ArrowDtype(kind))


def _polars_column(values, kind):
    return pl.Series(values, dtype=kind, strict=False)


def _arrow_column(values, kind):
    return pa.array(values, type=kind)


def _numpy_table(columns):
    with np.errstate(invalid="ignore"):  # a gap in categories, beside int8
        return pd.DataFrame(columns).to_numpy()


LIBRARIES = {
    "pandas": (PANDAS, _pandas_column, lambda columns: pd.DataFrame(columns)),
    "arrow in pandas": (ARROW, _arrow_in_pandas, lambda columns: pd.DataFrame(columns)),
    "polars": (POLARS, _polars_column, lambda columns: pl.DataFrame(columns)),
    "pyarrow": (ARROW, _arrow_column, lambda columns: pa.table(columns)),
    "numpy": (PANDAS, _pandas_column, _numpy_table),
}


@st.composite
def columns(draw, library, n, kinds=None, *, has_gaps=True):
    """Draw a column, and the name of its type."""
    types, make, _ = LIBRARIES[library]
    name = draw(st.sampled_from(kinds or sorted(types)))
    values, kind = types[name]
    if not has_gaps:
        values = [value for value in values if value is not None] or values
    return make(draw(st.lists(st.sampled_from(values), min_size=n, max_size=n)), kind), name


@st.composite
def tables(draw, library, names, n, kinds):
    """Draw a table of a library; a list of kinds makes each column one of those."""
    drawn = {
        name: draw(columns(library, n, kinds and [kind]))
        for name, kind in zip(names, kinds or names, strict=True)
    }
    table = LIBRARIES[library][2]({name: column for name, (column, _) in drawn.items()})
    return table, [kind for _, kind in drawn.values()]


@st.composite
def streams(draw):
    """Draw two batches and their labels; the second has mostly the types of the first."""
    library = draw(st.sampled_from(sorted(LIBRARIES)))
    names = draw(st.sampled_from([["a"], ["a", "b"]]))
    n, m = draw(st.integers(2, MOST_ROWS)), draw(st.integers(0, MOST_ROWS))
    first, kinds = draw(tables(library, names, n, None))
    alike = draw(st.integers(0, 4)) > 0
    second, _ = draw(tables(library, names, m, kinds if alike else None))
    y_library = draw(st.sampled_from(sorted(LIBRARIES.keys() - {"numpy"})))
    # Most labels are such as classifiers know, so that more than the first check is reached.
    usual = [kind for kind in LIBRARIES[y_library][0] if kind.lower().startswith(("int", "str"))]
    usual = draw(st.integers(0, 4)) > 1 and sorted(usual)
    y, kind = draw(columns(y_library, n, usual, has_gaps=not usual))
    alike = draw(st.integers(0, 4)) > 0
    y_next, _ = draw(columns(y_library, m, [kind] if alike else None, has_gaps=not usual))
    return first, y, second, y_next


class Majority(ClassifierMixin, BaseEstimator):
    """Takes whatever there is, and says the label that it saw first."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def partial_fit(self, X, y, classes=None):
        return self if hasattr(self, "classes_") else self.fit(X, y if classes is None else classes)

    def predict(self, X):
        return np.repeat(self.classes_[:1], len(X))


def encoded():
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return make_pipeline(encoder, GaussianNB())


BASES = {"anything": Majority, "levels": encoded, "numbers": GaussianNB}


def is_as_before(model, before):
    """Tell whether a model is what was pickled, or other objects of the same values."""
    now = pickle.dumps(model)
    if now != before:
        assert_same_state(pickle.loads(now), pickle.loads(before))
    return True


def tried(base, first, y, second, y_next):
    """Let a retrainer learn two batches and the first again; return what came of it.

    A batch is taken in as a whole, or refused by a TypeError or a ValueError before anything has
    changed. Afterwards the model goes on, and so does its pickle.
    """
    model = DriftAwareRetrainer(BASES[base](), random_state=0)
    try:
        model.fit(first, y)
    except (TypeError, ValueError):
        assert not hasattr(model, "events_")
        return "refused by fit"
    outcome, n, expected = "taken", len(first), None
    before = pickle.dumps(model)
    try:
        expected = model.predict(first)
    except (TypeError, ValueError):
        outcome = "refused by predict"
    assert is_as_before(model, before)
    try:
        model.partial_fit(second, y_next)
        n += len(second)
    except Exception as error:
        assert is_as_before(model, before), "changed though refused"
        if expected is not None:
            np.testing.assert_array_equal(model.predict(first), expected)
        is_usual = isinstance(error, TypeError | ValueError)
        outcome = "refused by partial_fit" if is_usual else f"refused by {type(error).__name__}"
    assert model.n_samples_seen_ == n, "rows miscounted"
    told = any(one.action == "failed" for one in model.events_)
    missing = n - len(model.buffer_)
    assert missing == 0 or (told and missing == len(second)), f"rows lost: {missing}"
    again = pickle.loads(pickle.dumps(model))
    for one in (model, again):
        try:
            one.partial_fit(first, y)
            n_last = len(first)
        except (TypeError, ValueError):
            n_last = 0
        assert one.n_samples_seen_ == n + n_last, "rows miscounted later"
    if expected is not None and n_last:
        np.testing.assert_array_equal(again.predict(first), model.predict(first))
    return outcome


def fuzz(n_examples, seed=None):
    """Try so many streams, and return how many were taken or refused, and what broke."""
    found, broken = Counter(), {}

    @settings(
        max_examples=n_examples,
        deadline=None,
        database=None,
        derandomize=seed is None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(stream=streams(), base=st.sampled_from([*BASES, "anything", "levels"]))
    def each(stream, base):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found[tried(base, *stream)] += 1
            except Exception as error:
                found["broken"] += 1
                broken.setdefault(f"{type(error).__name__}: {str(error)[:80]}", (base, stream))

    (each if seed is None else seeded(seed)(each))()
    return found, broken
