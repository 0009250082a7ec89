"""Weights and other per-row arguments: they come with their rows, and scores stay unweighted."""

from itertools import product

import numpy as np
import pytest
from helpers import representatives
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, SGDClassifier
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skretrain import DriftAwareRetrainer, ReplayPartialFit, make_mixture
from skretrain.datasets import make_drifting_classification
from skretrain.drift import Periodic
from skretrain.model_selection import (
    advise,
    compare_policies,
    prequential_predict,
    prequential_validate,
)
from skretrain.policies import FullRefit

X, Y, _ = make_drifting_classification(1000, drift_rows=[500], random_state=0)
WEIGHT = np.random.default_rng(0).integers(0, 4, len(Y)).astype(float)
COUNTS = WEIGHT > 0
PARAMS = {"sample_weight": WEIGHT}
BAYES = GaussianNB(var_smoothing=0)  # else it depends on the spread of rows that do not count
HALVES = X[:500], Y[:500], X[500:], Y[500:]


def _live_refits():
    return DriftAwareRetrainer(
        BAYES, detector=Periodic(1), policy=FullRefit("all", grow=False), update=None
    )


def _compared(estimator=BAYES, y=Y, params=PARAMS, **options):
    policies = {"never": [], "live": _live_refits(), "replayed": (Periodic(1), "all")}
    options = {"policies": policies, "prices": 1, "params": params, **options}
    return compare_policies(estimator, X, y, **options)


def _halved(weight):
    """Return the weights of both periods as advise takes them."""
    old, new = ({"sample_weight": part} for part in (weight[:500], weight[500:]))
    return {"params_old": old, "params_new": new}


def _told(advice):
    """Return what an advice says, but for the seconds, which vary."""
    rows = [{k: v for k, v in row.items() if "seconds" not in k} for row in advice.rows]
    return repr((advice.action, rows))


# -- weights reach the fits --------------------------------------------------------------------


@pytest.mark.parametrize("model", [SGDClassifier(random_state=0), DriftAwareRetrainer(BAYES)])
@pytest.mark.no_cover
def test_weights_of_ones_change_nothing_along_a_stream(model):
    """To the bit."""
    ones = {"sample_weight": np.ones(len(Y))}
    plain, weighted = (
        prequential_validate(model, X, Y, scoring="roc_auc", params=p) for p in (None, ones)
    )
    assert plain.outputs.keys() == weighted.outputs.keys()
    for method, output in plain.outputs.items():
        np.testing.assert_array_equal(weighted.outputs[method], output)
    assert weighted.scores == plain.scores
    assert len(weighted.zero_weight_rows) == 0


@pytest.mark.parametrize("scoring", ["accuracy", "roc_auc"])
@pytest.mark.no_cover
@pytest.mark.thinned(2)
def test_weights_of_ones_change_no_comparison(scoring):
    ones = {"sample_weight": np.ones(len(Y))}
    plain, weighted = (_compared(params=p, scoring=scoring) for p in (None, ones))
    for name in plain.names:
        assert weighted.score(name) == plain.score(name)
        np.testing.assert_array_equal(weighted.batch_losses(name, 1), plain.batch_losses(name, 1))
        assert weighted.cost(name, 1) == plain.cost(name, 1)


@pytest.mark.no_cover
def test_weights_of_ones_change_no_advice():
    plain, weighted = advise(BAYES, *HALVES), advise(BAYES, *HALVES, **_halved(np.ones(1000)))
    assert _told(plain) == _told(weighted)


def _repeated(stop, start=0):
    """Return each row as often as its weight says."""
    times = WEIGHT[start:stop].astype(int)
    return np.repeat(X[start:stop], times, axis=0), np.repeat(Y[start:stop], times)


def test_a_weight_along_a_stream_is_as_many_rows():
    """In the first fit, and in what is learned between the tests."""
    model, expected = GaussianNB(var_smoothing=0).fit(*_repeated(150)), []
    for start in range(150, 1000, 100):
        expected.append(model.predict(X[start : start + 100]))
        model.partial_fit(*_repeated(start + 100, start))
    predicted = prequential_predict(BAYES, X, Y, initial_size=150, params=PARAMS)
    np.testing.assert_array_equal(predicted, np.concatenate(expected))


