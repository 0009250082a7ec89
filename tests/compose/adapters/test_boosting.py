"""What holds for every booster: right or foreseen, bounded, and the old model untouched."""

import pickle
import warnings

import joblib
import numpy as np
import pytest
from catboost import CatBoostClassifier, CatBoostRegressor
from helpers import stream
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from xgboost import XGBClassifier, XGBRegressor

from skretrain.compose import Effort
from skretrain.compose.adapters._base import set_for_now
from skretrain.compose.adapters._boosting import MAX_GROWTH, moved_seed, shallow_copy
from skretrain.compose.adapters._registry import adapter_of

QUIET = {"thread_count": 1, "verbose": False, "allow_writing_files": False}
CLASSIFIERS = [
    LGBMClassifier(n_estimators=20, verbosity=-1, random_state=0, n_jobs=1),
    XGBClassifier(n_estimators=20, random_state=0, n_jobs=1),
    CatBoostClassifier(iterations=20, **QUIET),
    GradientBoostingClassifier(n_estimators=20, random_state=0),
    HistGradientBoostingClassifier(max_iter=20, random_state=0),
]
REGRESSORS = [
    LGBMRegressor(n_estimators=20, verbosity=-1, random_state=0, n_jobs=1),
    XGBRegressor(n_estimators=20, random_state=0, n_jobs=1),
    CatBoostRegressor(iterations=20, **QUIET),
    GradientBoostingRegressor(n_estimators=20, random_state=0),
    HistGradientBoostingRegressor(max_iter=20, random_state=0),
]
LABELS = {
    "text": np.array(["ant", "bee", "cow"]),
    "int": np.arange(3),
    "bool": np.array([False, True]),
    "float": np.array([0.0, 1.0]),
}


def name_of(value):
    return value if isinstance(value, str) else type(value).__name__


every_classifier = pytest.mark.parametrize("base", CLASSIFIERS, ids=name_of)
every_regressor = pytest.mark.parametrize("base", REGRESSORS, ids=name_of)


def cloned(base, **changes):
    return type(base)(**{**base.get_params(), **changes})


def continued(model, X, y, effort=None, **params):
    """Return a continued copy, or None and the reason where the adapter foresees that it cannot."""
    effort = Effort() if effort is None else effort
    adapter, why_not = adapter_of(model)
    assert adapter is not None, why_not
    refusal = adapter.refusal(model, y, effort)
    if refusal:
        return None, refusal
    copied = adapter.copied(model)
    adapter.update(copied, X, y, params, effort)
    return copied, ""


def n_rounds(model):
    return adapter_of(model)[0].n_fitted(model)


def assert_right(model, X, classes):
    """Finite answers over the same classes, in the library's own terms."""
    np.testing.assert_array_equal(model.classes_, classes)
    proba = model.predict_proba(X)
    assert proba.shape == (len(X), len(classes))
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-6)
    assert np.isin(np.ravel(model.predict(X)), classes).all()


@every_classifier
@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("lacking", ["none", "one", "all but one"])
@pytest.mark.no_cover
@pytest.mark.thinned(7)
def test_each_case_of_classes_is_right_or_foreseen(base, kind, lacking):
    """Whatever labels there are and lack, the old model stays as it was."""
    if kind == "text" and isinstance(base, XGBClassifier):
        pytest.skip("XGBClassifier takes the labels 0 to n - 1 only, and says so")
    labels = LABELS[kind]
    X, codes = stream(600, n_classes=len(labels))
    model = cloned(base).fit(X[:300], labels[codes[:300]])
    before, proba = joblib.hash(model), model.predict_proba(X)
    X, codes = X[300:], codes[300:]
    keep = {"none": codes >= 0, "one": codes < len(labels) - 1, "all but one": codes == 0}[lacking]
    result, refusal = continued(model, X[keep], labels[codes[keep]])
    assert (result is None) == bool(refusal)
    if lacking == "none":
        assert n_rounds(result) == n_rounds(model) + 2
        assert result.get_params() == model.get_params()
    if result is not None:
        assert_right(result, X, model.classes_)
    assert joblib.hash(model) == before
    np.testing.assert_array_equal(model.predict_proba(stream(600, n_classes=len(labels))[0]), proba)


