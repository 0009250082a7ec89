"""Rows to label: chances are known and kept, estimates from the chosen rows are honest."""

import joblib
import numpy as np
import pandas as pd
import pytest
from helpers import stream
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import KMeans
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeRegressor

from skretrain import DriftAwareRetrainer, MixtureRetrainer
from skretrain.serving import select_for_labelling
from skretrain.serving._domain import domain_probabilities
from skretrain.serving._select_for_labelling import _drawn, inclusion_probabilities

X, Y = stream(400)
MODEL = LogisticRegression().fit(X[:200], Y[:200])
X_NEW, Y_NEW = X[200:], Y[200:]


def mean_of_chosen(values, model, X, draws=20, **options):
    """Return the mean of a number per row over the rows that are chosen, in several draws."""
    rng = np.random.default_rng(0)
    options = {"random_share": 0.05, "budget": 20, "random_state": rng, **options}
    return np.mean(
        [values[select_for_labelling(model, X, **options)[0]].mean() for _ in range(draws)]
    )


SCORES = st.lists(st.sampled_from([0.0, 0.01, 0.3, 1.0, 50.0]), min_size=3, max_size=30)


@given(SCORES, st.floats(0.01, 1.0), st.integers(1, 29))
def test_chances_sum_to_the_budget_and_none_is_below_the_random_share(scores, share, n_chosen):
    n_chosen = min(n_chosen, len(scores) - 1)
    chances = inclusion_probabilities(np.array(scores), n_chosen, share)
    assert chances.sum() == pytest.approx(n_chosen)
    assert chances.max() <= 1
    assert chances.min() >= share * n_chosen / len(scores) - 1e-12
    order = np.argsort(scores, kind="stable")
    assert (np.diff(chances[order]) >= -1e-12).all(), "a larger score never has a smaller chance"


@given(SCORES, st.integers(1, 29), st.integers(0, 10_000))
def test_as_many_different_rows_are_drawn_as_asked_for(scores, n_chosen, seed):
    n_chosen = min(n_chosen, len(scores) - 1)
    chances = inclusion_probabilities(np.array(scores), n_chosen, 0.1)
    rows = _drawn(chances, np.random.default_rng(seed))
    assert len(set(rows.tolist())) == len(rows) == n_chosen
    assert set(np.flatnonzero(chances == 1)) <= set(rows.tolist())


def test_each_row_is_drawn_as_often_as_its_chance_says():
    chances = inclusion_probabilities(np.array([0.0, 0.1, 0.5, 1.0, 9.0, 1.0, 0.2]), 3, 0.2)
    rng = np.random.default_rng(0)
    counts = np.zeros(7)
    for _ in range(4000):
        counts[_drawn(chances, rng)] += 1
    error = np.sqrt(4000 * chances * (1 - chances))
    assert (np.abs(counts - 4000 * chances) <= 4 * error).all()


def test_the_weighted_loss_of_the_chosen_rows_is_unbiased_and_the_plain_one_is_not():
    wrong = MODEL.predict(X_NEW) != Y_NEW
    rng = np.random.default_rng(0)
    weighted, plain = [], []
    for _ in range(400):
        rows, weights = select_for_labelling(MODEL, X_NEW, 20, random_state=rng)
        weighted.append(weights @ wrong[rows] / len(wrong))
        plain.append(wrong[rows].mean())
    error = np.std(weighted) / np.sqrt(400)
    assert abs(np.mean(weighted) - wrong.mean()) <= 4 * error
    assert np.mean(plain) > wrong.mean() + 4 * error


def test_unsure_rows_are_chosen_first():
    rows, weights = select_for_labelling(MODEL, X_NEW, 0.1, random_state=0, random_share=0.05)
    unsure = 1 - np.abs(2 * MODEL.predict_proba(X_NEW)[:, 1] - 1)
    assert unsure[rows].mean() > 2 * unsure.mean()
    assert weights.max() <= 200 / (0.05 * 20) + 1e-9


def test_a_random_share_of_one_is_a_simple_random_sample():
    weights = select_for_labelling(MODEL, X_NEW, 50, random_share=1, random_state=0)[1]
    assert weights == pytest.approx(4.0)


