"""Samplers in pipelines: a refit resamples, the rows of an update pass as they are."""

import pickle

import numpy as np
import pytest
from helpers import assert_same_outputs, events
from sklearn.base import BaseEstimator, clone
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler

from skretrain import DriftAwareRetrainer
from skretrain.buffers import Rows, SlidingWindow
from skretrain.compose import Learner, explain_plan, partial_fit
from skretrain.drift import Periodic
from skretrain.exceptions import SkretrainWarning

imblearn = pytest.importorskip("imblearn", reason="samplers are imbalanced-learn's")

from imblearn import FunctionSampler  # noqa: E402
from imblearn.combine import SMOTEENN  # noqa: E402
from imblearn.over_sampling import ADASYN, SMOTE, RandomOverSampler  # noqa: E402
from imblearn.pipeline import Pipeline, make_pipeline  # noqa: E402
from imblearn.under_sampling import RandomUnderSampler, TomekLinks  # noqa: E402


class Twice(BaseEstimator):
    """A sampler of one's own, that knows nothing of imbalanced-learn."""

    def fit(self, X, y=None):
        return self

    def fit_resample(self, X, y):
        return np.vstack([X, X]), np.concatenate([y, y])


SAMPLERS = [
    SMOTE(random_state=0),
    ADASYN(random_state=0),
    SMOTEENN(random_state=0),
    RandomOverSampler(random_state=0),
    RandomUnderSampler(random_state=0),
    TomekLinks(),
    FunctionSampler(),
    Twice(),
]
each_sampler = pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: type(s).__name__)


def rare(n=1000, share=0.1, seed=0):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < share).astype(int)
    return rng.normal(size=(n, 3)) + y[:, np.newaxis], y


def rows_of(X, y, **params):
    return Rows(X, y, params, np.arange(len(y)))


def scaled(sampler, last=None):
    return make_pipeline(
        StandardScaler(), sampler, SGDClassifier(random_state=0) if last is None else last
    )


@each_sampler
def test_the_plan_shows_them(sampler):
    """In their place; the scaler before is followed by the model, where nothing resamples."""
    plan = explain_plan(scaled(sampler))
    assert [step.on_update for step in plan.steps] == ["preserve", "skip", "update"]
    assert plan.steps[1].on_refit == "refit"
    assert plan.steps[1].estimator == type(sampler).__name__
    assert "a refit resamples" in plan.steps[1].why
    assert not plan.why_not
    assert " skip " in str(plan)


def test_nothing_else_can_be_asked_of_them():
    """What moves the rows of a step moves nothing here."""
    pipeline = scaled(SMOTE())
    assert explain_plan(pipeline, {"smote": "freeze"}).steps[1].on_update == "skip"
    for action in ("update", "refit", "preserve"):
        with pytest.raises(ValueError, match=f"'smote': '{action}'.* a sampler"):
            explain_plan(pipeline, {"smote": action})


@each_sampler
def test_a_refit_resamples_and_an_update_does_not(sampler):
    """An update is that of the pipeline without the sampler."""
    X, y = rare()
    learner = Learner(scaled(sampler))
    model = learner.fresh(rows_of(X[:800], y[:800]), 0)
    assert_same_outputs(model, clone(learner.estimator).fit(X[:800], y[:800]), X)
    assert type(model[1]) is type(sampler)
    new = rows_of(X[800:], y[800:])
    continued = learner.continued(model, new)
    without = Learner(clone(learner.estimator).set_params(**{model.steps[1][0]: "passthrough"}))
    plain = Pipeline([model.steps[0], (model.steps[1][0], "passthrough"), model.steps[2]])
    assert_same_outputs(continued, without.continued(plain, new), X)
    assert learner.note(model) == without.note(plain) == ""


@each_sampler
@pytest.mark.parametrize("update", ["auto", "warm_start"])
@pytest.mark.thinned(3)
@pytest.mark.no_cover
def test_no_update_fails(sampler, update):
    """Each batch is learned, few rows of a class or none among them."""
    X, y = rare(1500)
    y[600:800] = 0
    model = DriftAwareRetrainer(
        scaled(sampler),
        update=update,
        batch_size=50,
        buffer=SlidingWindow(max_rows=1000),
        random_state=0,
    )
    model.fit(X, y)
    actions = [action for (action,) in events(model, "action")]
    assert not {"failed", "update failed"} & set(actions)
    assert model.events_.totals["updates"] >= 20


