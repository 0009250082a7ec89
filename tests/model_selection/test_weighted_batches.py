"""Batches that carry weights: the numbers of all rows together with theirs."""

import numpy as np
import pandas as pd
import pytest
from helpers import stream
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

from skretrain import DriftAwareRetrainer, ReplayPartialFit
from skretrain.drift import Periodic, RefitDebt
from skretrain.metrics import Price
from skretrain.model_selection import compare_policies, prequential_validate

X, Y = stream(600, drift=300)
WEIGHT = np.random.default_rng(0).integers(0, 4, len(Y)).astype(float)
WEIGHT[240:300] = 0  # a whole batch
OPTIONS = {"prices": [1, 10], "random_state": 0}
POLICIES = {
    "never": [],
    "weekly": (Periodic(120), 180),
    "debt": (RefitDebt, 180),
    "located": DriftAwareRetrainer(GaussianNB()),
    "updated": GaussianNB(),
    "replay": ReplayPartialFit(DecisionTreeClassifier(max_depth=2)),
}


def batches(X=X, y=Y, weight=WEIGHT, size=60, name="sample_weight"):
    """Yield batches once."""
    for first in range(0, len(y), size):
        part = slice(first, first + size)
        yield X[part], y[part], {name: weight[part]}


def compared(given, policies=POLICIES, estimator=None, **options):
    estimator = GaussianNB() if estimator is None else estimator
    return compare_policies(estimator, given, policies=policies, **OPTIONS | options)


def whole(policies=POLICIES, estimator=None, X=X, y=Y, weight=WEIGHT, **options):
    estimator = GaussianNB() if estimator is None else estimator
    options = {"batch_size": 60, "params": {"sample_weight": weight}, **OPTIONS, **options}
    return compare_policies(estimator, X, y, policies, **options)