@pytest.mark.no_cover
def test_rows_unlike_those_that_the_model_remembers_are_chosen_first():
    """The model is as sure of them as of all others: the moved column is none it looks at."""
    X_moved = X_NEW.copy()
    X_moved[::10, 3] += 8
    is_moved = np.arange(200) % 10 == 0
    model = DriftAwareRetrainer(LogisticRegression(), detector=None).fit(
        pd.DataFrame(X[:200]), Y[:200]
    )
    mixture = MixtureRetrainer([("one", model)]).fit(pd.DataFrame(X[:200]), Y[:200])
    share = {}
    for name, used, reference in (
        ("remembered", model, None),
        ("by a member", mixture, None),
        ("given", MODEL, X[:200]),
        ("unknown", MODEL, None),
    ):
        options = {"reference": reference, "draws": 3}
        rows = X_moved if used is MODEL else pd.DataFrame(X_moved)
        share[name] = mean_of_chosen(is_moved, used, rows, **options)
    assert min(share["remembered"], share["by a member"], share["given"]) >= 0.25
    assert share["unknown"] <= 0.15


@pytest.mark.no_cover
def test_nothing_of_the_model_is_changed_and_a_seed_repeats_the_choice():
    model = DriftAwareRetrainer(GaussianNB()).fit(X[:200], Y[:200])
    before = joblib.hash(model)
    first, again = (select_for_labelling(model, X_NEW, 0.2, random_state=3) for _ in range(2))
    assert joblib.hash(model) == before
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    drawn = {tuple(select_for_labelling(model, X_NEW, 5)[0]) for _ in range(5)}
    assert len(drawn) > 1, "without a seed each call draws anew"


@pytest.mark.parametrize(
    ("budget", "n"), [(1, 1), (1.0, 200), (0.001, 1), (0.25, 50), (200, 200), (10**9, 200)]
)
def test_a_budget_is_a_number_of_rows_or_a_share_of_them(budget, n):
    rows, weights = select_for_labelling(MODEL, X_NEW, budget)
    assert len(rows) == len(weights) == n
    if n == 200:
        assert rows.tolist() == list(range(200))
        assert weights.tolist() == [1.0] * 200


def test_no_rows_no_choice():
    assert [len(part) for part in select_for_labelling(MODEL, X[:0], 0.5)] == [0, 0]


def spread_of(model):
    return np.std([tree.predict(X_NEW) for tree in model.estimators_], axis=0)


def test_a_forest_of_regressors_is_unsure_where_its_trees_differ():
    forest = RandomForestRegressor(20, random_state=0).fit(X[:200], X[:200, 0] ** 2)
    retrainer = DriftAwareRetrainer(forest, detector=None, random_state=0)
    retrainer.fit(X[:200], X[:200, 0] ** 2)
    for model, inner in ((forest, forest), (retrainer, retrainer.estimator_)):
        spread = spread_of(inner)
        assert mean_of_chosen(spread, model, X_NEW, draws=5) > 1.15 * spread.mean()


def test_a_mixture_of_regressors_is_unsure_where_its_members_differ():
    """They agree on the left and differ on the right."""
    members = [
        ("line", DriftAwareRetrainer(Ridge())),
        ("tree", DriftAwareRetrainer(DecisionTreeRegressor(max_depth=8))),
    ]
    model = MixtureRetrainer(members).fit(X[:200], np.abs(X[:200, 0]))
    spread = np.std([member.predict(X_NEW) for member in model.estimators_], axis=0)
    assert mean_of_chosen(spread, model, X_NEW, draws=5) > 1.15 * spread.mean()


@pytest.mark.parametrize(
    "model",
    [
        Ridge(),
        GradientBoostingRegressor(n_estimators=3),
        HistGradientBoostingRegressor(max_iter=3),
        VotingClassifier([("bayes", GaussianNB())]),  # by labels
        KMeans(2, n_init=1, random_state=0),
    ],
)
def test_a_model_that_cannot_say_how_sure_it_is_gets_a_random_sample(model):
    weights = select_for_labelling(model.fit(X[:200], Y[:200]), X_NEW, 50, random_state=0)[1]
    assert weights == pytest.approx(4.0)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_margins_of_a_decision_function_do_as_well(n_classes):
    X, y = stream(400, n_classes=n_classes)
    model = LinearSVC(random_state=0).fit(X[:200], y[:200])
    margins = model.decision_function(X[200:])
    if n_classes == 3:
        margins = np.diff(np.sort(margins, axis=1)[:, -2:], axis=1).ravel()
    assert mean_of_chosen(np.abs(margins), model, X[200:]) < 0.85 * np.abs(margins).mean()


