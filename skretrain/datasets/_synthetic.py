"""Synthetic streams: linear concepts over Gaussian inputs that change at stated rows."""

from itertools import pairwise
from numbers import Integral, Real

import numpy as np
from scipy.linalg import helmert
from sklearn.utils import check_scalar

_DRIFTS = ("abrupt", "gradual", "recurring", "virtual", "stationary")

# Length of one move of the inputs under virtual drift, in standard deviations of one feature:
# plain for a two-sample test, and still overlapping (7 % of the rows fall on the wrong side).
_MOVE = 3.0


def make_drifting_classification(
    n_samples=10_000,
    *,
    n_features=10,
    n_informative=None,
    n_classes=2,
    drift="abrupt",
    n_drifts=None,
    drift_rows=None,
    width=None,
    noise=0.05,
    random_state=None,
):
    """Make a classification stream whose concept changes at known rows.

    Inputs are standard normal. A concept splits the informative columns into `n_classes` equally
    likely sectors, separated by hyperplanes through the origin, so a linear model can learn it.
    Two successive concepts agree on at most ``1 / n_classes`` of the rows of the stream: what was
    learned under the first is at chance or worse under the second.

    Parameters
    ----------
    n_samples : int, default=10_000
        Number of rows, at least 2.

    n_features : int, default=10
        Number of columns, at least ``n_classes - 1``; under virtual drift at least `n_classes`.

    n_informative : int, default=None
        Number of columns that the label depends on: always the first ones. Between
        ``n_classes - 1`` and `n_features`. None means half of `n_features`, or
        ``n_classes - 1`` if that is more.

    n_classes : int, default=2
        Number of classes, at least 2.

    drift : {"abrupt", "gradual", "recurring", "virtual", "stationary"}, default="abrupt"
        What happens at each drift row.

        - "abrupt": a new concept holds from that row on.
        - "gradual": over `width` rows the probability that a row follows the new concept rises
          linearly from 0 to 1.
        - "recurring": two concepts alternate: A, B, A, B, ...
        - "virtual": the mean of the inputs moves by 3 standard deviations, along a direction
          that the label does not depend on; the concept and the class shares stay.
        - "stationary": nothing, there are no drift rows.

    n_drifts : int, default=None
        Number of drifts, evenly spaced. None means 3 for recurring drift and 1 otherwise.
        Not read for a stationary stream.

    drift_rows : sequence of int, default=None
        The drift rows themselves, increasing, between 1 and ``n_samples - 1``; excludes
        `n_drifts`.

    width : int, default=None
        Rows that one gradual transition takes; a transition must end before the next one begins
        and before the stream does. None means half of the room there is for the shortest one.
        Read for gradual drift only.

    noise : float, default=0.05
        Probability that a label is replaced by another class, drawn uniformly. Nothing can
        score better than ``1 - noise``.

    random_state : int, numpy.random.Generator or None, default=None
        Seed. None means a fixed seed: two calls return the same stream.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        Inputs, in order of arrival.

    y : ndarray of shape (n_samples,), dtype int64
        Labels, from 0 to ``n_classes - 1``.

    drift_rows : ndarray of shape (n_drifts,), dtype int64
        First row of each new concept; for gradual drift the row where the transition begins, for
        virtual drift the row where the inputs move.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or two of them contradict each other.

    See Also
    --------
    make_drifting_regression : The same for a numeric target.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skretrain.datasets import make_drifting_classification
    >>> X, y, drift_rows = make_drifting_classification(2_000, noise=0.0, random_state=0)
    >>> drift_rows
    array([1000])
    >>> model = LogisticRegression().fit(X[:500], y[:500])
    >>> bool(model.score(X[500:1000], y[500:1000]) > 0.9)
    True
    >>> bool(model.score(X[1000:], y[1000:]) < 0.55)
    True
    """
    check_scalar(n_classes, "n_classes", Integral, min_val=2)
    check_scalar(noise, "noise", Real, min_val=0, max_val=1)
    n_informative = _check_widths(n_features, n_informative, n_classes - 1, drift)
    rows = _check_drift_rows(n_samples, drift, n_drifts, drift_rows)
    width = _check_transition(n_samples, drift, rows, width)

    rng = np.random.default_rng(0 if random_state is None else random_state)
    concept = _concept_of_each_row(n_samples, drift, rows, width, rng)
    subspaces = _draw_subspaces(concept.max() + 1, n_informative, n_classes - 1, rng)
    X = _draw_inputs(n_samples, n_features, drift, rows, subspaces[0], rng)

    labels = _labels_of_each_concept(X[:, :n_informative], subspaces, n_classes)
    y = labels[concept, np.arange(n_samples)]
    wrong = rng.random(n_samples) < noise
    y[wrong] = (y[wrong] + rng.integers(1, n_classes, size=wrong.sum())) % n_classes
    return X, y, rows


