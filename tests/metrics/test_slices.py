"""Properties of slices: every row is in one slice of a column, whatever the container."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from skretrain.metrics._slices import Slicer, definition_of, slice_mask

AMOUNTS = np.round(np.random.default_rng(0).lognormal(size=400) * 10, 3)


def large(X):
    return np.asarray(X["amount"]) > 20


@pytest.fixture
def frame():
    shop = np.array(["north", "south", None, "north"] * 100, dtype=object)
    return pd.DataFrame({"shop": shop, "amount": AMOUNTS, "n_items": np.arange(400) % 3})


SLICES = {"shop": "shop", "amount": "amount", "n": "n_items", "large": large}


def test_the_levels_of_a_column_and_what_is_missing_are_slices_of_their_own(frame):
    members = Slicer("scores", SLICES).members(frame)
    assert list(members) == list(SLICES)
    assert {name: len(rows) for name, rows in members["shop"].items()} == {
        "shop=missing": 100,
        "shop=north": 200,
        "shop=south": 100,
    }
    assert list(members["n"]) == ["n=0", "n=1", "n=2"]
    np.testing.assert_array_equal(members["large"]["large"], np.flatnonzero(AMOUNTS > 20))


def test_a_number_with_many_values_is_cut_at_its_quartiles_which_are_rounded_to_be_read(frame):
    members = Slicer("scores", SLICES).members(frame)["amount"]
    edges = [float(f"{edge:.2g}") for edge in np.quantile(AMOUNTS, [0.25, 0.5, 0.75])]
    names = [
        f"amount < {edges[0]:g}",
        f"amount in [{edges[0]:g}, {edges[1]:g})",
        f"amount in [{edges[1]:g}, {edges[2]:g})",
        f"amount >= {edges[2]:g}",
    ]
    assert sorted(members) == sorted(names)
    assert all(90 <= len(members[name]) <= 110 for name in names)
    np.testing.assert_array_equal(members[names[0]], np.flatnonzero(edges[0] > AMOUNTS))


def test_all_containers_have_the_same_slices(frame):
    """Of a polars frame, and of arrays and sparse matrices by the number of a column."""
    expected = Slicer("scores", SLICES).members(frame)
    shop = frame["shop"].astype(object).where(frame["shop"].notna(), None)
    polars = pl.DataFrame(frame.assign(shop=0).to_dict("list")).with_columns(shop=pl.Series(shop))
    found = Slicer("scores", SLICES).members(polars)
    numbers = frame[["amount", "n_items"]]
    for X in (numbers.to_numpy(), sparse.coo_array(numbers), numbers.to_numpy().tolist(), numbers):
        by_number = Slicer("scores", {"amount": 0, "n": 1}).members(X)
        for name in ("amount", "n"):
            assert by_number[name].keys() == expected[name].keys()
    for name in SLICES:
        assert found[name].keys() == expected[name].keys()
        for level, rows in expected[name].items():
            np.testing.assert_array_equal(found[name][level], rows)


VALUES = st.one_of(
    st.lists(st.one_of(st.none(), st.text(max_size=2)), min_size=1, max_size=30),
    st.lists(st.one_of(st.none(), st.floats()), min_size=1, max_size=30),
    st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=30),
    st.lists(st.booleans(), min_size=1, max_size=30),
)


@given(VALUES)
def test_every_row_is_in_one_slice_of_a_column(values):
    X = pd.DataFrame({"a": values})
    members = Slicer("scores", {"a": "a"}).members(X)["a"]
    rows = np.concatenate(list(members.values()))
    assert sorted(rows.tolist()) == list(range(len(values)))
    assert all(len(of) for of in members.values())


def test_bins_are_those_of_the_first_rows_and_stay(frame):
    slicer = Slicer("scores", {"amount": "amount"})
    first = slicer.members(frame)["amount"]
    later = slicer.members(frame.assign(amount=AMOUNTS + 1000))["amount"]
    assert list(later) == [max(first, key=lambda name: ">=" in name)]


def test_until_enough_values_have_come_only_what_is_missing_is_a_slice(frame):
    """Rows at which bins are not known yet belong to none; waiting takes no room."""
    slicer = Slicer("scores", {"amount": "amount"}, n_first=200)
    gaps = frame.assign(amount=np.nan)
    assert slicer.members(frame[:150])["amount"] == {}
    assert list(slicer.members(gaps)["amount"]) == ["amount=missing"]
    size = len(pickle.dumps(slicer._parts["amount"].first))
    for _ in range(100):
        slicer.members(gaps)
    assert len(pickle.dumps(slicer._parts["amount"].first)) == size
    once = Slicer("scores", {"amount": "amount"}).members(frame[:200])["amount"]
    np.testing.assert_equal(slicer.members(frame[150:200])["amount"].keys(), once.keys())


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([7.0] * 50, ["a=7"]),
        ([None] * 50, ["a=missing"]),
        ([0.0] * 90 + list(range(1, 21)), ["a < 1", "a >= 10", "a in [1, 10)"]),
        (["1", 1, 1.0, True] * 5, ["a=1", "a=True"]),
        ([str(k) for k in range(12)], sorted(f"a={k}" for k in range(12))),
        (pd.Series(range(12)).astype("category"), sorted(f"a={k}" for k in range(12))),
        (pd.array([1, None] * 5, dtype="Int64"), ["a=1", "a=missing"]),
        (2024 + np.arange(24) / 12, ["a < 2024.4", "a >= 2025.4"]),
        ([1e308, -1e308, np.inf, *range(20)], ["a < 4", "a >= 15"]),
    ],
)
def test_odd_columns_have_slices_that_make_sense(values, names):
    """Constant, all missing, mostly zero, mixed types, digits, categories, years, huge numbers."""
    found = Slicer("scores", {"a": "a"}).members(pd.DataFrame({"a": values}))["a"]
    assert set(names) <= set(found)
    assert len(found) == len(names) or len(found) == 4


def test_a_number_that_becomes_text_later_is_missing_unless_it_is_a_number(frame):
    slicer = Slicer("scores", {"amount": "amount"})
    slicer.members(frame)
    later = pd.DataFrame({"amount": np.array(["junk", 1e6, None, True], dtype=object)})
    found = slicer.members(later)["amount"]
    assert found["amount=missing"].tolist() == [0, 2, 3]


def test_the_mask_of_a_slice_is_that_of_its_members(frame):
    for named in Slicer("scores", SLICES).members(frame).values():
        for name, rows in named.items():
            if definition_of(SLICES, name) is not None:
                mask = slice_mask("gate", SLICES, name, frame)
                np.testing.assert_array_equal(np.flatnonzero(mask), rows)
    assert not slice_mask("gate", SLICES, "shop=west", frame).any()


def test_the_name_of_a_slice_tells_its_definition():
    assert definition_of(SLICES, "large") == ("large", None)
    assert definition_of(SLICES, "shop=a=b") == ("shop", "a=b")
    assert definition_of(SLICES, "large=3") is None
    assert definition_of(SLICES, "shop") is None


def test_no_rows_are_no_slices(frame):
    members = Slicer("scores", SLICES).members(frame[:0])
    assert members["shop"] == members["n"] == {}
    assert len(members["large"]["large"]) == 0


@pytest.mark.parametrize(
    "slices",
    [
        None,
        {},
        ["shop"],
        {"": "shop"},
        {3: "shop"},
        {"a": None},
        {"a": -1},
        {"a": True},
        {"a": 1.0},
    ],
)
def test_what_does_not_define_slices_is_refused(slices):
    with pytest.raises(ValueError, match=r"scores\(slices=.*must be a dict that names slices"):
        Slicer("scores", slices)


def fails_not(X):
    return X[:, 0] > 0


@pytest.mark.parametrize("other", ["shop=3", "shop < 5", "shop >= 5", "shop in [1, 5)"])
@pytest.mark.parametrize("of", [1, fails_not], ids=["column", "function"])
def test_a_name_that_reads_as_a_slice_of_another_is_refused(other, of):
    """The rows of both would be counted as those of one."""
    with pytest.raises(ValueError, match=r"reads as a slice of 'shop'"):
        Slicer("scores", {"shop": 0, other: of})
    Slicer("scores", {"shop": 0, "shops": 1, "shop large": of, "a=b": 1})


def fails(X):
    raise KeyError("nothing")


@pytest.mark.parametrize(
    ("of", "message"),
    [
        ("prices", "'prices' is none; it has 'shop', 'amount', 'n_items'"),
        (3, "3 is none; it has 'shop'"),
        (fails, "'a' raised KeyError: 'nothing'"),
        (lambda X: np.ones(3, dtype=bool), r"'a' returned bool of shape \(3,\)"),
        (lambda X: np.ones(400), r"'a' returned float64 of shape \(400,\)"),
        (lambda X: None, r"'a' returned object of shape \(\)"),
    ],
)
def test_a_slice_that_x_does_not_have_is_refused_by_its_name(frame, of, message):
    for call in (
        lambda: Slicer("scores", {"a": of}).members(frame),
        lambda: slice_mask("scores", {"a": of}, "a" if callable(of) else "a=1", frame),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_containers_without_such_a_column_are_refused(frame):
    with pytest.raises(ValueError, match="it has 2, without names"):
        Slicer("scores", {"a": "shop"}).members(np.ones((3, 2)))
    with pytest.raises(ValueError, match="functions where X is no table"):
        Slicer("scores", {"a": 0}).members(["one text", "another"])
    with pytest.raises(ValueError, match="'a' is there twice"):
        Slicer("scores", {"a": "a"}).members(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    days = pd.date_range("2024-01-01", periods=3)
    for dates in (days, days.tz_localize("UTC"), days - days[0]):
        for X in (pd.DataFrame({"day": dates}), pl.DataFrame({"day": list(dates)})):
            with pytest.raises(ValueError, match="no columns of dates, as 'day' is; pass a funct"):
                Slicer("scores", {"day": "day"}).members(X)
    with pytest.raises(TypeError, match=r"LazyFrame.*X.collect\(\)"):
        Slicer("scores", {"a": "a"}).members(pl.DataFrame({"a": [1]}).lazy())
