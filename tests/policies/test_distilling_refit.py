"""DistillingRefit: what it minimises, on which rows, and how much of the teacher it keeps."""

import json
import pickle
from dataclasses import replace

import joblib
import numpy as np
import pytest
from helpers import (
    Rings,
    assert_same_outputs,
    feed,
    fingerprint,
    state_of,
    stream,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.linear_model import (
    LassoCV,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    Ridge,
    SGDClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.class_weight import compute_sample_weight

from skretrain import DriftAwareRetrainer
from skretrain.buffers import Rows
from skretrain.compose import Learner
from skretrain.datasets import make_drifting_classification
from skretrain.drift import Periodic
from skretrain.policies import DistillingRefit, FullRefit, RetrainContext

X, Y = stream(300)
STACK = StackingClassifier([("bayes", GaussianNB())])


class Notes(ClassifierMixin, BaseEstimator):
    """Keep what each fit was given; say the same probabilities of every row."""

    fits = []

    def __init__(self, proba=None):
        self.proba = proba

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        type(self).fits.append((X, y, sample_weight))
        return self

    def predict_proba(self, X):
        return np.tile(np.asarray(self.proba, dtype=float), (len(X), 1))

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class Says(ClassifierMixin, BaseEstimator):
    """A teacher that says what its table has for the row named in the first column."""

    def __init__(self, classes, table):
        self.classes_ = np.asarray(classes)
        self.table = np.asarray(table, dtype=float)

    def predict_proba(self, X):
        return self.table[X[:, 0].astype(int)]

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def fields(X, y, champion, *, base=None, batch=None, params=None, **details):
    """Return a context whose rows are all new, the last `batch` of them the batch."""
    rows = Rows(X, y, params or {}, np.arange(len(y)))
    details = {"number": 1, "since": 0, "unseen_from": 0, **details}
    learner = Learner(LogisticRegression() if base is None else base)
    return RetrainContext.of(learner, champion, rows, n_new=batch or len(y), **details)


def unguarded(alpha=0.5, **params):
    return DistillingRefit(alpha, **{"guard": False, "min_rows": 1, **params})


def lessons(policy, y, champion, *, base=None, params=None, **details):
    """Return row, label and weight of each copy that a fit on one row per label is given."""
    Notes.fits.clear()
    rows = np.arange(float(len(y))).reshape(-1, 1)
    base = Notes([1.0, 0.0]) if base is None else base
    policy.propose(fields(rows, np.asarray(y), champion, base=base, params=params, **details))
    X_seen, y_seen, weight = Notes.fits[-1]
    weight = np.ones(len(y_seen)) if weight is None else weight
    return list(zip(X_seen[:, 0].astype(int), y_seen.tolist(), np.round(weight, 9).tolist()))


def found(candidate):
    return candidate.evidence["distillation"]


# -- what is minimised -----------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.3, 0.8])
@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_a_log_loss_model_minimises_the_mix_of_both_losses(alpha, temperature):
    """Against an optimiser of (1 - alpha) log loss + alpha cross entropy to the teacher."""
    X, y = stream(200, n_features=2, n_classes=3)
    teacher = GaussianNB().fit(X[:40, ::-1], y[:40])
    base = LogisticRegression(C=0.7, tol=1e-9, max_iter=2000)
    policy = unguarded(alpha, temperature=temperature)
    model = policy.propose(fields(X, y, teacher, base=base)).model

    soft = softmax(teacher.predict_log_proba(X) / temperature, axis=1)
    target = (1 - alpha) * np.eye(3)[y] + alpha * soft

    def loss(values):
        coef, intercept = values[:6].reshape(3, 2), values[6:]
        scores = log_softmax(X @ coef.T + intercept, axis=1)
        return -0.7 * (target * scores).sum() + 0.5 * (coef**2).sum()

    best = minimize(loss, np.zeros(9), tol=1e-10).x
    expected = softmax(X @ best[:6].reshape(3, 2).T + best[6:], axis=1)
    np.testing.assert_allclose(model.predict_proba(X), expected, atol=1e-4)


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_a_ridge_regression_is_the_mix_of_two(n_outputs):
    """Its coefficients are linear in the target: those for the labels and for the teacher's."""
    rng = np.random.default_rng(0)
    y = X @ rng.normal(size=(4, n_outputs)) + rng.normal(size=(300, n_outputs))
    y = y[:, 0] if n_outputs == 1 else y
    teacher = LinearRegression().fit(X[:30, ::-1], y[:30])
    model = unguarded(0.3).propose(fields(X, y, teacher, base=Ridge())).model
    of_labels, of_teacher = Ridge().fit(X, y), Ridge().fit(X, teacher.predict(X))
    np.testing.assert_allclose(model.coef_, 0.7 * of_labels.coef_ + 0.3 * of_teacher.coef_)


def test_an_integer_target_is_mixed_as_a_number():
    y = np.arange(300)
    teacher = LinearRegression().fit(X, y + 0.5)
    model = unguarded(0.5).propose(fields(X, y, teacher, base=LinearRegression())).model
    np.testing.assert_allclose(model.intercept_, teacher.intercept_ - 0.25)


@pytest.mark.parametrize("champion", [None, LogisticRegression().fit(X[:50, ::-1], Y[:50])])
def test_without_a_share_or_a_teacher_it_is_the_plain_refit(champion):
    """Bit for bit, and the rows are as they were."""
    for policy in (DistillingRefit(0), DistillingRefit(0, guard=False), DistillingRefit()):
        if champion is None or policy.alpha == 0:
            context = fields(X, Y, champion)
            candidate = policy.propose(context)
            plain = FullRefit().propose(context)
            assert_same_outputs(candidate.model, plain.model, X)
            assert (candidate.kind, candidate.n_rows) == ("distilling_refit", 300)
            assert found(candidate)["alpha"] == 0.0


# -- what a fit is given ---------------------------------------------------------------------------


def test_a_row_becomes_a_row_for_each_class_with_its_share_as_weight():
    """Shares of zero take no row."""
    teacher = Says([0, 1], [[0.2, 0.8], [1.0, 0.0]])
    assert lessons(unguarded(0.5), [0, 1], teacher) == [
        (0, 0, 0.6), (0, 1, 0.4), (1, 0, 0.5), (1, 1, 0.5),
    ]  # fmt: skip
    certain = Says([0, 1], [[1.0, 0.0], [0.0, 1.0]])
    assert lessons(unguarded(0.5), [0, 1], certain) == [(0, 0, 1.0), (1, 1, 1.0)]


def test_the_weight_of_a_row_multiplies_that_of_its_copies():
    """A row of weight zero has none."""
    teacher = Says([0, 1], [[0.2, 0.8]] * 3)
    weights = {"sample_weight": np.array([2.0, 0.0, 1.0])}
    assert lessons(unguarded(0.5), [0, 1, 1], teacher, params=weights) == [
        (0, 0, 1.2), (0, 1, 0.8), (2, 0, 0.1), (2, 1, 0.9),
    ]  # fmt: skip


def test_rows_that_all_have_no_weight_are_handed_on_as_they_are():
    """What a base makes of them is the base's own affair."""
    weights = {"sample_weight": np.zeros(2)}
    given = lessons(unguarded(), [0, 1], Says([0, 1], [[0.5, 0.5]] * 2), params=weights)
    assert given == [(0, 0, 0.0), (1, 1, 0.0)]


@given(
    st.integers(2, 5),
    st.floats(0.05, 0.95),
    st.floats(0.2, 5.0),
    st.integers(0, 10**6),
)
@settings(max_examples=25, deadline=None)
def test_the_copies_of_a_row_have_its_weight_in_all(n_classes, alpha, temperature, seed):
    """And each class no more than one copy, for any teacher, share, temperature and weights."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, 12)
    proba = rng.dirichlet(np.full(n_classes, 0.1), 12)
    weights = rng.integers(1, 4, 12).astype(float)
    policy = unguarded(alpha, temperature=temperature)
    teacher = Says(np.arange(n_classes), proba)
    given = lessons(policy, y, teacher, params={"sample_weight": weights})
    assert len({copy[:2] for copy in given}) == len(given)
    total = np.bincount([row for row, _, _ in given], [weight for _, _, weight in given], 12)
    np.testing.assert_allclose(total, weights, atol=1e-7)


@pytest.mark.parametrize(("temperature", "soft"), [(2.0, 1 / 3), (0.5, 1 / 17), (1e-3, 0.0)])
def test_a_temperature_takes_a_root_of_the_odds(temperature, soft):
    """Odds of 4 become 2 at a temperature of 2, and 16 at a half."""
    teacher = Says([0, 1], [[0.2, 0.8]])
    (_, _, share), *_ = lessons(unguarded(0.5, temperature=temperature), [1], teacher)
    given = lessons(unguarded(0.5, temperature=temperature), [1], teacher)
    assert sum(w for _, label, w in given if label == 0) == pytest.approx(0.5 * soft)
    assert share == pytest.approx(0.5 * soft or 1.0)


def test_a_teacher_without_probabilities_is_certain_of_what_it_predicts():
    rows = np.arange(4.0).reshape(-1, 1)
    teacher = LinearSVC().fit(rows, [0, 0, 1, 1])
    assert lessons(unguarded(0.4), [1, 0, 1, 1], teacher) == [
        (0, 0, 0.4), (0, 1, 0.6), (1, 0, 1.0), (2, 1, 1.0), (3, 1, 1.0),
    ]  # fmt: skip


def test_a_class_that_the_teacher_does_not_know_is_learned_from_its_label_alone():
    """And one that the rows do not show is learned from the teacher alone."""
    teacher = Says(["a", "b", "z"], [[0.5, 0.25, 0.25]] * 2)
    assert lessons(unguarded(0.4), ["a", "mm"], teacher) == [
        (0, "a", 0.8), (0, "b", 0.1), (0, "z", 0.1), (1, "mm", 1.0),
    ]  # fmt: skip


@pytest.mark.parametrize("row", [[np.nan, np.nan], [np.inf, 0.0], [0.0, 0.0]])
def test_a_row_of_which_the_teacher_says_nothing_is_learned_from_its_label(row):
    teacher = Says([False, True], [row, [0.5, 0.5]])
    assert lessons(unguarded(0.5), [True, False], teacher) == [
        (0, True, 1.0), (1, False, 0.75), (1, True, 0.25),
    ]  # fmt: skip


def test_a_prediction_that_is_no_number_teaches_nothing():
    class Overflows(RegressorMixin, BaseEstimator):
        def predict(self, X):
            return np.where(np.arange(len(X)) < 200, np.inf, 1.0)

    y = np.zeros(300)
    model = unguarded(0.5).propose(fields(X, y, Overflows(), base=DecisionTreeNotes())).model
    np.testing.assert_array_equal(model.y_, np.repeat([0.0, 0.5], [200, 100]))


class DecisionTreeNotes(RegressorMixin, BaseEstimator):
    """A regressor that keeps its targets."""

    def fit(self, X, y):
        self.y_ = y
        return self

    def predict(self, X):
        return np.zeros(len(X))


def test_a_teacher_that_cannot_read_the_rows_is_no_teacher():
    """The model is fitted on the labels alone, and its note says so."""
    teacher = LogisticRegression().fit(X[:, :2], Y)
    candidate = DistillingRefit().propose(fields(X, Y, teacher))
    assert_same_outputs(candidate.model, LogisticRegression().fit(X, Y), X)
    assert "cannot teach: ValueError: X has 4 features" in candidate.note
    assert found(candidate) == {"alpha": 0.0}


def test_the_serving_model_stays_as_it_was():
    teacher = RandomForestClassifier(3, random_state=0).fit(X[:100], Y[:100])
    before = fingerprint(teacher)
    DistillingRefit(max_flips=0.1).propose(fields(X, Y, teacher))
    assert fingerprint(teacher) == before


# -- on which rows ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "details", "first"),
    [
        ({"on": "buffer"}, {"since": 4}, 4),
        ({"window": "all"}, {"since": 4}, 0),
        ({"window": 3}, {"since": 4}, 9),
        ({"on": "new"}, {"unseen_from": 6}, 6),
        ({"on": "new"}, {"unseen_from": None}, 10),
        ({"on": "new"}, {"unseen_from": 12}, 10),
        ({"on": "new"}, {"unseen_from": 6, "since": 3, "alarm": True}, 3),
        ({"on": "new"}, {"unseen_from": 6, "since": 3, "alarm": True, "on_schedule": True}, 6),
        ({"on": "new", "min_rows": 8}, {"unseen_from": 6}, 4),
        ({"on": "new", "window": 3}, {"unseen_from": 6}, 6),
    ],
)
def test_rows(policy, details, first):
    """New are those that the model has not learned, or those since a change that rang."""
    y = np.arange(12) % 2
    given = lessons(unguarded(**policy), y, Says([0, 1], [[0.5, 0.5]] * 12), batch=2, **details)
    assert sorted({row for row, _, _ in given}) == list(range(first, 12))


def test_new_rows_alone_do_not_forget_a_class_that_they_lack():
    """Learning without forgetting: nothing is stored, and the teacher brings the third class."""
    X, y = stream(600, n_classes=3)
    before, new = slice(300), 300 + np.flatnonzero(y[300:] > 0)
    teacher = LogisticRegression(C=0.01).fit(X[before], y[before])
    context = fields(X[new], y[new], teacher)
    forgetful, model = (unguarded(alpha, on="new").propose(context).model for alpha in (0, 0.9))
    of_the_class = X[before][y[before] == 0]
    assert (forgetful.predict(of_the_class) == 0).mean() == 0
    assert (model.predict(of_the_class) == 0).mean() > 0.4
    assert model.score(X[before], y[before]) > forgetful.score(X[before], y[before]) + 0.1


# -- how much of the teacher -----------------------------------------------------------------------


def noisy(n, seed=0):
    X, y = stream(n, seed=seed)
    return X, np.where(np.random.default_rng(seed).random(n) < 0.2, 1 - y, y)


@pytest.mark.parametrize("base", [LogisticRegression(), Ridge()])
def test_a_teacher_that_is_no_better_than_chance_is_not_listened_to(base):
    """Nothing is fitted to find that out: the answer is the plain refit."""
    X, y = noisy(400)
    context = fields(X, y, clone(base).fit(X, 1 - y), base=base)
    candidate = DistillingRefit().propose(context)
    assert (found(candidate), candidate.n_rows_compared) == ({"alpha": 0.0}, 0)
    assert candidate.note == "the serving model is no better than chance on the new rows"
    assert_same_outputs(candidate.model, clone(base).fit(X, y), X)


def test_a_teacher_as_good_as_the_labels_keeps_its_share():
    """Where a refit with it is better than one on the labels alone, nothing else is tried."""
    X, y = noisy(400)
    teacher = LogisticRegression().fit(*noisy(2000, seed=1))
    candidate = DistillingRefit().propose(fields(X, y, teacher))
    assert found(candidate)["alpha"] == 0.5
    assert set(found(candidate)["tried"]) == {"0.0", "0.5"}
    assert candidate.note == ""


@pytest.mark.parametrize(("alpha", "chosen"), [(0.05, 0.05), (0.15, 0.075), (0.9, 0.0)])
def test_half_of_the_share_is_taken_where_all_of_it_is_too_much(alpha, chosen):
    """The teacher is off by 1 everywhere, and a share s of it adds s squared to the error.

    The difference on a row is s squared and 2 s or -2 s: on 360 rows, a standard error is s / 9.5.
    """
    rows, noise = np.tile([-5.0, -5.0, 5.0, 5.0], 270).reshape(-1, 1), np.tile([1.0, -1.0], 540)
    teacher = LinearRegression().fit(rows, rows[:, 0] + 1)
    context = fields(rows, rows[:, 0] + noise, teacher, base=LinearRegression())
    candidate = DistillingRefit(alpha).propose(context)
    assert found(candidate)["alpha"] == chosen
    for share, tried in found(candidate)["tried"].items():
        assert tried["loss"] == pytest.approx(1 + float(share) ** 2)
    wary = DistillingRefit(alpha).propose(replace(context, alarm=True))
    assert found(wary)["alpha"] == 0.0  # an alarm says that the teacher has become worse
    notes = {0.05: "", 0.15: "with more it did worse", 0.9: "with the serving model as teacher"}
    assert candidate.note.startswith(notes[alpha])


@pytest.mark.parametrize(("alarm", "on_schedule", "share"), [(True, False, 0.0), (True, True, 0.5)])
def test_too_few_new_rows_teach_from_the_labels_alone_only_after_a_change(
    alarm, on_schedule, share
):
    """27 rows that the serving model has not learned show nothing, and 28 are compared on."""
    details = {"alarm": alarm, "on_schedule": on_schedule, "unseen_from": 273}
    candidate = DistillingRefit().propose(fields(X, Y, GaussianNB().fit(X, Y), **details))
    assert found(candidate) == {"alpha": share}
    assert candidate.note.startswith("too few new rows to compare on")
    assert candidate.n_rows_compared == 0
    details["unseen_from"] = 272
    candidate = DistillingRefit().propose(fields(X, Y, GaussianNB().fit(X, Y), **details))
    assert found(candidate)["rows_held_out"] == 12


def test_a_comparison_that_fails_is_none():
    """Without the rows held out there is one class, which the base refuses; all rows are fitted."""
    y = (np.arange(100) == 99).astype(int)
    rows, teacher = np.arange(100.0).reshape(-1, 1), Says([0, 1], np.eye(2)[y])
    candidate = DistillingRefit().propose(fields(rows, y, teacher))
    assert candidate.note.startswith("not compared: ValueError")
    assert found(candidate) == {"alpha": 0.5}
    kept = DistillingRefit().propose(fields(rows, y, teacher, alarm=True))
    assert found(kept) == {"alpha": 0.0}


@pytest.mark.parametrize(
    ("weight", "since", "held"),
    [
        (None, 0, {*range(130, 140), *range(160, 170), *range(190, 200)}),
        (None, 150, {*range(158, 164), *range(176, 182), *range(194, 200)}),
        ("newest of none", 0, {*range(129, 139), *range(159, 169), *range(189, 199)}),
    ],
)
def test_no_trial_is_given_the_rows_held_out(weight, since, held):
    """Three of nine blocks of the new rows that count; the model proposed learns them all."""
    Notes.fits.clear()
    rows, y = np.arange(200.0).reshape(-1, 1), np.arange(200) // 3 % 2
    params = {} if weight is None else {"sample_weight": np.r_[np.ones(199), 0.0]}
    teacher, base = Says([0, 1], 0.2 + 0.6 * np.eye(2)[y]), Notes([0.5, 0.5])
    details = {"unseen_from": 110, "since": since, "params": params}
    policy = DistillingRefit(0.5, window="all")
    candidate = policy.propose(fields(rows, y, teacher, base=base, **details))
    seen = [set(fit[0].ravel().astype(int)) for fit in Notes.fits]
    alone = set(range(200)) - held
    assert seen[0] == alone
    assert seen[1] == alone & set(range(200 if weight is None else 199))
    assert len(seen[2]) == (200 if weight is None else 199)
    assert candidate.n_rows_compared == len(alone) + 2 * len(seen[1])
    assert (candidate.n_rows, found(candidate)["rows_held_out"]) == (2 * len(seen[2]), len(held))


def test_the_least_share_that_keeps_to_the_limit_is_chosen():
    """Against all shares, each fitted and counted by hand."""
    X, y = noisy(300, seed=3)
    teacher = RandomForestClassifier(5, random_state=1).fit(*noisy(300, seed=4))
    base = DecisionTreeClassifier(max_depth=6, random_state=0)
    held = np.arange(299, -1, -1) // 34 % 3 == 0
    past = ~held
    proba, was = teacher.predict_proba(X[past]), teacher.predict(X[held]) == y[held]
    flips = {}
    for share in (0.0, 0.25, 0.5, 0.75, 0.9, 0.95):
        target = (1 - share) * np.eye(2)[y[past]] + share * proba
        rows, labels = np.nonzero(target)
        model = clone(base).fit(X[past][rows], labels, target[rows, labels])
        now = model.predict(X[held]) == y[held]
        flips[share] = ((was & ~now).mean(), (now & ~was).mean(), now.mean())
    assert flips[0.0][0] > flips[0.95][0]
    for limit in sorted({negative for negative, _, _ in flips.values()}):
        policy = DistillingRefit(0.95, max_flips=limit)
        candidate = policy.propose(fields(X, y, teacher, base=base))
        expected = min(share for share, (negative, _, _) in flips.items() if negative <= limit)
        chosen = found(candidate)
        assert chosen["alpha"] == expected
        figures = (chosen["negative_flips"], chosen["positive_flips"], chosen["score"])
        assert figures == pytest.approx(flips[expected])
        assert candidate.note == ""
        assert list(chosen["tried"]) == [str(share) for share in flips if share <= expected]
        json.dumps(candidate.evidence)


def test_where_no_share_keeps_to_the_limit_the_one_with_the_fewest_flips_is_chosen():
    """A base that is always wrong turns every row that the teacher gets right."""
    y = np.arange(100) % 2
    teacher = Says([0, 1], np.eye(2)[y])
    rows = np.arange(100.0).reshape(-1, 1)
    context = fields(rows, y, teacher, base=Notes([1.0, 0.0]))
    candidate = DistillingRefit(0.3, max_flips=0.1).propose(context)
    assert list(found(candidate)["tried"]) == ["0.0", "0.25", "0.3"]
    assert found(candidate)["alpha"] == 0.0
    assert candidate.note == "no share keeps max_flips=0.1"


def test_a_share_of_the_teacher_keeps_right_answers_right():
    """Fewer of them turn wrong than in a plain refit, on rows that neither has seen."""
    turned = {0.0: 0, 0.5: 0}
    for seed in range(3):
        X, y = noisy(1800, seed=seed)
        base = DecisionTreeClassifier(max_depth=5, random_state=0)
        teacher = clone(base).fit(X[:400], y[:400])
        was = teacher.predict(X[800:]) == y[800:]
        for alpha in turned:
            context = fields(X[:800], y[:800], teacher, base=base, unseen_from=400)
            model = unguarded(alpha).propose(context).model
            turned[alpha] += (was & (model.predict(X[800:]) != y[800:])).sum()
    assert turned[0.5] < 0.7 * turned[0.0]


@pytest.mark.no_cover
def test_after_a_change_it_serves_as_well_as_a_plain_refit():
    """Within a point of accuracy on the rows after an abrupt drift, where the teacher is wrong."""
    right = {}
    for policy in (DistillingRefit(), FullRefit()):
        hits = []
        for seed in range(3):
            X, y, _ = make_drifting_classification(3000, noise=0.1, random_state=seed)
            model = DriftAwareRetrainer(LogisticRegression(), policy=policy, update=None)
            model.fit(X[:1000], y[:1000])
            for rows in np.split(np.arange(1000, 3000), 20):
                hits.append(model.predict(X[rows]) == y[rows])
                model.partial_fit(X[rows], y[rows])
        right[type(policy)] = np.mean(hits[-15:])
    assert right[DistillingRefit] > right[FullRefit] - 0.01


# -- inside a retrainer ----------------------------------------------------------------------------


@pytest.mark.parametrize("routing", [False, True])
def test_weights_reach_the_last_step_of_a_pipeline(routing):
    """As in a pipeline fitted by hand on the copies."""
    base = make_pipeline(StandardScaler(), LogisticRegression())
    name = "logisticregression__sample_weight"
    with config_context(enable_metadata_routing=routing):
        if routing:
            base[-1].set_fit_request(sample_weight=True)
            base[0].set_fit_request(sample_weight=False)
            name = "sample_weight"
        teacher = LogisticRegression().fit(X[:50], Y[:50])
        model = unguarded(0.4).propose(fields(X, Y, teacher, base=base)).model
        target = 0.6 * np.eye(2)[Y] + 0.4 * teacher.predict_proba(X)
        rows, labels = np.nonzero(target)
        expected = clone(base).fit(X[rows], labels, **{name: target[rows, labels]})
    np.testing.assert_allclose(model.predict_proba(X), expected.predict_proba(X))


def test_as_policy_and_as_update():
    """Each retrain of a schedule has a teacher, and the first fit none."""
    policy = DistillingRefit(0.6, window="all", guard=False, grow=False)
    model = DriftAwareRetrainer(GaussianNB(), detector=Periodic(100), policy=policy, update=None)
    feed(model.fit(X[:100], Y[:100]), X, Y, 50, 100)
    retrained = [event for event in model.events_ if event.action == "retrained"]
    assert [event.kind for event in retrained[1:]] == ["distilling_refit"] * 2
    assert [event.evidence["distillation"] for event in retrained[1:]] == [{"alpha": 0.6}] * 2
    update = DistillingRefit(0.6, on="new", guard=False, min_rows=1)
    model = DriftAwareRetrainer(GaussianNB(), detector=None, update=update).fit(X[:100], Y[:100])
    teacher = model.estimator_
    feed(model, X, Y, 50, 100, 150)
    by_hand = update.propose(fields(X[100:150], Y[100:150], teacher, base=GaussianNB()))
    assert_same_outputs(model, by_hand.model, X)
    assert model.events_.counts["updated"] == 1


def test_parameters_stay_as_they_were_and_a_retrainer_pickles():
    model = DriftAwareRetrainer(
        LogisticRegression(), detector=Rings([150]), policy=DistillingRefit(max_flips=0.1)
    )
    before = joblib.hash(model.get_params())
    feed(model.fit(X[:100], Y[:100]), X, Y, 50, 100, 200)
    assert joblib.hash(model.get_params()) == before
    copy = pickle.loads(pickle.dumps(model))
    for one in (model, copy):
        feed(one, X, Y, 50, 200)
    assert_same_outputs(model, copy, X)
    assert state_of(copy).parts.policy.get_params() == DistillingRefit(max_flips=0.1).get_params()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"alpha": 1}, r"DistillingRefit\(alpha=1\).*at least 0 and below 1, the share"),
        ({"alpha": -0.1}, "alpha=-0.1"),
        ({"temperature": 0}, r"temperature=0.*above 0"),
        ({"on": "old"}, r"on='old'.*one of 'buffer', 'new'"),
        ({"max_flips": 2}, r"max_flips=2.*at most 1.*right to wrong, or None"),
        ({"guard": 1}, r"guard=1.*True or False"),
        ({"window": "new"}, r"DistillingRefit\(window='new'\)"),
        ({"min_rows": 0}, "min_rows=0"),
    ],
)
def test_bad_parameters_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        DriftAwareRetrainer(GaussianNB(), policy=DistillingRefit(**params)).fit(X, Y)


@pytest.mark.parametrize(
    ("base", "params", "message"),
    [
        (
            KNeighborsClassifier(),
            {},
            "^DistillingRefit copies.* KNeighborsClassifier does not ask for sample_weight. Choose "
            "a base whose fit does.*ReplayMix",
        ),
        (STACK, {}, "StackingClassifier does not ask for sample_weight"),
        (KMeans(), {}, r"KMeans is neither a classifier nor a regressor.*'full_refit'"),
        (MultiOutputClassifier(GaussianNB()), {}, r"this classifier has several.*'full_refit'"),
        (Ridge(), {"max_flips": 0.1}, r"max_flips=0.1.*not right or wrong. Set max_flips=None"),
    ],
)
def test_a_base_that_cannot_be_taught_is_refused_before_anything_is_fitted(base, params, message):
    with pytest.raises(ValueError, match=message):
        DistillingRefit(**params).check(Learner(base))


def test_a_regressor_needs_to_take_no_weights():
    DistillingRefit().check(Learner(DecisionTreeNotes()))


FOREST, GBM = RandomForestClassifier, GradientBoostingClassifier
BALANCED = LogisticRegression(class_weight="balanced")


class Booster(GaussianNB):
    """It has the parameters by which boosters weigh classes, and stop by rounds."""

    def __init__(self, scale_pos_weight=None, is_unbalance=False, early_stopping=None):
        super().__init__()
        self.scale_pos_weight = scale_pos_weight
        self.is_unbalance = is_unbalance
        self.early_stopping = early_stopping


@pytest.mark.parametrize(
    ("base", "parameter"),
    [
        (BALANCED, "class_weight='balanced'"),
        (FOREST(class_weight={0: 1, 1: 5}), "class_weight={0: 1, 1: 5}"),
        (make_pipeline(StandardScaler(), BALANCED), "logisticregression__class_weight='balanced'"),
        (BaggingClassifier(BALANCED), "estimator__class_weight='balanced'"),
        (Booster(scale_pos_weight=3.0), "scale_pos_weight=3.0"),
        (Booster(is_unbalance=True), "is_unbalance=True"),
    ],
)
def test_a_base_that_weighs_classes_is_refused(base, parameter):
    """The teacher's copies would be weighed, too, by counts that the copies have changed."""
    with pytest.raises(ValueError, match=rf" {parameter} of the base.*compute_sample_weight"):
        DistillingRefit().check(Learner(base))


def test_balanced_weights_of_the_rows_make_up_for_a_refused_class_weight():
    """The way out: each class has the same weight in all, however rare, and so has a refit."""
    y = np.repeat([0, 1], [9, 3])
    weights = {"sample_weight": compute_sample_weight("balanced", y)}
    teacher = Says([0, 1], np.tile([0.5, 0.5], (12, 1)))
    given = lessons(unguarded(0.4), y, teacher, params=weights)
    total = np.bincount([label for _, label, _ in given], [weight for _, _, weight in given])
    np.testing.assert_allclose(total, [6, 6])


@pytest.mark.parametrize(
    ("base", "parameter"),
    [
        (GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9, 1e-3]}), "cv=None"),
        (LogisticRegressionCV(cv=3), "cv=3"),
        (CalibratedClassifierCV(GaussianNB(), cv=[(1, 2)]), r"cv=\[\(1, 2\)\]"),
        (make_pipeline(TargetEncoder(), GaussianNB()), "targetencoder__cv=5"),
        (SGDClassifier(early_stopping=True), "early_stopping=True"),
        (make_pipeline(SGDClassifier(early_stopping=True)), "sgdclassifier__early_stopping=True"),
        (FOREST(oob_score=True), "oob_score=True"),
        (GBM(n_iter_no_change=5), "n_iter_no_change=5"),
        (BaggingClassifier(GBM(n_iter_no_change=5)), "estimator__n_iter_no_change=5"),
    ],
)
def test_a_base_that_judges_itself_on_some_of_its_rows_is_refused(base, parameter):
    """Copies of one row would come to both sides."""
    with pytest.raises(ValueError, match=f" by {parameter} the base would judge.*Switch that off"):
        DistillingRefit().check(Learner(base))


