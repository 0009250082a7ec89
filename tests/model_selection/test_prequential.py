"""Test, then train: what is scored is what was served, before the label was known."""

import pickle
from itertools import product

import numpy as np
import pandas as pd
import pytest
from helpers import fingerprint, representatives, stream
from sklearn.base import clone, is_classifier
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import IncrementalPCA
from sklearn.linear_model import LogisticRegression, Perceptron, SGDClassifier, SGDRegressor
from sklearn.metrics import accuracy_score, log_loss, make_scorer, r2_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.validation import check_is_fitted

from skretrain import DriftAwareRetrainer, ReplayPartialFit
from skretrain.datasets import make_drifting_classification
from skretrain.model_selection import (
    PrequentialResult,
    make_prequential_scorer,
    prequential_predict,
    prequential_validate,
)

X, Y = stream(600, drift=300)
# With this penalty no probability is rounded to 0.
LOGISTIC = SGDClassifier(loss="log_loss", alpha=0.5, random_state=0)


def by_hand(model, X, y, *, batch_size, start, label_delay, method="predict"):
    """Return the predictions of the loop one would write: a queue of rows without labels."""
    model.fit(X[:start], y[:start])
    served, waiting = [], []
    for first in range(start, len(y), batch_size):
        batch = list(range(first, min(first + batch_size, len(y))))
        served.append(getattr(model, method)(X[batch]))
        waiting.extend(batch)
        now = batch[-1]
        known = [row for row in waiting if row + label_delay <= now]
        waiting = [row for row in waiting if row + label_delay > now]
        if known:
            model.partial_fit(X[known], y[known])
    return np.concatenate(served)


BASES = {
    "bare": SGDClassifier(random_state=0),
    "update": DriftAwareRetrainer(SGDClassifier(random_state=0)),
    "refit": DriftAwareRetrainer(LogisticRegression(), random_state=0),
    "replay": ReplayPartialFit(LogisticRegression(), random_state=0),
}
LOOPS = [*product(BASES, [30, 100], [0, 1, 50, 100, 250, 5000])]


@pytest.mark.parametrize(
    ("name", "batch_size", "label_delay"), representatives(LOOPS, fast=LOOPS[::5], covering=[])
)
def test_it_is_the_loop_written_by_hand(name, batch_size, label_delay):
    """Delays shorter than, equal to and longer than a batch, and than the stream."""
    base = BASES[name]
    got = prequential_predict(base, X, Y, batch_size=batch_size, label_delay=label_delay)
    oracle = by_hand(
        clone(base), X, Y, batch_size=batch_size, start=batch_size, label_delay=label_delay
    )
    np.testing.assert_array_equal(got, oracle)


@pytest.mark.parametrize("method", ["predict_proba", "decision_function", "predict_log_proba"])
def test_other_methods_are_recorded_the_same(method):
    got = prequential_predict(LOGISTIC, X, Y, batch_size=50, initial_size=120, method=method)
    oracle = by_hand(clone(LOGISTIC), X, Y, batch_size=50, start=120, label_delay=0, method=method)
    np.testing.assert_array_equal(got, oracle)


