"""Room for new classes: nothing known is lost, nothing unknown is predicted, and it is learned."""

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import (
    LogisticRegression,
    Perceptron,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neural_network import MLPClassifier

from skretrain.compose._growth import can_grow, grow, grow_for
from skretrain.linear_model import RecursiveRidgeClassifier
from skretrain.utils._copy import copy_fitted

CENTRES = np.random.default_rng(5).normal(size=(6, 8)) * 3
LOSSES = sorted(SGDClassifier.loss_functions)


def blobs(n, classes, seed=0):
    """Rows around one centre per class, numbered; float features."""
    rng = np.random.default_rng(seed)
    y = rng.choice(classes, n)
    y[: len(classes)] = classes
    return CENTRES[y] + rng.normal(size=(n, 8)), y


def counts(n, classes, seed=0):
    """The same, as small counts."""
    X, y = blobs(n, classes, seed)
    return np.clip(X.round() + 4, 0, 9).astype(int), y


def linear_models():
    yield from (SGDClassifier(loss=loss, random_state=0) for loss in LOSSES)
    yield SGDClassifier(average=True, random_state=0)
    yield SGDClassifier(average=10**6, random_state=0)
    yield SGDClassifier(penalty="l1", random_state=0)
    yield Perceptron(random_state=0)


def bayes_models():
    yield GaussianNB(), blobs
    yield from ((kind(), counts) for kind in (MultinomialNB, BernoulliNB, ComplementNB))
    yield MultinomialNB(fit_prior=False), counts
    yield BernoulliNB(binarize=4.0), counts
    yield ComplementNB(norm=True), counts
    yield CategoricalNB(min_categories=10), counts


def perceptrons():
    yield MLPClassifier((12,), random_state=0, learning_rate_init=0.01)
    yield MLPClassifier((12, 6), solver="sgd", random_state=0, learning_rate_init=0.05)
    yield MLPClassifier((), random_state=0)
    yield MLPClassifier((12,), solver="lbfgs", random_state=0)


def name(value):
    return str(value).replace("\n", "") if not callable(value) else value.__name__


FAMILIES = [
    *((model, blobs) for model in linear_models()),
    *bayes_models(),
    *((model, blobs) for model in perceptrons()),
    (LogisticRegression(), blobs),
    (RecursiveRidgeClassifier(forgetting=(0.99, 1.0)), blobs),
]

# Known classes, and those that come: after, between and before them, one or several.
ARRIVALS = [
    ([0, 3], [5]),
    ([0, 3], [1]),
    ([1, 3], [0]),
    ([1, 2, 4], [0, 3, 5]),
    ([2, 3, 4, 5], [1]),
]


@pytest.fixture(autouse=True)
def _calm():
    """Untrained classes of GaussianNB have the prior 0; few epochs do not converge."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with np.errstate(divide="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def fitted(model, rows, known, seed=0):
    X, y = rows(300, known, seed)
    return copy_fitted(model).fit(X, y)


def grown(model, new):
    model = copy_fitted(model)
    assert can_grow(model, np.asarray(new))
    grow(model, np.union1d(model.classes_, new))
    return model


@pytest.mark.parametrize(("known", "new"), ARRIVALS)
@pytest.mark.parametrize(("model", "rows"), FAMILIES, ids=name)
@pytest.mark.no_cover
@pytest.mark.thinned(7)
def test_a_grown_model_predicts_as_before_near_and_far(model, rows, known, new):
    """On rows like those learned, of every class, and on rows of any size and sign."""
    before = fitted(model, rows, known)
    after = grown(before, new)
    X, _ = rows(500, list(range(6)), seed=1)
    tests = [X]
    if rows is blobs:
        tests += [X * scale for scale in (-1e6, -1.0, 1e-6, 1e3, 1e6)]
    elif not isinstance(model, CategoricalNB):
        tests += [X * 50, 9 - X, np.eye(8, dtype=int)]
    for rows_ in tests:
        np.testing.assert_array_equal(after.predict(rows_), before.predict(rows_))
    np.testing.assert_array_equal(after.classes_, sorted([*known, *new]))


@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(1e-9, 1e9), n_known=st.integers(2, 6))
@pytest.mark.no_cover
def test_no_linear_model_predicts_a_class_that_it_has_not_seen(seed, scale, n_known):
    """Whatever the weights and the rows: the mean of the rows is never their largest."""
    rng = np.random.default_rng(seed)
    model = SGDClassifier()
    n_rows = 1 if n_known == 2 else n_known
    model.coef_ = rng.normal(size=(n_rows, 3)) * rng.choice([0.0, 1.0, 100.0], (n_rows, 1))
    model.intercept_ = rng.normal(size=n_rows) * 10
    model.classes_ = np.arange(n_known) * 2
    after = grown(model, [-1, 1, 99])
    X = rng.normal(size=(50, 3)) * scale
    np.testing.assert_array_equal(after.predict(X), model.predict(X))


@pytest.mark.parametrize("model", list(linear_models()), ids=name)
def test_linear_rows_of_known_classes_stay_bit_for_bit(model):
    before = fitted(model, blobs, [1, 2, 4])
    after = grown(before, [0, 3])
    np.testing.assert_array_equal(after.coef_[[1, 2, 4]], before.coef_)
    np.testing.assert_array_equal(after.intercept_[[1, 2, 4]], before.intercept_)
    X, _ = blobs(100, [0, 1], 3)
    np.testing.assert_allclose(
        after.decision_function(X)[:, [1, 2, 4]], before.decision_function(X), rtol=1e-9
    )


@pytest.mark.parametrize("model", list(linear_models()), ids=name)
def test_the_row_of_a_binary_model_becomes_two_of_opposite_sign(model):
    before = fitted(model, blobs, [0, 3])
    after = grown(before, [1])
    np.testing.assert_array_equal(after.coef_[2], before.coef_[0])
    np.testing.assert_array_equal(after.coef_[0], -before.coef_[0])
    np.testing.assert_array_equal(
        after.intercept_[[0, 2]], [-before.intercept_[0], before.intercept_[0]]
    )
    np.testing.assert_array_equal(after.coef_[1], np.zeros(8))
    assert after.intercept_[1] == -1
    assert after.coef_.dtype == before.coef_.dtype
    assert after.t_ == before.t_


@pytest.mark.parametrize("loss", ["hinge", "log_loss", "modified_huber", "huber"])
@pytest.mark.parametrize("average", [False, True, 10, 10**6])
@pytest.mark.no_cover
def test_known_rows_go_on_as_if_the_class_had_been_declared(loss, average):
    """Rows of one against all know nothing of each other: bit for bit, averages included."""
    model = SGDClassifier(loss=loss, average=average, shuffle=False, random_state=0)
    X, y = blobs(200, [0, 2, 3])
    bare = copy_fitted(model).partial_fit(X, y, classes=[0, 2, 3]).partial_fit(X, y)
    declared = copy_fitted(model).partial_fit(X, y, classes=[0, 1, 2, 3]).partial_fit(X, y)
    after = grown(bare, [1])
    X, y = blobs(200, [0, 1, 2, 3], 2)
    for _ in range(2):
        after.partial_fit(X, y)
        declared.partial_fit(X, y)
    np.testing.assert_array_equal(after.coef_[[0, 2, 3]], declared.coef_[[0, 2, 3]])
    np.testing.assert_array_equal(after.intercept_[[0, 2, 3]], declared.intercept_[[0, 2, 3]])


@pytest.mark.parametrize("loss", ["hinge", "modified_huber", "huber"])
@pytest.mark.parametrize("average", [False, 10**6])
def test_the_two_rows_of_a_binary_model_too(loss, average):
    """These losses are symmetrical: what is learned for one label is learned against the other."""
    model = SGDClassifier(loss=loss, average=average, shuffle=False, random_state=0)
    X, y = blobs(200, [0, 3])
    bare = copy_fitted(model).partial_fit(X, y, classes=[0, 3])
    declared = copy_fitted(model).partial_fit(X, y, classes=[0, 1, 3])
    after = grown(bare, [1])
    X, y = blobs(200, [0, 1, 3], 2)
    after.partial_fit(X, y)
    declared.partial_fit(X, y)
    np.testing.assert_array_equal(after.coef_[[0, 2]], declared.coef_[[0, 2]])
    np.testing.assert_array_equal(after.intercept_[[0, 2]], declared.intercept_[[0, 2]])


def test_the_new_row_learns_as_a_binary_model_would():
    """Same start, same schedule, "mine" against "not mine": bit for bit, at a late step, too."""
    model = SGDClassifier(shuffle=False, random_state=0)
    X, y = blobs(300, [0, 2, 3])
    after = grown(model.partial_fit(X, y, classes=[0, 2, 3]), [1])
    alone = SGDClassifier(shuffle=False).partial_fit(X[:2], [0, 1], classes=[0, 1])
    alone.coef_, alone.intercept_ = after.coef_[[1]].copy(), after.intercept_[[1]].copy()
    alone.t_ = after.t_
    X, y = blobs(200, [0, 1, 2, 3], 2)
    after.partial_fit(X, y)
    alone.partial_fit(X, (y == 1).astype(int))
    np.testing.assert_array_equal(after.coef_[1], alone.coef_[0])
    np.testing.assert_array_equal(after.intercept_[1], alone.intercept_[0])


@pytest.mark.parametrize("average", [True, 150, 200, 201, 10**6])
@pytest.mark.parametrize("known", [[0, 3], [0, 2, 3]])
def test_the_sets_of_weights_of_an_averaging_model_stay_tied(known, average):
    """What is shown *is* one of the two sets, as in a model that knew the classes at once."""
    X, y = blobs(200, known)
    model = SGDClassifier(average=average, random_state=0).partial_fit(X, y, classes=known)
    after = grown(model, [1])
    same = SGDClassifier(average=average, random_state=0)
    same.partial_fit(*blobs(200, [0, 1, 3]), classes=after.classes_)
    for part in ("coef", "intercept"):
        for kind in ("standard", "average"):
            tied = getattr(same, f"_{kind}_{part}") is getattr(same, f"{part}_")
            assert (getattr(after, f"_{kind}_{part}") is getattr(after, f"{part}_")) is tied
            shape = getattr(same, f"_{kind}_{part}").shape[1:]
            assert getattr(after, f"_{kind}_{part}").shape == (len(known) + 1, *shape)


@pytest.mark.parametrize(("known", "new"), ARRIVALS)
@pytest.mark.parametrize(("model", "rows"), list(bayes_models()), ids=name)
@pytest.mark.no_cover
@pytest.mark.thinned(3)
def test_naive_bayes_goes_on_as_if_it_had_declared_the_class(model, rows, known, new):
    """Grown and continued equals declared at the beginning, in every attribute, bit for bit."""
    first = rows(300, known)
    after = grown(copy_fitted(model).partial_fit(*first, classes=known), new)
    declared = copy_fitted(model).partial_fit(*first, classes=sorted([*known, *new]))
    if not isinstance(model, GaussianNB | ComplementNB):
        for one, other in zip(after.feature_log_prob_, declared.feature_log_prob_, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)
    for labels in (known, [*known, *new]):  # the new ones may be late
        batch = rows(200, labels, 1)
        for one in (after, declared):
            one.partial_fit(*batch)
        assert joblib.hash(vars(after)) == joblib.hash(vars(declared))


@pytest.mark.parametrize(("model", "rows"), list(bayes_models()), ids=name)
def test_naive_bayes_says_the_same_of_known_classes(model, rows):
    """Joint log likelihood and probabilities; a new class has none, complements aside."""
    before = fitted(model, rows, [1, 2, 4])
    after = grown(before, [0, 3])
    X, _ = rows(200, [0, 1, 2, 3, 4], 1)
    old = [1, 2, 4]
    joint = after.predict_joint_log_proba(X)
    np.testing.assert_allclose(joint[:, old], before.predict_joint_log_proba(X), rtol=1e-12)
    if isinstance(model, ComplementNB):
        assert (joint[:, [0, 3]] < joint[:, old].min(axis=1, keepdims=True)).all()
        return
    np.testing.assert_allclose(after.predict_proba(X)[:, old], before.predict_proba(X), rtol=1e-9)
    assert (after.predict_proba(X)[:, [0, 3]] == 0).all()


def test_gaussian_columns_are_the_same_bit_for_bit():
    before = fitted(GaussianNB(), blobs, [1, 2, 4])
    after = grown(before, [0, 3])
    X, _ = blobs(200, [0, 1, 2, 3, 4], 1)
    joint = after.predict_joint_log_proba(X)[:, [1, 2, 4]]
    np.testing.assert_array_equal(joint, before.predict_joint_log_proba(X))
    np.testing.assert_array_equal(after.predict_proba(X)[:, [1, 2, 4]], before.predict_proba(X))


def test_gaussian_naive_bayes_without_smoothing_has_no_class_of_variance_zero():
    """A logarithm of zero would be NaN, and NaN wins every argmax."""
    model = GaussianNB(var_smoothing=0.0).fit(*blobs(100, [0, 1]))
    X, _ = blobs(50, [0, 1], 1)
    np.testing.assert_array_equal(grown(model, [2]).predict(X), model.predict(X))


def test_an_empty_document_is_a_tie_for_complement_naive_bayes():
    """The one exception: every class scores 0, known or new, and scikit-learn takes the first."""
    after = grown(fitted(ComplementNB(), counts, [1, 2]), [0])
    assert after.predict_joint_log_proba(np.zeros((1, 8))).tolist() == [[0, 0, 0]]


def test_a_naive_bayes_table_with_one_class_takes_a_second():
    model = GaussianNB().partial_fit(*blobs(50, [1]), classes=[1])
    after = grown(model, [0]).partial_fit(*blobs(100, [0, 1], 1))
    X, y = blobs(200, [0, 1], 2)
    assert after.score(X, y) > 0.95


@pytest.mark.parametrize("model", list(perceptrons()), ids=name)
@pytest.mark.parametrize("known", [[0, 3], [0, 2, 3]])
def test_a_perceptron_keeps_the_odds_of_known_classes(model, known):
    """And the new one gets less than the likeliest of them, everywhere."""
    before = fitted(model, blobs, known)
    after = grown(before, [1])
    X, _ = blobs(200, [0, 1, 2, 3], 1)
    old = np.searchsorted(after.classes_, known)
    proba = after.predict_proba(X)
    share = proba[:, old] / proba[:, old].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(share, before.predict_proba(X), rtol=1e-6, atol=1e-12)
    assert (proba[:, 1] < np.exp(-1) * proba[:, old].max(axis=1)).all()


def test_output_columns_of_a_softmax_perceptron_stay_bit_for_bit():
    before = fitted(MLPClassifier((12,), random_state=0, max_iter=20), blobs, [0, 2, 3])
    after = grown(before, [1])
    np.testing.assert_array_equal(after.coefs_[-1][:, [0, 2, 3]], before.coefs_[-1])
    np.testing.assert_array_equal(after.intercepts_[-1][[0, 2, 3]], before.intercepts_[-1])
    np.testing.assert_array_equal(after.coefs_[0], before.coefs_[0])


@pytest.mark.parametrize("model", list(perceptrons())[:3], ids=name)
@pytest.mark.parametrize("known", [[0, 3], [0, 2, 3]])
def test_the_optimiser_of_a_perceptron_keeps_its_moments(model, known):
    """Of hidden and of known units; shapes are those of a model that knew the classes at once."""
    X, y = blobs(200, known)
    before = copy_fitted(model).partial_fit(X, y, classes=known)
    after = grown(before, [1])
    whole = copy_fitted(model).partial_fit(*blobs(200, [*known, 1]), classes=after.classes_)
    for tables in ("ms", "vs", "velocities"):
        if not hasattr(before._optimizer, tables):
            continue
        old, new, shapes = (getattr(m._optimizer, tables) for m in (before, after, whole))
        assert [table.shape for table in new] == [table.shape for table in shapes]
        half = len(old) // 2 - 1
        for position in (half, len(old) - 1):
            assert (new[position][..., 1] == 0).all()
            factor = 0.5 if tables == "velocities" and len(known) == 2 else 1.0
            np.testing.assert_array_equal(new[position][..., -1], factor * old[position][..., -1])
        np.testing.assert_array_equal(new[0], old[0]) if half else None
    if before.solver == "adam":
        assert after._optimizer.t == before._optimizer.t
    assert after.t_ == before.t_
    assert [c.shape for c in after._best_coefs] == [c.shape for c in after.coefs_]
    after.partial_fit(*blobs(50, [*known, 1]))


def test_the_two_units_of_a_split_one_move_as_it_did():
    """With only known labels, the first step of plain gradient descent moves both by its step.

    So the score, their difference, moves by twice as much as the one unit's: the softmax of two
    units has two rows to move.
    """
    X, y = blobs(200, [0, 3])
    model = MLPClassifier(
        (6,), solver="sgd", momentum=0.0, alpha=0.0, shuffle=False, batch_size=200, random_state=0
    ).partial_fit(X, y, classes=[0, 3])
    after = grown(model, [5])
    after.coefs_[-1][:, 2], after.intercepts_[-1][2] = 0, -1e3  # out of the way
    unit, units = model.coefs_[-1].copy(), after.coefs_[-1].copy()
    model.partial_fit(X, y)
    after.partial_fit(X, y)
    step = model.coefs_[-1][:, 0] - unit[:, 0]
    np.testing.assert_allclose((after.coefs_[-1] - units)[:, 1], step, rtol=1e-9)
    np.testing.assert_allclose((after.coefs_[-1] - units)[:, 0], -step, rtol=1e-9)


def test_progress_counts_anew_so_that_an_adaptive_step_is_not_cut():
    model = MLPClassifier((6,), solver="sgd", learning_rate="adaptive", random_state=0)
    X, y = blobs(100, [0, 3])
    model.partial_fit(X, y, classes=[0, 3])
    model._no_improvement_count = 10
    after = grown(model, [1])
    assert after._no_improvement_count == 0
    assert after.best_loss_ == np.inf


def learners():
    """Losses of regression with a step that they do not diverge with, on these features."""
    for model in linear_models():
        if "epsilon" in model.loss or model.loss in ("huber", "squared_error"):
            model.set_params(learning_rate="constant", eta0=0.003)
        yield model, blobs


LEARNERS = [
    *learners(),
    *bayes_models(),
    (MLPClassifier((30,), solver="sgd", learning_rate_init=0.1, random_state=0), blobs),
    (MLPClassifier((30,), learning_rate_init=0.05, random_state=0), blobs),
    (RecursiveRidgeClassifier(), blobs),
]


@pytest.mark.parametrize("known", [[0, 3], [0, 2, 3]])
@pytest.mark.parametrize(("model", "rows"), LEARNERS, ids=name)
@pytest.mark.no_cover
def test_a_new_class_is_learned_within_a_few_hundred_rows(model, rows, known):
    """As well as by a model that declared it at the beginning, or nearly; nothing else is lost.

    That model is scikit-learn's own answer, and some of them are slow: averages over the past,
    losses of regression, features that hardly tell the classes apart.
    """
    first = rows(1000, known)
    after = grown(copy_fitted(model).partial_fit(*first, classes=known), [1])
    declared = copy_fitted(model).partial_fit(*first, classes=after.classes_)
    for seed in range(5):
        batch = rows(100, [*known, 1], 10 + seed)
        after.partial_fit(*batch)
        declared.partial_fit(*batch)
    X, y = rows(1000, [*known, 1], 99)
    for part in (y == 1, y != 1):
        assert after.score(X[part], y[part]) > min(0.9, declared.score(X[part], y[part])) - 0.05


@pytest.mark.parametrize("solver", ["lbfgs", "newton-cg", "sag", "saga"])
@pytest.mark.parametrize("known", [[0, 3], [0, 2, 3]])
@pytest.mark.no_cover
def test_a_warm_started_logistic_regression_ends_where_a_fresh_one_does(solver, known):
    """Its loss is convex: from the grown weights as from zero, to the solver's tolerance."""
    model = LogisticRegression(solver=solver, C=0.05, tol=1e-6, max_iter=3000, random_state=0)
    X, y = blobs(300, known)
    after = grown(model.fit(X, y), [1])
    X, y = blobs(300, [*known, 1], 1)
    after.set_params(warm_start=True).fit(X, y)
    fresh = LogisticRegression(**model.get_params()).fit(X, y)
    np.testing.assert_allclose(after.predict_proba(X), fresh.predict_proba(X), atol=1e-3)


@pytest.mark.parametrize("known", [[0, 3], [0, 2, 3]])
def test_a_grown_logistic_regression_keeps_the_odds(known):
    before = LogisticRegression().fit(*blobs(300, known))
    after = grown(before, [1])
    X, _ = blobs(200, [0, 1, 2, 3], 1)
    proba = after.predict_proba(X)[:, np.searchsorted(after.classes_, known)]
    share = proba / proba.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(share, before.predict_proba(X), rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize(
    ("known", "new", "kind"),
    [
        (["cat", "dog"], ["antelopes!"], "U"),
        (["cat", "dog"], ["cow", "zebra finch"], "U"),
        ([False, True], [2], "i"),
        ([False, True], [-1], "i"),
        ([0.0, 1.0], [0.5 * 4], "f"),
        ([3, 7], [5], "i"),
    ],
)
@pytest.mark.parametrize(
    "model",
    [
        SGDClassifier(random_state=0),
        GaussianNB(),
        MLPClassifier((8,), random_state=0),
        RecursiveRidgeClassifier(),
    ],
)
@pytest.mark.no_cover
def test_labels_of_every_type_keep_their_names(model, known, new, kind):
    """Longer texts are not cut, and a truth value becomes the number that it equals."""
    X, y = blobs(200, [0, 1])
    before = copy_fitted(model).fit(X, np.asarray(known)[y])
    after = grown(before, new)
    assert after.classes_.tolist() == sorted([*known, *new])
    assert after.classes_.dtype.kind == kind
    np.testing.assert_array_equal(after.predict(X), before.predict(X))
    X, y = blobs(200, [0, 1, 2], 1)
    names = np.array([*known, new[0]], dtype=after.classes_.dtype)
    after.partial_fit(X, names[y])
    assert after.classes_.tolist() == sorted([*known, *new])


@pytest.mark.parametrize(("model", "rows"), FAMILIES, ids=name)
@pytest.mark.no_cover
def test_the_model_that_was_copied_does_not_change(model, rows):
    before = fitted(model, rows, [0, 2, 3])
    state = joblib.hash(before)
    after = grown(before, [1])
    if hasattr(after, "partial_fit"):
        after.partial_fit(*rows(50, [0, 1, 2, 3], 3))
    assert joblib.hash(before) == state


def test_growing_by_nothing_changes_nothing():
    model = SGDClassifier(random_state=0).fit(*blobs(100, [0, 3]))
    state = joblib.hash(model)
    grow(model, model.classes_)
    grow_for(model, np.array([3, 0, 0]))
    grow_for(model, None)
    grow_for(model, np.zeros((2, 2)))
    assert joblib.hash(model) == state
    grow_for(model, np.array([3, 7, 0]))
    assert model.classes_.tolist() == [0, 3, 7]


class Mine(SGDClassifier):
    """A subclass, which may keep whatever else per class."""


Namesake = type("SGDClassifier", (SGDClassifier,), {})


@pytest.mark.parametrize(
    "model",
    [
        Mine(),
        Namesake(),
        RidgeClassifier(),
        OneVsRestClassifier(SGDClassifier()),
        SGDClassifier(class_weight="balanced"),
        SGDClassifier(early_stopping=True),
        SGDClassifier(fit_intercept=False),
        Perceptron(fit_intercept=False),
        LogisticRegression(fit_intercept=False),
        LogisticRegression(solver="liblinear"),
        GaussianNB(priors=[0.5, 0.5]),
        MultinomialNB(class_prior=[0.5, 0.5]),
        ComplementNB(class_prior=[0.5, 0.5]),
        MLPClassifier(early_stopping=True, max_iter=5),
    ],
    ids=name,
)
def test_what_parameters_or_an_unknown_class_prevent(model):
    X, y = counts(200, [0, 1])
    assert not can_grow(model.fit(X, y), [2])


def test_a_multilabel_perceptron_has_no_room():
    X, y = blobs(100, [0, 1])
    model = MLPClassifier((4,), max_iter=5).fit(X, np.column_stack([y, 1 - y]))
    assert not can_grow(model)
    assert can_grow(MLPClassifier((4,), max_iter=5, early_stopping=True, solver="lbfgs").fit(X, y))


@pytest.mark.parametrize(
    ("weights", "new", "possible"),
    [
        ({0: 2.0}, [2], True),
        ({0: 2.0, 1: 1.0}, [2], True),
        ({0: 2.0, 1: 1.0, 2: 5.0}, [2], True),
        ({0: 2.0, 1: 1.0, 7: 5.0}, [2], False),
        ({0: 2.0, 1: 1.0, 7: 5.0}, [2, 7], True),
        (None, [2], True),
    ],
)
def test_class_weights_must_fit_the_classes_to_come(weights, new, possible):
    """Exactly where scikit-learn itself takes them."""
    X, y = blobs(100, [0, 1])
    model = SGDClassifier(class_weight=weights, random_state=0).fit(X, y)
    assert can_grow(model, new) is possible
    grow(model, np.union1d([0, 1], new))
    X, y = blobs(100, [0, 1, 2], 1)
    if possible:
        model.partial_fit(X, y)
    else:
        with pytest.raises(ValueError, match="not in class_weight"):
            model.partial_fit(X, y)


@pytest.mark.parametrize(
    ("known", "new"), [([0, 1], ["x"]), (["a", "b"], [1]), ([0.0, 1.0], [0.5])], ids=str
)
def test_labels_that_cannot_stand_beside_the_known_ones(known, new):
    """Text beside numbers, and fractions, which scikit-learn takes for a regression."""
    X, y = blobs(100, [0, 1])
    assert not can_grow(SGDClassifier().fit(X, np.asarray(known)[y]), new)


def test_one_vs_rest_of_an_old_release_is_left_alone():
    """multi_class="ovr" of scikit-learn 1.7: its probabilities are not a softmax."""
    model = LogisticRegression().fit(*blobs(100, [0, 1]))
    model.multi_class = "ovr"
    assert not can_grow(model)