@pytest.mark.parametrize(
    "base",
    [
        FOREST(),
        GBM(),
        SGDClassifier(n_iter_no_change=3),
        HistGradientBoostingClassifier(),
        Booster(early_stopping=5),
        LassoCV(),
        MLPRegressor(early_stopping=True),
    ],
    ids=lambda base: type(base).__name__,
)
def test_what_neither_weighs_classes_nor_splits_copies_is_not_refused(base):
    """A regressor has no copies."""
    DistillingRefit().check(Learner(base))


@pytest.mark.parametrize("base", [FOREST(3), DecisionTreeClassifier()], ids=str)
def test_several_outputs_of_a_classifier_get_a_plain_refit(base):
    """Whether there are several is only known once rows have come; no retrain fails for it."""
    y, base = np.column_stack([Y, 1 - Y]), base.set_params(max_depth=3, random_state=0)
    policy = DistillingRefit(window="all", grow=False)
    model = DriftAwareRetrainer(base, detector=Periodic(100), policy=policy, update=None)
    feed(model.fit(X[:100], y[:100]), X, y, 100, 100, 300)
    retrained = [event for event in model.events_ if event.action == "retrained"][1:]
    assert [event.kind for event in retrained] == ["full_refit"] * 2
    assert all("this classifier has several: a plain refit" in event.reason for event in retrained)
    assert_same_outputs(model.estimator_, clone(base).fit(X, y), X)
