"""Nets of Keras, on the backend of torch."""

import copy
import pickle

import joblib
import keras
import numpy as np
import pytest
from keras import layers
from keras.wrappers import SKLearnClassifier, SKLearnRegressor
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skretrain import DriftAwareRetrainer, MixtureRetrainer, ReplayPartialFit
from skretrain.buffers import Rows
from skretrain.compose import Effort, Learner
from skretrain.compose._freeze import holding
from skretrain.compose.adapters._registry import adapter_of
from skretrain.policies import FineTune, RetrainContext
from skretrain.utils._clone import cloned

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)
OLD, NEW = slice(0, 80), slice(80, None)
FIT = {"epochs": 2, "verbose": 0, "batch_size": 20}


def build(X, y, rate=0.01, n_hidden=4, hidden_learns=True):
    return compiled(X.shape[1], y.shape[1], rate, n_hidden, hidden_learns)


def compiled(n_inputs=3, n_outputs=2, rate=0.01, n_hidden=4, hidden_learns=True, **params):
    net = keras.Sequential(
        [
            layers.Input((n_inputs,)),
            layers.Dense(n_hidden, activation="relu", name="hidden", trainable=hidden_learns),
            layers.BatchNormalization(name="norm"),
            layers.Dropout(0.1, name="dropout"),
            layers.Dense(n_outputs, activation="softmax", name="out"),
        ]
    )
    net.compile(loss="categorical_crossentropy", optimizer=keras.optimizers.Adam(rate), **params)
    return net


def classifier(model=build, **params):
    return SKLearnClassifier(model, fit_kwargs=dict(FIT), **params)


def line(X, y):
    net = keras.Sequential([layers.Input((X.shape[1],)), layers.Dense(y.shape[1], name="out")])
    net.compile(loss="mse", optimizer=keras.optimizers.Adam(0.1))
    return net


def rows_of(part, y=Y):
    return Rows(X[part], y[part], {}, np.arange(len(X))[part])


def fitted(estimator, y=Y, number=0, **params):
    keras.utils.set_random_seed(number)
    return Learner(estimator, **params).fresh(rows_of(OLD, y), number)


def continued(model, effort=None, y=Y):
    keras.utils.set_random_seed(5)
    return Learner(model).continued(model, rows_of(NEW, y), effort=effort)


def state(model):
    return {
        layer.name: [w.copy() for w in layer.get_weights()]
        for layer in model.model_.layers
        if layer.weights
    }


def moments(model):
    return [np.array(keras.ops.convert_to_numpy(v)) for v in model.model_.optimizer.variables]


def moved(before, after):
    """Return the names of the layers that are not the same, bit for bit."""
    before, after = state(before), state(after)
    pairs = {name: zip(before[name], after[name], strict=True) for name in before}
    return {name for name in pairs if not all(np.array_equal(*pair) for pair in pairs[name])}


ALL = {"hidden", "norm", "out"}


