"""The file of a matrix: whole or not there, and read to the last bit or refused."""

import io
import json
import os

import numpy as np
import pytest
from helpers import stream
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.naive_bayes import GaussianNB

from skretrain.model_selection import RetrainMatrix
from skretrain.model_selection._matrix._files import ARRAYS, read_archive

X, Y = stream(400, drift=200)
MATRIX = RetrainMatrix(GaussianNB(), chunk=50, windows=[70, "all"]).fit(X, Y)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("matrix") / "a.npz"
    MATRIX.save(path)
    return path.read_bytes()


def _read_or_refused(path):
    """Return whether it was read; then it is the same matrix. All else is one kind of error."""
    message = ""
    try:
        loaded = RetrainMatrix.load(path)
    except ValueError as error:
        message = str(error)
    if message:
        assert repr(str(path)) in message
        return False
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(loaded, name), getattr(MATRIX, name))
    assert loaded.oracle(3).schedule == MATRIX.oracle(3).schedule
    assert loaded.estimator_repr_ == MATRIX.estimator_repr_
    return True


@pytest.mark.no_cover
def test_every_flipped_byte_is_harmless_or_refused(saved, tmp_path):
    path, n_read = tmp_path / "b.npz", 0
    for place in range(0, len(saved), 3):
        broken = bytearray(saved)
        broken[place] ^= 0xFF
        path.write_bytes(broken)
        n_read += _read_or_refused(path)
    assert n_read < len(saved) / 6  # such as the date of a member


@pytest.mark.no_cover
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_bits_flipped_are_harmless_or_refused(data, saved, tmp_path_factory):
    broken = bytearray(saved)
    places = st.tuples(st.integers(0, len(saved) - 1), st.integers(1, 255))
    for place, bits in data.draw(st.lists(places, min_size=1, max_size=4)):
        broken[place] ^= bits
    path = tmp_path_factory.getbasetemp() / "flipped.npz"
    path.write_bytes(broken)
    _read_or_refused(path)


def test_every_truncated_file_is_refused(saved, tmp_path):
    path = tmp_path / "b.npz"
    for length in [*range(0, len(saved), 37), len(saved) - 1]:
        path.write_bytes(saved[:length])
        assert not _read_or_refused(path)


def _rewritten(saved, path, **changes):
    """Write the archive with other contents and right checksums."""
    with np.load(io.BytesIO(saved)) as stored:
        contents = dict(stored)
    facts = json.loads(str(contents["facts"]))
    for name, value in changes.items():
        if name in contents:
            contents[name] = value(contents[name])
        elif value is None:
            del facts[name]
        else:
            facts[name] = value(facts[name])
    if "facts" not in changes:
        contents["facts"] = json.dumps(facts)
    np.savez(path, **contents)


def _set(place, value):
    def change(values):
        values = values.copy()
        values[place] = value
        return values

    return change


@pytest.mark.parametrize(
    "changes",
    [
        {"facts": lambda _: "{no json"},
        {"facts": lambda _: "[1, 2]"},
        {"facts": lambda _: "null"},
        {"facts": lambda _: np.arange(3)},
        {"format": lambda _: np.arange(3)},
        {"format": lambda _: "one"},
        {"chunk": None},
        {"bounded": None},
        {"chunk": lambda _: 0},
        {"chunk": lambda _: "50"},
        {"stride": lambda _: 1.5},
        {"halving": lambda _: 1},
        {"bounded": lambda _: "yes"},
        {"loss": lambda _: 3},
        {"estimator": lambda _: None},
        {"initial_size": lambda _: 51},
        {"windows": lambda _: []},
        {"windows": lambda _: [70, "all", 90]},
        {"windows": lambda _: [70, 70]},
        {"windows": lambda _: 70},
        {"edges_": lambda e: e[:-1]},
        {"edges_": lambda e: e[:2]},
        {"edges_": lambda e: e.astype(float)},
        {"edges_": lambda e: e[:, None]},
        {"edges_": _set(0, 1)},
        {"edges_": _set(3, 0)},
        {"times_": lambda t: t[:0]},
        {"times_": lambda t: t[:-1]},
        {"times_": lambda t: t.astype(float)},
        {"times_": lambda t: t + 1},
        {"times_": lambda t: t[::-1]},
        {"times_": _set(-1, 8)},
        {"losses_": lambda v: v[:1]},
        {"losses_": lambda v: v[..., 0]},
        {"losses_": lambda v: v.astype(str)},
        {"losses_": _set((0, 2, 5), np.nan)},
        {"losses_": _set((0, 2, 5), -np.inf)},
        {"chunk_rows_": lambda v: v - 51},
        {"chunk_rows_": lambda v: v + 1},
        {"chunk_rows_": lambda v: v[1:]},
        {"rows_fitted_": lambda v: -v},
        {"rows_fitted_": lambda v: v / 2},
        {"fit_seconds_": lambda v: v[0]},
        {"fit_seconds_": lambda v: -1 - v},
        {"fit_seconds_": _set((0, 1), np.inf)},
        {"fit_seconds_": _set((0, 0), np.nan)},
        {"fit_seconds_": lambda v: v.astype(object)},
        {"unpredicted_": lambda v: -1 - v},
        {"unpredicted_": lambda v: v + 1_000},
        {"unpredicted_": lambda v: v[..., 0]},
    ],
)
def test_contents_that_do_not_fit_together_are_refused(changes, saved, tmp_path):
    path = tmp_path / "b.npz"
    _rewritten(saved, path, **changes)
    assert not _read_or_refused(path)


def test_a_rewritten_archive_that_fits_is_read(saved, tmp_path):
    path = tmp_path / "b.npz"
    _rewritten(saved, path, chunk=lambda chunk: chunk)
    assert _read_or_refused(path)


def test_matrices_of_every_setting_are_read_again(tmp_path):
    settings = [
        {"halving": True, "windows": [60, 100, "all"]},
        {"stride": 3},
        {"initial_size": 120, "chunk": 70},
        {"loss": lambda y, z: np.where(y == z, 0.0, np.nan)},
    ]
    for number, params in enumerate(settings):
        matrix = RetrainMatrix(GaussianNB(), **{"chunk": 50, "windows": [70, "all"], **params})
        path = tmp_path / f"{number}.npz"
        matrix.fit(X, Y).save(path)
        loaded = RetrainMatrix.load(path)
        assert loaded.oracle(2).schedule == matrix.oracle(2).schedule


def test_no_number_as_a_loss_is_no_end_of_it():
    matrix = RetrainMatrix(GaussianNB(), chunk=50, loss=lambda y, z: np.where(y == z, 0.0, np.nan))
    assert matrix.fit(X, Y).replay([]).loss == np.inf


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(monkeypatch, saved, tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(saved)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    other = RetrainMatrix(GaussianNB(), chunk=100).fit(X, Y)
    with pytest.raises(OSError, match="No space left"):
        other.save(path)
    assert path.read_bytes() == saved
    assert os.listdir(tmp_path) == ["a.npz"]


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.npz"):
        read_archive(tmp_path / "gone.npz")