@pytest.mark.parametrize("label_delay", [0, 1, 50, 130])
@pytest.mark.parametrize("row", [250, 399, 400])
@pytest.mark.no_cover
@pytest.mark.thinned(5)
def test_no_prediction_depends_on_a_label_that_is_not_known_yet(row, label_delay):
    """Trap 16: other labels from `row` on change nothing until `row` + delay has been predicted."""
    base = DriftAwareRetrainer(SGDClassifier(random_state=0), detector="adwin")
    changed = Y.copy()
    changed[row:] = 1 - changed[row:]
    params = {"batch_size": 50, "initial_size": 100, "label_delay": label_delay}
    before = prequential_predict(base, X, Y, **params)
    after = prequential_predict(base, X, changed, **params)
    # The batch that holds row + delay is predicted as a whole before the label is learned.
    last = 100 + 50 * ((row + label_delay - 100) // 50 + 1)
    np.testing.assert_array_equal(before[: last - 100], after[: last - 100])
    assert last >= 600 or not np.array_equal(before[last - 100 :], after[last - 100 :])


EVALUATORS = {
    "predict": lambda model, X, y, delay: np.mean(
        prequential_predict(model, X, y, batch_size=50, label_delay=delay) == y[50:]
    ),
    "scorer": lambda model, X, y, delay: make_prequential_scorer(
        "accuracy", batch_size=50, label_delay=delay
    )(clone(model).fit(X[:50], y[:50]), X[50:], y[50:]),
    "validate": lambda model, X, y, delay: (
        prequential_validate(model, X, y, batch_size=50, label_delay=delay).score
    ),
}


LEARNERS = {
    "tree": DriftAwareRetrainer(DecisionTreeClassifier(random_state=0), update="full_refit"),
    "replay": ReplayPartialFit(DecisionTreeClassifier(random_state=0), ratio=10),
    "nb": DriftAwareRetrainer(GaussianNB()),
}
OF_NOISE = [*product(LEARNERS, EVALUATORS, [0, 75])]


@pytest.mark.parametrize(
    ("learner", "name", "delay"),
    # Of each way to evaluate, a tree that knows all by heart; with and without a delay.
    representatives(OF_NOISE, fast=[*OF_NOISE[1:6:2], *OF_NOISE[::5]], covering=[]),
)
def test_noise_scores_chance(learner, name, delay):
    """Trap 16: a tree knows every row it has learned; labels of pure noise must not help."""
    model = LEARNERS[learner]
    rng = np.random.default_rng(7)
    X, y = rng.normal(size=(2000, 3)), rng.integers(0, 2, 2000)
    score = EVALUATORS[name](model, X, y, delay)
    # Three standard deviations of 1950 coin flips.
    assert abs(score - 0.5) < 3 * 0.5 / np.sqrt(1950)


# -- prequential_validate --------------------------------------------------------------------------


def test_a_result_holds_what_was_served():
    result = prequential_validate(SGDClassifier(random_state=0), X, Y, batch_size=70)
    served = by_hand(SGDClassifier(random_state=0), X, Y, batch_size=70, start=70, label_delay=0)
    assert isinstance(result, PrequentialResult)
    np.testing.assert_array_equal(result.y_pred, served)
    np.testing.assert_array_equal(result.y_true, Y[70:])
    np.testing.assert_array_equal(result.rows, np.arange(70, 600))
    assert result.score == accuracy_score(Y[70:], served)
    np.testing.assert_array_equal(result.batch_rows, np.arange(70, 600, 70))
    by_batch = [np.mean(served[k : k + 70] == Y[70 + k : 140 + k]) for k in range(0, 530, 70)]
    np.testing.assert_allclose(result.batch_scores["score"], by_batch)
    frame = result.to_frame()
    np.testing.assert_array_equal(frame["row"], result.batch_rows)
    np.testing.assert_array_equal(frame["score"], result.batch_scores["score"])


def test_costs_stand_beside_the_score():
    """Of a bare estimator the rows are counted by the loop, of a retrainer by its log."""
    bare = prequential_validate(SGDClassifier(random_state=0), X, Y, batch_size=100)
    assert (bare.n_fits, bare.rows_fitted, bare.events) == (1, 600, None)
    late = prequential_validate(
        SGDClassifier(random_state=0), X, Y, batch_size=100, label_delay=250
    )
    assert late.rows_fitted == 350
    model = DriftAwareRetrainer(LogisticRegression(), detector=None, policy="full_refit")
    refits = prequential_validate(model, X, Y, batch_size=100)
    assert refits.n_fits == 3
    assert refits.rows_fitted == 100 + 200 + 400
    assert refits.events is refits.estimator.events_
    for result in (bare, late, refits):
        assert result.fit_seconds > 0
        assert result.predict_seconds > 0


def test_the_estimator_given_is_not_fitted():
    model = DriftAwareRetrainer(GaussianNB())
    result = prequential_validate(model, X, Y)
    assert not hasattr(model, "events_")
    assert result.estimator.n_samples_seen_ == 600


@pytest.mark.parametrize(
    ("scoring", "metric"),
    [
        ("roc_auc", lambda y, proba, pred: roc_auc_score(y, proba)),
        ("neg_log_loss", lambda y, proba, pred: -log_loss(y, proba)),
        (None, lambda y, proba, pred: accuracy_score(y, pred)),
        ("accuracy", lambda y, proba, pred: accuracy_score(y, pred)),
        (make_scorer(accuracy_score), lambda y, proba, pred: accuracy_score(y, pred)),
        (
            make_scorer(roc_auc_score, response_method="predict_proba"),
            lambda y, proba, pred: roc_auc_score(y, proba),
        ),
        (
            lambda estimator, X, y: accuracy_score(y, estimator.predict(X)),
            lambda y, proba, pred: accuracy_score(y, pred),
        ),
    ],
    ids=["auc", "log loss", "default", "accuracy", "label scorer", "proba scorer", "callable"],
)
@pytest.mark.no_cover
def test_any_scorer_is_given_what_was_served(scoring, metric):
    base = LOGISTIC
    result = prequential_validate(base, X, Y, scoring=scoring, batch_size=100)
    params = {"batch_size": 100, "start": 100, "label_delay": 0}
    proba = by_hand(clone(base), X, Y, method="predict_proba", **params)
    predictions = by_hand(clone(base), X, Y, **params)
    assert result.score == pytest.approx(metric(Y[100:], proba[:, 1], predictions))


def test_a_batch_on_which_a_score_is_not_defined_is_not_a_number():
    """A ranking score needs two classes: the batches without them are NaN, the whole is not."""
    y = Y.copy()
    y[200:300] = 1
    result = prequential_validate(
        DriftAwareRetrainer(LOGISTIC),
        X,
        y,
        scoring=strict_auc,
        batch_size=100,
    )
    np.testing.assert_array_equal(
        np.isnan(result.batch_scores["score"]), [False, True, *[False] * 3]
    )
    assert 0 <= result.score <= 1


def strict_auc(estimator, X, y):
    if len(np.unique(y)) < 2:
        raise ValueError("one class")
    return roc_auc_score(y, estimator.predict_proba(X)[:, 1])


def test_regressors_are_scored_by_r2():
    target = X[:, 0] + X[:, 1]
    result = prequential_validate(SGDRegressor(random_state=0), X, target, batch_size=100)
    assert result.score == r2_score(target[100:], result.y_pred)
    assert result.score > 0.9


@pytest.mark.filterwarnings("ignore::skretrain.exceptions.ClassesGrewWarning")
@pytest.mark.parametrize("base", [LOGISTIC, GaussianNB()])
def test_a_class_that_appears_late_widens_earlier_answers(base):
    """Before it was seen its probability was 0, and its decision value the smallest number."""
    X, y = stream(600, n_classes=3)
    early = np.flatnonzero(y[:300] < 2)
    rows = np.r_[early, 300:600]
    X, y = X[rows], y[rows]
    model = DriftAwareRetrainer(base, detector=None)
    proba = prequential_predict(model, X, y, batch_size=50, method="predict_proba")
    assert proba.shape == (len(y) - 50, 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    n_early = (len(early) - 50) // 50 * 50
    np.testing.assert_array_equal(proba[:n_early, 2], 0)
    assert (proba[-50:, 2] > 0).all()
    if hasattr(base, "decision_function"):
        decision = prequential_predict(model, X, y, batch_size=50, method="decision_function")
        assert (decision[:n_early, 2] == np.finfo(float).min).all()
        np.testing.assert_array_equal(decision[:n_early, 0], -decision[:n_early, 1])
        log_proba = prequential_predict(model, X, y, batch_size=50, method="predict_log_proba")
        assert (log_proba[:n_early, 2] == -np.inf).all()


@pytest.mark.no_cover
def test_streams_may_be_frames():
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = DriftAwareRetrainer(GaussianNB())
    got = prequential_predict(model, frame, pd.Series(Y), batch_size=50)
    np.testing.assert_array_equal(got, prequential_predict(model, X, Y, batch_size=50))


@pytest.mark.parametrize("evaluate", [prequential_predict, prequential_validate])
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"batch_size": 0}, "batch_size=0.*at least 1"),
        ({"batch_size": 2.5}, "batch_size=2.5"),
        ({"batch_size": True}, "batch_size=True"),
        ({"label_delay": -1}, "label_delay=-1.*at least 0"),
        ({"initial_size": 0}, "initial_size=0"),
        ({"initial_size": 600}, "leaves none of the 600 rows"),
    ],
)
def test_bad_sizes_are_refused(evaluate, params, message):
    with pytest.raises(ValueError, match=message):
        evaluate(GaussianNB(), X, Y, **params)


