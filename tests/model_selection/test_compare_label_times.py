"""Policies compared where each label comes at a moment of its own: none is used too early."""

import numpy as np
import pandas as pd
import pytest
from helpers import stream
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from skretrain import DriftAwareRetrainer
from skretrain.drift import Periodic, RefitDebt
from skretrain.model_selection import RetrainMatrix, compare_policies

N, BATCH = 600, 50
X, Y = stream(N, drift=300)
EDGES = np.arange(BATCH, N + 1, BATCH)
HOURS = np.datetime64("2024-03-01T00", "us") + np.arange(N).astype("timedelta64[h]")
POLICIES = {
    "never": [],
    "each": [(chunk, "all") for chunk in range(2, 12)],
    "newest": [(chunk, 100) for chunk in range(2, 12)],
    "every 150": (Periodic(150), 100),
    "adwin": ("adwin", 100),
    "debt": (RefitDebt, 100),
    "live": DriftAwareRetrainer(GaussianNB(), random_state=0),
}


def compared(label_time=None, *, policies=POLICIES, base=None, X=X, y=Y, **options):
    base = GaussianNB() if base is None else base
    options = {"batch_size": BATCH, "prices": [5], "label_time": label_time} | options
    return compare_policies(base, X, y, policies, **options)


def late(seed=0, *, never=0.2, most=300):
    """Return a moment for each label, as a row number: known to the rows after it."""
    rng = np.random.default_rng(seed)
    moments = np.arange(N) + rng.integers(0, most, size=N).astype(float)
    moments[rng.random(N) < never] = np.nan
    moments[:BATCH] = np.arange(BATCH)
    return moments


def arriving(moments):
    """Return the rows in the order of their labels, and how many are known at each edge."""
    order = sorted(np.flatnonzero(np.isfinite(moments)), key=lambda row: (moments[row], row))
    n_known = [sum(moments[row] < edge for row in order) for edge in EDGES]
    return np.array(order), n_known


@pytest.mark.no_cover
@pytest.mark.parametrize("times", [None, HOURS])
def test_labels_that_all_take_as_long_come_out_as_a_delay_does(times):
    delay = 100
    moments = np.where(np.arange(N) < BATCH, np.arange(N), np.arange(N) + delay)
    if times is not None:
        # Known at that moment, no longer only after it.
        moments = HOURS[0] + (moments + 1).astype("timedelta64[h]")
        moments[:BATCH] = HOURS[:BATCH]
    by_row, by_delay = compared(moments, times=times), compared(label_delay=delay, times=times)
    for name in POLICIES:
        found, expected = by_row.batch_losses(name), by_delay.batch_losses(name)
        assert np.array_equal(found, expected), name
        # What an update costs is a share of a refit on all labels, of which fewer are there.
        if name != "live":
            assert by_row.cost(name, 5) == pytest.approx(by_delay.cost(name, 5)), name


@pytest.mark.parametrize("window", ["all", 100])
def test_a_refit_learns_the_labels_that_are_there_in_the_order_in_which_they_came(window):
    moments = late()
    name = "each" if window == "all" else "newest"
    result = compared(moments, policies={name: POLICIES[name]}).results[name][0]
    (order, n_known), n_fitted = arriving(moments), []
    for chunk, (edge, n) in enumerate(zip(EDGES[:-1], n_known[:-1], strict=True)):
        # The first fit, which has no window, is on all.
        rows = order[:n] if window == "all" or chunk == 0 else order[max(n - 100, 0) : n]
        model = GaussianNB().fit(X[rows], Y[rows])
        served = slice(edge, edge + BATCH)
        assert result.chunk_losses[chunk] == (model.predict(X[served]) != Y[served]).sum()
        n_fitted.append(len(rows))
    if window == "all":  # no label, no refit
        assert result.rows_per_fit.tolist() == sorted(set(n_fitted))


def test_a_policy_is_told_the_losses_of_the_present_model_on_what_came_since():
    moments, told = late(), {}

    def policy(now):
        told[now.chunk] = now
        return "all" if now.chunk == 5 else None

    compared(moments, policies={"told": policy})
    order, n_known = arriving(moments)
    for chunk, now in told.items():
        since = 1 if chunk <= 5 else 5
        rows = order[: n_known[since - 1]]
        model = GaussianNB().fit(X[rows], Y[rows])
        came = [order[n_known[c - 1] : n_known[c]] for c in range(since, chunk)]
        while came and not len(came[-1]):
            came.pop()
        assert now.rows.tolist() == [len(part) for part in came]
        expected = [(model.predict(X[part]) != Y[part]).sum() if len(part) else 0 for part in came]
        assert now.losses.tolist() == expected


def test_batches_in_which_no_label_comes_are_told_as_such():
    moments = np.where(np.arange(N) < BATCH, np.arange(N), np.nan)
    moments[100:200] = 420  # all in one batch
    found = []
    comparison = compared(moments, policies={"told": lambda now: found.append(now.rows)})
    assert [len(rows) for rows in found] == [0, 0, 0, 0, 0, 0, 0, 8, 8, 8][-len(found) :]
    assert found[-1].tolist() == [0, 0, 0, 0, 0, 0, 0, 100]
    assert comparison.results["told"][0].n_fits == 1
    never = np.where(np.arange(N) < BATCH, np.arange(N), np.inf)
    comparison = compared(never)
    assert np.array_equal(comparison.batch_losses("adwin"), comparison.batch_losses("never"))


