"""Grid search over detectors, policies and updates, as the documentation shows it."""

import joblib
import numpy as np
import pytest
from helpers import fingerprint, representatives, stream
from river.drift import ADWIN
from river.drift.binary import HDDMA
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skretrain import DriftAwareRetrainer
from skretrain.buffers import SlidingWindow
from skretrain.model_selection import make_prequential_scorer
from skretrain.policies import FullRefit

pytestmark = pytest.mark.no_cover

X, Y = stream(1200, drift=600)


def search(adwin=None, hddm=None, **params):
    grid = [
        {
            "detector": [adwin or ADWIN()],
            "detector__delta": [0.5, 0.002],
            "policy": ["full_refit", "replay_mix"],
        },
        {"detector": [hddm or HDDMA(), None], "update": ["warm_start", None]},
    ]
    return GridSearchCV(
        DriftAwareRetrainer(SGDClassifier(random_state=0), batch_size=100),
        grid,
        cv=TimeSeriesSplit(4),
        scoring=make_prequential_scorer("accuracy", batch_size=100),
        **params,
    )


def scores(fitted):
    return fitted.cv_results_["mean_test_score"]


@pytest.fixture(scope="module")
def in_one_process():
    return search().fit(X, Y)


@pytest.mark.no_cover
def test_it_tells_the_candidates_apart(in_one_process):
    """The eight candidates all have a score, and not all the same one."""
    assert len(scores(in_one_process)) == 8
    assert np.isfinite(scores(in_one_process)).all()
    assert len(set(scores(in_one_process))) >= 2
    best = in_one_process.best_estimator_
    assert best.n_samples_seen_ == len(Y)
    for name, value in in_one_process.best_params_.items():
        if name != "detector":
            assert best.get_params()[name] == value


def test_to_keep_learning_beats_to_stand_still(in_one_process):
    """The concept turns round in the middle: who neither detects nor updates is the last."""
    results = in_one_process.cv_results_
    still = [
        params.get("detector", 0) is None and params.get("update", 0) is None
        for params in results["params"]
    ]
    assert scores(in_one_process)[still].item() == scores(in_one_process).min()
    assert scores(in_one_process).max() > scores(in_one_process).min() + 0.1


@pytest.mark.parametrize("backend", representatives(["loky", "threading"], fast=["threading"]))
def test_workers_give_the_same_numbers(in_one_process, backend):
    with joblib.parallel_backend(backend, n_jobs=2):
        parallel = search(n_jobs=2).fit(X, Y)
    np.testing.assert_array_equal(scores(parallel), scores(in_one_process))


def test_a_used_detector_gives_the_same_as_a_fresh_one(in_one_process):
    """Trap 1: the past of a river detector does not leak into the folds, nor does it grow there."""
    adwin, hddm = ADWIN(), HDDMA()
    for detector in (adwin, hddm):
        for value in np.r_[np.zeros(500), np.ones(480)]:
            detector.update(bool(value))
    width, state = adwin.width, hddm._total_n if hasattr(hddm, "_total_n") else None
    used = search(adwin, hddm).fit(X, Y)
    np.testing.assert_array_equal(scores(used), scores(in_one_process))
    assert adwin.width == width
    assert state is None or hddm._total_n == state


def test_a_used_detector_gives_the_same_fit_as_a_fresh_one():
    used = ADWIN()
    for value in np.r_[np.zeros(500), np.ones(480)]:
        used.update(value)
    width = used.width
    models = [
        DriftAwareRetrainer(SGDClassifier(random_state=0), detector=detector, batch_size=50)
        for detector in (used, ADWIN())
    ]
    runs = [model.fit(X, Y) for model in models]
    assert runs[0].events_.counts == runs[1].events_.counts
    assert runs[0].n_alarms_ > 0
    assert fingerprint(runs[0].estimator_) == fingerprint(runs[1].estimator_)
    assert used.width == width


@pytest.mark.parametrize("streaming", [True, False])
def test_learning_never_touches_the_constructor_arguments(streaming):
    """Trap 14: the parameters hash the same before and after ``fit`` and ``partial_fit``."""
    model = DriftAwareRetrainer(
        make_pipeline(StandardScaler(), LogisticRegression()),
        detector=[ADWIN(), HDDMA()],
        policy=FullRefit(),
        update="replay_mix",
        buffer=SlidingWindow(500),
        batch_size=100 if streaming else None,
        random_state=np.random.RandomState(3),
    )

    def state():
        params = model.get_params()
        rest = {k: v for k, v in params.items() if k not in ("detector", "estimator", "buffer")}
        blank_parts = not any(
            hasattr(params[name], "__dict__") and any(k.endswith("_") for k in vars(params[name]))
            for name in ("estimator", "buffer", "policy")
        )
        widths = [params["detector"][0].width, fingerprint(vars(params["detector"][1]))]
        return (
            joblib.hash(list(map(str, rest.items()))),
            fingerprint(params["random_state"]),
            blank_parts,
            widths,
        )

    before = state()
    model.fit(X, Y)
    model.partial_fit(X[:100], Y[:100])
    assert state() == before
    hashed = DriftAwareRetrainer(LogisticRegression(), buffer=SlidingWindow(500))
    before = joblib.hash(hashed.get_params())
    hashed.fit(X, Y).partial_fit(X[:100], Y[:100])
    assert joblib.hash(hashed.get_params()) == before


def test_two_fits_with_a_random_state_object_agree():
    """``fit`` forgets everything, the generator it was given is not moved on."""
    model = DriftAwareRetrainer(SGDClassifier(), random_state=np.random.RandomState(3))
    first = fingerprint(model.fit(X, Y).estimator_)
    assert fingerprint(model.fit(X, Y).estimator_) == first


def test_a_grid_search_inside_tunes_again_at_each_retrain():
    """The base may be a search itself: every refit is a new search."""
    inner = GridSearchCV(LogisticRegression(), {"C": [0.01, 1.0]}, cv=2)
    model = DriftAwareRetrainer(inner, detector=None, batch_size=100).fit(X[:500], Y[:500])
    assert model.n_refits_ == 2
    assert model.estimator_.best_params_ in ({"C": 0.01}, {"C": 1.0})
    assert model.score(X[:500], Y[:500]) > 0.9


def test_plain_cross_validation_works_too():
    model = DriftAwareRetrainer(LogisticRegression(), batch_size=100)
    assert cross_val_score(model, X, Y, cv=TimeSeriesSplit(3)).shape == (3,)
    assert clone(model).get_params().keys() == model.get_params().keys()