# -- fits from scratch -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model():
    """Return a fitted model that no test changes; that none does is tested at the end."""
    model = fitted(classifier())
    twin, before = copy.deepcopy(model), moments(model)
    yield model
    assert moved(twin, model) == set()
    for old, new in zip(before, moments(model), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("make", [lambda: build, compiled], ids=["function", "model"])
@pytest.mark.no_cover
def test_a_refit_begins_with_new_weights_and_a_new_optimiser(make):
    estimator = classifier(make())
    before = joblib.hash(estimator.fit_kwargs)
    first, second = fitted(estimator), fitted(estimator, number=1)
    assert moved(first, second) == ALL
    n_steps = 2 * 80 / 20
    assert int(second.model_.optimizer.iterations) == n_steps
    assert not hasattr(estimator, "model_")
    assert joblib.hash(estimator.fit_kwargs) == before


@pytest.mark.no_cover
def test_a_refit_is_what_the_wrapper_itself_would_fit():
    keras.utils.set_random_seed(0)
    theirs = classifier().fit(X[OLD], Y[OLD])
    assert moved(fitted(classifier()), theirs) == set()


def test_a_clone_keeps_what_the_one_of_keras_forgets_and_shares_no_model():
    given = classifier(compiled())
    assert clone(given).fit_kwargs is None  # so that this is needed
    for estimator in (given, make_pipeline(StandardScaler(), given)):
        twin = cloned(estimator)
        net = twin if estimator is given else twin[-1]
        assert net.fit_kwargs == FIT
        assert net.model is not given.model


def test_weights_of_rows_are_learned_and_stay_out_of_the_parameters():
    estimator = classifier()
    keras.utils.set_random_seed(0)
    weight = np.where(Y[OLD] == 1, 1.0, 0.0)
    learner = Learner(estimator)
    rows = Rows(X[OLD], Y[OLD], {"sample_weight": weight}, np.arange(80))
    model = learner.fresh(rows, 0)
    assert moved(model, fitted(estimator)) == ALL
    assert model.fit_kwargs == estimator.fit_kwargs == FIT


def test_a_model_with_another_number_of_outputs_is_refused_with_the_way_out():
    with pytest.raises(ValueError, match="has 3 outputs, and the targets need 2: pass a function"):
        fitted(classifier(compiled(n_outputs=3)))


def test_predictions_draw_no_bar_and_do_not_change_the_model(model, capsys):
    predicted = model.predict(X)
    np.testing.assert_array_equal(predicted, model.decision_function(X).argmax(axis=1))
    assert capsys.readouterr().out == ""
    with pytest.raises(NotFittedError):
        Learner(classifier()).blank(0).predict(X)


# -- copies, pickles and continuations -------------------------------------------------------------


def test_a_continued_copy_is_the_model_with_its_own_fit_and_the_original_stays(model):
    twin = continued(model)
    by_hand = copy.deepcopy(model.model_)
    keras.utils.set_random_seed(5)
    by_hand.fit(X[NEW], np.eye(2)[Y[NEW]], **FIT)
    for ours, theirs in zip(twin.model_.get_weights(), by_hand.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert moved(model, twin) == ALL
    assert int(twin.model_.optimizer.iterations) == int(model.model_.optimizer.iterations) + 4
    assert twin.history_.model is twin.model_
    assert twin.classes_.tolist() == [0, 1]


@pytest.mark.no_cover
def test_a_continued_model_pickles_and_goes_on(model):
    twin = continued(model)
    back = pickle.loads(pickle.dumps(twin))
    np.testing.assert_array_equal(back.predict(X), twin.predict(X))
    assert moved(continued(twin), continued(back)) == set()


def test_passes_are_epochs_each(model):
    twin = continued(model, Effort(n_passes=3))
    assert int(twin.model_.optimizer.iterations) == int(model.model_.optimizer.iterations) + 12


def test_reheating_begins_with_a_new_optimiser_at_the_rate_of_the_built_model(model):
    cooled = copy.deepcopy(model)
    cooled.model_.optimizer.learning_rate = 1e-9
    twin = continued(cooled, Effort(reheat=True))
    assert int(twin.model_.optimizer.iterations) == 4
    assert float(keras.ops.convert_to_numpy(twin.model_.optimizer.learning_rate)) == pytest.approx(
        0.01
    )
    assert moved(cooled, twin) == ALL


def test_a_new_class_is_refused_by_a_continuation_and_learned_by_a_refit(model):
    y = Y.copy()
    y[:10] = 2
    learner = Learner(classifier())
    assert "new classes [2]" in learner.refusal(model, rows_of(OLD, y))
    assert fitted(classifier(), y).decision_function(X).shape == (120, 3)


@pytest.mark.no_cover
def test_regression_of_flat_targets():
    y = X @ np.float32([1, 2, 3])
    model = fitted(SKLearnRegressor(line, fit_kwargs={**FIT, "epochs": 30}), y)
    assert model.predict(X).shape == y.shape
    assert np.mean((continued(model, y=y).predict(X) - y) ** 2) < 0.1 * np.var(y)


# -- layers that are held fixed --------------------------------------------------------------------


@pytest.mark.parametrize("freeze", [("hidden", "norm"), ("out",)])
@pytest.mark.no_cover
def test_held_layers_stay_bit_for_bit_and_learn_again_later(model, freeze):
    twin = continued(model, Effort(2, freeze=freeze))
    assert moved(model, twin) == ALL - set(freeze)
    assert all(layer.trainable for layer in twin.model_.layers)
    assert twin.model_.train_function is None  # what was traced for other weights is not used
    assert moved(twin, continued(twin)) == ALL


def test_an_update_that_fails_lets_all_layers_learn_again(model):
    twin = copy.deepcopy(model)
    with pytest.raises(ValueError, match="3 features"):
        adapter_of(twin)[0].update(twin, X[:, :2], Y, {}, Effort(freeze=("hidden",)))
    twin.fit_kwargs = {"epochs": "many"}
    with pytest.raises(TypeError):
        adapter_of(twin)[0].update(twin, X, Y, {}, Effort(freeze=("hidden",)))
    assert all(layer.trainable for layer in twin.model_.layers)


def test_what_cannot_be_held_is_told_before_anything_is_fitted(model, monkeypatch):
    adapter, effort = adapter_of(model)[0], Effort(freeze=("*",))
    assert adapter.refusal(model, Y, effort) == "no layer of the model is left to learn"
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    assert "on JAX" in adapter.refusal(model, Y, Effort(freeze=("hidden",)))


def test_names_are_known_of_a_model_and_not_of_a_function_that_builds_one(model):
    adapter = adapter_of(model)[0]
    assert adapter.freezable(classifier()) is None
    assert adapter.freezable(classifier(compiled())) == adapter.freezable(model) == sorted(ALL)
    with pytest.raises(ValueError, match=r"'first' matches none of \['hidden', 'norm', 'out'\]"):
        FineTune("first").check(Learner(classifier(compiled())))
    policy, learner = FineTune("first"), Learner(classifier())
    policy.check(learner)
    context = RetrainContext.of(learner, model, rows_of(slice(None)), n_new=40)
    with pytest.raises(ValueError, match=r"'first' matches none of"):
        policy.propose(context)


def nested(X, y):
    inner = keras.Sequential([layers.Dense(4, name="a"), layers.Dense(4, name="b")], name="inner")
    net = keras.Sequential([inner, layers.Dense(y.shape[1], activation="softmax", name="out")])
    net.compile(loss="categorical_crossentropy", optimizer="sgd")
    return net


def test_layers_of_nested_models_are_named_with_the_model_and_built_when_they_are_needed():
    model = fitted(classifier(nested))
    assert adapter_of(model)[0].freezable(model) == ["inner/a", "inner/b", "out"]
    keras.utils.set_random_seed(5)
    fresh = holding(Learner(classifier(nested)), model, ("inner/a",)).fresh(rows_of(NEW), 1)
    old, new = (m.model_.layers[0].layers for m in (model, fresh))
    np.testing.assert_array_equal(old[0].get_weights()[0], new[0].get_weights()[0])
    assert not np.array_equal(old[1].get_weights()[0], new[1].get_weights()[0])
    assert new[0].trainable


# -- what is not trained, after a full refit -------------------------------------------------------


@pytest.mark.no_cover
def test_layers_that_a_given_model_does_not_train_keep_their_weights_through_every_fit():
    """By itself, the wrapper initialises them anew, and then does not train them."""
    given = compiled(hidden_learns=False)
    theirs = classifier(given).fit(X[OLD], Y[OLD])
    assert not np.array_equal(theirs.model_.layers[0].get_weights()[0], given.get_weights()[0])
    first, second = fitted(classifier(given)), fitted(classifier(given), number=1)
    for model in (first, second):
        for ours, theirs in zip(
            model.model_.layers[0].get_weights(), given.layers[0].get_weights(), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
    assert moved(first, second) == {"norm", "out"}


def test_layers_that_a_built_model_does_not_train_are_handed_on_to_the_next():
    estimator = classifier(model_kwargs={"hidden_learns": False})
    champion = fitted(estimator)
    assert "hidden" in moved(champion, fitted(estimator, number=1))
    fresh = holding(Learner(estimator), champion).fresh(rows_of(NEW), 1)
    assert moved(champion, fresh) == {"norm", "out"}
    assert not {"_prior", "_freeze"} & vars(fresh).keys()


def test_layers_that_a_policy_holds_stay_through_the_refit_that_it_needs_and_learn_later(model):
    keras.utils.set_random_seed(3)
    fresh = holding(Learner(classifier()), model, ("hidden",)).fresh(rows_of(NEW), 1)
    assert moved(model, fresh) == {"norm", "out"}
    assert moved(fresh, continued(fresh)) == ALL


def test_a_model_of_another_shape_cannot_take_over_what_is_held(model):
    learner = holding(Learner(classifier(model_kwargs={"n_hidden": 5})), model, ("hidden",))
    with pytest.raises(ValueError, match=r"the layers \['hidden'\] are held fixed"):
        learner.fresh(rows_of(NEW), 1)


# -- in retrainers ---------------------------------------------------------------------------------


def streamed(model):
    model.fit(X[OLD], Y[OLD])
    for start in (80, 100):
        model.partial_fit(X[start : start + 20], Y[start : start + 20])
    back = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(back.predict(X), model.predict(X))
    return model


def test_every_policy_works_with_a_net_and_the_parameters_stay():
    given = compiled()
    given.optimizer.build(given.trainable_variables)  # else Keras cannot pickle it
    estimator = classifier(given)
    kept_up = {
        "warm_start": "warm_start",
        "replay_mix": "replay_mix",
        "full_refit": "full_refit",
        "fine_tune": FineTune(["hidden", "norm"]),
    }
    for kind, update in kept_up.items():
        model = streamed(DriftAwareRetrainer(estimator, detector=None, update=update))
        assert model.events_.counts["updated"] == 2, kind
    assert estimator.fit_kwargs == FIT
    assert not hasattr(estimator, "model_")


@pytest.mark.no_cover
def test_replay_and_mixtures_work_with_a_net():
    model = streamed(ReplayPartialFit(classifier()))
    assert model.decision_function(X).shape == (120, 2)
    members = [(name, DriftAwareRetrainer(classifier(), detector=None)) for name in "ab"]
    assert set(streamed(MixtureRetrainer(members)).predict(X)) <= {0, 1}


@pytest.mark.no_cover
def test_a_scaler_before_a_net_is_frozen_and_the_net_goes_on():
    learner = Learner(make_pipeline(StandardScaler(), classifier()))
    model = learner.fresh(rows_of(OLD), 0)
    twin = learner.continued(model, rows_of(NEW))
    assert twin[0] is model[0]
    assert moved(model[1], twin[1]) == ALL
