"""The array log holds the newest rows, contiguously and within a bound."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skretrain.utils._arrays import ArrayLog

OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 12)),
        st.tuples(st.just("drop"), st.integers(-2, 15)),
        st.tuples(st.just("clear"), st.just(0)),
        st.tuples(st.just("pickle"), st.just(0)),
    ),
    max_size=40,
)


@given(operations=OPERATIONS, max_rows=st.integers(1, 9))
def test_the_log_agrees_with_a_list(operations, max_rows):
    """Content, numbering and bound equal those of a naive list, whatever is done in any order."""
    log, model, start, value = ArrayLog(max_rows), [], 0, 0
    for name, number in operations:
        if name == "append":
            log.append(np.arange(value, value + number))
            model += range(value, value + number)
            value += number
            surplus = max(len(model) - max_rows, 0)
            model, start = model[surplus:], start + surplus
        elif name == "drop":
            log.drop_before(start + number)
            dropped = min(max(number, 0), len(model))
            model, start = model[dropped:], start + dropped
        elif name == "clear":
            log.clear()
            model, start = [], 0
        else:
            log = pickle.loads(pickle.dumps(log))
        assert log.view().tolist() == model
        assert (log.start, log.stop, len(log)) == (start, start + len(model), len(model))
        assert log.nbytes <= 8 * 2 * max_rows


def test_views_never_change():
    """What was handed out is not altered by later appends, and costs no copy."""
    log = ArrayLog(5)
    views = []
    for value in range(50):
        log.append([value])
        assert log.view().base is not None
        assert log.view().flags.c_contiguous
        views.append((log.view(), log.view().copy()))
    for view, then in views:
        assert_array_equal(view, then)


def test_rows_may_have_any_shape():
    """Rows of a matrix are logged as rows."""
    log = ArrayLog(3)
    log.append(np.ones((2, 4)))
    log.append(np.zeros((2, 4)))
    assert_array_equal(log.view(), [[1] * 4, [0] * 4, [0] * 4])


def test_a_scalar_is_one_row():
    """Scalars need no wrapping."""
    log = ArrayLog(3)
    log.append(1.5)
    assert log.view().tolist() == [1.5]


def test_data_types_widen_only_when_they_must():
    """Longer text widens the column once; shorter text does not reallocate it."""
    log = ArrayLog(4)
    log.append(["a"])
    log.append(["long"])
    log.append(["b"])
    values = log._values
    log.append(["c"])
    assert log._values is values
    assert log.view().tolist() == ["a", "long", "b", "c"]


def test_a_row_of_another_shape_is_refused():
    """Nothing is broadcast, and the log stays as it was."""
    log = ArrayLog(8)
    log.append(np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"rows of shape \(3,\)"):
        log.append(np.ones((1, 3)))
    assert len(log) == 3


def test_a_copy_is_independent():
    """A shallow copy does not write into the original's memory."""
    log = ArrayLog(10)
    log.append([1, 2, 3])
    log.append([4])
    twin = copy.copy(log)
    twin.append([5])
    log.append([6])
    assert twin.view().tolist() == [1, 2, 3, 4, 5]
    assert log.view().tolist() == [1, 2, 3, 4, 6]