class Answers(ClassifierMixin, BaseEstimator):
    """A fitted model that answers with what it was given."""

    def __init__(self, method, outputs):
        self.method, self.outputs = method, outputs

    def fit(self, X, y):
        """Do nothing."""
        return self

    def __getattr__(self, name):
        if name != "method" and name == self.method:
            return lambda X: self.outputs
        raise AttributeError(name)


NONE_AND_SURE = np.array([[np.nan, np.nan]] * 5 + [[0.0, 1.0]] * 195)


@pytest.mark.parametrize(
    ("method", "outputs"),
    [
        ("predict_proba", NONE_AND_SURE),
        ("decision_function", np.where(np.arange(200) < 5, 0.0, np.inf)),
        ("decision_function", np.where(np.isnan(NONE_AND_SURE), -np.inf, NONE_AND_SURE)),
    ],
)
def test_rows_of_which_a_model_says_nothing_are_the_least_sure(method, outputs):
    rows, weights = select_for_labelling(
        Answers(method, outputs), X_NEW, 6, random_share=0.1, random_state=0
    )
    assert set(range(5)) <= set(rows.tolist())
    assert np.isfinite(weights).all()


def test_a_model_of_a_single_class_is_sure_of_every_row():
    model = GaussianNB().fit(X[:200], np.zeros(200))
    weights = select_for_labelling(model, X_NEW, 50, random_state=0)[1]
    assert weights == pytest.approx(4.0)


def test_rows_that_are_no_table_have_no_domain():
    """Sparse rows, which a classifier of columns does not take, and rows too few to tell apart."""
    rows = sparse.csr_matrix(X)
    model = DriftAwareRetrainer(LogisticRegression(), detector=None).fit(rows[:200], Y[:200])
    assert len(select_for_labelling(model, rows[200:], 20)[0]) == 20
    model = DriftAwareRetrainer(LogisticRegression(), detector=None).fit(X[:200], Y[:200])
    assert len(select_for_labelling(model, X_NEW[:20], 5)[0]) == 5
    assert len(select_for_labelling(model, sparse.csr_matrix(X_NEW), 5)[0]) == 5


@pytest.mark.parametrize("kinds", [(pd.DataFrame, np.asarray), (np.asarray, pd.DataFrame)])
def test_rows_without_names_are_compared_by_position(kinds):
    old, new = X[:200], X_NEW + np.where(np.arange(200) < 100, 9, 0)[:, np.newaxis]
    plain = domain_probabilities(old, new)
    mixed = domain_probabilities(kinds[0](old), kinds[1](new))
    np.testing.assert_array_equal(plain, mixed)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget": 0}, "budget must be a number of rows"),
        ({"budget": 1.5}, "budget must be"),
        ({"budget": 0.0}, "budget must be"),
        ({"budget": True}, "budget must be"),
        ({"budget": "half"}, "budget must be"),
        ({"random_share": 0}, "random_share must be"),
        ({"random_share": 1.1}, "random_share must be"),
        ({"random_state": -1}, "random_state must be"),
        ({"random_state": "a", "budget": 1.0}, "random_state must be"),
        ({"reference": X[:, :2]}, "the same columns"),
        ({"reference": ["a text"] * 50}, "the rows are no table"),
        ({"reference": sparse.csr_matrix(X)}, "the rows are sparse"),
        ({"reference": 5}, "reference must be an array"),
        ({"X": 5}, "X must be an array"),
        ({"X": "a text"}, "X must be an array"),
        ({"X": sparse.csr_matrix(X_NEW), "reference": X}, "the rows are sparse"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(options, message):
    with pytest.raises(ValueError, match=message):
        select_for_labelling(MODEL, **{"X": X_NEW, "budget": 10, **options})


@pytest.mark.parametrize(
    "model", [MultiOutputClassifier(GaussianNB()), RandomForestRegressor(2, random_state=0)]
)
def test_a_model_of_several_outputs_is_refused(model):
    model.fit(X[:200], np.c_[Y[:200], 1 - Y[:200]])
    with pytest.raises(ValueError, match="several outputs"):
        select_for_labelling(model, X_NEW, 10)