def test_targets_must_fit_the_rows():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        prequential_predict(GaussianNB(), X, Y[:-1])


@pytest.mark.parametrize("evaluate", [prequential_predict, prequential_validate])
def test_what_cannot_learn_from_a_stream_is_refused_with_the_way_out(evaluate):
    with pytest.raises(TypeError, match="LogisticRegression has no partial_fit.*ReplayPartialFit"):
        evaluate(LogisticRegression(), X, Y)


# -- make_prequential_scorer -----------------------------------------------------------------------


def fitted(**params):
    return DriftAwareRetrainer(SGDClassifier(random_state=0), **params).fit(X[:200], Y[:200])


@pytest.mark.parametrize("label_delay", [0, 60])
@pytest.mark.no_cover
def test_the_scorer_goes_on_where_fit_ended(label_delay):
    """The same as evaluating the stream as a whole with a first fit on the training fold."""
    scorer = make_prequential_scorer("accuracy", batch_size=50, label_delay=label_delay)
    whole = prequential_validate(
        DriftAwareRetrainer(SGDClassifier(random_state=0)),
        X,
        Y,
        batch_size=50,
        initial_size=200,
        label_delay=label_delay,
    )
    assert scorer(fitted(), X[200:], Y[200:]) == whole.score


def test_the_scorer_leaves_the_estimator_as_it_was():
    """Trap 16: what it learned in one fold would leak into the next."""
    model = fitted()
    before = pickle.dumps(model)
    scorer = make_prequential_scorer(None, batch_size=50)
    first = scorer(model, X[200:], Y[200:])
    assert scorer(model, X[200:], Y[200:]) == first
    assert pickle.dumps(model) == before