@every_classifier
def test_new_classes_are_foreseen(base):
    """No booster can grow an output; the reason names the labels."""
    X, y = stream(400, n_classes=3)
    old = y < 2
    model = cloned(base).fit(X[old], y[old])
    result, refusal = continued(model, X, y)
    assert result is None
    assert refusal == "the model cannot take in new classes [2]"


@every_classifier
@pytest.mark.no_cover
def test_continued_classifiers_follow_a_drift(base):
    """Enough rows of the new concept make the copy better than the champion."""
    X, y = stream(1200, n_classes=3, drift=400)
    model = cloned(base).fit(X[:400], y[:400])
    result, _ = continued(model, X[400:800], y[400:800], Effort(rate=0.5))
    after = slice(800, None)
    assert score(result, X[after], y[after]) > score(model, X[after], y[after]) + 0.2


def score(model, X, y):
    return np.mean(np.ravel(model.predict(X)) == y)


@every_regressor
def test_continued_regressors_follow_a_drift(base):
    """A jump of the level, far from zero, is learned, and the level that stays is not lost."""
    X, _ = stream(1200)
    y = 100 + 3 * X[:, 0] + X[:, 1] ** 2 + 20 * (np.arange(1200) >= 400)
    model = cloned(base).fit(X[:400], y[:400])
    before = joblib.hash(model)
    result, _ = continued(model, X[400:800], y[400:800], Effort(rate=1.0))
    wrong, right = (rmse(m, X[800:], y[800:]) for m in (model, result))
    assert right < 0.5 * wrong
    assert joblib.hash(model) == before


def rmse(model, X, y):
    return np.sqrt(np.mean((model.predict(X) - y) ** 2))


@every_regressor
@pytest.mark.parametrize("rate", [0.1, 0.5])
@pytest.mark.no_cover
@pytest.mark.thinned(3)
def test_nothing_grows_without_bound(base, rate):
    """Fifty updates leave at most twice the rounds; what is refused then names the cap."""
    X, _ = stream(400)
    y = X[:, 0] + X[:, 1] ** 2
    model, effort = cloned(base).fit(X, y), Effort(rate=rate)
    sizes, refusal = [], ""
    for _ in range(50):
        result, refusal = continued(model, X, y, effort)
        if result is None:
            break
        model = result
        assert n_rounds(model) <= MAX_GROWTH * 20
        sizes.append(len(pickle.dumps(model)))
    assert n_rounds(model) == MAX_GROWTH * 20
    if refusal:
        assert len(sizes) == round(1 / rate)
        assert "has reached its cap of 40 rounds, and its trees cannot be" in refusal
    else:
        full = sizes[round(1 / rate) :]
        assert max(full) < 1.1 * full[0]
        assert rmse(model, X, y) < 0.5 * np.std(y)


@every_regressor
def test_the_last_update_before_the_cap_stops_at_it(base):
    """A share that does not fit is cut."""
    X, _ = stream(300)
    y = X[:, 0]
    model = cloned(base).fit(X, y)
    for expected in (34, 40):
        model, _ = continued(model, X, y, Effort(rate=0.7))
        assert n_rounds(model) == expected


@every_classifier
@pytest.mark.no_cover
def test_weights_count(base):
    """Rows that are wrong and weigh next to nothing do next to no harm."""
    X, y = stream(900, n_classes=2)
    rng = np.random.default_rng(0)
    wrong = rng.random(900) < 0.6
    shown = np.where(wrong, 1 - y, y)
    model = cloned(base).fit(X[:300], y[:300])
    weight = np.where(wrong, 1e-6, 1.0)[300:]
    effort = Effort(rate=1.0)
    weighted, _ = continued(model, X[300:], shown[300:], effort, sample_weight=weight)
    unweighted, _ = continued(model, X[300:], shown[300:], effort)
    assert score(weighted, X[300:], y[300:]) > 0.85
    assert score(unweighted, X[300:], y[300:]) < 0.7


