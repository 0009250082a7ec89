"""RetrainMatrix: its cells, what is replayed on it, and the best schedule in hindsight."""

import itertools
import math

import joblib
import numpy as np
import pandas as pd
import pytest
from helpers import stream
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.cluster import KMeans
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skretrain import DriftAwareRetrainer
from skretrain.drift import BaseTrigger, ErrorDrift, Periodic, Signal
from skretrain.model_selection import ReplayState, RetrainMatrix, prequential_validate
from skretrain.model_selection._matrix._policies import losses_like
from skretrain.policies import FullRefit

X, Y = stream(1010, drift=500)
MATRIX = RetrainMatrix(GaussianNB(), chunk=100, windows=[150, "all"]).fit(X, Y)
LAST = 10  # the last chunk, of 10 rows


def errors(model, rows):
    return float((model.predict(X[rows]) != Y[rows]).sum())


def small(n_chunks, seed, windows=(20, "all")):
    """Return a matrix with random losses, that no fit has produced."""
    rng = np.random.default_rng(seed)
    size = 40 + 10 * (n_chunks - 1)
    matrix = RetrainMatrix(DummyRegressor(), chunk=10, windows=list(windows), initial_size=40)
    matrix.fit(np.zeros((size, 1)), np.zeros(size))
    triangle = np.isnan(matrix.losses_)
    matrix.losses_ = rng.integers(0, 10, size=triangle.shape).astype(float)
    matrix.losses_[triangle] = np.nan
    matrix.fit_seconds_ = rng.random(matrix.fit_seconds_.shape)
    return matrix


# -- cells -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("initial_size", [None, 230])
def test_a_cell_is_the_loss_of_a_model_fitted_by_hand(initial_size):
    """On the newest rows before the chunk, and on no later row."""
    matrix = RetrainMatrix(
        GaussianNB(), chunk=100, windows=[150, "all"], initial_size=initial_size
    ).fit(X, Y)
    edges = [0, *range(initial_size or 100, 1010, 100), 1010]
    np.testing.assert_array_equal(matrix.edges_, edges)
    for number, time in enumerate(matrix.times_):
        stop = edges[time]
        for window, start in enumerate([max(stop - 150, 0), 0]):
            model = GaussianNB().fit(X[start:stop], Y[start:stop])
            expected = [
                np.nan if chunk < time else errors(model, slice(edges[chunk], edges[chunk + 1]))
                for chunk in range(len(edges) - 1)
            ]
            np.testing.assert_array_equal(matrix.losses_[window, number], expected)
            assert matrix.rows_fitted_[window, number] == stop - start
            assert matrix.fit_seconds_[window, number] >= 0
    np.testing.assert_array_equal(matrix.chunk_rows_, np.diff(edges))


