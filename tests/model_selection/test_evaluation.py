"""Evaluation beyond one score: batches as they come, latency, seeds, several scorers, progress."""

import sys
import weakref

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.metrics import accuracy_score, f1_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skretrain import DriftAwareRetrainer, ReplayPartialFit
from skretrain.datasets import iter_csv, make_drifting_classification
from skretrain.drift import Periodic
from skretrain.model_selection import RetrainMatrix, prequential_validate
from skretrain.model_selection._batches import GivenBatches
from skretrain.policies import FullRefit
from skretrain.utils import _progress

X, Y, _ = make_drifting_classification(2000, random_state=0)
FOREST = RandomForestClassifier(3, max_depth=3)


def in_batches(sizes):
    first = 0
    for size in sizes:
        yield X[first : first + size], Y[first : first + size]
        first += size


@pytest.mark.parametrize("delay", [0, 30, 250])
@pytest.mark.no_cover
def test_batches_as_they_come_give_what_the_arrays_give(delay):
    """Cut alike, a generator of batches and the arrays are the same stream."""
    model = DriftAwareRetrainer(LogisticRegression())
    whole = prequential_validate(model, X, Y, batch_size=100, label_delay=delay)
    given = prequential_validate(model, in_batches([100] * 20), label_delay=delay)
    listed = prequential_validate(model, list(in_batches([100] * 20)), label_delay=delay)
    for other in (given, listed):
        np.testing.assert_array_equal(other.y_pred, whole.y_pred)
        np.testing.assert_array_equal(other.rows, whole.rows)
        assert other.scores == whole.scores


def test_batches_keep_their_own_size():
    """The first batches are fitted until there are enough rows, each later one is predicted."""
    result = prequential_validate(
        GaussianNB(), in_batches([60, 70, 10, 500, 1, 200]), initial_size=100
    )
    assert result.batch_rows.tolist() == [130, 140, 640, 641]
    assert result.rows[[0, -1]].tolist() == [130, 840]


def test_batches_that_end_before_the_first_fit_are_refused():
    """The error says how many rows there were."""
    with pytest.raises(ValueError, match="ended after 80 rows, before the 100"):
        prequential_validate(GaussianNB(), in_batches([40, 40]), initial_size=100)


@pytest.mark.no_cover
def test_a_file_is_evaluated_batch_by_batch(tmp_path):
    """A CSV in chunks gives what its table gives."""
    table = pd.DataFrame(X[:600], columns=[f"x{i}" for i in range(X.shape[1])])
    table.assign(y=Y[:600]).to_csv(tmp_path / "stream.csv", index=False)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    chunks = iter_csv(tmp_path / "stream.csv", target="y", batch_size=100)
    given = prequential_validate(DriftAwareRetrainer(model), chunks)
    whole = prequential_validate(DriftAwareRetrainer(model), table, Y[:600], batch_size=100)
    np.testing.assert_array_equal(given.y_pred, whole.y_pred)


def by_hand_with_latency(latency, size=50):
    """Keep a copy of every version, and predict with the newest old enough."""
    versions = [(0, GaussianNB().fit(X[:size], Y[:size]))]
    live = GaussianNB().fit(X[:size], Y[:size])
    answers = []
    for start in range(size, 1000, size):
        batch = slice(start, start + size)
        predicted = start - size
        serving = [model for from_row, model in versions if from_row <= predicted][-1]
        answers.append(serving.predict(X[batch]))
        live.partial_fit(X[batch], Y[batch])
        copy = GaussianNB()
        copy.__dict__.update({k: np.copy(v) for k, v in vars(live).items() if k.endswith("_")})
        copy.classes_ = live.classes_
        versions.append((predicted + size + latency, copy))
    return np.concatenate(answers)


@pytest.mark.parametrize("latency", [0, 20, 50, 180])
@pytest.mark.parametrize(
    "model",
    [GaussianNB(), DriftAwareRetrainer(GaussianNB(), detector=None, update="warm_start")],
    ids=["bare", "retrainer"],
)
@pytest.mark.no_cover
def test_a_new_model_serves_only_after_its_latency(model, latency):
    """Oracle: a loop that keeps every version."""
    result = prequential_validate(model, X[:1000], Y[:1000], batch_size=50, fit_latency=latency)
    np.testing.assert_array_equal(result.y_pred, by_hand_with_latency(latency))