def test_decisions_do_not_move_by_the_scaler_alone():
    """It is updated, and the weights of the model behind the sampler are rewritten."""
    X, y = rare()
    model = scaled(SMOTE(random_state=0)).fit(X, y)
    before = model.decision_function(X)
    learner = Learner(scaled(SMOTE(random_state=0)))
    moved = learner.continued(model, rows_of(X + 5, y), how=lambda predictor, X, y, params: None)
    assert moved[0].n_samples_seen_ == 2000
    np.testing.assert_allclose(moved.decision_function(X), before)


@pytest.mark.parametrize("n_rare", [0, 1, 3])
@pytest.mark.parametrize(
    "inside",
    [
        lambda pipeline: pipeline,
        lambda pipeline: GridSearchCV(pipeline, {"sgdclassifier__alpha": [1e-4]}, cv=2),
    ],
    ids=["itself", "search"],
)
def test_too_few_rows_of_a_class_are_fitted_as_they_are(n_rare, inside):
    """SMOTE looks for six neighbours, and raises where there are none."""
    X, y = rare(200, share=0)
    y[:n_rare] = 1
    if n_rare == 0:
        y[:] = np.arange(200) < 0
    last = GaussianNB() if n_rare == 0 else SGDClassifier(random_state=0)
    learner = Learner(scaled(SMOTE(), last) if n_rare == 0 else inside(scaled(SMOTE(), last)))
    if n_rare == 1 and learner.method and isinstance(learner.estimator, GridSearchCV):
        pytest.skip("a class of one row cannot be split in two")
    with pytest.warns(SkretrainWarning, match="SMOTE left the rows as they are: "):
        model = learner.fresh(rows_of(X, y), 0)
    assert "SMOTE left the rows as they are: " in learner.note(model)
    plain = clone(scaled("passthrough", last)).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), plain.predict(X))


def test_a_refit_on_too_few_rows_of_a_class_is_made():
    """Without that it fails, until enough of them have come."""
    X, y = rare(1200, share=0.2)
    y[600:] = np.arange(600) % 200 == 0
    X[600:] *= -1
    model = DriftAwareRetrainer(
        scaled(SMOTE(random_state=0)),
        detector=Periodic(200),
        buffer=SlidingWindow(max_rows=200),
        policy="full_refit",
        update=None,
        batch_size=100,
    )
    with pytest.warns(SkretrainWarning, match="SMOTE left the rows as they are: ") as caught:
        model.fit(X, y)
    assert "failed" not in [action for (action,) in events(model, "action")]
    assert not [w for w in caught if "failed" in str(w.message)]
    reasons = [reason for (reason,) in events(model, "reason") if "rows as they are" in reason]
    assert len(reasons) == sum("left the rows" in str(w.message) for w in caught)


def test_mistakes_are_not_passed_over():
    """A parameter that is none, or an error of another kind, is the caller's."""
    X, y = rare(100)
    with pytest.raises(ValueError, match="k_neighbors"):
        Learner(scaled(SMOTE(k_neighbors=-1))).fresh(rows_of(X, y), 0)

    def broken(X, y):
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        Learner(scaled(FunctionSampler(func=broken))).fresh(rows_of(X, y), 0)


@pytest.mark.parametrize("last", [GaussianNB(), RandomForestClassifier(5, random_state=0)])
def test_the_first_batch_is_resampled_as_a_fit(last):
    """With metadata of each row it is not: nobody knows what a made-up row weighs."""
    X, y = rare(200)
    model = partial_fit(make_pipeline(RandomOverSampler(random_state=0), clone(last)), X, y)
    theirs = make_pipeline(RandomOverSampler(random_state=0), clone(last)).fit(X, y)
    assert_same_outputs(model, theirs, X)
    model = make_pipeline(RandomOverSampler(random_state=0), GaussianNB())
    partial_fit(model, X, y, gaussiannb__sample_weight=np.ones(200))
    assert model[-1].class_count_.tolist() == np.bincount(y).tolist()


def test_they_do_not_keep_a_model_from_starting_at_once():
    """A sampler has nothing to learn; a decomposition has."""
    assert Learner(make_pipeline(SMOTE(), GaussianNB())).starts_at_once
    assert not Learner(make_pipeline(PCA(), SMOTE(), GaussianNB())).starts_at_once


def test_seeds_and_pickles():
    """A blank one is seeded, and fits the same in another process."""
    X, y = rare(300)
    learner = Learner(scaled(SMOTE()), random_state=0)
    model = learner.fresh(rows_of(X, y), 0)
    blank = pickle.loads(pickle.dumps(learner.blank(0)))
    assert_same_outputs(model, blank.fit(X, y), X)
    assert isinstance(model[1].random_state, int)


def test_a_pipeline_that_ends_in_a_sampler_predicts_nothing():
    """It is a step like any other there."""
    plan = explain_plan(make_pipeline(StandardScaler(), SMOTE()))
    assert "SMOTE" in plan.why_not