def test_a_weight_in_a_replayed_schedule_is_as_many_rows():
    comparison = _compared()
    for name, learned in (("never", lambda start: 100), ("replayed", lambda start: start)):
        # A trigger is first asked before the second batch that is served.
        errors = []
        for start in range(100, 1000, 100):
            model = GaussianNB(var_smoothing=0).fit(*_repeated(learned(start)))
            wrong = model.predict(X[start : start + 100]) != Y[start : start + 100]
            errors.append(np.sum(wrong & COUNTS[start : start + 100]))
        assert comparison.batch_losses(name, 1)[0].tolist() == errors


@pytest.mark.no_cover
def test_a_weight_in_advice_is_as_many_rows():
    """In a refit, and in a last step that alone is fitted anew."""
    model, name = make_pipeline(StandardScaler(), BAYES), "gaussiannb__sample_weight"
    weight = 1.0 + 8 * Y
    advice = advise(
        model, *HALVES, params_old={name: weight[:500]}, params_new={name: weight[500:]}
    )
    losses = {row["action"]: row["loss_new"] for row in advice.rows}
    first, held = slice(500, 833), slice(833, 1000)
    learned = [np.repeat(part[first], weight[first].astype(int), axis=0) for part in (X, Y)]
    present = StandardScaler().fit(X[:375])
    new = StandardScaler().fit(X[first])
    for action, scaler in (("refit_new", new), ("fine_tune", present)):
        last = GaussianNB(var_smoothing=0).fit(scaler.transform(learned[0]), learned[1])
        wrong = last.predict(scaler.transform(X[held])) != Y[held]
        assert losses[action] == pytest.approx(wrong.mean())


SCHEDULED = [*product([0, 150, 100], [0, 200], ["accuracy", "roc_auc"])]


@pytest.mark.parametrize(
    ("delay", "latency", "scoring"), representatives(SCHEDULED, fast=SCHEDULED[::5])
)
@pytest.mark.no_cover
def test_a_schedule_and_a_retrainer_learn_the_same_weights(delay, latency, scoring):
    """A live retrainer that refits on all rows each time is the schedule that does."""
    found = _compared(label_delay=delay, fit_latency=latency, scoring=scoring)
    live, replayed = (found.batch_losses(name, 1)[0] for name in ("live", "replayed"))
    assert live.tolist() == replayed.tolist()
    assert found.score("live") == pytest.approx(found.score("replayed"))


class Recorder(ClassifierMixin, BaseEstimator):
    """Notes the rows that it gets, numbered in their only column, with their arguments."""

    calls = []

    def fit(self, X, y, sample_weight=None, note=None):
        self.classes_ = np.unique(y)
        return self.partial_fit(X, y, sample_weight, note)

    def partial_fit(self, X, y, sample_weight=None, note=None):
        self.calls.append((X[:, 0].astype(int), sample_weight, note))
        return self

    def predict(self, X):
        return np.zeros(len(X), dtype=int)


@pytest.mark.parametrize("delay", [0, 30, 130, 250])
def test_each_row_is_learned_with_its_own_arguments_however_late_its_label_is(delay, monkeypatch):
    monkeypatch.setattr(Recorder, "calls", calls := [])
    rows, notes = np.arange(1000.0)[:, None], [f"row {row}" for row in range(1000)]
    params = {"sample_weight": list(WEIGHT), "note": notes}
    prequential_validate(Recorder(), rows, Y, initial_size=150, label_delay=delay, params=params)
    learned = np.concatenate([rows for rows, *_ in calls])
    assert learned.tolist() == np.flatnonzero(COUNTS[: 1000 - delay]).tolist()
    assert len(calls[0][0]) == COUNTS[:150].sum()
    for rows, weight, note in calls:
        np.testing.assert_array_equal(weight, WEIGHT[rows])
        assert note.tolist() == [notes[row] for row in rows]


# -- scores --------------------------------------------------------------------------------------