@pytest.mark.parametrize("batch_size", [None, 25])
def test_the_scorer_streams_whatever_the_batch_size_of_the_estimator_is(batch_size):
    model = fitted(batch_size=batch_size, update=None, detector=None)
    scorer = make_prequential_scorer("accuracy", batch_size=50)
    assert scorer(model, X[200:], Y[200:]) == pytest.approx(by_prediction(model, scorer.batch_size))


def by_prediction(model, size):
    copied = pickle.loads(pickle.dumps(model))
    right = []
    for start in range(200, 600, size):
        part = slice(start, start + size)
        right.append(copied.predict(X[part]) == Y[part])
        copied.partial_fit(X[part], Y[part])
    return np.concatenate(right).mean()


def test_the_scorer_takes_a_bare_incremental_estimator():
    base = GaussianNB().fit(X[:200], Y[:200])
    before = fingerprint(base)
    scorer = make_prequential_scorer("accuracy", batch_size=50)
    assert scorer(base, X[200:], Y[200:]) == by_prediction(base, 50)
    assert fingerprint(base) == before


def test_the_scorer_pickles_and_prints():
    scorer = make_prequential_scorer("accuracy", batch_size=50, label_delay=3)
    again = pickle.loads(pickle.dumps(scorer))
    assert repr(again) == "make_prequential_scorer('accuracy', batch_size=50, label_delay=3)"
    assert again(fitted(), X[200:], Y[200:]) == scorer(fitted(), X[200:], Y[200:])


@pytest.mark.parametrize(
    ("params", "message"),
    [({"batch_size": 0}, "batch_size=0"), ({"batch_size": 1, "label_delay": -1}, "label_delay=-1")],
)
def test_the_scorer_refuses_bad_sizes_when_it_is_made(params, message):
    with pytest.raises(ValueError, match=message):
        make_prequential_scorer("accuracy", **params)


@pytest.mark.parametrize("target", [(), (None,)], ids=["left out", "None"])
def test_a_clusterer_is_scored_without_targets(target):
    """As a grid search without ``y`` calls it; the model goes on learning through the fold."""
    n_rows = []

    def n_clusters(estimator, X):
        n_rows.append(len(X))
        return len(np.unique(estimator.predict(X)))

    model = DriftAwareRetrainer(MiniBatchKMeans(3, random_state=0), detector=None).fit(X[:100])
    scorer = make_prequential_scorer(n_clusters, batch_size=50)
    assert scorer(model, X[100:], *target) == 3
    assert n_rows == [500]
    search = GridSearchCV(
        model, {"update": [None, "warm_start"]}, cv=TimeSeriesSplit(2), scoring=scorer
    ).fit(X)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], 3)


def test_detection_beats_standing_still():
    """What the evaluation is for: it tells a policy that pays from one that does not."""
    X, y, _ = make_drifting_classification(3000, random_state=0)
    scores = {
        detector: prequential_validate(
            DriftAwareRetrainer(
                LogisticRegression(), detector=detector, policy="full_refit", update=None
            ),
            X,
            y,
            batch_size=100,
        ).score
        for detector in ("adwin", None)
    }
    assert scores["adwin"] > scores[None] + 0.03


def test_a_scorer_sees_a_fitted_model_with_the_methods_of_the_base_and_no_others():
    """A scorer may look before it asks."""

    def curious(estimator, X, y):
        check_is_fitted(estimator)
        check_is_fitted(estimator.fit(X, y))
        assert is_classifier(estimator)
        assert not hasattr(estimator, "predict_proba")
        assert hasattr(estimator, "decision_function")
        np.testing.assert_array_equal(estimator.classes_, [0, 1])
        return accuracy_score(y, estimator.predict(X))

    result = prequential_validate(Perceptron(random_state=0), X, Y, scoring=curious)
    assert result.score == accuracy_score(result.y_true, result.y_pred)


@pytest.mark.parametrize("base", [MiniBatchKMeans(2), IncrementalPCA(2)])
def test_without_a_target_there_is_no_score_by_default(base):
    """A clusterer's own ``score`` is of one model, and here many have served."""
    with pytest.raises(ValueError, match=f"scoring=None has no meaning for {type(base).__name__}"):
        prequential_validate(base, X, Y)