@pytest.mark.no_cover
def test_several_scorers_each_see_all_predictions():
    """Names come from a list or a dict; the first is ``score``."""
    result = prequential_validate(GaussianNB(), X, Y, scoring=["f1", "roc_auc", "accuracy"])
    alone = {name: prequential_validate(GaussianNB(), X, Y, scoring=name) for name in result.scores}
    assert list(result.scores) == ["f1", "roc_auc", "accuracy"]
    for name, single in alone.items():
        assert result.scores[name] == single.score
        np.testing.assert_array_equal(result.batch_scores[name], single.batch_scores["score"])
    assert result.score == result.scores["f1"] == f1_score(result.y_true, result.y_pred)
    named = prequential_validate(GaussianNB(), X, Y, scoring={"mine": "f1"})
    assert named.scores == {"mine": result.score}
    assert result.to_frame().columns.tolist() == [
        *("row", "f1", "roc_auc", "accuracy"),
        *("n_unpredicted", "fit_seconds", "predict_seconds"),
    ]


def test_no_scorer_at_all_is_refused():
    """An empty list names nothing."""
    with pytest.raises(ValueError, match="names no scorer"):
        prequential_validate(GaussianNB(), X, Y, scoring=[])


@pytest.mark.no_cover
def test_seeds_are_runs_of_their_own_and_the_same_in_parallel():
    """Seed k is ``random_state=k``; the number of jobs changes nothing."""
    model = DriftAwareRetrainer(FOREST)
    serial = prequential_validate(model, X[:600], Y[:600], seeds=3)
    with joblib.parallel_config("threading"):  # that processes agree is tested of policies
        parallel = prequential_validate(model, X[:600], Y[:600], seeds=[0, 1, 2], n_jobs=2)
    alone = [
        prequential_validate(DriftAwareRetrainer(FOREST, random_state=k), X[:600], Y[:600])
        for k in range(3)
    ]
    for one, two, three in zip(serial, parallel, alone, strict=True):
        np.testing.assert_array_equal(one.y_pred, two.y_pred)
        np.testing.assert_array_equal(one.y_pred, three.y_pred)
    assert len({result.score for result in serial}) > 1


def test_a_seed_reaches_the_parts_of_an_estimator_without_one_of_its_own():
    """A wrapper without ``random_state`` passes the seed on to its parts."""
    wrapped = OneVsRestClassifier(SGDClassifier(random_state=9))
    y = Y + 2 * (X[:, 0] > 0)
    results = prequential_validate(wrapped, X[:1000], y[:1000], initial_size=200, seeds=[4])
    alone = OneVsRestClassifier(SGDClassifier(random_state=4))
    expected = prequential_validate(alone, X[:1000], y[:1000], initial_size=200)
    np.testing.assert_array_equal(results[0].y_pred, expected.y_pred)
    assert results[0].estimator.get_params()["estimator__random_state"] == 4


def test_costs_add_up_over_batches():
    """The seconds of batches and of the first fit make the whole; rows are those learned."""
    result = prequential_validate(ReplayPartialFit(GaussianNB()), X[:1000], Y[:1000])
    assert len(result.batch_fit_seconds) == len(result.batch_predict_seconds) == 9
    assert result.fit_seconds >= result.batch_fit_seconds.sum() > 0
    np.testing.assert_allclose(result.predict_seconds, result.batch_predict_seconds.sum())
    bare = prequential_validate(GaussianNB(), X[:1000], Y[:1000], label_delay=100)
    assert bare.rows_fitted == 900  # the last 100 labels never came


@pytest.mark.no_cover
def test_refits_are_placed_where_their_labels_came_in():
    """An alarm after `r` learned rows serves from row `r + label_delay` on."""
    model = DriftAwareRetrainer(LogisticRegression())
    result = prequential_validate(model, X, Y, label_delay=100)
    learned = [e.row for e in result.events if e.action == "retrained"][1:]
    in_time = [row + 100 for row in learned if row + 100 < len(Y)]
    assert result.refit_rows.tolist() == in_time
    assert len(in_time) > 0