def test_rows_of_weight_zero_are_predicted_and_not_scored():
    """Every other row counts alike, whatever its weight."""
    predicted = prequential_predict(BAYES, X, Y, params=PARAMS)
    result = prequential_validate(BAYES, X, Y, scoring=["accuracy", "roc_auc"], params=PARAMS)
    counts = COUNTS[100:]
    assert len(predicted) == 900
    assert result.rows.tolist() == (100 + np.flatnonzero(counts)).tolist()
    assert result.zero_weight_rows.tolist() == (100 + np.flatnonzero(~counts)).tolist()
    np.testing.assert_array_equal(result.y_pred, predicted[counts])
    np.testing.assert_array_equal(result.y_true, Y[100:][counts])
    assert result.score == accuracy_score(Y[100:][counts], predicted[counts])
    proba = result.outputs["predict_proba"][:, 1]
    assert result.scores["roc_auc"] == roc_auc_score(result.y_true, proba)
    first = counts[:100]
    expected = accuracy_score(Y[100:200][first], predicted[:100][first])
    assert result.batch_scores["accuracy"][0] == expected
    assert result.n_served == 900
    assert result.arrived([200, 1000]).tolist() == [200, 1000]


@pytest.mark.parametrize(
    "model", [SGDClassifier(random_state=0), DriftAwareRetrainer(BAYES), make_mixture(BAYES)]
)
@pytest.mark.no_cover
def test_the_labels_of_rows_of_weight_zero_matter_to_no_score(model):
    """They are not learned either."""
    lies = np.where(COUNTS, Y, 1 - Y)
    one, other = (prequential_validate(model, X, y, params=PARAMS) for y in (Y, lies))
    np.testing.assert_array_equal(one.y_pred, other.y_pred)
    assert one.scores == other.scores
    assert len(one.zero_weight_rows) == (~COUNTS[100:]).sum()


@pytest.mark.parametrize("model", [BAYES, _live_refits(), make_mixture(BAYES)])
def test_batches_in_which_no_row_counts_are_predicted_and_nothing_else(model):
    """Estimators refuse rows that all weigh nothing."""
    weight = {"sample_weight": np.where((np.arange(1000) >= 300) & (np.arange(1000) < 620), 0, 2)}
    result = prequential_validate(model, X, Y, params=weight, label_delay=30)
    assert result.zero_weight_rows.tolist() == list(range(300, 620))
    assert np.flatnonzero(np.isnan(result.batch_scores["score"])).tolist() == [2, 3, 4]
    if model is BAYES:
        rows = np.r_[0:300, 620:970]
        expected = clone(BAYES).fit(X[rows], Y[rows])
        np.testing.assert_allclose(result.estimator.theta_, expected.theta_)
        assert result.rows_fitted == 650
    else:
        assert result.estimator.n_samples_seen_ == 970  # it remembers them


@pytest.mark.parametrize(
    "scoring",
    representatives(["accuracy", "roc_auc", None], fast=["accuracy", "roc_auc"], covering=[]),
)
@pytest.mark.thinned(2)
def test_the_labels_of_rows_of_weight_zero_matter_to_no_comparison(scoring):
    lies = np.where(COUNTS, Y, 1 - Y)
    one, other = (_compared(y=y, scoring=scoring) for y in (Y, lies))
    for name in one.names:
        assert one.score(name) == other.score(name)
        assert one.cost(name, 1) == pytest.approx(other.cost(name, 1))
    assert one.oracle["cost"] == pytest.approx(other.oracle["cost"])


def test_a_class_is_as_rare_as_among_the_rows_that_count():
    """By itself, it decides what policies are compared by, if 20 of its rows are scored."""
    weight = {"sample_weight": np.where(np.arange(1000) % 5 == 1, 0, 1)}
    y = np.where(weight["sample_weight"] == 0, 1, 0)
    y[[0, 30, 60, 90]] = 1
    y[[100, 105, 110, *range(200, 965, 45)]] = 1
    found = compare_policies(BAYES, X, y, {"never": []}, params=weight)
    assert found.scoring == "average precision of 1"
    assert "has 3 % of the rows" in found.why