def make_drifting_regression(
    n_samples=10_000,
    *,
    n_features=10,
    n_informative=None,
    drift="abrupt",
    n_drifts=None,
    drift_rows=None,
    width=None,
    noise=0.1,
    random_state=None,
):
    """Make a regression stream whose concept changes at known rows.

    Inputs are standard normal. A concept is a linear function of the informative columns with
    coefficients of length 1, so that the target without noise has mean 0 and variance 1. The
    coefficients of two successive concepts are at right angles or point apart: what was learned
    under the first has an R2 of -1 or less under the second.

    Parameters
    ----------
    n_samples : int, default=10_000
        Number of rows, at least 2.

    n_features : int, default=10
        Number of columns, at least 1; under virtual drift at least 2.

    n_informative : int, default=None
        Number of columns that the target depends on: always the first ones. Between 1 and
        `n_features`. None means half of `n_features`, at least 1.

    drift : {"abrupt", "gradual", "recurring", "virtual", "stationary"}, default="abrupt"
        What happens at each drift row.

        - "abrupt": a new concept holds from that row on.
        - "gradual": over `width` rows the probability that a row follows the new concept rises
          linearly from 0 to 1.
        - "recurring": two concepts alternate: A, B, A, B, ...
        - "virtual": the mean of the inputs moves by 3 standard deviations, along a direction
          that the target does not depend on; the concept stays.
        - "stationary": nothing, there are no drift rows.

    n_drifts : int, default=None
        Number of drifts, evenly spaced. None means 3 for recurring drift and 1 otherwise.
        Not read for a stationary stream.

    drift_rows : sequence of int, default=None
        The drift rows themselves, increasing, between 1 and ``n_samples - 1``; excludes
        `n_drifts`.

    width : int, default=None
        Rows that one gradual transition takes; a transition must end before the next one begins
        and before the stream does. None means half of the room there is for the shortest one.
        Read for gradual drift only.

    noise : float, default=0.1
        Standard deviation of the Gaussian noise added to the target.

    random_state : int, numpy.random.Generator or None, default=None
        Seed. None means a fixed seed: two calls return the same stream.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        Inputs, in order of arrival.

    y : ndarray of shape (n_samples,)
        Targets.

    drift_rows : ndarray of shape (n_drifts,), dtype int64
        First row of each new concept; for gradual drift the row where the transition begins, for
        virtual drift the row where the inputs move.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or two of them contradict each other.

    See Also
    --------
    make_drifting_classification : The same for class labels.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from skretrain.datasets import make_drifting_regression
    >>> X, y, drift_rows = make_drifting_regression(2_000, drift="recurring", random_state=0)
    >>> drift_rows
    array([ 500, 1000, 1500])
    >>> model = Ridge().fit(X[:500], y[:500])
    >>> bool(model.score(X[500:1000], y[500:1000]) < -0.8)
    True
    >>> round(float(model.score(X[1000:1500], y[1000:1500])), 2)
    0.99
    """
    check_scalar(noise, "noise", Real, min_val=0)
    n_informative = _check_widths(n_features, n_informative, 1, drift)
    rows = _check_drift_rows(n_samples, drift, n_drifts, drift_rows)
    width = _check_transition(n_samples, drift, rows, width)

    rng = np.random.default_rng(0 if random_state is None else random_state)
    concept = _concept_of_each_row(n_samples, drift, rows, width, rng)
    subspaces = _draw_subspaces(concept.max() + 1, n_informative, 1, rng)
    X = _draw_inputs(n_samples, n_features, drift, rows, subspaces[0], rng)

    coef = _opposed(subspaces[:, :, 0])
    y = np.einsum("ij,ij->i", X[:, :n_informative], coef[concept])
    return X, y + noise * rng.standard_normal(n_samples), rows