def assert_same(one, other):
    """Numbers agree to the last bit, processor seconds apart."""
    tables = [found.to_frame().drop(columns="cpu_seconds") for found in (one, other)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    for name in one.names:
        np.testing.assert_array_equal(one.batch_losses(name), other.batch_losses(name))


# -- the numbers are those of all rows together ----------------------------------------------------


@pytest.mark.parametrize(
    ("container", "options"),
    [
        (np.asarray, {"seeds": 2}),
        (pd.DataFrame, {"initial_size": 180, "label_delay": 90, "fit_latency": 30}),
    ],
)
def test_policies_on_weighted_batches_are_those_on_all_rows(container, options):
    """Replayed or live; rows of weight zero are neither learned nor scored."""
    features = container(X)
    found, expected = compared(batches(features), **options), whole(X=features, **options)
    assert_same(found, expected)
    assert found.matrices[0].chunk_rows_.sum() == (WEIGHT > 0).sum()
    for name in ("located", "replay"):
        one, other = found.results[name][0], expected.results[name][0]
        np.testing.assert_array_equal(one.refit_rows, other.refit_rows)
        np.testing.assert_array_equal(one.arrived([0, 200, 400]), other.arrived([0, 200, 400]))


@pytest.mark.no_cover
def test_weights_change_what_is_learned():
    plain = ((X, y) for X, y, _ in batches(weight=WEIGHT + 1))
    one, other = compared(batches(weight=WEIGHT + 1)), compared(plain)
    assert_same(one, whole(weight=WEIGHT + 1))
    for name in POLICIES:
        assert not np.array_equal(one.batch_losses(name), other.batch_losses(name)), name


class Careful(GaussianNB):
    """Reads the values of the first column that it knows."""

    def fit(self, X, y, sample_weight=None):
        self.known_ = set(X[:, 0])
        return super().fit(X, y, sample_weight)

    def predict(self, X):
        if not self.known_.issuperset(X[:, 0]):
            raise ValueError("unknown")
        return super().predict(X)


def test_rows_that_cannot_be_read_are_counted_where_they_have_a_weight():
    shop = np.random.default_rng(0).choice(2, 600)
    shop[180:200], shop[400:440] = 2, 3
    features, weight = np.column_stack([shop, X[:, 0]]), WEIGHT.copy()
    weight[[0, 1, 2, 3, 181, 401]] = 1, 1, 1, 1, 0, 0
    policies = {"never": [], "weekly": (Periodic(120), 180), "updated": Careful()}
    found = compared(batches(features, weight=weight), policies, Careful())
    assert_same(found, whole(policies, Careful(), X=features, weight=weight))
    assert found.n_unpredicted("never") == (weight[shop > 1] > 0).sum()


@pytest.mark.parametrize("delay", [0, 90])
@pytest.mark.parametrize("as_given", [iter, list])
@pytest.mark.no_cover
@pytest.mark.thinned(3)
def test_an_evaluation_on_weighted_batches_is_that_on_all_rows(as_given, delay):
    """Of the predictor in a pipeline, which has another name for them, too."""
    pipeline = make_pipeline(FunctionTransformer(), SGDClassifier(random_state=0))
    for model, name in (
        (DriftAwareRetrainer(pipeline), "sgdclassifier__sample_weight"),
        (GaussianNB(), "sample_weight"),
    ):
        options = {"label_delay": delay, "scoring": ["accuracy", "f1"], "initial_size": 60}
        found = prequential_validate(model, as_given([*batches(name=name)]), **options)
        params = {name: WEIGHT}
        expected = prequential_validate(model, X, Y, batch_size=60, params=params, **options)
        assert found.scores == expected.scores
        for what in ("rows", "y_true", "y_pred", "zero_weight_rows", "learned_rows", "n_learned"):
            np.testing.assert_array_equal(getattr(found, what), getattr(expected, what))
        assert len(found.zero_weight_rows) == (WEIGHT[60:] == 0).sum()


def test_a_weight_that_the_next_batch_overwrites_is_not_learned_late():
    """Who reads into the same array for each batch gets the same numbers."""

    def reused():
        buffer = np.empty(60)
        for rows, y, params in batches():
            buffer[:] = params["sample_weight"]
            yield rows, y, {"sample_weight": buffer}

    policies = {name: POLICIES[name] for name in ("never", "weekly", "updated")}
    options = {"label_delay": 90}
    assert_same(compared(reused(), policies, **options), whole(policies, **options))


def test_a_label_that_counts_nowhere_needs_no_cost():
    """A row of weight zero in the first fit is not learned, and nothing is asked of it."""
    y = Y.copy()
    y[5] = 2
    weight = np.where(y == 2, 0.0, 1.0)
    prices = [Price(per_refit=1.0, loss_value={(0, 1): 2, (1, 0): 5})]
    policies = {"never": [], "weekly": (Periodic(120), 180)}
    tree = DecisionTreeClassifier(max_depth=2, random_state=0)
    found = compared(batches(y=y, weight=weight), policies, tree, prices=prices)
    assert_same(found, whole(policies, tree, y=y, weight=weight, prices=prices))


# -- one that was stopped goes on ------------------------------------------------------------------


@pytest.mark.no_cover
def test_other_weights_are_not_taken_for_those_that_were_learned(tmp_path):
    """In the first fit it is another comparison; later, they are refused."""
    expected = compared(batches(), memory=tmp_path)
    assert_same(compared(batches(), memory=tmp_path), expected)
    others = WEIGHT.copy()
    others[400] += 1
    with pytest.raises(ValueError, match="are not those that"):
        compared(batches(weight=others), memory=tmp_path)
    others = WEIGHT.copy()
    others[:60] += 1
    assert_same(compared(batches(weight=others), memory=tmp_path), whole(weight=others))


# -- what is refused -------------------------------------------------------------------------------


def _with(place, params):
    given = list(batches())
    given[place] = (*given[place][:2], *([] if params is None else [params]))
    return given


@pytest.mark.parametrize(
    "evaluate",
    [
        lambda given: compared(given, {"never": []}),
        lambda given: prequential_validate(GaussianNB(), given, initial_size=60),
    ],
)
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (_with(2, [1.0] * 60), r"params of batch 2=\[1.0.*: pass a dict of arrays"),
        (_with(3, {"sample_weight": np.full(60, -1.0)}), "params of batch 3: sample_weight is -1"),
        (_with(3, {"sample_weight": [1.0, 2.0]}), "params of batch 3: .* one value per row"),
        (_with(4, None), r"params of batch 4 are \[\], .* have \['sample_weight'\]: give the same"),
        (list(batches(weight=np.arange(600) >= 60.0)), "is 0 in all rows of the first fit"),
        (list(batches(weight=np.arange(600) < 60.0)), "is 0 in all rows after the first fit"),
    ],
)
def test_wrong_weights_are_refused_by_the_batch(evaluate, given, message):
    with pytest.raises(ValueError, match=message):
        evaluate(iter(given))


def test_batches_end_before_the_first_fit_is_done_whatever_they_weigh():
    with pytest.raises(ValueError, match="all of which the first fit takes"):
        compared(batches(), {"never": []}, initial_size=600)