@pytest.mark.parametrize(("delay", "latency"), [(0, 0), (100, 0), (0, 150), (100, 150)])
@pytest.mark.no_cover
def test_a_refit_that_served_nobody_is_paid_and_not_among_those_that_served(delay, latency):
    """Refits every 300 rows, the last of them at the very end: all are fits and costs."""
    policy = FullRefit(grow=False)
    model = DriftAwareRetrainer(
        LogisticRegression(), detector=Periodic(300), policy=policy, update=None
    )
    end = 1300 + delay
    result = prequential_validate(
        model, X[:end], Y[:end], batch_size=100, label_delay=delay, fit_latency=latency
    )
    learned = [event.row for event in result.events][1:]
    assert learned == [400, 700, 1000, 1300]
    assert result.n_fits == 1 + result.estimator.n_refits_ == 5
    assert result.rows_fitted == sum(event.n_rows_fitted for event in result.events)
    assert result.fit_seconds >= sum(event.cpu_seconds for event in result.events)
    ready = [row + delay + latency for row in learned]
    assert result.refit_rows.tolist() == ready[:3]
    # Oracle: without the last batch, the last refit is not made, and no answer is another.
    shorter = prequential_validate(
        model, X[: end - 100], Y[: end - 100], label_delay=delay, fit_latency=latency
    )
    np.testing.assert_array_equal(result.y_pred[:-100], shorter.y_pred)
    assert shorter.n_fits == 4
    assert shorter.refit_rows.tolist() == [row for row in ready[:3] if row <= end - 200]


def test_a_stream_without_targets_needs_a_scorer_of_its_own():
    """Outlier detectors are evaluated by what the scorer makes of their answers."""

    def share_of_outliers(estimator, X, y=None):
        return float(np.mean(estimator.predict(X) == -1))

    model = DriftAwareRetrainer(IsolationForest(n_estimators=5, random_state=0), detector=None)
    result = prequential_validate(model, X[:500], scoring=share_of_outliers)
    assert result.y_true is None
    assert result.score == np.mean(result.y_pred == -1)


def test_the_plot_is_the_timeline_of_the_result():
    """`plot` draws what ``DriftTimelineDisplay.from_result`` draws."""
    result = prequential_validate(DriftAwareRetrainer(LogisticRegression()), X, Y)
    display = result.plot(window=100)
    assert display.refits.tolist()[1:] == result.refit_rows.tolist()


@pytest.mark.parametrize("total", [20, None])
def test_without_rich_progress_is_a_line_now_and_then(total, monkeypatch, capsys):
    """The items pass unchanged; at most ten lines for a known number, few for an unknown one."""
    monkeypatch.setattr(_progress, "find_spec", lambda name: None)
    assert list(_progress.tracked(range(20), total, "model", int)) == list(range(20))
    lines, rates = zip(
        *(line.split(", ") for line in capsys.readouterr().err.splitlines()), strict=True
    )
    if total is None:
        assert lines == tuple(f"model: {n} batches" for n in (1, 2, 4, 8, 16))
    else:
        assert lines == tuple(f"model: {n} %" for n in range(10, 101, 10))
    assert all(rate.endswith(" rows/s") for rate in rates)


@pytest.mark.parametrize("stream", [(X[:400], Y[:400]), (list(in_batches([100] * 4)), None)])
def test_a_progress_bar_changes_no_number(stream, capsys):
    """It goes to standard error; the result is the same."""
    shown = prequential_validate(GaussianNB(), *stream, progress=True)
    quiet = prequential_validate(GaussianNB(), *stream)
    assert shown.scores == quiet.scores
    captured = capsys.readouterr()
    assert "GaussianNB" in captured.err
    assert "rows/s" in captured.err
    assert captured.out == ""


@pytest.mark.skipif("sklearn.callback" not in sys.modules, reason="callbacks came with 1.9")
def test_callbacks_hear_of_each_batch_of_an_evaluation():
    """One task per batch, none of the fits inside; the callbacks stay with the estimator."""

    class Recorder:
        def __init__(self):
            self.told = []

        def setup(self, estimator, context):
            self.told.append("setup")

        def teardown(self, estimator, context):
            self.told.append("teardown")

        def on_fit_task_begin(self, estimator, context):
            self.told.append(f"begin {context.task_name}")

        def on_fit_task_end(self, estimator, context):
            self.told.append(f"end {context.task_name}")

    recorder = Recorder()
    model = DriftAwareRetrainer(GaussianNB()).set_callbacks(recorder)
    result = prequential_validate(model, X[:300], Y[:300])
    assert recorder.told == [
        *("setup", "begin prequential"),
        *["begin batch", "end batch"] * 2,
        *("end prequential", "teardown"),
    ]
    assert result.estimator._skl_callbacks == [recorder]


