"""Whatever fails, the serving model is as before and nothing is lost: by fault injection."""

import copy
import pickle

import numpy as np
import pytest
from helpers import (
    POISON,
    FailingPolicy,
    PoisonedNB,
    Rings,
    WaitGate,
    batches,
    events,
    feed,
    fingerprint,
    state_of,
    stream,
)
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier, SGDRegressor
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skretrain import DriftAwareRetrainer, ReplayPartialFit
from skretrain.buffers import SlidingWindow
from skretrain.exceptions import RetrainFailedWarning, UpdateFailedWarning
from skretrain.model_selection import make_prequential_scorer
from skretrain.policies import FullRefit, ReplayMix

X, Y = stream(1000)


def poisoned(method, rows=slice(0, 20), row=0):
    """Return a batch of which one row has the poison of a method."""
    batch = X[rows].copy()
    batch[row, 0] = POISON[method]
    return batch, Y[rows]


def whole_state(model):
    """Return all that a retrainer knows, as bytes."""
    return pickle.dumps(model)


# -- (a) input errors ------------------------------------------------------------------------------

BAD_INPUT = {
    "three columns": (lambda: (X[:20, :3], Y[:20]), {}, "3 features"),
    "NaN in X": (lambda: (np.where(X[:20] > 2, np.nan, X[:20] * np.nan), Y[:20]), {}, "NaN"),
    "NaN in y": (lambda: (X[:20], np.r_[np.nan, Y[1:20]]), {}, "y contains NaN"),
    "infinite y": (lambda: (X[:20], np.r_[np.inf, Y[1:20]]), {}, "y contains infinity"),
    "two-column y": (lambda: (X[:20], np.c_[Y[:20], Y[:20]]), {}, "1d array"),
    "no y": (lambda: (X[:20], None), {}, "requires y to be passed"),
    "short y": (lambda: (X[:20], Y[:19]), {}, "inconsistent numbers of samples"),
    "text among numbers": (lambda: (X[:20], np.array(["a"] * 20)), {}, "mixes text and numbers"),
    "continuous labels": (lambda: (X[:20], X[:20, 0]), {}, "Unknown label type"),
    "short weights": (lambda: (X[:20], Y[:20]), {"sample_weight": np.ones(3)}, "one value per row"),
    "scalar weight": (lambda: (X[:20], Y[:20]), {"sample_weight": 2.0}, "one value per row"),
    "NaN weight": (
        lambda: (X[:20], Y[:20]),
        {"sample_weight": np.full(20, np.nan)},
        "sample_weight contains NaN",
    ),
    "metadata of another name": (
        lambda: (X[:20], Y[:20]),
        {"customer": np.arange(20)},
        "'customer' is given with this batch",
    ),
    "predict raises": (lambda: poisoned("predict"), {}, "poison for predict"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_an_input_error_changes_nothing(case):
    """(a): nothing is counted, shown to the trigger, remembered or learned."""
    make, params, message = BAD_INPUT[case]
    model = DriftAwareRetrainer(PoisonedNB(), detector=Rings()).fit(X[:200], Y[:200])
    feed(model, X, Y, 50, 200, 400)
    before = whole_state(model)
    bad_X, bad_y = make()
    with pytest.raises((ValueError, RuntimeError), match=message):
        model.partial_fit(bad_X, bad_y, **params)
    assert whole_state(model) == before


# The first batch decides what is right, and nothing predicts yet.
RIGHT_AT_FIRST = {
    "three columns",
    "text among numbers",
    "metadata of another name",
    "predict raises",
}


@pytest.mark.parametrize("case", sorted(BAD_INPUT.keys() - RIGHT_AT_FIRST))
def test_an_input_error_before_the_first_fit_leaves_no_trace(case):
    """A fresh object that refused a batch is as fresh as before; so is one that waits for rows."""
    make, params, message = BAD_INPUT[case]
    fresh = DriftAwareRetrainer(PoisonedNB(), update=None, initial_size=300)
    bad_X, bad_y = make()
    with pytest.raises(ValueError, match=message):
        fresh.partial_fit(bad_X, bad_y, **params)
    assert list(fresh.__dict__) == list(DriftAwareRetrainer(PoisonedNB()).__dict__)
    waiting = fresh.partial_fit(X[:100], Y[:100])
    before = whole_state(waiting)
    with pytest.raises(ValueError, match=message):
        waiting.partial_fit(bad_X, bad_y, **params)
    assert whole_state(waiting) == before


@pytest.mark.parametrize("target", [[0.5, np.nan], [0.5, np.inf], [[0.5, 1.0], [1.0, 2.0]]])
def test_a_regressor_refuses_bad_targets(target):
    model = DriftAwareRetrainer(SGDRegressor(random_state=0)).fit(X[:100], X[:100, 0])
    before = whole_state(model)
    with pytest.raises(ValueError, match=r"y contains|1d array"):
        model.partial_fit(X[:2], target)
    assert whole_state(model) == before


def test_a_refused_batch_does_not_matter_later():
    """Trap 37: with and without the bad batch, the future is the same."""
    kept, disturbed = (
        DriftAwareRetrainer(GaussianNB(), detector=Rings([450]), policy=FullRefit(grow=False)).fit(
            X[:200], Y[:200]
        )
        for _ in range(2)
    )
    feed(kept, X, Y, 50, 200, 400)
    feed(disturbed, X, Y, 50, 200, 300)
    with pytest.raises(ValueError, match="y contains NaN"):
        disturbed.partial_fit(X[:20], np.full(20, np.nan))
    feed(disturbed, X, Y, 50, 300, 400)
    for model in (kept, disturbed):
        feed(model, X, Y, 50, 400, 600)
        assert model.n_refits_ == 1
    assert fingerprint(kept.estimator_) == fingerprint(disturbed.estimator_)


# -- (b) an update fails ---------------------------------------------------------------------------


def test_a_batch_whose_update_failed_is_not_remembered():
    """(b): the model is as before, the batch is not in the memory, and a warning says so."""
    model = DriftAwareRetrainer(PoisonedNB(), detector=Rings([250]), policy="full_refit").fit(
        X[:200], Y[:200]
    )
    before = fingerprint(model.estimator_)
    with pytest.warns(UpdateFailedWarning, match="not remembered.*poison for partial_fit"):
        model.partial_fit(*poisoned("partial_fit"))
    assert fingerprint(model.estimator_) == before
    assert len(model.buffer_) == 200
    assert model.n_samples_seen_ == 220
    assert model.events_[-1].action == "failed"
    assert model.events_.counts["failed"] == 1
    feed(model, X, Y, 20, 220, 260)
    assert fingerprint(model.estimator_) != before
    assert model.n_refits_ == 1
    np.testing.assert_array_equal(model.buffer_.index, np.r_[:200, 220:260])


def test_rows_that_fail_to_update_do_not_poison_a_later_refit():
    """Trap 37: the rows that the base choked on do not come back with the memory."""
    model = DriftAwareRetrainer(
        PoisonedNB(), detector=Rings([250]), policy=FullRefit("all", grow=False)
    )
    model.fit(X[:200], Y[:200])
    bad = X[200:220].copy()
    bad[3, 0], bad[4, 0] = POISON["partial_fit"], POISON["fit"]
    with pytest.warns(UpdateFailedWarning):
        model.partial_fit(bad, Y[200:220])
    feed(model, X, Y, 20, 220, 280)
    assert model.n_refits_ == 1


def test_a_failed_update_can_raise_the_error_of_the_base():
    """``on_error="raise"``: the base's own error, with a note of what skretrain made of it."""
    model = DriftAwareRetrainer(PoisonedNB(), on_error="raise").fit(X[:200], Y[:200])
    before = fingerprint(model.estimator_)
    with pytest.raises(RuntimeError) as caught:
        model.partial_fit(*poisoned("partial_fit"))
    assert str(caught.value) == "poison for partial_fit"
    assert "not remembered" in caught.value.__notes__[0]
    assert caught.value.__notes__[0].startswith("skretrain: ")
    assert fingerprint(model.estimator_) == before
    assert len(model.buffer_) == 200


def test_a_failed_update_leaves_the_challenger_as_it_was():
    model = DriftAwareRetrainer(
        PoisonedNB(), detector=Rings([210]), gate=WaitGate(50), policy="full_refit"
    )
    model.fit(X[:200], Y[:200]).partial_fit(X[200:220], Y[200:220])
    before = fingerprint(model.challenger_)
    with pytest.warns(UpdateFailedWarning):
        model.partial_fit(*poisoned("partial_fit"))
    assert fingerprint(model.challenger_) == before


# -- (c) a retrain fails ---------------------------------------------------------------------------


def test_a_failed_alarm_is_retried_after_1_2_4_batches():
    """(c): an alarm is not lost with the retrain that failed; the pause doubles each time."""
    model = DriftAwareRetrainer(
        GaussianNB(), detector=Rings([200]), policy=FailingPolicy((1, 2, 3, 4)), update=None
    ).fit(X[:200], Y[:200])
    before = fingerprint(model.estimator_)
    failed = []
    for number, batch in enumerate(batches(600, 20, 200)):
        calls = state_of(model).parts.policy.n_calls_ if failed else 0
        if number in (0, 1, 3, 7):
            with pytest.warns(RetrainFailedWarning, match="due to alarm failed"):
                model.partial_fit(X[batch], Y[batch])
            assert fingerprint(model.estimator_) == before
            failed.append(number)
        else:
            model.partial_fit(X[batch], Y[batch])
        called = state_of(model).parts.policy.n_calls_ - calls
        assert called == (number in (0, 1, 3, 7, 15))
    assert model.n_refits_ == 1
    assert model.n_alarms_ == 1
    actions = events(model, "action", "row", "since")
    assert actions == [
        ("retrained", 200, None),
        *[("failed", 220 + 20 * number, 200) for number in failed],
        ("retrained", 520, 200),
    ]
    assert fingerprint(model.estimator_) == fingerprint(GaussianNB().fit(X[:520], Y[:520]))


def test_the_trigger_restarts_only_when_its_alarm_was_answered():
    """While the retrain fails the trigger goes on; the retrain that answers restarts it."""
    model = DriftAwareRetrainer(
        GaussianNB(), detector=Rings([200]), policy=FailingPolicy((1,)), update=None
    ).fit(X[:200], Y[:200])
    assert model.detector_.n_resets_ == 1
    with pytest.warns(RetrainFailedWarning):
        model.partial_fit(X[200:220], Y[200:220])
    assert model.detector_.n_resets_ == 1
    model.partial_fit(X[220:240], Y[220:240])
    assert model.detector_.n_resets_ == 2
    assert [answered for _, answered in model.detector_.fits_] == [False, True]


def test_a_model_goes_on_learning_while_its_retrain_is_pending():
    model = DriftAwareRetrainer(
        GaussianNB(), detector=Rings([200]), policy=FailingPolicy((1, 2)), update="warm_start"
    ).fit(X[:200], Y[:200])
    with pytest.warns(RetrainFailedWarning):
        feed(model, X, Y, 20, 200, 240)
    oracle = GaussianNB().fit(X[:200], Y[:200])
    assert fingerprint(model.estimator_) == fingerprint(oracle)
    model.partial_fit(X[240:260], Y[240:260])
    oracle.partial_fit(X[240:260], Y[240:260])
    assert fingerprint(model.estimator_) == fingerprint(oracle)


def test_a_failing_fit_of_the_base_is_a_failed_retrain():
    """The rows of an alarm are remembered although the fit on them failed."""
    model = DriftAwareRetrainer(
        PoisonedNB(),
        detector=Rings([200]),
        update=None,
        buffer=SlidingWindow(60),
        policy="full_refit",
    ).fit(X[:200], Y[:200])
    with pytest.warns(RetrainFailedWarning, match="poison for fit"):
        model.partial_fit(*poisoned("fit", slice(200, 220)))
    assert model.buffer_.index[-1] == 219
    with pytest.warns(RetrainFailedWarning, match="poison for fit"):
        feed(model, X, Y, 20, 220, 280)
    feed(model, X, Y, 20, 280, 400)
    assert model.n_refits_ == 1


def test_a_failed_retrain_can_raise_the_error_of_the_base():
    model = DriftAwareRetrainer(
        GaussianNB(), detector=Rings([200]), policy=FailingPolicy(), update=None, on_error="raise"
    ).fit(X[:200], Y[:200])
    before = fingerprint(model.estimator_)
    with pytest.raises(RuntimeError) as caught:
        model.partial_fit(X[200:220], Y[200:220])
    assert str(caught.value) == "call 1 fails"
    assert "tried again after 1 batch" in caught.value.__notes__[0]
    assert fingerprint(model.estimator_) == before
    model.partial_fit(X[220:240], Y[220:240])
    assert model.n_refits_ == 1


def test_a_failed_retrain_leaves_the_pending_challenger():
    """The challenger before the gate is superseded by a candidate, not by a failure."""
    model = DriftAwareRetrainer(
        GaussianNB(),
        detector=Rings([200, 220]),
        policy=FailingPolicy((2,)),
        update=None,
        gate=WaitGate(100),
    ).fit(X[:200], Y[:200])
    model.partial_fit(X[200:220], Y[200:220])
    before = model.challenger_
    with pytest.warns(RetrainFailedWarning):
        model.partial_fit(X[220:240], Y[220:240])
    assert model.challenger_ is before
    model.partial_fit(X[240:260], Y[240:260])
    assert model.challenger_ is not before
    assert model.events_[-1].action == "superseded"


# -- the first fit ---------------------------------------------------------------------------------


def test_a_first_fit_that_fails_always_raises_and_keeps_the_earlier_fit():
    model = DriftAwareRetrainer(PoisonedNB(), on_error="warn").fit(X[:200], Y[:200])
    before = whole_state(model)
    with pytest.raises(RuntimeError, match="poison for fit"):
        model.fit(*poisoned("fit"))
    assert whole_state(model) == before
    narrow, y = poisoned("fit")
    with pytest.raises(RuntimeError, match="poison for fit"):
        model.fit(narrow[:, :3], y)
    assert whole_state(model) == before
    with pytest.raises(RuntimeError, match="poison for predict"):
        model.set_params(batch_size=10).fit(*poisoned("predict", slice(0, 40), 35))
    assert whole_state(model.set_params(batch_size=None)) == before


def test_rows_that_wait_survive_a_first_fit_that_fails():
    """The batch that made the first fit fail is not remembered; the next one succeeds."""
    model = DriftAwareRetrainer(PoisonedNB(), update=None, initial_size=60)
    feed(model, X, Y, 20, 0, 40)
    with pytest.raises(RuntimeError, match="poison for fit"):
        model.partial_fit(*poisoned("fit", slice(40, 60)))
    assert model.n_samples_seen_ == 40
    model.partial_fit(X[40:60], Y[40:60])
    assert fingerprint(model.estimator_) == fingerprint(PoisonedNB().fit(X[:60], Y[:60]))


# -- parameters ------------------------------------------------------------------------------------

BAD_PARAMETERS = {
    "detector": ({"detector": "helloworld"}, "detector='helloworld'.: detector must be"),
    "detector class": ({"detector": Rings}, "detector must be .adwin"),
    "empty list": ({"detector": []}, "non-empty list"),
    "policy": ({"policy": "refit"}, "policy must be one of .*full_refit"),
    "policy None": ({"policy": None}, "policy=None"),
    "update": ({"update": "never"}, "update must be one of .*auto"),
    "buffer": (
        {"buffer": 100},
        r"DriftAwareRetrainer\(buffer=100\): buffer must be None or an object.*SlidingWindow",
    ),
    "buffer size": ({"buffer": SlidingWindow(-5)}, "max_rows=-5"),
    "gate": ({"gate": "always"}, "gate must be .*AlwaysPromote"),
    "batch_size": ({"batch_size": -1}, r"batch_size=-1.*at least 1"),
    "batch_size float": ({"batch_size": 1.5}, r"batch_size=1.5"),
    "batch_size bool": ({"batch_size": True}, r"batch_size=True"),
    "initial_size": ({"initial_size": 0}, r"initial_size=0.*at least 1"),
    "initial_size > memory": (
        {"initial_size": 50, "buffer": SlidingWindow(20)},
        "initial_size must be at most the 20 rows",
    ),
    "new_classes": ({"new_classes": "ignore"}, "new_classes='ignore'.*'grow', 'raise'"),
    "dry_run": ({"dry_run": "yes"}, "dry_run must be True or False"),
    "on_error": ({"on_error": "ignore"}, "on_error='ignore'.*'warn', 'raise'"),
    "random_state": ({"random_state": "seed"}, "random_state must be an integer"),
    "negative random_state": ({"random_state": -1}, "random_state must be an integer from 0"),
    "window": ({"policy": FullRefit(window=-3)}, r"FullRefit\(window=-3\)"),
    "ratio": ({"policy": ReplayMix(ratio=-1)}, r"ReplayMix\(ratio=-1\)"),
}


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("case", BAD_PARAMETERS)
def test_a_bad_parameter_survives_construction_and_is_refused_when_used(case, method):
    """Trap 25: junk goes through ``__init__``, get and set; learning names it and the way out."""
    params, message = BAD_PARAMETERS[case]
    model = DriftAwareRetrainer(GaussianNB()).set_params(**params)
    for name, value in params.items():
        assert model.get_params(deep=False)[name] is value
    with pytest.raises(ValueError, match=message):
        getattr(model, method)(X[:100], Y[:100])
    assert not hasattr(model, "n_features_in_")


def test_a_bad_parameter_does_not_destroy_an_earlier_fit():
    model = DriftAwareRetrainer(GaussianNB()).fit(X[:100], Y[:100])
    expected = model.predict(X)
    with pytest.raises(ValueError, match="policy="):
        model.set_params(policy="junk").fit(X, Y)
    np.testing.assert_array_equal(model.predict(X), expected)


@pytest.mark.parametrize("ratio", [-0.5, "1", np.nan, np.inf, True, None])
def test_replay_refuses_a_ratio_that_is_none(ratio):
    with pytest.raises(ValueError, match="ReplayPartialFit.ratio=.* ratio must be a number"):
        ReplayPartialFit(GaussianNB(), ratio=ratio).fit(X, Y)


@pytest.mark.parametrize(
    "name",
    ["detector__nonsense", "policy__n_passes", "update__n_passes", "nonsense", "nonsense__x"],
)
def test_an_unknown_nested_parameter_is_refused_at_once(name):
    """The alias has no parameters of its own, and the message says what to pass instead."""
    model = DriftAwareRetrainer(GaussianNB())
    with pytest.raises(ValueError, match=f"Invalid parameter '?{name.split('__')[0]}"):
        model.set_params(**{name: 1})


def test_a_frozen_base_is_refused():
    """Trap 19: FrozenEstimator lets partial_fit through, and its clones share the model."""
    frozen = FrozenEstimator(SGDClassifier(random_state=0).fit(X, Y))
    before = fingerprint(frozen.estimator)
    for wrapper in (DriftAwareRetrainer, ReplayPartialFit):
        with pytest.raises(ValueError, match="FrozenEstimator.*Pass the estimator inside"):
            wrapper(frozen).fit(X, Y)
    assert fingerprint(frozen.estimator) == before


@pytest.mark.parametrize("begin", ["fit", "partial_fit"])
@pytest.mark.parametrize("wrap", [OneVsRestClassifier, CalibratedClassifierCV])
def test_a_frozen_part_stays_as_it_is(wrap, begin):
    """Trap 19: through first batch, updates and refits, in the user's hands and in the model."""
    part = FrozenEstimator(SGDClassifier(random_state=0).fit(X, Y))
    before = fingerprint(part.estimator)
    model = DriftAwareRetrainer(wrap(part), detector=Rings([350]), policy="full_refit")
    declared = {"classes": [0, 1]} if begin == "partial_fit" else {}
    getattr(model, begin)(X[:200], Y[:200], **declared)
    feed(model, X, Y, 50, 200, 500)
    assert model.n_refits_ >= 1
    assert fingerprint(part.estimator) == before
    frozen = [value for value in model.estimator_.get_params().values() if value is part]
    assert frozen
    if wrap is OneVsRestClassifier:
        assert [fingerprint(e.estimator) for e in model.estimator_.estimators_] == [before]
    with pytest.raises(ValueError, match="frozen part|neither partial_fit"):
        model.set_params(update="warm_start").fit(X, Y)


@pytest.mark.no_cover
def test_a_frozen_step_of_a_pipeline_stays_as_it_is():
    """Trap 19: also through a grid search and replay."""
    scaler = FrozenEstimator(StandardScaler().fit(X + 3))
    before = fingerprint(scaler.estimator)
    pipeline = make_pipeline(scaler, SGDClassifier(random_state=0))
    model = DriftAwareRetrainer(pipeline, detector=Rings([350]), update="replay_mix")
    feed(model.fit(X[:200], Y[:200]), X, Y, 50, 200, 500)
    GridSearchCV(
        DriftAwareRetrainer(pipeline, batch_size=100),
        {"policy": ["full_refit", "replay_mix"]},
        cv=TimeSeriesSplit(2),
        scoring=make_prequential_scorer("accuracy", batch_size=100),
    ).fit(X, Y)
    assert fingerprint(scaler.estimator) == before
    assert fingerprint(model.estimator_[0].estimator) == before


@pytest.mark.parametrize(
    "base",
    [DummyClassifier(), SGDClassifier(early_stopping=True), SGDClassifier(class_weight="balanced")],
    ids=["no means", "early stopping", "balanced"],
)
def test_warm_start_on_a_base_that_cannot_continue_names_the_way_out(base):
    for params in ({"update": "warm_start"}, {"policy": "warm_start"}):
        with pytest.raises(ValueError, match=f"{type(base).__name__} has.*ReplayPartialFit"):
            DriftAwareRetrainer(base, **params).fit(X, Y)


def test_not_fitted_is_told_in_scikit_learns_words():
    from sklearn.exceptions import NotFittedError

    model = DriftAwareRetrainer(LogisticRegression(), initial_size=50)
    with pytest.raises(NotFittedError):
        model.predict(X)
    for name in ("estimator_", "events_", "classes_", "buffer_", "n_alarms_"):
        assert not hasattr(model, name)
    model.partial_fit(X[:10], Y[:10])
    with pytest.raises(NotFittedError):
        model.predict(X)
    assert not hasattr(model, "estimator_")
    assert not hasattr(model, "classes_")
    assert model.events_.counts["buffered"] == 1


def test_learned_attributes_cannot_be_set():
    model = DriftAwareRetrainer(GaussianNB()).fit(X, Y)
    with pytest.raises(AttributeError):
        model.estimator_ = GaussianNB()


def test_a_deepcopy_is_independent():
    """A copy that learns leaves the original as it was."""
    model = DriftAwareRetrainer(SGDClassifier(random_state=0)).fit(X[:200], Y[:200])
    before = whole_state(model)
    feed(copy.deepcopy(model), X, Y, 50, 200)
    assert whole_state(model) == before