def test_labels_that_are_noise_score_chance_in_every_cell():
    """Trap 16: no model may have seen a row that it is scored on."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(2000, 3)), rng.integers(0, 2, 2000)
    tree = DecisionTreeClassifier(random_state=0)
    matrix = RetrainMatrix(tree, chunk=200, windows=[400, "all"]).fit(X, y)
    rates = (matrix.losses_ / matrix.chunk_rows_)[~np.isnan(matrix.losses_)]
    assert 0.48 < rates.mean() < 0.52
    assert rates.min() > 0.35


def test_windows_that_hold_the_same_rows_share_one_fit():
    n_fits = []

    class Counts(GaussianNB):
        def fit(self, X, y):
            n_fits.append(len(X))
            return super().fit(X, y)

    RetrainMatrix(Counts(), chunk=100, windows=[150, 300, "all"]).fit(X[:500], Y[:500])
    assert n_fits == [100, 150, 200, 150, 300, 150, 300, 400]


def test_each_fit_time_draws_a_seed_of_its_own():
    class Seeded(RegressorMixin, BaseEstimator):
        def __init__(self, random_state=None):
            self.random_state = random_state

        def fit(self, X, y):
            return self

        def predict(self, X):
            return np.full(len(X), float(self.random_state))

    matrix = RetrainMatrix(Seeded(), chunk=100, windows=["all"], random_state=0)
    last = matrix.fit(X[:500], np.zeros(500)).losses_[0, :, -1]
    assert len(set(last)) == 4


@pytest.mark.parametrize(
    ("loss", "oracle"),
    [
        (None, lambda y, z: np.abs(y - z).mean(axis=-1)),
        ("absolute_error", lambda y, z: np.abs(y - z).mean(axis=-1)),
        ("squared_error", lambda y, z: ((y - z) ** 2).mean(axis=-1)),
        (lambda y, z: ((y - z) ** 4).mean(axis=-1), lambda y, z: ((y - z) ** 4).mean(axis=-1)),
    ],
)
def test_the_loss_of_a_regressor_is_what_it_is_called(loss, oracle):
    rng = np.random.default_rng(0)
    targets = X[:300, :2] + rng.normal(size=(300, 2))
    matrix = RetrainMatrix(LinearRegression(), chunk=100, windows=["all"], loss=loss)
    matrix.fit(X[:300], targets)
    model = LinearRegression().fit(X[:100], targets[:100])
    expected = oracle(targets[100:200], model.predict(X[100:200])).sum()
    np.testing.assert_allclose(matrix.losses_[0, 0, 1], expected)


def test_the_squared_error_of_one_output_counts_what_is_no_number_as_infinite():
    class Diverges(DummyRegressor):
        def predict(self, X):
            return np.where(X[:, 0] > 0, np.nan, 2.0)

    X = np.array([0.0, 0, 0, 0, 1, 1]).reshape(-1, 1)
    matrix = RetrainMatrix(Diverges(), chunk=2, windows=["all"], loss="squared_error")
    matrix.fit(X, np.ones(6))
    np.testing.assert_array_equal(matrix.losses_[0, 0], [np.nan, 2, np.inf])
    assert matrix.oracle(1).loss == np.inf


def test_outlier_detectors_can_be_compared_by_a_loss_of_ones_own():
    """Such as the distance to the nearest centre, by labels that clustering does not look at."""
    loss = lambda y, z: (y != z).astype(float)  # noqa: E731
    base = KMeans(1, n_init=1, random_state=0)
    matrix = RetrainMatrix(base, chunk=100, windows=["all"], loss=loss).fit(X, Y)
    assert matrix.replay([]).mean_loss == (Y[100:] != 0).mean()


# -- data that is not plain ------------------------------------------------------------------------


def test_a_window_with_one_class_is_topped_up_from_the_rows_before_it():
    """Trap 29: LogisticRegression refuses a single class. The newest 5 rows of it are added."""
    y = np.tile([0, 1], 200)
    y[200:] = 1
    matrix = RetrainMatrix(LogisticRegression(), chunk=50, windows=[40]).fit(X[:400], y)
    time = 6
    assert matrix.rows_fitted_[0, time - 1] == 45
    rows = np.r_[190:200:2, 260:300]
    model = LogisticRegression().fit(X[rows], y[rows])
    assert matrix.losses_[0, time - 1, time] == (model.predict(X[300:350]) != 1).sum()


def test_before_a_second_class_came_the_only_one_is_predicted():
    y = np.ones(300, dtype=int)
    y[150:] = 0
    matrix = RetrainMatrix(LogisticRegression(), chunk=100, windows=["all"]).fit(X[:300], y)
    np.testing.assert_array_equal(matrix.losses_[0, 0], [np.nan, 50, 100])


def test_several_outputs_are_averaged_and_not_topped_up():
    targets = np.column_stack([Y, 1 - Y])[:300]
    base = DecisionTreeClassifier(random_state=0)
    matrix = RetrainMatrix(base, chunk=100, windows=["all"]).fit(X[:300], targets)
    model = DecisionTreeClassifier(random_state=0).fit(X[:100], targets[:100])
    wrong = model.predict(X[100:200]) != targets[100:200]
    assert matrix.losses_[0, 0, 1] == wrong.mean(axis=1).sum()


@pytest.mark.parametrize("container", [pd.DataFrame, sparse.csr_matrix, lambda X: X.tolist()])
def test_every_container_gives_the_same_matrix(container):
    base = LogisticRegression()
    expected = RetrainMatrix(base, chunk=100, windows=[150]).fit(X[:400], Y[:400])
    found = RetrainMatrix(base, chunk=100, windows=[150]).fit(container(X[:400]), list(Y[:400]))
    np.testing.assert_array_equal(found.losses_, expected.losses_)


def test_weights_reach_the_fit_and_rows_of_weight_zero_are_not_scored():
    weight = np.random.default_rng(0).integers(0, 4, 300).astype(float)
    matrix = RetrainMatrix(GaussianNB(), chunk=100, windows=["all"])
    matrix.fit(X[:300], Y[:300], sample_weight=weight)
    model = GaussianNB().fit(X[:100], Y[:100], weight[:100])
    wrong = (model.predict(X[100:200]) != Y[100:200]) & (weight[100:200] > 0)
    assert matrix.losses_[0, 0, 1] == wrong.sum()
    np.testing.assert_array_equal(matrix.chunk_rows_, np.add.reduceat(weight > 0, [0, 100, 200]))
    plain = RetrainMatrix(GaussianNB(), chunk=100, windows=["all"])
    plain.fit(X[:300], Y[:300], sample_weight=None)
    assert plain.chunk_rows_.tolist() == [100, 100, 100]


@pytest.mark.no_cover
def test_pipelines_and_seeds_do_not_depend_on_the_number_of_jobs():
    tree = DecisionTreeClassifier(max_features=1)
    base = make_pipeline(StandardScaler(), tree)
    params = {"chunk": 100, "windows": [200, "all"], "random_state": 3}
    one = RetrainMatrix(base, **params).fit(X[:600], Y[:600])
    with joblib.parallel_config("threading"):
        two = RetrainMatrix(base, n_jobs=2, **params).fit(X[:600], Y[:600])
    other = RetrainMatrix(base, **{**params, "random_state": 4}).fit(X[:600], Y[:600])
    np.testing.assert_array_equal(one.losses_, two.losses_)
    np.testing.assert_array_equal(one.rows_fitted_, two.rows_fitted_)
    assert not np.array_equal(one.losses_, other.losses_, equal_nan=True)
    assert tree.random_state is None


# -- fewer fits ------------------------------------------------------------------------------------


def test_with_a_stride_a_schedule_gets_the_nearest_earlier_fit():
    coarse = RetrainMatrix(GaussianNB(), chunk=100, windows=[150, "all"], stride=3).fit(X, Y)
    np.testing.assert_array_equal(coarse.times_, [1, 4, 7, 10])
    np.testing.assert_array_equal(coarse.losses_, MATRIX.losses_[:, ::3])
    wanted = coarse.replay([(6, "all"), (9, 150)])
    assert wanted.schedule == [(1, "all"), (6, "all"), (9, 150)]
    got = MATRIX.losses_
    expected = np.r_[got[1, 0, 1:6], got[1, 3, 6:9], got[0, 6, 9:]]
    np.testing.assert_array_equal(wanted.chunk_losses, expected)
    np.testing.assert_array_equal(wanted.rows_per_fit, [100, 400, 150])


@pytest.mark.no_cover
def test_halving_fits_the_better_windows_at_more_times():
    """All at every 4th time, the better two of three at every 2nd, the best at all."""
    X, y = stream(2600, drift=None, seed=1)
    params = {"chunk": 100, "windows": [30, 300, "all"], "loss": "zero_one"}
    y = np.where(np.random.default_rng(0).random(2600) < 0.2, 1 - y, y)
    tree = DecisionTreeClassifier(max_depth=4, random_state=0)
    full = RetrainMatrix(tree, **params).fit(X, y)
    spared = RetrainMatrix(tree, halving=True, **params).fit(X, y)
    fitted = ~np.isnan(spared.fit_seconds_)
    np.testing.assert_array_equal(fitted[0], np.arange(25) % 4 == 0)
    np.testing.assert_array_equal(fitted[1], np.arange(25) % 2 == 0)
    assert fitted[2].all()
    np.testing.assert_array_equal(spared.losses_[fitted], full.losses_[fitted])
    assert np.isnan(spared.losses_[~fitted]).all()
    assert (spared.rows_fitted_[~fitted] == 0).all()
    assert spared.replay([(8, 30)]).rows_per_fit.tolist() == [100, 30]
    assert spared.replay([(8, 30)]).loss == full.replay([(5, 30)]).loss - _change(full, 5, 8)


def _change(full, early, late):
    """Return what a fit on 30 rows changes between two chunks, if it serves from the earlier."""
    kept, fitted = full.losses_[2, 0], full.losses_[0, early - 1]
    return (fitted - kept)[early:late].sum()


def test_halving_of_one_window_fits_all():
    one = RetrainMatrix(GaussianNB(), chunk=100, windows=["all"], halving=True).fit(X, Y)
    np.testing.assert_array_equal(one.losses_[0], MATRIX.losses_[1])


# -- replay ----------------------------------------------------------------------------------------


def live(trigger, window, *, label_delay=0, base=None):
    """Run a policy live: an alarm refits on that window, and nothing else is learned."""
    model = DriftAwareRetrainer(
        base or GaussianNB(),
        detector=trigger,
        policy=FullRefit(window, min_rows=1, grow=False),
        update=None,
    )
    return prequential_validate(model, X, Y, batch_size=100, label_delay=label_delay)


@pytest.mark.parametrize("label_delay", [0, 100, 300])
@pytest.mark.parametrize("window", [150, "all"])
@pytest.mark.parametrize("every", [100, 300])
@pytest.mark.no_cover
def test_a_periodic_schedule_loses_what_it_loses_live(every, window, label_delay):
    """Bit for bit, chunk by chunk, with the fits of the live run; also when labels come late."""
    run = live(Periodic(every), window, label_delay=label_delay)
    found = MATRIX.replay(Periodic(every), window=window, label_delay=label_delay)
    wrong = np.add.reduceat(run.y_true != run.y_pred, run.batch_rows - 100)
    np.testing.assert_array_equal(found.chunk_losses, wrong)
    chunks = [chunk for chunk, _ in found.schedule[1:]]
    # The live run may also refit after the last chunk, when nothing is left to serve.
    assert chunks == [row // 100 for row in run.refit_rows if row < 1010]
    assert found.mean_loss == pytest.approx(1 - run.score)


@pytest.mark.parametrize("label_delay", [0, 200])
def test_a_drift_detector_rings_as_it_does_live(label_delay):
    found = MATRIX.replay("adwin", window=150, label_delay=label_delay)
    run = live("adwin", 150, label_delay=label_delay)
    assert found.n_fits == 2
    assert found.schedule[1] == (run.refit_rows[0] // 100, 150)
    assert found.loss == (run.y_true != run.y_pred).sum()


def test_a_sequence_serves_each_fit_until_the_next():
    result = MATRIX.replay([(3, 150), (7, "all")])
    losses = MATRIX.losses_
    parts = [losses[1, 0, 1:3], losses[0, 2, 3:7], losses[1, 6, 7:]]
    np.testing.assert_array_equal(result.chunk_losses, np.concatenate(parts))
    assert result.loss == sum(part.sum() for part in parts)
    assert result.mean_loss == result.loss / 910
    assert result.schedule == [(1, "all"), (3, 150), (7, "all")]
    np.testing.assert_array_equal(result.rows_per_fit, [100, 150, 700])
    assert result.rows_fitted == 950
    seconds = MATRIX.fit_seconds_[1, 0] + MATRIX.fit_seconds_[0, 2] + MATRIX.fit_seconds_[1, 6]
    assert result.fit_seconds == pytest.approx(seconds)
    assert result.cost(7) == result.loss + 14
    assert result.cost(lambda rows, seconds: rows / 10) == result.loss + 85


def test_never_is_the_empty_sequence_and_the_first_fit_can_be_chosen():
    assert MATRIX.replay([]).schedule == [(1, "all")]
    assert MATRIX.replay([(1, 150)]).schedule == [(1, 150)]
    ints = RetrainMatrix(GaussianNB(), chunk=100, windows=[50, 80, 20]).fit(X, Y)
    assert ints.replay([]).schedule == [(1, 80)]


def test_a_callable_is_told_what_is_known_at_the_time():
    """Losses of the present model, on the chunks whose labels have come since it was fitted."""
    seen = []

    def policy(now):
        seen.append(now)
        return 150 if now.chunk == 5 else None

    MATRIX.replay(policy)
    assert [now.chunk for now in seen] == list(range(2, LAST + 1))
    assert [now.age for now in seen] == [1, 2, 3, 4, 1, 2, 3, 4, 5]
    for now in seen[:4]:
        np.testing.assert_array_equal(now.losses, MATRIX.losses_[1, 0, 1 : now.chunk])
        assert (now.window, now.n_fits, now.rows_fitted) == ("all", 1, 100)
    for now in seen[4:]:
        np.testing.assert_array_equal(now.losses, MATRIX.losses_[0, 4, 5 : now.chunk])
        np.testing.assert_array_equal(now.rows, [100] * now.age)
        assert (now.window, now.n_fits, now.rows_fitted) == (150, 2, 250)
        assert now.fit_seconds == MATRIX.fit_seconds_[1, 0] + MATRIX.fit_seconds_[0, 4]


def test_late_labels_are_not_told_early():
    seen = []
    MATRIX.replay(
        lambda now: seen.append(now) or (150 if now.chunk == 5 else None), label_delay=200
    )
    assert [len(now.losses) for now in seen] == [0, 0, 1, 2, 1, 2, 3, 4, 5]
    np.testing.assert_array_equal(seen[-1].losses, MATRIX.losses_[0, 2, 3:8])


@pytest.mark.parametrize("keep", [None, False, np.False_])
@pytest.mark.parametrize("refit", [True, np.True_, 150])
def test_a_callable_may_answer_by_yes_and_no(keep, refit):
    answer = lambda now: refit if now.chunk in (4, 6) else keep  # noqa: E731
    expected = [(1, "all"), (4, 150), (6, 150)]
    assert MATRIX.replay(answer, window=150).schedule == expected


def test_the_loss_that_is_expected_is_that_of_the_first_chunk():
    losses, rows = np.array([10.0, 30]), np.array([100, 50])
    state = lambda n: ReplayState(9, "all", n, losses[:n], rows[:n], 1, 0.1, 100)  # noqa: E731
    assert state(1).expected == state(2).expected == 0.1
    assert math.isnan(state(0).expected)
    unscored = ReplayState(9, "all", 1, np.array([0.0]), np.array([0]), 1, 0.1, 100)
    assert math.isnan(unscored.expected)


def debt_of(now):
    """Return the summed loss beyond that of the first chunk; better chunks pay nothing back."""
    if len(now.rows) < 2:
        return 0.0
    excess = now.losses - now.expected * now.rows
    return float(excess[excess > 0].sum())


def when_debt(price):
    return lambda now: debt_of(now) >= price and "all"


def test_a_higher_price_of_debt_never_buys_more_fits():
    """At no price it refits at every chunk, at an infinite one never."""
    n_fits = [MATRIX.replay(when_debt(price)).n_fits for price in (0, 1, 5, 20, 80, np.inf)]
    assert n_fits == sorted(n_fits, reverse=True)
    assert n_fits[0] == LAST
    assert n_fits[-1] == 1


def test_a_trigger_is_cloned_and_told_of_every_fit():
    class Told(BaseTrigger):
        log = []

        def reset(self):
            return self

        def update(self, batch):
            Told.log.append((batch.start, batch.n_rows, float(batch.loss.sum()), batch.bounded))
            return Signal("drift" if batch.start == 300 else "stable")

        def after_fit(self, fit, reference, answered):
            Told.log.append((fit.row, fit.n_rows, answered))

    trigger = Told()
    assert MATRIX.replay(trigger, window=150).schedule == [(1, "all"), (4, 150)]
    assert not hasattr(trigger, "seen_")
    losses = MATRIX.losses_
    served = [(100 * c, 100, losses[1, 0, c], True) for c in (1, 2, 3)]
    later = [(100 * c, 100, losses[0, 3, c], True) for c in range(4, LAST)]
    assert Told.log == [(100, 100, False), *served, (400, 150, True), *later]


@given(total=st.integers(0, 60), n=st.integers(1, 60))
def test_errors_shown_to_a_trigger_have_the_right_number_evenly_spread(total, n):
    """All errors at one end of a chunk would look like a drift in it."""
    total = min(total, n)
    losses = losses_like(float(total), n, True)
    assert set(losses) <= {0.0, 1.0}
    assert losses.sum() == total
    assert abs(losses[: n // 2].sum() - total * (n // 2) / n) <= 1


def test_other_losses_are_shown_as_their_mean():
    np.testing.assert_array_equal(losses_like(1.5, 3, True), [0.5, 0.5, 0.5])
    np.testing.assert_array_equal(losses_like(6.0, 3, False), [2, 2, 2])
    assert len(losses_like(0.0, 0, False)) == 0
    assert len(losses_like(0.0, 0, True)) == 0


# -- the best schedule in hindsight ----------------------------------------------------------------


def all_schedules(n_chunks, windows):
    """Yield every schedule: each chunk after the first either keeps, or fits on a window."""
    for first in windows:
        for choice in itertools.product([None, *windows], repeat=n_chunks - 2):
            refits = [(chunk, w) for chunk, w in enumerate(choice, start=2) if w is not None]
            yield [(1, first), *refits]


@pytest.mark.parametrize("label_delay", [0, 20])
@pytest.mark.parametrize("cost", [0, 3, 12.0, lambda rows, seconds: rows / 10 + seconds])
@pytest.mark.parametrize(("n_chunks", "seed"), [(2, 0), (4, 1), (7, 2), (7, 3)])
@pytest.mark.no_cover
@pytest.mark.thinned(5)
def test_the_oracle_is_the_best_of_all_schedules(n_chunks, seed, cost, label_delay):
    """By brute force; of several equally good ones, it has the fewest fits."""
    matrix = small(n_chunks, seed)
    found = matrix.oracle(cost, label_delay=label_delay)
    tried = [
        matrix.replay(schedule, label_delay=label_delay)
        for schedule in all_schedules(n_chunks, matrix.windows)
    ]
    best = min(result.cost(cost) for result in tried)
    assert found.cost(cost) == pytest.approx(best, abs=1e-9)
    again = matrix.replay(found.schedule, label_delay=label_delay)
    np.testing.assert_array_equal(again.chunk_losses, found.chunk_losses)
    if not callable(cost):
        fewest = min(result.n_fits for result in tried if result.cost(cost) == best)
        assert found.n_fits == fewest


def test_at_an_infinite_price_the_oracle_never_refits():
    for seed in range(5):
        matrix = small(6, seed)
        first_fits = [matrix.replay([(1, window)]) for window in matrix.windows]
        assert matrix.oracle(np.inf).n_fits == 1
        assert matrix.oracle(1e9).loss == min(result.loss for result in first_fits)


@pytest.mark.no_cover
@given(seed=st.integers(0, 1000))
def test_a_higher_price_never_buys_more_refits_nor_a_lower_loss(seed):
    results = [small(9, seed).oracle(price) for price in (0, 1, 2, 4, 8, 16, np.inf)]
    assert [r.n_fits for r in results] == sorted((r.n_fits for r in results), reverse=True)
    assert [r.loss for r in results] == sorted(r.loss for r in results)


def test_no_policy_beats_the_oracle():
    policies = [[], [(c, "all") for c in range(2, 11)], when_debt(10), "adwin", Periodic(200)]
    for price in (0, 5, 50):
        best = MATRIX.oracle(price).cost(price)
        assert all(MATRIX.replay(policy).cost(price) >= best for policy in policies)


# -- files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["zero_one", lambda y, z: np.where(y != z, 3.0, 0.0)])
def test_a_saved_matrix_replays_as_before(tmp_path, loss):
    matrix = RetrainMatrix(GaussianNB(), chunk=100, windows=[150, "all"], stride=2, loss=loss)
    path = tmp_path / "history.matrix"
    matrix.fit(X, Y).save(path)
    loaded = RetrainMatrix.load(path)
    assert loaded.estimator is None
    assert loaded.estimator_repr_ == "GaussianNB()"
    assert (loaded.chunk, loaded.windows, loaded.stride) == (100, [150, "all"], 2)
    for policy in ([(4, 150)], when_debt(5), "adwin"):
        one, other = matrix.replay(policy), loaded.replay(policy)
        assert one.schedule == other.schedule
        np.testing.assert_array_equal(one.chunk_losses, other.chunk_losses)
        np.testing.assert_array_equal(one.seconds_per_fit, other.seconds_per_fit)
    assert loaded.oracle(3).schedule == matrix.oracle(3).schedule
    with pytest.raises(ValueError, match="estimator=None"):
        loaded.fit(X, Y)


def test_foreign_files_and_formats_are_refused(tmp_path):
    text, foreign, newer = tmp_path / "a.txt", tmp_path / "b.npz", tmp_path / "c.npz"
    text.write_text("no matrix")
    np.savez(foreign, x=1)
    np.savez(newer, format=99)
    with pytest.raises(ValueError, match=r"a\.txt' is not a file that RetrainMatrix\.save wrote"):
        RetrainMatrix.load(text)
    with pytest.raises(ValueError, match="format None, and this version"):
        RetrainMatrix.load(foreign)
    with pytest.raises(ValueError, match="format 99, and this version"):
        RetrainMatrix.load(newer)
    np.savez(newer, format=1)
    with pytest.raises(ValueError, match=r"lacks \['chunk_moments_', .*was not written whole"):
        RetrainMatrix.load(newer)


# -- errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"chunk": 0}, "RetrainMatrix.chunk=0.: chunk must be an integer"),
        ({"chunk": 1010}, "chunk=1010 leaves none of the 1010 rows"),
        ({"initial_size": 0}, "initial_size=0"),
        ({"initial_size": 2000}, "initial_size=2000 leaves none"),
        ({"stride": 0}, "stride=0.: stride must be an integer"),
        ({"stride": True}, "stride=True"),
        ({"stride": 1.5}, r"stride=1\.5"),
        ({"windows": "all"}, "windows='all'.: windows must be a list"),
        ({"windows": []}, r"windows=\[\]"),
        ({"windows": [0]}, r"windows=\[0\]"),
        ({"windows": [True]}, r"windows=\[True\]"),
        ({"windows": [2.5]}, r"windows=\[2\.5\]"),
        ({"windows": ["since_drift"]}, "'since_drift'"),
        ({"windows": [50, np.int64(50)]}, "names a window twice"),
        ({"loss": "accuracy"}, "loss='accuracy'.: loss must be one of"),
        ({"loss": ["zero_one"]}, r"loss=\['zero_one'\]"),
        ({"random_state": -1}, "random_state must be an integer from 0"),
        ({"random_state": "a"}, "random_state must be an integer"),
        ({"loss": lambda y, z: np.ones(3)}, r"loss returned an array of shape \(3,\)"),
        ({"estimator": KMeans(2)}, "loss=None has no meaning for KMeans"),
    ],
)
def test_bad_parameters_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        RetrainMatrix(**{"estimator": GaussianNB(), **params}).fit(X, Y)


def test_targets_are_needed():
    with pytest.raises(ValueError, match="y=None"):
        RetrainMatrix(GaussianNB()).fit(X, None)


@pytest.mark.parametrize(
    ("policy", "params", "message"),
    [
        ([(0, "all")], {}, "chunk 0 is out of range or order"),
        ([(11, "all")], {}, "chunk 11 is out of range or order: chunks must rise, from 1 to 10"),
        ([(5, "all"), (5, 150)], {}, "chunk 5 is out of range"),
        ([(2.5, "all")], {}, r"chunk 2\.5"),
        ([(5, 300)], {}, r"300 is not among the windows \[150, 'all'\]"),
        (None, {}, "policy=None must be a list of"),
        ([1, 2], {}, r"policy=\[1, 2\] must be"),
        ([(1, "all", 3)], {}, r"pairs, a function"),
        ("often", {}, "policy='often' must be .* or 'adwin'"),
        (ErrorDrift, {}, "policy=<class .* must be .* such as"),
        (GaussianNB(), {}, r"policy=GaussianNB\(\) must be"),
        (lambda now: 300, {}, "policy: 300 is not among"),
        ([], {"window": True}, "window: True is not among"),
        ("adwin", {"window": 7}, "window: 7 is not among"),
        ([], {"label_delay": 150}, "label_delay=150.*multiple of chunk=100"),
        ([], {"label_delay": -1}, "label_delay=-1"),
        (ErrorDrift(loss="log_loss"), {}, r"looks at \['y_proba'\].*prequential_validate"),
    ],
)
def test_bad_policies_are_refused(policy, params, message):
    with pytest.raises(ValueError, match=message):
        MATRIX.replay(policy, **params)


@pytest.mark.parametrize("missing", [np.nan, np.inf, None])
def test_missing_targets_are_counted_and_refused(missing):
    """The last one would be learned by no fit, and count as an error of every schedule."""
    y = Y.astype(object if missing is None else float)
    y[-1] = missing
    with pytest.raises(ValueError, match="y has 1 missing or infinite"):
        RetrainMatrix(GaussianNB()).fit(X, y)


@pytest.mark.parametrize("labels", [["no", "yes"], [False, True]])
def test_a_loss_of_numbers_is_refused_for_labels_that_are_none(labels):
    y = np.array(labels)[(Y > 0).astype(int)]
    with pytest.raises(ValueError, match="needs numbers as targets, and y holds ('|T|F)"):
        RetrainMatrix(GaussianNB(), loss="squared_error").fit(X, y)


class _Stops(GaussianNB):
    """Stop in the middle of a matrix, once there is one to be spoilt."""

    stop = False

    def fit(self, X, y):
        if _Stops.stop and len(X) == 300:
            raise KeyboardInterrupt
        return super().fit(X, y)


def test_an_interrupted_fit_leaves_the_matrix_as_it_was(monkeypatch):
    matrix = RetrainMatrix(_Stops(), chunk=100, windows=["all"]).fit(X, Y)
    before = matrix.oracle(5)
    blank = RetrainMatrix(_Stops(), chunk=100)
    monkeypatch.setattr(_Stops, "stop", True)
    for interrupted in (matrix, blank):
        with pytest.raises(KeyboardInterrupt):
            interrupted.fit(X[:600], Y[:600])
    assert matrix.oracle(5).schedule == before.schedule
    assert matrix.oracle(5).loss == before.loss
    with pytest.raises(NotFittedError):
        blank.replay([])


def test_a_delay_is_counted_in_the_chunks_that_were_fitted():
    """Whatever the parameter is set to for the next fit."""
    matrix = RetrainMatrix(GaussianNB(), chunk=100).fit(X, Y)
    often = [(chunk, "all") for chunk in range(2, 10)]
    before = matrix.replay(often, label_delay=200).loss
    matrix.set_params(chunk=50)
    assert matrix.replay(often, label_delay=200).loss == before
    with pytest.raises(ValueError, match="multiple of chunk=100"):
        matrix.replay(often, label_delay=150)


def test_where_no_row_counts_there_is_no_mean_loss():
    weight = np.r_[np.ones(100), np.zeros(910)]
    matrix = RetrainMatrix(DecisionTreeClassifier(), chunk=100, windows=["all"])
    assert math.isnan(matrix.fit(X, Y, sample_weight=weight).replay([]).mean_loss)


def test_a_bool_is_no_window():
    """Although True equals 1."""
    matrix = RetrainMatrix(LinearRegression(), chunk=5, windows=[1, "all"])
    matrix.fit(X[:20], X[:20, 0])
    with pytest.raises(ValueError, match="True is not among"):
        matrix.replay([(2, True)])


@pytest.mark.parametrize("cost", [-1, np.nan, "much", True, lambda rows, seconds: -1])
def test_a_cost_is_a_number_of_at_least_zero(cost):
    with pytest.raises(ValueError, match="cost must be a number of at least 0"):
        MATRIX.oracle(cost)


@pytest.mark.parametrize(
    "use", [lambda m: m.replay([]), lambda m: m.oracle(), lambda m: m.save("")]
)
def test_an_unfitted_matrix_says_so(use):
    with pytest.raises(NotFittedError):
        use(RetrainMatrix(GaussianNB()))


def test_the_estimator_is_left_as_it_was():
    base = DecisionTreeRegressor(random_state=0)
    RetrainMatrix(base, chunk=100).fit(X[:300], X[:300, 0])
    assert not hasattr(base, "tree_")


@pytest.mark.parametrize("policy", [Periodic(100), lambda now: True, "every chunk"])
def test_between_two_moments_of_a_stride_there_is_nothing_to_pay_for(policy):
    """Whoever asks for a refit at every chunk gets those that there are, once."""
    matrix = RetrainMatrix(GaussianNB(), chunk=100, windows=["all"], stride=5).fit(X, Y)
    moments = [(int(chunk), "all") for chunk in matrix.times_]
    if policy == "every chunk":
        policy = [(chunk, "all") for chunk in range(2, len(matrix.edges_) - 1)]
    found, expected = matrix.replay(policy), matrix.replay(moments)
    assert found.schedule == expected.schedule == moments
    assert (found.loss, found.rows_fitted) == (expected.loss, expected.rows_fitted)
    assert found.cost(7) == found.loss + 7 * (len(moments) - 1)