@every_classifier
@pytest.mark.no_cover
@pytest.mark.thinned(2)
def test_a_pickled_model_goes_on_as_the_model_does(base):
    """Continuing after a round trip gives the same predictions."""
    X, y = stream(600, n_classes=3)
    model = cloned(base).fit(X[:300], y[:300])
    for _ in range(12):  # beyond the cap, where there is something beyond
        model, refusal = continued(model, X[300:], y[300:])
        if model is None:
            assert "cap" in refusal
            return
        again, _ = continued(pickle.loads(pickle.dumps(model)), X[300:], y[300:])
        once, _ = continued(model, X[300:], y[300:])
        if once is not None:
            np.testing.assert_array_equal(once.predict_proba(X), again.predict_proba(X))


@every_classifier
def test_frames_keep_their_names(base):
    """A model fitted on named columns still knows them, and takes frames."""
    pd = pytest.importorskip("pandas")
    X, y = stream(400)
    X = pd.DataFrame(X, columns=list("abcd"))
    model = cloned(base).fit(X[:200], y[:200])
    result, _ = continued(model, X[200:], y[200:])
    names = getattr(result, "feature_names_in_", getattr(result, "feature_names_", None))
    assert list(names) == list("abcd")
    assert result.n_features_in_ == 4
    assert_right(result, X, model.classes_)


@every_regressor
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.no_cover
def test_a_handful_of_rows_is_taken_or_foreseen(base, n):
    """No update fails inside the library for want of rows."""
    X, _ = stream(300)
    y = X[:, 0].copy()
    model = cloned(base).fit(X, y)
    result, refusal = continued(model, X[:n], y[:n])
    assert (result is None) == bool(refusal)
    if result is not None:
        assert np.isfinite(result.predict(X)).all()


@every_classifier
def test_boosters_are_guarded_and_take_whole_concepts(base):
    """What the policies ask of every adapter."""
    adapter, _ = adapter_of(base)
    assert (adapter.method, adapter.fit_method) == ("boosting", "fit")
    assert adapter.guarded == "always"
    assert not adapter.incremental


def test_seeds_move_on():
    """Numbers move by the rounds done, and stay seeds; generators are left to themselves."""
    generator = np.random.default_rng(0)
    assert [moved_seed(seed, 20) for seed in (None, 7, np.int64(7))] == [20, 27, 27]
    assert 0 <= moved_seed(2**32 - 1, 20) < 2**31
    assert moved_seed(generator, 20) is generator


def test_shallow_copies_draw_for_themselves():
    """A generator that is parameter and state at once is one object in the copy, and another."""
    rng = np.random.RandomState(0)
    base = GradientBoostingRegressor(n_estimators=3, subsample=0.5, random_state=rng)
    X, y = stream(100)
    model = base.fit(X, y)
    copied = shallow_copy(model)
    assert copied.random_state is not rng
    assert copied._rng is copied.random_state
    assert copied.estimators_ is model.estimators_


def test_parameters_come_back_after_a_failure():
    """Also if the fit in between raises."""
    model = GradientBoostingRegressor()
    with pytest.raises(ValueError, match="NaN"), set_for_now(model, n_estimators=3):
        model.fit([[np.nan]], [0.0])
    assert model.n_estimators == 100


@pytest.mark.parametrize("base", [LGBMClassifier(verbosity=-1), XGBClassifier()], ids=name_of)
def test_a_fit_of_ones_own_is_refused(base):
    """A subclass that prepares its rows in fit would be passed over."""

    class Mine(type(base)):
        def fit(self, X, y):
            return super().fit(np.log(X), y)

    adapter, why_not = adapter_of(Mine())
    assert adapter is None
    assert why_not == "Mine has a fit of its own, which is not known to go on from fitted trees"
    assert adapter_of(type("Plain", (type(base),), {})())[1] == ""


@every_classifier
def test_updates_are_quiet(base, capfd, tmp_path, monkeypatch):
    """Nothing is printed and no file is written beyond what a fit from scratch would."""
    monkeypatch.chdir(tmp_path)
    X, y = stream(400)
    model = cloned(base).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(11):
            model = continued(model, X, y)[0] or model
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []
