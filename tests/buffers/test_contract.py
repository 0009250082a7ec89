"""What every buffer promises: bounded, aligned, independent of its input, pickled at any moment."""

import copy
import pickle
from itertools import product

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers import representatives
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import clone

from skretrain.buffers import Reservoir, Rows, SlidingWindow, StratifiedReservoir
from skretrain.utils._containers import n_rows


def one_stratum(X):
    """The key of each row, whatever it is."""
    return [0] * n_rows(X)


BUFFERS = {
    "window": SlidingWindow(max_rows=20),
    "uniform": Reservoir(max_rows=20),
    "balance": Reservoir(max_rows=20, balance=True),
    "decay": Reservoir(max_rows=20, decay=0.02),
    "both": Reservoir(max_rows=20, balance=True, decay=0.02),
    "strata": StratifiedReservoir(max_rows=20, by=one_stratum),
}
KINDS = {
    "ndarray": lambda v: np.column_stack([v, -v]),
    "pandas": lambda v: pd.DataFrame({"a": v, "b": -v}),
    "polars": lambda v: pl.DataFrame({"a": v, "b": -v}),
    "csr_matrix": lambda v: sparse.csr_matrix(np.column_stack([v, -v])),
    "csr_array": lambda v: sparse.csr_array(np.column_stack([v, -v])),
    "csc_array": lambda v: sparse.csc_array(np.column_stack([v, -v])),
    "texts": lambda v: [f"{i} {-i}" for i in v],
    "text series": lambda v: pd.Series([f"{i} {-i}" for i in v]),
    "object array": lambda v: np.column_stack([v, -v]).astype(object),
}


@pytest.fixture(params=BUFFERS)
def buffer(request):
    return clone(BUFFERS[request.param]).reset()


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


# Whatever is stored, it is stored by a window or by a reservoir; how a reservoir chooses its rows
# does not depend on what they are.
in_every_container = pytest.mark.parametrize(
    ("buffer", "kind"),
    representatives(
        product(BUFFERS, KINDS),
        fast=[
            (name, kind)
            for name, kind in product(BUFFERS, KINDS)
            if name in ("window", "both") or kind == "pandas"
        ],
    ),
    indirect=True,
)


def batch(start, n, kind="ndarray"):
    """Rows whose every value tells their number: X, y and two kinds of metadata."""
    v = np.arange(start, start + n)
    return KINDS[kind](v), v % 3, {"sample_weight": v + 0.5, "group": v.astype(str)}


def numbers(X):
    """The numbers of the rows, read from the features."""
    if isinstance(X, list | pd.Series):
        return np.array([int(text.split()[0]) for text in X], dtype=int)
    values = X.toarray() if sparse.issparse(X) else np.asarray(X)
    assert_array_equal(values[:, 0], -values[:, 1])
    return values[:, 0].astype(int)


def assert_aligned(rows):
    """Every column tells the same rows, in ascending order."""
    assert isinstance(rows, Rows)
    assert_array_equal(numbers(rows.X), rows.index)
    assert_array_equal(rows.y, rows.index % 3)
    assert_array_equal(rows.params["group"], rows.index.astype(str))
    assert_array_equal(rows.params["sample_weight"], rows.index + 0.5)
    assert rows.index.dtype == np.int64


def content(rows):
    return joblib.hash((numbers(rows.X), rows.y, rows.params, rows.index))


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 12)),
        st.tuples(st.just("skip"), st.integers(1, 3)),
        st.tuples(st.just("pickle"), st.just(0)),
        st.tuples(st.just("latest"), st.integers(0, 25)),
        st.tuples(st.just("since"), st.integers(-3, 30)),
        st.tuples(st.just("take"), st.integers(0, 100)),
        st.tuples(st.just("reset"), st.just(0)),
    ),
    max_size=30,
)


@pytest.mark.parametrize("name", BUFFERS)
@pytest.mark.parametrize("kind", ["ndarray", "texts", "csr_array"])
@given(operations=OPERATIONS, max_rows=st.integers(1, 9))
def test_the_buffer_agrees_with_a_list(name, kind, operations, max_rows):
    """Whatever is done in any order, reading equals reading a list of the rows it says it holds.

    A window holds the newest rows exactly; a reservoir holds as many rows as it may, all from the
    stream, and never takes back one that it dropped.
    """
    buffer = clone(BUFFERS[name]).set_params(max_rows=max_rows).reset()
    stream, held, row = [], [], 0
    for operation, number in operations:
        if operation == "add":
            buffer.add(*batch(row, number, kind), row)
            fresh = list(range(row, row + number))
            stream, row = stream + fresh, row + number
            if name == "window":
                held = stream[-max_rows:]
            else:
                assert set(buffer.index.tolist()) <= set(held + fresh)
                held = buffer.index.tolist()
        elif operation == "skip":
            row += number
        elif operation == "pickle":
            buffer = pickle.loads(pickle.dumps(buffer))
        elif operation == "reset":
            buffer.reset()
            stream, held = [], []
        else:
            check_reading(buffer, held, operation, number)
        assert len(buffer) == len(held) == min(len(stream), max_rows)
        assert held == sorted(held)
        assert buffer.index.tolist() == held
        assert buffer.nbytes < 30_000


def check_reading(buffer, held, operation, number):
    """One way to read gives the rows a list would give, all columns aligned."""
    if operation == "latest":
        rows, expected = buffer.latest(number), held[max(len(held) - number, 0) :]
    elif operation == "since":
        rows, expected = buffer.since(number), [row for row in held if row >= number]
    else:
        positions = np.random.default_rng(number).integers(0, max(len(held), 1), len(held))
        rows, expected = buffer.take(positions), [held[position] for position in positions]
    assert rows.index.tolist() == expected
    if len(buffer):
        assert_aligned(rows)


@in_every_container
@pytest.mark.parametrize("n_batch", [1, 7, 50])
@pytest.mark.no_cover
@pytest.mark.thinned(5)
def test_every_container_comes_back_as_its_kind(buffer, kind, n_batch):
    """Frames stay frames, text stays text, sparse stays sparse (as csr), with all rows aligned."""
    for start in range(0, 100, n_batch):
        X, y, params = batch(start, n_batch, kind)
        buffer.add(X, y, params, start)
    positions = np.random.default_rng(0).permutation(20)
    for rows in (buffer.latest(), buffer.latest(3), buffer.take(positions)):
        assert_aligned(rows)
        if sparse.issparse(X):
            assert type(rows.X) is type(X.tocsr())
        else:
            assert type(rows.X) is type(X)
        assert isinstance(rows.y, np.ndarray)
    assert_array_equal(buffer.take(positions).index, buffer.index[positions])
    for empty in (buffer.latest(0), buffer.since(10_000), buffer.take([])):
        assert_aligned(empty)
        assert len(empty.index) == 0


def test_frames_start_a_fresh_index(buffer):
    """No label of the user's index is kept, and what is read does not tell how it was stored."""
    for start in range(0, 60, 4):
        X, y, params = batch(start, 4, "pandas")
        buffer.add(X.set_index(np.array(list("pqrs"))), y, params, start)
    for rows in (buffer.latest(), buffer.latest(7), buffer.take([3, 1])):
        assert rows.X.index.equals(pd.RangeIndex(len(rows.index)))


@in_every_container
@pytest.mark.no_cover
@pytest.mark.thinned(5)
def test_what_is_remembered_does_not_depend_on_batches(buffer, kind):
    """One batch, batches of 7 and single rows leave the same content for the same seed."""
    contents = set()
    for n_batch in (1, 7, 105):
        cut = clone(buffer).reset()
        for start in range(0, 105, n_batch):
            cut.add(*batch(start, n_batch, kind), start)
        contents.add(content(cut.latest()))
    assert len(contents) == 1


@in_every_container
@pytest.mark.no_cover
def test_a_pickle_in_the_middle_continues_identically(buffer, kind):
    """A buffer loaded from a pickle remembers like the one that went on."""
    buffer.add(*batch(0, 33, kind), 0)
    twin = pickle.loads(pickle.dumps(buffer))
    for start in range(33, 133, 5):
        for each in (buffer, twin):
            each.add(*batch(start, 5, kind), start)
    assert content(buffer.latest()) == content(twin.latest())


@in_every_container
@pytest.mark.no_cover
def test_a_deep_copy_is_independent(buffer, kind):
    """Adding to the copy leaves the original as it was."""
    buffer.add(*batch(0, 33, kind), 0)
    before = content(buffer.latest())
    twin = copy.deepcopy(buffer)
    for start in range(33, 233, 5):
        twin.add(*batch(start, 5, kind), start)
    assert content(buffer.latest()) == before
    assert content(twin.latest()) != before


def test_a_pickle_holds_no_spare_capacity(buffer):
    """Uninitialised memory is never written to disk: equal buffers give equal pickles."""
    twin = clone(buffer).reset()
    for each in (buffer, twin):
        each.add(*batch(0, 21), 0)
        each.add(*batch(21, 2), 21)
        each.latest()
    assert pickle.dumps(buffer) == pickle.dumps(twin)


@in_every_container
def test_the_memory_is_a_copy(buffer, kind):
    """Overwriting the arrays that were passed does not change what is remembered."""
    X, y, params = batch(0, 15, kind)
    buffer.add(X, y, params, 0)
    y[:] = -1
    params["sample_weight"][:] = -1
    params["group"][:] = "?"
    if isinstance(X, pd.DataFrame | pd.Series):
        X.iloc[:] = X.iloc[::-1].to_numpy()
    elif sparse.issparse(X):
        X.data[:] = 99
    elif not isinstance(X, pl.DataFrame):
        X[:] = X[::-1]
    assert_aligned(buffer.latest())


@in_every_container
@pytest.mark.no_cover
@pytest.mark.thinned(2)
def test_rows_handed_out_never_change(buffer, kind):
    """Rows read at any moment are the same after a thousand more rows."""
    kept = []
    for start in range(0, 100, 4):
        buffer.add(*batch(start, 4, kind), start)
        rows = (buffer.latest(), buffer.latest(5), buffer.take([0, 3, 1]))
        kept += [(each, content(each)) for each in rows]
    buffer.add(*batch(100, 1000, kind), 100)
    for rows, then in kept:
        assert content(rows) == then


@in_every_container
def test_an_estimator_cannot_alter_the_memory(buffer, kind):
    """Whatever can be written to is a copy: a step with copy=False leaves the memory as it is."""
    buffer.add(*batch(0, 33, kind), 0)
    before = content(buffer.latest())
    for rows in (buffer.latest(), buffer.latest(4), buffer.take([0, 3, 1])):
        for values in (rows.X, rows.y, rows.params["sample_weight"], rows.index):
            if isinstance(values, np.ndarray):
                values = values if values.flags.writeable else []
            elif sparse.issparse(values):
                values = values.data
            elif isinstance(values, pd.DataFrame | pd.Series):
                values = values.iloc
            if not isinstance(values, pl.DataFrame):  # which cannot be written to in place
                values[:] = values[:][::-1]
    assert content(buffer.latest()) == before


@in_every_container
@pytest.mark.no_cover
@pytest.mark.thinned(3)
def test_memory_is_flat(buffer, kind):
    """The bytes after many rows are bounded by those after a few, whatever the batches are."""
    sizes = []
    for start in range(0, 300, 3):
        buffer.add(*batch(start, 3, kind), start)
        sizes.append(buffer.nbytes)
    assert max(sizes[50:]) <= 1.5 * max(sizes[:50])
    buffer.add(*batch(300, 5000, kind), 300)
    assert buffer.nbytes <= 1.5 * max(sizes)


def test_an_empty_buffer_reads_as_no_rows(buffer):
    """Reading before the first row gives zero rows instead of an error."""
    fresh = clone(buffer)
    assert len(fresh) == 0
    assert fresh.y is None
    assert fresh.index.tolist() == []
    for rows in (fresh.latest(), fresh.latest(3), fresh.since(0), fresh.take([])):
        assert rows.index.tolist() == []
        assert rows.params == {}
        assert rows.y is None
        assert len(rows.X) == 0


def test_a_fresh_buffer_needs_no_reset(buffer):
    """The first use resets a buffer that never was."""
    rows = clone(buffer).add(*batch(0, 5), 0).latest()
    assert_aligned(rows)
    assert clone(buffer).nbytes >= 0


def test_reset_forgets_everything(buffer):
    """After a reset the buffer equals one that never saw a row, and other columns are welcome."""
    buffer.add(*batch(0, 50), 0)
    buffer.reset()
    assert len(buffer) == 0
    buffer.add(np.zeros((4, 9)), np.arange(4), None, 0)
    assert buffer.latest().X.shape == (4, 9)
    assert buffer.latest().params == {}


def test_an_empty_batch_changes_nothing(buffer):
    """No row, no change: not even the columns are decided."""
    buffer.add(np.empty((0, 7)), np.empty(0, dtype=int), None, 0)
    buffer.add(*batch(0, 5), 0)
    before = pickle.dumps(buffer)
    buffer.add(*batch(5, 0), 5)
    assert pickle.dumps(buffer) == before


def test_rows_are_numbered_on_if_no_start_is_given(buffer):
    """Without `start` a batch continues where the one before ended."""
    for start in (0, 5):
        X, y, params = batch(start, 5)
        buffer.add(X, y, params)
    assert_aligned(buffer.latest())


def test_streams_without_targets(kind):
    """y may be None throughout; sampling by class is then impossible and says so."""
    for buffer in (SlidingWindow(5), Reservoir(5), Reservoir(5, decay=0.1)):
        for start in range(0, 30, 3):
            X, _, params = batch(start, 3, kind)
            buffer.add(X, None, params, start)
        rows = buffer.latest()
        assert rows.y is None
        assert buffer.y is None
        assert_array_equal(numbers(rows.X), rows.index)


def test_targets_may_have_several_columns():
    """Multi-output targets stay two-dimensional; sparse ones stay sparse."""
    y = np.arange(60).reshape(30, 2)
    for buffer in (SlidingWindow(7), Reservoir(7)):
        rows = buffer.reset().add(y, y).latest()
        assert_array_equal(rows.y, rows.X)
        rows = buffer.reset().add(y, sparse.csr_array(y)).latest()
        assert_array_equal(rows.y.toarray(), rows.X)


def test_targets_given_as_lists_or_series_become_arrays(buffer):
    """y is an ndarray whatever it came as."""
    for y in ([1, 2, 3], pd.Series([1, 2, 3]), pl.Series([1, 2, 3])):
        buffer.reset().add(np.zeros((3, 1)), y)
        assert isinstance(buffer.y, np.ndarray)
        assert buffer.y.tolist() == [1, 2, 3]


def test_metadata_keeps_its_kind(buffer):
    """Lists of anything, frames and sparse rows may be metadata, too."""
    v = np.arange(12)
    params = {
        "texts": [str(i) for i in v],
        "frame": pd.DataFrame({"a": v}),
        "sparse": sparse.csr_array(v[:, None]),
        "nothing": None,
    }
    rows = buffer.add(np.column_stack([v, -v]), v % 3, params).latest(4)
    assert rows.params.keys() == {"texts", "frame", "sparse"}
    assert rows.params["texts"] == [str(i) for i in rows.index]
    assert_array_equal(rows.params["frame"]["a"], rows.index)
    assert_array_equal(rows.params["sparse"].toarray().ravel(), rows.index)


@pytest.mark.parametrize("given_first", [True, False])
def test_missing_weights_count_as_one(buffer, given_first):
    """sample_weight may come with any batch: rows without it weigh 1, before and after."""
    for start in range(0, 40, 4):
        X, y, _ = batch(start, 4)
        weighted = (start // 4) % 3 == (0 if given_first else 2)
        params = {"sample_weight": [3] * 4} if weighted else None
        buffer.add(X, y, params, start)
    rows = buffer.latest()
    expected = np.where((rows.index // 4) % 3 == (0 if given_first else 2), 3.0, 1.0)
    assert_array_equal(rows.params["sample_weight"], expected)


def test_unweighted_streams_carry_no_weights(buffer):
    """No column is made up for a name that never came."""
    assert buffer.add(np.zeros((4, 1)), np.arange(4)).latest().params == {}


@pytest.mark.parametrize(
    ("labels", "more"),
    [
        (["a", "b"], ["a long label", "b"]),
        ([1, 2], ["x", "y"]),
        ([1, 2], [1.0, 2.0]),
        (["x", None], [1, 2]),
        ([True, False], [2, 3]),
    ],
)
def test_labels_of_other_types_keep_their_values(buffer, labels, more):
    """Strings widen, and nothing is cut off or turned into text."""
    X = np.zeros((2, 1))
    first, second = (np.array(v, dtype=object if None in v else None) for v in (labels, more))
    buffer.add(X, first).add(X, second).add(X, first)
    assert buffer.y.tolist() == labels + more + labels
    assert buffer.y.tolist()[2] == more[0]


def test_features_widen(buffer):
    """Wider numbers make the column wider, narrower ones are taken as they are."""
    values = np.arange(12.0).reshape(6, 2) + 1e-9
    y = np.zeros(2, dtype=int)
    buffer.add(values[:2].astype(np.float32), y).add(values[2:4], y)
    buffer.add(values[4:].astype(np.float32), y)
    rows = buffer.latest()
    assert rows.X.dtype == np.float64
    assert_array_equal(rows.X[2:4], values[2:4])


@pytest.mark.parametrize("buffer", representatives(BUFFERS, fast=["window", "both"]), indirect=True)
@pytest.mark.parametrize("first", ["ndarray", "pandas", "csr_array"])
@pytest.mark.parametrize("second", ["ndarray", "pandas", "polars", "csr_array"])
@pytest.mark.no_cover
@pytest.mark.thinned(5)
def test_batches_of_mixed_kinds_are_joined(buffer, first, second):
    """Another container with the same columns is no obstacle; the richer kind is kept."""
    for start in range(0, 90, 3):
        buffer.add(*batch(start, 3, first if start % 2 else second), start)
        assert_aligned(buffer.latest(4))
    assert_aligned(buffer.latest())
    assert sparse.issparse(buffer.latest().X) == ("csr_array" in (first, second))


def test_arrays_of_texts_join_lists_of_texts(buffer):
    """A text column may come as an array first and as a list later."""
    y = np.zeros(2, dtype=int)
    buffer.add(np.array(["0 0", "1 -1"]), y).add(["2 -2", "3 -3"], y)
    assert_array_equal(numbers(buffer.latest().X), range(4))


@pytest.mark.parametrize("library", [pd, pl])
def test_frames_keep_the_types_of_all_batches(buffer, library):
    """What is read has the same data types whichever rows are read."""
    y = np.zeros(2, dtype=int)
    buffer.add(library.DataFrame({"a": [1, 2]}), y).add(library.DataFrame({"a": [0.5, 2.0]}), y)
    for rows in (buffer.take([0]), buffer.latest(1), buffer.latest(0), buffer.latest()):
        assert str(rows.X["a"].dtype).lower() == "float64"


def test_frames_unite_their_categories(buffer):
    """A category seen once is known in whatever is read."""
    y = np.zeros(2, dtype=int)
    for values in (["x", "x"], ["y", "y"], ["x", "z"]):
        buffer.add(pd.DataFrame({"a": pd.Categorical(values)}), y)
    for rows in (buffer.take([0]), buffer.latest(1), buffer.latest()):
        assert list(rows.X["a"].cat.categories) == ["x", "y", "z"]
    assert list(buffer.latest().X["a"]) == ["x", "x", "y", "y", "x", "z"]


def misfits():
    X, y, params = batch(50, 4)
    groups = {"group": params["group"]}
    yield "X has fewer columns", X[:, :1], y, params, "'X' does not fit"
    yield "frame has more columns", pd.DataFrame(np.zeros((4, 3))), y, params, "'X' does not fit"
    yield "dates", X.astype("M8[s]"), y, params, "'X' does not fit"
    yield "text for sparse", ["text"] * 4, y, {**params, "group": sparse.eye_array(4)}, "does not"
    yield "y is missing", X, None, params, "'y' is missing with this batch but was given"
    yield "y has columns", X, np.column_stack([y, y]), params, "'y' does not fit"
    yield "group is missing", X, y, {}, "'group' is missing with this batch.*every call"
    yield "a new name", X, y, {**groups, "price": y}, "'price' is given with this batch"
    yield "y is short", X, y[:-1], params, "'y' has 3 rows, but X has 4"
    yield "weights are short", X, y, {**groups, "sample_weight": [1.0]}, "'sample_weight' has 1"
    yield "a scalar", X, y, {**groups, "check_input": True}, "'check_input' must have one value"
    yield "a scalar weight", X, y, {**groups, "sample_weight": 2.0}, "must have one value per row"


@pytest.mark.parametrize(
    ("X", "y", "params", "match"),
    [pytest.param(*case[1:], id=case[0]) for case in misfits()],
)
def test_a_batch_that_does_not_fit_changes_nothing(buffer, X, y, params, match):
    """`check` and `add` raise the same error, which names the part, before anything changes."""
    buffer.add(*batch(0, 50), 0)
    before = pickle.dumps(buffer)
    for verb in (buffer.check, buffer.add):
        with pytest.raises(ValueError, match=match):
            verb(X, y, params)
        assert pickle.dumps(buffer) == before


@pytest.mark.parametrize(
    ("first", "second", "match"),
    [
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]}), "same columns"),
        (pl.DataFrame({"a": [1]}), pl.DataFrame({"a": ["x"]}), "text next to"),
        (sparse.csr_array([[1]]), sparse.csr_array([[1, 2]]), "different shapes"),
        (sparse.csr_array([[1]]), ["text"], "cannot become sparse"),
        (np.array([["text"]]), sparse.csr_array([[1]]), "'X' does not fit"),
    ],
)
def test_containers_that_do_not_fit_change_nothing(buffer, first, second, match):
    """Other columns, and text next to numbers, are refused before anything changes."""
    buffer.add(first, [1])
    before = pickle.dumps(buffer)
    for verb in (buffer.check, buffer.add):
        with pytest.raises(ValueError, match=match):
            verb(second, [1])
        assert pickle.dumps(buffer) == before


@in_every_container
def test_a_batch_that_fits_passes_the_check(buffer, kind):
    """`check` changes nothing, not even where a column would have to widen."""
    buffer.check(*batch(0, 5, kind))
    buffer.add(*batch(0, 50, kind), 0)
    before = pickle.dumps(buffer)
    X, y, params = batch(50, 4, kind)
    buffer.check(X, y, params)
    buffer.check(X, y, {**params, "group": ["a very long name"] * 4})
    assert pickle.dumps(buffer) == before


def test_batches_out_of_time_order_are_refused(buffer):
    """Going back in time would make `since` wrong; gaps are fine."""
    buffer.add(*batch(10, 5), 10)
    with pytest.raises(ValueError, match="start=14 lies before row 15"):
        buffer.add(*batch(14, 5), 14)
    buffer.add(*batch(20, 5), 20)
    assert_aligned(buffer.latest())


@pytest.mark.parametrize("max_rows", [0, -1, 2.5, "many", None, True])
def test_an_invalid_size_is_refused_when_used(buffer, max_rows):
    """The constructor takes anything; reset names the parameter, the value and the way out."""
    buffer.set_params(max_rows=max_rows)
    with pytest.raises(
        ValueError, match=rf"\(max_rows={max_rows!r}\): max_rows must be an integer"
    ):
        buffer.reset()


def test_wrong_positions_and_counts_are_refused(buffer):
    """No garbage from spare capacity: positions must exist, counts must not be negative."""
    buffer.add(*batch(0, 50), 0)
    for positions in ([20], [-1], [3, 25]):
        with pytest.raises(IndexError, match="the 20 rows remembered are numbered from 0 to 19"):
            buffer.take(positions)
    assert_array_equal(buffer.take(np.arange(20) > 17).index, buffer.index[18:])
    with pytest.raises(ValueError, match="n=-1 is invalid"):
        buffer.latest(-1)


def test_parameters_stay_as_they_were_passed(buffer):
    """Adding and reading leave the constructor's parameters alone, and clone is blank."""
    before = joblib.hash(buffer.get_params())
    buffer.add(*batch(0, 100), 0).latest(5)
    assert joblib.hash(buffer.get_params()) == before
    assert len(clone(buffer)) == 0