@pytest.mark.parametrize("scoring", ["r2", "explained_variance"])
def test_a_comparison_scores_the_rows_that_count_alone(scoring):
    """The last batch has none: then it is no window of its own."""
    target, weight = X[:, 0] + X[:, 1] ** 2, np.where(np.arange(1000) < 900, WEIGHT, 0)
    params, counts = {"sample_weight": weight}, weight[100:] > 0
    found = compare_policies(
        LinearRegression(), X, target, {"never": []}, prices=1, scoring=scoring, params=params
    )
    model = LinearRegression().fit(X[:100], target[:100], weight[:100])
    errors = target[100:] - model.predict(X[100:])
    expected = r2_score(target[100:][counts], (target[100:] - errors)[counts])
    if scoring == "explained_variance":
        expected = 1 - errors[counts].var() / target[100:][counts].var()
        assert found.windows[-1] == counts.sum()
    assert found.score("never") == pytest.approx(expected)


def test_a_score_that_is_not_defined_names_rows_of_the_stream():
    """Not those among the rows that count."""
    y, weight = np.repeat([0, 1, 0], [100, 150, 750]), np.ones(1000)
    y[::2], weight[100:300] = 1, 0
    y[300:] = 0

    def only_two(estimator, X, y):
        if len(np.unique(y)) < 2:
            raise ValueError("one class")
        return accuracy_score(y, estimator.predict(X))

    options = {"prices": 1, "scoring": only_two, "params": {"sample_weight": weight}}
    with pytest.raises(ValueError, match="one class") as caught:
        compare_policies(BAYES, X, y, {"never": []}, **options)
    assert "of rows 300 to 399" in caught.value.__notes__[0]


@pytest.mark.no_cover
def test_advice_leaves_rows_of_weight_zero_out():
    """It is that on the other rows, but that the change is where it was among all of them."""
    turned = np.where(np.arange(1000) < 700, (X[:, 0] > 0), (X[:, 0] < 0)).astype(int)
    halves = X[:500], turned[:500], X[500:], turned[500:]
    advice = advise(BAYES, *halves, **_halved(WEIGHT))
    kept = [part[counts] for part, counts in zip(halves, _for_each_half(), strict=True)]
    weight = {
        "params_old": {"sample_weight": WEIGHT[:500][COUNTS[:500]]},
        "params_new": {"sample_weight": WEIGHT[500:][COUNTS[500:]]},
    }
    without = advise(BAYES, *kept, **weight)
    assert _told(advice) == _told(without)
    located = without.evidence["concept_shift"]["change_at_new_row"]
    rows = np.flatnonzero(COUNTS[500:])
    assert advice.evidence["concept_shift"]["change_at_new_row"] == rows[located]


def _for_each_half():
    return COUNTS[:500], COUNTS[:500], COUNTS[500:], COUNTS[500:]


def test_a_row_of_weight_zero_that_cannot_be_read_is_no_gap():
    """The model of its time cannot read a new category, and is not asked to."""
    towns = np.array([["Bonn"], ["Ulm"], ["Kiel"]])
    rows, y = (
        towns[np.r_[np.arange(100) % 2, np.full(50, 2), np.arange(50) % 2]],
        np.arange(200) % 2,
    )
    one_hot = make_column_transformer((OneHotEncoder(sparse_output=False), [0]))
    model = ReplayPartialFit(make_pipeline(one_hot, GaussianNB()))
    weight = np.ones(200)
    weight[100:120] = 0
    params = {"gaussiannb__sample_weight": weight}
    result = prequential_validate(model, rows, y, batch_size=50, params=params)
    assert result.zero_weight_rows.tolist() == list(range(100, 120))
    assert result.unpredicted_rows.tolist() == list(range(120, 150))
    assert result.rows.tolist() == [*range(50, 100), *range(150, 200)]


