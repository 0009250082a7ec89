"""The file of a matrix: arrays, and the rest as text; no pickles."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np

from ...utils._durations import duration_of
from ...utils._files import write_whole
from ...utils._params import is_integer
from ._replay import FIRST
from ._settings import checked_windows

ARRAYS = (
    *("losses_", "times_", "edges_", "chunk_rows_", "fit_seconds_", "rows_fitted_"),
    *("unpredicted_", "chunk_moments_"),
)
# What policies are told, where labels come at moments of their own.
TOLD = ("told", "rows_told")
_FORMAT = 1


def write_archive(path, facts, arrays):
    """Write a matrix; what is there before stays until the new file is whole."""
    content = io.BytesIO()
    np.savez_compressed(content, format=_FORMAT, facts=json.dumps(facts), **arrays)
    write_whole(path, content.getvalue())


def read_archive(path):
    """Return the facts and the arrays of a matrix, or raise ValueError if it is none.

    A damaged file fails here, and never later: all of it is read, and what it says fits together.
    """
    content = io.BytesIO(Path(path).read_bytes())
    if not zipfile.is_zipfile(content):
        raise ValueError(f"path={str(path)!r} is not a file that RetrainMatrix.save wrote.")
    try:
        stored = _members(content)
    except Exception as error:  # any bit may be wrong, so anything may be raised
        raise _damaged(path, f"{type(error).__name__}: {error}") from error
    found = stored.get("format")
    if np.ndim(found) or found != _FORMAT:
        raise ValueError(
            f"path={str(path)!r} has the format {found}, and this version of skretrain "
            f"reads {_FORMAT}: fit the matrix anew, or load it with the version that "
            "saved it."
        )
    missing = sorted({"facts", *ARRAYS}.difference(stored))
    if missing:
        raise ValueError(f"path={str(path)!r} lacks {missing}: it was not written whole.")
    arrays = {name: stored[name] for name in (*ARRAYS, *TOLD) if name in stored}
    try:
        facts = json.loads(str(stored["facts"]))
        wrong = _wrong_fact(facts) or _wrong_array(facts, arrays) or _wrong_told(arrays)
    except Exception as error:  # facts of any type
        raise _damaged(path, f"{type(error).__name__}: {error}") from error
    if wrong:
        raise _damaged(path, f"{wrong} does not fit the rest")
    return facts, arrays


def _damaged(path, why):
    return ValueError(f"path={str(path)!r} is damaged ({why}): fit the matrix anew and save it.")


def _members(content):
    """Return the arrays by name; members are read to their end, where checksums are compared."""
    with zipfile.ZipFile(content) as archive:
        return {
            name.removesuffix(".npy"): np.load(io.BytesIO(archive.read(name)), allow_pickle=False)
            for name in archive.namelist()
        }


def _wrong_fact(facts):
    """Return the name of a fact that cannot be, or None."""
    checked_windows(facts["windows"], moments=())
    chunk = facts["chunk"]
    valid = {
        "chunk": is_integer(chunk, least=1) or duration_of(chunk) is not None,
        "initial_size": is_integer(facts["initial_size"], least=1),
        "stride": is_integer(facts["stride"], least=1),
        "halving": isinstance(facts["halving"], bool),
        "bounded": isinstance(facts["bounded"], bool),
        "loss": facts["loss"] is None or isinstance(facts["loss"], str),
        "estimator": isinstance(facts["estimator"], str),
    }
    return next((name for name, is_valid in valid.items() if not is_valid), None)


def _wrong_array(facts, arrays):
    """Return the name of an array that does not go with the others, or None."""
    losses, times, edges, chunk_rows, seconds, fitted, unread, moments = (
        arrays[name] for name in ARRAYS
    )
    if not (edges.dtype.kind == "i" and edges.ndim == 1 and len(edges) > FIRST + 1):
        return "edges_"
    if edges[0] or edges[1] != facts["initial_size"] or (np.diff(edges) < 1).any():
        return "edges_"
    n_chunks = len(edges) - 1
    if not (times.dtype.kind == "i" and times.ndim == 1 and len(times)):
        return "times_"
    if times[0] != FIRST or times[-1] >= n_chunks or (np.diff(times) < 1).any():
        return "times_"
    shape = len(facts["windows"]), len(times)
    if not _are_counts(chunk_rows, (n_chunks,)) or (chunk_rows > np.diff(edges)).any():
        return "chunk_rows_"
    if not _are_counts(fitted, shape):
        return "rows_fitted_"
    if seconds.dtype != np.float64 or seconds.shape != shape or not _are_costs(seconds):
        return "fit_seconds_"
    if losses.dtype != np.float64 or losses.shape != (*shape, n_chunks):
        return "losses_"
    if not _are_counts(unread, losses.shape) or (unread > chunk_rows).any():
        return "unpredicted_"
    if moments.dtype != "M8[us]" or moments.shape not in ((0, 2), (n_chunks, 2)):
        return "chunk_moments_"
    if (np.diff(moments.ravel()) < np.timedelta64(0, "us")).any() or np.isnat(moments).any():
        return "chunk_moments_"
    return None if _are_losses(losses, arrays) else "losses_"


def _wrong_told(arrays):
    """Return the name of what policies are told, if it does not go with the rest, or None."""
    there = [name for name in TOLD if name in arrays]
    if not there:
        return None
    told, rows = map(arrays.get, TOLD)
    if told is None or told.dtype != np.float64 or told.shape != arrays["losses_"].shape:
        return TOLD[0]
    if rows is None or not _are_counts(rows, arrays["chunk_rows_"].shape):
        return TOLD[1]
    return None if _are_losses(told, arrays) else TOLD[0]


def _are_losses(losses, arrays):
    """Tell whether there is one wherever a model was fitted to serve."""
    chunks, times = np.arange(losses.shape[-1]), arrays["times_"]
    served = ~np.isnan(arrays["fit_seconds_"])[:, :, None] & (chunks >= times[:, None])
    return bool((losses[served] > -np.inf).all())


def _are_counts(values, shape):
    return values.dtype.kind == "i" and values.shape == shape and bool((values >= 0).all())


def _are_costs(seconds):
    """Tell whether all are times, or missing, and each window has a first fit to serve."""
    known = seconds[~np.isnan(seconds)]
    is_time = bool((np.isfinite(known) & (known >= 0)).all())
    return is_time and not np.isnan(seconds[:, 0]).any()