def _check_widths(n_features, n_informative, n_directions, drift):
    """Return the number of informative columns of a concept that needs `n_directions`."""
    if drift not in _DRIFTS:
        raise ValueError(f"drift must be one of {', '.join(_DRIFTS)}; got {drift!r}.")
    # Virtual drift moves along a direction that the target does not depend on.
    check_scalar(n_features, "n_features", Integral, min_val=n_directions + int(drift == "virtual"))
    if n_informative is None:
        return max(n_features // 2, n_directions)
    check_scalar(n_informative, "n_informative", Integral, min_val=n_directions, max_val=n_features)
    return n_informative


def _check_drift_rows(n_samples, drift, n_drifts, drift_rows):
    """Return the drift rows as int64: the caller's, or evenly spaced ones."""
    check_scalar(n_samples, "n_samples", Integral, min_val=2)
    if drift_rows is not None:
        rows = _as_rows(drift_rows, n_samples, drift, n_drifts)
    elif drift == "stationary":
        rows = np.empty(0, dtype=np.int64)
    else:
        if n_drifts is None:
            n_drifts = 3 if drift == "recurring" else 1
        check_scalar(n_drifts, "n_drifts", Integral, min_val=1, max_val=n_samples - 1)
        rows = np.arange(1, n_drifts + 1, dtype=np.int64) * n_samples // (n_drifts + 1)
    if drift == "recurring" and len(rows) < 2:
        raise ValueError(
            f"With drift='recurring' a concept returns at the second drift, got {len(rows)}; ask "
            "for two or more, or for drift='abrupt'."
        )
    return rows


def _as_rows(drift_rows, n_samples, drift, n_drifts):
    """Return the caller's drift rows as int64, if they make sense."""
    if drift == "stationary":
        raise ValueError(
            f"drift='stationary' has no drift rows, got drift_rows={drift_rows!r}; leave it None "
            "or choose another drift."
        )
    if n_drifts is not None:
        raise ValueError(
            f"Give n_drifts or drift_rows, not both; got n_drifts={n_drifts!r} and "
            f"drift_rows={drift_rows!r}."
        )
    rows = np.asarray(drift_rows)
    integral = rows.ndim == 1 and rows.dtype.kind in "iu"
    if not integral or (np.diff([0, *rows.tolist(), n_samples]) <= 0).any():
        raise ValueError(
            "drift_rows must be increasing integers between 1 and n_samples - 1 = "
            f"{n_samples - 1}, got {drift_rows!r}; for none at all use drift='stationary'."
        )
    return rows.astype(np.int64)


def _check_transition(n_samples, drift, rows, width):
    """Return the rows that one transition takes, None where there is no transition."""
    if drift != "gradual":
        return None
    room = int(np.diff(rows, append=n_samples).min())
    if width is None:
        return max(room // 2, 1)
    check_scalar(width, "width", Integral, min_val=1)
    if width > room:
        raise ValueError(
            f"width={width} rows do not fit: the shortest stretch from a drift row to the next "
            f"one or to the end has {room}; lower width or move the drift rows apart."
        )
    return width


def _concept_of_each_row(n_samples, drift, rows, width, rng):
    """Return the number of the concept that labels each row."""
    stretch = np.searchsorted(rows, np.arange(n_samples), side="right")
    if drift == "virtual":
        return np.zeros_like(stretch)
    if drift == "recurring":
        return stretch % 2
    if drift == "gradual":
        began = np.append(-width, rows)[stretch]
        progress = (np.arange(n_samples) - began + 1) / (width + 1)
        return stretch - (rng.random(n_samples) >= progress)
    return stretch


def _draw_subspaces(n_concepts, n_informative, n_directions, rng):
    """Return one orthonormal basis per concept, (n_concepts, n_informative, n_directions)."""
    basis, _ = np.linalg.qr(rng.standard_normal((n_concepts, n_informative, n_directions)))
    return basis


def _draw_inputs(n_samples, n_features, drift, rows, subspace, rng):
    """Return the inputs: standard normal, under virtual drift with a mean that moves."""
    X = rng.standard_normal((n_samples, n_features))
    if drift == "virtual":
        moves = rng.standard_normal((len(rows), n_features))
        moves[:, : len(subspace)] -= moves[:, : len(subspace)] @ subspace @ subspace.T
        moves *= _MOVE / np.linalg.norm(moves, axis=1, keepdims=True)
        for row, move in zip(rows, moves, strict=True):
            X[row:] += move
    return X


def _labels_of_each_concept(X, subspaces, n_classes):
    """Return the label of each row under each concept, (n_concepts, n_samples)."""
    # The columns of a Helmert matrix are the corners of a regular simplex: the nearest corner of
    # a standard normal point is each corner equally often.
    labels = (X @ subspaces @ helmert(n_classes)).argmax(axis=2)
    for previous, current in pairwise(labels):
        # Of the n_classes cyclic renamings exactly one agrees with the previous label of a row,
        # so the renaming that agrees least often does so on at most 1 / n_classes of the rows.
        agreement = np.bincount((previous - current) % n_classes, minlength=n_classes)
        current += agreement.argmin()
        current %= n_classes
    return labels


def _opposed(coef):
    """Return `coef` with the sign of each row such that it never points along the one before."""
    for previous, current in pairwise(coef):
        if previous @ current > 0:
            current *= -1
    return coef
