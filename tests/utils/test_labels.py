"""Labels that accumulate, and outputs aligned with them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skretrain.utils._labels import is_flat, spread, union_of_labels, unseen_labels


@pytest.mark.parametrize(
    ("known", "more", "union"),
    [
        (None, [3, 1, 3], [1, 3]),
        ([1, 3], [2], [1, 2, 3]),
        ([1, 3], [], [1, 3]),
        (["a"], ["c", "b"], ["a", "b", "c"]),
        ([False], [True], [False, True]),
        ([0, 1], [True], [0, 1]),
    ],
)
def test_the_union_is_sorted_and_distinct(known, more, union):
    known = None if known is None else np.array(known)
    more = np.array(more, dtype=None if more else known.dtype)
    np.testing.assert_array_equal(union_of_labels(known, more), union)


@pytest.mark.parametrize("dtype", [None, object])
def test_text_and_numbers_do_not_mix(dtype):
    """``np.union1d`` would turn the numbers into text."""
    with pytest.raises(ValueError, match="mixes text and numbers.*Convert y"):
        union_of_labels(np.array([0, 1]), np.array(["a", "b"], dtype=dtype))
    with pytest.raises(ValueError, match="mixes text and numbers"):
        union_of_labels(np.array(["a", "b"], dtype=dtype), np.array([0, 1]))


@pytest.mark.parametrize(
    ("y", "known", "unseen"),
    [
        ([1, 2, 1], [1, 2], []),
        ([5, 0, 5], [1, 2], [0, 5]),
        (["b", "a"], ["a", "c"], ["b"]),
        (["longer"], ["a"], ["longer"]),
        ([1.0, 2.0], [1, 2], []),
        ([1.5], [1, 2], [1.5]),
        ([True], [0, 1], []),
        (["a"], [0, 1], ["a"]),
        ([0], ["a"], [0]),
        ([], [0, 1], []),
    ],
)
def test_unseen_labels_are_the_set_difference(y, known, unseen):
    y, known = np.array(y), np.array(known)
    np.testing.assert_array_equal(unseen_labels(y, known), unseen)


@given(
    y=st.lists(st.integers(-2, 3), max_size=8),
    known=st.sets(st.integers(-2, 3), min_size=1),
    kind=st.sampled_from([np.int64, np.float64, np.str_, object]),
)
def test_many_rows_have_the_unseen_labels_of_the_few_that_they_repeat(y, known, kind):
    """Few rows are looked up in another way than many."""
    y, known = np.array(y, dtype=np.int64).astype(kind), np.unique(np.array([*known]).astype(kind))
    few, many = unseen_labels(y, known), unseen_labels(np.tile(y, 60), known)
    np.testing.assert_array_equal(few, many)
    assert few.dtype == many.dtype


def test_object_labels_are_text_by_their_first():
    y, known = np.array(["b"], dtype=object), np.array(["a"])
    np.testing.assert_array_equal(unseen_labels(y, known), ["b"])
    numbers = np.array([2], dtype=object)
    np.testing.assert_array_equal(unseen_labels(numbers, np.array([1, 2])), [])


def test_padding_puts_each_column_under_its_class():
    output = np.array([[0.25, 0.75]], dtype=np.float32)
    full = spread(output, np.array(["b", "d"]), np.array(["a", "b", "c", "d"]), 0.0)
    np.testing.assert_array_equal(full, [[0, 0.25, 0, 0.75]])
    assert full.dtype == np.float32


def test_a_binary_decision_becomes_two_columns_beside_a_third_class():
    """The decision for the second class is its own, that for the first its negative."""
    full = spread(np.array([1.5, -2.0]), np.array([0, 1]), np.array([0, 1, 2]), -9.0)
    np.testing.assert_array_equal(full, [[-1.5, 1.5, -9], [2, -2, -9]])


def test_an_output_for_all_classes_is_left_as_it_is():
    output = np.array([1.5, -2.0])
    assert spread(output, np.array([0, 1]), np.array([0, 1]), 0.0) is output


def test_whole_numbers_are_padded_with_the_smallest_finite_number():
    """A decision function may give integers, or a list of them."""
    full = spread([1, -2], np.array([0, 1]), np.array([0, 1, 2]), None)
    np.testing.assert_array_equal(full[:, :2], [[-1, 1], [2, -2]])
    assert (full[:, 2] == np.finfo(np.float64).min).all()


@pytest.mark.parametrize(
    ("classes", "flat"),
    [([0, 1], True), (["a"], True), (np.array([True]), True), ([], False), ([[0, 1], [2]], False)],
    ids=repr,
)
def test_flat_labels_are_those_of_one_output(classes, flat):
    assert is_flat(classes) is flat
