"""The file of a matrix: arrays, and the rest as text; no pickles."""

import json
import zipfile

import numpy as np

ARRAYS = ("losses_", "times_", "edges_", "chunk_rows_", "fit_seconds_", "rows_fitted_")
_FORMAT = 1


def write_archive(path, facts, arrays):
    """Write a matrix."""
    with open(path, "wb") as file:  # given a name, NumPy might append to it
        np.savez_compressed(file, format=_FORMAT, facts=json.dumps(facts), **arrays)


def read_archive(path):
    """Return the facts and the arrays of a matrix, or raise ValueError if it is none."""
    if not zipfile.is_zipfile(path):
        raise ValueError(f"path={str(path)!r} is not a file that RetrainMatrix.save wrote.")
    with np.load(path, allow_pickle=False) as stored:
        found = int(stored["format"]) if "format" in stored else None
        if found != _FORMAT:
            raise ValueError(
                f"path={str(path)!r} has the format {found}, and this version of skretrain "
                f"reads {_FORMAT}: fit the matrix anew, or load it with the version that "
                "saved it."
            )
        missing = sorted({"facts", *ARRAYS}.difference(stored))
        if missing:
            raise ValueError(f"path={str(path)!r} lacks {missing}: it was not written whole.")
        return json.loads(str(stored["facts"])), {name: stored[name] for name in ARRAYS}