@pytest.mark.parametrize("target", [Y, X[:, 0]], ids=["classification", "regression"])
def test_a_scorer_may_be_the_estimators_own(target):
    """``estimator.score`` is accuracy or R2 of what was served."""
    model = DriftAwareRetrainer(GaussianNB() if target is Y else LinearRegression())
    own = prequential_validate(model, X, target, scoring=lambda e, X, y: e.score(X, y))
    assert own.score == prequential_validate(model, X, target).score


def test_a_scorer_that_asks_about_other_rows_is_refused():
    """Only what was served along the stream is known."""

    def of_the_first_rows(estimator, X, y):
        return accuracy_score(y[:7], estimator.predict(X[:7]))

    with pytest.raises(ValueError, match="asked for predict on 7 rows"):
        prequential_validate(GaussianNB(), X[:200], Y[:200], scoring=of_the_first_rows)


@pytest.mark.skipif("sklearn.callback" not in sys.modules, reason="callbacks came with 1.9")
def test_callbacks_hear_of_a_partial_fit():
    """Each call is a task of its own."""
    told = []

    class Recorder:
        def setup(self, estimator, context):
            told.append("setup")

        def teardown(self, estimator, context):
            told.append("teardown")

        def on_fit_task_begin(self, estimator, context):
            told.append(f"begin {context.task_name}")

        def on_fit_task_end(self, estimator, context):
            told.append(f"end {context.task_name}")

    model = DriftAwareRetrainer(GaussianNB()).set_callbacks(Recorder())
    model.partial_fit(X[:50], Y[:50]).partial_fit(X[50:100], Y[50:100])
    assert told == ["setup", "begin partial_fit", "end partial_fit", "teardown"] * 2
    assert model.n_samples_seen_ == 100


def test_targets_that_are_kept_do_not_keep_their_features_alive():
    """A column of a frame shares memory with the others; a stream would be kept by its targets."""
    table = np.column_stack([X[:1000], Y[:1000]]).astype(float)
    batches = [(table[n : n + 100, :-1], table[n : n + 100, -1]) for n in range(0, 1000, 100)]
    result = prequential_validate(DriftAwareRetrainer(LinearRegression()), batches)
    assert not np.shares_memory(result.y_true, table)
    one = next(iter(GivenBatches(batches, LinearRegression())))
    assert not np.shares_memory(one.y, table)


def test_several_seeds_ask_for_batches_that_begin_anew():
    """An iterator ends with the first seed; a list gives each of them the whole stream."""
    model = SGDClassifier()
    with pytest.raises(ValueError, match="seeds: X gives batches once, and 2 seeds"):
        prequential_validate(model, in_batches([100] * 4), seeds=2)
    (alone,) = prequential_validate(model, in_batches([100] * 4), seeds=1)
    listed = prequential_validate(model, list(in_batches([100] * 4)), seeds=2)
    np.testing.assert_array_equal(listed[0].y_pred, alone.y_pred)
    assert len(listed[1].y_pred) == 300


def test_what_needs_all_rows_says_so_of_batches():
    """Windows of the history cannot be fitted on what has passed."""
    with pytest.raises(ValueError, match="needs all rows together, and X gives batches"):
        RetrainMatrix(GaussianNB()).fit(in_batches([100] * 4), None)


def test_batches_that_were_evaluated_are_not_kept():
    """A stream may be larger than the memory: old batches are freed while it runs."""
    given, alive = [], []

    def batches():
        for X_batch, y_batch in in_batches([100] * 15):
            own = X_batch.copy()
            given.append(weakref.ref(own))
            alive.append(sum(ref() is not None for ref in given))
            yield own, y_batch
            del own

    result = prequential_validate(GaussianNB(), batches())
    assert len(result.y_pred) == 1400
    assert max(alive) <= 4