def test_a_live_policy_learns_at_the_same_moments():
    moments = late()
    result = compared(moments).results["live"][0]
    order, n_known = arriving(moments)
    assert result.learned_rows.tolist() == order[: n_known[-1]].tolist()
    assert result.n_learned.tolist() == n_known[1:]
    assert result.label_delay is None


def test_labels_of_noise_score_by_chance():
    """Trap: who learns a label before it came beats a coin."""
    y = np.random.default_rng(0).integers(0, 2, size=N)

    class Last(ClassifierMixin, BaseEstimator):
        """Remember all rows, and answer with what is known of them."""

        def fit(self, X, y):
            self.classes_ = np.array([0, 1])
            self.known_ = dict(zip(X[:, 0].tolist(), y.tolist(), strict=True))
            return self

        def predict(self, X):
            return np.array([self.known_.get(key, 0) for key in X[:, 0].tolist()])

    comparison = compared(late(never=0), y=y, base=Last(), policies={"each": POLICIES["each"]})
    assert abs(comparison.scores("each")[0] - (y[BATCH:] == 0).mean()) < 1e-9


@pytest.mark.parametrize("window", ["3d", 72])
def test_a_window_of_days_has_the_labels_that_came_in_these_days(window):
    moments = HOURS + np.timedelta64(30, "h")  # each label 30 hours late, one per hour
    moments[:BATCH] = HOURS[:BATCH]
    policies = {"each": [(chunk, window) for chunk in range(1, 12)]}
    result = compared(moments, times=HOURS, policies=policies).results["each"][0]
    for chunk, edge in list(enumerate(EDGES[:-1]))[4:]:
        known = edge - 30 + 1  # by the moment of the next row, that of the first hour has come
        rows = slice(known - 72 - (window == "3d"), known)
        model = GaussianNB().fit(X[rows], Y[rows])
        served = slice(edge, edge + BATCH)
        assert result.chunk_losses[chunk] == (model.predict(X[served]) != Y[served]).sum()


@pytest.mark.no_cover
def test_a_column_of_the_frame_is_shown_to_no_model():
    frame = pd.DataFrame(X).add_prefix("x").assign(known=late())
    by_name = compared("known", X=frame, base=LogisticRegression())
    by_hand = compared(late(), X=frame.drop(columns="known"), base=LogisticRegression())
    for name in POLICIES:
        assert np.array_equal(by_name.batch_losses(name), by_hand.batch_losses(name))


@pytest.mark.no_cover
def test_scores_that_are_no_sum_over_rows_see_the_same_delay():
    comparison = compared(late(), scoring="roc_auc")
    assert comparison.scores("each")[0] > comparison.scores("never")[0]
    assert comparison.oracle["cost"][0] <= min(comparison.cost(n, 5) for n in POLICIES) + 1e-9


def test_rows_that_weigh_nothing_are_not_told_of_and_unread_ones_count_as_the_others():
    moments, weight, told = late(), np.ones(N), []
    weight[200:260] = 0
    compared(
        moments,
        policies={"told": lambda now: told.append(now.rows)},
        params={"sample_weight": weight},
    )
    order, n_known = arriving(moments)
    came = [order[n_known[c - 1] : n_known[c]] for c in range(1, 11)]
    assert told[-1].tolist() == [int((weight[part] > 0).sum()) for part in came]


@pytest.mark.parametrize(
    ("label_time", "options", "message"),
    [
        (np.arange(N), {"label_delay": 50}, r"compare_policies\(label_delay=50\).*0 beside label_"),
        (np.arange(N) + 60, {}, "none of the 50 rows of the first fit has a label"),
        (np.arange(N) - 1, {}, "before the row itself"),
        ("known", {}, "X has no such column"),
        (np.arange(N - 1), {}, "label_time has 599 values for 600 rows"),
    ],
)
def test_what_is_no_moment_is_refused(label_time, options, message):
    with pytest.raises(ValueError, match=message):
        compared(label_time, **options)


def saved_matrix(path):
    matrix = compared(late(), policies={"never": []}).matrices[0]
    matrix.save(path)
    return matrix


def test_a_matrix_with_moments_of_labels_replays_as_before_once_it_is_read(tmp_path):
    """It tells policies of the labels that had come, also after it was saved once more."""
    matrix = saved_matrix(tmp_path / "one.npz")
    RetrainMatrix.load(tmp_path / "one.npz").save(tmp_path / "other.npz")
    loaded, heard = RetrainMatrix.load(tmp_path / "other.npz"), []
    for one in (matrix, loaded):
        told = []
        one.replay(lambda now, told=told: told.append((now.losses.tolist(), now.rows.tolist())))
        heard.append((told, one.replay("adwin").schedule, one.oracle(5).schedule))
    assert heard[0] == heard[1]
    assert heard[0][0][-1][1] != matrix.chunk_rows_[2:].tolist()


@pytest.mark.parametrize(
    "changes",
    [
        {"told": None},
        {"told": lambda told: told[:, :-1]},
        {"told": lambda told: told.astype(str)},
        {"told": lambda told: told - np.inf},
        {"rows_told": None},
        {"rows_told": lambda rows: -1 - rows},
        {"rows_told": lambda rows: rows[1:]},
    ],
)
def test_what_policies_were_told_fits_the_rest_of_the_file_or_it_is_refused(changes, tmp_path):
    path = tmp_path / "matrix.npz"
    saved_matrix(path)
    with np.load(path) as archive:
        arrays = dict(archive)
    for name, change in changes.items():
        kept = arrays.pop(name)
        if change is not None:
            arrays[name] = change(kept)
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match="is damaged"):
        RetrainMatrix.load(path)