@pytest.mark.no_cover
def test_with_routing_the_weight_has_the_name_by_which_the_model_asks_for_it():
    with config_context(enable_metadata_routing=True):
        model = GaussianNB(var_smoothing=0).set_fit_request(sample_weight="w")
        model.set_partial_fit_request(sample_weight="w")
        result = prequential_validate(DriftAwareRetrainer(model), X, Y, params={"w": WEIGHT})
        pipeline = make_pipeline(StandardScaler(), model)
        old, new = {"w": WEIGHT[:500]}, {"w": WEIGHT[500:]}
        routed = advise(pipeline, *HALVES, params_old=old, params_new=new)
    plain = prequential_validate(DriftAwareRetrainer(BAYES), X, Y, params=PARAMS)
    np.testing.assert_array_equal(result.y_pred, plain.y_pred)
    name = "gaussiannb__sample_weight"
    old, new = {name: WEIGHT[:500]}, {name: WEIGHT[500:]}
    named = advise(make_pipeline(StandardScaler(), BAYES), *HALVES, params_old=old, params_new=new)
    assert _told(routed) == _told(named)


# -- what is refused -------------------------------------------------------------------------------


class NeverFitted(ClassifierMixin, BaseEstimator):
    """What is wrong is said before any fit."""

    def fit(self, X, y, sample_weight=None):
        raise AssertionError("a fit on weights that make no sense")

    partial_fit = predict = fit


def _bad(row, value):
    weight = np.ones(1000)
    weight[row] = value
    return {"sample_weight": weight}


REFUSED = [
    (_bad(3, -1), "sample_weight is -1.0 in row 3"),
    (_bad(4, np.nan), "sample_weight is nan in row 4"),
    (_bad(5, np.inf), "sample_weight is inf in row 5"),
    ({"sample_weight": ["heavy"] * 1000}, "sample_weight has to be numbers: could not"),
    ({"sample_weight": np.ones(999)}, r"sample_weight must hold one value per row: .*\(999,\)"),
    ({"sample_weight": np.ones((1000, 2))}, "sample_weight must be one-dimensional"),
    ({"note": "all of them"}, "note must hold one value per row"),
    (WEIGHT, "pass a dict of arrays"),
    ({"sample_weight": np.arange(1000) >= 100}, "sample_weight is 0 in all rows of the first fit"),
    ({"sample_weight": np.arange(1000) < 100}, "sample_weight is 0 in all rows that are scored"),
]


@pytest.mark.parametrize(("params", "message"), REFUSED)
@pytest.mark.parametrize("evaluate", [prequential_validate, compare_policies])
def test_what_is_no_weight_is_refused_before_any_fit(evaluate, params, message):
    with pytest.raises(ValueError, match=f"(?s)^params.*{message}"):
        evaluate(NeverFitted(), X, Y, params=params)


@pytest.mark.parametrize(("params", "message"), REFUSED[:8])
def test_what_is_no_weight_is_refused_in_either_period(params, message):
    for name in ("params_old", "params_new"):
        with pytest.raises(ValueError, match=f"(?s)^{name}.*{message}"):
            advise(NeverFitted(), X, Y, X, Y, **{name: params})


def test_predictions_need_weights_in_the_first_fit_only_as_the_model_does():
    """Nothing is scored, so that nothing is refused for it."""
    weight = {"sample_weight": np.arange(1000) < 100}
    assert len(prequential_predict(BAYES, X, Y, params=weight)) == 900
    with pytest.raises(ValueError, match="sample_weight is -1"):
        prequential_predict(NeverFitted(), X, Y, params=_bad(3, -1))


def test_periods_have_the_same_names_and_enough_rows_that_count():
    one = {"sample_weight": np.ones(500)}
    with pytest.raises(ValueError, match=r"params_old has \['sample_weight'\] and params_new \[\]"):
        advise(NeverFitted(), *HALVES, params_old=one)
    few = {"sample_weight": np.arange(500) < 3}
    with pytest.raises(ValueError, match="params_new leaves 3 rows with a weight above 0"):
        advise(NeverFitted(), *HALVES, params_old=one, params_new=few)


def test_batches_as_they_come_have_no_arguments():
    with pytest.raises(ValueError, match=r"^params is for rows that are given together"):
        prequential_validate(BAYES, iter([(X, Y)]), params=PARAMS)


def test_a_weight_of_none_is_none():
    none = prequential_validate(BAYES, X, Y, params={"sample_weight": None})
    assert none.scores == prequential_validate(BAYES, X, Y).scores
